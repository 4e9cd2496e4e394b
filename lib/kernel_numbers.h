/* Kernels of the template: elements to F64 and back, and whether they are finite. */
#ifndef RNN_KERNEL_NUMBERS_H
#define RNN_KERNEL_NUMBERS_H

#include "kernels.h"

RNN_INLINE size_t find_nonfinite(rnnloss_dtype d, const unsigned char *x, size_t n) {
  const uint64_t all = (uint64_t)rnn_layout(d).field << rnn_layout(d).stored;
  const size_t w = rnn_width(d), block = 256;
  size_t i = 0;
  for (; n - i >= block; i += block) { /* most blocks have none: look without leaving the loop */
    unsigned any = 0;
    for (size_t k = 0; k < block; k++) any |= (rnn_bits_at(d, x + (i + k) * w) & all) == all;
    if (any != 0) break;
  }
  while (i < n && (rnn_bits_at(d, x + i * w) & all) != all) i++;
  return i;
}

RNN_INLINE void widen(rnnloss_dtype d, const unsigned char *x, double *out, size_t n) {
  for (size_t i = 0; i < n; i++) out[i] = rnn_double_of(rnn_widen(d, rnn_bits_at(d, x + i * rnn_width(d))));
}

/* To F64 quickly; subnormals and NaNs as rnn_widen has them, but NaNs keep their payload until they are put. */
RNN_INLINE double load(rnnloss_dtype d, const unsigned char *x) {
  if (d == RNNLOSS_F32) {
    float value;
    memcpy(&value, x, sizeof value);
    return (double)value;
  }
  if (d == RNNLOSS_BF16) {
    uint32_t bits = (uint32_t)rnn_bits_at(d, x) << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return (double)value;
  }
  return rnn_double_of(d == RNNLOSS_F64 ? rnn_bits_at(d, x) : rnn_widen(d, rnn_bits_at(d, x)));
}

RNN_INLINE void put(rnnloss_dtype d, double value, unsigned char *out) {
  if (d == RNNLOSS_F32) {
    float narrow = (float)value;
    uint32_t bits;
    memcpy(&bits, &narrow, sizeof bits);
    rnn_put_bits(d, value != value ? 0x7FC00000 : bits, out);
  } else if (d == RNNLOSS_F64) {
    rnn_put_bits(d, value != value ? RNN_NAN_BITS : rnn_bits_of(value), out);
  } else {
    rnn_put_bits(d, rnn_narrow(d, rnn_bits_of(value)), out);
  }
}

RNN_INLINE void narrow(rnnloss_dtype d, const double *x, unsigned char *out, size_t n) {
  for (size_t i = 0; i < n; i++) put(d, x[i], out + i * rnn_width(d));
}

#endif
