/* Sums that come back from elsewhere: merged by others, element by element, and perhaps damaged on the way.
 *
 * What travels is canonical, so that of at most 2^30 addends each limb but the last is in [0, 2^62). What no sum of so
 * many elements can be is refused, so that a wrong limb, shape or count is found here rather than believed:
 *
 *   a sum of squares       is a multiple of 2^-2148 (the square of the smallest double) below count 2^2050 (differences
 *                          of doubles stay below 2^1025)
 *   a neuron's sum         is a multiple of 2^-149, at most rows 2^128 from 0; of F64, of 2^-1074, at most rows 2^1024
 */
#include "limbs.h"
#include "reduce.h"

#define LIMB_MAX (INT64_C(1) << 62)

/* Makes n limbs canonical; false: they are no sum of canonical ones. */
static bool settle(int64_t *limb, size_t n) {
  for (size_t i = 0; i + 1 < n; i++) {
    if (limb[i] < 0 || limb[i] >= LIMB_MAX) return false;
  }
  if (limb[n - 1] >= LIMB_MAX || limb[n - 1] < -LIMB_MAX) return false;
  rnn_limbs_settle(limb, n);
  int64_t top = limb[n - 1];
  return top < RNN_TOP_MAX && top >= -RNN_TOP_MAX;
}

/* The two highest limbs as one number, in units of the lower one. */
static int64_t highest(const int64_t *limb, size_t n) {
  return limb[n - 1] * (INT64_C(1) << 32) + limb[n - 2];
}

/* How many of the addends were finite; false: more were not than there are. */
static bool finite_count(uint64_t count, const rnnloss_nonfinite *bad, uint64_t *finite) {
  if (count >= RNN_COUNT_MAX || bad->nan > count || bad->positive > count || bad->negative > count) return false;
  uint64_t sum = bad->nan + bad->positive + bad->negative;
  *finite = count - sum;
  return sum <= count;
}

rnnloss_status rnnloss_square_import(rnnloss_square *sum, const int64_t *limb, uint64_t count,
                                     const rnnloss_nonfinite *nonfinite) {
  if (sum == NULL || limb == NULL || nonfinite == NULL) return RNNLOSS_E_ARGUMENT;
  rnnloss_square made;
  uint64_t finite = 0;
  rnnloss_square_begin(&made);
  memcpy(made.limb, limb, sizeof made.limb);
  if (!finite_count(count, nonfinite, &finite) || !settle(made.limb, RNNLOSS_SQUARE_LIMBS)) return RNNLOSS_E_LIMIT;
  int64_t high = highest(made.limb, RNNLOSS_SQUARE_LIMBS); /* of 2^2048 */
  bool none = rnn_limbs_high(made.limb, RNNLOSS_SQUARE_LIMBS) == 0;
  if (high < 0 || (!none && (uint64_t)high >= 4 * finite) || (made.limb[0] & ((1 << (2176 - 2148)) - 1)) != 0)
    return RNNLOSS_E_LIMIT;
  made.count = count;
  made.nonfinite = *nonfinite;
  *sum = made;
  return RNNLOSS_OK;
}

rnnloss_status rnnloss_rates_import(rnnloss_rates *rates, uint64_t rows, const rnnloss_nonfinite *nonfinite) {
  if (rates == NULL || nonfinite == NULL || rates->neurons == 0 || rates->limb == NULL || rates->count != 0)
    return RNNLOSS_E_ARGUMENT;
  uint64_t finite = 0;
  if (rows > RNN_COUNT_MAX / rates->neurons || !finite_count(rows * rates->neurons, nonfinite, &finite))
    return RNNLOSS_E_LIMIT;
  rates->count = rows * rates->neurons;
  rates->nonfinite = *nonfinite;
  for (size_t i = 0; i < rates->neurons * rates->limbs; i++) rates->limb[i] = 0;
  return RNNLOSS_OK;
}

/* Is the canonical sum of a neuron one of so many rows? */
static bool is_neuron(const int64_t *limb, size_t limbs, uint64_t rows) {
  unsigned low = limbs == RNNLOSS_NARROW_LIMBS ? RNN_NARROW_ORIGIN - 149 : RNN_WIDE_ORIGIN - 1074;
  int64_t high = highest(limb, limbs); /* of 2^128, of 2^1024 */
  bool below = high < 0 ? (uint64_t)-high <= rows : rows > 0 && (uint64_t)high < rows;
  bool none = rnn_limbs_high(limb, limbs) == 0;
  return (none || below) && ((uint64_t)limb[0] & ((1U << low) - 1)) == 0;
}

rnnloss_status rnnloss_rates_import_sums(rnnloss_rates *rates, size_t first, size_t n, const int64_t *limb) {
  if (rates == NULL || limb == NULL || rates->limb == NULL || first > rates->neurons || n > rates->neurons - first)
    return RNNLOSS_E_ARGUMENT;
  size_t limbs = rates->limbs;
  uint64_t rows = rates->count / rates->neurons;
  for (size_t i = 0; i < n; i++) {
    int64_t *own = rates->limb + (first + i) * limbs;
    memcpy(own, limb + i * limbs, limbs * sizeof *own);
    if (!settle(own, limbs) || !is_neuron(own, limbs, rows)) {
      memset(own, 0, limbs * sizeof *own);
      return RNNLOSS_E_LIMIT;
    }
  }
  return RNNLOSS_OK;
}
