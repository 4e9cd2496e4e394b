/* encode_json.c - for people: numbers as decimals of the same bits; options in the query */
#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

static void add_number(struct text *text, rnnloss_client_dtype dtype, const void *element) {
  char number[NUMBER_MAX];
  number_text(dtype, element, number);
  const bool word = !isfinite(number_load(dtype, element)); /* which JSON has no number for */
  if (word) text_string(text, "\"");
  text_string(text, number);
  if (word) text_string(text, "\"");
}

static void add_list(struct text *text, const rnnloss_client_tensor *tensor) {
  const size_t count = rnnloss_client_elements(tensor), size = rnnloss_client_dtype_size(tensor->dtype);
  text_string(text, "[");
  for (size_t i = 0; i < count; i++) {
    if (i) text_string(text, ",");
    add_number(text, tensor->dtype, (const char *)tensor->data + i * size);
  }
  text_string(text, "]");
}

/* dtype and shape first, so that the daemon needs not keep numbers whose dtype it does not know yet. */
static void add_tensor(struct text *text, const rnnloss_client_tensor *tensor) {
  text_string(text, "{\"dtype\":\"");
  text_string(text, rnnloss_client_dtype_name(tensor->dtype));
  text_string(text, "\",\"shape\":[");
  for (size_t i = 0; i < tensor->rank; i++) {
    if (i) text_string(text, ",");
    text_size(text, tensor->shape[i]);
  }
  text_string(text, "],\"data\":");
  add_list(text, tensor);
  text_string(text, "}");
}

static bool add_raw(cJSON *object, const char *name, struct text *text) {
  const bool well = !text->failed && cJSON_AddRawToObject(object, name, text->bytes);
  free(text->bytes);
  return well;
}

static bool add_weights(cJSON *root, const rnnloss_client_problem *problem) {
  cJSON *weights = cJSON_AddObjectToObject(root, "lambdas");
  bool well = weights != NULL;
  for (size_t i = 0; well && i < problem->weight_count; i++) {
    struct text text = {0};
    add_number(&text, RNNLOSS_CLIENT_F64, &problem->weights[i].value);
    well = add_raw(weights, problem->weights[i].name, &text);
  }
  return well;
}

static cJSON *find_parent(cJSON *claims, const char **path) {
  cJSON *parent = claims;
  for (const char *dot = NULL; parent && (dot = strchr(*path, '.')); *path = dot + 1) {
    char name[64];
    const size_t length = (size_t)(dot - *path);
    if (length >= sizeof name) break;
    memcpy(name, *path, length);
    name[length] = '\0';
    cJSON *child = cJSON_GetObjectItemCaseSensitive(parent, name);
    parent = cJSON_IsObject(child) ? child : cJSON_AddObjectToObject(parent, name);
  }
  return parent;
}

bool claims_add(struct cJSON *claims, const char *path, struct text *value) {
  cJSON *parent = find_parent(claims, &path);
  return add_raw(parent, path, value) && parent;
}

static bool add_claim(cJSON *claims, const rnnloss_client_tensor *claim) {
  struct text text = {0};
  if (claim->rank)
    add_tensor(&text, claim);
  else
    add_number(&text, claim->dtype, claim->data);
  return claims_add(claims, claim->name, &text);
}

static bool add_all(cJSON *root, const char *member, const rnnloss_client_tensor *tensors, size_t count,
                    rnnloss_client_error *error) {
  const bool claims = strcmp(member, "claims") == 0;
  cJSON *object = cJSON_AddObjectToObject(root, member);
  if (!object) return error_memory(error);
  for (size_t i = 0; i < count; i++) {
    size_t bytes = 0;
    struct text text = {0};
    if (!tensor_check(&tensors[i], &bytes, error)) return false;
    if (!claims) add_tensor(&text, &tensors[i]);
    if (!(claims ? add_claim(object, &tensors[i]) : add_raw(object, tensors[i].name, &text)))
      return error_memory(error);
  }
  return true;
}

static void add_query(struct text *query, const rnnloss_client_problem *problem) {
  for (size_t i = 0; i < problem->option_count; i++) {
    text_string(query, i ? "&" : "?");
    text_escaped(query, problem->options[i].name);
    text_string(query, "=");
    text_escaped(query, problem->options[i].value);
  }
}

bool encode_json(const rnnloss_client_problem *problem, bool claims, struct body *body, rnnloss_client_error *error) {
  body->content_type = JSON;
  body->segments = calloc(1, sizeof *body->segments);
  body->count = 1;
  add_query(&body->query, problem);
  cJSON *root = cJSON_CreateObject();
  if (!body->segments || body->query.failed || !root || !add_weights(root, problem)) {
    cJSON_Delete(root);
    return error_memory(error);
  }
  bool well = add_all(root, "tensors", problem->tensors, problem->tensor_count, error) &&
              (!claims || add_all(root, "claims", problem->claims, problem->claim_count, error));
  char *json = well ? cJSON_PrintUnformatted(root) : NULL;
  cJSON_Delete(root);
  if (json) text_string(&body->head, json);
  cJSON_free(json);
  if (!well) return false;
  if (!json || body->head.failed) return error_memory(error);
  body->segments[0] = (struct segment){body->head.bytes, body->head.length};
  return true;
}
