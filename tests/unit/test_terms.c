/* Values by hand: ties, borders, errors. (tests/lib_oracle.py has the random problems.) */
#include <fenv.h>
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include "rnnloss.h"

#include <cmocka.h>

/* One problem: fr of [rows][neurons], and one number w for each mean square. */
static struct fixture {
  rnnloss_problem problem;
  rnnloss_square square[RNNLOSS_MEAN_SQUARES];
  rnnloss_rates rates;
  int64_t limbs[8 * (RNNLOSS_WIDE_LIMBS + 2)];
  rnnloss_terms *terms;
  void *memory;
  rnnloss_term culprit;
} f;

static void square_of(rnnloss_term term, double lambda, const double *x, size_t n) {
  f.problem.lambda[term] = lambda;
  f.problem.square[term] = &f.square[term];
  rnnloss_square_begin(&f.square[term]);
  assert_int_equal(rnnloss_square_add(&f.square[term], NULL, RNNLOSS_F64, x, n), RNNLOSS_OK);
}

static void rates_of(double sd, double cv, const double *x, size_t neurons, size_t rows) {
  f.problem.lambda[RNNLOSS_FR_SD] = sd;
  f.problem.lambda[RNNLOSS_FR_CV] = cv;
  f.problem.rates = &f.rates;
  rnnloss_rates_begin(&f.rates, RNNLOSS_F64, neurons, f.limbs, sizeof f.limbs);
  assert_int_equal(rnnloss_rates_add(&f.rates, NULL, NULL, RNNLOSS_F64, x, neurons * rows), RNNLOSS_OK);
}

static int start(void **state) {
  (void)state;
  memset(&f, 0, sizeof f);
  f.memory = malloc(rnnloss_terms_size());
  memset(f.memory, 0xA5, rnnloss_terms_size());
  return f.memory == NULL;
}

static int stop(void **state) {
  (void)state;
  free(f.memory);
  return 0;
}

static rnnloss_status begin(void) {
  f.culprit = (rnnloss_term)-1;
  return rnnloss_terms_begin(f.memory, rnnloss_terms_size(), &f.problem, &f.terms, &f.culprit);
}

static rnnloss_status evaluate(void) {
  assert_int_equal(begin(), RNNLOSS_OK);
  return rnnloss_terms_step(f.terms, 1000, &f.culprit);
}

static const rnnloss_values *values(void) {
  assert_int_equal(evaluate(), RNNLOSS_OK);
  return rnnloss_terms_values(f.terms);
}

static void assert_bits(double got, double wanted) {
  uint64_t a, b;
  memcpy(&a, &got, sizeof a);
  memcpy(&b, &wanted, sizeof b);
  assert_true(a == b);
}

static void offsets_are(bool sd, bool cv, const double *wanted, size_t n) {
  double c[8];
  assert_int_equal(rnnloss_terms_offsets(f.terms, sd, cv, 0, n, c), RNNLOSS_OK);
  for (size_t i = 0; i < n; i++) assert_bits(c[i], wanted[i]);
}

static void by_hand(void **state) {
  (void)state;
  rates_of(2, 4, (const double[]){1, 3, 1, 3}, 2, 2); /* m = 1, 3; mu = 2, sigma = 1 */
  square_of(RNNLOSS_FR, 0.5, (const double[]){1, 3, 1, 3}, 4);
  const rnnloss_values *v = values();
  assert_int_equal(v->active, 7U << RNNLOSS_FR);
  assert_bits(v->unweighted[RNNLOSS_FR_SD], 1);
  assert_bits(v->term_loss[RNNLOSS_FR_SD], 2);
  assert_bits(v->unweighted[RNNLOSS_FR_CV], 0.5);
  assert_bits(v->term_loss[RNNLOSS_FR_CV], 2);
  assert_bits(v->unweighted[RNNLOSS_FR], 5);
  assert_bits(v->term_loss[RNNLOSS_FR], 2.5);
  assert_bits(v->scale[RNNLOSS_FR], 0.25);
  assert_bits(v->loss, 6.5);
  assert_bits(v->term_loss[RNNLOSS_MSE], 0);
  assert_false(v->negative_mean);
  offsets_are(true, false, (const double[]){-0.5, 0.5}, 2);
  offsets_are(false, true, (const double[]){-0.75, 0.25}, 2);
  offsets_are(true, true, (const double[]){-1.25, 0.75}, 2);
  offsets_are(false, false, (const double[]){0, 0}, 2);
  double c;
  assert_int_equal(rnnloss_terms_offsets(f.terms, true, true, 1, 1, &c), RNNLOSS_OK);
  assert_bits(c, 0.75);
}

static void nothing_is_active(void **state) {
  (void)state;
  f.problem.lambda[RNNLOSS_MSE] = -0.0;
  const rnnloss_values *v = values();
  assert_int_equal(v->active, 0);
  assert_bits(v->loss, 0);
  double c[2] = {1, 1};
  assert_int_equal(rnnloss_terms_offsets(f.terms, true, true, 0, 2, c), RNNLOSS_OK);
  assert_bits(c[1], 0);
}

static void ties(void **state) {
  (void)state;
  square_of(RNNLOSS_IN, 1, (const double[]){94906267}, 1); /* the square is odd and above 2^53 */
  assert_bits(values()->loss, 9007199515875288);
  square_of(RNNLOSS_IN, 1, (const double[]){94906269}, 1);
  assert_bits(values()->loss, 9007199895500360);
  square_of(RNNLOSS_IN, DBL_TRUE_MIN, (const double[]){1, 0}, 2); /* half the smallest */
  assert_bits(values()->loss, 0);
  square_of(RNNLOSS_IN, 3 * DBL_TRUE_MIN, (const double[]){1, 0}, 2);
  assert_bits(values()->loss, 2 * DBL_TRUE_MIN);
  square_of(RNNLOSS_IN, DBL_TRUE_MIN, (const double[]){1, 0x1p-100}, 2);
  assert_bits(values()->loss, DBL_TRUE_MIN);
}

/* The total is rounded from the real sum: here 1 + 2^-53 + 2^-200, and 1 + 2^-53. */
static void total_is_rounded_once(void **state) {
  (void)state;
  square_of(RNNLOSS_IN, 1, (const double[]){1}, 1);
  square_of(RNNLOSS_HID, 0x1p-53, (const double[]){1}, 1);
  assert_bits(values()->loss, 1);
  square_of(RNNLOSS_OUT, 0x1p-200, (const double[]){1}, 1);
  assert_bits(values()->loss, 1 + 0x1p-52);
  square_of(RNNLOSS_MSE, 0x1p-1000, (const double[]){1, 1, 1}, 3);
  rates_of(0x1p-1000, 0, (const double[]){1, 2}, 2, 1);
  assert_bits(values()->loss, 1 + 0x1p-52);
}

static void overflow(void **state) {
  (void)state;
  square_of(RNNLOSS_OUT, DBL_MAX, (const double[]){1}, 1);
  assert_bits(values()->loss, DBL_MAX);
  assert_true(isinf(rnnloss_terms_values(f.terms)->scale[RNNLOSS_OUT]));
  square_of(RNNLOSS_HID, 0x1p969, (const double[]){1}, 1); /* less than half an ulp more */
  assert_bits(values()->loss, DBL_MAX);
  square_of(RNNLOSS_HID, 0x1p970, (const double[]){1}, 1);
  assert_int_equal(evaluate(), RNNLOSS_E_OVERFLOW);
  assert_int_equal(f.culprit, RNNLOSS_TERMS);
  assert_int_equal(rnnloss_terms_step(f.terms, 1, NULL), RNNLOSS_E_OVERFLOW); /* again */
  square_of(RNNLOSS_HID, 0x1p-500, (const double[]){1e200}, 1);               /* unweighted counts too */
  assert_int_equal(evaluate(), RNNLOSS_E_OVERFLOW);
  assert_int_equal(f.culprit, RNNLOSS_HID);
  f.problem.lambda[RNNLOSS_HID] = f.problem.lambda[RNNLOSS_OUT] = 0;
  rates_of(0, 1, (const double[]){DBL_MAX, DBL_MAX, -DBL_MAX, -DBL_MAX, 0x1p-1074, 0}, 6, 1);
  assert_int_equal(evaluate(), RNNLOSS_E_OVERFLOW);
  assert_int_equal(f.culprit, RNNLOSS_FR_CV);
  rates_of(1, 0, (const double[]){DBL_MAX, -DBL_MAX}, 2, 1); /* sigma itself fits */
  assert_bits(values()->loss, DBL_MAX);
  double c[2];
  rates_of(0, 1, (const double[]){0x1p-1074, 0x1.8p-1073}, 2, 1); /* c is of the order of 1/mu */
  assert_bits(values()->loss, 0.5);
  assert_int_equal(rnnloss_terms_offsets(f.terms, false, true, 0, 2, c), RNNLOSS_E_OVERFLOW);
}

static void undefined(void **state) {
  (void)state;
  rates_of(1, 1, (const double[]){1, -1}, 2, 1);
  assert_int_equal(evaluate(), RNNLOSS_E_UNDEFINED);
  assert_int_equal(f.culprit, RNNLOSS_FR_CV);
  f.problem.lambda[RNNLOSS_FR_CV] = 0; /* fr_sd alone doesn't mind */
  assert_bits(values()->loss, 1);
  offsets_are(true, true, (const double[]){0.5, -0.5}, 2);
  rates_of(1, 1, (const double[]){(double)NAN, 0}, 2, 1);
  assert_true(isnan(values()->loss));
}

static void no_deviation(void **state) {
  (void)state;
  rates_of(1, 1, (const double[]){-5}, 1, 1); /* one neuron */
  const rnnloss_values *v = values();
  assert_bits(v->loss, 0);
  assert_bits(v->term_loss[RNNLOSS_FR_CV], 0);
  assert_true(v->negative_mean);
  offsets_are(true, true, (const double[]){0}, 1);
  rates_of(1, 1, (const double[]){0.1, 0.1, 0.1}, 3, 1);
  assert_bits(values()->loss, 0);
  offsets_are(true, true, (const double[]){0, 0, 0}, 3);
}

static void negative_mean(void **state) {
  (void)state;
  rates_of(0.5, 1, (const double[]){-1, -3}, 2, 1); /* sigma = 1, sigma/mu = -1/2: they cancel */
  const rnnloss_values *v = values();
  assert_true(v->negative_mean);
  assert_bits(v->term_loss[RNNLOSS_FR_CV], -0.5);
  assert_bits(v->loss, 0);
  rates_of(nextafter(0.5, 1), 1, (const double[]){-1, -3}, 2, 1);
  assert_bits(values()->loss, 0x1p-53);
  square_of(RNNLOSS_IN, 0x1p-1074, (const double[]){0.5}, 1);
  rates_of(0.5, 1, (const double[]){-1, -3}, 2, 1);
  assert_bits(values()->loss, 0); /* a quarter of the smallest double is left */
  /* 1 - lambda sqrt(14)/7, with the lambda that comes nearest to 0. */
  square_of(RNNLOSS_IN, 1, (const double[]){1}, 1);
  rates_of(0, 1.8708286933869707, (const double[]){-1, -2, -4}, 3, 1);
  assert_bits(values()->loss, 0x1.1486f993db06bp-56);
}

static void subnormal_values(void **state) {
  (void)state;
  rates_of(1, 0, (const double[]){0, 3 * DBL_TRUE_MIN}, 2, 1); /* sigma = 1.5 of the smallest: to even */
  assert_bits(values()->loss, 2 * DBL_TRUE_MIN);
  rates_of(1, 0, (const double[]){0, DBL_TRUE_MIN}, 2, 1);
  assert_bits(values()->loss, 0);
  rates_of(0x1p-1070, 0, (const double[]){1, 3}, 2, 1);
  values();
  offsets_are(true, false, (const double[]){-0x1p-1071, 0x1p-1071}, 2);
  rates_of(DBL_TRUE_MIN, 0, (const double[]){1, 3}, 2, 1); /* underflow keeps the sign */
  values();
  offsets_are(true, false, (const double[]){-0.0, 0.0}, 2);
}

static void nonfinite(void **state) {
  (void)state;
  square_of(RNNLOSS_IN, 1, (const double[]){-HUGE_VAL, 1}, 2);
  square_of(RNNLOSS_OUT, 1, (const double[]){2}, 1);
  assert_bits(values()->loss, HUGE_VAL);
  assert_bits(rnnloss_terms_values(f.terms)->term_loss[RNNLOSS_OUT], 4);
  assert_bits(rnnloss_terms_values(f.terms)->scale[RNNLOSS_IN], 1);
  square_of(RNNLOSS_HID, 1, (const double[]){HUGE_VAL, (double)NAN}, 2);
  assert_true(isnan(values()->loss) && !signbit(values()->loss));
  rates_of(1, 1, (const double[]){HUGE_VAL, 1}, 2, 1);
  assert_true(isnan(values()->term_loss[RNNLOSS_FR_SD]));
  double c[2] = {0, 0};
  assert_int_equal(rnnloss_terms_offsets(f.terms, true, false, 0, 2, c), RNNLOSS_OK);
  assert_true(isnan(c[0]) && isnan(c[1]));
  square_of(RNNLOSS_OUT, 1, (const double[]){1e200}, 1); /* finite: still an overflow */
  assert_int_equal(evaluate(), RNNLOSS_E_OVERFLOW);
}

static void slices(void **state) {
  (void)state;
  static const double x[] = {1, 2, 3, 4, 5, 6, 7, 8};
  rates_of(1, 1, x, 8, 1);
  double whole = values()->loss;
  rates_of(1, 1, x, 8, 1);
  assert_int_equal(begin(), RNNLOSS_OK);
  double c;
  assert_int_equal(rnnloss_terms_offsets(f.terms, true, true, 0, 1, &c), RNNLOSS_E_ARGUMENT); /* not yet */
  int steps = 1;
  while (rnnloss_terms_step(f.terms, 0, NULL) == RNNLOSS_MORE) steps++;
  assert_in_range(steps, 8, 17);
  assert_bits(rnnloss_terms_values(f.terms)->loss, whole);
  assert_int_equal(rnnloss_terms_step(f.terms, 1, NULL), RNNLOSS_OK);
  assert_int_equal(rnnloss_terms_offsets(f.terms, true, true, 8, 1, &c), RNNLOSS_E_ARGUMENT);
  assert_int_equal(rnnloss_terms_offsets(f.terms, true, true, 0, 1, NULL), RNNLOSS_E_ARGUMENT);
}

static void refused_lambdas(void **state) {
  (void)state;
  static const double bad[] = {-1, -DBL_TRUE_MIN, HUGE_VAL, -HUGE_VAL, (double)NAN};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    f.problem.lambda[RNNLOSS_FR_SD] = bad[i];
    assert_int_equal(begin(), RNNLOSS_E_LAMBDA);
    assert_int_equal(f.culprit, RNNLOSS_FR_SD);
  }
}

static void refused_sums(void **state) {
  (void)state;
  static const double x[] = {1, 2, 3};
  assert_int_equal(rnnloss_terms_begin(f.memory, 10, &f.problem, &f.terms, NULL), RNNLOSS_E_ARGUMENT);
  assert_int_equal(rnnloss_terms_step(NULL, 1, NULL), RNNLOSS_E_ARGUMENT);
  f.problem.lambda[RNNLOSS_HID] = 1;
  assert_int_equal(begin(), RNNLOSS_E_MISSING);
  assert_int_equal(f.culprit, RNNLOSS_HID);
  square_of(RNNLOSS_HID, 1, x, 0);
  assert_int_equal(begin(), RNNLOSS_E_MISSING); /* empty */
  square_of(RNNLOSS_HID, 1, x, 3);
  f.square[RNNLOSS_HID].count = (uint64_t)1 << 53;
  assert_int_equal(begin(), RNNLOSS_E_LIMIT);
  square_of(RNNLOSS_HID, 1, x, 3);
  f.square[RNNLOSS_HID].limb[RNNLOSS_SQUARE_LIMBS - 1] = -1; /* no sum of squares */
  assert_int_equal(begin(), RNNLOSS_E_LIMIT);
  f.square[RNNLOSS_HID].limb[RNNLOSS_SQUARE_LIMBS - 1] = INT64_MAX;
  assert_int_equal(begin(), RNNLOSS_E_LIMIT);
  f.problem.lambda[RNNLOSS_HID] = 0;
  f.problem.lambda[RNNLOSS_FR_CV] = 1;
  assert_int_equal(begin(), RNNLOSS_E_MISSING);
  rates_of(0, 1, x, 3, 1);
  f.rates.count = 2; /* within a row */
  assert_int_equal(begin(), RNNLOSS_E_MISSING);
  f.rates.count = 3;
  f.rates.limbs = 5;
  assert_int_equal(begin(), RNNLOSS_E_ARGUMENT);
  f.rates.limbs = RNNLOSS_WIDE_LIMBS;
  f.rates.count = UINT64_C(3) << 60;
  assert_int_equal(begin(), RNNLOSS_E_LIMIT);
  f.rates.count = 3;
  f.limbs[RNNLOSS_WIDE_LIMBS - 1] = INT64_C(1) << 40;
  assert_int_equal(evaluate(), RNNLOSS_E_LIMIT);
  assert_int_equal(f.culprit, RNNLOSS_FR_CV);
}

/* Limbs that are no sum of elements, but within the limits, must not break anything. */
static void foreign_rates(void **state) {
  (void)state;
  rates_of(1, 1, (const double[]){1, 2, 3}, 3, 1);
  f.limbs[RNNLOSS_WIDE_LIMBS - 1] = (INT64_C(1) << 31) - 1;
  f.limbs[2 * RNNLOSS_WIDE_LIMBS - 1] = -(INT64_C(1) << 31) + 2;
  rnnloss_status status = evaluate();
  assert_true(status == RNNLOSS_E_OVERFLOW || status == RNNLOSS_E_LIMIT);
}

static void environment_of_the_caller(void **state) {
  (void)state;
  square_of(RNNLOSS_IN, 0.1, (const double[]){0.1, 0.7, 1}, 3);
  rates_of(0.3, 0.7, (const double[]){0.1, 0.7, 1}, 3, 1);
  rnnloss_values wanted = *values();
  double c[3], d[3];
  assert_int_equal(rnnloss_terms_offsets(f.terms, true, true, 0, 3, c), RNNLOSS_OK);
  static const int modes[] = {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
  for (int i = 0; i < 3; i++) {
    fesetround(modes[i]);
    feclearexcept(FE_ALL_EXCEPT);
    rnnloss_status status = begin();
    if (status == RNNLOSS_OK) status = rnnloss_terms_step(f.terms, 1000, NULL);
    rnnloss_status more = rnnloss_terms_offsets(f.terms, true, true, 0, 3, d);
    int mode = fegetround(), flags = fetestexcept(FE_ALL_EXCEPT);
    fesetround(FE_TONEAREST);
    assert_int_equal(status, RNNLOSS_OK);
    assert_int_equal(more, RNNLOSS_OK);
    assert_int_equal(mode, modes[i]);
    assert_int_equal(flags, 0);
    assert_memory_equal(rnnloss_terms_values(f.terms), &wanted, sizeof wanted);
    assert_memory_equal(c, d, sizeof c);
  }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(by_hand),
      TEST(nothing_is_active),
      TEST(ties),
      TEST(total_is_rounded_once),
      TEST(overflow),
      TEST(undefined),
      TEST(no_deviation),
      TEST(negative_mean),
      TEST(subnormal_values),
      TEST(nonfinite),
      TEST(slices),
      TEST(refused_lambdas),
      TEST(refused_sums),
      TEST(foreign_rates),
      TEST(environment_of_the_caller),
  };
  return cmocka_run_group_tests_name("terms", tests, NULL, NULL);
}
