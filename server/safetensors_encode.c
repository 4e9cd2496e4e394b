/* safetensors_encode.c - a result as safetensors: a header, then scalars and gradients
 *
 * Laid out by element size, the largest first, so that each tensor is aligned to its elements.
 */
#include <stdio.h>
#include <string.h>

#include "server.h"

struct entry {
  const char *name;
  rnnloss_dtype dtype;
  const struct gradient *gradient; /* NULL: a scalar */
  const double *value;
};

#define ENTRIES_MAX (1 + 2 * RNNLOSS_TERMS + RNNLOSS_TENSORS * (1 + RNNLOSS_TERMS))

struct layout {
  const struct result *result;
  struct arena *arena;
  struct entry entries[ENTRIES_MAX];
  size_t count;
  bool failed;
};

static void add(struct layout *layout, const double *value, const struct gradient *gradient, const char *prefix,
                const char *middle, const char *suffix) {
  struct text name = {.arena = layout->arena};
  text_string(&name, prefix);
  text_string(&name, middle);
  text_string(&name, suffix);
  text_bytes(&name, "", 1);
  layout->failed |= name.failed;
  rnnloss_dtype dtype = gradient ? gradient->dtype : RNNLOSS_F64;
  layout->entries[layout->count++] =
      (struct entry){.name = name.bytes, .dtype = dtype, .gradient = gradient, .value = value};
}

static void list_entries(struct layout *layout) {
  const struct result *result = layout->result;
  const rnnloss_values *values = result->values;
  add(layout, &values->loss, NULL, "loss", "", "");
  for (int k = 0; k < RNNLOSS_TERMS; k++) {
    const char *name = rnnloss_term_describe((rnnloss_term)k)->name;
    if (!(values->active & 1u << k)) continue;
    add(layout, &values->term_loss[k], NULL, "terms.", name, ".loss");
    add(layout, &values->unweighted[k], NULL, "terms.", name, ".unweighted");
  }
  for (size_t i = 0; i < result->gradient_count; i++) {
    const struct gradient *gradient = &result->gradients[i];
    char prefix[48] = "";
    if (gradient->term >= 0) {
      snprintf(prefix, sizeof prefix, "terms.%s.", rnnloss_term_describe((rnnloss_term)gradient->term)->name);
    }
    add(layout, NULL, gradient, prefix, "gradients.", tensor_name(gradient->tensor));
  }
}

static const struct tensor *tensor_of(const struct layout *layout, const struct entry *entry) {
  return &layout->result->request->tensor[entry->gradient->tensor];
}

static uint64_t entry_size(const struct layout *layout, const struct entry *entry) {
  return entry->gradient ? tensor_of(layout, entry)->elements * rnnloss_dtype_size(entry->dtype) : sizeof(double);
}

/* ---- the header ---- */

static void member(struct text *text, const char *key, const char *value) {
  text_json_string(text, key);
  text_string(text, ":");
  text_json_string(text, value);
}

static void joined(struct text *text, const char *key, unsigned mask, unsigned count, bool tensors) {
  char names[200] = "";
  for (unsigned i = 0; i < count; i++) {
    if (!(mask & 1u << i)) continue;
    if (names[0]) strncat(names, ",", sizeof names - strlen(names) - 1);
    strncat(names, tensors ? tensor_name((rnnloss_tensor)i) : warning_names[i], sizeof names - strlen(names) - 1);
  }
  text_string(text, ",");
  member(text, key, names);
}

static void metadata(struct text *text, const struct result *result) {
  text_string(text, "{\"__metadata__\":{\"contract\":\"");
  text_unsigned(text, RNNLOSS_CONTRACT);
  text_string(text, "\"");
  for (int k = 0; k < RNNLOSS_TERMS; k++) {
    if (!(result->values->active & 1u << k)) continue;
    char digits[NUMBER_TEXT_MAX + 1];
    digits[number_write(RNNLOSS_F64, &result->request->options.lambda[k], digits)] = '\0';
    text_string(text, ",");
    member(text, option_names[k], digits);
  }
  joined(text, "unused", result->unused, RNNLOSS_TENSORS, true);
  joined(text, "warnings", result->warnings, WARNINGS, false);
  text_string(text, "}");
}

static void header_entry(struct text *text, const struct layout *layout, const struct entry *entry, uint64_t *offset) {
  text_string(text, ",");
  text_json_string(text, entry->name);
  text_string(text, ":{\"dtype\":");
  text_json_string(text, rnnloss_dtype_name(entry->dtype));
  text_string(text, ",\"shape\":[");
  for (unsigned i = 0; entry->gradient && i < tensor_of(layout, entry)->rank; i++) {
    if (i) text_string(text, ",");
    text_unsigned(text, tensor_of(layout, entry)->shape[i]);
  }
  text_string(text, "],\"data_offsets\":[");
  text_unsigned(text, *offset);
  *offset += entry_size(layout, entry);
  text_string(text, ",");
  text_unsigned(text, *offset);
  text_string(text, "]}");
}

/* Calls visit for each entry in the order of their data. */
typedef bool entry_visitor(void *context, const struct layout *layout, const struct entry *entry);
static bool each_entry(const struct layout *layout, entry_visitor *visit, void *context) {
  for (size_t size = 8; size >= 2; size /= 2) {
    for (size_t i = 0; i < layout->count; i++) {
      const struct entry *entry = &layout->entries[i];
      if (rnnloss_dtype_size(entry->dtype) == size && !visit(context, layout, entry)) return false;
    }
  }
  return true;
}

struct header_writer {
  struct text text;
  uint64_t offset;
};

static bool write_header_entry(void *context, const struct layout *layout, const struct entry *entry) {
  struct header_writer *writer = context;
  header_entry(&writer->text, layout, entry, &writer->offset);
  return true;
}

static bool add_header(const struct layout *layout, struct body *body) {
  struct header_writer writer = {.text = {.arena = layout->arena}};
  struct text *text = &writer.text;
  text_bytes(text, (const char[8]){0}, 8);
  metadata(text, layout->result);
  each_entry(layout, write_header_entry, &writer);
  text_string(text, "}");
  while (text->length % 8 && !text->failed) text_string(text, " ");
  if (text->failed) return false;
  uint64_t length = text->length - 8;
  memcpy(text->bytes, &length, sizeof length); /* little-endian, as this machine is */
  return body_bytes(body, text->bytes, text->length);
}

static bool add_entry(void *context, const struct layout *layout, const struct entry *entry) {
  (void)layout;
  if (entry->gradient) return body_gradient(context, entry->gradient, PIECE_RAW);
  return body_bytes(context, (const char *)entry->value, sizeof(double));
}

bool safetensors_encode(const struct result *result, struct body *body) {
  struct layout *layout = arena_allocate(body->arena, sizeof *layout);
  if (!layout) return false;
  layout->result = result;
  layout->arena = body->arena;
  layout->count = 0;
  layout->failed = false;
  list_entries(layout);
  return !layout->failed && add_header(layout, body) && each_entry(layout, add_entry, body);
}
