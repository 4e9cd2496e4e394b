/* encode_safetensors.c - a header of our own; the data are the caller's memory, not copied */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

static bool add_metadata(cJSON *header, const rnnloss_client_problem *problem) {
  cJSON *metadata = cJSON_AddObjectToObject(header, "__metadata__");
  bool well = metadata != NULL;
  for (size_t i = 0; well && i < problem->weight_count; i++) {
    char text[NUMBER_MAX];
    number_text(RNNLOSS_CLIENT_F64, &problem->weights[i].value, text);
    well = cJSON_AddStringToObject(metadata, problem->weights[i].name, text) != NULL;
  }
  for (size_t i = 0; well && i < problem->option_count; i++) {
    well = cJSON_AddStringToObject(metadata, problem->options[i].name, problem->options[i].value) != NULL;
  }
  return well;
}

/* Sizes go in as text: cJSON's numbers are doubles. */
static bool add_sizes(cJSON *entry, const char *name, const size_t *sizes, size_t count) {
  struct text list = {0};
  text_string(&list, "[");
  for (size_t i = 0; i < count; i++) {
    if (i) text_string(&list, ",");
    text_size(&list, sizes[i]);
  }
  text_string(&list, "]");
  const bool well = !list.failed && cJSON_AddRawToObject(entry, name, list.bytes);
  free(list.bytes);
  return well;
}

static bool add_entry(cJSON *header, const char *prefix, const rnnloss_client_tensor *tensor, size_t begin,
                      size_t end) {
  struct text name = {0};
  text_string(&name, prefix);
  text_string(&name, tensor->name);
  cJSON *entry = name.failed ? NULL : cJSON_AddObjectToObject(header, name.bytes);
  free(name.bytes);
  return entry && cJSON_AddStringToObject(entry, "dtype", rnnloss_client_dtype_name(tensor->dtype)) &&
         add_sizes(entry, "shape", tensor->shape, tensor->rank) &&
         add_sizes(entry, "data_offsets", (const size_t[]){begin, end}, 2);
}

static bool add_tensors(cJSON *header, const char *prefix, const rnnloss_client_tensor *tensors, size_t count,
                        struct body *body, size_t *offset, rnnloss_client_error *error) {
  for (size_t i = 0; i < count; i++) {
    size_t bytes = 0;
    if (!tensor_check(&tensors[i], &bytes, error)) return false;
    if (bytes > SIZE_MAX - *offset) return error_argument(error, "the tensors are larger than any memory");
    if (!add_entry(header, prefix, &tensors[i], *offset, *offset + bytes)) return error_memory(error);
    *offset += bytes;
    body->segments[body->count++] = (struct segment){tensors[i].data, bytes};
  }
  return true;
}

/* Its length, and padding that keeps the data aligned. */
static bool print_head(struct body *body, const cJSON *header) {
  char *json = cJSON_PrintUnformatted(header);
  if (!json) return false;
  const uint64_t length = (strlen(json) + 7) / 8 * 8;
  text_add(&body->head, (const char *)&length, sizeof length);
  text_string(&body->head, json);
  while (!body->head.failed && body->head.length % 8) text_add(&body->head, " ", 1);
  cJSON_free(json);
  return !body->head.failed;
}

bool encode_safetensors(const rnnloss_client_problem *problem, bool claims, struct body *body,
                        rnnloss_client_error *error) {
  const size_t claim_count = claims ? problem->claim_count : 0;
  size_t offset = 0;
  body->content_type = SAFETENSORS;
  body->segments = calloc(1 + problem->tensor_count + claim_count, sizeof *body->segments);
  body->count = 1;
  cJSON *header = cJSON_CreateObject();
  bool well = body->segments && header && add_metadata(header, problem);
  if (!well)
    error_memory(error);
  else
    well = add_tensors(header, "", problem->tensors, problem->tensor_count, body, &offset, error) &&
           add_tensors(header, "claims.", problem->claims, claim_count, body, &offset, error) &&
           (print_head(body, header) || error_memory(error));
  cJSON_Delete(header);
  if (well) body->segments[0] = (struct segment){body->head.bytes, body->head.length};
  return well;
}
