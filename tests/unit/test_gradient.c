/* Gradients to the bit: fma, signed zeros, the dtype's rounding, and whatever floating-point environment the caller
 * has. */
#include <fenv.h>
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include "rnnloss.h"
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#include <cmocka.h>

static void assert_bits(double got, double wanted) {
  uint64_t a, b;
  memcpy(&a, &got, sizeof a);
  memcpy(&b, &wanted, sizeof b);
  assert_true(a == b);
}

static double scaled(double a, double x) {
  rnnloss_affine affine = {.scaled = true, .a = a};
  double out;
  assert_int_equal(rnnloss_gradient(&affine, 0, 1, RNNLOSS_F64, &x, RNNLOSS_F64, &out), RNNLOSS_OK);
  return out;
}

static double shifted(double a, double x, double c) {
  rnnloss_affine affine = {.scaled = true, .a = a, .c = &c, .neurons = 1};
  double out;
  assert_int_equal(rnnloss_gradient(&affine, 0, 1, RNNLOSS_F64, &x, RNNLOSS_F64, &out), RNNLOSS_OK);
  return out;
}

static void one_rounding(void **state) {
  (void)state;
  double a = 1 + 0x1p-30;
  assert_bits(shifted(a, a, -(1 + 0x1p-29)), 0x1p-60); /* 0 if the product were rounded first */
  assert_bits(scaled(a, a), 1 + 0x1p-29);
  assert_bits(scaled(3, DBL_TRUE_MIN), 3 * DBL_TRUE_MIN);
  assert_bits(scaled(0.5, DBL_TRUE_MIN), 0);
  assert_bits(scaled(DBL_MAX, 2), HUGE_VAL);
}

static void signed_zeros(void **state) {
  (void)state;
  assert_bits(scaled(2, -0.0), -0.0);
  assert_bits(shifted(2, -0.0, 0.0), 0.0);
  assert_bits(shifted(2, -0.0, -0.0), -0.0);
  assert_bits(shifted(2, 1, -2), 0.0);
  double x = 3, out = 1;
  assert_int_equal(rnnloss_gradient_difference(0.5, false, 1, RNNLOSS_F64, &x, RNNLOSS_F64, &x, RNNLOSS_F64, &out),
                   RNNLOSS_OK);
  assert_bits(out, 0.0);
  rnnloss_gradient_difference(0.5, true, 1, RNNLOSS_F64, &x, RNNLOSS_F64, &x, RNNLOSS_F64, &out);
  assert_bits(out, -0.0);
}

static void offset_or_nothing(void **state) {
  (void)state;
  const double c[3] = {1, -0x1p-30, 70000};
  rnnloss_affine affine = {.c = c, .neurons = 3};
  uint16_t half[4];
  assert_int_equal(rnnloss_gradient(&affine, 5, 4, RNNLOSS_F32, NULL, RNNLOSS_F16, half), RNNLOSS_OK);
  assert_int_equal(half[0], 0x7C00); /* neuron 2: beyond F16 */
  assert_int_equal(half[1], 0x3C00);
  assert_int_equal(half[2], 0x8000);
  assert_int_equal(half[3], 0x7C00);
  rnnloss_affine none = {.scaled = false};
  float out[2] = {1, 1};
  assert_int_equal(rnnloss_gradient(&none, 0, 2, RNNLOSS_F32, NULL, RNNLOSS_F32, out), RNNLOSS_OK);
  assert_bits((double)out[0], 0);
  assert_bits((double)out[1], 0);
}

static void nan_is_canonical(void **state) {
  (void)state;
  const uint64_t signalling = 0xFFF0000000000001U;
  double x, out, zero = 0;
  uint64_t bits;
  memcpy(&x, &signalling, sizeof x);
  for (int d = 0; d < RNNLOSS_DTYPES; d++) {
    static const uint64_t wanted[] = {0x7E00, 0x7FC0, 0x7FC00000, 0x7FF8000000000000U};
    rnnloss_affine affine = {.scaled = true, .a = 1, .c = d % 2 ? &zero : NULL, .neurons = 1};
    bits = 0;
    rnnloss_gradient(&affine, 0, 1, RNNLOSS_F64, &x, (rnnloss_dtype)d, &bits);
    assert_true(bits == wanted[d]);
    uint64_t own = wanted[d] | (d == RNNLOSS_F64 ? UINT64_C(1) << 63 : d == RNNLOSS_F32 ? 0x80000001U : 0x8001);
    bits = 0;
    rnnloss_gradient(&affine, 0, 1, (rnnloss_dtype)d, &own, (rnnloss_dtype)d, &bits);
    assert_true(bits == wanted[d]);
  }
  const double infinity = HUGE_VAL;
  rnnloss_gradient_difference(1, true, 1, RNNLOSS_F64, &infinity, RNNLOSS_F64, &infinity, RNNLOSS_F64, &out);
  memcpy(&bits, &out, sizeof bits);
  assert_true(bits == 0x7FF8000000000000U);
}

/* All dtypes, in pieces, in place, unaligned, against the definition in plain C. */
#define N 700
#define NEURONS 9

static double defined(bool is_scaled, double a, double x, const double *c) {
  if (!is_scaled) return c != NULL ? *c : 0;
  return c != NULL ? fma(a, x, *c) : a * x;
}

static void definition(void **state) {
  (void)state;
  static unsigned char x[8 * N + 1], y[8 * N + 1], out[8 * N + 1], wanted[8];
  double c[NEURONS];
  for (int i = 0; i < NEURONS; i++) c[i] = ldexp(sin(i), -i);
  for (int round = 0; round < 64; round++) {
    rnnloss_dtype d = (rnnloss_dtype)(round % 4), o = (rnnloss_dtype)(round / 4 % 4);
    size_t size = rnnloss_dtype_size(d), out_size = rnnloss_dtype_size(o);
    rnnloss_affine affine = {.scaled = round & 16, .a = 0x1.23456789p-9, .c = round & 32 ? c : NULL, NEURONS};
    unsigned char *at = x + 1, *to = d == o ? at : out + 1; /* in place where that is allowed */
    for (int i = 0; i < N; i++) rnnloss_store(d, ldexp(sin(i), i % 40 - 30), at + (size_t)i * size);
    memcpy(y, x, sizeof x);
    assert_int_equal(rnnloss_gradient(&affine, 4, 300, d, at, o, to), RNNLOSS_OK);
    assert_int_equal(rnnloss_gradient(&affine, 304, N - 300, d, at + 300 * size, o, to + 300 * out_size), RNNLOSS_OK);
    for (size_t i = 0; i < N; i++) {
      const double *offset = affine.c != NULL ? &c[(i + 4) % NEURONS] : NULL;
      rnnloss_store(o, defined(affine.scaled, affine.a, rnnloss_load(d, y + 1 + i * size), offset), wanted);
      assert_memory_equal(to + i * out_size, wanted, out_size);
    }
  }
}

static void definition_of_difference(void **state) {
  (void)state;
  static unsigned char p[8 * N], t[8 * N], out[8 * N], wanted[8];
  const double a = 0x1.23456789p-9;
  for (int round = 0; round < 128; round++) {
    rnnloss_dtype pd = (rnnloss_dtype)(round % 4), td = (rnnloss_dtype)(round / 4 % 4),
                  o = (rnnloss_dtype)(round / 16 % 4);
    bool of_target = round >= 64;
    for (size_t i = 0; i < N; i++) {
      rnnloss_store(pd, ldexp(sin((double)i), (int)(i % 40) - 30), p + i * rnnloss_dtype_size(pd));
      rnnloss_store(td, ldexp(cos((double)i), (int)(i % 7) - 9), t + i * rnnloss_dtype_size(td));
    }
    assert_int_equal(rnnloss_gradient_difference(a, of_target, N, pd, p, td, t, o, out), RNNLOSS_OK);
    for (size_t i = 0; i < N; i++) {
      double g =
          a * (rnnloss_load(pd, p + i * rnnloss_dtype_size(pd)) - rnnloss_load(td, t + i * rnnloss_dtype_size(td)));
      rnnloss_store(o, of_target ? -g : g, wanted);
      assert_memory_equal(out + i * rnnloss_dtype_size(o), wanted, rnnloss_dtype_size(o));
    }
  }
}

static void refused(void **state) {
  (void)state;
  double x = 1, c = 0;
  rnnloss_affine affine = {.scaled = true, .a = 1}, no_neurons = {.c = &c};
  assert_int_equal(rnnloss_gradient(NULL, 0, 1, RNNLOSS_F64, &x, RNNLOSS_F64, &x), RNNLOSS_E_ARGUMENT);
  assert_int_equal(rnnloss_gradient(&affine, 0, 1, RNNLOSS_F64, NULL, RNNLOSS_F64, &x), RNNLOSS_E_ARGUMENT);
  assert_int_equal(rnnloss_gradient(&affine, 0, 1, RNNLOSS_F64, &x, RNNLOSS_F64, NULL), RNNLOSS_E_ARGUMENT);
  assert_int_equal(rnnloss_gradient(&affine, 0, 1, (rnnloss_dtype)4, &x, RNNLOSS_F64, &x), RNNLOSS_E_ARGUMENT);
  assert_int_equal(rnnloss_gradient(&affine, 0, 1, RNNLOSS_F64, &x, (rnnloss_dtype)4, &x), RNNLOSS_E_ARGUMENT);
  assert_int_equal(rnnloss_gradient(&no_neurons, 0, 1, RNNLOSS_F64, &x, RNNLOSS_F64, &x), RNNLOSS_E_ARGUMENT);
  assert_int_equal(rnnloss_gradient(&affine, 0, 0, RNNLOSS_F64, NULL, RNNLOSS_F64, NULL), RNNLOSS_OK);
  assert_int_equal(rnnloss_gradient_difference(1, false, 1, RNNLOSS_F64, &x, RNNLOSS_F64, NULL, RNNLOSS_F64, &x),
                   RNNLOSS_E_ARGUMENT);
  assert_int_equal(rnnloss_gradient_difference(1, false, 1, RNNLOSS_F64, &x, (rnnloss_dtype)7, &x, RNNLOSS_F64, &x),
                   RNNLOSS_E_ARGUMENT);
}

/* ---- The caller's environment ---- */

struct results {
  float f32[4];
  uint16_t f16[4], bf16[4];
  double f64[4], residual[4];
  rnnloss_square square;
};

static void compute(struct results *r) {
  static const double x[4] = {0.1, 5e-310, -0x1p-1050, 1e-320};
  static const float y[4] = {0.1f, 1e-40f, -3e-45f, 1e-38f};
  static const uint16_t h[4] = {0x0001, 0x3C01, 0x83FF, 0x1234};
  const double c[2] = {0x1p-140, 1e-310};
  memset(r, 0, sizeof *r);
  rnnloss_affine affine = {.scaled = true, .a = 0.7, .c = c, .neurons = 2};
  rnnloss_gradient(&affine, 0, 4, RNNLOSS_F32, y, RNNLOSS_F32, r->f32);
  rnnloss_gradient(&affine, 0, 4, RNNLOSS_F16, h, RNNLOSS_F16, r->f16);
  rnnloss_gradient(&affine, 0, 4, RNNLOSS_BF16, h, RNNLOSS_BF16, r->bf16);
  rnnloss_gradient(&affine, 0, 4, RNNLOSS_F64, x, RNNLOSS_F64, r->f64);
  rnnloss_gradient_difference(0.3, true, 4, RNNLOSS_F64, x, RNNLOSS_F32, y, RNNLOSS_F64, r->residual);
  rnnloss_square_begin(&r->square);
  rnnloss_square_add(&r->square, NULL, RNNLOSS_F64, x, 4);
  rnnloss_square_add_difference(&r->square, NULL, RNNLOSS_F64, x, RNNLOSS_F32, y, 4);
  rnnloss_square_settle(&r->square, NULL);
}

static void environment(void **state) {
  (void)state;
  struct results wanted, got;
  compute(&wanted);
  assert_true(wanted.f64[1] > 0 && wanted.f32[1] > 0);
  static const int modes[] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
  for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
    fesetround(modes[i]);
    feclearexcept(FE_ALL_EXCEPT);
    feraiseexcept(FE_DIVBYZERO);
    compute(&got);
    int mode = fegetround(), flags = fetestexcept(FE_ALL_EXCEPT);
    fesetround(FE_TONEAREST);
    assert_int_equal(mode, modes[i]);
    assert_int_equal(flags, FE_DIVBYZERO);
    assert_memory_equal(&got, &wanted, sizeof got);
  }
#if defined(__x86_64__)
  unsigned saved = _mm_getcsr(), set = (saved | 0x8040) & ~0x1F80U; /* FTZ, DAZ, and every exception traps */
  set &= ~0x3FU;
  _mm_setcsr(set);
  compute(&got);
  unsigned after = _mm_getcsr();
  _mm_setcsr(saved);
  assert_int_equal(after, set);
  assert_memory_equal(&got, &wanted, sizeof got);
#endif
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(one_rounding),     cmocka_unit_test(signed_zeros), cmocka_unit_test(offset_or_nothing),
      cmocka_unit_test(nan_is_canonical), cmocka_unit_test(definition),   cmocka_unit_test(definition_of_difference),
      cmocka_unit_test(refused),          cmocka_unit_test(environment),
  };
  return cmocka_run_group_tests_name("gradient", tests, NULL, NULL);
}
