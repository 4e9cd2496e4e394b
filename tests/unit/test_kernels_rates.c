/* Sums of rates by way of columns: each variant's kernels against the portable ones, and whole sums, limb for limb,
 * against big integers of the simplest kind. */
#include <fenv.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "columns.h"
#include "kernels.h"
#include "random_bits.h"

#include <cmocka.h>

#define MOST 40000 /* elements of a sum */

/* ---- Data ---- */

static unsigned char *guarded_end; /* memory ends here: the next byte can't be read */

static int map_memory(void **state) {
  (void)state;
  size_t page = (size_t)sysconf(_SC_PAGESIZE), size = (8 * MOST / page + 1) * page;
  unsigned char *memory = mmap(NULL, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED || mprotect(memory + size, page, PROT_NONE) != 0) return 1;
  guarded_end = memory + size;
  return 0;
}

enum data {
  NEAR_ONE,    /* as rates are */
  ANY,         /* exponents from the whole range */
  LOWEST,      /* subnormals, and the smallest normal ones */
  HIGHEST,     /* up to the largest */
  SOME_TINY,   /* near one, but for a few of any exponent */
  MOSTLY_ZERO, /* of both signs */
  DRIFT,       /* the scale goes from small to large */
  NONFINITE,   /* near one, with some NaN and Inf */
  ONLY_NAN,
  DATA
};

static uint64_t element(rnnloss_dtype d, enum data data, size_t i, size_t n) {
  struct rnn_layout l = rnn_layout(d);
  uint64_t field = random_bits() % l.field, middle = l.field / 2;
  uint64_t fraction = random_bits() & (((uint64_t)1 << l.stored) - 1);
  uint64_t near = middle - (uint64_t)__builtin_ctzll(random_bits() | 1 << 10);
  if (data == NEAR_ONE || ((data == SOME_TINY || data == NONFINITE) && random_bits() % 500 != 0)) field = near;
  if (data == LOWEST) field = random_bits() % 3;
  if (data == HIGHEST) field = l.field - 1 - random_bits() % 3;
  if (data == DRIFT) field = middle / 2 + middle * i / n;
  if (data == NONFINITE && field != near) field = l.field;
  if (data == NONFINITE && field == l.field && random_bits() % 2 == 0) fraction = 0;
  if (data == MOSTLY_ZERO && random_bits() % 50 != 0) field = fraction = 0;
  if (data == ONLY_NAN) field = l.field;
  if (data == ONLY_NAN) fraction = ((uint64_t)1 << l.stored) - 1;
  return field << l.stored | fraction | (random_bits() & 1) << (8 * rnn_width(d) - 1);
}

/* n elements that end at the guarded page, or `unaligned` bytes before it. */
static unsigned char *fill(rnnloss_dtype d, enum data data, size_t n, size_t unaligned) {
  unsigned char *x = guarded_end - unaligned - n * rnn_width(d);
  for (size_t i = 0; i < n; i++) rnn_put_bits(d, element(d, data, i, n), x + i * rnn_width(d));
  return x;
}

/* ---- Big integers ---- */

#define WORDS 72

/* Adds (negative ? -1 : 1) m 2^position in two's complement. */
static void big_add(uint32_t word[WORDS], uint64_t m, unsigned position, bool negative) {
  uint64_t carry = negative;
  for (unsigned i = 0; i < WORDS; i++) {
    int shift = (int)position - 32 * (int)i; /* of m against this word */
    uint32_t bits = shift >= 32 || shift <= -64 ? 0 : (uint32_t)(shift >= 0 ? m << shift : m >> -shift);
    carry += (uint64_t)word[i] + (negative ? ~bits : bits);
    word[i] = (uint32_t)carry;
    carry >>= 32;
  }
}

static void assert_limbs(const int64_t *limb, size_t limbs, const uint32_t word[WORDS]) {
  for (size_t i = 0; i + 1 < limbs; i++) assert_true(limb[i] == (int64_t)word[i]);
  assert_true(limb[limbs - 1] == (int64_t)((uint64_t)word[limbs] << 32 | word[limbs - 1]));
}

static void assert_sums(rnnloss_rates *rates, rnnloss_dtype d, const unsigned char *x, size_t n) {
  struct rnn_layout l = rnn_layout(d);
  size_t neurons = rates->neurons;
  unsigned origin = (unsigned)l.least + (rates->limbs == RNNLOSS_WIDE_LIMBS ? RNN_WIDE_ORIGIN : RNN_NARROW_ORIGIN);
  rnnloss_nonfinite bad = {0, 0, 0};
  rnnloss_rates_settle(rates, 0, neurons);
  assert_true(rates->count == n);
  for (size_t k = 0; k < neurons; k++) {
    uint32_t word[WORDS] = {0};
    for (size_t i = k; i < n; i += neurons) {
      uint64_t bits = rnn_bits_at(d, x + i * rnn_width(d));
      struct rnn_parts p = rnn_parts_of(d, bits);
      if (p.finite)
        big_add(word, p.m, p.e + origin, p.negative);
      else
        rnn_count_nonfinite(&bad, d, bits);
    }
    assert_limbs(rates->limb + k * rates->limbs, rates->limbs, word);
  }
  assert_memory_equal(&bad, &rates->nonfinite, sizeof bad);
}

/* ---- The kernels of each variant ---- */

static const struct kernels *variant(unsigned i) {
#if RNN_X86_64
  __builtin_cpu_init();
  bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  bool avx512 =
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  if (i == 1) return avx2 ? &rnn_kernels_avx2 : &rnn_kernels_portable;
  if (i == 2) return avx2 && avx512 ? &rnn_kernels_avx512 : &rnn_kernels_portable;
#endif
#if RNN_AARCH64
  if (i == 1) return &rnn_kernels_neon;
#endif
  return &rnn_kernels_portable;
}
#define VARIANTS 3

/* What struct rnn_span promises. */
static void spans(void **state) {
  (void)state;
  for (unsigned round = 0; round < 4000; round++) {
    rnnloss_dtype d = (rnnloss_dtype)(round % RNNLOSS_DTYPES);
    size_t n = random_bits() % 300;
    const unsigned char *x = fill(d, (enum data)(round / 4 % DATA), n, round % 3);
    struct rnn_span exact, span;
    rnn_kernels_portable.span[d](x, n, &exact);
    for (unsigned v = 0; v < VARIANTS; v++) {
      variant(v)->span[d](x, n, &span);
      if (d != RNNLOSS_F64) {
        assert_true(span.most == exact.most && span.least == exact.least);
        continue;
      }
      assert_true(span.most <= exact.most && span.most >> 32 == exact.most >> 32);
      if (exact.most >> 52 == 0x7FF) continue;
      assert_true(span.least != 0 && span.least <= exact.least && exact.least - span.least <= UINT64_C(1) << 32);
      assert_true((span.most == 0 && span.least == UINT64_MAX) == (exact.most == 0));
    }
  }
}

static void columns_and_rates(void **state) {
  (void)state;
  static double hi[2][300], lo[2][300];
  static int64_t limb[2][40 * RNNLOSS_WIDE_LIMBS];
  for (unsigned round = 0; round < 4000; round++) {
    rnnloss_dtype d = (rnnloss_dtype)(round % RNNLOSS_DTYPES);
    size_t n = random_bits() % 300;
    enum data data = round & 4 ? NEAR_ONE : MOSTLY_ZERO;
    const unsigned char *x = fill(d, data, n, round % 3);
    for (unsigned v = 1; v < VARIANTS; v++) {
      for (int k = 0; k < 2; k++)
        for (size_t i = 0; i < 300; i++) hi[k][i] = lo[k][i] = (double)i;
      rnn_kernels_portable.columns[d](hi[0], lo[0], 0x1.8p+10, x, n, 0);
      variant(v)->columns[d](hi[1], lo[1], 0x1.8p+10, x, n, 4096);
      assert_memory_equal(hi[0], hi[1], sizeof hi[0]);
      assert_memory_equal(lo[0], lo[1], sizeof lo[0]);
      memset(limb, 0, sizeof limb);
      rnnloss_nonfinite bad[2] = {{0, 0, 0}, {0, 0, 0}};
      size_t position = random_bits() % 40;
      rnn_kernels_portable.rates[d](limb[0], RNNLOSS_WIDE_LIMBS, 40, position, x, n, &bad[0]);
      variant(v)->rates[d](limb[1], RNNLOSS_WIDE_LIMBS, 40, position, x, n, &bad[1]);
      assert_memory_equal(limb[0], limb[1], sizeof limb[0]);
      assert_memory_equal(&bad[0], &bad[1], sizeof bad[0]);
    }
  }
}

/* ---- Whole sums ---- */

/* In calls of random lengths, with a settled slice now and then. */
static void add_in_pieces(rnnloss_rates *rates, rnnloss_dtype d, const unsigned char *x, size_t n, size_t longest) {
  for (size_t done = 0; done < n;) {
    size_t part = 1 + random_bits() % longest;
    if (part > n - done) part = n - done;
    assert_int_equal(rnnloss_rates_add(rates, NULL, NULL, d, x + done * rnn_width(d), part), RNNLOSS_OK);
    done += part;
    if (random_bits() % 8 == 0) rnnloss_rates_settle(rates, random_bits() % rates->neurons, 3);
  }
}

static void check(rnnloss_dtype d, rnnloss_dtype class, size_t neurons, const unsigned char *x, size_t n,
                  size_t longest) {
  size_t bytes = rnnloss_rates_size(class, neurons);
  int64_t *limbs = malloc(bytes);
  memset(limbs, 0x5A, bytes); /* limbs are zeroed when they are first used */
  rnnloss_rates rates;
  assert_int_equal(rnnloss_rates_begin(&rates, class, neurons, limbs, bytes), RNNLOSS_OK);
  add_in_pieces(&rates, d, x, n, longest);
  assert_sums(&rates, d, x, n);
  free(limbs);
}

static void sums_of_all_kinds(void **state) {
  (void)state;
  static const size_t neurons[] = {1, 2, 3, 7, 16, 33, 128, 255, 1000, 1024, 1025, 2049, 5000};
  static const size_t longest[] = {40000, 5000, 700, 140};
  unsigned round = 0;
  for (unsigned k = 0; k < sizeof neurons / sizeof neurons[0]; k++)
    for (unsigned d = 0; d < RNNLOSS_DTYPES; d++)
      for (unsigned data = 0; data < DATA; data++, round++) {
        rnnloss_dtype dtype = (rnnloss_dtype)d;
        size_t n = data == NEAR_ONE ? MOST : 1 + random_bits() % 9000;
        const unsigned char *x = fill(dtype, (enum data)data, n, round % 3);
        check(dtype, round % 5 == 0 ? RNNLOSS_F64 : dtype, neurons[k], x, n, longest[round % 4]);
        if (round % 4 == 0) check(dtype, dtype, neurons[k], x, n, 1 + MOST);
      }
}

/* The largest magnitude of an exponent all along, of one sign, and in each 1,024 one small element, an odd multiple
 * of its unit, `width` binades below; the first 8,192 are smaller by `growth` binades. */
static void check_border(rnnloss_dtype d, int width, int growth, size_t neurons, size_t n) {
  struct rnn_layout l = rnn_layout(d);
  const size_t w = rnn_width(d);
  const int top = d == RNNLOSS_F16 ? 29 : (int)l.field * 3 / 4, small = top > width ? top - width : 0;
  unsigned char *x = guarded_end - n * w;
  for (size_t i = 0; i < n; i++) {
    uint64_t large = (uint64_t)(i < 8192 && top > growth ? top - growth : top);
    uint64_t bits = large << l.stored | (((uint64_t)1 << l.stored) - 1);
    if (i % 1024 == neurons % 1024 / 2) bits = (uint64_t)small << l.stored | 1;
    rnn_put_bits(d, bits | (uint64_t)(width & 1) << (8 * w - 1), x + i * w);
  }
  check(d, d, neurons, x, n, 1 + MOST);
}

/* Sums as large as a window lets them become, for each width of a window. */
static void borders(void **state) {
  (void)state;
  static const size_t neurons[] = {1, 3, 16, 128, 1024};
  static const int widest[RNNLOSS_DTYPES] = {29, 60, 60, 110};
  for (unsigned d = 0; d < RNNLOSS_DTYPES; d++)
    for (int width = 0; width < widest[d]; width++)
      for (unsigned k = 0; k < sizeof neurons / sizeof neurons[0]; k++)
        check_border((rnnloss_dtype)d, width, 0, neurons[k], neurons[k] == 128 ? 33280 : 20000);
}

static void borders_of_growing_data(void **state) {
  (void)state;
  for (int width = 0; width < 90; width++)
    for (int growth = 1; growth < 14; growth++) {
      if (width < 50) check_border(RNNLOSS_F32, width, growth, 128, 33280);
      check_border(RNNLOSS_F64, width, growth, 128, 33280);
    }
}

/* What a caller's environment holds changes nothing, and is not changed. */
static void environment(void **state) {
  (void)state;
  static const int modes[] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
  for (unsigned round = 0; round < 64; round++) {
    rnnloss_dtype d = (rnnloss_dtype)(round % RNNLOSS_DTYPES);
    const unsigned char *x = fill(d, (enum data)(round / 4 % DATA), 6000, 0);
    size_t neurons = 1 + random_bits() % 200, bytes = rnnloss_rates_size(d, neurons);
    int64_t *limbs = malloc(bytes);
    rnnloss_rates rates;
    rnnloss_rates_begin(&rates, d, neurons, limbs, bytes);
    feclearexcept(FE_ALL_EXCEPT);
    fesetround(modes[round / 4 % 4]);
#if RNN_X86_64
    unsigned flush = round % 3 == 0 ? 0x8040 : 0; /* FTZ and DAZ */
    __builtin_ia32_ldmxcsr(__builtin_ia32_stmxcsr() | flush);
#endif
    rnnloss_rates_add(&rates, NULL, NULL, d, x, 6000);
    assert_int_equal(fetestexcept(FE_ALL_EXCEPT), 0);
    assert_int_equal(fegetround(), modes[round / 4 % 4]);
#if RNN_X86_64
    assert_int_equal(__builtin_ia32_stmxcsr() & 0x8040, flush);
    __builtin_ia32_ldmxcsr(__builtin_ia32_stmxcsr() & ~0x8040U);
#endif
    fesetround(FE_TONEAREST);
    assert_sums(&rates, d, x, 6000);
    free(limbs);
  }
}

static void squares_in_the_same_pass(void **state) {
  (void)state;
  rnnloss_bins *bins = rnnloss_bins_begin(malloc(rnnloss_bins_size()), rnnloss_bins_size());
  for (unsigned round = 0; round < 32; round++) {
    rnnloss_dtype d = (rnnloss_dtype)(round % RNNLOSS_DTYPES);
    const unsigned char *x = fill(d, (enum data)(round / 4 % DATA), MOST, 1);
    size_t neurons = round % 8 < 4 ? 3000 : 77, bytes = rnnloss_rates_size(d, neurons);
    int64_t *limbs = malloc(bytes);
    rnnloss_rates rates;
    rnnloss_square both, alone;
    rnnloss_rates_begin(&rates, d, neurons, limbs, bytes);
    rnnloss_square_begin(&both);
    rnnloss_square_begin(&alone);
    rnnloss_rates_add(&rates, &both, bins, d, x, MOST - 100);
    rnnloss_rates_add(&rates, &both, bins, d, x + (MOST - 100) * rnn_width(d), 100);
    rnnloss_square_settle(&both, bins);
    rnnloss_square_add(&alone, NULL, d, x, MOST);
    rnnloss_square_settle(&alone, NULL);
    assert_memory_equal(&both, &alone, sizeof both);
    assert_sums(&rates, d, x, MOST);
    free(limbs);
  }
  free(bins);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(spans),
      cmocka_unit_test(columns_and_rates),
      cmocka_unit_test(borders),
      cmocka_unit_test(borders_of_growing_data),
      cmocka_unit_test(sums_of_all_kinds),
      cmocka_unit_test(environment),
      cmocka_unit_test(squares_in_the_same_pass),
  };
  return cmocka_run_group_tests_name("kernels: rates", tests, map_memory, NULL);
}
