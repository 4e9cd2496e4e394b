/* json_claims.c - the claims of a JSON request
 *
 *   {"loss": x, "terms": {"fr": x, "mse": {"loss": x, "unweighted": x, "gradients": {..}}}, "gradients": {"fr": [..]}}
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "validate.h"

enum { IN_ROOT, IN_TERMS, AT_TERM, IN_TERM, AT_SCALAR, IN_GRADIENTS, IN_TENSOR };

void json_claims_begin(struct json_claims *claims, struct request *request, struct json_tensor *tensor) {
  *claims = (struct json_claims){.request = request, .tensor = tensor, .term = -1};
}

static bool invalid(struct json_claims *claims, const char *name, const char *detail) {
  char path[CLAIM_PATH_MAX];
  const int term = claims->term;
  snprintf(path, sizeof path, "%s%s%s%s", term < 0 ? "" : "terms.",
           term < 0 ? "" : rnnloss_term_describe((rnnloss_term)term)->name, term < 0 || !*name ? "" : ".", name);
  return claim_invalid(claims->request, path, "%s", detail);
}

static bool unknown(struct json_claims *claims, const char *text, size_t length, const char *const *names) {
  char name[64], hint[200];
  names_suggest(names_quote(text, length, name), names, NULL, hint, sizeof hint);
  return problem_set(claims->request->problem, PROBLEM_INVALID_CLAIM, "/claims", "unknown name \"%s\" in claims%s",
                     name, hint);
}

/* ---- numbers ---- */

static bool begin_scalar(struct json_claims *claims, struct claim_scalar *scalar) {
  if (!claim_again(claims->request, scalar)) return false;
  scalar->given = true;
  scalar->dtype = RNNLOSS_F64;
  claims->scalar = scalar;
  claims->place = AT_SCALAR;
  claims->word_length = 0;
  return true;
}

static bool end_scalar(struct json_claims *claims) {
  claims->place = claims->bare ? IN_TERMS : claims->term < 0 ? IN_ROOT : IN_TERM;
  if (claims->bare) claims->term = -1;
  claims->bare = false;
  return true;
}

static bool word_value(struct json_claims *claims) {
  static const char *const words[] = {"NaN", "Infinity", "-Infinity", NULL};
  static const double values[] = {(double)NAN, (double)INFINITY, -(double)INFINITY};
  const int found = names_find(claims->word, claims->word_length, words);
  if (found < 0)
    return claim_invalid(claims->request, claims->scalar->path,
                         "a number is needed, or \"NaN\", \"Infinity\" or \"-Infinity\"");
  rnnloss_store(RNNLOSS_F64, values[found], claims->scalar->bytes);
  return end_scalar(claims);
}

static bool on_scalar(struct json_claims *claims, enum json_event event, const char *text, size_t length) {
  if (event == JSON_NUMBER) {
    if (number_read(RNNLOSS_F64, text, length, claims->scalar->bytes)) return end_scalar(claims);
    return claim_invalid(claims->request, claims->scalar->path, "the number is beyond the largest double");
  }
  if (event == JSON_STRING) {
    const size_t room = sizeof claims->word - claims->word_length;
    const size_t piece = length < room ? length : room;
    memcpy(claims->word + claims->word_length, text, piece);
    claims->word_length += piece;
    return true;
  }
  claims->word_length = event == JSON_STRING_END ? claims->word_length : 0;
  return word_value(claims);
}

/* ---- gradients ---- */

static bool on_tensor(struct json_claims *claims, enum json_event event, const char *text, size_t length) {
  if (!json_tensor_event(claims->tensor, event, text, length)) return false;
  if (!claims->tensor->done) return true;
  claims->in_tensor = false;
  claims->place = IN_GRADIENTS;
  return true;
}

static bool on_gradients(struct json_claims *claims, enum json_event event, const char *text, size_t length) {
  static const char *const names[] = {"pred", "target", "fr", "w_in", "w_hid", "w_out", NULL};
  if (claims->opening) {
    claims->opening = false;
    return event == JSON_OBJECT_BEGIN || invalid(claims, "gradients", "an object is needed, of gradients by tensor");
  }
  if (event == JSON_OBJECT_END) {
    claims->place = claims->term < 0 ? IN_ROOT : IN_TERM;
    return true;
  }
  const int t = tensor_find(text, length);
  if (t < 0) return unknown(claims, text, length, names);
  struct request *owner = claims_gradients(claims->request, claims->term);
  if (!owner) return false;
  json_tensor_begin(claims->tensor, owner, (rnnloss_tensor)t);
  claims->place = IN_TENSOR;
  claims->in_tensor = true;
  return true;
}

static bool begin_gradients(struct json_claims *claims) {
  const unsigned bit = 1u << (claims->term + 1);
  if (claims->seen_gradients & bit)
    return problem_set(claims->request->problem, PROBLEM_DUPLICATE, "/claims", "gradients are given twice");
  claims->seen_gradients |= bit;
  claims->place = IN_GRADIENTS;
  claims->opening = true;
  return true;
}

/* ---- terms ---- */

static bool on_term(struct json_claims *claims, enum json_event event, const char *text, size_t length) {
  static const char *const names[] = {"loss", "unweighted", "gradients", NULL};
  struct claims *given = claims->request->claims;
  if (event == JSON_OBJECT_END) {
    claims->place = IN_TERMS;
    claims->term = -1;
    return true;
  }
  const int found = names_find(text, length, names);
  if (found < 0) return unknown(claims, text, length, names);
  if (found == 2) return begin_gradients(claims);
  return begin_scalar(claims, found ? &given->unweighted[claims->term] : &given->term_loss[claims->term]);
}

/* A term's value: an object, or its loss. */
static bool term_value(struct json_claims *claims, enum json_event event, const char *text, size_t length) {
  claims->place = IN_TERM;
  if (event == JSON_OBJECT_BEGIN) return true;
  if (event != JSON_NUMBER && event != JSON_STRING && event != JSON_STRING_END)
    return invalid(claims, "", "a number is needed, or an object of loss, unweighted and gradients");
  claims->bare = true;
  return begin_scalar(claims, &claims->request->claims->term_loss[claims->term]) &&
         on_scalar(claims, event, text, length);
}

static bool on_terms(struct json_claims *claims, enum json_event event, const char *text, size_t length) {
  if (claims->opening) {
    claims->opening = false;
    return event == JSON_OBJECT_BEGIN || invalid(claims, "terms", "an object is needed, of claims by term");
  }
  const char *names[RNNLOSS_TERMS + 1] = {NULL};
  for (int k = 0; k < RNNLOSS_TERMS; k++) names[k] = rnnloss_term_describe((rnnloss_term)k)->name;
  if (event == JSON_OBJECT_END) {
    claims->place = IN_ROOT;
    return true;
  }
  const int found = names_find(text, length, names);
  if (found < 0) return unknown(claims, text, length, names);
  if (claims->seen_terms & 1u << found)
    return problem_set(claims->request->problem, PROBLEM_DUPLICATE, "/claims/terms", "the term %s is given twice",
                       names[found]);
  claims->seen_terms |= 1u << found;
  claims->term = found;
  claims->place = AT_TERM;
  return true;
}

static bool on_root(struct json_claims *claims, enum json_event event, const char *text, size_t length) {
  static const char *const names[] = {"loss", "terms", "gradients", NULL};
  if (event == JSON_OBJECT_END) return claims->done = true;
  const int found = names_find(text, length, names);
  if (found < 0) return unknown(claims, text, length, names);
  if (found == 0) return begin_scalar(claims, &claims->request->claims->loss);
  if (found == 2) return begin_gradients(claims);
  if (claims->terms)
    return problem_set(claims->request->problem, PROBLEM_DUPLICATE, "/claims/terms", "terms are given twice");
  claims->terms = claims->opening = true;
  claims->place = IN_TERMS;
  return true;
}

bool json_claims_event(struct json_claims *claims, enum json_event event, const char *text, size_t length) {
  static bool (*const places[])(struct json_claims *, enum json_event, const char *, size_t) = {
      [IN_ROOT] = on_root,     [IN_TERMS] = on_terms,         [AT_TERM] = term_value, [IN_TERM] = on_term,
      [AT_SCALAR] = on_scalar, [IN_GRADIENTS] = on_gradients, [IN_TENSOR] = on_tensor};
  return places[claims->place](claims, event, text, length);
}
