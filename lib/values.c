/* The values: each from its quick attempt, or else from its exact form. */
#include "values.h"

static bool is_active(const rnnloss_terms *t, int term) {
  return (t->values.active >> term & 1) != 0;
}

/* ---- Mean squares: lambda S/count ---- */

static void square_sum(struct rnn_big *out, const rnnloss_square *sum) {
  rnn_big_set_limbs(out, sum->limb, RNNLOSS_SQUARE_LIMBS, -RNN_SQUARE_ORIGIN);
}

/* Rounds lambda S/count, which is *near, with S in t1. */
static rnnloss_status mean_square(rnnloss_terms *t, const struct rnn_approx *near, double lambda, uint64_t count,
                                  double *out) {
  if (rnn_approx_round(near, out)) return RNNLOSS_OK;
  rnn_big_set_double(&t->t4, lambda);
  rnn_big_mul(&t->t2, &t->t1, &t->t4);
  rnn_big_set(&t->t3, count);
  rnn_big_set(&t->t4, 0);
  struct rnn_surd v = {.p = &t->t2, .r = &t->t3, .x = &t->t4};
  return rnn_finish(&v, rnn_approx_guess(near), &t->scratch, out);
}

static double nonfinite_value(const rnnloss_nonfinite *bad) {
  return rnn_double_of(bad->nan != 0 ? RNN_NAN_BITS : RNN_INF_BITS);
}

static rnnloss_status mean_square_term(rnnloss_terms *t, int term) {
  const rnnloss_square *sum = t->problem.square[term];
  const rnnloss_nonfinite *bad = &sum->nonfinite;
  double lambda = t->problem.lambda[term];
  t->values.scale[term] = lambda / ((double)sum->count / 2); /* 2 lambda might overflow where the quotient doesn't */
  if ((bad->nan | bad->positive | bad->negative) != 0) {
    t->values.term_loss[term] = t->values.unweighted[term] = nonfinite_value(bad);
    return RNNLOSS_OK;
  }
  square_sum(&t->t1, sum);
  struct rnn_approx mean = rnn_approx_div(rnn_approx_big(&t->t1), rnn_approx_u64(sum->count));
  t->near[term] = rnn_approx_mul(rnn_approx_double(lambda), mean);
  rnnloss_status status = mean_square(t, &mean, 1.0, sum->count, &t->values.unweighted[term]);
  if (status != RNNLOSS_OK) return status;
  return mean_square(t, &t->near[term], lambda, sum->count, &t->values.term_loss[term]);
}

/* ---- fr_sd and fr_cv: lambda sqrt(D)/count, lambda sqrt(D)/Q1 ---- */

/* Rounds lambda sqrt(D)/divisor, which is *near, with the divisor in t1. */
static rnnloss_status root_value(rnnloss_terms *t, const struct rnn_approx *near, double lambda, double *out) {
  if (rnn_approx_round(near, out)) return RNNLOSS_OK;
  rnn_big_set_double(&t->t4, lambda);
  rnn_big_mul(&t->t2, &t->t4, &t->t4);
  rnn_big_mul(&t->t3, &t->t2, &t->d);
  rnn_big_mul(&t->t4, &t->t1, &t->t1);
  struct rnn_surd v = {.root = true, .sign = t->t1.sign, .r = &t->t4, .x = &t->t3};
  return rnn_finish(&v, rnn_approx_guess(near), &t->scratch, out);
}

static rnnloss_status rate_term(rnnloss_terms *t, int term) {
  double lambda = t->problem.lambda[term];
  if (!t->rates_finite) {
    t->values.term_loss[term] = t->values.unweighted[term] = rnn_double_of(RNN_NAN_BITS);
    return RNNLOSS_OK;
  }
  if (term == RNNLOSS_FR_SD) {
    rnn_big_set(&t->t1, t->problem.rates->count);
  } else {
    if (t->q1.sign == 0) return RNNLOSS_E_UNDEFINED;
    t->values.negative_mean = t->q1.sign < 0;
    rnn_big_copy(&t->t1, &t->q1);
  }
  struct rnn_approx unweighted = rnn_approx_div(t->root_d, rnn_approx_big(&t->t1));
  t->near[term] = rnn_approx_mul(rnn_approx_double(lambda), unweighted);
  rnnloss_status status = root_value(t, &unweighted, 1.0, &t->values.unweighted[term]);
  return status != RNNLOSS_OK ? status : root_value(t, &t->near[term], lambda, &t->values.term_loss[term]);
}

/* ---- The total ---- */

static struct rnn_approx total_near(const rnnloss_terms *t) {
  struct rnn_approx sum = {0};
  for (int k = 0; k < RNNLOSS_TERMS; k++) {
    if (is_active(t, k)) sum = rnn_approx_add(sum, t->near[k]);
  }
  return sum;
}

/* The mean squares over one denominator: P/R, with P to t1 and R to t2. */
static void total_rational(rnnloss_terms *t) {
  rnn_big_set(&t->t1, 0);
  rnn_big_set(&t->t2, 1);
  for (int k = 0; k < RNNLOSS_MEAN_SQUARES; k++) {
    if (!is_active(t, k)) continue;
    uint64_t count = t->problem.square[k]->count;
    square_sum(&t->t3, t->problem.square[k]);
    rnn_big_mul(&t->t4, &t->t3, &t->t2);
    rnn_big_set_double(&t->t3, t->problem.lambda[k]);
    rnn_big_mul(&t->scratch.a, &t->t4, &t->t3); /* lambda S R */
    rnn_big_mul_u64(&t->t1, &t->t1, count);
    rnn_big_add(&t->t3, &t->t1, &t->scratch.a, 1);
    rnn_big_copy(&t->t1, &t->t3);
    rnn_big_mul_u64(&t->t2, &t->t2, count);
  }
}

/* To P/R comes sqrt(D) (lambda_sd/C + lambda_cv/Q1) = sqrt(D) U/(C |Q1|), with
 * U = lambda_sd |Q1| + sign(Q1) lambda_cv C. So P becomes P C |Q1|, X is (U R)^2 D, and R becomes R C |Q1|.
 * X goes to t3; returns U's sign. */
static int total_irrational(rnnloss_terms *t) {
  struct rnn_big *u = &t->scratch.a, *v = &t->scratch.b, *magnitude = &t->plan.w;
  uint64_t count = t->problem.rates->count;
  if (is_active(t, RNNLOSS_FR_CV)) {
    rnn_big_copy(magnitude, &t->q1);
    magnitude->sign = 1;
  } else {
    rnn_big_set(magnitude, 1);
  }
  rnn_big_set_double(v, t->problem.lambda[RNNLOSS_FR_SD]);
  rnn_big_mul(&t->t3, v, magnitude);
  rnn_big_set_double(u, t->problem.lambda[RNNLOSS_FR_CV]);
  rnn_big_mul_u64(v, u, count);
  rnn_big_add(u, &t->t3, v, t->q1.sign < 0 ? -1 : 1);
  int sign = u->sign;
  rnn_big_mul(v, u, &t->t2);
  rnn_big_mul(u, v, v);
  rnn_big_mul(&t->t3, u, &t->d);
  rnn_big_mul(u, magnitude, &t->t1);
  rnn_big_mul_u64(&t->t1, u, count);
  rnn_big_mul(u, magnitude, &t->t2);
  rnn_big_mul_u64(&t->t2, u, count);
  return sign;
}

static rnnloss_status total(rnnloss_terms *t) {
  struct rnn_approx near = total_near(t);
  if (rnn_approx_round(&near, &t->values.loss)) return RNNLOSS_OK;
  struct rnn_surd v = {.p = &t->t1, .r = &t->t2, .x = &t->t3};
  total_rational(t);
  rnn_big_set(&t->t3, 0);
  if (t->rates_active) v.sign = total_irrational(t);
  return rnn_finish(&v, rnn_approx_guess(&near), &t->scratch, &t->values.loss);
}

/* Whether the total is not finite, or equals the only term. */
static bool total_is_plain(rnnloss_terms *t) {
  unsigned terms = 0, nan = 0, infinite = 0;
  for (int k = 0; k < RNNLOSS_TERMS; k++) {
    if (!is_active(t, k)) continue;
    uint64_t bits = rnn_bits_of(t->values.term_loss[k]);
    terms++;
    nan += bits == RNN_NAN_BITS;
    infinite += bits == RNN_INF_BITS;
    t->values.loss = t->values.term_loss[k];
  }
  if (nan + infinite > 0) t->values.loss = rnn_double_of(nan > 0 ? RNN_NAN_BITS : RNN_INF_BITS);
  return terms <= 1 || nan + infinite > 0;
}

static rnnloss_status values(rnnloss_terms *t, rnnloss_term *culprit) {
  for (int k = 0; k < RNNLOSS_TERMS; k++) {
    if (!is_active(t, k)) continue;
    rnnloss_status status = k < RNNLOSS_MEAN_SQUARES ? mean_square_term(t, k) : rate_term(t, k);
    *culprit = (rnnloss_term)k;
    if (status != RNNLOSS_OK) return status;
  }
  *culprit = (rnnloss_term)RNNLOSS_TERMS;
  return total_is_plain(t) ? RNNLOSS_OK : total(t);
}

rnnloss_status rnn_values(rnnloss_terms *t, rnnloss_term *culprit) {
  rnn_fenv saved;
  rnn_fenv_begin(&saved);
  rnnloss_status status = values(t, culprit);
  rnn_fenv_end(&saved);
  return status;
}
