/* What tests of the sums of squares share: the variants that this machine runs, data, and sums in integers. */
#ifndef SQUARES_FIXTURE_H
#define SQUARES_FIXTURE_H

#include "bins.h"
#include "random_bits.h"

#define MOST (3 * RNN_BLOCK_BYTES) /* bytes of the longest tensor here */

RNN_INLINE uint64_t below(uint64_t n) {
  return random_bits() % n;
}

struct variant {
  const struct kernels *kernels;
  int lanes, sets_two, sets_other;
  bool runs;
};

RNN_INLINE const struct variant *variants(size_t *count) {
  static struct variant all[3];
  size_t n = 0;
#if RNN_X86_64
  __builtin_cpu_init();
  bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  all[n++] = (struct variant){&rnn_kernels_avx2, 4, 4, 2, avx2};
  all[n++] = (struct variant){&rnn_kernels_avx512, 8, 4, 4, avx512};
#endif
#if RNN_AARCH64
  all[n++] = (struct variant){&rnn_kernels_neon, 2, 4, 4, true};
#endif
  *count = n;
  return all;
}

RNN_INLINE void add_exactly(rnnloss_square *sum, rnnloss_dtype d, const unsigned char *x, const unsigned char *y,
                            size_t n) {
  const unsigned origin = (unsigned)(2 * rnn_layout(d).least + RNN_SQUARE_ORIGIN);
  for (size_t i = 0; i < n; i++) {
    struct rnn_parts p = rnn_parts_of(d, rnn_bits_at(d, x + i * rnn_width(d)));
    rnn_limbs_add(sum->limb, (rnn_u128)p.m * p.m, origin + 2 * p.e, false);
    if (y == NULL) continue;
    struct rnn_parts t = rnn_parts_of(d, rnn_bits_at(d, y + i * rnn_width(d)));
    rnn_limbs_add(sum->limb, (rnn_u128)t.m * t.m, origin + 2 * t.e, false);
    rnn_limbs_add(sum->limb, (rnn_u128)p.m * t.m, origin + p.e + t.e + 1, p.negative == t.negative);
  }
}

enum pattern { RANDOM, LARGEST, ONE_SMALL, TIES, PATTERNS };

/* A number with this exponent field: random bits, all ones, or 4 odd, whose square lies halfway where F32 has the
 * first bin's place. The last bit is set otherwise, so that the exponent says where it is. */
RNN_INLINE uint64_t number(rnnloss_dtype d, unsigned field, enum pattern pattern) {
  const unsigned stored = (unsigned)rnn_layout(d).stored;
  uint64_t fraction = (UINT64_C(1) << stored) - 1;
  if (pattern == RANDOM) fraction &= random_bits() | 1;
  if (pattern == TIES) fraction = (fraction & random_bits() & ~UINT64_C(3)) | 4;
  return fraction | (uint64_t)field << stored;
}

static unsigned char x_data[MOST + 64], y_data[MOST + 64];

RNN_INLINE double normal(void) {
  double sum = 0;
  for (int i = 0; i < 12; i++) sum += (double)(random_bits() >> 11) * 0x1p-53;
  return sum - 6;
}

RNN_INLINE void fill_any(rnnloss_dtype d, unsigned char *x, size_t n, unsigned mode) {
  const struct rnn_layout l = rnn_layout(d);
  const size_t w = rnn_width(d);
  for (size_t i = 0; i < n; i++) {
    uint64_t bits = random_bits() & ((UINT64_C(1) << l.stored) - 1), sign = (random_bits() & 1) << (8 * w - 1);
    uint64_t field = l.field / 2;
    if (mode == 0) bits = rnn_narrow(d, rnn_bits_of(normal()));
    if (mode == 1) field = below(l.field); /* adversarial */
    if (mode == 2) field = 0;
    if (mode == 3) bits = field = 0;
    if (mode == 4 && below(3) != 0) bits = field = 0;
    if (mode == 5) field = i % 4000 == 3999 ? 0 : field; /* one subnormal a block, near its end */
    if (mode == 6) field = l.field / 2 - below(l.field / 2 < 24 ? l.field / 2 : 24);
    if (mode == 7) bits = 0, field = l.field / 2 + below(2); /* powers of two: nothing below the hidden bit */
    rnn_put_bits(d, mode == 0 ? bits : bits | sign | field << l.stored, x + i * w);
  }
}

#endif
