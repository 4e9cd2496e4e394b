/* Claims against right values: differences, the first mismatch, direction and scale. */
#include "judge.h"

struct rnn_tolerance rnn_tolerance_default(rnnloss_dtype dtype) {
  static const struct rnn_tolerance defaults[RNNLOSS_DTYPES] = {
      [RNNLOSS_F16] = {.rtol = 1e-3, .atol = 1e-5, .dtype = RNNLOSS_F16},
      [RNNLOSS_BF16] = {.rtol = 1.6e-2, .atol = 1e-5, .dtype = RNNLOSS_BF16},
      [RNNLOSS_F32] = {.rtol = 1.3e-6, .atol = 1e-5, .dtype = RNNLOSS_F32},
      [RNNLOSS_F64] = {.rtol = 1e-7, .atol = 1e-7, .dtype = RNNLOSS_F64}};
  return defaults[dtype];
}

/* The distance of the dtype's numbers at y. */
static double ulp_at(rnnloss_dtype dtype, double y) {
  const struct rnn_layout layout = rnn_layout(dtype);
  int exponent;
  (void)frexp(y, &exponent); /* |y| in [2^(exponent - 1), 2^exponent) */
  const int least = layout.least, own = exponent - 1 - layout.stored;
  return ldexp(1.0, y == 0 || own < least ? least : own);
}

/* Infinities and NaNs must be the same; their difference is then 0, else infinite. */
static double distance(double x, double y) {
  if (isfinite(x) && isfinite(y)) return fabs(x - y);
  const bool same = (isnan(x) && isnan(y)) || (isinf(x) && isinf(y) && (x > 0) == (y > 0));
  return same ? 0 : (double)INFINITY;
}

static double allowed(const struct rnn_tolerance *tolerance, double y) {
  if (!isfinite(y)) return 0;
  if (tolerance->by_ulps) return tolerance->ulps * ulp_at(tolerance->dtype, y);
  return tolerance->atol + tolerance->rtol * fabs(y);
}

void rnn_judge_begin(struct rnn_judge *judge, const struct rnn_tolerance *tolerance) {
  *judge = (struct rnn_judge){.tolerance = *tolerance};
}

void rnn_judge_scan(struct rnn_judge *judge, size_t n, rnnloss_dtype x_dtype, const void *x, rnnloss_dtype y_dtype,
                    const void *y) {
  const unsigned char *a = x, *b = y;
  const size_t a_width = rnn_width(x_dtype), b_width = rnn_width(y_dtype);
  for (size_t i = 0; i < n; i++) {
    const double p = fabs(rnnloss_load(x_dtype, a + i * a_width)), q = fabs(rnnloss_load(y_dtype, b + i * b_width));
    if (isfinite(p) && p > judge->largest_x) judge->largest_x = p;
    if (isfinite(q) && q > judge->largest_y) judge->largest_y = q;
  }
}

/* A power of two, as an exponent, that brings a magnitude near 1. */
static int exponent_of(double magnitude) {
  int exponent = 0;
  if (magnitude > 0) (void)frexp(magnitude, &exponent);
  return exponent;
}

void rnn_judge_scanned(struct rnn_judge *judge) {
  judge->x_exponent = exponent_of(judge->largest_x);
  judge->y_exponent = exponent_of(judge->largest_y);
  if (judge->tolerance.relative_atol && judge->largest_y < 1) judge->tolerance.atol *= judge->largest_y;
}

static void keep_larger(struct rnn_extreme *extreme, double value, double x, double y, uint64_t index) {
  if (index == 0 || value > extreme->value) *extreme = (struct rnn_extreme){value, x, y, index};
}

static void add_products(struct rnn_judge *judge, double x, double y) {
  const double p = ldexp(x, -judge->x_exponent), q = ldexp(y, -judge->y_exponent);
  judge->xx = rnn_dd_add(judge->xx, rnn_dd_product(p, p));
  judge->xy = rnn_dd_add(judge->xy, rnn_dd_product(p, q));
  judge->yy = rnn_dd_add(judge->yy, rnn_dd_product(q, q));
}

static void compare_one(struct rnn_judge *judge, double x, double y) {
  const uint64_t index = judge->count++;
  const double difference = distance(x, y);
  if (!isfinite(x)) judge->nonfinite++;
  keep_larger(&judge->absolute, difference, x, y, index);
  keep_larger(&judge->relative, difference > 0 ? difference / fabs(y) : 0, x, y, index);
  keep_larger(&judge->ulps, difference > 0 ? difference / ulp_at(judge->tolerance.dtype, y) : 0, x, y, index);
  if (difference > allowed(&judge->tolerance, y)) {
    if (judge->mismatched++ == 0) judge->first = (struct rnn_extreme){difference, x, y, index};
  }
  if (isfinite(x) && isfinite(y)) add_products(judge, x, y);
}

void rnn_judge_compare(struct rnn_judge *judge, size_t n, rnnloss_dtype x_dtype, const void *x, rnnloss_dtype y_dtype,
                       const void *y) {
  const unsigned char *a = x, *b = y;
  const size_t a_width = rnn_width(x_dtype), b_width = rnn_width(y_dtype);
  for (size_t i = 0; i < n; i++) {
    compare_one(judge, rnnloss_load(x_dtype, a + i * a_width), rnnloss_load(y_dtype, b + i * b_width));
  }
}

enum rnn_verdict rnn_judge_verdict(const struct rnn_judge *judge) {
  const struct rnn_tolerance *tolerance = &judge->tolerance;
  if (judge->mismatched) return RNN_FAIL;
  if (tolerance->by_ulps || judge->absolute.value <= 8 * tolerance->rtol * judge->largest_y) return RNN_PASS;
  return RNN_INCONCLUSIVE;
}

double rnn_judge_cosine(const struct rnn_judge *judge) {
  const struct rnn_dd norm = rnn_dd_root(rnn_dd_times(judge->xx, judge->yy));
  return norm.high > 0 ? rnn_dd_value(rnn_dd_over(judge->xy, norm)) : (double)NAN;
}

double rnn_judge_scale(const struct rnn_judge *judge) {
  if (!(judge->yy.high > 0)) return (double)NAN;
  return ldexp(rnn_dd_value(rnn_dd_over(judge->xy, judge->yy)), judge->x_exponent - judge->y_exponent);
}

void rnn_judge_scalar(struct rnn_judge *judge, const struct rnn_tolerance *tolerance, double x, double y) {
  rnn_judge_begin(judge, tolerance);
  rnn_judge_scan(judge, 1, RNNLOSS_F64, &x, RNNLOSS_F64, &y);
  rnn_judge_scanned(judge);
  rnn_judge_compare(judge, 1, RNNLOSS_F64, &x, RNNLOSS_F64, &y);
}

/* Some roundings to the dtype: the least that a fit is given, however strict the tolerance. */
static double rounding(rnnloss_dtype dtype) {
  return ldexp(4.0, -rnn_layout(dtype).stored - 1);
}

bool rnn_judge_fits(const struct rnn_tolerance *tolerance, double x, double y) {
  if (!isfinite(x) || !isfinite(y)) return false;
  struct rnn_tolerance strict = *tolerance;
  strict.atol = 0;
  return fabs(x - y) <= fmax(allowed(&strict, y), rounding(tolerance->dtype) * fabs(y));
}

double rnn_judge_error(const struct rnn_tolerance *tolerance, double x, double y) {
  const double least = rounding(tolerance->dtype);
  return y == 0 ? least : fmax(fabs(x - y) / fabs(y), least);
}

/* To pass, max |x - y| must be at most 8 rtol max |y|, so that max |y| is at most max |x| / (1 - 8 rtol). */
bool rnn_judge_could_pass(const struct rnn_tolerance *tolerance, double largest_x, double x, double y) {
  struct rnn_tolerance wide = *tolerance;
  const double largest_y = largest_x / (1 - 8 * wide.rtol);
  if (wide.relative_atol && largest_y < 1) wide.atol *= largest_y;
  const double difference = distance(x, y);
  return difference <= allowed(&wide, y) && difference <= 8 * wide.rtol * largest_y;
}

double rnn_judge_distance(const struct rnn_judge *judge) {
  const double least = rounding(judge->tolerance.dtype);
  return judge->largest_y > 0 ? fmax(judge->absolute.value / judge->largest_y, least) : least;
}
