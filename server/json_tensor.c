/* json_tensor.c - one tensor of a JSON request: nested arrays, or an object with dtype, shape and data
 *
 * Numbers go straight from their text to elements of the dtype. Those that come before the dtype is
 * known are kept as double and side (see settle.c).
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "json_parser.h"

enum { MEMBER_DTYPE, MEMBER_SHAPE, MEMBER_DATA, MEMBER_BASE64 };
static const char *const member_names[] = {"dtype", "shape", "data", "data_base64", NULL};

void json_tensor_begin(struct json_tensor *reader, struct request *request, rnnloss_tensor t) {
  reader->request = request;
  reader->t = t;
  reader->begun = reader->done = reader->fresh = reader->object = false;
  reader->members = 0;
  reader->member = -1;
  reader->nest = (struct json_nest){0};
  reader->rank = 0;
  reader->base64 = (struct base64_decoder){0};
  reader->word_length = reader->staged = reader->staged_numbers = 0;
}

static struct tensor *tensor_of(const struct json_tensor *reader) {
  return &reader->request->tensor[reader->t];
}

static bool invalid(struct json_tensor *reader, enum problem_type type, const char *member, const char *detail) {
  char pointer[POINTER_MAX];
  return problem_set(reader->request->problem, type, tensor_pointer(tensor_of(reader), reader->t, member, pointer),
                     "%s: %s", tensor_name(reader->t), detail);
}

static const char *data_member(const struct json_tensor *reader) {
  return reader->object ? "/data" : "";
}

/* ---- numbers ---- */

static bool flush(struct json_tensor *reader) {
  size_t length = reader->staged;
  reader->staged = reader->staged_numbers = 0;
  return !length || tensor_bytes(reader->request, reader->t, reader->stage, length);
}

static bool beyond(struct json_tensor *reader, const char *text, size_t length) {
  char detail[300], quoted[64], where[120];
  const struct tensor *tensor = tensor_of(reader);
  const char *dtype = tensor->has_dtype ? rnnloss_dtype_name(tensor->dtype) : "F64";
  names_quote(text, length, quoted);
  json_nest_where(&reader->nest, true, where, sizeof where);
  snprintf(detail, sizeof detail, "the number %s at %s is beyond the largest %s", quoted, where, dtype);
  return invalid(reader, PROBLEM_INVALID_DATA, data_member(reader), detail);
}

static bool number(struct json_tensor *reader, const char *text, size_t length) {
  const struct tensor *tensor = tensor_of(reader);
  unsigned char *out = reader->stage + reader->staged;
  double value;
  signed char side;
  if (!tensor->loose) {
    if (!number_read(tensor->dtype, text, length, out)) return beyond(reader, text, length);
    reader->staged += rnnloss_dtype_size(tensor->dtype);
  } else {
    if (!number_read_side(text, length, &value, &side)) return beyond(reader, text, length);
    memcpy(out, &value, sizeof value);
    memcpy(out + sizeof value, &side, 1);
    reader->staged += 9;
  }
  return ++reader->staged_numbers < JSON_STAGE || flush(reader);
}

/* "NaN", "Infinity", "-Infinity": whether they are taken is decided with the option nonfinite. */
static bool nonfinite(struct json_tensor *reader) {
  static const char *const words[] = {"NaN", "Infinity", "-Infinity"};
  static const double values[] = {(double)NAN, (double)INFINITY, -(double)INFINITY};
  struct tensor *tensor = tensor_of(reader);
  unsigned char *out = reader->stage + reader->staged;
  for (size_t i = 0; i < 3; i++) {
    if (reader->word_length != strlen(words[i]) || memcmp(reader->word, words[i], reader->word_length) != 0) continue;
    rnnloss_store(tensor->loose ? RNNLOSS_F64 : tensor->dtype, values[i], out);
    out[8] = tensor->loose ? 0 : out[8];
    reader->staged += tensor_element_size(tensor);
    return ++reader->staged_numbers < JSON_STAGE || flush(reader);
  }
  return invalid(reader, PROBLEM_INVALID_DATA, data_member(reader),
                 "a string among the numbers must be \"NaN\", \"Infinity\" or \"-Infinity\"");
}

static bool misplaced(struct json_tensor *reader, const char *wrong) {
  char detail[200], where[120];
  json_nest_where(&reader->nest, false, where, sizeof where);
  snprintf(detail, sizeof detail, "%s, at %s", wrong, where);
  bool deep = strstr(wrong, "deep") != NULL;
  return invalid(reader, deep ? PROBLEM_INVALID_SHAPE : PROBLEM_INVALID_DATA, data_member(reader), detail);
}

static void add_word(struct json_tensor *reader, const char *text, size_t length) {
  size_t room = sizeof reader->word - reader->word_length;
  if (length > room) length = room;
  memcpy(reader->word + reader->word_length, text, length);
  reader->word_length += length;
}

/* ---- numbers, straight from the text ---- */

static const char *skip_space(const char *at, const char *end) {
  while (at < end && json_is_space(*at)) at++;
  return at;
}

/* From behind a number to what is to be the next one: of its row, or the first one of the next row. NULL: it ends
 * there. */
static const char *next_number(const char *at, const char *end, bool *in_next_row) {
  at = skip_space(at, end);
  *in_next_row = at < end && *at == ']';
  if (*in_next_row) at = skip_space(at + 1, end);
  if (at == end || *at != ',') return NULL;
  at = skip_space(at + 1, end);
  if (*in_next_row) {
    if (at == end || *at != '[') return NULL;
    at = skip_space(at + 1, end);
  }
  return at < end ? at : NULL;
}

/* A number to out; returns its end. NULL: not a plain one, or cut by the piece's end, or beyond the dtype. */
static const char *take_number(rnnloss_dtype dtype, const char *at, const char *end, unsigned char *out) {
  const char *next = dtype == RNNLOSS_F64 ? number_read_short(at, end, out) : NULL;
  if (next) return next;
  next = json_number_scan(at, end);
  return next && number_read(dtype, at, (size_t)(next - at), out) ? next : NULL;
}

/* Counts a number if it may stand there; else nothing has changed. */
static bool count_number(struct json_nest *nest, bool in_next_row) {
  if (in_next_row && (nest->depth < 2 || json_nest_close(nest) || json_nest_open(nest))) return false;
  return !json_nest_number(nest);
}

/* The number that fills the stage comes as an event: that may fail. */
const char *json_tensor_run(struct json_tensor *reader, const char *at, const char *end) {
  const struct tensor *tensor = tensor_of(reader);
  const size_t size = rnnloss_dtype_size(tensor->dtype);
  const char *taken = at;
  bool in_next_row = false;
  if ((reader->object && reader->member != MEMBER_DATA) || tensor->loose) return at;
  while (at && reader->staged_numbers + 1 < JSON_STAGE) {
    const char *next = take_number(tensor->dtype, at, end, reader->stage + reader->staged);
    if (!next || !count_number(&reader->nest, in_next_row)) break;
    reader->staged += size;
    reader->staged_numbers++;
    taken = next;
    at = next_number(next, end, &in_next_row);
  }
  return taken;
}

/* ---- the ends of data ---- */

static bool data_end(struct json_tensor *reader) {
  const struct json_nest *nest = &reader->nest;
  reader->member = -1;
  if (!flush(reader)) return false;
  if (!reader->object) {
    reader->done = true;
    return tensor_shape(reader->request, reader->t, nest->deepest, nest->length) &&
           tensor_end(reader->request, reader->t);
  }
  return true;
}

/* An event within nested arrays of numbers. */
static bool data_event(struct json_tensor *reader, enum json_event event, const char *text, size_t length) {
  const char *wrong = NULL;
  switch (event) {
  case JSON_NUMBER:
    wrong = json_nest_number(&reader->nest);
    return wrong ? misplaced(reader, wrong) : number(reader, text, length);
  case JSON_ARRAY_BEGIN:
    wrong = json_nest_open(&reader->nest);
    return !wrong || misplaced(reader, wrong);
  case JSON_ARRAY_END:
    wrong = json_nest_close(&reader->nest);
    if (wrong) return misplaced(reader, wrong);
    return reader->nest.depth || data_end(reader);
  case JSON_STRING:
    add_word(reader, text, length);
    return true;
  case JSON_STRING_END:
    wrong = json_nest_number(&reader->nest);
    if (wrong) return misplaced(reader, wrong);
    if (!nonfinite(reader)) return false;
    reader->word_length = 0;
    return true;
  default:
    return misplaced(reader, "only numbers are taken in a tensor");
  }
}

/* ---- the object form ---- */

static bool shape_event(struct json_tensor *reader, enum json_event event, const char *text, size_t length) {
  uint64_t axis = 0;
  if (event == JSON_ARRAY_END) {
    reader->member = -1;
    return tensor_shape(reader->request, reader->t, reader->rank, reader->shape);
  }
  if (event != JSON_NUMBER)
    return invalid(reader, PROBLEM_INVALID_SHAPE, "/shape", "shape must be an array of whole numbers");
  if (reader->rank == RANK_MAX)
    return invalid(reader, PROBLEM_INVALID_SHAPE, "/shape", "more than 8 axes are not taken");
  for (size_t i = 0; i < length; i++) {
    if (text[i] < '0' || text[i] > '9' || __builtin_mul_overflow(axis, (uint64_t)10, &axis) ||
        __builtin_add_overflow(axis, (uint64_t)(text[i] - '0'), &axis)) {
      return invalid(reader, PROBLEM_INVALID_SHAPE, "/shape", "an axis of shape must be a whole number, at least 1");
    }
  }
  reader->shape[reader->rank++] = axis;
  return true;
}

static bool base64_event(struct json_tensor *reader, enum json_event event, const char *text, size_t length) {
  static const char wrong[] = "data_base64 must be base64 (RFC 4648, section 4, with padding, no line breaks)";
  if (event == JSON_STRING_END) {
    reader->member = -1;
    return base64_decode_end(&reader->base64) || invalid(reader, PROBLEM_INVALID_DATA, "/data_base64", wrong);
  }
  while (length) {
    size_t piece = length < 4096 ? length : 4096, written = 0;
    if (!base64_decode(&reader->base64, text, piece, reader->stage, &written)) {
      return invalid(reader, PROBLEM_INVALID_DATA, "/data_base64", wrong);
    }
    if (written && !tensor_bytes(reader->request, reader->t, reader->stage, written)) return false;
    text += piece;
    length -= piece;
  }
  return true;
}

static bool dtype_event(struct json_tensor *reader, enum json_event event, const char *text, size_t length) {
  if (event == JSON_STRING) {
    add_word(reader, text, length);
    return true;
  }
  reader->member = -1;
  return tensor_dtype(reader->request, reader->t, reader->word, reader->word_length);
}

static bool key(struct json_tensor *reader, const char *text, size_t length) {
  char name[64], hint[160], detail[300], token[128], member[130];
  const int found = names_find(text, length, member_names);
  const unsigned bit = found < 0 ? 0 : 1u << found;
  if (bit & ~reader->members) {
    reader->members |= bit;
    reader->member = found;
    reader->fresh = true;
    return true;
  }
  names_quote(text, length, name);
  snprintf(member, sizeof member, "/%s", problem_token(name, token));
  if (found >= 0) return invalid(reader, PROBLEM_DUPLICATE, member, "the member is given twice");
  names_suggest(name, member_names, NULL, hint, sizeof hint);
  snprintf(detail, sizeof detail, "unknown member \"%s\"%s", name, hint);
  return invalid(reader, PROBLEM_INVALID_REQUEST, member, detail);
}

/* The first event of a member's value: does its kind fit? */
static bool member_begins(struct json_tensor *reader, enum json_event event) {
  struct tensor *tensor = tensor_of(reader);
  bool string = event == JSON_STRING || event == JSON_STRING_END;
  reader->word_length = 0;
  switch (reader->member) {
  case MEMBER_DTYPE:
    return string ||
           invalid(reader, PROBLEM_UNSUPPORTED_DTYPE, "/dtype", "dtype must be a string: F16, BF16, F32 or F64");
  case MEMBER_SHAPE:
    return event == JSON_ARRAY_BEGIN ||
           invalid(reader, PROBLEM_INVALID_SHAPE, "/shape", "shape must be an array of whole numbers");
  case MEMBER_DATA:
    tensor->form = FORM_DATA;
    tensor->loose = !tensor->has_dtype;
    if (reader->members & 1u << MEMBER_BASE64) break;
    return event == JSON_ARRAY_BEGIN ||
           invalid(reader, PROBLEM_INVALID_DATA, "/data", "data must be an array of numbers");
  default:
    if (reader->members & 1u << MEMBER_DATA) break;
    tensor->form = FORM_BASE64;
    return string || invalid(reader, PROBLEM_INVALID_DATA, "/data_base64", "data_base64 must be a string");
  }
  return invalid(reader, PROBLEM_INVALID_DATA, "", "both data and data_base64 are given; one of them is needed");
}

/* Nested data within an object must have the shape that is stated; flat data just fills it. */
static bool shape_agrees(struct json_tensor *reader) {
  const struct json_nest *nest = &reader->nest;
  char stated[200], found[200], detail[500];
  if (!(reader->members & 1u << MEMBER_DATA) || nest->deepest < 2) return true;
  bool same =
      nest->deepest == reader->rank && memcmp(nest->length, reader->shape, reader->rank * sizeof *reader->shape) == 0;
  if (same) return true;
  struct tensor actual = {.rank = nest->deepest};
  memcpy(actual.shape, nest->length, sizeof actual.shape);
  tensor_shape_text(&actual, found, sizeof found);
  tensor_shape_text(tensor_of(reader), stated, sizeof stated);
  snprintf(detail, sizeof detail, "shape says %s, but data is nested as %s", stated, found);
  return invalid(reader, PROBLEM_INVALID_DATA, "/data", detail);
}

static bool object_end(struct json_tensor *reader) {
  reader->done = true;
  if (!(reader->members & 1u << MEMBER_DTYPE))
    return invalid(reader, PROBLEM_INVALID_REQUEST, "", "the member dtype is missing");
  if (!(reader->members & 1u << MEMBER_SHAPE))
    return invalid(reader, PROBLEM_INVALID_REQUEST, "", "the member shape is missing");
  if (!(reader->members & (1u << MEMBER_DATA | 1u << MEMBER_BASE64))) {
    return invalid(reader, PROBLEM_INVALID_DATA, "", "data or data_base64 is missing");
  }
  return shape_agrees(reader) && tensor_end(reader->request, reader->t);
}

static bool object_event(struct json_tensor *reader, enum json_event event, const char *text, size_t length) {
  static bool (*const events[])(struct json_tensor *, enum json_event, const char *,
                                size_t) = {[MEMBER_DTYPE] = dtype_event,
                                           [MEMBER_SHAPE] = shape_event,
                                           [MEMBER_DATA] = data_event,
                                           [MEMBER_BASE64] = base64_event};
  if (reader->member < 0) return event == JSON_KEY ? key(reader, text, length) : object_end(reader);
  if (reader->fresh && !member_begins(reader, event)) return false;
  bool opens_shape = reader->fresh && reader->member == MEMBER_SHAPE;
  reader->fresh = false;
  return opens_shape || events[reader->member](reader, event, text, length);
}

/* ---- all of it ---- */

static bool first_event(struct json_tensor *reader, enum json_event event) {
  struct tensor *tensor = tensor_of(reader);
  reader->begun = true;
  reader->object = event == JSON_OBJECT_BEGIN;
  if (!tensor_begin(reader->request, reader->t, reader->object ? FORM_DATA : FORM_NESTED)) return false;
  if (reader->object) return true;
  tensor->dtype = RNNLOSS_F64;
  tensor->has_dtype = true;
  if (event == JSON_ARRAY_BEGIN) return data_event(reader, event, NULL, 0);
  return invalid(reader, PROBLEM_INVALID_DATA, "",
                 "a tensor is nested arrays, or an object with dtype, shape and data");
}

bool json_tensor_event(struct json_tensor *reader, enum json_event event, const char *text, size_t length) {
  if (!reader->begun) return first_event(reader, event);
  if (!reader->object) return data_event(reader, event, text, length);
  return object_event(reader, event, text, length);
}
