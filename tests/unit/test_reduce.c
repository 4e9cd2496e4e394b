/* Sums do not depend on how they are made: pieces, bins, merges, dtypes. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include "random_bits.h"
#include "rnnloss.h"

#include <cmocka.h>

/* Words of memory a neuron. */
#define NARROW (RNNLOSS_NARROW_LIMBS + 1)
#define WIDE (RNNLOSS_WIDE_LIMBS + 2)

static rnnloss_bins *new_bins(void) {
  size_t size = rnnloss_bins_size();
  void *memory = malloc(size);
  memset(memory, 0xA5, size); /* it must not be read before it is written */
  assert_null(rnnloss_bins_begin(memory, size - 1));
  assert_null(rnnloss_bins_begin(NULL, size));
  return rnnloss_bins_begin(memory, size);
}

/* Random finite elements: exponents from the whole range, or near 1, or the lowest ones. */
static void fill(rnnloss_dtype dtype, unsigned char *x, size_t n, int mode) {
  static const unsigned stored[] = {10, 7, 23, 52}, fields[] = {0x1F, 0xFF, 0xFF, 0x7FF};
  size_t size = rnnloss_dtype_size(dtype);
  for (size_t i = 0; i < n; i++) {
    uint64_t field = mode == 0   ? random_bits() % fields[dtype]
                     : mode == 1 ? fields[dtype] / 2 - 1 + random_bits() % 3
                     : mode == 2 ? random_bits() % 2
                                 : fields[dtype] - 1 - random_bits() % 2;
    uint64_t bits = (random_bits() & (((uint64_t)1 << stored[dtype]) - 1)) | field << stored[dtype];
    bits |= (random_bits() & 1) << (8 * size - 1);
    if (size == 8)
      memcpy(x + 8 * i, &bits, 8);
    else if (size == 4)
      memcpy(x + 4 * i, &(uint32_t){(uint32_t)bits}, 4);
    else
      memcpy(x + 2 * i, &(uint16_t){(uint16_t)bits}, 2);
  }
}

static void assert_same(rnnloss_square *a, rnnloss_square *b) {
  rnnloss_square_settle(a, NULL);
  rnnloss_square_settle(b, NULL);
  assert_memory_equal(a, b, sizeof *a);
  for (size_t i = 0; i + 1 < RNNLOSS_SQUARE_LIMBS; i++) assert_true(a->limb[i] >= 0 && a->limb[i] < INT64_C(1) << 32);
  assert_true(a->limb[RNNLOSS_SQUARE_LIMBS - 1] >= 0);
}

#define N 3000

static void squares_any_way(void **state) {
  (void)state;
  static unsigned char x[8 * N + 1];
  rnnloss_bins *bins = new_bins();
  for (int round = 0; round < 64; round++) {
    rnnloss_dtype dtype = (rnnloss_dtype)(round % 4);
    size_t size = rnnloss_dtype_size(dtype);
    unsigned char *at = x + 1;
    fill(dtype, at, N, round / 4 % 4);
    rnnloss_square one, pieces, half, rest;
    rnnloss_square_begin(&one);
    rnnloss_square_begin(&pieces);
    rnnloss_square_begin(&half);
    rnnloss_square_begin(&rest);
    assert_int_equal(rnnloss_square_add(&one, NULL, dtype, at, N), RNNLOSS_OK);
    for (size_t i = 0; i < N;) {
      size_t part = random_bits() % (random_bits() % 2 ? 1500 : 5);
      part = part < N - i ? part : N - i;
      rnnloss_square_add(&pieces, bins, dtype, at + i * size, part);
      if (part > 1000) /* bins change hands within a sum */
        rnnloss_square_add(&half, bins, dtype, at, 600);
      i += part;
    }
    rnnloss_square_settle(&pieces, bins);
    assert_same(&one, &pieces);
    rnnloss_square_begin(&half);
    rnnloss_square_add(&half, bins, dtype, at, 1700);
    rnnloss_square_add(&rest, bins, dtype, at + 1700 * size, N - 1700);
    rnnloss_square_settle(&rest, bins);
    assert_int_equal(rnnloss_square_merge(&rest, &half), RNNLOSS_OK);
    assert_same(&one, &rest);
  }
  free(bins);
}

static void differences_any_way(void **state) {
  (void)state;
  static unsigned char a[8 * N], b[8 * N];
  static double wide_a[N], wide_b[N];
  rnnloss_bins *bins = new_bins();
  for (int round = 0; round < 256; round++) {
    rnnloss_dtype a_dtype = (rnnloss_dtype)(round % 4), b_dtype = (rnnloss_dtype)(round / 4 % 4);
    fill(a_dtype, a, N, round / 16 % 4);
    fill(b_dtype, b, N, round / 64 % 4);
    for (size_t i = 0; i < N; i += 3) { /* zeros: their exponent means nothing */
      rnnloss_store(a_dtype, i % 2 ? 0.0 : -0.0, a + i * rnnloss_dtype_size(a_dtype));
      rnnloss_store(b_dtype, 0, b + (i + i % 2) * rnnloss_dtype_size(b_dtype));
    }
    for (size_t i = 0; i < N; i++) {
      wide_a[i] = rnnloss_load(a_dtype, a + i * rnnloss_dtype_size(a_dtype));
      wide_b[i] = rnnloss_load(b_dtype, b + i * rnnloss_dtype_size(b_dtype));
    }
    rnnloss_square direct, binned, swapped;
    rnnloss_square_begin(&direct);
    rnnloss_square_begin(&binned);
    rnnloss_square_begin(&swapped);
    rnnloss_square_add_difference(&direct, NULL, RNNLOSS_F64, wide_a, RNNLOSS_F64, wide_b, N);
    rnnloss_square_add_difference(&binned, bins, a_dtype, a, b_dtype, b, N);
    rnnloss_square_add_difference(&swapped, bins, b_dtype, b, a_dtype, a, N); /* empties the bins into binned */
    rnnloss_square_settle(&swapped, bins);
    assert_same(&direct, &binned);
    assert_same(&direct, &swapped);
  }
  free(bins);
}

static void bins_hold_what_they_promise(void **state) {
  (void)state; /* more of the largest products than a bin has room for: 2^16 and 2^20 */
  const size_t n = (size_t)1 << 21;
  rnnloss_bins *bins = new_bins();
  double *x = malloc(n * sizeof *x);
  float *y = malloc(n * sizeof *y);
  for (size_t i = 0; i < n; i++) {
    x[i] = nextafter(1, 0);
    y[i] = nextafterf(1, 0);
  }
  rnnloss_square with, without;
  for (int wide = 0; wide < 2; wide++) {
    rnnloss_dtype dtype = wide ? RNNLOSS_F64 : RNNLOSS_F32;
    const void *data = wide ? (const void *)x : (const void *)y;
    rnnloss_square_begin(&with);
    rnnloss_square_begin(&without);
    rnnloss_square_add(&with, bins, dtype, data, n);
    rnnloss_square_settle(&with, bins);
    rnnloss_square_add(&without, NULL, dtype, data, n);
    assert_same(&with, &without);
  }
  for (size_t i = 0; i < n; i++) x[i] = i % 2 ? -nextafter(8, 0) : nextafter(8, 0);
  double *z = malloc(n * sizeof *z); /* |x - z| just below 16, with exponents 2 apart */
  for (size_t i = 0; i < n; i++) z[i] = i % 2 ? nextafter(2, 0) : -nextafter(2, 0);
  rnnloss_square_begin(&with);
  rnnloss_square_begin(&without);
  rnnloss_square_add_difference(&with, bins, RNNLOSS_F64, x, RNNLOSS_F64, z, n);
  rnnloss_square_settle(&with, bins);
  rnnloss_square_add_difference(&without, NULL, RNNLOSS_F64, x, RNNLOSS_F64, z, n);
  assert_same(&with, &without);
  free(x);
  free(y);
  free(z);
  free(bins);
}

static void rates_any_way(void **state) {
  (void)state;
  static unsigned char x[8 * N];
  rnnloss_bins *bins = new_bins();
  static const size_t widths[] = {1, 3, 100, 1000, 3000};
  for (int round = 0; round < 80; round++) {
    rnnloss_dtype dtype = (rnnloss_dtype)(round % 4), class = round % 8 < 4 ? dtype : RNNLOSS_F64;
    size_t size = rnnloss_dtype_size(dtype), neurons = widths[round / 4 % 5];
    size_t bytes = rnnloss_rates_size(class, neurons);
    fill(dtype, x, N, round / 20);
    int64_t *limbs[3];
    rnnloss_rates rates[3];
    rnnloss_square squares[3];
    for (int k = 0; k < 3; k++) {
      limbs[k] = malloc(bytes);
      memset(limbs[k], 0x77, bytes);
      assert_int_equal(rnnloss_rates_begin(&rates[k], class, neurons, limbs[k], bytes), RNNLOSS_OK);
      rnnloss_square_begin(&squares[k]);
    }
    rnnloss_rates_add(&rates[0], NULL, NULL, dtype, x, N);
    rnnloss_square_add(&squares[0], NULL, dtype, x, N);
    for (size_t i = 0; i < N;) {
      size_t part = 1 + random_bits() % 700;
      part = part < N - i ? part : N - i;
      rnnloss_rates_add(&rates[1], &squares[1], bins, dtype, x + i * size, part);
      i += part;
    }
    rnnloss_square_settle(&squares[1], bins);
    size_t half = N / neurons / 2 * neurons;
    rnnloss_rates_add(&rates[1 + 1], NULL, NULL, dtype, x + half * size, N - half);
    rnnloss_rates first;
    int64_t *more = malloc(bytes);
    rnnloss_rates_begin(&first, class, neurons, more, bytes);
    rnnloss_rates_add(&first, NULL, NULL, dtype, x, half);
    assert_int_equal(rnnloss_rates_merge(&rates[2], &first), RNNLOSS_OK);
    for (int k = 0; k < 3; k++) {
      rnnloss_rates_settle(&rates[k], 0, neurons / 2);
      rnnloss_rates_settle(&rates[k], neurons / 2, neurons);
      assert_memory_equal(limbs[0], limbs[k], bytes);
      assert_int_equal(rates[k].count, N);
    }
    assert_same(&squares[0], &squares[1]);
    for (int k = 0; k < 3; k++) free(limbs[k]);
    free(more);
  }
  free(bins);
}

static void empty_rates_settle_to_zero(void **state) {
  (void)state;
  int64_t limbs[2 * NARROW], zero[2 * NARROW] = {0};
  memset(limbs, 0x55, sizeof limbs);
  rnnloss_rates rates;
  rnnloss_rates_begin(&rates, RNNLOSS_F32, 2, limbs, sizeof limbs);
  rnnloss_rates_settle(&rates, 0, 2);
  assert_memory_equal(limbs, zero, sizeof zero);
  rnnloss_rates_settle(&rates, 2, 1);
  rnnloss_rates_settle(NULL, 0, 1);
}

static void nonfinite(void **state) {
  (void)state;
  const double a[] = {(double)NAN, HUGE_VAL, -HUGE_VAL, HUGE_VAL, 1, 2, -HUGE_VAL, 1};
  const double b[] = {1, HUGE_VAL, -HUGE_VAL, -HUGE_VAL, HUGE_VAL, (double)NAN, 7, -HUGE_VAL};
  float narrow_a[8], narrow_b[8];
  for (int i = 0; i < 8; i++) {
    narrow_a[i] = (float)a[i];
    narrow_b[i] = (float)b[i];
  }
  rnnloss_bins *bins = new_bins();
  for (int way = 0; way < 3; way++) {
    rnnloss_square sum;
    rnnloss_square_begin(&sum);
    static double zero[600];
    if (way > 0) /* makes the bins live */
      rnnloss_square_add_difference(&sum, bins, RNNLOSS_F64, zero, RNNLOSS_F64, zero, 600);
    if (way < 2)
      rnnloss_square_add_difference(&sum, bins, RNNLOSS_F64, a, RNNLOSS_F64, b, 8);
    else
      rnnloss_square_add_difference(&sum, bins, RNNLOSS_F32, narrow_a, RNNLOSS_F32, narrow_b, 8);
    rnnloss_square_settle(&sum, bins);
    assert_int_equal(sum.nonfinite.nan, 4);
    assert_int_equal(sum.nonfinite.positive, 2);
    assert_int_equal(sum.nonfinite.negative, 2);
    for (int i = 0; i < RNNLOSS_SQUARE_LIMBS; i++) assert_int_equal(sum.limb[i], 0);
    rnnloss_square_begin(&sum);
    if (way > 0) rnnloss_square_add(&sum, bins, RNNLOSS_F64, zero, 600);
    rnnloss_square_add(&sum, bins, way < 2 ? RNNLOSS_F64 : RNNLOSS_F32, way < 2 ? (const void *)a : narrow_a, 8);
    rnnloss_square_settle(&sum, bins);
    assert_int_equal(sum.nonfinite.nan, 1);
    assert_int_equal(sum.nonfinite.positive, 2);
    assert_int_equal(sum.nonfinite.negative, 2);
    assert_int_equal(sum.count, way > 0 ? 608 : 8);
  }
  free(bins);
}

/* Any limbs that a caller fills in are made canonical, extremes included. */
static void foreign_limbs(void **state) {
  (void)state;
  rnnloss_square sum, other;
  rnnloss_square_begin(&sum);
  rnnloss_square_begin(&other);
  for (int i = 0; i < 10; i++) sum.limb[i] = i % 2 ? INT64_MIN : INT64_MAX;
  sum.limb[10] = INT64_C(1) << 40;
  rnnloss_square_settle(&sum, NULL);
  for (int i = 0; i < 12; i++) assert_true(sum.limb[i] >= 0 && sum.limb[i] < INT64_C(1) << 32);
  rnnloss_square_settle(&other, NULL);
  sum.limb[RNNLOSS_SQUARE_LIMBS - 1] = INT64_MAX;
  other.limb[RNNLOSS_SQUARE_LIMBS - 1] = INT64_MAX;
  assert_int_equal(rnnloss_square_merge(&sum, &other), RNNLOSS_OK); /* wraps; terms refuse it */
}

/* Limbs take 2^30 additions: before more they are made canonical, in each of the ways to add. */
static void room_in_limbs(void **state) {
  (void)state;
  static const size_t lengths[] = {3, 300}; /* below and above what goes by blocks and columns */
  static double x[300];
  rnnloss_square sum, plain;
  rnnloss_rates rates, plain_rates;
  int64_t limbs[3 * WIDE], plain_limbs[3 * WIDE];
  const uint64_t most = ((uint64_t)1 << 30) - 1;
  for (int i = 0; i < 300; i++) x[i] = i - 100.5;
  for (int way = 0; way < 2; way++) {
    rnnloss_square_begin(&plain);
    rnnloss_rates_begin(&plain_rates, RNNLOSS_F64, 3, plain_limbs, sizeof plain_limbs);
    rnnloss_rates_add(&plain_rates, NULL, NULL, RNNLOSS_F64, x, 3);
    rnnloss_square_add(&plain, NULL, RNNLOSS_F64, x, 3);
    sum = plain;
    rates = plain_rates;
    rates.limb = limbs;
    memcpy(limbs, plain_limbs, sizeof limbs);
    for (int i = 34; i < 40; i++) { /* the same number, as 2^30 additions may leave it */
      sum.limb[i] += INT64_C(1) << 62;
      sum.limb[i + 1] -= INT64_C(1) << 30;
      limbs[i] -= INT64_C(1) << 62;
      limbs[i + 1] += INT64_C(1) << 30;
    }
    sum.loose = rates.loose = most;
    assert_int_equal(rnnloss_rates_add(&rates, &sum, NULL, RNNLOSS_F64, x, lengths[way]), RNNLOSS_OK);
    assert_int_equal(rnnloss_rates_add(&plain_rates, &plain, NULL, RNNLOSS_F64, x, lengths[way]), RNNLOSS_OK);
    assert_true(sum.loose < most && rates.loose < most);
    for (int i = 0; i < RNNLOSS_SQUARE_LIMBS; i++) assert_true(sum.limb[i] < INT64_C(1) << 40);
    for (int i = 0; i < RNNLOSS_WIDE_LIMBS; i++) assert_true(limbs[i] > -(INT64_C(1) << 40));
    assert_same(&sum, &plain);
    rnnloss_rates_settle(&rates, 0, 3);
    rnnloss_rates_settle(&plain_rates, 0, 3);
    assert_memory_equal(limbs, plain_limbs, sizeof limbs);
  }
}

static void refused(void **state) {
  (void)state;
  rnnloss_square sum, before;
  rnnloss_rates rates, second;
  int64_t limbs[3 * NARROW], more[3 * WIDE];
  double x[3] = {1, 2, 3};
  rnnloss_square_begin(&sum);
  before = sum;
  assert_int_equal(rnnloss_square_add(NULL, NULL, RNNLOSS_F64, x, 3), RNNLOSS_E_ARGUMENT);
  assert_int_equal(rnnloss_square_add(&sum, NULL, (rnnloss_dtype)9, x, 3), RNNLOSS_E_ARGUMENT);
  assert_int_equal(rnnloss_square_add(&sum, NULL, RNNLOSS_F64, NULL, 3), RNNLOSS_E_ARGUMENT);
  assert_int_equal(rnnloss_square_add(&sum, NULL, RNNLOSS_F64, NULL, 0), RNNLOSS_OK);
  assert_int_equal(rnnloss_square_add(&sum, NULL, RNNLOSS_F64, x, (size_t)1 << 53), RNNLOSS_E_LIMIT);
  assert_int_equal(rnnloss_square_add_difference(&sum, NULL, RNNLOSS_F64, x, RNNLOSS_F64, NULL, 1), RNNLOSS_E_ARGUMENT);
  assert_int_equal(rnnloss_square_merge(&sum, &sum), RNNLOSS_E_ARGUMENT);
  assert_memory_equal(&sum, &before, sizeof sum);
  sum.count = ((uint64_t)1 << 53) - 2;
  assert_int_equal(rnnloss_square_add(&sum, NULL, RNNLOSS_F64, x, 1), RNNLOSS_OK);
  assert_int_equal(rnnloss_square_add_difference(&sum, NULL, RNNLOSS_F64, x, RNNLOSS_F64, x, 1), RNNLOSS_E_LIMIT);
  before.count = 1;
  assert_int_equal(rnnloss_square_merge(&before, &sum), RNNLOSS_E_LIMIT);

  assert_int_equal(rnnloss_rates_size(RNNLOSS_F32, 10), 960);
  assert_int_equal(rnnloss_rates_size(RNNLOSS_F64, 10), 5600);
  assert_int_equal(rnnloss_rates_size(RNNLOSS_F32, 0), 0);
  assert_int_equal(rnnloss_rates_size(RNNLOSS_F32, RNNLOSS_MAX_NEURONS + 1), 0);
  assert_int_equal(rnnloss_rates_begin(&rates, RNNLOSS_F32, 3, limbs, sizeof limbs - 1), RNNLOSS_E_ARGUMENT);
  assert_int_equal(rnnloss_rates_begin(&rates, RNNLOSS_F32, 0, limbs, sizeof limbs), RNNLOSS_E_ARGUMENT);
  assert_int_equal(rnnloss_rates_begin(&rates, RNNLOSS_F32, RNNLOSS_MAX_NEURONS + 1, limbs, sizeof limbs),
                   RNNLOSS_E_LIMIT);
  assert_int_equal(rnnloss_rates_begin(&rates, RNNLOSS_F32, 3, limbs, sizeof limbs), RNNLOSS_OK);
  assert_int_equal(rnnloss_rates_add(&rates, NULL, NULL, RNNLOSS_F64, x, 3), RNNLOSS_E_ARGUMENT); /* too wide */
  assert_int_equal(rnnloss_rates_begin(&second, RNNLOSS_F64, 3, more, sizeof more), RNNLOSS_OK);
  assert_int_equal(rnnloss_rates_merge(&rates, &second), RNNLOSS_E_ARGUMENT);
  int64_t third[3 * WIDE];
  rnnloss_rates third_rates;
  rnnloss_rates_begin(&third_rates, RNNLOSS_F64, 3, third, sizeof third);
  rnnloss_rates_add(&second, NULL, NULL, RNNLOSS_F64, x, 2);
  assert_int_equal(rnnloss_rates_merge(&third_rates, &second), RNNLOSS_E_MISSING);
  rnnloss_rates_add(&second, NULL, NULL, RNNLOSS_F64, x, 1);
  assert_int_equal(rnnloss_rates_merge(&third_rates, &second), RNNLOSS_OK);
  second.count = ((uint64_t)1 << 53) - 2;
  assert_int_equal(rnnloss_rates_add(&second, NULL, NULL, RNNLOSS_F64, x, 3), RNNLOSS_E_LIMIT);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(squares_any_way),
      cmocka_unit_test(differences_any_way),
      cmocka_unit_test(bins_hold_what_they_promise),
      cmocka_unit_test(rates_any_way),
      cmocka_unit_test(empty_rates_settle_to_zero),
      cmocka_unit_test(nonfinite),
      cmocka_unit_test(foreign_limbs),
      cmocka_unit_test(room_in_limbs),
      cmocka_unit_test(refused),
  };
  return cmocka_run_group_tests_name("reduce", tests, NULL, NULL);
}
