/* Exact scalars: dyadic numbers sign * w * 2^exponent with w an integer of at most RNN_BIG_WORDS words.
 *
 * Invariants. words <= RNN_BIG_WORDS; the last word in use is not 0; zero has no words and sign 0.
 * Words beyond are undefined. A result that would need more words is `broken`, and so is all that is
 * made of it; finish() then reports RNNLOSS_E_INTERNAL. Destinations differ from sources except where
 * said.
 *
 * Why RNN_BIG_WORDS is enough. The widest numbers are made for the total's comparison: T = P - m R with
 * P = sum of lambda_k S_k prod(counts). Each term's value lies in [2^-3250, 2^1024] (or is 0), so with five
 * counts (265 bits), lambda (53), and the denominator N M Q1 (53 + 2232) T has at most 6,900 bits and T^2
 * 13,800: 216 words. Of c[n] both (N M)^2 Q1^4 D m^2 and A^2 stay below 16,000 bits. */
#ifndef RNN_EXACT_H
#define RNN_EXACT_H

#include "number.h"

#define RNN_BIG_WORDS 320

struct rnn_big {
  int32_t exponent;
  uint16_t words;
  int8_t sign; /* -1, 0, 1 */
  bool broken;
  uint64_t w[RNN_BIG_WORDS];
};

void rnn_big_set(struct rnn_big *x, uint64_t value);
void rnn_big_set_double(struct rnn_big *x, double value); /* finite */
/* From n words of magnitude (n may be any number; leading zeros are dropped, and so are trailing ones). */
void rnn_big_set_words(struct rnn_big *x, const uint64_t *w, size_t n, int32_t exponent, bool negative);
/* From canonical limbs, in units of 2^exponent. */
void rnn_big_set_limbs(struct rnn_big *x, const int64_t *limb, size_t n, int32_t exponent);
void rnn_big_copy(struct rnn_big *x, const struct rnn_big *y);

void rnn_big_mul(struct rnn_big *out, const struct rnn_big *x, const struct rnn_big *y);
void rnn_big_mul_u64(struct rnn_big *out, const struct rnn_big *x, uint64_t y); /* out may be x */
/* out = x + sign y, with sign 1 or -1. */
void rnn_big_add(struct rnn_big *out, const struct rnn_big *x, const struct rnn_big *y, int sign);

/* -1, 0, 1 as |x| is less than, equal to or greater than |y|. No shifted copy is made. */
int rnn_big_compare(const struct rnn_big *x, const struct rnn_big *y);

/* Words of a magnitude in use: out[0 .. *n) = |limbs| from limb `low` on, `limbs` of them (canonical; the
 * ones below `low` are 0). Returns whether the number is negative. */
bool rnn_limbs_magnitude(const int64_t *limb, size_t low, size_t limbs, size_t total, uint64_t *out);

/* acc[0 .. n) += x y of xn and yn words; acc is wide enough. */
void rnn_words_multiply_add(uint64_t *acc, size_t n, const uint64_t *x, size_t xn, const uint64_t *y, size_t yn);

#endif
