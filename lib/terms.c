/* Statistics and lambdas to the statistics that all values are made of: Q1, Q2 and D; see terms.h. */
#include "values.h"

size_t rnnloss_terms_size(void) {
  return sizeof(struct rnnloss_terms);
}

static rnnloss_status check_square(const rnnloss_square *sum) {
  if (sum == NULL || sum->count == 0) return RNNLOSS_E_MISSING;
  return sum->count < (uint64_t)1 << 53 ? RNNLOSS_OK : RNNLOSS_E_LIMIT;
}

static rnnloss_status check_rates(const rnnloss_rates *rates) {
  if (rates == NULL || rates->limb == NULL || rates->neurons == 0 || rates->count == 0 ||
      rates->count % rates->neurons != 0)
    return RNNLOSS_E_MISSING;
  if (rates->limbs != RNNLOSS_NARROW_LIMBS && rates->limbs != RNNLOSS_WIDE_LIMBS) return RNNLOSS_E_ARGUMENT;
  if (rates->count >= (uint64_t)1 << 53 || rates->neurons > RNNLOSS_MAX_NEURONS) return RNNLOSS_E_LIMIT;
  return RNNLOSS_OK;
}

/* Limbs that a caller filled may hold what no sum of squares is: a negative or too large number. */
static rnnloss_status settle_square(rnnloss_square *sum) {
  rnn_limbs_settle(sum->limb, RNNLOSS_SQUARE_LIMBS);
  sum->loose = 0;
  int64_t top = sum->limb[RNNLOSS_SQUARE_LIMBS - 1];
  return top >= 0 && top < RNN_TOP_MAX ? RNNLOSS_OK : RNNLOSS_E_LIMIT;
}

static rnnloss_status check_term(const rnnloss_problem *problem, int term) {
  if (rnn_is_zero(problem->lambda[term])) return RNNLOSS_OK;
  if (rnn_bits_of(problem->lambda[term]) >= RNN_INF_BITS) /* with the sign bit, too */
    return RNNLOSS_E_LAMBDA;
  return term < RNNLOSS_MEAN_SQUARES ? check_square(problem->square[term]) : check_rates(problem->rates);
}

rnnloss_status rnnloss_terms_begin(void *memory, size_t size, const rnnloss_problem *problem, rnnloss_terms **terms,
                                   rnnloss_term *culprit) {
  if (memory == NULL || problem == NULL || terms == NULL || size < sizeof(struct rnnloss_terms))
    return RNNLOSS_E_ARGUMENT;
  for (int pass = 0; pass < 2; pass++) /* all is checked before any sum is settled */
    for (int k = 0; k < RNNLOSS_TERMS; k++) {
      rnnloss_status status = check_term(problem, k);
      if (status == RNNLOSS_OK && pass == 1 && k < RNNLOSS_MEAN_SQUARES && !rnn_is_zero(problem->lambda[k]))
        status = settle_square(problem->square[k]);
      if (status != RNNLOSS_OK) {
        if (culprit != NULL) *culprit = (rnnloss_term)k;
        return status;
      }
    }
  rnnloss_terms *t = memory;
  t->problem = *problem;
  memset(&t->values, 0, sizeof t->values);
  for (unsigned k = 0; k < RNNLOSS_TERMS; k++) t->values.active |= (unsigned)!rnn_is_zero(problem->lambda[k]) << k;
  t->rates_active = (t->values.active >> RNNLOSS_FR_SD & 1) != 0 || (t->values.active >> RNNLOSS_FR_CV & 1) != 0;
  t->rates_finite = true;
  if (t->rates_active) {
    const rnnloss_nonfinite *bad = &problem->rates->nonfinite;
    t->rates_finite = (bad->nan | bad->positive | bad->negative) == 0;
  }
  t->phase = t->rates_active && t->rates_finite ? RNN_GATHER : RNN_VALUES;
  t->next = 0;
  t->low = t->rates_active ? problem->rates->limbs : 0;
  t->high = 0;
  t->plan.ready = false;
  memset(t->q1_limb, 0, sizeof t->q1_limb);
  memset(t->q2_word, 0, sizeof t->q2_word);
  *terms = t;
  return RNNLOSS_OK;
}

/* Widens [t->low, t->high) to where limb, canonical and 0 but for [low, high), holds a number. */
static void widen_range(rnnloss_terms *t, const int64_t *limb, size_t limbs, size_t low, size_t high) {
  if (low < t->low) t->low = low;
  if (limb[limbs - 1] < 0) {
    /* Above the number all bits are set; -2^(32 i) has its magnitude's bit one limb above the last that differs. */
    while (high > 0 && high >= t->high && (limb[high - 1] & UINT32_MAX) == UINT32_MAX) high--;
    if (high < limbs) high++;
  }
  if (high > t->high) t->high = high;
}

#define SETTLED ((size_t)32) /* neurons at once: they are still in cache when they are looked at */

/* Settles neurons [next, end), adds them up, and finds which limbs are in use. */
static rnnloss_status gather(rnnloss_terms *t, size_t end) {
  rnnloss_rates *r = t->problem.rates;
  for (size_t done = 0; t->next < end; t->next++, done++) {
    int64_t *limb = r->limb + t->next * r->limbs;
    if (done % SETTLED == 0) rnnloss_rates_settle(r, t->next, end - t->next < SETTLED ? end - t->next : SETTLED);
    int64_t top = limb[r->limbs - 1];
    if (top >= RNN_TOP_MAX || top <= -RNN_TOP_MAX) return RNNLOSS_E_LIMIT;
    size_t low = rnn_limbs_low(limb, r->limbs), high = rnn_limbs_high(limb, r->limbs);
    widen_range(t, limb, r->limbs, low, high);
    for (size_t i = low; i < high; i++) /* at most 2^26 numbers below 2^32 */
      t->q1_limb[i] += limb[i];
  }
  return RNNLOSS_OK;
}

static void gathered(rnnloss_terms *t) {
  const rnnloss_rates *r = t->problem.rates;
  int origin = r->limbs == RNNLOSS_NARROW_LIMBS ? RNN_NARROW_ORIGIN : RNN_WIDE_ORIGIN;
  if (t->high <= t->low) { /* all are 0 */
    t->low = 0;
    t->high = 1;
  }
  t->words = (t->high - t->low + 1) / 2;
  t->exponent = 32 * (int32_t)t->low - origin;
  t->next = 0;
  t->phase = RNN_SQUARE;
}

static void square(rnnloss_terms *t, size_t end) {
  uint64_t s[RNN_NEURON_WORDS];
  size_t n = t->words;
  for (; t->next < end; t->next++) {
    rnn_neuron_magnitude(t, t->next, s);
    rnn_words_multiply_add(t->q2_word, 2 * n + 1, s, n, s, n);
  }
}

/* D, and what the quick attempts need. */
static rnnloss_status squared(rnnloss_terms *t) {
  const rnnloss_rates *r = t->problem.rates;
  int origin = r->limbs == RNNLOSS_NARROW_LIMBS ? RNN_NARROW_ORIGIN : RNN_WIDE_ORIGIN;
  rnn_limbs_settle(t->q1_limb, r->limbs);
  int64_t top = t->q1_limb[r->limbs - 1];
  if (top >= RNN_TOP_MAX || top <= -RNN_TOP_MAX) return RNNLOSS_E_LIMIT;
  rnn_big_set_limbs(&t->q1, t->q1_limb, r->limbs, -origin);
  rnn_big_set_words(&t->t1, t->q2_word, 2 * t->words + 1, 2 * t->exponent, false);
  rnn_big_mul_u64(&t->t2, &t->t1, r->neurons);
  rnn_big_mul(&t->t1, &t->q1, &t->q1);
  rnn_big_add(&t->d, &t->t2, &t->t1, -1);
  t->q1_near = rnn_approx_big(&t->q1);
  struct rnn_approx d = rnn_approx_big(&t->d);
  t->root_d = rnn_approx_root(d);
  t->phase = RNN_VALUES;
  return RNNLOSS_OK;
}

static rnnloss_status fail(rnnloss_terms *t, rnnloss_status status, rnnloss_term culprit) {
  t->phase = RNN_FAILED;
  t->failure = status;
  t->culprit = culprit;
  return status;
}

/* One slice of a phase over neurons; takes what it used from *budget. */
static rnnloss_status slice(rnnloss_terms *t, size_t *budget) {
  size_t neurons = t->problem.rates->neurons;
  size_t end = *budget < neurons - t->next ? t->next + *budget : neurons;
  rnnloss_status status = RNNLOSS_OK;
  *budget -= end - t->next;
  if (t->phase == RNN_GATHER) {
    status = gather(t, end);
    if (status == RNNLOSS_OK && end == neurons) gathered(t);
  } else {
    square(t, end);
    if (end == neurons) {
      rnn_fenv saved;
      rnn_fenv_begin(&saved); /* rnn_approx_root begins with a double's */
      status = squared(t);
      rnn_fenv_end(&saved);
    }
  }
  rnnloss_term term = (t->values.active >> RNNLOSS_FR_SD & 1) != 0 ? RNNLOSS_FR_SD : RNNLOSS_FR_CV;
  return status == RNNLOSS_OK ? status : fail(t, status, term);
}

rnnloss_status rnnloss_terms_step(rnnloss_terms *t, size_t neurons, rnnloss_term *culprit) {
  if (t == NULL) return RNNLOSS_E_ARGUMENT;
  size_t budget = neurons != 0 ? neurons : 1;
  rnnloss_status status = RNNLOSS_OK;
  while (status == RNNLOSS_OK && (t->phase == RNN_GATHER || t->phase == RNN_SQUARE)) {
    if (budget == 0) return RNNLOSS_MORE;
    status = slice(t, &budget);
  }
  if (t->phase == RNN_VALUES) {
    rnnloss_term term = (rnnloss_term)RNNLOSS_TERMS;
    status = rnn_values(t, &term);
    if (status == RNNLOSS_OK)
      t->phase = RNN_DONE;
    else
      fail(t, status, term);
  }
  if (t->phase != RNN_FAILED) return RNNLOSS_OK;
  if (culprit != NULL) *culprit = t->culprit;
  return t->failure;
}

const rnnloss_values *rnnloss_terms_values(const rnnloss_terms *terms) {
  return terms != NULL ? &terms->values : NULL;
}
