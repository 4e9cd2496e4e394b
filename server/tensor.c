/* tensor.c - the tensors of a request: names, dtype, shape, and the data as it arrives */
#include <stdio.h>
#include <string.h>

#include "server.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "elements travel little-endian and are reduced as they come: this server needs a little-endian machine"
#endif

#define COUNT_MAX ((uint64_t)1 << 53)
#define LOOSE_SIZE 9

static const char *const tensor_names[] = {"pred", "target", "fr", "w_in", "w_hid", "w_out", NULL};
static const char *const dtype_names[] = {"F16", "BF16", "F32", "F64", NULL};

int tensor_find(const char *name, size_t length) {
  return names_find(name, length, tensor_names);
}

int dtype_find(const char *name, size_t length) {
  return names_find(name, length, dtype_names);
}

const char *tensor_name(rnnloss_tensor t) {
  return rnnloss_tensor_describe(t)->name;
}

const char *tensor_pointer(const struct tensor *tensor, rnnloss_tensor t, const char *member, char out[POINTER_MAX]) {
  bool nested = !tensor || tensor->form == FORM_NESTED;
  snprintf(out, POINTER_MAX, "%s%s%s", tensor && tensor->parent ? tensor->parent : "/tensors/", tensor_name(t),
           nested ? "" : member);
  return out;
}

bool tensor_unknown(struct request *request, const char *name, size_t length) {
  static const char *const synonyms[] = {"state", "fr",    "states",    "fr",     "hidden", "fr", "rates",
                                         "fr",    "label", "target",    "labels", "target", "y",  "target",
                                         "w_rec", "w_hid", "w_readout", "w_out",  NULL};
  char hint[200], quoted[64], token[128], pointer[160];
  names_quote(name, length, quoted);
  names_suggest(quoted, tensor_names, synonyms, hint, sizeof hint);
  snprintf(pointer, sizeof pointer, "/tensors/%s", problem_token(quoted, token));
  return problem_set(request->problem, PROBLEM_UNKNOWN_TENSOR, pointer, "unknown tensor \"%s\"%s", quoted, hint);
}

bool tensor_begin(struct request *request, rnnloss_tensor t, enum form form) {
  struct tensor *tensor = &request->tensor[t];
  char pointer[POINTER_MAX];
  if (tensor->present) {
    return problem_set(request->problem, PROBLEM_DUPLICATE, tensor_pointer(tensor, t, "", pointer), "%s is given twice",
                       tensor_name(t));
  }
  tensor->present = true;
  tensor->form = form;
  return true;
}

bool tensor_dtype(struct request *request, rnnloss_tensor t, const char *name, size_t length) {
  static const char *const synonyms[] = {"float16", "F16", "half", "F16", "bfloat16", "BF16", "float32", "F32",
                                         "float",   "F32", "f32",  "F32", "float64",  "F64",  "double",  "F64",
                                         "f64",     "F64", "f16",  "F16", "bf16",     "BF16", NULL};
  struct tensor *tensor = &request->tensor[t];
  char quoted[64], hint[120], pointer[POINTER_MAX];
  int dtype = dtype_find(name, length);
  if (dtype < 0) {
    names_quote(name, length, quoted);
    names_choices(quoted, dtype_names, synonyms, hint, sizeof hint);
    return problem_set(request->problem, PROBLEM_UNSUPPORTED_DTYPE, tensor_pointer(tensor, t, "/dtype", pointer),
                       "%s: the dtype \"%s\" is not taken%s", tensor_name(t), quoted, hint);
  }
  tensor->dtype = (rnnloss_dtype)dtype;
  tensor->has_dtype = true;
  return true;
}

void tensor_shape_text(const struct tensor *tensor, char *out, size_t size) {
  size_t at = (size_t)snprintf(out, size, "[");
  for (unsigned i = 0; i < tensor->rank && at < size; i++) {
    at += (size_t)snprintf(out + at, size - at, "%s%llu", i ? ", " : "", (unsigned long long)tensor->shape[i]);
  }
  if (at < size) snprintf(out + at, size - at, "]");
}

static bool shape_invalid(struct request *request, rnnloss_tensor t, const char *detail) {
  char pointer[POINTER_MAX], shape[200];
  const struct tensor *tensor = &request->tensor[t];
  tensor_shape_text(tensor, shape, sizeof shape);
  return problem_set(request->problem, PROBLEM_INVALID_SHAPE, tensor_pointer(tensor, t, "/shape", pointer), "%s %s: %s",
                     tensor_name(t), shape, detail);
}

static bool too_many_neurons(struct request *request, rnnloss_tensor t, uint64_t neurons) {
  char detail[120];
  if (neurons <= request->max_neurons) return false;
  snprintf(detail, sizeof detail, "%llu neurons are more than the %llu that are taken (--max-neurons)",
           (unsigned long long)neurons, (unsigned long long)request->max_neurons);
  shape_invalid(request, t, detail);
  return true;
}

bool tensor_shape(struct request *request, rnnloss_tensor t, unsigned rank, const uint64_t *shape) {
  struct tensor *tensor = &request->tensor[t];
  bool weight = t >= RNNLOSS_W_IN;
  tensor->rank = rank < RANK_MAX ? rank : RANK_MAX;
  memcpy(tensor->shape, shape, tensor->rank * sizeof *shape);
  if (weight && rank != 2) return shape_invalid(request, t, "a weight matrix has 2 axes");
  if (rank < 1 || rank > RANK_MAX) {
    return shape_invalid(request, t, rank ? "more than 8 axes are not taken" : "at least 1 axis is needed");
  }
  tensor->elements = 1;
  for (unsigned i = 0; i < rank; i++) {
    if (shape[i] == 0) return shape_invalid(request, t, "an axis is empty");
    if (__builtin_mul_overflow(tensor->elements, shape[i], &tensor->elements) || tensor->elements >= COUNT_MAX) {
      return shape_invalid(request, t, "there are too many elements");
    }
  }
  uint64_t unit = shape[rank - 1];
  if ((t == RNNLOSS_RATE || t == RNNLOSS_W_HID) && too_many_neurons(request, t, unit)) return false;
  tensor->has_shape = true;
  return true;
}

size_t tensor_element_size(const struct tensor *tensor) {
  return tensor->loose ? LOOSE_SIZE : rnnloss_dtype_size(tensor->dtype);
}

/* Bytes of data that the tensor will have; 0: not known yet. */
static uint64_t expected_bytes(const struct tensor *tensor) {
  bool known = tensor->has_shape && (tensor->loose || tensor->has_dtype);
  return known ? tensor->elements * tensor_element_size(tensor) : 0;
}

static bool does_not_fill(struct request *request, rnnloss_tensor t) {
  const struct tensor *tensor = &request->tensor[t];
  const char *member = tensor->form == FORM_BASE64 ? "/data_base64" : tensor->form == FORM_DATA ? "/data" : "";
  char pointer[POINTER_MAX], shape[200];
  tensor_shape_text(tensor, shape, sizeof shape);
  uint64_t size = tensor_element_size(tensor);
  bool more = tensor->received > tensor->elements * size;
  return problem_set(request->problem, PROBLEM_INVALID_DATA, tensor_pointer(tensor, t, member, pointer),
                     "%s: the data does not fill the shape %s: it has %s%llu %s, not %llu", tensor_name(t), shape,
                     more && !tensor->complete ? "at least " : "",
                     (unsigned long long)(tensor->form == FORM_BASE64 ? tensor->received : tensor->received / size),
                     tensor->form == FORM_BASE64 ? "bytes" : "numbers",
                     (unsigned long long)(tensor->form == FORM_BASE64 ? tensor->elements * size : tensor->elements));
}

/* An element that a chunk's end has cut waits for its other bytes. */
static bool pass_partial(struct request *request, rnnloss_tensor t, const unsigned char **bytes, size_t *length) {
  struct tensor *tensor = &request->tensor[t];
  size_t size = tensor_element_size(tensor);
  while (tensor->partial_length && *length) {
    tensor->partial[tensor->partial_length++] = *(*bytes)++;
    --*length;
    if (tensor->partial_length == size) {
      tensor->partial_length = 0;
      return evaluate_passing(request, t, tensor->partial, 1);
    }
  }
  return true;
}

static bool pass(struct request *request, rnnloss_tensor t, const unsigned char *bytes, size_t length) {
  struct tensor *tensor = &request->tensor[t];
  size_t size = tensor_element_size(tensor);
  if (!pass_partial(request, t, &bytes, &length)) return false;
  size_t cut = length % size;
  if (length >= size && !evaluate_passing(request, t, bytes, length / size)) return false;
  if (cut) memcpy(tensor->partial, bytes + length - cut, cut);
  if (cut) tensor->partial_length = (unsigned)cut;
  return true;
}

bool tensor_bytes(struct request *request, rnnloss_tensor t, const void *bytes, size_t length) {
  struct tensor *tensor = &request->tensor[t];
  uint64_t expected = expected_bytes(tensor);
  if (tensor->received == 0) tensor->keep = evaluate_keeps(request, t);
  if (tensor->received == 0 && !tensor->keep) account_trim(request->arena->account, expected); /* it passes by */
  tensor->received += length;
  if (expected && tensor->received > expected) return does_not_fill(request, t);
  if (!tensor->keep) return pass(request, t, bytes, length);
  if (!store_append(&tensor->store, bytes, length, expected)) return problem_out_of_memory(request->problem);
  return evaluate_kept(request, t);
}

bool tensor_end(struct request *request, rnnloss_tensor t) {
  struct tensor *tensor = &request->tensor[t];
  tensor->complete = true;
  return tensor->received == tensor->elements * tensor_element_size(tensor) || does_not_fill(request, t);
}
