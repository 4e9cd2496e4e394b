/* problem.c - what can go wrong, one row each, and how it is said (RFC 9457) */
#include <stdio.h>
#include <string.h>

#include "server.h"

static const struct problem_row rows[PROBLEM_TYPES] = {
    [PROBLEM_NONE] = {"internal", 500, "No problem"},
    [PROBLEM_MALFORMED_HTTP] = {"malformed-http", 400, "The HTTP request could be read in two ways"},
    [PROBLEM_MALFORMED_JSON] = {"malformed-json", 400, "The body is not JSON"},
    [PROBLEM_MALFORMED_SAFETENSORS] = {"malformed-safetensors", 400, "The body is not safetensors"},
    [PROBLEM_DUPLICATE] = {"duplicate", 400, "The same name is given twice"},
    [PROBLEM_UNAUTHORIZED] = {"unauthorized", 401, "A token is needed"},
    [PROBLEM_FORBIDDEN] = {"forbidden", 403, "The client is not admitted"},
    [PROBLEM_NOT_FOUND] = {"not-found", 404, "There is nothing here"},
    [PROBLEM_METHOD_NOT_ALLOWED] = {"method-not-allowed", 405, "The method is not taken here"},
    [PROBLEM_NOT_ACCEPTABLE] = {"not-acceptable", 406, "There is no such encoding of the answer"},
    [PROBLEM_UNSUPPORTED_MEDIA_TYPE] = {"unsupported-media-type", 415, "The encoding is not taken"},
    [PROBLEM_TIMEOUT] = {"timeout", 408, "The request took too long"},
    [PROBLEM_TOO_LARGE] = {"too-large", 413, "The body is larger than is taken"},
    [PROBLEM_INVALID_REQUEST] = {"invalid-request", 422, "The request is not valid"},
    [PROBLEM_UNKNOWN_LAMBDA] = {"unknown-lambda", 422, "There is no such weight"},
    [PROBLEM_INVALID_LAMBDA] = {"invalid-lambda", 422, "The weight is not valid"},
    [PROBLEM_UNKNOWN_TENSOR] = {"unknown-tensor", 422, "There is no such tensor"},
    [PROBLEM_MISSING_TENSOR] = {"missing-tensor", 422, "A tensor is missing"},
    [PROBLEM_SHAPE_MISMATCH] = {"shape-mismatch", 422, "Shapes disagree"},
    [PROBLEM_INVALID_SHAPE] = {"invalid-shape", 422, "The shape is not taken"},
    [PROBLEM_UNSUPPORTED_DTYPE] = {"unsupported-dtype", 422, "The dtype is not taken"},
    [PROBLEM_INVALID_DATA] = {"invalid-data", 422, "The data is not valid"},
    [PROBLEM_NON_FINITE] = {"non-finite", 422, "The input is not finite"},
    [PROBLEM_UNDEFINED] = {"undefined", 422, "The loss is undefined"},
    [PROBLEM_OVERFLOW] = {"overflow", 422, "The result is too large for a double"},
    [PROBLEM_INVALID_CLAIM] = {"invalid-claim", 422, "The claim cannot be judged"},
    [PROBLEM_UNKNOWN_CONTRACT] = {"unknown-contract", 422, "This contract is not served"},
    [PROBLEM_RATE_LIMITED] = {"rate-limited", 429, "Too many requests at once"},
    [PROBLEM_OVERLOADED] = {"overloaded", 503, "Out of memory for now"},
    [PROBLEM_DRAINING] = {"draining", 503, "The server is shutting down"},
    [PROBLEM_NOT_READY] = {"not-ready", 503, "The server must not be used"},
    [PROBLEM_INTERNAL] = {"internal", 500, "A defect of the server"},
};

const char problem_prebuilt[] =
    "{\"type\":\"#overloaded\",\"title\":\"Out of memory for now\",\"status\":503,"
    "\"detail\":\"no memory could be had for this request; try again\",\"request_id\":\"\"}\n";

const struct problem_row *problem_row(enum problem_type type) {
  return &rows[type < PROBLEM_TYPES ? type : 0];
}

/* A malformed body is malformed whatever it would have meant, and no memory is no verdict at all. */
static bool gives_way(enum problem_type old, enum problem_type new) {
  if (old == PROBLEM_NONE || new == PROBLEM_OVERLOADED) return true;
  return rows[old].status == 422 && rows[new].status == 400;
}

/* Cuts text that was formatted to its limit back to a whole UTF-8 character. */
static void trim_to_character(char *text, size_t size, int formatted) {
  if (formatted < 0) text[0] = '\0';
  if (formatted < 0 || (size_t)formatted < size) return;
  size_t end = size - 1;
  while (end > 0 && ((unsigned char)text[end - 1] & 0xC0) == 0x80) end--;
  if (end > 0 && ((unsigned char)text[end - 1] & 0x80)) end--;
  text[end] = '\0';
}

bool problem_set(struct problem *problem, enum problem_type type, const char *pointer, const char *detail, ...) {
  if (!gives_way(problem->type, type)) return false;
  problem->type = type;
  va_list arguments;
  va_start(arguments, detail);
  trim_to_character(problem->detail, sizeof problem->detail,
                    vsnprintf(problem->detail, sizeof problem->detail, detail, arguments));
  va_end(arguments);
  trim_to_character(problem->pointer, sizeof problem->pointer,
                    snprintf(problem->pointer, sizeof problem->pointer, "%s", pointer));
  return false;
}

bool error_set(char *error, size_t size, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(error, size, format, arguments);
  va_end(arguments);
  return false;
}

const char *problem_token(const char *name, char out[128]) {
  size_t at = 0;
  for (; *name && at < 125; name++) {
    bool escaped = *name == '~' || *name == '/';
    if (escaped) out[at++] = '~';
    out[at++] = *name == '~' ? '0' : *name == '/' ? '1' : *name;
  }
  out[at] = '\0';
  return out;
}

bool problem_out_of_memory(struct problem *problem) {
  return problem_set(problem, PROBLEM_OVERLOADED, "", "no memory could be had for this request; try again");
}

char *problem_print(const struct problem *problem, const char *request_id, struct arena *arena, size_t *length) {
  const struct problem_row *row = problem_row(problem->type);
  char type[40] = "#";
  strncat(type, row->id, sizeof type - 2);
  struct document *document = document_create();
  void *root = document_root(document);
  document_string(document, root, "type", type);
  document_string(document, root, "title", row->title);
  document_integer(document, root, "status", row->status);
  document_string(document, root, "detail", problem->detail);
  if (problem->pointer[0]) document_string(document, root, "pointer", problem->pointer);
  document_string(document, root, "request_id", request_id);
  char *bytes = document_print(document, false, arena, length);
  document_release(document);
  return bytes;
}
