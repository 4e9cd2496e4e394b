/* Elements of the four dtypes: exact loads, and stores that round once. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include "rnnloss.h"

#include <cmocka.h>

static uint64_t stored(rnnloss_dtype dtype, double value) {
  uint64_t bits = 0;
  unsigned char raw[8];
  size_t size = rnnloss_dtype_size(dtype);
  rnnloss_store(dtype, value, raw);
  if (size == 8) {
    memcpy(&bits, raw, 8);
  } else if (size == 4) {
    uint32_t word;
    memcpy(&word, raw, 4);
    bits = word;
  } else {
    uint16_t half;
    memcpy(&half, raw, 2);
    bits = half;
  }
  return bits;
}

/* What 16 bits mean, by the definition. */
static double meaning(uint16_t bits, int fraction_bits, int bias) {
  int field = (bits & 0x7FFF) >> fraction_bits, fraction = bits & ((1 << fraction_bits) - 1);
  double m = field != 0 ? fraction + (1 << fraction_bits) : fraction;
  double value = ldexp(m, (field != 0 ? field : 1) - bias - fraction_bits);
  return bits >> 15 ? -value : value;
}

static void all_of_16_bits(void **state) {
  (void)state;
  for (int d = RNNLOSS_F16; d <= RNNLOSS_BF16; d++) {
    int fraction_bits = d == RNNLOSS_F16 ? 10 : 7, bias = d == RNNLOSS_F16 ? 15 : 127;
    unsigned infinity = d == RNNLOSS_F16 ? 0x7C00 : 0x7F80, checked = 0;
    for (unsigned i = 0; i < 65536; i++) {
      uint16_t bits = (uint16_t)i;
      double value = rnnloss_load((rnnloss_dtype)d, &bits);
      checked++;
      if ((i & 0x7FFF) > infinity) {
        assert_true(isnan(value));
        assert_int_equal(stored((rnnloss_dtype)d, value), infinity | 1U << (fraction_bits - 1));
        continue;
      }
      assert_int_equal(stored((rnnloss_dtype)d, value), i);
      if ((i & 0x7FFF) == infinity)
        assert_true(isinf(value) && signbit(value) == (int)(i >> 15));
      else
        assert_true(memcmp(&value, &(double){meaning(bits, fraction_bits, bias)}, sizeof value) == 0);
    }
    assert_int_equal(checked, 65536);
  }
}

/* Midpoints of neighbours go to the even one; a hair beside them to the nearer one. */
static void midpoints_of_16_bits(void **state) {
  (void)state;
  for (int d = RNNLOSS_F16; d <= RNNLOSS_BF16; d++) {
    unsigned largest = d == RNNLOSS_F16 ? 0x7BFF : 0x7F7F;
    for (unsigned i = 0; i < largest; i++) {
      uint16_t low = (uint16_t)i, high = (uint16_t)(i + 1);
      double middle = (rnnloss_load((rnnloss_dtype)d, &low) + rnnloss_load((rnnloss_dtype)d, &high)) / 2;
      assert_int_equal(stored((rnnloss_dtype)d, middle), i + (i & 1));
      assert_int_equal(stored((rnnloss_dtype)d, nextafter(middle, 0)), i);
      assert_int_equal(stored((rnnloss_dtype)d, nextafter(middle, HUGE_VAL)), i + 1);
      assert_int_equal(stored((rnnloss_dtype)d, -middle), (i + (i & 1)) | 0x8000);
    }
  }
}

static void traps(void **state) {
  (void)state;
  assert_int_equal(stored(RNNLOSS_F16, 0x1.0020000001p+0), 0x3C01); /* 0x3C00 by way of F32 */
  assert_int_equal(stored(RNNLOSS_BF16, 0x1.0100000001p+0), 0x3F81);
  assert_int_equal(stored(RNNLOSS_F16, 65519.999), 0x7BFF);
  assert_int_equal(stored(RNNLOSS_F16, 65520), 0x7C00);
  assert_int_equal(stored(RNNLOSS_F16, -65520), 0xFC00);
  assert_int_equal(stored(RNNLOSS_F16, 0x1p-25), 0);
  assert_int_equal(stored(RNNLOSS_F16, 0x1.0000000000001p-25), 1);
  assert_int_equal(stored(RNNLOSS_F16, -0x1p-26), 0x8000);
  assert_int_equal(stored(RNNLOSS_F16, 5e-324), 0);
  assert_int_equal(stored(RNNLOSS_BF16, 0x1p-134), 0);
  assert_int_equal(stored(RNNLOSS_BF16, 0x1.8p-134), 1);
  assert_int_equal(stored(RNNLOSS_BF16, 1e300), 0x7F80);
}

static void f32_and_f64(void **state) {
  (void)state;
  uint64_t seed = 1;
  for (int i = 0; i < 200000; i++) { /* against the machine's own conversion */
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    uint64_t bits = (seed & 0x800FFFFFFFFFFFFFU) | (uint64_t)(860 + i % 310) << 52;
    double value;
    memcpy(&value, &bits, sizeof value);
    float wanted = (float)value;
    uint32_t wanted_bits;
    memcpy(&wanted_bits, &wanted, sizeof wanted);
    assert_int_equal(stored(RNNLOSS_F32, value), wanted_bits);
    assert_true(stored(RNNLOSS_F64, value) == bits);
    double back = rnnloss_load(RNNLOSS_F32, &wanted);
    assert_true(back == (double)wanted || isnan(back));
  }
  assert_int_equal(stored(RNNLOSS_F32, -(double)NAN), 0x7FC00000);
  assert_true(stored(RNNLOSS_F64, -(double)NAN) == 0x7FF8000000000000U);
  assert_int_equal(stored(RNNLOSS_F32, 0x1.ffffffp+127), 0x7F800000);
  assert_int_equal(stored(RNNLOSS_F32, -0.0), 0x80000000);
}

static void find_nonfinite(void **state) {
  (void)state;
  unsigned char raw[8 * 1200 + 1];
  for (int d = 0; d < RNNLOSS_DTYPES; d++) {
    size_t size = rnnloss_dtype_size((rnnloss_dtype)d);
    unsigned char *x = raw + 1; /* unaligned */
    for (size_t i = 0; i < 1200; i++) rnnloss_store((rnnloss_dtype)d, d == RNNLOSS_F16 ? 65504 : -3e38, x + i * size);
    if (d == RNNLOSS_BF16)
      for (size_t i = 0; i < 1200; i++) rnnloss_store((rnnloss_dtype)d, -1, x + i * size);
    assert_int_equal(rnnloss_find_nonfinite((rnnloss_dtype)d, x, 1200), 1200);
    assert_int_equal(rnnloss_find_nonfinite((rnnloss_dtype)d, x, 0), 0);
    static const size_t at[] = {1199, 1023, 513, 512, 255, 1, 0};
    for (size_t k = 0; k < sizeof at / sizeof at[0]; k++) {
      rnnloss_store((rnnloss_dtype)d, k % 3 == 0 ? (double)NAN : k % 3 == 1 ? HUGE_VAL : -HUGE_VAL, x + at[k] * size);
      assert_int_equal(rnnloss_find_nonfinite((rnnloss_dtype)d, x, 1200), at[k]);
      assert_int_equal(rnnloss_find_nonfinite((rnnloss_dtype)d, x, at[k]), at[k]);
    }
  }
}

static void catalogue(void **state) {
  (void)state;
  static const char *const names[] = {"mse", "in", "hid", "out", "fr", "fr_sd", "fr_cv"};
  for (int k = 0; k < RNNLOSS_TERMS; k++) {
    const rnnloss_term_info *term = rnnloss_term_describe((rnnloss_term)k);
    assert_string_equal(term->name, names[k]);
    assert_string_equal(term->lambda_key + strlen("lambda_"), names[k]);
    assert_true(term->tensors != 0 && term->tensors < 1U << RNNLOSS_TENSORS);
  }
  assert_null(rnnloss_term_describe((rnnloss_term)7));
  assert_string_equal(rnnloss_tensor_describe(RNNLOSS_RATE)->name, "fr");
  assert_null(rnnloss_tensor_describe((rnnloss_tensor)6));
  assert_string_equal(rnnloss_dtype_name(RNNLOSS_BF16), "BF16");
  assert_null(rnnloss_dtype_name((rnnloss_dtype)4));
  assert_int_equal(rnnloss_dtype_size((rnnloss_dtype)4), 0);
  for (int s = RNNLOSS_OK; s <= RNNLOSS_E_INTERNAL + 1; s++)
    assert_true(strlen(rnnloss_strerror((rnnloss_status)s)) > 0);
  assert_string_equal(rnnloss_version(), RNNLOSS_VERSION);
  static const char *const kernels[] = {"portable", "avx2", "avx512", "neon"};
  bool known = false;
  for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++) known |= strcmp(rnnloss_kernel(), kernels[i]) == 0;
  assert_true(known);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(all_of_16_bits), cmocka_unit_test(midpoints_of_16_bits), cmocka_unit_test(traps),
      cmocka_unit_test(f32_and_f64),    cmocka_unit_test(find_nonfinite),       cmocka_unit_test(catalogue),
  };
  return cmocka_run_group_tests_name("number", tests, NULL, NULL);
}
