/* suite.c - the conformance vectors, as the daemon has them */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "check.h"
#include "rule.h"

static const char *text_of(const cJSON *object, const char *name) {
  return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

static cJSON *fetch(const rnnloss_client_response *response) {
  cJSON *json = cJSON_ParseWithLength(response->body, response->length);
  if (!json) die("out of memory");
  return json;
}

static void fetch_vector(rnnloss_client *client, const char *id, struct vector *vector) {
  rnnloss_client_response *response = NULL;
  rnnloss_client_error error = {0};
  if (!rnnloss_client_vector(client, id, NULL, &response, &error)) {
    print_error(&error, false);
    die("the vector %s could not be fetched", id);
  }
  cJSON *json = fetch(response);
  const char *result = text_of(json, "result");
  *vector = (struct vector){.json = json,
                            .id = text_of(json, "id"),
                            .group = text_of(json, "group"),
                            .comment = text_of(json, "comment"),
                            .body = text_of(json, "json"),
                            .invalid = result && strcmp(result, "invalid") == 0};
  if (!vector->id || !vector->group || !vector->comment || !result) die("the vector %s is not as it must be", id);
  rnnloss_client_response_free(response);
}

void suite_fetch(rnnloss_client *client, struct suite *suite) {
  rnnloss_client_response *response = NULL;
  rnnloss_client_error error = {0};
  if (!rnnloss_client_vectors(client, &response, &error)) {
    print_error(&error, false);
    exit(EXIT_ERROR);
  }
  cJSON *list = fetch(response);
  const cJSON *item = NULL, *vectors = cJSON_GetObjectItemCaseSensitive(list, "vectors");
  const char *digest = text_of(list, "sha256");
  *suite = (struct suite){0};
  snprintf(suite->sha256, sizeof suite->sha256, "%s", digest ? digest : "");
  suite->vectors = checked(calloc((size_t)cJSON_GetArraySize(vectors) + 1, sizeof *suite->vectors));
  cJSON_ArrayForEach(item, vectors) {
    const char *id = text_of(item, "id");
    if (!id) die("the list of vectors is not as it must be");
    fetch_vector(client, id, &suite->vectors[suite->count++]);
  }
  if (!suite->count) die("the daemon has no vectors");
  cJSON_Delete(list);
  rnnloss_client_response_free(response);
}

void suite_free(struct suite *suite) {
  for (size_t i = 0; i < suite->count; i++) cJSON_Delete(suite->vectors[i].json);
  free(suite->vectors);
}

bool vector_flagged(const struct vector *vector, const char *flag) {
  const cJSON *item = NULL;
  cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(vector->json, "flags")) {
    if (cJSON_IsString(item) && strcmp(cJSON_GetStringValue(item), flag) == 0) return true;
  }
  return false;
}

bool vector_matches(const struct vector *vector, const char *word) {
  const char *result = vector->invalid ? "invalid" : "valid";
  if (strcmp(word, "valid") == 0 || strcmp(word, "invalid") == 0) return strcmp(word, result) == 0;
  return strstr(vector->id, word) || strcmp(vector->group, word) == 0 || vector_flagged(vector, word);
}

/* The elements of a tensor that is given by a rule, in base64. */
static bool add_elements(struct text *request, const cJSON *tensor) {
  const char *name = text_of(tensor, "dtype");
  const int found = name ? dtype_find(name, strlen(name)) : -1;
  const rnnloss_client_dtype dtype = (rnnloss_client_dtype)found;
  size_t shape[8] = {0}, rank = 0, bytes = 0;
  const cJSON *size = NULL;
  cJSON_ArrayForEach(size, cJSON_GetObjectItemCaseSensitive(tensor, "shape")) {
    if (rank == 8 || !(size->valuedouble >= 1 && size->valuedouble < 1e9)) return false;
    shape[rank++] = (size_t)size->valuedouble;
  }
  if (found < 0 || !shape_bytes(shape, rank, dtype, &bytes) || bytes > (size_t)1 << 32) return false;
  char *elements = checked(malloc(bytes + 1)), *base64 = checked(malloc(BASE64_LENGTH(bytes) + 1));
  const cJSON *rule = cJSON_GetObjectItemCaseSensitive(tensor, "rule");
  const bool well = rule_fill(rule, dtype, bytes / rnnloss_client_dtype_size(dtype), elements);
  if (well) base64_encode(elements, bytes, base64);
  if (well) text_add(request, base64, BASE64_LENGTH(bytes));
  free(elements);
  free(base64);
  return well;
}

bool vector_request(const struct vector *vector, struct text *request) {
  const cJSON *tensors = cJSON_GetObjectItemCaseSensitive(vector->json, "tensors"), *tensor = NULL;
  const char *at = vector->body;
  bool well = true;
  cJSON_ArrayForEach(tensor, tensors) { /* they stand in the same order in both */
    char mark[64];
    if (!cJSON_HasObjectItem(tensor, "rule")) continue;
    snprintf(mark, sizeof mark, "\"@%s\"", tensor->string);
    const char *found = strstr(at, mark);
    if (!found) return false;
    text_add(request, at, (size_t)(found + 1 - at));
    well = well && add_elements(request, tensor);
    at = found + strlen(mark) - 1;
  }
  text_string(request, at);
  if (request->failed) die("out of memory");
  return well;
}
