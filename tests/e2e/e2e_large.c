/* e2e_large.c - bodies of more than 10 MB, both ways and in both encodings, with every gradient element checked */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"

#define ROWS 16384 /* batch x time */
#define UNITS 64
#define COUNT (ROWS * UNITS) /* 2^20: 2/COUNT is a power of two, and all gradients are exact */
#define SCALE (2.0 / COUNT)

static float pred_at(size_t i) {
  return (float)(i % 7) * 0.5f;
}
static float target_at(size_t i) {
  return (float)(i % 5) - 2.0f;
}
static float rate_at(size_t i) {
  return (float)(i % 9) * 0.25f;
}

/* Sums of small multiples of 1/16: exact in any order. */
static double expected_loss(void) {
  double sum = 0;
  for (size_t i = 0; i < COUNT; i++) {
    double difference = (double)pred_at(i) - (double)target_at(i), rate = (double)rate_at(i);
    sum += difference * difference + rate * rate;
  }
  return sum / COUNT;
}

static struct blob make_safetensors(void) {
  char header[1000];
  snprintf(header, sizeof header,
           "{\"__metadata__\":{\"lambda_mse\":\"1\",\"lambda_fr\":\"1\"},"
           "\"pred\":{\"dtype\":\"F32\",\"shape\":[%d,%d],\"data_offsets\":[0,%d]},"
           "\"target\":{\"dtype\":\"F32\",\"shape\":[%d,%d],\"data_offsets\":[%d,%d]},"
           "\"fr\":{\"dtype\":\"F32\",\"shape\":[%d,%d],\"data_offsets\":[%d,%d]}}",
           ROWS, UNITS, COUNT * 4, ROWS, UNITS, COUNT * 4, COUNT * 8, ROWS, UNITS, COUNT * 8, COUNT * 12);
  float *data = malloc(sizeof *data * COUNT * 3);
  assert_non_null(data);
  for (size_t i = 0; i < COUNT; i++) {
    data[i] = pred_at(i);
    data[COUNT + i] = target_at(i);
    data[2 * COUNT + i] = rate_at(i);
  }
  struct blob blob = blob_safetensors(header, data, sizeof *data * COUNT * 3);
  free(data);
  return blob;
}

/* Nested arrays of padded numbers: about 11 bytes each. */
static struct blob make_json(void) {
  struct blob blob = {malloc((size_t)COUNT * 3 * 12 + ROWS * 3 * 4 + 1000), 0};
  assert_non_null(blob.bytes);
  char *at = blob.bytes;
  float (*const values[])(size_t) = {pred_at, target_at, rate_at};
  static const char *const names[] = {"pred", "target", "fr"};
  at += sprintf(at, "{\"lambdas\":{\"lambda_mse\":1,\"lambda_fr\":1},\"tensors\":{");
  for (int t = 0; t < 3; t++) {
    at += sprintf(at, "%s\"%s\":[", t ? "," : "", names[t]);
    for (size_t i = 0; i < COUNT; i++) {
      const char *open = i % UNITS == 0 ? (i ? "],[" : "[") : ",";
      at += sprintf(at, "%s%.7f", open, (double)values[t](i));
    }
    at += sprintf(at, "]]");
  }
  at += sprintf(at, "}}");
  blob.length = (size_t)(at - blob.bytes);
  return blob;
}

static double expected_pred(size_t i) {
  return SCALE * ((double)pred_at(i) - (double)target_at(i));
}
static double expected_rate(size_t i) {
  return SCALE * (double)rate_at(i);
}

static void check_binary(const struct reply *reply) {
  assert_true(reply->length > (size_t)COUNT * 8);
  struct outcome outcome = outcome_read(reply);
  assert_true(outcome_scalar(&outcome, "loss") == expected_loss());
  /* outcome_element looks each name up: the two F32 gradients, which end the body, are compared where they lie. */
  assert_true(outcome_element(&outcome, "gradients.pred", RNNLOSS_F32, COUNT, 1) == expected_pred(1));
  assert_true(outcome_element(&outcome, "gradients.fr", RNNLOSS_F32, COUNT, 1) == expected_rate(1));
  float *pred = malloc((size_t)COUNT * 8); /* a copy, since the body's data may be unaligned */
  assert_non_null(pred);
  memcpy(pred, outcome.data + outcome.size - (size_t)COUNT * 8, (size_t)COUNT * 8);
  const float *rate = pred + COUNT;
  for (size_t i = 0; i < COUNT; i++) {
    if ((double)pred[i] != expected_pred(i) || (double)rate[i] != expected_rate(i)) fail_msg("element %zu", i);
  }
  free(pred);
  outcome_release(&outcome);
}

static void check_json(const struct reply *reply) {
  cJSON *root = reply_json(reply);
  assert_number(root, "loss", expected_loss());
  size_t i = 0;
  const cJSON *row, *number;
  cJSON_ArrayForEach(row, json_at(root, "gradients.pred")) {
    cJSON_ArrayForEach(number, row) {
      if (number->valuedouble != expected_pred(i++)) fail_msg("gradient of pred, element %zu", i - 1);
    }
  }
  assert_int_equal(i, COUNT);
  i = 0;
  cJSON_ArrayForEach(row, json_at(root, "gradients.fr")) {
    cJSON_ArrayForEach(number, row) {
      if (number->valuedouble != expected_rate(i++)) fail_msg("gradient of fr, element %zu", i - 1);
    }
  }
  assert_int_equal(i, COUNT);
  cJSON_Delete(root);
}

static void test_safetensors(void **state) {
  (void)state;
  struct blob body = make_safetensors();
  struct call call = {.type = "application/vnd.safetensors", .body = body.bytes, .length = body.length};
  assert_true(body.length > 10000000);
  for (int round = 0; round < 3; round++) { /* whole, chunked, asked not to wait for 100 Continue */
    call.chunk = round == 1 ? 100000 : 0;
    call.header = round == 2 ? "Expect:" : NULL;
    struct reply reply = client_send(client, &call);
    check_binary(&reply);
    reply_release(&reply);
  }
  blob_release(&body);
}

static void test_json(void **state) {
  (void)state;
  struct blob body = make_json();
  assert_true(body.length > 10000000);
  struct reply reply =
      client_send(client, &(struct call){.type = "application/json", .body = body.bytes, .length = body.length});
  assert_true(reply.length > 10000000);
  check_json(&reply);
  reply_release(&reply);
  reply = client_send(client, &(struct call){.path = "/loss?gradient_dtype=F32",
                                             .type = "application/json",
                                             .accept = "application/vnd.safetensors",
                                             .body = body.bytes,
                                             .length = body.length});
  check_binary(&reply);
  reply_release(&reply);
  blob_release(&body);
}

int main(void) {
  static const struct CMUnitTest tests[] = {cmocka_unit_test(test_safetensors), cmocka_unit_test(test_json)};
  return FIXTURE_RUN("large bodies", tests, NULL);
}
