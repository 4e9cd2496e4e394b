/* Kernels of the template: squares and squared differences. */
#ifndef RNN_KERNEL_SQUARES_H
#define RNN_KERNEL_SQUARES_H

#include "kernels.h"

/* So many elements are taken apart (a loop that compilers make vectors of) before any goes to its bin: then no load
 * of a bin waits for a store whose address isn't known yet. */
#define RNN_APART 64

struct apart {
  uint64_t m[RNN_APART];
  uint32_t e[RNN_APART];
};

/* Takes at most RNN_APART elements apart, m squared if asked for; whether all of them are finite. */
RNN_INLINE bool take_apart(rnnloss_dtype d, bool squared, struct apart *to, const unsigned char *x, size_t n) {
  uint32_t finite = 1;
  for (size_t k = 0; k < n; k++) {
    struct rnn_parts p = rnn_parts_of(d, rnn_bits_at(d, x + k * rnn_width(d)));
    to->m[k] = squared ? (uint64_t)(uint32_t)p.m * (uint32_t)p.m : p.m;
    to->e[k] = p.e;
    finite &= p.finite;
  }
  return finite != 0;
}

/* Counts what isn't finite, and makes it 0. Without branches: a tensor may be full of them. */
RNN_INLINE void count_squares(rnnloss_dtype d, struct apart *of, const unsigned char *x, size_t n,
                              rnnloss_nonfinite *bad) {
  const struct rnn_layout l = rnn_layout(d);
  const uint64_t infinity = (uint64_t)l.field << l.stored, sign = UINT64_C(1) << (8 * rnn_width(d) - 1);
  for (size_t k = 0; k < n; k++) {
    uint64_t bits = rnn_bits_at(d, x + k * rnn_width(d)), magnitude = bits & (sign - 1);
    of->m[k] &= -(uint64_t)(magnitude < infinity);
    bad->nan += magnitude > infinity;
    bad->positive += bits == infinity;
    bad->negative += bits == (infinity | sign);
  }
}

RNN_INLINE void squares_part(rnnloss_dtype d, struct rnnloss_bins *bins, const unsigned char *x, size_t n,
                             rnnloss_nonfinite *bad) {
  struct apart a;
  if (__builtin_expect(!take_apart(d, d != RNNLOSS_F64, &a, x, n), 0)) count_squares(d, &a, x, n, bad);
  if (d == RNNLOSS_F64)
    for (size_t k = 0; k < n; k++) bins->wide[2 * a.e[k]] += (rnn_u128)a.m[k] * a.m[k];
  else
    for (size_t k = 0; k < n; k++) bins->narrow[k % RNN_BIN_LANES][a.e[k]] += a.m[k];
}

/* Parts of a constant size are compiled apart from the last one: vectors again. A non-finite element's exponent
 * has a bin too (255 of narrow ones; of wide ones 4094), which gets zeros. */
RNN_INLINE void squares(rnnloss_dtype d, struct rnnloss_bins *bins, const unsigned char *x, size_t n,
                        rnnloss_nonfinite *bad) {
  for (; n >= RNN_APART; n -= RNN_APART, x += RNN_APART * rnn_width(d)) squares_part(d, bins, x, RNN_APART, bad);
  if (n > 0) squares_part(d, bins, x, n, bad);
}

/* As count_squares: a difference is infinite or NaN if a or b is, and becomes 0. */
RNN_INLINE void count_differences(rnnloss_dtype d, struct apart *p, struct apart *t, const unsigned char *a,
                                  const unsigned char *b, size_t n, rnnloss_nonfinite *bad) {
  const struct rnn_layout l = rnn_layout(d);
  const size_t w = rnn_width(d);
  const uint64_t infinity = (uint64_t)l.field << l.stored, sign = UINT64_C(1) << (8 * w - 1);
  for (size_t k = 0; k < n; k++) {
    uint64_t x = rnn_bits_at(d, a + k * w), y = rnn_bits_at(d, b + k * w);
    uint64_t up = x == infinity || y == (infinity | sign), down = y == infinity || x == (infinity | sign);
    uint64_t nan = (x & (sign - 1)) > infinity || (y & (sign - 1)) > infinity || (up & down) != 0;
    uint64_t finite = (nan | up | down) - 1; /* all ones if so */
    p->m[k] &= finite;
    t->m[k] &= finite;
    bad->nan += nan;
    bad->positive += up & ~nan & 1;
    bad->negative += down & ~nan & 1;
  }
}

/* a^2 + b^2 - 2ab, of which a bin that stands for twice its unit gets -ab. Signs and exponents of real data are
 * random: no branch may depend on them. */
RNN_INLINE void differences_part(rnnloss_dtype d, struct rnnloss_bins *bins, const unsigned char *a,
                                 const unsigned char *b, size_t n, rnnloss_nonfinite *bad) {
  const size_t w = rnn_width(d);
  struct apart p, t;
  uint64_t flip[RNN_APART]; /* all ones to subtract */
  bool finite = take_apart(d, false, &p, a, n);
  finite = take_apart(d, false, &t, b, n) && finite;
  if (__builtin_expect(!finite, 0)) count_differences(d, &p, &t, a, b, n, bad);
  for (size_t k = 0; k < n; k++) flip[k] = ((rnn_bits_at(d, a + k * w) ^ rnn_bits_at(d, b + k * w)) >> (8 * w - 1)) - 1;
  if (d == RNNLOSS_F64) {
    for (size_t k = 0; k < n; k++) {
      rnn_u128 cross = (rnn_u128)p.m[k] * t.m[k] << 1, turn = (rnn_u128)(rnn_i128)(int64_t)flip[k];
      bins->wide[2 * p.e[k]] += (rnn_u128)p.m[k] * p.m[k];
      bins->wide[2 * t.e[k]] += (rnn_u128)t.m[k] * t.m[k];
      bins->wide[p.e[k] + t.e[k]] += (cross ^ turn) - turn;
    }
    return;
  }
  for (size_t k = 0; k < n; k++) {
    uint32_t x = (uint32_t)p.m[k], y = (uint32_t)t.m[k];
    flip[k] = ((uint64_t)x * y ^ flip[k]) - flip[k]; /* now the product */
    p.m[k] = (uint64_t)x * x;
    t.m[k] = (uint64_t)y * y;
  }
  for (size_t k = 0; k < n; k++) {
    bins->narrow[0][p.e[k]] += p.m[k];
    bins->narrow[1][t.e[k]] += t.m[k];
    bins->narrow[RNN_CROSS_LANE + ((p.e[k] + t.e[k]) >> 8)][(p.e[k] + t.e[k]) & 255] += flip[k];
  }
}

RNN_INLINE void differences(rnnloss_dtype d, struct rnnloss_bins *bins, const unsigned char *a, const unsigned char *b,
                            size_t n, rnnloss_nonfinite *bad) {
  const size_t step = RNN_APART * rnn_width(d);
  for (; n >= RNN_APART; n -= RNN_APART, a += step, b += step) differences_part(d, bins, a, b, RNN_APART, bad);
  if (n > 0) differences_part(d, bins, a, b, n, bad);
}

#if defined(RNN_AVX2) || defined(RNN_AVX512) || defined(RNN_NEON)
#include "kernel_squares_vector.h"
#else
/* Without a fused multiply-add in hardware no block is done faster than by the bins. */
RNN_INLINE size_t square_blocks(rnnloss_dtype d, bool difference, rnnloss_square *sum, const unsigned char *x,
                                const unsigned char *y, size_t n) {
  (void)d, (void)difference, (void)sum, (void)x, (void)y, (void)n;
  return 0;
}
#endif

#endif
