/* tensor.c - dtypes and sizes: what must be known to send a tensor, and nothing that the daemon checks */
#include <string.h>

#include "internal.h"

static const struct {
  const char *name;
  size_t size;
} dtypes[] = {[RNNLOSS_CLIENT_F16] = {"F16", 2},
              [RNNLOSS_CLIENT_BF16] = {"BF16", 2},
              [RNNLOSS_CLIENT_F32] = {"F32", 4},
              [RNNLOSS_CLIENT_F64] = {"F64", 8}};

static bool known(rnnloss_client_dtype dtype) {
  return (size_t)dtype < RNNLOSS_CLIENT_COUNT(dtypes);
}

const char *rnnloss_client_dtype_name(rnnloss_client_dtype dtype) {
  return known(dtype) ? dtypes[dtype].name : NULL;
}

size_t rnnloss_client_dtype_size(rnnloss_client_dtype dtype) {
  return known(dtype) ? dtypes[dtype].size : 0;
}

int dtype_find(const char *name, size_t length) {
  for (size_t i = 0; i < RNNLOSS_CLIENT_COUNT(dtypes); i++) {
    if (strlen(dtypes[i].name) == length && memcmp(dtypes[i].name, name, length) == 0) return (int)i;
  }
  return -1;
}

size_t rnnloss_client_elements(const rnnloss_client_tensor *tensor) {
  size_t count = 1;
  for (size_t i = 0; i < tensor->rank; i++) count *= tensor->shape[i];
  return count;
}

bool shape_bytes(const size_t *shape, size_t rank, rnnloss_client_dtype dtype, size_t *bytes) {
  size_t product = rnnloss_client_dtype_size(dtype);
  for (size_t i = 0; i < rank; i++) {
    if (shape[i] && product > SIZE_MAX / shape[i]) return false;
    product *= shape[i];
  }
  *bytes = product;
  return true;
}

bool tensor_check(const rnnloss_client_tensor *tensor, size_t *bytes, rnnloss_client_error *error) {
  if (!tensor->name) return error_argument(error, "a tensor has no name");
  if (!known(tensor->dtype)) return error_argument(error, "%s: there is no such dtype", tensor->name);
  if (tensor->rank && !tensor->shape) return error_argument(error, "%s has no shape", tensor->name);
  if (!shape_bytes(tensor->shape, tensor->rank, tensor->dtype, bytes))
    return error_argument(error, "%s: its shape is larger than any memory", tensor->name);
  if (*bytes && !tensor->data) return error_argument(error, "%s has no data", tensor->name);
  return true;
}

const char *option_value(const rnnloss_client_problem *problem, const char *name) {
  for (size_t i = 0; i < problem->option_count; i++) {
    const rnnloss_client_option *option = &problem->options[i];
    if (option->name && option->value && strcmp(option->name, name) == 0) return option->value;
  }
  return NULL;
}
