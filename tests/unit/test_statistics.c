/* Sums that were merged elsewhere, element by element, are the same sums; damaged ones are refused. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include "random_bits.h"
#include "rnnloss.h"

#include <cmocka.h>

#define NEURONS 7
#define PARTS 9

/* Finite doubles of all exponents, and both signs. */
static double random_double(void) {
  double x;
  do {
    uint64_t bits = random_bits();
    memcpy(&x, &bits, sizeof x);
  } while (!isfinite(x));
  return x;
}

static void fill(rnnloss_dtype dtype, void *x, size_t n) {
  for (size_t i = 0; i < n; i++) {
    double value = random_double();
    if (dtype == RNNLOSS_F32) value = ldexp(frexp(value, &(int){0}), (int)(random_bits() % 276) - 148);
    rnnloss_store(dtype, value, (char *)x + i * rnnloss_dtype_size(dtype));
  }
}

static void test_squares(void **state) {
  (void)state;
  for (int round = 0; round < 50; round++) {
    rnnloss_square whole, part, made;
    int64_t limb[RNNLOSS_SQUARE_LIMBS] = {0};
    rnnloss_nonfinite none = {0};
    uint64_t count = 0;
    rnnloss_square_begin(&whole);
    for (int p = 0; p < PARTS; p++) {
      double x[20];
      size_t n = random_bits() % 20; /* an empty part is one, too */
      fill(RNNLOSS_F64, x, n);
      rnnloss_square_begin(&part);
      assert_int_equal(rnnloss_square_add(&part, NULL, RNNLOSS_F64, x, n), RNNLOSS_OK);
      assert_int_equal(rnnloss_square_add(&whole, NULL, RNNLOSS_F64, x, n), RNNLOSS_OK);
      rnnloss_square_settle(&part, NULL);
      for (size_t i = 0; i < RNNLOSS_SQUARE_LIMBS; i++) limb[i] += part.limb[i];
      count += n;
    }
    rnnloss_square_settle(&whole, NULL);
    memset(&made, 0xA5, sizeof made);
    assert_int_equal(rnnloss_square_import(&made, limb, count, &none), RNNLOSS_OK);
    assert_memory_equal(&made, &whole, sizeof made);
  }
}

static void add_part(rnnloss_rates *rates, rnnloss_dtype dtype, const void *x, size_t n) {
  assert_int_equal(rnnloss_rates_add(rates, NULL, NULL, dtype, x, n), RNNLOSS_OK);
}

static void test_rates(void **state) {
  (void)state;
  static const rnnloss_dtype dtypes[] = {RNNLOSS_F32, RNNLOSS_F64};
  for (int round = 0; round < 40; round++) {
    rnnloss_dtype dtype = dtypes[round % 2];
    size_t size = rnnloss_rates_size(dtype, NEURONS);
    void *memory[3] = {malloc(size), malloc(size), malloc(size)};
    rnnloss_rates whole, part, made;
    assert_int_equal(rnnloss_rates_begin(&whole, dtype, NEURONS, memory[0], size), RNNLOSS_OK);
    int64_t *limb = calloc(NEURONS * whole.limbs, sizeof *limb);
    uint64_t rows = 0;
    for (int p = 0; p < PARTS; p++) {
      double x[NEURONS * 5];
      size_t n = random_bits() % 5;
      fill(dtype, x, n * NEURONS);
      assert_int_equal(rnnloss_rates_begin(&part, dtype, NEURONS, memory[1], size), RNNLOSS_OK);
      add_part(&part, dtype, x, n * NEURONS);
      add_part(&whole, dtype, x, n * NEURONS);
      rnnloss_rates_settle(&part, 0, NEURONS);
      for (size_t i = 0; i < NEURONS * part.limbs; i++) limb[i] += part.limb[i];
      rows += n;
    }
    rnnloss_rates_settle(&whole, 0, NEURONS);
    memset(memory[2], 0xA5, size);
    assert_int_equal(rnnloss_rates_begin(&made, dtype, NEURONS, memory[2], size), RNNLOSS_OK);
    assert_int_equal(rnnloss_rates_import(&made, rows, &(rnnloss_nonfinite){0}), RNNLOSS_OK);
    for (size_t first = 0, n; first < NEURONS; first += n) { /* in slices */
      n = 1 + random_bits() % (NEURONS - first);
      assert_int_equal(rnnloss_rates_import_sums(&made, first, n, limb + first * made.limbs), RNNLOSS_OK);
    }
    assert_int_equal(made.count, whole.count);
    assert_memory_equal(made.limb, whole.limb, NEURONS * made.limbs * sizeof *limb);
    rnnloss_rates_settle(&made, 0, NEURONS);
    assert_memory_equal(made.limb, whole.limb, NEURONS * made.limbs * sizeof *limb);
    add_part(&made, dtype, (double[NEURONS]){1, 2}, NEURONS); /* it goes on like any other sum */
    free(limb);
    for (int i = 0; i < 3; i++) free(memory[i]);
  }
}

/* As many parts as are promised, each as large as a canonical one can be. */
static void test_most(void **state) {
  (void)state;
  int64_t limb[RNNLOSS_SQUARE_LIMBS] = {0};
  rnnloss_nonfinite none = {0};
  rnnloss_square made;
  for (size_t i = 1; i < 100; i++) limb[i] = (int64_t)(RNNLOSS_MERGE_MAX * UINT32_MAX);
  assert_int_equal(rnnloss_square_import(&made, limb, RNNLOSS_MERGE_MAX, &none), RNNLOSS_OK);
  for (size_t i = 0; i + 1 < RNNLOSS_SQUARE_LIMBS; i++) assert_in_range(made.limb[i], 0, UINT32_MAX);
  assert_int_equal(made.limb[1], (int64_t)((RNNLOSS_MERGE_MAX * UINT32_MAX) & UINT32_MAX));
}

static rnnloss_status damaged(size_t i, int64_t value, uint64_t count, rnnloss_nonfinite bad) {
  int64_t limb[RNNLOSS_SQUARE_LIMBS] = {[68] = 5};
  rnnloss_square made, untouched;
  memset(&made, 0x5A, sizeof made);
  untouched = made;
  if (i < RNNLOSS_SQUARE_LIMBS) limb[i] = value;
  rnnloss_status status = rnnloss_square_import(&made, limb, count, &bad);
  if (status != RNNLOSS_OK) assert_memory_equal(&made, &untouched, sizeof made);
  return status;
}

static void test_damaged_squares(void **state) {
  (void)state;
  const rnnloss_nonfinite none = {0};
  const size_t nowhere = RNNLOSS_SQUARE_LIMBS;
  assert_int_equal(damaged(nowhere, 0, 3, none), RNNLOSS_OK);
  assert_int_equal(damaged(3, -1, 3, none), RNNLOSS_E_LIMIT);               /* no addend has a negative limb */
  assert_int_equal(damaged(3, INT64_C(1) << 62, 3, none), RNNLOSS_E_LIMIT); /* nor 2^30 of them this one */
  assert_int_equal(damaged(3, (INT64_C(1) << 62) - 1, 3, none), RNNLOSS_OK);
  assert_int_equal(damaged(0, 1, 3, none), RNNLOSS_E_LIMIT); /* below the smallest square */
  assert_int_equal(damaged(0, 1 << 28, 3, none), RNNLOSS_OK);
  assert_int_equal(damaged(133, -1, 3, none), RNNLOSS_E_LIMIT); /* a negative sum of squares */
  assert_int_equal(damaged(133, 1, 3, none), RNNLOSS_E_LIMIT);  /* more than three elements can have */
  assert_int_equal(damaged(133, INT64_MAX, 3, none), RNNLOSS_E_LIMIT);
  assert_int_equal(damaged(132, 12, 3, none), RNNLOSS_E_LIMIT);
  assert_int_equal(damaged(132, 11, 3, none), RNNLOSS_OK);
  assert_int_equal(damaged(132, 11, 3, (rnnloss_nonfinite){.nan = 1}), RNNLOSS_E_LIMIT);
  assert_int_equal(damaged(nowhere, 0, 0, none), RNNLOSS_E_LIMIT); /* nothing has a sum of 0 */
  assert_int_equal(damaged(68, 0, 0, none), RNNLOSS_OK);
  assert_int_equal(damaged(nowhere, 0, UINT64_C(1) << 53, none), RNNLOSS_E_LIMIT);
  assert_int_equal(damaged(nowhere, 0, 3, (rnnloss_nonfinite){.nan = 2, .positive = 2}), RNNLOSS_E_LIMIT);
  assert_int_equal(damaged(nowhere, 0, 3, (rnnloss_nonfinite){UINT64_MAX, 1, 1}), RNNLOSS_E_LIMIT);
  assert_int_equal(rnnloss_square_import(NULL, NULL, 0, &none), RNNLOSS_E_ARGUMENT);
}

/* The status of one neuron's sum with one limb changed, out of `rows`. */
static rnnloss_status neuron(rnnloss_dtype dtype, uint64_t rows, size_t i, int64_t value) {
  size_t size = rnnloss_rates_size(dtype, 1);
  void *memory = malloc(size);
  rnnloss_rates rates;
  int64_t limb[RNNLOSS_WIDE_LIMBS] = {0};
  limb[i] = value;
  assert_int_equal(rnnloss_rates_begin(&rates, dtype, 1, memory, size), RNNLOSS_OK);
  assert_int_equal(rnnloss_rates_import(&rates, rows, &(rnnloss_nonfinite){0}), RNNLOSS_OK);
  rnnloss_status status = rnnloss_rates_import_sums(&rates, 0, 1, limb);
  if (status != RNNLOSS_OK) {
    for (size_t k = 0; k < rates.limbs; k++) assert_int_equal(rates.limb[k], 0);
  }
  free(memory);
  return status;
}

static void test_damaged_rates(void **state) {
  (void)state;
  static const struct {
    rnnloss_dtype dtype;
    size_t limbs;
    unsigned low; /* bits that are always 0 */
  } kinds[] = {{RNNLOSS_F32, RNNLOSS_NARROW_LIMBS, 11}, {RNNLOSS_F64, RNNLOSS_WIDE_LIMBS, 14}};
  for (size_t k = 0; k < 2; k++) {
    rnnloss_dtype dtype = kinds[k].dtype;
    size_t top = kinds[k].limbs - 1;
    assert_int_equal(neuron(dtype, 3, 2, 7), RNNLOSS_OK);
    assert_int_equal(neuron(dtype, 3, 2, -7), RNNLOSS_E_LIMIT);
    assert_int_equal(neuron(dtype, 3, 0, INT64_C(1) << kinds[k].low), RNNLOSS_OK);
    assert_int_equal(neuron(dtype, 3, 0, INT64_C(1) << (kinds[k].low - 1)), RNNLOSS_E_LIMIT);
    assert_int_equal(neuron(dtype, 3, top - 1, 2), RNNLOSS_OK);
    assert_int_equal(neuron(dtype, 3, top - 1, 3), RNNLOSS_E_LIMIT);
    assert_int_equal(neuron(dtype, UINT64_C(1) << 33, top, 1), RNNLOSS_OK);
    assert_int_equal(neuron(dtype, UINT64_C(1) << 32, top, -1), RNNLOSS_OK);
    assert_int_equal(neuron(dtype, (UINT64_C(1) << 32) - 1, top, -1), RNNLOSS_E_LIMIT);
    assert_int_equal(neuron(dtype, 3, top, INT64_MIN), RNNLOSS_E_LIMIT);
    assert_int_equal(neuron(dtype, 0, 2, 7), RNNLOSS_E_LIMIT);
    assert_int_equal(neuron(dtype, 0, 2, 0), RNNLOSS_OK);
  }
}

static void test_arguments(void **state) {
  (void)state;
  size_t size = rnnloss_rates_size(RNNLOSS_F32, NEURONS);
  void *memory = malloc(size);
  const rnnloss_nonfinite none = {0};
  int64_t limb[NEURONS * RNNLOSS_NARROW_LIMBS] = {0};
  rnnloss_rates rates;
  assert_int_equal(rnnloss_rates_begin(&rates, RNNLOSS_F32, NEURONS, memory, size), RNNLOSS_OK);
  assert_int_equal(rnnloss_rates_import(&rates, UINT64_C(1) << 53, &none), RNNLOSS_E_LIMIT);
  assert_int_equal(rnnloss_rates_import(&rates, 1, &(rnnloss_nonfinite){.nan = NEURONS + 1}), RNNLOSS_E_LIMIT);
  assert_int_equal(rnnloss_rates_import(&rates, 1, NULL), RNNLOSS_E_ARGUMENT);
  assert_int_equal(rnnloss_rates_import(&rates, 2, &none), RNNLOSS_OK);
  assert_int_equal(rnnloss_rates_import(&rates, 2, &none), RNNLOSS_E_ARGUMENT); /* it isn't just begun any more */
  assert_int_equal(rnnloss_rates_import_sums(&rates, 0, NEURONS + 1, limb), RNNLOSS_E_ARGUMENT);
  assert_int_equal(rnnloss_rates_import_sums(&rates, NEURONS + 1, 0, limb), RNNLOSS_E_ARGUMENT);
  assert_int_equal(rnnloss_rates_import_sums(&rates, 0, NEURONS, NULL), RNNLOSS_E_ARGUMENT);
  assert_int_equal(rnnloss_rates_import_sums(&rates, 0, NEURONS, limb), RNNLOSS_OK);
  free(memory);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_squares),         cmocka_unit_test(test_rates),         cmocka_unit_test(test_most),
      cmocka_unit_test(test_damaged_squares), cmocka_unit_test(test_damaged_rates), cmocka_unit_test(test_arguments),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
