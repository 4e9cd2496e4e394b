/* The choices of each field of a recipe, 0 being the right one, and what values and gradients have in common. */
#ifndef RNN_RECIPE_H
#define RNN_RECIPE_H

#include "deviations.h"

enum { RNN_WEIGHT_LAMBDA, RNN_WEIGHT_ONE, RNN_WEIGHT_SQUARED, RNN_WEIGHT_INCLUDED, RNN_WEIGHT_ONE_IF_ABSENT };
enum { RNN_FACTOR_ONE, RNN_FACTOR_HALF, RNN_FACTOR_DOUBLE, RNN_FACTOR_MINUS };
enum {
  RNN_DIVISOR_COUNT,
  RNN_DIVISOR_NONE,
  RNN_DIVISOR_NO_BATCH, /* the count without this axis */
  RNN_DIVISOR_NO_TIME,
  RNN_DIVISOR_NO_UNITS,
  RNN_DIVISOR_IN_SQUARED,
  RNN_DIVISOR_HID_SQUARED,
  RNN_DIVISOR_OUT_SQUARED,
  RNN_DIVISOR_IN_HID,
  RNN_DIVISOR_OUT_HID,
  RNN_DIVISOR_IN_OUT
};
enum {
  RNN_FORM_SQUARE,
  RNN_FORM_ABSOLUTE,
  RNN_FORM_ROOT,
  RNN_FORM_NORM,
  RNN_FORM_NORM_MEAN,
  RNN_FORM_MEAN_RATE_SQUARED,
  RNN_FORM_MEAN_RATE_ABSOLUTE
};
enum { RNN_RATE_MEAN, RNN_RATE_ABSOLUTE, RNN_RATE_SQUARED_MEAN };
enum { RNN_OVER_NEURONS, RNN_OVER_POOLED, RNN_OVER_TIME, RNN_OVER_FIRST_AXIS };
enum { RNN_CORRECTION_NONE, RNN_CORRECTION_SAMPLE };
enum { RNN_POWER_ROOT, RNN_POWER_VARIANCE };
enum { RNN_RATIO_PLAIN, RNN_RATIO_INVERSE, RNN_RATIO_SQUARED };
enum { RNN_MEAN_PLAIN, RNN_MEAN_TIMES_LAMBDA };
enum { RNN_THROUGH_BOTH, RNN_THROUGH_SD_ONLY, RNN_THROUGH_MEAN_ONLY };
enum { RNN_NAIVE_NOT, RNN_NAIVE_IN_F32, RNN_NAIVE_IN_F16 };

/* By what a term is multiplied: lambda, or what stands for it, and the factor; NaN: it can't be. */
struct rnn_dd rnn_recipe_weight(const struct rnn_moments *moments, rnnloss_term term, const struct rnn_recipe *recipe,
                                bool unweighted);
/* By what a sum of squares is divided; NaN or 0: there is no such number. */
double rnn_recipe_divisor(const struct rnn_moments *moments, rnnloss_term term, const struct rnn_recipe *recipe);

struct rnn_rate_parts { /* of fr_sd and fr_cv */
  enum rnn_sample sample;
  const struct rnn_spread *spread; /* of that sample */
  double c;                        /* mu is this times .. */
  struct rnn_dd mean, deviation;   /* .. the mean; the standard deviation or what stands for it, about mu */
};
/* False: nothing is meant by it. */
bool rnn_recipe_rate(const struct rnn_moments *moments, const struct rnn_recipe *recipe, struct rnn_rate_parts *parts);

#endif
