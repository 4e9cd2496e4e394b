/* When a block of squares may be summed in binary64 without losing a bit, and where its sums are anchored.
 *
 * A bin is a binary64 accumulator that starts at its anchor 1.5 2^k and stays in [2^k, 2^(k+1)], so that all it
 * ever holds are multiples of U = 2^(k-52). To deposit v in it:   t = s + v;  q = t - s;  s = t;  rest v - q.
 *
 * (1) t is s + v rounded to a multiple of U. So q = t - s is the multiple of U nearest to v, computed exactly,
 *     and |v - q| <= U/2. The same holds for t = fma(x, x, s) and v = x^2, which needn't be a binary64 number.
 * (2) If v is a binary64 number, so is v - q: it is v if q = 0; else |v| >= U/2, and if U <= the last place of
 *     v then q = v, else v - q is a multiple of v's last place and (as 0 is a multiple of U too) not larger
 *     than |v|. So v - q, or fma(x, x, -q), is computed exactly.
 * (3) With N = 2^c deposits, each |v| <= 2^top, |q| <= 2^top as well (2^top is a multiple of U), and so
 *     k = top + c + 1 keeps |s - 1.5 2^k| <= 2^(c + top) = 2^(k-1), as was asked for.
 * (4) The rests, |v - q| <= 2^(k-53), go to the next bin, whose top is k - 53: it lies at k - 52 + c.
 * (5) Deposits in the last bin leave no rest iff they are multiples of its U: iff every v is a multiple of
 *     2^lsb with lsb >= k - 52 for the last k.
 * A bin's sum is the integer difference of its bits to the anchor's, in units of U: no sum is ever rounded.
 *
 * rnn_chain has (3) to (5), and keeps anchors normal and finite. What it is asked for, with 2^E <= the largest
 * |x| < 2^(E+1), every x != 0 at least 2^e, and p bits stored, so that every x is a multiple of 2^(e-p):
 *
 *   RNN_TWO     two bins take x^2 by fma: top = 2E + 2, lsb = 2(e - p). The rest x^2 - q is exact: a multiple of
 *               2^lsb and at most 2^(k-53), k - 53 - lsb <= 51 - c by (5), hence a binary64 number.
 *   RNN_THREE   a third bin. Here (2) is needed, and holds, as x^2 of a narrow x has at most 48 bits.
 *   RNN_PAIR    F64: x^2 = h + l, h = RN(x^2), l = fma(x, x, -h): exact, as 2(e - 52) >= -1074 and h is finite.
 *               h <= 2^(2E+2) is a multiple of 2^(2e-52); |l| <= 2^(2E-52), half a place of the largest h, one of
 *               2^(2e-104). Two bins for h and two for l.
 *   RNN_FOUR    the same h and l through one chain of four bins, both deposited: N doubles. l starts at the
 *               second bin, as |l| <= 2^(top-54) is below what (4) grants a rest there, 2^(top+c-52).
 *   Differences d = p - t of narrow dtypes are exact in binary64 if E + 2 - (e - p) <= 53 (|d| < 2^(E+2), a
 *               multiple of 2^(e-p)). Then RNN_TWO and RNN_FOUR with top = 2E + 4: d^2 needn't be a binary64
 *               number, but RNN_TWO has said that its rest is one.
 *   RNN_WIDE    differences of F64: p - t = d + f, d = RN(p - t), f exact and |f| <= 2^(E-52), a multiple of
 *               2^(e-52). (d + f)^2 = h + l + h' + l' + f^2 with h + l = d^2 and h' + l' = d 2f as above: five
 *               deposits, N grows by 2^3. |h| <= 2^(2E+4) starts at the first bin; |l| <= 2^(2E-50) and
 *               |h'| <= 2^(2E-49) at the second one (which grants 2^(2E+c-48)); |l'| <= 2^(2E-102) and
 *               f^2 <= 2^(2E-104) at the third (2^(2E+2c-100)). f^2 is exact if 2(E - e) <= 53.
 *
 * F16 and BF16 have a way without any of this: as integers x 2^(p-e), which F32 holds exactly (the scale is a normal
 * number, and so is x, if that is one of F32 at all) and which are below 2^b, b = E + 1 - (e - p):
 *
 *   RNN_INTEGER 32-bit integers if b <= 31, squares below 2^2b, of which 2^c stay below 2^64 if 2b + c <= 64. For
 *               differences, which are integers as well, b is one more.
 */
#ifndef RNN_SQUARES_PLAN_H
#define RNN_SQUARES_PLAN_H

#include "number.h"

enum rnn_shape { RNN_SLOW, RNN_INTEGER, RNN_TWO, RNN_THREE, RNN_PAIR, RNN_FOUR, RNN_WIDE };

#define RNN_PLAN_BINS 4

struct rnn_plan {
  enum rnn_shape shape;
  int k[RNN_PLAN_BINS]; /* anchors; of RNN_INTEGER the first is e - p */
};

/* Bins in use. */
RNN_INLINE unsigned rnn_shape_bins(enum rnn_shape shape) {
  return shape == RNN_TWO ? 2 : shape == RNN_THREE ? 3 : 4;
}

/* Lays out so many bins; whether they lose nothing. */
RNN_INLINE bool rnn_chain(int *k, int bins, int top, int lsb, int c) {
  k[0] = top + c + 1;
  for (int j = 1; j < bins; j++) k[j] = k[j - 1] - 52 + c;
  return lsb >= k[bins - 1] - 52 && k[bins - 1] >= -1022 && k[0] <= 1022;
}

/* Binary logarithms of the elements that one accumulator takes of a block: with RNN_INTEGER, RNN_TWO, other shapes. */
struct rnn_loads {
  int integer, two, other;
};

RNN_INLINE struct rnn_plan rnn_plan_narrow(struct rnn_loads c, bool difference, int E, int e, int p) {
  struct rnn_plan plan = {.shape = RNN_SLOW};
  int top = 2 * E + (difference ? 4 : 2), lsb = 2 * (e - p);
  int b = E + 1 - (e - p) + difference;
  if (p <= 10 && b <= 31 && 2 * b + c.integer <= 64 && p - e <= 127 && p - e >= -126) {
    plan.shape = RNN_INTEGER;
    plan.k[0] = e - p;
    return plan;
  }
  if (difference && E + 2 - (e - p) > 53) return plan;
  if (rnn_chain(plan.k, 2, top, lsb, c.two))
    plan.shape = RNN_TWO;
  else if (!difference && rnn_chain(plan.k, 3, top, lsb, c.other))
    plan.shape = RNN_THREE;
  else if (difference && rnn_chain(plan.k, 4, top, lsb, c.other + 1))
    plan.shape = RNN_FOUR;
  return plan;
}

RNN_INLINE struct rnn_plan rnn_plan_double(struct rnn_loads c, bool difference, int E, int e) {
  struct rnn_plan plan = {.shape = RNN_SLOW};
  int lsb = 2 * e - 104;
  if (lsb < -1074) return plan;
  if (difference) {
    if (2 * (E - e) <= 53 && rnn_chain(plan.k, 4, 2 * E + 4, lsb, c.other + 3)) plan.shape = RNN_WIDE;
  } else if (rnn_chain(plan.k, 2, 2 * E + 2, 2 * e - 52, c.other) &&
             rnn_chain(plan.k + 2, 2, 2 * E - 52, lsb, c.other)) {
    plan.shape = RNN_PAIR;
  } else if (rnn_chain(plan.k, 4, 2 * E + 2, lsb, c.other + 1)) {
    plan.shape = RNN_FOUR;
  }
  return plan;
}

/* For a block whose exponent fields (of finite elements that aren't 0) lie in [low, high]. Field 0, subnormals,
 * has the unit of field 1, and smaller numbers. */
RNN_INLINE struct rnn_plan rnn_plan(rnnloss_dtype d, struct rnn_loads c, bool difference, unsigned high, unsigned low) {
  struct rnn_layout l = rnn_layout(d);
  if (high >= l.field) return (struct rnn_plan){.shape = RNN_SLOW};
  int first = l.least + l.stored - 1; /* the exponent of field 0, if it were one of normal numbers */
  int E = first + (int)(high == 0 ? 1 : high), e = first + (int)(low == 0 ? 1 : low);
  return d == RNNLOSS_F64 ? rnn_plan_double(c, difference, E, e) : rnn_plan_narrow(c, difference, E, e, l.stored);
}

#endif
