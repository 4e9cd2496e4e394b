/* Gradients by other definitions: see slopes.h. */
#include "slopes.h"
#include "recipe.h"

rnnloss_term rnn_square_of(rnnloss_tensor tensor) {
  static const rnnloss_term squares[RNNLOSS_TENSORS] = {RNNLOSS_MSE, RNNLOSS_MSE, RNNLOSS_FR,
                                                        RNNLOSS_IN,  RNNLOSS_HID, RNNLOSS_OUT};
  return squares[tensor];
}

void rnn_slope_scale(struct rnn_slope *slope, double factor) {
  for (int i = 0; i < RNN_FEATURES; i++) slope->of[i] *= factor;
}

bool rnn_slope_is_zero(const struct rnn_slope *slope) {
  for (int i = 0; i < RNN_FEATURES; i++) {
    if (slope->of[i] != 0) return false;
  }
  return true;
}

static double mean_of(const struct rnn_spread *spread) {
  return rnn_dd_value(rnn_dd_over(spread->sum, rnn_dd_of(spread->count)));
}

/* ---- mean squares, and what is meant by them ---- */

static void add_square(const struct rnn_moments *moments, rnnloss_term term, const struct rnn_recipe *recipe,
                       double weight, struct rnn_slope *slope) {
  const struct rnn_sums *sums = &moments->sums[term];
  const double by = rnn_recipe_divisor(moments, term, recipe), square = rnn_dd_value(sums->square);
  const double count = (double)sums->count, mean = mean_of(&moments->spread[RNN_MEANS]);
  const unsigned form = recipe->field[RNN_FORM];
  const bool fixed = form == RNN_FORM_NORM || form >= RNN_FORM_MEAN_RATE_SQUARED;
  if (!(by > 0) || (fixed && recipe->field[RNN_DIVISOR])) weight = (double)NAN;
  switch (form) {
  case RNN_FORM_SQUARE:
    slope->of[RNN_OF_X] += 2 * weight / by;
    break;
  case RNN_FORM_ABSOLUTE:
    slope->of[RNN_OF_SIGN] += weight / by;
    break;
  case RNN_FORM_ROOT:
    slope->of[RNN_OF_X] += weight / (by * sqrt(square / by));
    break;
  case RNN_FORM_NORM:
    slope->of[RNN_OF_X] += weight / sqrt(square);
    break;
  case RNN_FORM_NORM_MEAN:
    slope->of[RNN_OF_X] += weight / (sqrt(square) * by);
    break;
  case RNN_FORM_MEAN_RATE_SQUARED:
    slope->of[RNN_OF_MEAN] += 2 * weight / count;
    slope->of[RNN_OF_ONE] += 2 * weight / count * mean;
    break;
  default:
    slope->of[RNN_OF_MEAN_SIGN] += weight / count;
  }
}

/* ---- fr_sd and fr_cv ---- */

/* The derivative of the term by the deviation, and by the mean. */
static void outer_derivative(rnnloss_term term, const struct rnn_recipe *recipe, const struct rnn_rate_parts *parts,
                             double *by_deviation, double *by_mean) {
  const double s = rnn_dd_value(parts->deviation), m = rnn_dd_value(parts->mean), c = parts->c;
  if (term == RNNLOSS_FR_SD) {
    *by_deviation = 1;
    *by_mean = 0;
  } else if (recipe->field[RNN_RATIO] == RNN_RATIO_INVERSE) {
    *by_deviation = -c * m / (s * s);
    *by_mean = c / s;
  } else if (recipe->field[RNN_RATIO] == RNN_RATIO_SQUARED) {
    *by_deviation = 2 * s / (c * m * c * m);
    *by_mean = -2 * s * s / (c * m * c * m * m);
  } else {
    *by_deviation = 1 / (c * m);
    *by_mean = -s / (c * m * m);
  }
  if (recipe->field[RNN_THROUGH] == RNN_THROUGH_SD_ONLY) *by_mean = 0;
  if (recipe->field[RNN_THROUGH] == RNN_THROUGH_MEAN_ONLY) *by_deviation = 0;
}

/* Adds a derivative by the members s of a sample, `factor` (s - mean) + `constant`, as one by the rates. */
static void add_sample(const struct rnn_moments *moments, const struct rnn_rate_parts *parts, double factor,
                       double constant, struct rnn_slope *slope) {
  const double rows = rnn_moments_rows(moments), mean = rnn_dd_value(parts->mean);
  const double length = (double)moments->sums[RNNLOSS_FR].count / parts->spread->count; /* rates in one of them */
  double *of = slope->of;
  switch (parts->sample) {
  case RNN_MEANS:
    of[RNN_OF_MEAN] += factor / rows;
    of[RNN_OF_ONE] += constant / rows;
    break;
  case RNN_ABSOLUTE_MEANS:
    of[RNN_OF_ABSOLUTE_MEAN] += factor / rows;
    of[RNN_OF_SIGN] += constant / rows;
    break;
  case RNN_SQUARED_MEANS: /* m_n^2 by a rate is 2 m_n / rows */
    of[RNN_OF_MEAN_CUBE] += 2 * factor / rows;
    of[RNN_OF_MEAN] += 2 * constant / rows;
    of[RNN_OF_ONE] += 2 * constant / rows * mean_of(&moments->spread[RNN_MEANS]);
    break;
  case RNN_FIRST_AXIS:
    of[RNN_OF_CELL] += factor / length;
    of[RNN_OF_SIGN] += constant / length;
    break;
  case RNN_POOLED:
    of[RNN_OF_X] += factor;
    of[RNN_OF_ONE] += constant - factor * mean;
    break;
  default: /* |x|, and sgn(x) |x| is x */
    of[RNN_OF_X] += factor;
    of[RNN_OF_SIGN] += constant - factor * mean;
  }
}

static void add_rates(const struct rnn_moments *moments, rnnloss_term term, const struct rnn_recipe *recipe,
                      double weight, struct rnn_slope *slope) {
  struct rnn_rate_parts parts;
  double by_deviation, by_mean;
  if (!rnn_recipe_rate(moments, recipe, &parts)) {
    slope->of[RNN_OF_ONE] = (double)NAN;
    return;
  }
  outer_derivative(term, recipe, &parts, &by_deviation, &by_mean);
  const bool over_time = recipe->field[RNN_OVER] == RNN_OVER_TIME, corrected = recipe->field[RNN_CORRECTION];
  const double rows = rnn_moments_rows(moments), n = over_time ? rows : parts.spread->count;
  const double s = rnn_dd_value(parts.deviation), mean = rnn_dd_value(parts.mean), rest = 1 - parts.c;
  const double more = corrected ? n / (n - 1) : 1; /* of the variance */
  by_deviation *= weight;
  by_mean *= weight / parts.spread->count;
  if (over_time) {
    const double factor = by_deviation * sqrt(more) / (rows * (double)moments->neurons);
    slope->of[recipe->field[RNN_RATE] ? RNN_OF_ABSOLUTE_TIME : RNN_OF_TIME] += factor;
    add_sample(moments, &parts, 0, by_mean, slope);
    return;
  }
  /* sigma^2 = more (sum s^2 / n - (2 c - c^2) mean^2); where sigma is 0, it has no derivative: 0 is taken. */
  double factor = by_deviation * more / n * (recipe->field[RNN_POWER] ? 2 : 1 / s);
  if (s == 0 && isfinite(by_deviation)) factor = 0;
  add_sample(moments, &parts, factor, factor * rest * rest * mean + by_mean, slope);
}

bool rnn_recipes_slope(const struct rnn_moments *moments, rnnloss_tensor tensor, unsigned terms,
                       const struct rnn_recipe *recipes, struct rnn_slope *slope) {
  const rnnloss_term square = rnn_square_of(tensor);
  *slope = (struct rnn_slope){{0}};
  if (moments->sums[square].count == 0) return false;
  for (int k = 0; k < RNNLOSS_TERMS; k++) {
    const rnnloss_term term = (rnnloss_term)k;
    if (!(terms >> k & 1) || (term != square && (square != RNNLOSS_FR || term < RNNLOSS_FR_SD))) continue;
    const double weight = rnn_dd_value(rnn_recipe_weight(moments, term, &recipes[k], false));
    if (weight != 0) (term == square ? add_square : add_rates)(moments, term, &recipes[k], weight, slope);
  }
  if (tensor == RNNLOSS_TARGET) rnn_slope_scale(slope, -1);
  bool finite = true;
  for (int i = 0; i < RNN_FEATURES; i++) finite = finite && isfinite(slope->of[i]);
  return finite;
}

/* ---- elements ---- */

static double sign_of(double x) {
  return x > 0 ? 1 : x < 0 ? -1 : 0;
}

/* Its rates may all be the same, but for rounding: then none of them has a derivative. */
static double over_deviation(const struct rnn_moments *moments, const struct rnn_neuron *neuron, struct rnn_dd mean,
                             double factor) {
  const double s = rnn_dd_value(rnn_neuron_deviation(moments, neuron, mean, false));
  const double all = sqrt(rnn_dd_value(neuron->square) / rnn_moments_rows(moments));
  return s > 0x1p-48 * all ? factor / s : 0;
}

void rnn_slope_rows(const struct rnn_moments *moments, const struct rnn_slope *slope, uint64_t first, size_t n,
                    struct rnn_row *rows) {
  const struct rnn_spread *spread = moments->spread;
  const struct rnn_dd count = rnn_dd_of(spread[RNN_MEANS].count);
  const struct rnn_dd mu = rnn_dd_over(spread[RNN_MEANS].sum, count),
                      absolute_mu = rnn_dd_over(spread[RNN_ABSOLUTE_MEANS].sum, count),
                      square = rnn_dd_over(spread[RNN_MEANS].square, count);
  const double *of = slope->of;
  for (size_t i = 0; i < n; i++) {
    const struct rnn_neuron *neuron = &moments->neuron[first + i];
    const struct rnn_dd m = rnn_neuron_mean(moments, neuron, false), a = rnn_neuron_mean(moments, neuron, true);
    struct rnn_row row = {0, of[RNN_OF_ONE] + of[RNN_OF_MEAN_SIGN] * sign_of(m.high), of[RNN_OF_SIGN]};
    row.c += of[RNN_OF_MEAN] * rnn_dd_value(rnn_dd_add(m, rnn_dd_negative(mu)));
    row.d += of[RNN_OF_ABSOLUTE_MEAN] * rnn_dd_value(rnn_dd_add(a, rnn_dd_negative(absolute_mu)));
    if (of[RNN_OF_MEAN_CUBE] != 0) {
      const struct rnn_dd above = rnn_dd_add(rnn_dd_times(m, m), rnn_dd_negative(square));
      row.c += of[RNN_OF_MEAN_CUBE] * rnn_dd_value(rnn_dd_times(m, above));
    }
    if (of[RNN_OF_TIME] != 0) {
      const double factor = over_deviation(moments, neuron, m, of[RNN_OF_TIME]);
      row.x += factor;
      row.c -= factor * rnn_dd_value(m);
    }
    if (of[RNN_OF_ABSOLUTE_TIME] != 0) {
      const double factor = over_deviation(moments, neuron, a, of[RNN_OF_ABSOLUTE_TIME]);
      row.x += factor;
      row.d -= factor * rnn_dd_value(a);
    }
    rows[i] = row;
  }
}

/* K - its mean, of the element's place. */
static double cell_above(const struct rnn_moments *moments, uint64_t index) {
  const struct rnn_dd *sum = &moments->cell[index % moments->cells];
  const double length = (double)moments->sums[RNNLOSS_FR].count / (double)moments->cells;
  const struct rnn_spread *spread = &moments->spread[RNN_FIRST_AXIS];
  const struct rnn_dd mean = rnn_dd_over(spread->sum, rnn_dd_of(spread->count));
  return rnn_dd_value(rnn_dd_add(rnn_dd_over(*sum, rnn_dd_of(length)), rnn_dd_negative(mean)));
}

double rnn_slope_value(const struct rnn_moments *moments, const struct rnn_slope *slope, const struct rnn_row *row,
                       uint64_t index, double own) {
  const double *of = slope->of, sign = sign_of(own);
  if (!row) return of[RNN_OF_X] * own + of[RNN_OF_SIGN] * sign;
  const double cell = of[RNN_OF_CELL] != 0 ? of[RNN_OF_CELL] * cell_above(moments, index) : 0;
  return (of[RNN_OF_X] + row->x) * own + row->c + sign * (row->d + cell);
}

void rnn_slope_values(const struct rnn_moments *moments, const struct rnn_slope *slope, const struct rnn_row *rows,
                      uint64_t first, size_t n, rnnloss_dtype x_dtype, const void *x, rnnloss_dtype t_dtype,
                      const void *t, double *z) {
  const unsigned char *a = x, *b = t;
  uint64_t at = rows ? first % moments->neurons : 0;
  for (size_t i = 0; i < n; i++) {
    double own = rnnloss_load(x_dtype, a + i * rnn_width(x_dtype));
    if (b) own -= rnnloss_load(t_dtype, b + i * rnn_width(t_dtype));
    z[i] = rnn_slope_value(moments, slope, rows ? &rows[at] : NULL, first + i, own);
    if (rows && ++at == moments->neurons) at = 0;
  }
}
