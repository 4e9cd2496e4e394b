/* claims.c - what a request to /validate claims, by name */
#include <stdio.h>
#include <string.h>

#include "validate.h"

static const char *term_name(int term) {
  return rnnloss_term_describe((rnnloss_term)term)->name;
}

void claims_begin(struct claims *claims) {
  *claims = (struct claims){0};
  snprintf(claims->loss.path, CLAIM_PATH_MAX, "loss");
  for (int k = 0; k < RNNLOSS_TERMS; k++) {
    snprintf(claims->term_loss[k].path, CLAIM_PATH_MAX, "terms.%s.loss", term_name(k));
    snprintf(claims->unweighted[k].path, CLAIM_PATH_MAX, "terms.%s.unweighted", term_name(k));
  }
}

void claims_release(struct claims *claims) {
  for (int i = 0; i <= RNNLOSS_TERMS; i++) {
    if (claims->gradients[i]) request_release(claims->gradients[i]);
  }
}

struct request *claims_gradients(struct request *request, int term) {
  struct request *given = request->claims->gradients[term + 1];
  if (given) return given;
  struct request *made = arena_allocate(request->arena, sizeof *made);
  char *parent = arena_allocate(request->arena, CLAIM_PATH_MAX);
  if (!made || !parent) {
    problem_out_of_memory(request->problem);
    return NULL;
  }
  if (term < 0)
    snprintf(parent, CLAIM_PATH_MAX, "/claims/gradients/");
  else
    snprintf(parent, CLAIM_PATH_MAX, "/claims/terms/%s/gradients/", term_name(term));
  request_begin(made, request->arena, request->problem, request->max_neurons);
  made->keep_all = true;
  for (int t = 0; t < RNNLOSS_TENSORS; t++) made->tensor[t].parent = parent;
  request->claims->gradients[term + 1] = made;
  return made;
}

void claim_pointer(const char *path, char out[POINTER_MAX]) {
  const size_t length = (size_t)snprintf(out, POINTER_MAX, "/claims/%s", path);
  for (size_t i = 0; i < length && i < POINTER_MAX; i++) {
    if (out[i] == '.') out[i] = '/';
  }
}

bool claim_invalid(struct request *request, const char *path, const char *detail, ...) {
  char pointer[POINTER_MAX], text[400];
  claim_pointer(path, pointer);
  va_list arguments;
  va_start(arguments, detail);
  vsnprintf(text, sizeof text, detail, arguments);
  va_end(arguments);
  return problem_set(request->problem, PROBLEM_INVALID_CLAIM, pointer, "claims.%s: %s", path, text);
}

bool claim_again(struct request *request, const struct claim_scalar *claim) {
  char pointer[POINTER_MAX];
  if (!claim->given) return true;
  claim_pointer(claim->path, pointer);
  return problem_set(request->problem, PROBLEM_DUPLICATE, pointer, "claims.%s is given twice", claim->path);
}

/* ---- by their names in safetensors ---- */

static bool unknown(struct request *request, const char *name, size_t length) {
  char quoted[64];
  names_quote(name, length, quoted);
  return problem_set(request->problem, PROBLEM_INVALID_CLAIM, "/claims",
                     "unknown claim \"%s\"; known: claims.loss, claims.terms.T.loss, claims.terms.T.unweighted, "
                     "claims.gradients.X, claims.terms.T.gradients.X, with T a term and X a tensor",
                     quoted);
}

/* Goes on behind prefix, if the text begins with it. */
static bool passes(const char **at, const char *end, const char *prefix) {
  const size_t length = strlen(prefix);
  if ((size_t)(end - *at) < length || memcmp(*at, prefix, length) != 0) return false;
  *at += length;
  return true;
}

/* The term whose name, with a dot behind, comes next; -1: none. */
static int passes_term(const char **at, const char *end) {
  const char *dot = memchr(*at, '.', (size_t)(end - *at));
  for (int k = 0; dot && k < RNNLOSS_TERMS; k++) {
    const char *name = term_name(k);
    if ((size_t)(dot - *at) != strlen(name) || memcmp(*at, name, strlen(name)) != 0) continue;
    *at = dot + 1;
    return k;
  }
  return -1;
}

static struct claim_scalar *scalar_named(struct claims *claims, int term, const char *at, const char *end) {
  static const char *const names[] = {"loss", "unweighted", NULL};
  const int found = names_find(at, (size_t)(end - at), names);
  if (found < 0 || (term < 0 && found)) return NULL;
  return term < 0 ? &claims->loss : found ? &claims->unweighted[term] : &claims->term_loss[term];
}

bool claim_find(struct request *request, const char *name, size_t length, struct safetensors_entry *entry) {
  const char *at = name, *const end = name + length;
  int term = -1;
  if (!passes(&at, end, "claims.")) return tensor_unknown(request, name, length);
  if (passes(&at, end, "terms.") && (term = passes_term(&at, end)) < 0) return unknown(request, name, length);
  if (passes(&at, end, "gradients.")) {
    const int t = tensor_find(at, (size_t)(end - at));
    if (t < 0) return unknown(request, name, length);
    entry->t = (rnnloss_tensor)t;
    entry->owner = claims_gradients(request, term);
    return entry->owner != NULL;
  }
  entry->claim = scalar_named(request->claims, term, at, end);
  if (!entry->claim) return unknown(request, name, length);
  if (!claim_again(request, entry->claim)) return false;
  entry->claim->given = true;
  return true;
}

bool claim_header(struct request *request, struct claim_scalar *claim, const struct safetensors_header *header) {
  const int dtype = dtype_find(header->dtype, header->dtype_length);
  if (dtype < 0) return claim_invalid(request, claim->path, "its dtype must be F16, BF16, F32 or F64");
  if (header->rank > 1 || (header->rank == 1 && header->shape[0] != 1))
    return claim_invalid(request, claim->path, "it is one number: its shape must be [] or [1]");
  claim->dtype = (rnnloss_dtype)dtype;
  return true;
}

void claim_bytes(struct claim_scalar *claim, size_t offset, const void *bytes, size_t length) {
  memcpy(claim->bytes + offset, bytes, length);
}
