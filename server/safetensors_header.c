/* safetensors_header.c - the JSON header of a safetensors request
 *
 *   {"__metadata__": {"lambda_mse": "1.0", ..}, "fr": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ..}
 */
#include <stdio.h>
#include <string.h>

#include "validate.h"

enum {
  AT_START,
  IN_ROOT,
  AT_METADATA,
  IN_METADATA,
  AT_OPTION,
  AT_ENTRY,
  IN_ENTRY,
  AT_MEMBER,
  IN_LIST,
  IN_SKIPPED,
  AT_END
};
enum { DTYPE = 1, SHAPE = 2, OFFSETS = 4 };

bool safetensors_header_begin(struct safetensors_header *header, struct request *request) {
  const size_t most = RNNLOSS_TENSORS + (request->claims ? CLAIMS_MAX : 0);
  memset(header, 0, offsetof(struct safetensors_header, word));
  header->entries = arena_allocate(request->arena, most * sizeof *header->entries);
  if (!header->entries) return problem_out_of_memory(request->problem);
  header->request = request;
  header->place = AT_START;
  header->option = -1;
  return true;
}

static const char *entry_name(const struct safetensors_entry *entry) {
  return entry->claim ? entry->claim->path : tensor_name(entry->t);
}

bool safetensors_malformed(struct request *request, const struct safetensors_entry *entry, const char *detail) {
  char pointer[POINTER_MAX] = "";
  if (entry && !entry->claim) tensor_pointer(&entry->owner->tensor[entry->t], entry->t, "", pointer);
  return problem_set(request->problem, PROBLEM_MALFORMED_SAFETENSORS, pointer, "%s%s%s", entry ? entry_name(entry) : "",
                     entry ? ": " : "", detail);
}

static bool malformed(struct safetensors_header *header, const char *detail) {
  bool in_entry = header->count && header->place >= AT_ENTRY;
  return safetensors_malformed(header->request, in_entry ? header->entry : NULL, detail);
}

static bool add_word(struct safetensors_header *header, const char *text, size_t length) {
  size_t room = sizeof header->word - 1 - header->word_length;
  if (length > room || memchr(text, '\0', length)) return malformed(header, "a string is too long, or holds a NUL");
  memcpy(header->word + header->word_length, text, length);
  header->word_length += length;
  header->word[header->word_length] = '\0';
  return true;
}

static bool is(const char *text, size_t length, const char *word) {
  return length == strlen(word) && memcmp(text, word, length) == 0;
}

static void start_word(struct safetensors_header *header) {
  header->word_length = 0;
  header->word[0] = '\0';
}

/* ---- metadata ---- */

static bool metadata_key(struct safetensors_header *header, const char *text, size_t length) {
  header->option = option_find(text, length);
  header->place = AT_OPTION;
  start_word(header);
  return header->option >= 0 || is(text, length, "format") || option_unknown(header->request, text, length, "/");
}

static bool metadata_value(struct safetensors_header *header, enum json_event event, const char *text, size_t length) {
  if (event == JSON_STRING) return header->option < 0 || add_word(header, text, length);
  if (event != JSON_STRING_END) return malformed(header, "the values of __metadata__ must be strings");
  header->place = IN_METADATA;
  return header->option < 0 || option_set(header->request, SOURCE_BODY, header->option, header->word);
}

/* ---- one tensor ---- */

static bool entry_key(struct safetensors_header *header, const char *text, size_t length) {
  static const char *const names[] = {"dtype", "shape", "data_offsets", NULL};
  const int found = names_find(text, length, names);
  header->member = found < 0 ? 0 : 1u << found;
  header->place = AT_MEMBER;
  if (header->members & header->member) {
    return problem_set(header->request->problem, PROBLEM_DUPLICATE, "", "%s: %.*s is given twice",
                       entry_name(header->entry), (int)length, text);
  }
  header->members |= header->member;
  header->numbers = 0;
  start_word(header);
  return true;
}

static bool entry_end(struct safetensors_header *header) {
  if (header->members != (DTYPE | SHAPE | OFFSETS)) return malformed(header, "dtype, shape or data_offsets is missing");
  header->place = IN_ROOT;
  const struct safetensors_entry *entry = header->entry;
  if (entry->claim) return claim_header(header->request, entry->claim, header);
  return tensor_dtype(entry->owner, entry->t, header->dtype, header->dtype_length) &&
         tensor_shape(entry->owner, entry->t, header->rank, header->shape);
}

static bool member_value(struct safetensors_header *header, enum json_event event, const char *text, size_t length) {
  if (header->member == DTYPE) {
    if (event == JSON_STRING) return add_word(header, text, length);
    if (event != JSON_STRING_END) return malformed(header, "dtype must be a string");
    header->dtype_length = header->word_length < sizeof header->dtype ? header->word_length : sizeof header->dtype;
    memcpy(header->dtype, header->word, header->dtype_length);
    header->place = IN_ENTRY;
    return true;
  }
  if (header->member) {
    header->place = IN_LIST;
    return event == JSON_ARRAY_BEGIN || malformed(header, "shape and data_offsets must be arrays");
  }
  /* Members that this format doesn't know are passed over, as the reference reader does. */
  if (event == JSON_OBJECT_BEGIN || event == JSON_ARRAY_BEGIN) {
    header->skipped = 1;
    header->place = IN_SKIPPED;
  } else if (event != JSON_STRING) {
    header->place = IN_ENTRY;
  }
  return true;
}

static bool skip(struct safetensors_header *header, enum json_event event) {
  if (event == JSON_OBJECT_BEGIN || event == JSON_ARRAY_BEGIN) header->skipped++;
  if (event == JSON_OBJECT_END || event == JSON_ARRAY_END) header->skipped--;
  if (!header->skipped) header->place = IN_ENTRY;
  return true;
}

static bool whole_number(const char *text, size_t length, uint64_t *value) {
  *value = 0;
  for (size_t i = 0; i < length; i++) {
    if (text[i] < '0' || text[i] > '9' || __builtin_mul_overflow(*value, (uint64_t)10, value) ||
        __builtin_add_overflow(*value, (uint64_t)(text[i] - '0'), value)) {
      return false;
    }
  }
  return true;
}

static bool list_end(struct safetensors_header *header) {
  header->place = IN_ENTRY;
  if (header->member == SHAPE) {
    header->rank = header->numbers;
    return true;
  }
  return header->numbers == 2 || malformed(header, "data_offsets must be two numbers, begin and end");
}

static bool list_event(struct safetensors_header *header, enum json_event event, const char *text, size_t length) {
  uint64_t value = 0;
  if (event == JSON_ARRAY_END) return list_end(header);
  if (event != JSON_NUMBER || !whole_number(text, length, &value)) {
    return malformed(header, "shape and data_offsets must hold whole numbers of at most 64 bits");
  }
  unsigned index = header->numbers++;
  if (header->member == SHAPE) {
    if (index < RANK_MAX) header->shape[index] = value;
    return true;
  }
  if (index == 0) header->entry->begin = value;
  if (index == 1) header->entry->end = value;
  return true;
}

/* ---- the root ---- */

static bool root_key(struct safetensors_header *header, const char *text, size_t length) {
  if (is(text, length, "__metadata__")) {
    header->place = AT_METADATA;
    if (header->metadata)
      return problem_set(header->request->problem, PROBLEM_DUPLICATE, "", "__metadata__ is given twice");
    header->metadata = true;
    return true;
  }
  struct safetensors_entry entry = {.owner = header->request};
  const int t = tensor_find(text, length);
  entry.t = (rnnloss_tensor)(t < 0 ? 0 : t);
  if (t < 0 && header->request->claims) {
    if (!claim_find(header->request, text, length, &entry)) return false;
  } else if (t < 0) {
    return tensor_unknown(header->request, text, length);
  }
  if (!entry.claim && !tensor_begin(entry.owner, entry.t, FORM_BINARY)) return false;
  header->entry = &header->entries[header->count++];
  *header->entry = entry;
  header->members = 0;
  header->place = AT_ENTRY;
  return true;
}

static bool enter(struct safetensors_header *header, bool fits, int place, const char *detail) {
  header->place = place;
  return fits || malformed(header, detail);
}

bool safetensors_header_event(void *context, enum json_event event, const char *text, size_t length) {
  struct safetensors_header *header = context;
  bool object = event == JSON_OBJECT_BEGIN, end = event == JSON_OBJECT_END;
  switch (header->place) {
  case AT_START:
    return enter(header, object, IN_ROOT, "the header must be a JSON object");
  case IN_ROOT:
    return end ? enter(header, true, AT_END, "") : root_key(header, text, length);
  case AT_METADATA:
    return enter(header, object || event == JSON_NULL, object ? IN_METADATA : IN_ROOT,
                 "__metadata__ must be an object");
  case IN_METADATA:
    return end ? enter(header, true, IN_ROOT, "") : metadata_key(header, text, length);
  case AT_OPTION:
    return metadata_value(header, event, text, length);
  case AT_ENTRY:
    return enter(header, object, IN_ENTRY, "a tensor must be an object of dtype, shape and data_offsets");
  case IN_ENTRY:
    return end ? entry_end(header) : entry_key(header, text, length);
  case AT_MEMBER:
    return member_value(header, event, text, length);
  case IN_LIST:
    return list_event(header, event, text, length);
  case IN_SKIPPED:
    return skip(header, event);
  default:
    return true;
  }
}

static void sort_entries(struct safetensors_header *header) {
  for (size_t i = 1; i < header->count; i++) {
    struct safetensors_entry entry = header->entries[i];
    size_t at = i;
    for (; at > 0 && header->entries[at - 1].begin > entry.begin; at--) header->entries[at] = header->entries[at - 1];
    header->entries[at] = entry;
  }
}

bool safetensors_header_end(struct safetensors_header *header) {
  struct request *request = header->request;
  uint64_t position = 0;
  sort_entries(header);
  for (size_t i = 0; i < header->count; i++) {
    const struct safetensors_entry *entry = &header->entries[i];
    const struct tensor *tensor = &entry->owner->tensor[entry->t];
    const uint64_t size =
        entry->claim ? rnnloss_dtype_size(entry->claim->dtype) : tensor->elements * rnnloss_dtype_size(tensor->dtype);
    if (entry->begin != position || entry->end < entry->begin) {
      return safetensors_malformed(request, entry, "its data_offsets leave a hole, overlap or run backwards");
    }
    if (entry->end - entry->begin != size) {
      return safetensors_malformed(request, entry, "its data_offsets don't span the size of its shape and dtype");
    }
    position = entry->end;
  }
  return true;
}
