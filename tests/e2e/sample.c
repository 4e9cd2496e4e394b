/* sample.c - one problem in each encoding: making bodies of it */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "sample.h"

#define TEXT_MAX 4000

const struct sample_tensor sample_tensors[RNNLOSS_TENSORS] = {
    {"pred", 4, {2, 2}, {1, 2, 3, 4}, {0.5, 0, 0, 1}},
    {"target", 4, {2, 2}, {0, 2, 3, 2}, {-0.5, -0.0, -0.0, -1}},
    {"fr", 4, {2, 2}, {0, 2, 2, 4}, {-0.3125, 1.1875, 0.6875, 2.1875}},
    {"w_in", 6, {2, 3}, {2, 2, 2, 2, 2, 2}, {1, 1, 1, 1, 1, 1}},
    {"w_hid", 4, {2, 2}, {1, 2, 3, 4}, {1, 2, 3, 4}},
    {"w_out", 4, {2, 2}, {1, 1, 1, 1}, {0.25, 0.25, 0.25, 0.25}},
};

const struct sample_term sample_terms[RNNLOSS_TERMS] = {
    {"mse", 1, 1.25, 1.25}, {"in", 1.5, 6, 4},        {"hid", 2, 15, 7.5},    {"out", 0.5, 0.5, 1},
    {"fr", 1, 6, 6},        {"fr_sd", 0.5, 0.5, 1.0}, {"fr_cv", 1, 0.5, 0.5},
};

struct text {
  char bytes[TEXT_MAX];
  size_t length;
};

__attribute__((format(printf, 2, 3))) static void put(struct text *text, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  text->length += (size_t)vsnprintf(text->bytes + text->length, TEXT_MAX - text->length, format, arguments);
  va_end(arguments);
  assert_true(text->length < TEXT_MAX);
}

void blob_release(struct blob *blob) {
  free(blob->bytes);
  blob->bytes = NULL;
}

struct blob blob_safetensors(const char *header, const void *data, size_t length) {
  size_t written = strlen(header), padded = (written + 7) / 8 * 8;
  struct blob blob = {calloc(1, 8 + padded + length + 1), 8 + padded + length};
  assert_non_null(blob.bytes);
  for (unsigned i = 0; i < 8; i++) blob.bytes[i] = (char)(unsigned char)(padded >> (8 * i));
  memset(blob.bytes + 8, ' ', padded);
  memcpy(blob.bytes + 8, header, written);
  if (length) memcpy(blob.bytes + 8 + padded, data, length);
  return blob;
}

static void put_numbers(struct text *text, const struct sample_tensor *tensor, bool nested) {
  bool batch = nested && tensor->name[0] != 'w';
  put(text, batch ? "[[" : "[");
  for (unsigned i = 0; i < tensor->count; i++) {
    bool first = i % tensor->shape[1] == 0, last = (i + 1) % tensor->shape[1] == 0;
    put(text, "%s%s%.1f%s", i ? "," : "", nested && first ? "[" : "", tensor->x[i], nested && last ? "]" : "");
  }
  put(text, batch ? "]]" : "]");
}

/* The elements in binary, at most 48 bytes; their number of bytes. */
static size_t elements(const struct sample_tensor *tensor, rnnloss_dtype dtype, unsigned char *out) {
  size_t size = rnnloss_dtype_size(dtype);
  for (unsigned i = 0; i < tensor->count; i++) rnnloss_store(dtype, tensor->x[i], out + i * size);
  return tensor->count * size;
}

static void put_base64(struct text *text, const unsigned char *bytes, size_t length) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (size_t i = 0; i < length; i += 3) {
    unsigned group = (unsigned)bytes[i] << 16;
    if (i + 1 < length) group |= (unsigned)bytes[i + 1] << 8;
    if (i + 2 < length) group |= bytes[i + 2];
    put(text, "%c%c%c%c", digits[group >> 18], digits[group >> 12 & 63], i + 1 < length ? digits[group >> 6 & 63] : '=',
        i + 2 < length ? digits[group & 63] : '=');
  }
}

static void put_shape(struct text *text, const struct sample_tensor *tensor) {
  put(text, "\"shape\":[%s%u,%u]", tensor->name[0] == 'w' ? "" : "1,", tensor->shape[0], tensor->shape[1]);
}

static void put_tensor(struct text *text, const struct sample_tensor *tensor, enum sample_form form,
                       rnnloss_dtype dtype) {
  unsigned char bytes[8 * SAMPLE_ELEMENTS];
  put(text, "\"%s\":", tensor->name);
  if (form == SAMPLE_NESTED) {
    put_numbers(text, tensor, true);
    return;
  }
  put(text, "{\"dtype\":\"%s\",", rnnloss_dtype_name(dtype));
  put_shape(text, tensor);
  if (form == SAMPLE_DATA) {
    put(text, ",\"data\":");
    put_numbers(text, tensor, false);
  } else {
    put(text, ",\"data_base64\":\"");
    put_base64(text, bytes, elements(tensor, dtype, bytes));
    put(text, "\"");
  }
  put(text, "}");
}

static struct blob json_body(enum sample_form form, rnnloss_dtype dtype, const char *more) {
  struct text text = {.length = 0};
  put(&text, "{\"lambdas\":{");
  for (int k = 0; k < RNNLOSS_TERMS; k++) {
    put(&text, "%s\"lambda_%s\":%.1f", k ? "," : "", sample_terms[k].name, sample_terms[k].lambda);
  }
  put(&text, "},\"tensors\":{");
  for (int t = 0; t < RNNLOSS_TENSORS; t++) {
    put(&text, t ? "," : "");
    put_tensor(&text, &sample_tensors[t], form, dtype);
  }
  put(&text, "}%s}", more);
  return (struct blob){strdup(text.bytes), text.length};
}

static struct blob safetensors_body(rnnloss_dtype dtype, const char *more) {
  struct text text = {.length = 0};
  unsigned char data[RNNLOSS_TENSORS * 8 * SAMPLE_ELEMENTS];
  size_t length = 0;
  put(&text, "{\"__metadata__\":{");
  for (int k = 0; k < RNNLOSS_TERMS; k++) {
    put(&text, "%s\"lambda_%s\":\"%.1f\"", k ? "," : "", sample_terms[k].name, sample_terms[k].lambda);
  }
  put(&text, "%s}", more);
  for (int t = 0; t < RNNLOSS_TENSORS; t++) {
    const struct sample_tensor *tensor = &sample_tensors[t];
    size_t begin = length;
    length += elements(tensor, dtype, data + length);
    put(&text, ",\"%s\":{\"dtype\":\"%s\",", tensor->name, rnnloss_dtype_name(dtype));
    put_shape(&text, tensor);
    put(&text, ",\"data_offsets\":[%zu,%zu]}", begin, length);
  }
  put(&text, "}");
  return blob_safetensors(text.bytes, data, length);
}

struct blob sample_body(enum sample_form form, rnnloss_dtype dtype, const char *more) {
  return form == SAMPLE_SAFETENSORS ? safetensors_body(dtype, more) : json_body(form, dtype, more);
}

const char *sample_type(enum sample_form form) {
  return form == SAMPLE_SAFETENSORS ? "application/vnd.safetensors" : "application/json";
}
