/* safetensors_encode.c - a result as safetensors: a header, then scalars and gradients
 *
 * Laid out by element size, the largest first, so that each tensor is aligned to its elements.
 */
#include <string.h>

#include "server.h"

struct entry {
  const char *scalar;              /* its name; NULL: a gradient */
  int term;                        /* -1: of the total */
  double value;                    /* of a scalar */
  const struct gradient *gradient; /* NULL: a scalar */
};

#define ENTRIES_MAX (1 + 2 * RNNLOSS_TERMS + RNNLOSS_TENSORS * (1 + RNNLOSS_TERMS))

/* The scalars come first: they are doubles, and no element is larger. */
struct layout {
  const struct result *result;
  size_t scalars, count;
  struct entry entries[ENTRIES_MAX];
};

static void add_scalar(struct layout *layout, const char *name, int term, double value) {
  layout->entries[layout->count++] = (struct entry){.scalar = name, .term = term, .value = value};
}

static void add_gradients(struct layout *layout, size_t size) {
  const struct result *result = layout->result;
  for (size_t i = 0; i < result->gradient_count; i++) {
    const struct gradient *gradient = &result->gradients[i];
    if (rnnloss_dtype_size(gradient->dtype) != size) continue;
    layout->entries[layout->count++] = (struct entry){.term = gradient->term, .gradient = gradient};
  }
}

static void list_entries(struct layout *layout) {
  const rnnloss_values *values = layout->result->values;
  add_scalar(layout, "loss", -1, values->loss);
  for (int k = 0; k < RNNLOSS_TERMS; k++) {
    if (!(values->active & 1u << k)) continue;
    add_scalar(layout, "loss", k, values->term_loss[k]);
    add_scalar(layout, "unweighted", k, values->unweighted[k]);
  }
  layout->scalars = layout->count;
  for (size_t size = 8; size >= 2; size /= 2) add_gradients(layout, size);
}

static const struct tensor *tensor_of(const struct layout *layout, const struct entry *entry) {
  return &layout->result->request->tensor[entry->gradient->tensor];
}

/* ---- the header ---- */

/* Names of the tables need no escapes, here and below. */
static void joined(struct text *text, const char *opening, unsigned mask, unsigned count, bool tensors) {
  const char *separator = "";
  text_string(text, opening);
  for (unsigned i = 0; i < count; i++) {
    if (!(mask & 1u << i)) continue;
    text_string(text, separator);
    text_string(text, tensors ? tensor_name((rnnloss_tensor)i) : warning_names[i]);
    separator = ",";
  }
  text_string(text, "\"");
}

static void metadata(struct text *text, const struct result *result) {
  text_string(text, "{\"__metadata__\":{\"contract\":\"");
  text_unsigned(text, RNNLOSS_CONTRACT);
  text_string(text, "\"");
  for (int k = 0; k < RNNLOSS_TERMS; k++) {
    if (!(result->values->active & 1u << k)) continue;
    text_string(text, ",\"");
    text_string(text, option_names[k]);
    text_string(text, "\":\"");
    text_json_number(text, result->request->options.lambda[k]);
    text_string(text, "\"");
  }
  joined(text, ",\"unused\":\"", result->unused, RNNLOSS_TENSORS, true);
  joined(text, ",\"warnings\":\"", result->warnings, WARNINGS, false);
  if (result->inputs_sha256) {
    text_string(text, ",\"inputs_sha256\":");
    text_json_string(text, result->inputs_sha256);
  }
  text_string(text, "}");
}

/* "loss", "terms.fr.loss", "gradients.fr", "terms.fr.gradients.fr" */
static void entry_name(struct text *text, const struct entry *entry) {
  text_string(text, ",\"");
  if (entry->term >= 0) {
    text_string(text, "terms.");
    text_string(text, rnnloss_term_describe((rnnloss_term)entry->term)->name);
    text_string(text, ".");
  }
  text_string(text, entry->scalar ? entry->scalar : "gradients.");
  if (entry->gradient) text_string(text, tensor_name(entry->gradient->tensor));
}

/* Returns the bytes of its data. */
static uint64_t entry_shape(struct text *text, const struct layout *layout, const struct entry *entry) {
  if (entry->scalar) {
    text_string(text, "\":{\"dtype\":\"F64\",\"shape\":[],\"data_offsets\":[");
    return sizeof(double);
  }
  const struct tensor *tensor = tensor_of(layout, entry);
  rnnloss_dtype dtype = entry->gradient->dtype;
  text_string(text, "\":{\"dtype\":\"");
  text_string(text, rnnloss_dtype_name(dtype));
  text_string(text, "\",\"shape\":[");
  for (unsigned i = 0; i < tensor->rank; i++) {
    if (i) text_string(text, ",");
    text_unsigned(text, tensor->shape[i]);
  }
  text_string(text, "],\"data_offsets\":[");
  return tensor->elements * rnnloss_dtype_size(dtype);
}

static void header_entries(struct text *text, const struct layout *layout) {
  uint64_t offset = 0;
  for (size_t i = 0; i < layout->count; i++) {
    const struct entry *entry = &layout->entries[i];
    entry_name(text, entry);
    uint64_t size = entry_shape(text, layout, entry);
    text_unsigned(text, offset);
    offset += size;
    text_string(text, ",");
    text_unsigned(text, offset);
    text_string(text, "]}");
  }
}

/* The header, and the scalars' data behind it. */
static bool add_header(const struct layout *layout, struct body *body) {
  static const char padding[8] = "        ";
  struct text text = {.arena = body->arena};
  text_bytes(&text, (const char[8]){0}, 8);
  metadata(&text, layout->result);
  header_entries(&text, layout);
  text_string(&text, "}");
  text_bytes(&text, padding, -text.length % 8);
  uint64_t length = text.length - 8;
  for (size_t i = 0; i < layout->scalars; i++)
    text_bytes(&text, (const char *)&layout->entries[i].value, sizeof(double));
  if (text.failed) return false;
  memcpy(text.bytes, &length, sizeof length); /* little-endian, as this machine is */
  return body_bytes(body, text.bytes, text.length);
}

bool safetensors_encode(const struct result *result, struct body *body) {
  struct layout *layout = arena_allocate(body->arena, sizeof *layout);
  if (!layout) return false;
  layout->result = result;
  layout->count = 0;
  list_entries(layout);
  if (!add_header(layout, body)) return false;
  for (size_t i = layout->scalars; i < layout->count; i++) {
    if (!body_gradient(body, layout->entries[i].gradient, PIECE_RAW)) return false;
  }
  return true;
}
