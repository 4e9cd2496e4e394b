/* Gradients, conversions and the search for what isn't finite: every variant that this machine has, against plain
 * code that takes one element at a time, with memory that crashes who reads or writes beside the arrays. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "kernels.h"
#include "random_bits.h"

#include <cmocka.h>

#define MOST 4096 /* elements an array */

static const struct kernels *variants[3];
static size_t variant_count;

static int find_variants(void **state) {
  (void)state;
  variants[variant_count++] = &rnn_kernels_portable;
#if RNN_X86_64
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) variants[variant_count++] = &rnn_kernels_avx2;
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl"))
    variants[variant_count++] = &rnn_kernels_avx512;
#endif
#if RNN_AARCH64
  variants[variant_count++] = &rnn_kernels_neon;
#endif
  return 0;
}

/* ---- Memory between two pages that must not be touched ---- */

#define ARRAY_BYTES ((size_t)MOST * 8)
static unsigned char *array[4];

static int map_arrays(void **state) {
  const size_t page = 65536; /* or a divisor of it */
  for (size_t i = 0; i < 4; i++) {
    unsigned char *all = mmap(NULL, ARRAY_BYTES + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED || mprotect(all + page, ARRAY_BYTES, PROT_READ | PROT_WRITE) != 0) return -1;
    array[i] = all + page;
  }
  return find_variants(state);
}

/* n elements of memory at the array's end, or at its start, then `skew` bytes away from it. */
static unsigned char *place(int i, size_t bytes, bool at_end, size_t skew) {
  return at_end ? array[i] + ARRAY_BYTES - bytes - skew : array[i] + skew;
}

/* ---- Numbers ---- */

/* Any bits, or few bits set, or exponents about the ends and the middle of a dtype's range. */
static uint64_t random_double_bits(void) {
  static const unsigned fields[] = {0,    1,    874,  888,  890,  897,  998,  1008,
                                    1009, 1023, 1038, 1039, 1150, 1151, 2046, 2047};
  uint64_t bits = random_bits(), kind = random_bits();
  if (kind & 1) bits &= UINT64_MAX << (kind >> 8) % 53; /* near ties */
  if (kind & 2) bits |= kind >> 20 & 1;
  if (kind & 4) {
    uint64_t field = fields[(kind >> 24) % 16] + (kind >> 32) % 5;
    bits = (bits & 0x800FFFFFFFFFFFFFU) | (field < 2047 ? field : 2047) << 52;
  }
  return bits;
}

static uint64_t random_element(rnnloss_dtype d) {
  uint64_t kind = random_bits();
  if (d == RNNLOSS_F64) return random_double_bits();
  if (d != RNNLOSS_F32) return random_bits() & 0xFFFF;
  if (kind & 1) return random_bits() & 0xFFFFFFFF;
  return rnn_narrow(d, rnn_bits_of(ldexp((double)(int64_t)random_bits(), (int)(kind >> 8 & 63) - 94)));
}

static void fill(rnnloss_dtype d, unsigned char *x, size_t n, bool tame) {
  for (size_t i = 0; i < n; i++) {
    uint64_t bits = random_element(d);
    if (tame) bits = rnn_narrow(d, rnn_bits_of((double)(int64_t)random_bits() * 0x1p-63));
    rnn_put_bits(d, bits, x + i * rnn_width(d));
  }
}

static void check(const struct kernels *k, rnnloss_dtype d, const unsigned char *got, const unsigned char *wanted,
                  size_t n) {
  for (size_t i = 0; i < n; i++) {
    uint64_t a = rnn_bits_at(d, got + i * rnn_width(d)), b = rnn_bits_at(d, wanted + i * rnn_width(d));
    if (a != b)
      fail_msg("%s, %s, element %zu of %zu: %llx for %llx", k->name, rnnloss_dtype_name(d), i, n, (unsigned long long)a,
               (unsigned long long)b);
  }
}

/* ---- Conversions ---- */

static void check_narrow(const uint64_t *bits, size_t n) {
  static unsigned char got[MOST * 8], wanted[MOST * 8];
  static double x[MOST];
  assert_true(n <= MOST);
  for (size_t i = 0; i < n; i++) x[i] = rnn_double_of(bits[i]);
  for (int d = 0; d < RNNLOSS_DTYPES; d++) {
    for (size_t i = 0; i < n; i++)
      rnn_put_bits((rnnloss_dtype)d, rnn_narrow((rnnloss_dtype)d, bits[i]), wanted + i * rnn_width((rnnloss_dtype)d));
    for (size_t v = 0; v < variant_count; v++) {
      variants[v]->narrow[d](x, got, n);
      check(variants[v], (rnnloss_dtype)d, got, wanted, n);
    }
  }
}

static void all_midpoints(void **state) {
  (void)state;
  for (int d = RNNLOSS_F16; d <= RNNLOSS_BF16; d++) {
    const unsigned infinity = d == RNNLOSS_F16 ? 0x7C00 : 0x7F80;
    for (unsigned start = 0; start < infinity; start += 256) {
      uint64_t bits[256 * 8];
      size_t n = 0;
      for (unsigned i = start; i < start + 256 && i < infinity; i++) {
        double low = rnn_double_of(rnn_widen((rnnloss_dtype)d, i)), high;
        high = i + 1 < infinity ? rnn_double_of(rnn_widen((rnnloss_dtype)d, i + 1)) : ldexp(1, d ? 128 : 16);
        uint64_t middle = rnn_bits_of((low + high) / 2), sign = UINT64_C(1) << 63;
        assert_int_equal(rnn_narrow((rnnloss_dtype)d, middle - 1), i);
        assert_int_equal(rnn_narrow((rnnloss_dtype)d, middle), i + (i & 1));
        assert_int_equal(rnn_narrow((rnnloss_dtype)d, middle + 1), i + 1);
        for (int k = -1; k <= 1; k++) {
          bits[n++] = middle + (uint64_t)k;
          bits[n++] = sign | (middle + (uint64_t)k);
        }
        bits[n++] = rnn_bits_of(low) + 1;
        bits[n++] = rnn_bits_of(high) - 1;
      }
      check_narrow(bits, n);
    }
  }
}

static void narrow_random(void **state) {
  (void)state;
  static uint64_t bits[MOST];
  for (int round = 0; round < 256; round++) {
    size_t n = round < 100 ? (size_t)round : MOST;
    for (size_t i = 0; i < n; i++) bits[i] = random_double_bits();
    check_narrow(bits, n);
  }
}

static void check_widen(rnnloss_dtype d, const unsigned char *x, size_t n) {
  static double wanted[MOST];
  for (size_t i = 0; i < n; i++) wanted[i] = rnn_double_of(rnn_widen(d, rnn_bits_at(d, x + i * rnn_width(d))));
  for (size_t v = 0; v < variant_count; v++) {
    double *got = (void *)place(1, n * 8, true, 0);
    variants[v]->widen[d](x, got, n);
    check(variants[v], RNNLOSS_F64, (unsigned char *)got, (unsigned char *)wanted, n);
  }
}

static void widenings(void **state) {
  (void)state;
  for (int d = RNNLOSS_F16; d <= RNNLOSS_BF16; d++) {
    for (unsigned start = 0; start < 65536; start += MOST) {
      unsigned char *x = place(0, (size_t)MOST * 2, true, 0);
      for (unsigned i = 0; i < MOST; i++) rnn_put_bits((rnnloss_dtype)d, start + i, x + (size_t)2 * i);
      check_widen((rnnloss_dtype)d, x, MOST);
    }
  }
  for (int round = 0; round < 400; round++) {
    rnnloss_dtype d = (rnnloss_dtype)(round % 4);
    size_t n = (size_t)round / 4;
    unsigned char *x = place(0, n * rnn_width(d), round & 4, (size_t)round % 3);
    fill(d, x, n, false);
    check_widen(d, x, n);
  }
}

/* ---- Gradients ---- */

enum shape { SCALED, SHIFTED, RESIDUAL, NEGATED, SHAPES };

static void plainly(rnnloss_dtype d, enum shape shape, double a, const double *c, const unsigned char *x,
                    const unsigned char *t, unsigned char *out, size_t n) {
  const size_t w = rnn_width(d);
  for (size_t i = 0; i < n; i++) {
    double v = rnnloss_load(d, x + i * w), g = a * v;
    if (shape == SHIFTED) g = fma(a, v, c[i]);
    if (shape >= RESIDUAL) g = a * (v - rnnloss_load(d, t + i * w));
    rnnloss_store(d, shape == NEGATED ? -g : g, out + i * w);
  }
}

static void run(const struct kernels *k, rnnloss_dtype d, enum shape shape, double a, const double *c,
                const unsigned char *x, const unsigned char *t, unsigned char *out, size_t n) {
  if (shape == SCALED) k->scaled[d](a, NULL, x, out, n);
  if (shape == SHIFTED) k->shifted[d](a, c, x, out, n);
  if (shape >= RESIDUAL) k->residual[d](a, shape == NEGATED, x, t, out, n);
}

static double coefficient(void) {
  static const double some[] = {1, 0, -0.0, 3e-7, 0x1p-1074, 0x1.fffffffffffffp-1023, 0x1p1000, DBL_MAX, 0x1p-900};
  uint64_t kind = random_bits() % 16;
  if (kind < 9) return some[kind];
  return kind < 12 ? rnn_double_of(random_double_bits() & (UINT64_MAX >> 1)) : (double)random_bits() * 0x1p-84;
}

static void one_gradient(rnnloss_dtype d, enum shape shape, size_t n, size_t skew, bool at_end, bool tame) {
  static unsigned char wanted[ARRAY_BYTES], kept[ARRAY_BYTES];
  const size_t w = rnn_width(d);
  double a = coefficient(), *c = (void *)place(2, n * 8, at_end, 0);
  unsigned char *x = place(0, n * w, at_end, skew), *t = place(1, n * w, at_end, skew),
                *out = place(3, n * w, at_end, 0);
  fill(d, x, n, tame);
  fill(d, t, n, tame);
  fill(RNNLOSS_F64, (unsigned char *)c, n, tame);
  for (size_t i = 0; i < n; i++) { /* some cancel, wholly or nearly */
    double product = a * rnnloss_load(d, x + i * w);
    if (random_bits() % 4 == 0) c[i] = -product;
    if (random_bits() % 8 == 0) c[i] = rnn_double_of(rnn_bits_of(-product) ^ random_bits() >> (random_bits() % 64));
    if (random_bits() % 16 == 0) memcpy(t + i * w, x + i * w, w);
  }
  plainly(d, shape, a, c, x, t, wanted, n);
  for (size_t v = 0; v < variant_count; v++) {
    run(variants[v], d, shape, a, c, x, t, out, n);
    check(variants[v], d, out, wanted, n);
    memcpy(kept, x, n * w);
    run(variants[v], d, shape, a, c, x, t, x, n); /* in place */
    check(variants[v], d, x, wanted, n);
    memcpy(x, kept, n * w);
    if (shape < RESIDUAL) continue;
    memcpy(kept, t, n * w);
    run(variants[v], d, shape, a, c, x, t, t, n);
    check(variants[v], d, t, wanted, n);
    memcpy(t, kept, n * w);
  }
}

static void gradients(void **state) {
  (void)state;
  for (int d = 0; d < RNNLOSS_DTYPES; d++) {
    for (int shape = 0; shape < SHAPES; shape++) {
      for (size_t n = 0; n < 70; n++) {
        one_gradient((rnnloss_dtype)d, (enum shape)shape, n, n % 3, n & 1, false);
        one_gradient((rnnloss_dtype)d, (enum shape)shape, n, 0, true, true);
      }
      for (int round = 0; round < 60; round++)
        one_gradient((rnnloss_dtype)d, (enum shape)shape, MOST - (size_t)round, 0, true, round & 1);
    }
  }
}

/* ---- The public function: rows of any length, all dtypes ---- */

static void rows(void **state) {
  (void)state;
  static const size_t neurons[] = {1, 2, 3, 4, 16, 17, 255, 511, 512, 513, 1025, 4000};
  static unsigned char wanted[8];
  static double c[4000];
  size_t checked = 0;
  fill(RNNLOSS_F64, (unsigned char *)c, 4000, true);
  for (unsigned round = 0; round < 12 * 16 * 2 * 4; round++) {
    size_t count = neurons[round % 12], n = round % 5 == 0 ? random_bits() % 40 : random_bits() % MOST;
    rnnloss_dtype d = (rnnloss_dtype)(round / 12 % 4), o = (rnnloss_dtype)(round / 48 % 4);
    rnnloss_affine affine = {.scaled = round / 192 % 2 == 0, .a = 0x1.23456789abcdep-3, .c = c, .neurons = count};
    uint64_t first = random_bits() % 10000;
    unsigned char *x = place(0, n * rnn_width(d), true, 0), *out = place(3, n * rnn_width(o), true, 0);
    fill(d, x, n, true);
    assert_int_equal(rnnloss_gradient(&affine, first, n, d, x, o, out), RNNLOSS_OK);
    for (size_t i = 0; i < n; i++, checked++) {
      double offset = c[(first + i) % count], v = affine.scaled ? rnnloss_load(d, x + i * rnn_width(d)) : 0;
      rnnloss_store(o, affine.scaled ? fma(affine.a, v, offset) : offset, wanted);
      if (memcmp(wanted, out + i * rnn_width(o), rnn_width(o)) != 0)
        fail_msg("%s to %s, %zu neurons, element %zu of %zu", rnnloss_dtype_name(d), rnnloss_dtype_name(o), count, i,
                 n);
    }
  }
  assert_true(checked > 1000000);
}

/* ---- What isn't finite ---- */

static void nonfinite(void **state) {
  (void)state;
  size_t checked = 0;
  for (int i = 0; i < RNNLOSS_DTYPES; i++) {
    rnnloss_dtype d = (rnnloss_dtype)i;
    const uint64_t infinity = (uint64_t)rnn_layout(d).field << rnn_layout(d).stored;
    for (size_t n = 0; n < 400; n += n < 150 ? 1 : 37) {
      unsigned char *x = place(0, n * rnn_width(d), true, 0);
      for (size_t k = 0; k < n; k++) { /* the largest finite number; half of them negative */
        rnn_put_bits(d, (infinity - 1) | (uint64_t)(k & 1) << (8 * rnn_width(d) - 1), x + k * rnn_width(d));
      }
      for (size_t v = 0; v < variant_count; v++) assert_int_equal(variants[v]->find_nonfinite[d](x, n), n);
      for (size_t at = n; at-- > 0;) { /* from the last one on, more and more of them */
        rnn_put_bits(d, infinity + (at % 3 == 0), x + at * rnn_width(d));
        for (size_t v = 0; v < variant_count; v++, checked++)
          assert_int_equal(variants[v]->find_nonfinite[d](x, n), at);
      }
    }
  }
  assert_true(checked > 10000);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(all_midpoints), cmocka_unit_test(narrow_random), cmocka_unit_test(widenings),
      cmocka_unit_test(gradients),     cmocka_unit_test(rows),          cmocka_unit_test(nonfinite),
  };
  return cmocka_run_group_tests_name("kernels: gradients", tests, map_arrays, NULL);
}
