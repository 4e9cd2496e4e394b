/* Sums of firing rates, one a neuron. A neuron's limbs are first written by its first element: until then
 * (neurons at `count` and above) they hold anything, so that beginning costs nothing. */
#include "columns.h"
#include "fenv_guard.h"
#include "reduce.h"

static bool width_known(const rnnloss_rates *rates) {
  return rates->limbs == RNNLOSS_NARROW_LIMBS || rates->limbs == RNNLOSS_WIDE_LIMBS;
}

static size_t limbs_for(rnnloss_dtype dtype) {
  return dtype == RNNLOSS_F64 ? RNNLOSS_WIDE_LIMBS : RNNLOSS_NARROW_LIMBS;
}

size_t rnnloss_rates_size(rnnloss_dtype dtype, size_t neurons) {
  if (!rnn_dtype_known(dtype) || neurons == 0 || neurons > RNNLOSS_MAX_NEURONS) return 0;
  size_t each = limbs_for(dtype) * sizeof(int64_t) + (dtype == RNNLOSS_F64 ? 2 : 1) * sizeof(double); /* columns.c */
  return neurons <= SIZE_MAX / each ? neurons * each : 0;
}

rnnloss_status rnnloss_rates_begin(rnnloss_rates *rates, rnnloss_dtype dtype, size_t neurons, void *memory,
                                   size_t size) {
  if (rates == NULL || memory == NULL || !rnn_dtype_known(dtype) || neurons == 0) return RNNLOSS_E_ARGUMENT;
  size_t needed = rnnloss_rates_size(dtype, neurons);
  if (needed == 0) return RNNLOSS_E_LIMIT;
  if (size < needed) return RNNLOSS_E_ARGUMENT;
  *rates = (rnnloss_rates){.limb = memory, .neurons = neurons, .limbs = limbs_for(dtype)};
  return RNNLOSS_OK;
}

/* Makes sure that so many more additions to each limb can't overflow (nor the two of rnn_columns_fold). */
static void make_room(rnnloss_rates *rates, uint64_t additions) {
  if (rates->loose >= RNN_LOOSE_MAX - additions) {
    rnnloss_rates_settle(rates, 0, rates->neurons);
    rates->loose = 0;
  }
  rates->loose += additions;
}

/* A few elements: one by one, in integers. */
static void add_few(rnnloss_rates *rates, rnnloss_dtype dtype, size_t position, const unsigned char *x, size_t n) {
  bool narrow_in_wide = dtype != RNNLOSS_F64 && rates->limbs == RNNLOSS_WIDE_LIMBS;
  rnn_columns_pass(rates, n);
  rnn_kernels()->rates[dtype](rates->limb + (narrow_in_wide ? RNN_NARROW_IN_WIDE : 0), rates->limbs, rates->neurons,
                              position, x, n, &rates->nonfinite);
}

/* The squares that are made in the same pass. */
struct squares {
  rnnloss_square *sum;
  rnnloss_bins *bins;
  rnnloss_dtype dtype;
  size_t of; /* elements of the call */
};

static void add_squares(void *context, const unsigned char *x, size_t n) {
  const struct squares *s = context;
  rnn_squares_add(s->sum, s->bins, s->dtype, x, n, s->of);
}

#define PART ((size_t)1 << 26) /* elements between looks at the room in the limbs */

rnnloss_status rnnloss_rates_add(rnnloss_rates *rates, rnnloss_square *squares, rnnloss_bins *bins, rnnloss_dtype dtype,
                                 const void *x, size_t n) {
  if (rates == NULL || !rnn_dtype_known(dtype) || (x == NULL && n > 0) || !width_known(rates) ||
      rates->limbs < limbs_for(dtype) || rates->neurons == 0)
    return RNNLOSS_E_ARGUMENT;
  if (!rnn_count_fits(rates->count, n) || (squares != NULL && !rnn_count_fits(squares->count, n)))
    return RNNLOSS_E_LIMIT;
  struct squares context = {squares, bins, dtype, n};
  bool few = n < RNN_COLUMNS_FEW, guarded = !few && dtype == RNNLOSS_F64;
  rnn_fenv saved;
  if (guarded) rnn_fenv_begin(&saved);
  const unsigned char *at = x;
  for (size_t part; n > 0; n -= part, at += part * rnn_width(dtype)) {
    part = n < PART ? n : PART;
    make_room(rates, few ? part / rates->neurons + 4 : 3 * (uint64_t)part + 3);
    size_t position = (size_t)(rates->count % rates->neurons);
    if (rates->count < rates->neurons) { /* the first row */
      size_t fresh = rates->neurons - position < part ? rates->neurons - position : part;
      memset(rates->limb + position * rates->limbs, 0, fresh * rates->limbs * sizeof(int64_t));
    }
    if (few) {
      add_few(rates, dtype, position, at, part);
      if (squares != NULL) add_squares(&context, at, part);
    } else {
      rnn_columns_add(rates, dtype, at, part, squares != NULL ? add_squares : NULL, &context);
    }
    rates->count += part;
  }
  if (guarded) rnn_fenv_end(&saved);
  return RNNLOSS_OK;
}

void rnnloss_rates_settle(rnnloss_rates *rates, size_t first, size_t n) {
  if (rates == NULL || first >= rates->neurons || !width_known(rates)) return;
  if (n > rates->neurons - first) n = rates->neurons - first;
  int64_t *limb = rates->limb + first * rates->limbs;
  rnn_columns_fold(rates, first, n);
  for (size_t i = first; i < first + n; i++, limb += rates->limbs) {
    if (i < rates->count)
      rnn_limbs_settle(limb, rates->limbs);
    else
      memset(limb, 0, rates->limbs * sizeof(int64_t));
  }
}

rnnloss_status rnnloss_rates_merge(rnnloss_rates *rates, rnnloss_rates *other) {
  if (rates == NULL || other == NULL || rates == other || rates->neurons != other->neurons ||
      rates->limbs != other->limbs || !width_known(rates) || rates->neurons == 0)
    return RNNLOSS_E_ARGUMENT;
  if (rates->count % rates->neurons != 0 || other->count % rates->neurons != 0) return RNNLOSS_E_MISSING;
  if (!rnn_count_fits(rates->count, other->count)) return RNNLOSS_E_LIMIT;
  rnnloss_rates_settle(rates, 0, rates->neurons);
  rnnloss_rates_settle(other, 0, other->neurons);
  for (size_t i = 0; i < rates->neurons * rates->limbs; i++)
    rates->limb[i] = (int64_t)((uint64_t)rates->limb[i] + (uint64_t)other->limb[i]);
  rates->count += other->count; /* columns are 0, so whose they are by count doesn't matter */
  rnnloss_rates_settle(rates, 0, rates->neurons);
  rates->loose = other->loose = 0;
  rnn_nonfinite_add(&rates->nonfinite, &other->nonfinite);
  return RNNLOSS_OK;
}
