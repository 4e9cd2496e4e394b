/* The offsets c[n] of the gradient of fr. With s and v the lambdas of fr_sd and fr_cv (0 if not wanted):
 *
 *   c[n] = alpha (N S_n - Q1) + beta    alpha = (s/C + v/Q1)/sqrt(D)    beta = -v sqrt(D)/Q1^2
 *        = (K (N S_n - Q1) - L)/sqrt(W)
 *   without fr_cv   K = s                  L = 0       W = C^2 D
 *   with it         K = (s Q1 + v C) Q1    L = v C D   W = C^2 Q1^4 D */
#include "values.h"

static void plan_near(rnnloss_terms *t) {
  struct rnn_offset_plan *p = &t->plan;
  struct rnn_approx none = {0};
  struct rnn_approx count = rnn_approx_u64(t->problem.rates->count), cv = rnn_approx_double(p->cv);
  struct rnn_approx sum = rnn_approx_div(rnn_approx_double(p->sd), count);
  p->beta = none;
  if (!rnn_is_zero(p->cv)) {
    struct rnn_approx by_mean = rnn_approx_div(cv, t->q1_near);
    sum = rnn_approx_add(sum, by_mean);
    p->beta = rnn_approx_div(rnn_approx_mul(by_mean, t->root_d), t->q1_near);
    p->beta.sign = (int8_t)-p->beta.sign;
  }
  p->alpha = rnn_approx_div(sum, t->root_d);
  p->ready = true;
  p->exact = false;
}

static void plan_exact(rnnloss_terms *t) {
  struct rnn_offset_plan *p = &t->plan;
  struct rnn_big *a = &t->t2, *b = &t->t3;
  uint64_t count = t->problem.rates->count;
  p->exact = true;
  rnn_big_mul_u64(a, &t->d, count);
  rnn_big_mul_u64(&p->w, a, count); /* C^2 D */
  if (rnn_is_zero(p->cv)) {
    rnn_big_set_double(&p->k, p->sd);
    rnn_big_set(&p->l, 0);
    return;
  }
  rnn_big_set_double(b, p->cv);
  rnn_big_mul(&p->l, a, b); /* v C D */
  rnn_big_mul_u64(b, b, count);
  rnn_big_set_double(&p->k, p->sd);
  rnn_big_mul(a, &p->k, &t->q1);
  rnn_big_add(&t->t4, a, b, 1);
  rnn_big_mul(&p->k, &t->t4, &t->q1);
  rnn_big_mul(a, &t->q1, &t->q1);
  rnn_big_mul(b, a, a);
  rnn_big_mul(a, &p->w, b);
  rnn_big_copy(&p->w, a);
}

#define WORDS (RNN_NEURON_WORDS + 2)

/* N S_n - Q1 as a magnitude of terms->words + 2 words; whether it is negative. q1 is two's complement. */
static bool deviation(const rnnloss_terms *t, size_t neuron, const uint64_t *q1, uint64_t *out) {
  uint64_t s[RNN_NEURON_WORDS];
  size_t words = t->words, n = words + 2;
  uint64_t flip = rnn_neuron_magnitude(t, neuron, s) ? UINT64_MAX : 0;
  uint64_t neurons = t->problem.rates->neurons;
  rnn_u128 product = 0;
  uint64_t up = flip & 1, borrow = 0, top = 0;
  for (size_t i = 0; i < n; i++) { /* product, its sign, less q1, in one go */
    product += i < words ? (rnn_u128)s[i] * neurons : 0;
    rnn_u128 term = (rnn_u128)((uint64_t)product ^ flip) + up;
    product >>= 64;
    up = (uint64_t)(term >> 64);
    rnn_u128 difference = (rnn_u128)(uint64_t)term - q1[i] - borrow;
    out[i] = top = (uint64_t)difference;
    borrow = (uint64_t)(difference >> 64) & 1;
  }
  bool negative = top >> 63 != 0;
  uint64_t carry = negative;
  for (size_t i = 0; negative && i < n; i++) {
    out[i] = ~out[i] + carry;
    carry = carry != 0 && out[i] == 0;
  }
  return negative;
}

static rnnloss_status offset_exact(rnnloss_terms *t, const uint64_t *words, bool negative,
                                   const struct rnn_approx *near, double *c) {
  struct rnn_offset_plan *p = &t->plan;
  if (!p->exact) plan_exact(t);
  rnn_big_set_words(&t->t1, words, t->words + 2, t->exponent, negative);
  rnn_big_mul(&t->t2, &p->k, &t->t1);
  rnn_big_add(&t->t1, &t->t2, &p->l, -1);
  rnn_big_mul(&t->t2, &t->t1, &t->t1);
  struct rnn_surd v = {.root = true, .sign = t->t1.sign, .r = &p->w, .x = &t->t2};
  return rnn_finish(&v, rnn_approx_guess(near), &t->scratch, c);
}

static rnnloss_status offsets(rnnloss_terms *t, size_t first, size_t n, double *c) {
  uint64_t q1[WORDS] = {0}, words[WORDS];
  size_t limbs = t->problem.rates->limbs, high = t->words * 2 + 4;
  for (size_t i = 0; i < high; i++) { /* Q1 from limb `low` on, sign-extended */
    uint64_t fill = t->q1.sign < 0 ? UINT32_MAX : 0;
    uint64_t limb = t->low + i < limbs ? (uint64_t)t->q1_limb[t->low + i] & UINT32_MAX : fill;
    q1[i / 2] |= limb << (32 * (i % 2));
  }
  for (size_t i = 0; i < n; i++) {
    bool negative = deviation(t, first + i, q1, words);
    struct rnn_approx s = rnn_approx_words(words, t->words + 2, t->exponent, negative);
    struct rnn_approx near = rnn_approx_add(rnn_approx_mul(t->plan.alpha, s), t->plan.beta);
    if (rnn_approx_round(&near, &c[i])) continue;
    rnnloss_status status = offset_exact(t, words, negative, &near, &c[i]);
    if (status != RNNLOSS_OK) return status;
  }
  return RNNLOSS_OK;
}

rnnloss_status rnnloss_terms_offsets(rnnloss_terms *t, bool sd, bool cv, size_t first, size_t n, double *c) {
  if (t == NULL || t->phase != RNN_DONE || (c == NULL && n > 0)) return RNNLOSS_E_ARGUMENT;
  if (t->problem.rates != NULL && (first > t->problem.rates->neurons || n > t->problem.rates->neurons - first))
    return RNNLOSS_E_ARGUMENT;
  double lambda_sd = sd ? t->problem.lambda[RNNLOSS_FR_SD] : 0, lambda_cv = cv ? t->problem.lambda[RNNLOSS_FR_CV] : 0;
  bool wanted = t->problem.rates != NULL && (!rnn_is_zero(lambda_sd) || !rnn_is_zero(lambda_cv));
  if (!wanted || !t->rates_finite || t->d.sign == 0) {
    for (size_t i = 0; i < n; i++) c[i] = wanted && !t->rates_finite ? rnn_double_of(RNN_NAN_BITS) : 0;
    return RNNLOSS_OK;
  }
  if (!t->plan.ready || rnn_bits_of(t->plan.sd) != rnn_bits_of(lambda_sd) ||
      rnn_bits_of(t->plan.cv) != rnn_bits_of(lambda_cv)) {
    t->plan.sd = lambda_sd;
    t->plan.cv = lambda_cv;
    plan_near(t);
  }
  return offsets(t, first, n, c);
}
