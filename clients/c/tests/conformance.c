/* conformance.c - every vector that the daemon has, by the client in both encodings, to the bit */
#include <cjson/cJSON.h>
#include <math.h>

#include "../tool/base64.h"
#include "../tool/rule.h"
#include "../tool/sha256.h"
#include "support.h"

#define TENSORS_MAX 6
#define RANK_MAX 8

struct vector {
  cJSON *json;
  const char *id;
  bool invalid;
};

static const cJSON *get(const cJSON *object, const char *name) {
  return cJSON_GetObjectItemCaseSensitive(object, name);
}

static const char *text(const cJSON *object, const char *name) {
  const char *found = cJSON_GetStringValue(get(object, name));
  assert_non_null(found);
  return found;
}

static double number(const cJSON *object) {
  const char *hex = text(object, "hex");
  double value = 0;
  if (strcmp(hex, "nan") == 0) number_word(RNNLOSS_CLIENT_F64, "NaN", 3, &value);
  if (strcmp(hex, "nan") == 0) return value;
  if (strstr(hex, "inf")) return hex[0] == '-' ? -(double)INFINITY : (double)INFINITY;
  const char *mantissa = strstr(hex, "0x") + 2; /* by hand: strtod's decimal point is the locale's */
  const long lead = mantissa[0] - '0', exponent = strtol(strchr(hex, 'p') + 1, NULL, 10);
  const uint64_t fraction = strtoull(mantissa + 2, NULL, 16);
  value = ldexp((double)lead, (int)exponent) + ldexp((double)fraction, (int)exponent - 52);
  return hex[0] == '-' ? -value : value;
}

static bool same(double a, double b) {
  return memcmp(&a, &b, sizeof a) == 0;
}

/* ---- a vector's problem ---- */

struct built {
  rnnloss_client_problem problem;
  rnnloss_client_tensor tensors[TENSORS_MAX];
  size_t shapes[TENSORS_MAX][RANK_MAX];
  rnnloss_client_weight weights[7];
  char weight_names[7][32];
  rnnloss_client_option options[4];
  char wrt[128];
};

static void *bytes_of(const cJSON *item, rnnloss_client_dtype dtype, size_t count) {
  const size_t size = rnnloss_client_dtype_size(dtype);
  char *bytes = malloc(count * size + 1);
  assert_non_null(bytes);
  const cJSON *bits = get(item, "bits"), *element = NULL;
  if (!bits) {
    char hex[SHA256_HEX];
    assert_true(rule_fill(get(item, "rule"), dtype, count, bytes));
    sha256_hex(bytes, count * size, hex);
    assert_string_equal(hex, text(item, "sha256"));
    return bytes;
  }
  assert_int_equal(cJSON_GetArraySize(bits), count);
  char *to = bytes;
  cJSON_ArrayForEach(element, bits) {
    const uint64_t value = strtoull(cJSON_GetStringValue(element), NULL, 16);
    memcpy(to, &value, size);
    to += size;
  }
  return bytes;
}

static rnnloss_client_dtype dtype_of(const cJSON *item) {
  const char *name = text(item, "dtype");
  const int dtype = dtype_find(name, strlen(name));
  assert_true(dtype >= 0);
  return (rnnloss_client_dtype)dtype;
}

static void build_tensors(struct built *built, const cJSON *tensors) {
  const cJSON *item = NULL, *size = NULL;
  cJSON_ArrayForEach(item, tensors) {
    const size_t i = built->problem.tensor_count++;
    rnnloss_client_tensor *tensor = &built->tensors[i];
    *tensor = (rnnloss_client_tensor){item->string, dtype_of(item), 0, built->shapes[i], NULL};
    cJSON_ArrayForEach(size, get(item, "shape")) built->shapes[i][tensor->rank++] = (size_t)size->valuedouble;
    tensor->data = bytes_of(item, tensor->dtype, rnnloss_client_elements(tensor));
  }
  built->problem.tensors = built->tensors;
}

static void build(struct built *built, const cJSON *vector) {
  static const char *const names[] = {"gradients", "nonfinite", "gradient_dtype"};
  const cJSON *item = NULL, *options = get(vector, "options");
  *built = (struct built){0};
  build_tensors(built, get(vector, "tensors"));
  cJSON_ArrayForEach(item, get(vector, "lambdas")) {
    const size_t i = built->problem.weight_count++;
    snprintf(built->weight_names[i], sizeof built->weight_names[i], "lambda_%s", item->string);
    built->weights[i] = (rnnloss_client_weight){built->weight_names[i], number(item)};
  }
  built->problem.weights = built->weights;
  for (size_t i = 0; i < RNNLOSS_CLIENT_COUNT(names); i++) {
    const char *value = cJSON_GetStringValue(get(options, names[i]));
    if (value) built->options[built->problem.option_count++] = (rnnloss_client_option){names[i], value};
  }
  if (get(options, "wrt")) {
    cJSON_ArrayForEach(item, get(options, "wrt")) {
      if (built->wrt[0]) strcat(built->wrt, ",");
      strcat(built->wrt, cJSON_GetStringValue(item));
    }
    built->options[built->problem.option_count++] = (rnnloss_client_option){"wrt", built->wrt};
  }
  built->problem.options = built->options;
}

static void release(struct built *built) {
  for (size_t i = 0; i < built->problem.tensor_count; i++) {
    union {
      const void *given;
      void *own;
    } data = {built->tensors[i].data};
    free(data.own);
  }
}

/* ---- what is expected ---- */

static void check_shape(const char *id, const rnnloss_client_tensor *gradient, const cJSON *item) {
  const cJSON *size = NULL;
  size_t i = 0;
  cJSON_ArrayForEach(size, get(item, "shape")) {
    if (i == gradient->rank || gradient->shape[i++] != (size_t)size->valuedouble)
      fail_msg("%s: the shape of the gradient of %s", id, item->string);
  }
  assert_int_equal(i, gradient->rank);
  assert_int_equal(gradient->dtype, dtype_of(item));
  assert_int_equal((uintptr_t)gradient->data % rnnloss_client_dtype_size(gradient->dtype), 0);
}

static void check_element(const char *id, const rnnloss_client_tensor *gradient, size_t index, const char *bits) {
  const size_t size = rnnloss_client_dtype_size(gradient->dtype);
  const uint64_t expected = strtoull(bits, NULL, 16);
  if (memcmp((const char *)gradient->data + index * size, &expected, size) != 0)
    fail_msg("%s: the gradient of %s at %zu is not %s", id, gradient->name, index, bits);
}

static void check_gradients(const char *id, const rnnloss_client_gradients *gradients, const cJSON *expected) {
  const cJSON *item = NULL, *element = NULL;
  assert_int_equal(gradients->count, cJSON_GetArraySize(expected));
  cJSON_ArrayForEach(item, expected) {
    const rnnloss_client_tensor *gradient = rnnloss_client_find_gradient(gradients, item->string);
    assert_non_null(gradient);
    check_shape(id, gradient, item);
    if (get(item, "bits")) {
      size_t i = 0;
      cJSON_ArrayForEach(element, get(item, "bits")) check_element(id, gradient, i++, cJSON_GetStringValue(element));
      assert_int_equal(i, rnnloss_client_elements(gradient));
      continue;
    }
    char hex[SHA256_HEX];
    sha256_hex(gradient->data, rnnloss_client_elements(gradient) * rnnloss_client_dtype_size(gradient->dtype), hex);
    if (strcmp(hex, text(item, "sha256")) != 0) fail_msg("%s: the gradient of %s", id, item->string);
    cJSON_ArrayForEach(element, get(item, "sample"))
        check_element(id, gradient, (size_t)element->child->valuedouble, cJSON_GetStringValue(element->child->next));
  }
}

static void check_words(const char *id, const char *const *words, size_t count, const cJSON *expected) {
  const cJSON *item = NULL;
  size_t i = 0;
  if (count != (size_t)cJSON_GetArraySize(expected)) fail_msg("%s: %zu names", id, count);
  cJSON_ArrayForEach(item, expected) assert_string_equal(words[i++], cJSON_GetStringValue(item));
}

static void check_answer(const struct vector *vector, const rnnloss_client_answer *answer) {
  const cJSON *expect = get(vector->json, "expect"), *item = NULL;
  const char *id = vector->id;
  if (!same(answer->loss, number(get(expect, "loss")))) fail_msg("%s: loss %a", id, answer->loss);
  assert_int_equal(answer->term_count, cJSON_GetArraySize(get(expect, "terms")));
  size_t i = 0;
  cJSON_ArrayForEach(item, get(expect, "terms")) {
    const rnnloss_client_term *term = &answer->terms[i++]; /* in the same order */
    assert_string_equal(term->name, item->string);
    if (!same(term->loss, number(get(item, "loss"))) || !same(term->unweighted, number(get(item, "unweighted"))) ||
        !same(term->lambda, number(get(get(vector->json, "lambdas"), term->name))))
      fail_msg("%s: %s %a, %a", id, term->name, term->loss, term->unweighted);
    check_gradients(id, &term->gradients, get(item, "gradients"));
  }
  check_gradients(id, &answer->gradients, get(expect, "gradients"));
  check_words(id, answer->unused, answer->unused_count, get(expect, "unused"));
  check_words(id, answer->warnings, answer->warning_count, get(expect, "warnings"));
  assert_int_equal(answer->contract, 1);
}

static void check_problem(const struct vector *vector, const rnnloss_client_error *error) {
  const cJSON *problem = get(vector->json, "problem");
  if (strcmp(error->type, text(problem, "type")) != 0 || error->status != get(problem, "status")->valueint)
    fail_msg("%s: %s (%d): %s", vector->id, error->type, error->status, error->detail);
}

/* ---- by the client's own encoding, and as bytes ---- */

static void check_built(rnnloss_client *client, const struct vector *vector, rnnloss_client_encoding encoding) {
  struct built built;
  rnnloss_client_answer *answer = NULL;
  rnnloss_client_error error = {0};
  build(&built, vector->json);
  built.problem.encoding = encoding;
  const bool well = rnnloss_client_loss(client, &built.problem, &answer, &error);
  if (well == vector->invalid) fail_msg("%s: %s: %s", vector->id, error.type, error.detail);
  if (well)
    check_answer(vector, answer);
  else
    check_problem(vector, &error);
  rnnloss_client_answer_free(answer);
  release(&built);
}

static void check_bytes(rnnloss_client *client, const struct vector *vector, const char *type, const char *bytes,
                        size_t length) {
  rnnloss_client_response *response = NULL;
  rnnloss_client_error error = {0};
  const rnnloss_client_request request = {
      .path = "/loss", .post = true, .content_type = type, .body = bytes, .length = length};
  if (rnnloss_client_send(client, &request, &response, &error)) fail_msg("%s: was not refused", vector->id);
  check_problem(vector, &error);
}

static void check_forms(rnnloss_client *client, const struct vector *vector) {
  const char *json = cJSON_GetStringValue(get(vector->json, "json"));
  const char *base64 = cJSON_GetStringValue(get(vector->json, "safetensors"));
  assert_true(json || base64);
  if (json) check_bytes(client, vector, JSON, json, strlen(json));
  if (!base64) return;
  char *bytes = malloc(strlen(base64) + 1);
  size_t length = 0;
  assert_true(bytes && base64_decode(base64, strlen(base64), bytes, &length));
  check_bytes(client, vector, SAFETENSORS, bytes, length);
  free(bytes);
}

static void check_vector(rnnloss_client *client, const char *id) {
  rnnloss_client_response *response = NULL;
  rnnloss_client_error error = {0};
  if (!rnnloss_client_vector(client, id, NULL, &response, &error)) fail_msg("%s: %s", id, error.detail);
  struct vector vector = {.json = cJSON_ParseWithLength(response->body, response->length), .id = id};
  assert_non_null(vector.json);
  vector.invalid = strcmp(text(vector.json, "result"), "invalid") == 0;
  if (get(vector.json, "tensors")) { /* or the bytes are no request that a client could make */
    check_built(client, &vector, RNNLOSS_CLIENT_SAFETENSORS);
    check_built(client, &vector, RNNLOSS_CLIENT_JSON);
  }
  if (vector.invalid) check_forms(client, &vector);
  cJSON_Delete(vector.json);
  rnnloss_client_response_free(response);
}

static void all_vectors(void **state) {
  (void)state;
  rnnloss_client *client = client_of(variable("RNNLOSS_TEST_URL"));
  rnnloss_client_response *response = NULL;
  assert_true(rnnloss_client_vectors(client, &response, NULL));
  cJSON *list = cJSON_ParseWithLength(response->body, response->length);
  const cJSON *item = NULL;
  int count = 0;
  cJSON_ArrayForEach(item, get(list, "vectors")) {
    check_vector(client, text(item, "id"));
    count++;
  }
  assert_true(count > 0);
  assert_int_equal(count, get(list, "count")->valueint);
  printf("conformance: %d vectors\n", count);
  cJSON_Delete(list);
  rnnloss_client_response_free(response);
  rnnloss_client_free(client);
}

int test_conformance(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(all_vectors)};
  return cmocka_run_group_tests_name("conformance", tests, NULL, NULL);
}
