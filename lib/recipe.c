/* Recipes: what a term comes to by another definition. */
#include "recipe.h"

bool rnn_recipe_add(struct rnn_recipe *recipe, const struct rnn_deviation *deviation, rnnloss_term term,
                    enum rnn_scope scope) {
  if (!(deviation->terms >> term & 1) || !(deviation->scope & scope)) return false;
  struct rnn_recipe added = *recipe;
  for (int i = 0; i < 2; i++) {
    if (!deviation->set[i].value) continue;
    if (added.field[deviation->set[i].field]) return false;
    added.field[deviation->set[i].field] = deviation->set[i].value;
  }
  *recipe = added;
  return true;
}

static double product(uint64_t a, uint64_t b) {
  return (double)a * (double)b;
}

double rnn_recipe_divisor(const struct rnn_moments *moments, rnnloss_term term, const struct rnn_recipe *recipe) {
  const uint64_t *axes = moments->axes[term == RNNLOSS_MSE ? RNNLOSS_PRED : RNNLOSS_RATE];
  const double count = (double)moments->sums[term].count;
  switch (recipe->field[RNN_DIVISOR]) {
  case RNN_DIVISOR_COUNT:
    return count;
  case RNN_DIVISOR_NONE:
    return 1;
  case RNN_DIVISOR_NO_BATCH:
    return axes[0] ? count / (double)axes[0] : (double)NAN;
  case RNN_DIVISOR_NO_TIME:
    return axes[1] ? count / (double)axes[1] : (double)NAN;
  case RNN_DIVISOR_NO_UNITS:
    return count / (double)axes[2];
  case RNN_DIVISOR_IN_SQUARED:
    return product(moments->inputs, moments->inputs);
  case RNN_DIVISOR_HID_SQUARED:
    return product(moments->hidden, moments->hidden);
  case RNN_DIVISOR_OUT_SQUARED:
    return product(moments->outputs, moments->outputs);
  case RNN_DIVISOR_IN_HID:
    return product(moments->inputs, moments->hidden);
  case RNN_DIVISOR_OUT_HID:
    return product(moments->outputs, moments->hidden);
  default:
    return product(moments->inputs, moments->outputs);
  }
}

static struct rnn_dd mean_square(const struct rnn_moments *moments, rnnloss_term term,
                                 const struct rnn_recipe *recipe) {
  const struct rnn_sums *sums = &moments->sums[term];
  const struct rnn_dd by = rnn_dd_of(rnn_recipe_divisor(moments, term, recipe));
  const struct rnn_dd neurons = rnn_dd_of((double)moments->neurons);
  const bool means =
      recipe->field[RNN_FORM] == RNN_FORM_MEAN_RATE_SQUARED || recipe->field[RNN_FORM] == RNN_FORM_MEAN_RATE_ABSOLUTE;
  if (!(by.high > 0) || (means && recipe->field[RNN_DIVISOR])) return rnn_dd_of((double)NAN);
  switch (recipe->field[RNN_FORM]) {
  case RNN_FORM_SQUARE:
    return rnn_dd_over(sums->square, by);
  case RNN_FORM_ABSOLUTE:
    return rnn_dd_over(sums->absolute, by);
  case RNN_FORM_ROOT:
    return rnn_dd_root(rnn_dd_over(sums->square, by));
  case RNN_FORM_NORM:
    return recipe->field[RNN_DIVISOR] ? rnn_dd_of((double)NAN) : rnn_dd_root(sums->square);
  case RNN_FORM_NORM_MEAN:
    return rnn_dd_over(rnn_dd_root(sums->square), by);
  case RNN_FORM_MEAN_RATE_SQUARED:
    return rnn_dd_over(moments->spread[RNN_MEANS].square, neurons);
  default:
    return rnn_dd_over(moments->absolute_means, neurons);
  }
}

/* The sample whose spread is meant; RNN_SAMPLES: there is none. */
static enum rnn_sample sample(const struct rnn_moments *moments, const struct rnn_recipe *recipe) {
  static const enum rnn_sample of_neurons[] = {RNN_MEANS, RNN_ABSOLUTE_MEANS, RNN_SQUARED_MEANS};
  const unsigned rate = recipe->field[RNN_RATE], over = recipe->field[RNN_OVER];
  if (rate == RNN_RATE_SQUARED_MEAN && (over == RNN_OVER_POOLED || over == RNN_OVER_TIME)) return RNN_SAMPLES;
  if (over == RNN_OVER_POOLED) return rate ? RNN_POOLED_ABSOLUTE : RNN_POOLED;
  if (over == RNN_OVER_FIRST_AXIS) return moments->cell ? RNN_FIRST_AXIS : RNN_POOLED_ABSOLUTE;
  return of_neurons[rate];
}

/* sum (x - c mean)^2 / n = sum x^2 / n - (2 c - c^2) mean^2, over n or n - 1. */
static struct rnn_dd variance(const struct rnn_spread *spread, struct rnn_dd mean, double c, bool corrected) {
  const struct rnn_dd n = rnn_dd_of(spread->count), factor = rnn_dd_add(rnn_dd_of(2 * c), rnn_dd_product(-c, c));
  const struct rnn_dd square = rnn_dd_times(factor, rnn_dd_times(mean, mean));
  struct rnn_dd value = rnn_dd_add(rnn_dd_over(spread->square, n), rnn_dd_negative(square));
  if (value.high < 0) value = rnn_dd_of(0);
  if (!corrected) return value;
  return spread->count > 1 ? rnn_dd_over(rnn_dd_times(value, n), rnn_dd_of(spread->count - 1)) : rnn_dd_of((double)NAN);
}

static struct rnn_dd deviation(const struct rnn_moments *moments, const struct rnn_recipe *recipe,
                               const struct rnn_spread *spread, struct rnn_dd mean, double c) {
  const bool corrected = recipe->field[RNN_CORRECTION], squared = recipe->field[RNN_POWER];
  if (recipe->field[RNN_OVER] == RNN_OVER_TIME) {
    const struct rnn_dd sum = moments->temporal[recipe->field[RNN_RATE] == RNN_RATE_ABSOLUTE][corrected];
    if (squared || recipe->field[RNN_MEAN]) return rnn_dd_of((double)NAN);
    return rnn_dd_over(sum, rnn_dd_of((double)moments->neurons));
  }
  const struct rnn_dd value = variance(spread, mean, c, corrected);
  return squared ? value : rnn_dd_root(value);
}

bool rnn_recipe_rate(const struct rnn_moments *moments, const struct rnn_recipe *recipe, struct rnn_rate_parts *parts) {
  parts->sample = sample(moments, recipe);
  if (parts->sample == RNN_SAMPLES) return false;
  parts->spread = &moments->spread[parts->sample];
  if (!(parts->spread->count > 0)) return false;
  parts->c = recipe->field[RNN_MEAN] ? moments->lambda[RNNLOSS_FR] : 1;
  parts->mean = rnn_dd_over(parts->spread->sum, rnn_dd_of(parts->spread->count));
  parts->deviation = deviation(moments, recipe, parts->spread, parts->mean, parts->c);
  return true;
}

static struct rnn_dd rate_term(const struct rnn_moments *moments, rnnloss_term term, const struct rnn_recipe *recipe) {
  struct rnn_rate_parts parts;
  if (!rnn_recipe_rate(moments, recipe, &parts)) return rnn_dd_of((double)NAN);
  const struct rnn_dd sd = parts.deviation, scaled = rnn_dd_times(parts.mean, rnn_dd_of(parts.c));
  if (term == RNNLOSS_FR_SD) return sd;
  switch (recipe->field[RNN_RATIO]) {
  case RNN_RATIO_INVERSE:
    return rnn_dd_over(scaled, sd);
  case RNN_RATIO_SQUARED:
    return rnn_dd_times(rnn_dd_over(sd, scaled), rnn_dd_over(sd, scaled));
  default:
    return rnn_dd_over(sd, scaled);
  }
}

/* As in sequence in single precision: sum, mean, square root, quotient, each rounded. */
static float naive(const struct rnn_moments *moments, rnnloss_term term, enum rnn_precision precision) {
  if (term < RNNLOSS_FR_SD) {
    const float count = rnn_naive(precision, (float)moments->sums[term].count);
    const float mean = moments->sums[term].naive[precision] / count;
    return rnn_naive(precision, mean);
  }
  const float neurons = rnn_naive(precision, (float)moments->neurons);
  const float mean = rnn_naive(precision, moments->naive_mean[precision] / neurons);
  const float variance = rnn_naive(precision, moments->naive_variance[precision] / neurons);
  const float sd = rnn_naive(precision, (float)sqrt((double)variance));
  return term == RNNLOSS_FR_SD ? sd : rnn_naive(precision, sd / mean);
}

struct rnn_dd rnn_recipe_weight(const struct rnn_moments *moments, rnnloss_term term, const struct rnn_recipe *recipe,
                                bool unweighted) {
  static const double factors[] = {1, 0.5, 2, -1};
  const double lambda = moments->lambda[term], factor = factors[recipe->field[RNN_FACTOR]];
  switch (recipe->field[RNN_WEIGHT]) {
  case RNN_WEIGHT_ONE:
    return rnn_dd_of(factor);
  case RNN_WEIGHT_ONE_IF_ABSENT:
    return rnn_dd_of(lambda > 0 ? (double)NAN : factor);
  case RNN_WEIGHT_SQUARED:
    return rnn_dd_product(lambda, lambda * factor);
  case RNN_WEIGHT_INCLUDED:
    return rnn_dd_of(lambda * factor);
  default:
    return rnn_dd_of(unweighted ? factor : lambda * factor);
  }
}

double rnn_recipe_value(const struct rnn_moments *moments, rnnloss_term term, const struct rnn_recipe *recipe,
                        bool unweighted) {
  const double lambda = moments->lambda[term];
  if (moments->sums[term < RNNLOSS_FR_SD ? term : RNNLOSS_FR].count == 0) return (double)NAN;
  if (recipe->field[RNN_NAIVE]) {
    const enum rnn_precision precision = recipe->field[RNN_NAIVE] == RNN_NAIVE_IN_F16 ? RNN_NAIVE_F16 : RNN_NAIVE_F32;
    const float value = naive(moments, term, precision);
    const float by = unweighted ? 1.0F : rnn_naive(precision, (float)lambda), scaled = by * value;
    return (double)rnn_naive(precision, scaled);
  }
  const struct rnn_dd value =
      term < RNNLOSS_FR_SD ? mean_square(moments, term, recipe) : rate_term(moments, term, recipe);
  return rnn_dd_value(rnn_dd_times(value, rnn_recipe_weight(moments, term, recipe, unweighted)));
}

double rnn_recipe_total(const struct rnn_moments *moments, unsigned terms, const struct rnn_recipe *recipes,
                        const double *right) {
  static const struct rnn_recipe plain;
  struct rnn_dd sum = rnn_dd_of(0);
  for (int k = 0; k < RNNLOSS_TERMS; k++) {
    if (!(terms >> k & 1)) continue;
    const bool same = memcmp(&recipes[k], &plain, sizeof plain) == 0;
    sum = rnn_dd_add_double(sum, same ? right[k] : rnn_recipe_value(moments, (rnnloss_term)k, &recipes[k], false));
  }
  return rnn_dd_value(sum);
}
