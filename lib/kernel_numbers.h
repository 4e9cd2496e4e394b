/* Kernels of the template: elements to F64 and back, and whether they are finite. */
#ifndef RNN_KERNEL_NUMBERS_H
#define RNN_KERNEL_NUMBERS_H

#include "kernels.h"

#if defined(RNN_AVX2) || defined(RNN_AVX512) || defined(RNN_NEON)
#include "kernel_numbers_vector.h"
#else

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

/* In integers: reductions widen too, in whatever floating-point environment. */
RNN_INLINE void widen(rnnloss_dtype d, const unsigned char *x, double *out, size_t n) {
  for (size_t i = 0; i < n; i++) out[i] = rnn_double_of(rnn_widen(d, rnn_bits_at(d, x + i * rnn_width(d))));
}

/* To F64 without a branch; a NaN stays one. An F16 becomes 2^-14 or more with its fraction in place; of a subnormal
 * the 2^-14, which it has no hidden bit for, goes again. */
RNN_INLINE double load(rnnloss_dtype d, const unsigned char *x) {
  uint64_t bits = rnn_bits_at(d, x);
  if (d == RNNLOSS_F16) {
    uint64_t sign = bits >> 15 << 63, magnitude = bits & 0x7FFF;
    uint64_t subnormal = magnitude < 0x400, special = magnitude >= 0x7C00;
    double value = rnn_double_of((magnitude << 42) + ((1008 + subnormal) << 52));
    value -= rnn_double_of((0 - subnormal) & UINT64_C(1009) << 52);
    return rnn_double_of(rnn_bits_of(value) | sign | ((0 - special) & RNN_INF_BITS));
  }
  if (d == RNNLOSS_F64) return rnn_double_of(bits);
  uint32_t single = (uint32_t)(d == RNNLOSS_BF16 ? bits << 16 : bits);
  float value;
  memcpy(&value, &single, sizeof value);
  return (double)value;
}

/* To F16 or BF16 without a branch. At the normal ones' last place half of it less one is added, and one more if that
 * place is odd. In the sum with 2^52 times the smallest subnormal, subnormals have their last place where F64 has, so
 * that the addition rounds them. */
RNN_INLINE uint64_t put_bits_16(rnnloss_dtype d, double value) {
  const struct rnn_layout l = rnn_layout(d);
  const unsigned cut = 52 - (unsigned)l.stored;
  const uint64_t bias = (uint64_t)(l.least + l.stored + 1022) << l.stored; /* of F64's exponents to this dtype's */
  const uint64_t infinity = (uint64_t)l.field << l.stored, least_normal = bias + (UINT64_C(1) << l.stored);
  const uint64_t anchor = (uint64_t)(l.least + 52 + 1023) << 52;
  uint64_t sign = rnn_bits_of(value) >> 63 << 15, bits = rnn_bits_of(value) & (UINT64_MAX >> 1);
  uint64_t normal = ((bits + (UINT64_C(1) << (cut - 1)) - 1 + (bits >> cut & 1)) >> cut) - bias;
  uint64_t subnormal = rnn_bits_of(rnn_double_of(bits) + rnn_double_of(anchor)) - anchor;
  uint64_t out = bits < least_normal << cut ? subnormal : normal;
  out = bits >= (bias + infinity) << cut || out > infinity ? infinity : out;
  return bits > RNN_INF_BITS ? infinity | UINT64_C(1) << (l.stored - 1) : sign | out;
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
    rnn_put_bits(d, put_bits_16(d, value), out);
  }
}

RNN_INLINE void narrow(rnnloss_dtype d, const double *x, unsigned char *out, size_t n) {
  for (size_t i = 0; i < n; i++) put(d, x[i], out + i * rnn_width(d));
}

#endif
#endif
