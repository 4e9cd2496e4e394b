/* wire_request.c - the problems, as JSON and as safetensors */
#include <stdlib.h>
#include <string.h>

#include "wire.h"

#define HEAD_MAX 512
#define SMALL_MAX 4096
#define NUMBER_MAX 25

static const char *const media_types[] = {"application/json", "application/vnd.safetensors"};

/* Every run has the same numbers, in [0, 1). */
static double next_random(void) {
  static uint64_t state = 1;
  state = state * 6364136223846793005U + 1442695040888963407U;
  return (double)(state >> 11) * 0x1p-53;
}

static struct request post(const char *target, enum encoding encoding, const char *more, const char *body,
                           size_t length) {
  char head[HEAD_MAX];
  int size = snprintf(head, sizeof head,
                      "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\n%sContent-Length: %zu\r\n\r\n",
                      target, media_types[encoding], more, length);
  struct request request = {allocate((size_t)size + length), (size_t)size + length, length, encoding};
  memcpy(request.bytes, head, (size_t)size);
  memcpy(request.bytes + size, body, length);
  return request;
}

void request_release(struct request *request) {
  free(request->bytes);
  *request = (struct request){0};
}

const char *request_body(const struct request *request) {
  return request->bytes + request->length - request->body;
}

struct request request_for_service(const struct request *request) {
  const char *target = request->encoding == ENCODING_JSON ? "/loss" : "/safetensors";
  return post(target, request->encoding, "", request_body(request), request->body);
}

struct request request_for_echo(const struct request *request, size_t answer_length) {
  char more[64];
  snprintf(more, sizeof more, "X-Answer-Length: %zu\r\n", answer_length);
  return post("/loss", request->encoding, more, request_body(request), request->body);
}

/* ---- the small problem ---- */

static const struct small {
  const char *name;
  size_t rows, units; /* pred, target and fr have rows of 3 steps, too */
  bool steps;
} small[] = {{"pred", 2, 2, true},  {"target", 2, 2, true}, {"fr", 2, 6, true},
             {"w_in", 6, 2, false}, {"w_hid", 6, 6, false}, {"w_out", 2, 6, false}};
#define SMALL_TENSORS (sizeof small / sizeof *small)
#define STEPS 3
static const struct {
  const char *name, *value;
} lambdas[] = {{"lambda_mse", "1.0"}, {"lambda_in", "0.01"},   {"lambda_hid", "0.01"},  {"lambda_out", "0.01"},
               {"lambda_fr", "0.1"},  {"lambda_fr_sd", "0.1"}, {"lambda_fr_cv", "0.05"}};
#define LAMBDAS (sizeof lambdas / sizeof *lambdas)

static size_t small_count(const struct small *tensor) {
  return tensor->rows * tensor->units * (tensor->steps ? STEPS : 1);
}

/* Values that print and read back as they are, with four digits. */
static double small_value(size_t tensor, size_t i) {
  return (double)(((tensor + 3) * 7919 + i * 104729) % 10000) / 10000.0;
}

static void print_rows(FILE *out, size_t tensor, size_t first, size_t rows) {
  for (size_t row = 0; row < rows; row++) {
    fprintf(out, "%s[", row ? ", " : "");
    for (size_t unit = 0; unit < small[tensor].units; unit++)
      fprintf(out, "%s%.4g", unit ? ", " : "", small_value(tensor, (first + row) * small[tensor].units + unit));
    fprintf(out, "]");
  }
}

static void print_json(FILE *out) {
  fprintf(out, "{\"lambdas\": {");
  for (size_t i = 0; i < LAMBDAS; i++) fprintf(out, "%s\"%s\": %s", i ? ", " : "", lambdas[i].name, lambdas[i].value);
  fprintf(out, "}, \"tensors\": {");
  for (size_t i = 0; i < SMALL_TENSORS; i++) {
    fprintf(out, "%s\"%s\": [", i ? ", " : "", small[i].name);
    for (size_t row = 0; small[i].steps && row < small[i].rows; row++) {
      fprintf(out, "%s[", row ? ", " : "");
      print_rows(out, i, row * STEPS, STEPS);
      fprintf(out, "]");
    }
    if (!small[i].steps) print_rows(out, i, 0, small[i].rows);
    fprintf(out, "]");
  }
  fprintf(out, "}}");
}

/* The header: returns its end, padded to 8. */
static size_t print_header(char *header, size_t room) {
  FILE *out = fmemopen(header, room, "w");
  if (!out) die("fmemopen");
  fprintf(out, "{\"__metadata__\":{");
  for (size_t i = 0; i < LAMBDAS; i++) fprintf(out, "%s\"%s\":\"%s\"", i ? "," : "", lambdas[i].name, lambdas[i].value);
  fprintf(out, "}");
  size_t at = 0;
  for (size_t i = 0; i < SMALL_TENSORS; i++) {
    size_t bytes = 4 * small_count(&small[i]);
    fprintf(out, ",\"%s\":{\"dtype\":\"F32\",\"shape\":", small[i].name);
    if (small[i].steps) fprintf(out, "[%zu,%d,%zu]", small[i].rows, STEPS, small[i].units);
    if (!small[i].steps) fprintf(out, "[%zu,%zu]", small[i].rows, small[i].units);
    fprintf(out, ",\"data_offsets\":[%zu,%zu]}", at, at + bytes);
    at += bytes;
  }
  fprintf(out, "}");
  while (ftell(out) % 8) fputc(' ', out);
  size_t length = (size_t)ftell(out);
  fclose(out);
  return length;
}

static size_t write_safetensors(char *body) {
  uint64_t header = print_header(body + 8, SMALL_MAX - 8);
  memcpy(body, &header, 8);
  char *to = body + 8 + header;
  for (size_t tensor = 0; tensor < SMALL_TENSORS; tensor++) {
    for (size_t i = 0; i < small_count(&small[tensor]); i++, to += 4) {
      float value = (float)small_value(tensor, i);
      memcpy(to, &value, 4);
    }
  }
  return (size_t)(to - body);
}

struct request request_small(enum encoding encoding) {
  char body[SMALL_MAX] = "";
  size_t length = 0;
  if (encoding == ENCODING_SAFETENSORS) {
    length = write_safetensors(body);
  } else {
    FILE *out = fmemopen(body, sizeof body, "w");
    if (!out) die("fmemopen");
    print_json(out);
    fclose(out);
    length = strlen(body);
  }
  return post("/loss", encoding, "", body, length);
}

/* ---- the large problem ---- */

static struct request rates_json(size_t rows, size_t units, int digits, bool gradient) {
  char *body = allocate(rows * (units * NUMBER_MAX + 2) + HEAD_MAX), *to = body;
  to += sprintf(to,
                "{\"lambdas\":{\"lambda_fr\":1,\"lambda_fr_sd\":0.1,\"lambda_fr_cv\":0.1},"
                "\"gradients\":\"%s\",\"tensors\":{\"fr\":[",
                gradient ? "total" : "none");
  for (size_t row = 0; row < rows; row++) {
    *to++ = '[';
    for (size_t unit = 0; unit < units; unit++) {
      /* digits == 17: whatever reads back; fewer: 0.12345678 */
      to += digits >= 17 ? sprintf(to, "%.17g", next_random()) : sprintf(to, "%.*f", digits, next_random());
      *to++ = ',';
    }
    to[-1] = ']';
    *to++ = ',';
  }
  to[-1] = ']';
  *to++ = '}';
  *to++ = '}';
  struct request request = post("/loss", ENCODING_JSON, "", body, (size_t)(to - body));
  free(body);
  return request;
}

static struct request rates_safetensors(size_t rows, size_t units, bool gradient) {
  size_t bytes = 4 * rows * units;
  char header[HEAD_MAX];
  int size = snprintf(header, sizeof header,
                      "{\"__metadata__\":{\"lambda_fr\":\"1\",\"lambda_fr_sd\":\"0.1\",\"lambda_fr_cv\":\"0.1\","
                      "\"gradients\":\"%s\"},"
                      "\"fr\":{\"dtype\":\"F32\",\"shape\":[%zu,%zu],\"data_offsets\":[0,%zu]}}",
                      gradient ? "total" : "none", rows, units, bytes);
  uint64_t padded = ((uint64_t)size + 7) / 8 * 8;
  char *body = allocate(8 + padded + bytes);
  memcpy(body, &padded, 8);
  memset(body + 8, ' ', padded);
  memcpy(body + 8, header, (size_t)size);
  for (size_t i = 0; i < rows * units; i++) {
    float rate = (float)next_random();
    memcpy(body + 8 + padded + 4 * i, &rate, 4);
  }
  struct request request = post("/loss", ENCODING_SAFETENSORS, "", body, 8 + padded + bytes);
  free(body);
  return request;
}

struct request request_rates(enum encoding encoding, size_t rows, size_t units, int digits, bool gradient) {
  return encoding == ENCODING_JSON ? rates_json(rows, units, digits, gradient)
                                   : rates_safetensors(rows, units, gradient);
}
