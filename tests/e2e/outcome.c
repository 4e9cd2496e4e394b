/* outcome.c - reading an answer in either encoding, and holding it against the sample */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "sample.h"

#define NAME_MAX_LENGTH 120

static uint64_t little_endian(const char *bytes) {
  uint64_t value = 0;
  for (unsigned i = 0; i < 8; i++) value |= (uint64_t)(unsigned char)bytes[i] << (8 * i);
  return value;
}

static size_t offset(const cJSON *tensor, int i) {
  return (size_t)cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(tensor, "data_offsets"), i)->valuedouble;
}

static rnnloss_dtype dtype_of(const cJSON *tensor) {
  const cJSON *name = cJSON_GetObjectItemCaseSensitive(tensor, "dtype");
  assert_true(cJSON_IsString(name));
  for (int d = 0; d < RNNLOSS_DTYPES; d++) {
    if (strcmp(name->valuestring, rnnloss_dtype_name((rnnloss_dtype)d)) == 0) return (rnnloss_dtype)d;
  }
  fail_msg("dtype %s", name->valuestring);
  return RNNLOSS_F64;
}

static size_t elements(const cJSON *tensor) {
  const cJSON *axis;
  size_t count = 1;
  cJSON_ArrayForEach(axis, cJSON_GetObjectItemCaseSensitive(tensor, "shape")) count *= (size_t)axis->valuedouble;
  return count;
}

/* Tensors lie one after the other, without holes, each aligned to its element's size. */
static void check_layout(const struct outcome *outcome) {
  const cJSON *tensor;
  size_t end = 0, largest = 8;
  cJSON_ArrayForEach(tensor, outcome->root) {
    if (strcmp(tensor->string, "__metadata__") == 0) continue;
    size_t size = rnnloss_dtype_size(dtype_of(tensor));
    assert_true(size <= largest); /* the largest elements first */
    largest = size;
    assert_int_equal(offset(tensor, 0), end);
    end = offset(tensor, 1);
    assert_int_equal(offset(tensor, 0) % size, 0);
    assert_int_equal(end - offset(tensor, 0), elements(tensor) * size);
  }
  assert_int_equal(end, outcome->size);
}

static struct outcome read_safetensors(const struct reply *reply) {
  assert_true(reply->length >= 8);
  uint64_t header = little_endian(reply->body);
  assert_int_equal(header % 8, 0);
  assert_true(header <= reply->length - 8);
  char *text = strndup(reply->body + 8, header);
  struct outcome outcome = {reply, cJSON_Parse(text), true, reply->body + 8 + header, reply->length - 8 - header};
  free(text);
  assert_non_null(outcome.root);
  check_layout(&outcome);
  assert_text(outcome.root, "__metadata__.contract", "1");
  return outcome;
}

struct outcome outcome_read(const struct reply *reply) {
  const char *type = reply_header(reply, "Content-Type");
  if (reply->status != 200) fail_msg("status %ld: %.400s", reply->status, reply->body);
  assert_non_null(type);
  if (strcmp(type, "application/vnd.safetensors") == 0) return read_safetensors(reply);
  struct outcome outcome = {reply, reply_json(reply), false, NULL, 0};
  assert_number(outcome.root, "contract", 1);
  assert_true(cJSON_IsArray(json_at(outcome.root, "unused")));
  assert_true(cJSON_IsArray(json_at(outcome.root, "warnings")));
  return outcome;
}

void outcome_release(struct outcome *outcome) {
  cJSON_Delete(outcome->root);
}

bool outcome_has(const struct outcome *outcome, const char *name) {
  if (!outcome->binary) return json_has(outcome->root, name);
  return cJSON_GetObjectItemCaseSensitive(outcome->root, name) != NULL;
}

static const cJSON *binary_tensor(const struct outcome *outcome, const char *name) {
  const cJSON *tensor = cJSON_GetObjectItemCaseSensitive(outcome->root, name);
  if (!tensor) fail_msg("no %s in the answer", name);
  return tensor;
}

double outcome_scalar(const struct outcome *outcome, const char *name) {
  if (!outcome->binary) return json_at(outcome->root, name)->valuedouble;
  const cJSON *tensor = binary_tensor(outcome, name);
  assert_int_equal(dtype_of(tensor), RNNLOSS_F64);
  assert_int_equal(cJSON_GetArraySize(json_at(tensor, "shape")), 0);
  return rnnloss_load(RNNLOSS_F64, outcome->data + offset(tensor, 0));
}

/* Leaf i of nested arrays, in row-major order; how many there are, to *count. */
static const cJSON *leaf(const cJSON *node, unsigned i, unsigned *count) {
  const cJSON *child, *found = NULL;
  if (!cJSON_IsArray(node)) return (*count)++ == i ? node : NULL;
  cJSON_ArrayForEach(child, node) {
    const cJSON *below = leaf(child, i, count);
    if (below) found = below;
  }
  return found;
}

static size_t decode_base64(const char *text, unsigned char *out) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  size_t length = 0;
  uint32_t bits = 0;
  unsigned count = 0;
  assert_int_equal(strlen(text) % 4, 0);
  for (; *text && *text != '='; text++) {
    const char *digit = strchr(digits, *text);
    assert_non_null(digit);
    bits = bits << 6 | (uint32_t)(digit - digits);
    count += 6;
    if (count >= 8) {
      count -= 8;
      out[length++] = (unsigned char)(bits >> count);
    }
  }
  return length;
}

/* Decimals are the shortest that read back to the same bits of their dtype: as a double 2.188 isn't 2.1875. */
static double round_to(rnnloss_dtype dtype, double value) {
  unsigned char element[8];
  rnnloss_store(dtype, value, element);
  return rnnloss_load(dtype, element);
}

static double json_element(const cJSON *gradient, rnnloss_dtype dtype, unsigned count, unsigned i) {
  unsigned found = 0;
  const cJSON *data = gradient;
  if (cJSON_IsObject(gradient)) {
    assert_int_equal(dtype_of(gradient), dtype);
    assert_int_equal(elements(gradient), count);
    const cJSON *text = cJSON_GetObjectItemCaseSensitive(gradient, "data_base64");
    if (text) {
      unsigned char bytes[8 * 64];
      assert_true(strlen(text->valuestring) <= 4 * 8 * 64 / 3);
      assert_int_equal(decode_base64(text->valuestring, bytes), count * rnnloss_dtype_size(dtype));
      return rnnloss_load(dtype, bytes + i * rnnloss_dtype_size(dtype));
    }
    data = json_at(gradient, "data");
  }
  const cJSON *number = leaf(data, i, &found);
  assert_int_equal(found, count);
  assert_true(cJSON_IsNumber(number));
  return round_to(dtype, number->valuedouble);
}

double outcome_element(const struct outcome *outcome, const char *name, rnnloss_dtype dtype, unsigned count,
                       unsigned i) {
  if (!outcome->binary) return json_element(json_at(outcome->root, name), dtype, count, i);
  const cJSON *tensor = binary_tensor(outcome, name);
  assert_int_equal(dtype_of(tensor), dtype);
  assert_int_equal(elements(tensor), count);
  return rnnloss_load(dtype, outcome->data + offset(tensor, 0) + i * rnnloss_dtype_size(dtype));
}

static void assert_same(const char *name, unsigned i, double value, double expected) {
  if (memcmp(&value, &expected, sizeof value) != 0) fail_msg("%s[%u] is %.17g, not %.17g", name, i, value, expected);
}

void assert_sample(const struct reply *reply, rnnloss_dtype dtype) {
  char name[NAME_MAX_LENGTH];
  struct outcome outcome = outcome_read(reply);
  assert_same("loss", 0, outcome_scalar(&outcome, "loss"), SAMPLE_LOSS);
  for (int k = 0; k < RNNLOSS_TERMS; k++) {
    const struct sample_term *term = &sample_terms[k];
    snprintf(name, sizeof name, "terms.%s.loss", term->name);
    assert_same(name, 0, outcome_scalar(&outcome, name), term->loss);
    snprintf(name, sizeof name, "terms.%s.unweighted", term->name);
    assert_same(name, 0, outcome_scalar(&outcome, name), term->unweighted);
  }
  for (int t = 0; t < RNNLOSS_TENSORS; t++) {
    const struct sample_tensor *tensor = &sample_tensors[t];
    snprintf(name, sizeof name, "gradients.%s", tensor->name);
    assert_int_equal(outcome_has(&outcome, name), t != RNNLOSS_TARGET);
    for (unsigned i = 0; t != RNNLOSS_TARGET && i < tensor->count; i++) {
      assert_same(name, i, outcome_element(&outcome, name, dtype, tensor->count, i), tensor->gradient[i]);
    }
  }
  outcome_release(&outcome);
}
