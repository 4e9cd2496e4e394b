/* Some elements of a claim, on which most guesses fail: see guesses.h. */
#include "guesses.h"

/* Spread evenly, but not in step with the axes. */
static uint64_t place(uint64_t elements, size_t at) {
  if (elements <= RNN_PROBES) return at;
  const uint64_t step = elements / RNN_PROBES, jitter = (uint64_t)at * UINT64_C(0x9e3779b97f4a7c15) >> 32;
  return at * step + jitter % step;
}

void rnn_probe_choose(struct rnn_probe *probe, uint64_t elements, const struct rnn_judge *judge) {
  probe->count = elements < RNN_PROBES ? (size_t)elements : RNN_PROBES;
  for (size_t i = 0; i < probe->count; i++) probe->element[i].index = place(elements, i);
  probe->element[probe->count++].index = judge->absolute.index;
  probe->element[probe->count++].index = judge->relative.index;
}

void rnn_probe_set(struct rnn_probe *probe, size_t at, rnnloss_dtype dtype, const void *claimed, rnnloss_dtype x_dtype,
                   const void *x, rnnloss_dtype t_dtype, const void *t, const void *plain) {
  const double other = t ? rnnloss_load(t_dtype, t) : 0;
  probe->element[at].claimed = rnnloss_load(dtype, claimed);
  probe->element[at].own = rnnloss_load(x_dtype, x) - other;
  probe->element[at].plain = plain ? rnnloss_load(x_dtype, plain) : probe->element[at].own;
}

static double probe_value(const struct rnn_guesser *guesser, const struct rnn_slope *slope, uint64_t index,
                          double own) {
  const struct rnn_moments *moments = guesser->moments;
  struct rnn_row row;
  const bool rates = guesser->tensor == RNNLOSS_RATE;
  if (rates) rnn_slope_rows(moments, slope, index % moments->neurons, 1, &row);
  return rnn_slope_value(moments, slope, rates ? &row : NULL, index, own);
}

double rnn_guess_scale_of(const struct rnn_guesser *guesser, const struct rnn_probe *probe) {
  static const struct rnn_recipe right[RNNLOSS_TERMS];
  struct rnn_slope slope;
  struct rnn_dd both = rnn_dd_of(0), squares = rnn_dd_of(0);
  if (!rnn_recipes_slope(guesser->moments, guesser->tensor, guesser->terms, right, &slope)) return (double)NAN;
  for (size_t i = 0; i < probe->count; i++) {
    const double y = probe_value(guesser, &slope, probe->element[i].index, probe->element[i].own);
    both = rnn_dd_add(both, rnn_dd_product(probe->element[i].claimed, y));
    squares = rnn_dd_add(squares, rnn_dd_product(y, y));
  }
  return rnn_dd_value(rnn_dd_over(both, squares));
}

/* Does the guess differ from the right gradient of the tensor as it is read, or (plain) as it is? */
static bool differs(const struct rnn_guesser *guesser, const struct rnn_guess *guess, const struct rnn_probe *probe,
                    const struct rnn_tolerance *tolerance, double largest, bool plain) {
  static const struct rnn_recipe right[RNNLOSS_TERMS];
  struct rnn_slope slope;
  if (!rnn_recipes_slope(guesser->moments, guesser->tensor, guesser->terms, right, &slope)) return true;
  for (size_t i = 0; i < probe->count; i++) {
    const uint64_t index = probe->element[i].index;
    const double z = probe_value(guesser, &guess->slope, index, probe->element[i].own);
    const double y = probe_value(guesser, &slope, index, plain ? probe->element[i].plain : probe->element[i].own);
    if (!rnn_judge_could_pass(tolerance, largest, z, y)) return true;
  }
  return false;
}

/* The claim differs from the right gradient in one of these elements at least: a guess that is right in all of them
 * doesn't tell what the claim is instead. */
bool rnn_guess_fits(const struct rnn_guesser *guesser, const struct rnn_guess *guess, const struct rnn_probe *probe,
                    const struct rnn_tolerance *tolerance, double largest) {
  for (size_t i = 0; i < probe->count; i++) {
    const double z = probe_value(guesser, &guess->slope, probe->element[i].index, probe->element[i].own);
    if (!rnn_judge_could_pass(tolerance, largest, probe->element[i].claimed, z)) return false;
  }
  const bool other = guess->deviation[0] || guess->profile || guess->scaled;
  return (guesser->misshapen || differs(guesser, guess, probe, tolerance, largest, true)) &&
         (!(guesser->transposed && other) || differs(guesser, guess, probe, tolerance, largest, false));
}
