/* Exponent bins of every variant of the kernels, filled beyond their room, limb for limb against integers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include "squares_fixture.h"

#include <cmocka.h>

static void count(rnnloss_nonfinite *bad, rnnloss_dtype d, const unsigned char *x, const unsigned char *y) {
  uint64_t a = rnn_bits_at(d, x), b = y != NULL ? rnn_bits_at(d, y) : 0;
  if (rnn_parts_of(d, a).finite && rnn_parts_of(d, b).finite) return;
  if (y == NULL)
    rnn_count_nonfinite(bad, d, a);
  else
    rnn_count_difference(bad, rnn_widen(d, a), rnn_widen(d, b));
}

/* The bins of one table, filled beyond their room, with numbers of any exponent or the largest of all. */
static void slowly(const struct kernels *kernels, rnnloss_bins *bins, rnnloss_dtype d, bool difference, bool largest) {
  const size_t w = rnn_width(d), n = rnn_block_elements(d, difference) - 3, times = largest ? 40 : 1;
  enum rnn_bins_kind kind = d == RNNLOSS_F64 ? RNN_BINS_WIDE : difference ? RNN_BINS_CROSS : RNN_BINS_NARROW;
  const uint64_t cost = !difference ? 1 : d == RNNLOSS_F64 ? RNN_WIDE_DIFFERENCE_COST : RNN_CROSS_COST;
  rnnloss_square sum, exact;
  rnnloss_square_begin(&sum);
  rnnloss_square_begin(&exact);
  fill_any(d, x_data, n, 1);
  fill_any(d, y_data, n, 1);
  for (size_t i = 0; i < n; i++) {
    uint64_t most = number(d, rnn_layout(d).field - 1, LARGEST), bad = number(d, rnn_layout(d).field, RANDOM);
    if (largest) {
      rnn_put_bits(d, most, x_data + i * w);
      rnn_put_bits(d, most, y_data + i * w);
    } else if (below(10) == 0) { /* a NaN, or an infinity of any sign */
      uint64_t fraction = (UINT64_C(1) << rnn_layout(d).stored) - 1, sign = UINT64_C(1) << (8 * w - 1);
      bad = (below(2) != 0 ? bad : bad & ~fraction) | (below(2) != 0 ? sign : 0);
      rnn_put_bits(d, bad, (difference && below(2) != 0 ? y_data : x_data) + i * w);
      if (below(2) != 0) rnn_put_bits(d, bad & ~fraction, y_data + i * w);
    }
    count(&exact.nonfinite, d, x_data + i * w, difference ? y_data + i * w : NULL);
  }
  for (size_t k = 0; k < times; k++)
    for (size_t i = 0, part; i < n; i += part) {
      part = rnn_bins_take(bins, &sum, kind, d, cost, n - i);
      if (difference)
        kernels->differences[d](bins, x_data + i * w, y_data + i * w, part, &sum.nonfinite);
      else
        kernels->squares[d](bins, x_data + i * w, part, &sum.nonfinite);
    }
  rnnloss_square_settle(&sum, bins);
  assert_memory_equal(&sum.nonfinite, &exact.nonfinite, sizeof sum.nonfinite);
  for (size_t k = 0; k < times; k++)
    for (size_t i = 0; i < n; i++) {
      rnnloss_nonfinite bad = {0, 0, 0};
      count(&bad, d, x_data + i * w, difference ? y_data + i * w : NULL);
      if (bad.nan + bad.positive + bad.negative == 0)
        add_exactly(&exact, d, x_data + i * w, difference ? y_data + i * w : NULL, 1);
    }
  rnnloss_square_settle(&exact, NULL);
  assert_memory_equal(sum.limb, exact.limb, sizeof sum.limb);
}

static void slow_path(void **state) {
  (void)state;
  size_t others;
  const struct variant *v = variants(&others);
  rnnloss_bins *bins = rnnloss_bins_begin(malloc(rnnloss_bins_size()), rnnloss_bins_size());
  for (size_t i = 0; i <= others; i++) {
    if (i < others && !v[i].runs) continue;
    for (int k = 0; k < 4 * RNNLOSS_DTYPES; k++)
      slowly(i < others ? v[i].kernels : &rnn_kernels_portable, bins, (rnnloss_dtype)(k % 4), k & 4, k & 8);
  }
  free(bins);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(slow_path)};
  return cmocka_run_group_tests_name("bins", tests, NULL, NULL);
}
