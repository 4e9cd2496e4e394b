/* The fast sums of squares of every variant that this machine runs, limb for limb against integers, with blocks made
 * to lie on each border of each condition of squares_plan.h. */
#include <fenv.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "bins.h"
#include "squares_fixture.h"
#include "squares_plan.h"

#include <cmocka.h>

/* ---- The variants ---- */

/* Calls the test for each variant, dtype and kind of sum. */
static void each(void (*test)(const struct variant *v, rnnloss_dtype d, bool difference)) {
  size_t count;
  const struct variant *v = variants(&count);
  for (size_t i = 0; i < count; i++)
    for (int d = 0; d < RNNLOSS_DTYPES && v[i].runs; d++) {
      test(&v[i], (rnnloss_dtype)d, false);
      test(&v[i], (rnnloss_dtype)d, true);
    }
}

static struct rnn_loads loads(const struct variant *v, rnnloss_dtype d, bool difference) {
  size_t n = rnn_block_elements(d, difference);
  return (struct rnn_loads){__builtin_ctzll(n / (size_t)(4 * v->lanes)),
                            __builtin_ctzll(n / (size_t)(v->lanes * v->sets_two)),
                            __builtin_ctzll(n / (size_t)(v->lanes * v->sets_other))};
}

/* ---- What they are held against ---- */

static size_t add_blocks(const struct variant *v, rnnloss_dtype d, rnnloss_square *sum, const unsigned char *x,
                         const unsigned char *y, size_t n) {
  return y == NULL ? v->kernels->square_blocks[d](sum, x, n) : v->kernels->difference_blocks[d](sum, x, y, n);
}

/* What the fast path takes of the tensor, checked against integers: a number of elements. */
static size_t taken(const struct variant *v, rnnloss_dtype d, const unsigned char *x, const unsigned char *y,
                    size_t n) {
  rnnloss_square fast, exact;
  rnnloss_square_begin(&fast);
  rnnloss_square_begin(&exact);
  size_t took = add_blocks(v, d, &fast, x, y, n);
  assert_true(took == n || (took < n && took % rnn_block_elements(d, y != NULL) == 0));
  add_exactly(&exact, d, x, y, took);
  rnnloss_square_settle(&fast, NULL);
  rnnloss_square_settle(&exact, NULL);
  assert_memory_equal(fast.limb, exact.limb, sizeof fast.limb);
  assert_int_equal(fast.count, 0); /* whoever calls the kernel counts */
  return took;
}

/* ---- Blocks at the borders ---- */

static void fill_border(rnnloss_dtype d, unsigned char *x, size_t n, unsigned high, unsigned low,
                        enum pattern pattern) {
  const size_t w = rnn_width(d), small = below(n);
  bool same_sign = below(2) != 0;
  for (size_t i = 0; i < n; i++) {
    unsigned field = pattern == RANDOM ? low + (unsigned)below(high - low + 1) : high;
    uint64_t bits = number(d, field, pattern);
    if (!same_sign) bits |= (random_bits() & 1) << (8 * w - 1);
    rnn_put_bits(d, bits, x + i * w);
  }
  rnn_put_bits(d, number(d, low, RANDOM), x + small * w); /* both ends are there */
  rnn_put_bits(d, number(d, high, LARGEST), x + (small + 1) % n * w);
}

static void borders(const struct variant *v, rnnloss_dtype d, bool difference) {
  const struct rnn_layout l = rnn_layout(d);
  const size_t n = rnn_block_elements(d, difference);
  const unsigned tops[] = {l.field - 1,
                           l.field / 2,
                           l.field / 4,
                           28,
                           3,
                           1,
                           0,
                           l.field - l.field / 4,
                           d == RNNLOSS_F64 ? 1023 + 504 : 20,
                           d == RNNLOSS_F64 ? 1023 - 450 : 10};
  unsigned shapes = 0;
  for (size_t k = 0; k < sizeof tops / sizeof tops[0]; k++)
    for (unsigned gap = 0; gap <= tops[k] && gap < 64; gap++)
      for (int pattern = 0; pattern < PATTERNS; pattern++) {
        const unsigned high = tops[k], low = high - gap;
        struct rnn_plan plan = rnn_plan(d, loads(v, d, difference), difference, high, low);
        shapes |= 1U << plan.shape;
        fill_border(d, x_data, n, high, low, (enum pattern)pattern);
        fill_border(d, y_data, n, high, low, (enum pattern)pattern);
        size_t took = taken(v, d, x_data, difference ? y_data : NULL, n);
        assert_int_equal(took, plan.shape == RNN_SLOW ? 0 : n);
      }
  /* Every shape that there is for these was used, and but for F16 each was left. */
  unsigned wanted = d == RNNLOSS_F16                 ? 1U << RNN_INTEGER | 1U << RNN_TWO
                    : d == RNNLOSS_F64 && difference ? 1U << RNN_WIDE | 1U << RNN_SLOW
                    : d == RNNLOSS_F64               ? 1U << RNN_PAIR | 1U << RNN_FOUR | 1U << RNN_SLOW
                    : difference                     ? 1U << RNN_TWO | 1U << RNN_FOUR | 1U << RNN_SLOW
                                                     : 1U << RNN_TWO | 1U << RNN_THREE | 1U << RNN_SLOW;
  if (d == RNNLOSS_BF16) wanted |= 1U << RNN_INTEGER;
  assert_int_equal(shapes & wanted, wanted);
}

static void at_the_borders(void **state) {
  (void)state;
  each(borders);
}

/* The plans' borders themselves, as exponents apart, for 256 elements an accumulator: what the conditions give. */
static void plans(void **state) {
  (void)state;
  const struct rnn_loads c = {8, 8, 8};
  const struct {
    rnnloss_dtype d;
    bool difference;
    unsigned high, gap; /* the last gap of `shape`; the next one has `then` */
    enum rnn_shape shape, then;
  } row[] = {
      {RNNLOSS_F16, false, 28, 17, RNN_INTEGER, RNN_TWO},   {RNNLOSS_F16, true, 28, 16, RNN_INTEGER, RNN_TWO},
      {RNNLOSS_BF16, false, 127, 20, RNN_INTEGER, RNN_TWO}, {RNNLOSS_BF16, true, 127, 19, RNN_INTEGER, RNN_TWO},
      {RNNLOSS_F32, false, 127, 19, RNN_TWO, RNN_THREE},    {RNNLOSS_F32, false, 127, 41, RNN_THREE, RNN_SLOW},
      {RNNLOSS_F32, true, 127, 18, RNN_TWO, RNN_FOUR},      {RNNLOSS_F32, true, 127, 28, RNN_FOUR, RNN_SLOW},
      {RNNLOSS_BF16, false, 127, 35, RNN_TWO, RNN_THREE},   {RNNLOSS_BF16, true, 127, 34, RNN_TWO, RNN_FOUR},
      {RNNLOSS_BF16, true, 127, 44, RNN_FOUR, RNN_SLOW},    {RNNLOSS_F64, false, 1023, 16, RNN_PAIR, RNN_FOUR},
      {RNNLOSS_F64, false, 1023, 32, RNN_FOUR, RNN_SLOW},   {RNNLOSS_F64, true, 1023, 26, RNN_WIDE, RNN_SLOW},
  };
  for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
    unsigned low = row[i].high - row[i].gap;
    assert_int_equal(rnn_plan(row[i].d, c, row[i].difference, row[i].high, low).shape, row[i].shape);
    assert_int_equal(rnn_plan(row[i].d, c, row[i].difference, row[i].high, low - 1).shape, row[i].then);
  }
  assert_int_equal(rnn_plan(RNNLOSS_F64, c, false, 1023 - 467, 1023 - 467).shape, RNN_PAIR); /* anchors are normal */
  assert_int_equal(rnn_plan(RNNLOSS_F64, c, false, 1023 - 468, 1023 - 468).shape, RNN_SLOW);
  assert_int_equal(rnn_plan(RNNLOSS_F64, c, false, 1023 + 505, 1023 + 505).shape, RNN_PAIR); /* the anchor is finite */
  assert_int_equal(rnn_plan(RNNLOSS_F64, c, false, 1023 + 506, 1023 + 506).shape, RNN_SLOW);
  assert_int_equal(rnn_plan(RNNLOSS_F32, c, false, 255, 100).shape, RNN_SLOW);
  assert_int_equal(rnn_plan(RNNLOSS_F32, c, false, 0, 0).shape, rnn_plan(RNNLOSS_F32, c, false, 1, 1).shape);
  assert_int_equal(rnn_plan(RNNLOSS_BF16, c, false, 127 + 126, 127 + 126).shape, RNN_INTEGER); /* scales are normal */
  assert_int_equal(rnn_plan(RNNLOSS_BF16, c, false, 127 - 120, 127 - 120).shape, RNN_INTEGER);
  assert_int_equal(rnn_plan(RNNLOSS_BF16, c, false, 127 - 121, 127 - 121).shape, RNN_TWO);
  /* All of F16 is fast, for any accumulators. */
  for (int k = 7; k <= 10; k++) {
    assert_int_equal(rnn_plan(RNNLOSS_F16, (struct rnn_loads){k, k, k}, false, 30, 0).shape, RNN_TWO);
    assert_int_equal(rnn_plan(RNNLOSS_F16, (struct rnn_loads){k, k, k}, true, 30, 0).shape, RNN_TWO);
  }
}

/* ---- Any data, length and address ---- */

static void shapes(const struct variant *v, rnnloss_dtype d, bool difference) {
  const size_t block = rnn_block_elements(d, difference);
  const size_t sizes[] = {0,  1,  2,  3,   7,   8,         15,    16,        17,
                          31, 33, 63, 100, 255, block - 1, block, block + 1, 2 * block + 5};
  for (unsigned mode = 0; mode < 8; mode++)
    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
      unsigned char *x = x_data + below(9), *y = y_data + below(9);
      fill_any(d, x, sizes[k], mode);
      fill_any(d, y, sizes[k], below(4) != 0 ? mode : (unsigned)below(8));
      size_t took = taken(v, d, x, difference ? y : NULL, sizes[k]);
      bool always = d == RNNLOSS_F16 || (!difference && (mode == 0 || mode == 3 || mode == 7));
      if (always) assert_int_equal(took, sizes[k]);
    }
}

static void any_data(void **state) {
  (void)state;
  each(shapes);
}

/* A block with anything that isn't finite isn't taken, wherever it stands, nor changes the sum. */
static void spoil(const struct variant *v, rnnloss_dtype d, bool difference) {
  const struct rnn_layout l = rnn_layout(d);
  const size_t w = rnn_width(d), block = rnn_block_elements(d, difference), n = block + 77;
  const uint64_t infinity = (uint64_t)l.field << l.stored, sign = UINT64_C(1) << (8 * w - 1);
  const uint64_t bad[] = {infinity, infinity | sign, infinity | 1, infinity | sign | 1, sign | (sign - 1)};
  for (size_t round = 0; round < 200; round++) {
    bool in_y = difference && below(2) != 0, both = difference && below(4) == 0;
    size_t at = round < 80 ? round : below(n);
    at = round % 2 ? at : n - 1 - at;
    fill_any(d, x_data, n, 7);
    fill_any(d, y_data, n, 7);
    rnn_put_bits(d, bad[below(5)], (in_y ? y_data : x_data) + at * w);
    if (both) rnn_put_bits(d, bad[below(5)], (in_y ? x_data : y_data) + at * w);
    assert_int_equal(taken(v, d, x_data, difference ? y_data : NULL, n), at < block ? 0 : block);
  }
}

static void nonfinite(void **state) {
  (void)state;
  each(spoil);
}

/* Tensors that end where memory does. */
static unsigned char *page_end[2];

static void at_page_end(const struct variant *v, rnnloss_dtype d, bool difference) {
  const size_t w = rnn_width(d), block = rnn_block_elements(d, difference);
  for (size_t n = 1; n < block + 70; n += n < 150 || n > block - 10 ? 1 : 97) {
    unsigned char *x = page_end[0] - n * w, *y = page_end[1] - n * w;
    fill_any(d, x, n, 7);
    fill_any(d, y, n, 7);
    assert_int_equal(taken(v, d, x, difference ? y : NULL, n), n);
  }
}

static void guard_pages(void **state) {
  (void)state;
  size_t page = (size_t)sysconf(_SC_PAGESIZE), size = (MOST + page - 1) / page * page;
  unsigned char *memory[2];
  for (int k = 0; k < 2; k++) {
    memory[k] = mmap(NULL, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(memory[k] != MAP_FAILED);
    assert_int_equal(mprotect(memory[k] + size, page, PROT_NONE), 0);
    page_end[k] = memory[k] + size;
  }
  each(at_page_end);
  for (int k = 0; k < 2; k++) munmap(memory[k], size + page);
}

/* ---- Through the library ---- */

static rnnloss_square through_library(rnnloss_dtype d, bool difference, rnnloss_bins *bins, size_t n) {
  rnnloss_square sum;
  rnnloss_square_begin(&sum);
  rnnloss_status status = difference ? rnnloss_square_add_difference(&sum, bins, d, x_data, d, y_data, n)
                                     : rnnloss_square_add(&sum, bins, d, x_data, n);
  assert_int_equal(status, RNNLOSS_OK);
  rnnloss_square_settle(&sum, bins);
  assert_int_equal(sum.count, n);
  return sum;
}

/* Fast and slow blocks in turn, with and without bins; rounding upwards changes nothing and stays. */
static void blocks_in_turn(void **state) {
  (void)state;
  rnnloss_bins *bins = rnnloss_bins_begin(malloc(rnnloss_bins_size()), rnnloss_bins_size());
  for (int round = 0; round < 4 * RNNLOSS_DTYPES; round++) {
    rnnloss_dtype d = (rnnloss_dtype)(round % 4);
    bool difference = round >= 2 * RNNLOSS_DTYPES;
    size_t block = rnn_block_elements(d, difference), w = rnn_width(d), n = (difference ? 4 : 2) * block + 40;
    for (size_t at = 0; at < n; at += block) {
      size_t part = n - at < block ? n - at : block;
      fill_any(d, x_data + at * w, part, at / block % 2);
      fill_any(d, y_data + at * w, part, at / block % 2);
    }
    rnnloss_square exact;
    rnnloss_square_begin(&exact);
    add_exactly(&exact, d, x_data, difference ? y_data : NULL, n);
    rnnloss_square_settle(&exact, NULL);
    fesetround(round % 8 < 4 ? FE_UPWARD : FE_TOWARDZERO);
    rnnloss_square with = through_library(d, difference, bins, n), without = through_library(d, difference, NULL, n);
    assert_int_equal(fegetround(), round % 8 < 4 ? FE_UPWARD : FE_TOWARDZERO);
    fesetround(FE_TONEAREST);
    assert_memory_equal(with.limb, exact.limb, sizeof exact.limb);
    assert_memory_equal(without.limb, exact.limb, sizeof exact.limb);
  }
  free(bins);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(plans),     cmocka_unit_test(at_the_borders), cmocka_unit_test(any_data),
      cmocka_unit_test(nonfinite), cmocka_unit_test(guard_pages),    cmocka_unit_test(blocks_in_turn),

  };
  return cmocka_run_group_tests_name("kernels_squares", tests, NULL, NULL);
}
