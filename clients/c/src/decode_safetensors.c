/* decode_safetensors.c - an answer in safetensors, checked before anything in it is used
 *
 * Gradients stay where they were received, behind the header.
 */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define EXACT_MAX 9007199254740992.0 /* a larger whole number is not what cJSON's double says it is */

#define HEADER_MAX (1 << 20) /* bytes: those of a rnnlossd have a few thousand */

struct file {
  struct draft *draft;
  const rnnloss_client_problem *problem;
  const char *data;
  size_t length; /* of the data */
};

struct entry {
  int dtype;
  const cJSON *shape;
  const char *bytes;
  size_t length;
};

static bool whole(const cJSON *number, size_t *out) {
  if (!cJSON_IsNumber(number)) return false;
  const double value = number->valuedouble;
  if (!(value >= 0 && value < EXACT_MAX) || value != (double)(uint64_t)value) return false;
  *out = (size_t)(uint64_t)value;
  return *out == (uint64_t)value;
}

static bool read_entry(const struct file *file, const cJSON *item, struct entry *entry) {
  const char *dtype = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "dtype"));
  const cJSON *offsets = cJSON_GetObjectItemCaseSensitive(item, "data_offsets");
  size_t begin = 0, end = 0;
  if (!dtype || !cJSON_IsArray(offsets) || cJSON_GetArraySize(offsets) != 2) return false;
  if (!whole(offsets->child, &begin) || !whole(offsets->child->next, &end)) return false;
  if (begin > end || end > file->length) return false;
  entry->dtype = dtype_find(dtype, strlen(dtype));
  entry->shape = cJSON_GetObjectItemCaseSensitive(item, "shape");
  entry->bytes = file->data + begin;
  entry->length = end - begin;
  return cJSON_IsArray(entry->shape);
}

static bool shape_is(const cJSON *shape, const size_t *sizes, size_t rank) {
  const cJSON *item = shape->child;
  size_t i = 0, size = 0;
  for (; item && i < rank; item = item->next, i++) {
    if (!whole(item, &size) || size != sizes[i]) return false;
  }
  return !item && i == rank;
}

static const char *read_number(const struct entry *entry, double *out) {
  if (entry->dtype != RNNLOSS_CLIENT_F64 || entry->length != sizeof *out || !shape_is(entry->shape, NULL, 0))
    return "a value is no F64 number";
  memcpy(out, entry->bytes, sizeof *out);
  return NULL;
}

/* An answer of a rnnlossd's is aligned; of another writer's it is moved. */
static const void *aligned(struct file *file, const struct entry *entry, size_t size) {
  if ((uintptr_t)entry->bytes % size == 0) return entry->bytes;
  void *copy = pool_take(&file->draft->pool, entry->length, 1);
  if (copy) memcpy(copy, entry->bytes, entry->length);
  return copy;
}

static const char *read_gradient(struct file *file, rnnloss_client_gradients *gradients, const char *name,
                                 const struct entry *entry) {
  rnnloss_client_tensor *item = NULL;
  size_t bytes = 0;
  const char *why = draft_gradient(file->draft, file->problem, gradients, name, entry->dtype, &item);
  if (why || !item) return why;
  if (!shape_is(entry->shape, item->shape, item->rank)) return "a gradient has another shape than its tensor";
  if (!shape_bytes(item->shape, item->rank, item->dtype, &bytes) || bytes != entry->length)
    return "a gradient does not fill its shape";
  item->data = aligned(file, entry, rnnloss_client_dtype_size(item->dtype));
  if (!item->data) return no_memory;
  gradients->count++;
  return NULL;
}

/* ---- by name ---- */

static bool passes(const char **name, const char *prefix) {
  const size_t length = strlen(prefix);
  if (strncmp(*name, prefix, length) != 0) return false;
  *name += length;
  return true;
}

static const char *read_of_term(struct file *file, const char *name, const struct entry *entry) {
  const char *dot = strchr(name, '.');
  if (!dot) return NULL;
  rnnloss_client_term *term = draft_term(file->draft, name, (size_t)(dot - name));
  const char *rest = dot + 1;
  if (!term) return no_memory;
  if (passes(&rest, "gradients.")) return read_gradient(file, &term->gradients, rest, entry);
  if (strcmp(rest, "loss") == 0) return read_number(entry, &term->loss);
  if (strcmp(rest, "unweighted") == 0) return read_number(entry, &term->unweighted);
  return NULL;
}

static const char *read_tensor(struct file *file, const cJSON *item) {
  struct entry entry;
  const char *name = item->string;
  if (!read_entry(file, item, &entry)) return "an entry of the header does not fit the data";
  if (strcmp(name, "loss") == 0) return read_number(&entry, &file->draft->answer.loss);
  if (passes(&name, "gradients.")) return read_gradient(file, &file->draft->answer.gradients, name, &entry);
  return passes(&name, "terms.") ? read_of_term(file, name, &entry) : NULL;
}

/* ---- metadata ---- */

static const char *read_words(struct draft *draft, const char *list, const char *const **words, size_t *count) {
  const char *why = NULL;
  while (!why && *list) {
    const size_t length = strcspn(list, ",");
    why = draft_word(draft, words, count, list, length);
    list += length + (list[length] == ',');
  }
  return why;
}

static const char *read_metadata(struct draft *draft, const cJSON *metadata) {
  rnnloss_client_answer *answer = &draft->answer;
  const char *contract = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(metadata, "contract"));
  const char *unused = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(metadata, "unused"));
  const char *warnings = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(metadata, "warnings"));
  const char *digest = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(metadata, "inputs_sha256"));
  if (!contract) return "it has no contract";
  answer->contract = (int)strtol(contract, NULL, 10);
  if (digest && !(answer->inputs_sha256 = pool_text(&draft->pool, digest, strlen(digest)))) return no_memory;
  const char *why = unused ? read_words(draft, unused, &answer->unused, &answer->unused_count) : NULL;
  return why || !warnings ? why : read_words(draft, warnings, &answer->warnings, &answer->warning_count);
}

/* A term is active, has its weight in the metadata, and both values. */
static const char *check_terms(struct draft *draft, const cJSON *header, const cJSON *metadata) {
  for (size_t i = 0; i < draft->answer.term_count; i++) {
    static const char *const forms[] = {"terms.%s.loss", "terms.%s.unweighted"};
    struct text key = {0};
    rnnloss_client_term *term = &draft->terms[i];
    text_string(&key, "lambda_");
    text_string(&key, term->name);
    const char *weight =
        key.failed ? NULL : cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(metadata, key.bytes));
    if (weight) term->lambda = number_read(weight);
    bool whole_term = weight != NULL;
    for (size_t form = 0; whole_term && form < RNNLOSS_CLIENT_COUNT(forms); form++) {
      key.length = 0;
      text_string(&key, "terms.");
      text_string(&key, term->name);
      text_string(&key, strrchr(forms[form], '.'));
      whole_term = !key.failed && cJSON_GetObjectItemCaseSensitive(header, key.bytes);
    }
    const bool failed = key.failed;
    free(key.bytes);
    if (failed) return no_memory;
    if (!whole_term) return "a term lacks its weight or a value";
  }
  return NULL;
}

static const char *read_header(struct file *file, const cJSON *header) {
  const cJSON *metadata = cJSON_GetObjectItemCaseSensitive(header, "__metadata__"), *item = NULL;
  struct draft *draft = file->draft;
  if (!cJSON_IsObject(header) || !cJSON_IsObject(metadata)) return "its header is no object";
  if (!cJSON_GetObjectItemCaseSensitive(header, "loss")) return "it has no loss";
  draft->term_room = (size_t)cJSON_GetArraySize(header);
  draft->terms = pool_take(&draft->pool, draft->term_room, sizeof *draft->terms);
  if (!draft->terms) return no_memory;
  draft->answer.terms = draft->terms;
  cJSON_ArrayForEach(item, header) {
    const char *why = item == metadata ? NULL : read_tensor(file, item);
    if (why) return why;
  }
  const char *why = check_terms(draft, header, metadata);
  return why ? why : read_metadata(draft, metadata);
}

const char *decode_safetensors(struct draft *draft, const rnnloss_client_problem *problem, char *body, size_t length) {
  uint64_t size = 0;
  if (length < sizeof size) return "it is too short";
  memcpy(&size, body, sizeof size);
  if (size > HEADER_MAX) return "its header is too long";
  if (size > length - sizeof size) return "its header is longer than it is";
  struct file file = {draft, problem, body + sizeof size + size, length - sizeof size - (size_t)size};
  cJSON *header = cJSON_ParseWithLength(body + sizeof size, (size_t)size);
  const char *why = read_header(&file, header);
  cJSON_Delete(header);
  return why;
}
