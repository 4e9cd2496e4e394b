/* Kernels of the template: squares and squared differences. */
#ifndef RNN_KERNEL_SQUARES_H
#define RNN_KERNEL_SQUARES_H

#include "kernels.h"

/* One element's square to its bin. */
RNN_INLINE void square(rnnloss_dtype d, struct rnnloss_bins *bins, unsigned lane, const unsigned char *x,
                       rnnloss_nonfinite *bad) {
  uint64_t bits = rnn_bits_at(d, x);
  struct rnn_parts p = rnn_parts_of(d, bits);
  if (__builtin_expect(!p.finite, 0))
    rnn_count_nonfinite(bad, d, bits);
  else if (d == RNNLOSS_F64)
    bins->wide[2 * p.e] += (rnn_u128)p.m * p.m;
  else
    bins->narrow[lane][p.e] += p.m * p.m;
}

RNN_INLINE void squares(rnnloss_dtype d, struct rnnloss_bins *bins, const unsigned char *x, size_t n,
                        rnnloss_nonfinite *bad) {
  const size_t w = rnn_width(d);
  size_t i = 0;
  for (; n - i >= RNN_BIN_LANES; i += RNN_BIN_LANES)
    for (unsigned lane = 0; lane < RNN_BIN_LANES; lane++) square(d, bins, lane, x + (i + lane) * w, bad);
  for (; i < n; i++) square(d, bins, 0, x + i * w, bad);
}

/* One (a - b)^2 to the bins. Where the exponents are near, a - b is an integer below 2^56 in units of the
 * smaller one: 2^24 2^29 + 2^24 for narrow dtypes, 2^53 2^2 + 2^53 for F64. Elsewhere a^2 - 2ab + b^2.
 * Signs and exponents of real data are random: no branch but that one may depend on them. */
RNN_INLINE void difference(rnnloss_dtype d, rnn_u128 *wide, struct rnn_parts a, struct rnn_parts b) {
  const unsigned near = d == RNNLOSS_F64 ? 2 : 29;
  const unsigned base = 2 * (unsigned)(rnn_layout(d).least + 1074);
  a.e = a.m == 0 ? b.e : a.e; /* a zero may have any exponent */
  b.e = b.m == 0 ? a.e : b.e;
  unsigned low = a.e < b.e ? a.e : b.e, up = a.e - low, down = b.e - low; /* one of them is 0 */
  if (__builtin_expect((up | down) <= near, 1)) {
    int64_t flip = -(int64_t)(a.negative == b.negative);
    int64_t r = (int64_t)(a.m << up) + (((int64_t)(b.m << down) ^ flip) - flip);
    wide[base + 2 * low] += (rnn_u128)((rnn_i128)r * r);
    return;
  }
  rnn_u128 cross = (rnn_u128)a.m * b.m << 1;
  wide[base + 2 * a.e] += (rnn_u128)a.m * a.m;
  wide[base + 2 * b.e] += (rnn_u128)b.m * b.m;
  wide[base + a.e + b.e] += a.negative == b.negative ? -cross : cross;
}

RNN_INLINE void differences(rnnloss_dtype d, struct rnnloss_bins *bins, const unsigned char *a, const unsigned char *b,
                            size_t n, rnnloss_nonfinite *bad) {
  const size_t w = rnn_width(d);
  for (size_t i = 0; i < n; i++) {
    uint64_t x = rnn_bits_at(d, a + i * w), y = rnn_bits_at(d, b + i * w);
    struct rnn_parts p = rnn_parts_of(d, x), t = rnn_parts_of(d, y);
    if (__builtin_expect(p.finite & t.finite, 1))
      difference(d, bins->wide, p, t);
    else
      rnn_count_difference(bad, rnn_widen(d, x), rnn_widen(d, y));
  }
}

#endif
