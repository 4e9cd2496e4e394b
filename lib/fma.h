/* a x + c rounded once, for machines without such an instruction. libm's fma would do, but for its price: without
 * the instruction it is slow and, on x86-64, works in the x87 unit, whose modes the guard of the floating-point
 * environment leaves alone. In the default environment; a NaN is any NaN. */
#ifndef RNN_FMA_H
#define RNN_FMA_H

#include "number.h"

/* (negative ? -1 : 1) m 2^e; bit 0 of m may stand for something less that was lost. */
struct rnn_fma_term {
  rnn_u128 m;
  int e;
  bool negative;
};

RNN_INLINE int rnn_fma_top(rnn_u128 m) { /* m != 0 */
  return m >> 64 != 0 ? 127 - __builtin_clzll((uint64_t)(m >> 64)) : 63 - __builtin_clzll((uint64_t)m);
}

/* m / 2^shift, with bit 0 set if anything is lost. */
RNN_INLINE rnn_u128 rnn_fma_jam(rnn_u128 m, int shift) {
  if (shift > 127) return m != 0;
  return m >> shift | ((m & (((rnn_u128)1 << shift) - 1)) != 0);
}

/* To the nearest double, ties to even. */
RNN_INLINE double rnn_fma_round(struct rnn_fma_term t) {
  int top = rnn_fma_top(t.m), field = top + t.e + 1023;
  if (field > 2046) return rnn_double_of((uint64_t)t.negative << 63 | RNN_INF_BITS);
  int shift = top - 54 + (field < 1 ? 1 - field : 0); /* two bits stay below the last place */
  uint64_t m = (uint64_t)(shift < 0 ? t.m << -shift : rnn_fma_jam(t.m, shift)), rest = m & 3;
  m = (m >> 2) + (rest > 2 || (rest == 2 && (m & 4) != 0));
  return rnn_double_of((uint64_t)t.negative << 63 | (m + ((uint64_t)(field < 1 ? 0 : field - 1) << 52)));
}

/* In integers, for finite numbers; neither a nor x is 0. Terms are shifted up until bit 125 is their highest: of the
 * product, which has at most 106 bits, the last 20 are 0 then, of c more. The smaller term loses bits only if it
 * moves by more than 20; the difference is above 2^124 then, and bit 0 far below the last place of the result. */
__attribute__((noinline, unused)) static double rnn_fma_exact(double a, double x, double c) {
  struct rnn_parts pa = rnn_parts_of(RNNLOSS_F64, rnn_bits_of(a)), px = rnn_parts_of(RNNLOSS_F64, rnn_bits_of(x)),
                   pc = rnn_parts_of(RNNLOSS_F64, rnn_bits_of(c));
  struct rnn_fma_term big = {(rnn_u128)pa.m * px.m, (int)(pa.e + px.e) - 2148, pa.negative != px.negative};
  int up = 125 - rnn_fma_top(big.m);
  big.m <<= up;
  big.e -= up;
  if (pc.m == 0) return rnn_fma_round(big);
  up = 125 - rnn_fma_top(pc.m);
  struct rnn_fma_term small = {(rnn_u128)pc.m << up, (int)pc.e - 1074 - up, pc.negative};
  if (small.e > big.e || (small.e == big.e && small.m > big.m)) {
    struct rnn_fma_term swap = big;
    big = small;
    small = swap;
  }
  rnn_u128 m = rnn_fma_jam(small.m, big.e - small.e);
  big.m = big.negative == small.negative ? big.m + m : big.m - m;
  return big.m != 0 ? rnn_fma_round(big) : 0;
}

/* s + e is x + y exactly, s rounded (Knuth). */
RNN_INLINE double rnn_two_sum(double x, double y, double *e) {
  double s = x + y, part = s - x;
  *e = (x - (s - part)) + (y - part);
  return s;
}

/* x rounded to 26 bits; what is left has as few (Veltkamp). */
RNN_INLINE double rnn_split(double x) {
  double t = x * 0x1.0000002p27;
  return t - (t - x);
}

/* high + low + c rounded once: the small parts are summed to an odd last place, which no later rounding takes for
 * a tie (Boldo and Melquiond, Emulation of FMA and correctly rounded sums, 2008: proved but for overflow). */
RNN_INLINE double rnn_sum_three(double high, double low, double c) {
  double ul, tl, e;
  double uh = rnn_two_sum(low, c, &ul), th = rnn_two_sum(high, uh, &tl), s = rnn_two_sum(tl, ul, &e);
  uint64_t bits = rnn_bits_of(s), inexact = e != 0, even = ~bits & 1;
  uint64_t away = ((rnn_bits_of(e) ^ bits) >> 63) ^ 1; /* e points away from 0 as s does */
  bits += (inexact & even) * (2 * away - 1);           /* one place up or down, to the odd neighbour */
  return th + rnn_double_of(bits);
}

/* The product is high + low exactly if its last bit is not below 2^-1074 (Dekker): 106 bits below 2^-900 don't get
 * there. Nothing overflows where |a|, |x| and |result| are below 2^900. A result of 0 has its sign from elsewhere. */
RNN_INLINE double rnn_fma(double a, double x, double c) {
  double high = a * x;
  double ah = rnn_split(a), al = a - ah, xh = rnn_split(x), xl = x - xh;
  double low = ((ah * xh - high) + ah * xl + al * xh) + al * xl;
  double sum = rnn_sum_three(high, low, c);
  const double least = 0x1p-900, most = 0x1p900;
  bool sure = __builtin_fabs(high) > least && __builtin_fabs(sum) < most && sum != 0;
  if (__builtin_expect(sure & (__builtin_fabs(a) < most) & (__builtin_fabs(x) < most), 1)) return sum;
  if (a == 0 || x == 0 || !(__builtin_fabs(a) < __builtin_inf()) || !(__builtin_fabs(x) < __builtin_inf()))
    return high + c;
  return __builtin_fabs(c) < __builtin_inf() ? rnn_fma_exact(a, x, c) : c;
}

#endif
