/* Gradients by other definitions: see guesses.h. */
#include "guesses.h"

#define NN4N_FIX "the package departs from its documentation here; these are the documented definitions"

const struct rnn_guess rnn_guesses[RNN_GUESSES] = {
    [RNN_GUESS_SIGN] = {"sign", "The gradient's negative", "claim = -gradient",
                        "drop the minus sign: this is the gradient of the loss, not the step of a descent"},
    [RNN_GUESS_UNWEIGHTED] = {"unweighted", "The weights lambda are left out", "each term's gradient / its lambda",
                              "multiply each term's gradient by its lambda, or call backward() on the weighted sum"},
    [RNN_GUESS_LAMBDA_TWICE] = {"lambda-twice", "The weights lambda are applied twice",
                                "each term's gradient * its lambda", "multiply by lambda once"},
    [RNN_GUESS_SAMPLE_SD] = {"sample-sd", "Of the sample standard deviation (n - 1)",
                             "sqrt(n / (n - 1)) * the gradients of fr_sd and fr_cv",
                             "unbiased=False (or correction=0) in torch.std; ddof=0 in numpy and jax.numpy"},
    [RNN_GUESS_NO_MEAN] = {"through-mean", "fr_cv's part through mu is left out",
                           "claim lacks -lambda sigma / (mu^2 N B T)",
                           "don't detach the mean: no .detach(), torch.no_grad() or stop_gradient around mu"},
    [RNN_GUESS_NO_SD] = {"through-mean", "fr_cv's part through sigma is left out",
                         "claim lacks lambda (m_n - mu) / (sigma mu N B T)",
                         "don't detach sigma: no .detach(), torch.no_grad() or stop_gradient around it"},
    [RNN_GUESS_MEAN_RATE_SQUARED] = {"mean-rate-squared", "fr's part is that of the squared mean rates",
                                     "2 lambda m_n / (N B T) for 2 lambda fr / (N B T)",
                                     "square before averaging over batch and time: fr.pow(2).mean()"},
    [RNN_GUESS_ABSOLUTE] = {"absolute", "Of the mean magnitude instead of the mean square",
                            "lambda sgn(x) / count for 2 lambda x / count",
                            "square the elements: x.pow(2).mean() for x.abs().mean(); MSELoss for L1Loss"},
    [RNN_GUESS_ABSOLUTE_RATE] = {"absolute-rate", "fr_sd and fr_cv are of rates that were made positive first",
                                 "m_n = mean over batch and time of |fr|",
                                 "fr.mean(dim=(0, 1)) for fr.abs().mean(dim=(0, 1))"},
    [RNN_GUESS_NN4N_1_0_2] = {"nn4n-1.0.2", "What nn4n 1.0.2 computes",
                              "fr: mean |fr|; fr_sd, fr_cv: of mean |fr|, n - 1", NN4N_FIX},
    [RNN_GUESS_NN4N_1_2_0] = {"nn4n-1.2.0", "What nn4n 1.2.0 computes",
                              "fr: mean of m_n^2; fr_sd: n - 1; fr_cv: of mean |fr|, n - 1", NN4N_FIX},
    [RNN_GUESS_SCALE] = {"scale", "The gradient times a constant", "claim = s * gradient",
                         "look at the reduction (mean or sum), the batch size, loss scaling, and accumulated steps"},
};
const struct rnn_guess rnn_guess_zero = {"zero", "Zeros", "claim = 0",
                                         "the loss does not reach the tensor: is requires_grad set, or .grad read "
                                         "before backward(), or the value detached?"};
const struct rnn_guess rnn_guess_transposed = {
    "transposed", "The gradient's transpose", "claim[i, j] = gradient[j, i]",
    "transpose it: weights here are [to, from], as torch.nn.Linear keeps them"};

/* The part of each term: by what it is weighted, what its standard deviation is multiplied by, what it is of. */
struct parts {
  double lambda[RNNLOSS_TERMS];
  double deviation;
  bool no_mean, no_sd;
  bool mean_rate, absolute;      /* of the mean square */
  bool absolute_sd, absolute_cv; /* of the mean magnitudes */
};

static bool is_in(unsigned terms, rnnloss_term term) {
  return (terms >> term & 1) != 0;
}

struct centre {
  double mu, sigma;
};

static struct centre centre_of(const struct rnn_spread *means) {
  const struct rnn_dd n = rnn_dd_of(means->count), mean = rnn_dd_over(means->sum, n);
  const struct rnn_dd variance = rnn_dd_add(rnn_dd_over(means->square, n), rnn_dd_negative(rnn_dd_times(mean, mean)));
  return (struct centre){rnn_dd_value(mean), rnn_dd_value(rnn_dd_root(variance))};
}

/* Adds the gradient of fr_sd (or fr_cv) as a factor of m_n - mu and a constant. */
static void add_sd(double weight, double count, struct centre centre, double *factor) {
  if (weight != 0 && centre.sigma > 0) *factor += weight / (centre.sigma * count);
}

static void add_cv(const struct parts *parts, double weight, double count, struct centre centre, double *factor,
                   double *constant) {
  if (weight == 0 || !(centre.sigma > 0)) return;
  if (!parts->no_sd) *factor += weight / (centre.sigma * centre.mu * count);
  if (!parts->no_mean) *constant -= weight * centre.sigma / (centre.mu * centre.mu * count);
}

static struct rnn_slope slope_of(const struct rnn_moments *moments, const struct parts *parts, rnnloss_term square,
                                 unsigned terms) {
  struct rnn_slope slope = {0};
  const double count = (double)moments->sums[square].count;
  const double linear = is_in(terms, square) && count > 0 ? parts->lambda[square] / (count / 2) : 0;
  if (parts->absolute)
    slope.q = linear / 2;
  else
    slope.a = linear;
  if (square != RNNLOSS_FR || !moments->neurons || !(count > 0)) return slope;
  const struct centre plain = centre_of(&moments->spread[RNN_MEANS]),
                      absolute = centre_of(&moments->spread[RNN_ABSOLUTE_MEANS]);
  if (parts->mean_rate) {
    slope.u = linear;
    slope.v = linear * plain.mu;
    slope.a = 0;
  }
  const double sd = is_in(terms, RNNLOSS_FR_SD) ? parts->lambda[RNNLOSS_FR_SD] * parts->deviation : 0;
  const double cv = is_in(terms, RNNLOSS_FR_CV) ? parts->lambda[RNNLOSS_FR_CV] * parts->deviation : 0;
  add_sd(sd, count, parts->absolute_sd ? absolute : plain, parts->absolute_sd ? &slope.p : &slope.u);
  add_cv(parts, cv, count, parts->absolute_cv ? absolute : plain, parts->absolute_cv ? &slope.p : &slope.u,
         parts->absolute_cv ? &slope.q : &slope.v);
  return slope;
}

/* Which parts of the gradient the guess is about, by the terms that there are; false: about none of them. */
static bool choose_parts(const struct rnn_moments *moments, enum rnn_guess_kind guess, rnnloss_term square,
                         unsigned terms, struct parts *parts) {
  const double n = (double)moments->neurons;
  const bool rates = square == RNNLOSS_FR, mean_square = is_in(terms, square);
  const bool sd = rates && is_in(terms, RNNLOSS_FR_SD), cv = rates && is_in(terms, RNNLOSS_FR_CV);
  const bool first = guess == RNN_GUESS_NN4N_1_0_2, third = guess == RNN_GUESS_NN4N_1_2_0;
  const bool corrected = guess == RNN_GUESS_SAMPLE_SD || first || third;
  parts->no_mean = guess == RNN_GUESS_NO_MEAN;
  parts->no_sd = guess == RNN_GUESS_NO_SD;
  parts->mean_rate = rates && (guess == RNN_GUESS_MEAN_RATE_SQUARED || third);
  parts->absolute = guess == RNN_GUESS_ABSOLUTE || (rates && first);
  parts->absolute_sd = guess == RNN_GUESS_ABSOLUTE_RATE || first;
  parts->absolute_cv = parts->absolute_sd || third;
  if (corrected && n > 1) parts->deviation = sqrt(n / (n - 1));
  if (corrected && (sd || cv) && n < 2) return false;
  switch (guess) {
  case RNN_GUESS_SAMPLE_SD:
  case RNN_GUESS_ABSOLUTE_RATE:
    return sd || cv;
  case RNN_GUESS_NO_MEAN:
  case RNN_GUESS_NO_SD:
    return cv;
  case RNN_GUESS_MEAN_RATE_SQUARED:
    return rates && mean_square;
  case RNN_GUESS_ABSOLUTE:
    return mean_square;
  case RNN_GUESS_NN4N_1_0_2:
  case RNN_GUESS_NN4N_1_2_0: /* one part alone has the name of its own deviation */
    return rates && mean_square + sd + cv > 1;
  default:
    return true;
  }
}

bool rnn_guess_slope(const struct rnn_moments *moments, enum rnn_guess_kind guess, rnnloss_term square, unsigned terms,
                     double scale, struct rnn_slope *slope) {
  struct parts parts = {.deviation = 1};
  for (int k = 0; k < RNNLOSS_TERMS; k++) {
    const double lambda = moments->lambda[k];
    parts.lambda[k] = guess == RNN_GUESS_UNWEIGHTED     ? 1
                      : guess == RNN_GUESS_LAMBDA_TWICE ? lambda * lambda
                      : guess == RNN_GUESS_SIGN         ? -lambda
                      : guess == RNN_GUESS_SCALE        ? lambda * scale
                                                        : lambda;
  }
  if (guess == RNN_GUESS_SCALE && !(isfinite(scale) && scale != 0)) return false;
  if (!choose_parts(moments, guess, square, terms, &parts)) return false;
  *slope = slope_of(moments, &parts, square, terms);
  const double all = fabs(slope->a) + fabs(slope->u) + fabs(slope->v) + fabs(slope->p) + fabs(slope->q);
  return isfinite(all) && all > 0;
}

static double distance_from_mean(struct rnn_dd sum, double rows, const struct rnn_spread *means) {
  const struct rnn_dd mean = rnn_dd_over(means->sum, rnn_dd_of(means->count));
  return rnn_dd_value(rnn_dd_add(rnn_dd_over(sum, rnn_dd_of(rows)), rnn_dd_negative(mean)));
}

void rnn_slope_offsets(const struct rnn_moments *moments, const struct rnn_slope *slope, uint64_t first, size_t n,
                       double *c, double *d) {
  const double rows = rnn_moments_rows(moments);
  for (size_t i = 0; i < n; i++) {
    const struct rnn_neuron *neuron = &moments->neuron[first + i];
    c[i] = slope->u * distance_from_mean(neuron->plain, rows, &moments->spread[RNN_MEANS]) + slope->v;
    d[i] = slope->p * distance_from_mean(neuron->absolute, rows, &moments->spread[RNN_ABSOLUTE_MEANS]) + slope->q;
  }
}

void rnn_slope_values(const struct rnn_slope *slope, const double *c, const double *d, uint64_t neurons, uint64_t first,
                      size_t n, rnnloss_dtype x_dtype, const void *x, rnnloss_dtype t_dtype, const void *t, double *z) {
  const unsigned char *a = x, *b = t;
  uint64_t at = c ? first % neurons : 0;
  for (size_t i = 0; i < n; i++) {
    double own = rnnloss_load(x_dtype, a + i * rnn_width(x_dtype));
    if (b) own -= rnnloss_load(t_dtype, b + i * rnn_width(t_dtype));
    const double sign = own > 0 ? 1 : own < 0 ? -1 : 0;
    z[i] = slope->a * own + (c ? c[at] : 0) + sign * (c ? d[at] : slope->q);
    if (c && ++at == neurons) at = 0;
  }
}

const char *rnn_scale_name(const struct rnn_moments *moments, rnnloss_term square, double scale, double tolerance) {
  const uint64_t *axes = moments->axes[square == RNNLOSS_MSE ? RNNLOSS_PRED : RNNLOSS_RATE];
  const bool shaped = square == RNNLOSS_MSE || square == RNNLOSS_FR;
  const double batch = shaped ? (double)axes[0] : 0, time = shaped ? (double)axes[1] : 0,
               units = shaped ? (double)axes[2] : 0, count = (double)moments->sums[square].count;
  const struct {
    const char *name;
    double value;
  } known[] = {{"claim = 1/2 * gradient", 0.5},
               {"claim = 2 * gradient", 2},
               {"claim = count * gradient (the sum for the mean)", count},
               {"claim = gradient / count", 1 / count},
               {"claim = B * gradient (B: the axes before time)", batch},
               {"claim = gradient / B (B: the axes before time)", 1 / batch},
               {"claim = T * gradient (T: the axis before the units)", time},
               {"claim = gradient / T (T: the axis before the units)", 1 / time},
               {"claim = N * gradient (N: the last axis)", units},
               {"claim = gradient / N (N: the last axis)", 1 / units},
               {"claim = B T * gradient", batch * time},
               {"claim = gradient / (B T)", 1 / (batch * time)},
               {"claim = count/2 * gradient", count / 2}};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    if (fabs(scale - known[i].value) <= tolerance * fabs(scale)) return known[i].name;
  }
  return NULL;
}
