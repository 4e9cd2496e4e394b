/* 128-bit floating point with error bounds; see approx.h for the invariant. */
#include "approx.h"
#include <math.h>

/* Test builds set it to 1 so that the exact finish makes every value. */
#ifndef RNN_EXACT_ONLY
#define RNN_EXACT_ONLY 0
#endif

static struct rnn_approx lost(void) {
  return (struct rnn_approx){.error = RNN_LOST};
}

static struct rnn_approx checked(struct rnn_approx x) {
  return x.error > RNN_ERROR_MAX ? lost() : x;
}

RNN_INLINE int leading_zeros(rnn_u128 m) {
  uint64_t high = (uint64_t)(m >> 64);
  return high != 0 ? __builtin_clzll(high) : 64 + __builtin_clzll((uint64_t)m);
}

static struct rnn_approx normal(rnn_u128 m, uint64_t error, int32_t exponent, int sign) {
  if (m == 0) return error == 0 ? (struct rnn_approx){0} : lost();
  int shift = leading_zeros(m);
  if (error > RNN_ERROR_MAX || (shift >= 40 && error != 0)) return lost();
  return checked((struct rnn_approx){m << shift, error << (shift < 40 ? shift : 0), exponent - shift, (int8_t)sign});
}

struct rnn_approx rnn_approx_words(const uint64_t *w, size_t n, int32_t exponent, bool negative) {
  while (n > 0 && w[n - 1] == 0) n--;
  if (n == 0) return (struct rnn_approx){0};
  int sign = negative ? -1 : 1;
  if (n == 1) return normal(w[0], 0, exponent, sign);
  rnn_u128 m = (rnn_u128)w[n - 1] << 64 | w[n - 2];
  if (n == 2) return normal(m, 0, exponent, sign);
  int shift = __builtin_clzll(w[n - 1]);
  if (shift > 0) m = m << shift | w[n - 3] >> (64 - shift);
  return (struct rnn_approx){m, 1, exponent + 64 * (int32_t)(n - 2) - shift, (int8_t)sign};
}

struct rnn_approx rnn_approx_big(const struct rnn_big *x) {
  return x->broken ? lost() : rnn_approx_words(x->w, x->words, x->exponent, x->sign < 0);
}

struct rnn_approx rnn_approx_u64(uint64_t value) {
  return normal(value, 0, 0, 1);
}

struct rnn_approx rnn_approx_double(double value) {
  struct rnn_parts p = rnn_parts_of(RNNLOSS_F64, rnn_bits_of(value));
  return normal(p.m, 0, (int32_t)p.e - 1074, p.negative ? -1 : 1);
}

/* (mx +- ex)(my +- ey) / 2^128: the error is below ex + ey + 1, and cutting off adds 1. */
struct rnn_approx rnn_approx_mul(struct rnn_approx x, struct rnn_approx y) {
  if ((x.m == 0 && x.error == 0) || (y.m == 0 && y.error == 0)) return (struct rnn_approx){0};
  if (x.error == RNN_LOST || y.error == RNN_LOST) return lost();
  uint64_t xh = (uint64_t)(x.m >> 64), xl = (uint64_t)x.m, yh = (uint64_t)(y.m >> 64), yl = (uint64_t)y.m;
  rnn_u128 a = (rnn_u128)xh * yl, b = (rnn_u128)xl * yh;
  rnn_u128 low = ((rnn_u128)xl * yl >> 64) + (uint64_t)a + (uint64_t)b;
  rnn_u128 m = (rnn_u128)xh * yh + (a >> 64) + (b >> 64) + (low >> 64);
  int shift = m >> 127 == 0; /* the product of two numbers in [1/2, 1) is at least 1/4 */
  uint64_t error = (x.error + y.error + 2) << shift;
  return checked(
      (struct rnn_approx){m << shift, error, x.exponent + y.exponent + 128 - shift, (int8_t)(x.sign * y.sign)});
}

/* One digit of a long division: floor((*rest 2^64 + next)/v), with *rest < v and v >= 2^127 (Knuth's D). */
static uint64_t digit(rnn_u128 *rest, uint64_t next, rnn_u128 v) {
  uint64_t vh = (uint64_t)(v >> 64), vl = (uint64_t)v;
  uint64_t q = (uint64_t)(*rest >> 64) >= vh ? UINT64_MAX : (uint64_t)(*rest / vh);
  rnn_u128 r = *rest - (rnn_u128)q * vh;
  while (r >> 64 == 0 && (rnn_u128)q * vl > (r << 64 | next)) {
    q--;
    r += vh;
  }
  *rest = (r << 64 | next) - (rnn_u128)q * vl;
  return q;
}

/* Relative errors add: the quotient's is below (ex + ey)(1 + 2^-80) 2^-127, so below 2 (ex + ey) + 1 of its last
 * place, and cutting off adds 1. */
struct rnn_approx rnn_approx_div(struct rnn_approx x, struct rnn_approx y) {
  if (y.m == 0 || x.error == RNN_LOST || y.error == RNN_LOST) return lost();
  if (x.m == 0) return (struct rnn_approx){0};
  int half = x.m >= y.m; /* then x/2 < y */
  rnn_u128 rest = x.m >> half;
  uint64_t high = digit(&rest, half ? (uint64_t)x.m << 63 : 0, y.m);
  uint64_t low = digit(&rest, 0, y.m);
  return checked((struct rnn_approx){(rnn_u128)high << 64 | low, 2 * (x.error + y.error) + 2,
                                     x.exponent - y.exponent - 128 + half, (int8_t)(x.sign * y.sign)});
}

struct rnn_approx rnn_approx_add(struct rnn_approx x, struct rnn_approx y) {
  if (x.error == RNN_LOST || y.error == RNN_LOST) return lost();
  if (x.m == 0 || y.m == 0) return x.m == 0 ? y : x;
  if (x.exponent < y.exponent || (x.exponent == y.exponent && x.m < y.m)) {
    struct rnn_approx swap = x;
    x = y;
    y = swap;
  }
  int64_t shift = (int64_t)x.exponent - y.exponent;
  rnn_u128 m = shift < 128 ? y.m >> shift : 0;
  /* What the shift cuts off from y and from its error is below 1 each. */
  uint64_t error = x.error + (shift < 64 ? y.error >> shift : 0) + (shift > 0 ? 2 : 0);
  if (x.sign != y.sign) return normal(x.m - m, error, x.exponent, x.sign);
  m += x.m;
  if (m >= x.m) return checked((struct rnn_approx){m, error, x.exponent, x.sign});
  return checked((struct rnn_approx){m >> 1 | (rnn_u128)1 << 127, error / 2 + 2, x.exponent + 1, x.sign});
}

/* Newton's step from a double, twice: relative errors 2^-50, below 2^-98, below 2^-190. */
struct rnn_approx rnn_approx_root(struct rnn_approx x) {
  if (x.error == RNN_LOST || x.m == 0) return x;
  int odd = x.exponent & 1;
  double guess = sqrt(ldexp((double)(uint64_t)(x.m >> 64), odd)); /* in [2^31.5, 2^32.5] whatever the rounding */
  struct rnn_approx root = rnn_approx_double(guess);
  root.exponent += (x.exponent - odd + 64) / 2;
  for (int step = 0; step < 2; step++) {
    root.error = 0; /* any guess is exact, as a guess */
    root = rnn_approx_add(root, rnn_approx_div(x, root));
    root.exponent--;
  }
  if (root.error != RNN_LOST) root.error++;
  return root;
}

/* How many low bits of m lie below the last place of the nearest doubles. */
static int below_ulp(const struct rnn_approx *x) {
  int64_t top = (int64_t)x->exponent + 127;
  return top >= -1022 ? 75 : (int)(top < -1200 ? 200 : 75 - 1022 - top);
}

/* Bits of |x| cut to a double, which has not overflowed. */
static uint64_t cut(const struct rnn_approx *x, int below) {
  uint64_t m = (uint64_t)(x->m >> below);
  int64_t field = (int64_t)x->exponent + 127 + 1023;
  return field >= 1 ? m + ((uint64_t)(field - 1) << 52) : m;
}

bool rnn_approx_round(const struct rnn_approx *x, double *out) {
  if (x->error == RNN_LOST || RNN_EXACT_ONLY) return false;
  if (x->m == 0) {
    *out = 0;
    return true;
  }
  int below = below_ulp(x);
  if (below > 126 || (int64_t)x->exponent + 127 > 1022) /* tiny, or perhaps too large */
    return false;
  rnn_u128 half = (rnn_u128)1 << (below - 1), rest = x->m & (2 * half - 1);
  rnn_u128 distance = rest > half ? rest - half : half - rest;
  if (distance <= x->error) return false;
  *out = rnn_double_of((cut(x, below) + (rest > half)) | (uint64_t)(x->sign < 0) << 63);
  return true;
}

uint64_t rnn_approx_guess(const struct rnn_approx *x) {
  if (x->error == RNN_LOST || x->m == 0) return rnn_bits_of(1.0);
  int below = below_ulp(x);
  if ((int64_t)x->exponent + 127 > 1023) return RNN_INF_BITS;
  return below > 127 ? 0 : cut(x, below);
}
