/* problem.h - what can go wrong, and what was probably meant; see server.h */
#ifndef SERVER_PROBLEM_H
#define SERVER_PROBLEM_H

#include "storage.h"

/* ---- problem.c: what can go wrong, one row each ------------------------------------------------ */

enum problem_type {
  PROBLEM_NONE,
  PROBLEM_MALFORMED_HTTP,
  PROBLEM_MALFORMED_JSON,
  PROBLEM_MALFORMED_SAFETENSORS,
  PROBLEM_DUPLICATE,
  PROBLEM_UNAUTHORIZED,
  PROBLEM_FORBIDDEN,
  PROBLEM_NOT_FOUND,
  PROBLEM_METHOD_NOT_ALLOWED,
  PROBLEM_NOT_ACCEPTABLE,
  PROBLEM_UNSUPPORTED_MEDIA_TYPE,
  PROBLEM_TIMEOUT,
  PROBLEM_TOO_LARGE,
  PROBLEM_INVALID_REQUEST,
  PROBLEM_UNKNOWN_LAMBDA,
  PROBLEM_INVALID_LAMBDA,
  PROBLEM_UNKNOWN_TENSOR,
  PROBLEM_MISSING_TENSOR,
  PROBLEM_SHAPE_MISMATCH,
  PROBLEM_INVALID_SHAPE,
  PROBLEM_UNSUPPORTED_DTYPE,
  PROBLEM_INVALID_DATA,
  PROBLEM_NON_FINITE,
  PROBLEM_UNDEFINED,
  PROBLEM_OVERFLOW,
  PROBLEM_INVALID_CLAIM,
  PROBLEM_UNKNOWN_CONTRACT,
  PROBLEM_RATE_LIMITED,
  PROBLEM_OVERLOADED,
  PROBLEM_DRAINING,
  PROBLEM_NOT_READY,
  PROBLEM_INTERNAL,
  PROBLEM_TYPES
};
struct problem {
  enum problem_type type;
  char detail[600];  /* what is wrong, what was expected, what was found */
  char pointer[200]; /* RFC 6901 into the equivalent JSON request; empty: none */
};
struct problem_row {
  const char *id; /* "shape-mismatch" */
  unsigned status;
  const char *title;
};
const struct problem_row *problem_row(enum problem_type type);
/* Always returns false, so that a caller can return it. A problem that was set stays: the first one
 * counts, but that a malformed body (400) takes the place of an invalid one (422). */
bool problem_set(struct problem *problem, enum problem_type type, const char *pointer, const char *detail, ...)
    PRINTF_LIKE(4, 5);
/* The same for what is no request's: a phrase for the operator, to size bytes of error. Always returns false. */
bool error_set(char *error, size_t size, const char *format, ...) PRINTF_LIKE(3, 4);
bool problem_out_of_memory(struct problem *problem);        /* 503 */
const char *problem_token(const char *name, char out[128]); /* a (quoted) name as a step of a JSON pointer */
/* The problem+json document. NULL if memory has run out: then send problem_prebuilt (503). */
char *problem_print(const struct problem *problem, const char *request_id, struct arena *arena, size_t *length);
extern const char problem_prebuilt[];

/* ---- names.c: what a misspelt name may have meant ---------------------------------------------- */

/* The phrase `; did you mean "fr"?` or `; known: pred, target, ...`, to at most size bytes of out.
 * names is a list that ends with NULL; synonyms (may be NULL) lists pairs: written, meant, ..., NULL. */
void names_suggest(const char *name, const char *const *names, const char *const *synonyms, char *out, size_t size);
/* The same for short names, all of which are near each other: only a synonym counts as meant. */
void names_choices(const char *name, const char *const *names, const char *const *synonyms, char *out, size_t size);
/* Index of a name among names (ends with NULL), or -1. */
int names_find(const char *name, size_t length, const char *const *names);
/* A name as a detail may quote it: cut to 48 bytes at a character's end, control characters replaced. */
const char *names_quote(const char *name, size_t length, char out[64]);

#endif
