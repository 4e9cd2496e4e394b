/* Conversions of single elements; see number.h. */
#include "number.h"
#include "kernels.h"

double rnnloss_load(rnnloss_dtype dtype, const void *x) {
  return rnn_dtype_known(dtype) && x != NULL ? rnn_double_of(rnn_widen(dtype, rnn_bits_at(dtype, x)))
                                             : rnn_double_of(RNN_NAN_BITS);
}

void rnnloss_store(rnnloss_dtype dtype, double value, void *x) {
  if (rnn_dtype_known(dtype) && x != NULL) rnn_put_bits(dtype, rnn_narrow(dtype, rnn_bits_of(value)), x);
}

size_t rnnloss_find_nonfinite(rnnloss_dtype dtype, const void *x, size_t n) {
  return rnn_dtype_known(dtype) && x != NULL ? rnn_kernels()->find_nonfinite[dtype](x, n) : n;
}
