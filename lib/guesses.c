/* Gradients by other definitions: see guesses.h. */
#include "guesses.h"

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
    [RNN_GUESS_SCALE] = {"scale", "The gradient times a constant", "claim = s * gradient",
                         "look at the reduction (mean or sum), the batch size, loss scaling, and accumulated steps"},
};
const struct rnn_guess rnn_guess_zero = {"zero", "Zeros", "claim = 0",
                                         "the loss does not reach the tensor: is requires_grad set, or .grad read "
                                         "before backward(), or the value detached?"};
const struct rnn_guess rnn_guess_transposed = {
    "transposed", "The gradient's transpose", "claim[i, j] = gradient[j, i]",
    "transpose it: weights here are [to, from], as torch.nn.Linear keeps them"};

/* The part of each term: by what it is weighted, what its standard deviation is multiplied by. */
struct parts {
  double lambda[RNNLOSS_TERMS];
  double deviation;
  bool no_mean, no_sd, mean_rate;
};

static bool is_in(unsigned terms, rnnloss_term term) {
  return (terms >> term & 1) != 0;
}

static struct rnn_slope slope_of(const struct rnn_moments *moments, const struct parts *parts, rnnloss_term square,
                                 unsigned terms) {
  struct rnn_slope slope = {0, 0, 0};
  const double count = (double)moments->sums[square].count;
  if (is_in(terms, square) && count > 0) slope.a = parts->lambda[square] / (count / 2);
  if (square != RNNLOSS_FR || !moments->neurons || !(count > 0)) return slope;
  const struct rnn_spread *means = &moments->spread[RNN_MEANS];
  const struct rnn_dd n = rnn_dd_of(means->count), mean = rnn_dd_over(means->sum, n);
  const struct rnn_dd variance = rnn_dd_add(rnn_dd_over(means->square, n), rnn_dd_negative(rnn_dd_times(mean, mean)));
  const double mu = rnn_dd_value(mean), sigma = rnn_dd_value(rnn_dd_root(variance));
  if (parts->mean_rate) {
    slope.u = slope.a;
    slope.v = slope.a * mu;
    slope.a = 0;
  }
  if (!(sigma > 0)) return slope;
  const double sd = is_in(terms, RNNLOSS_FR_SD) ? parts->lambda[RNNLOSS_FR_SD] * parts->deviation : 0;
  const double cv = is_in(terms, RNNLOSS_FR_CV) ? parts->lambda[RNNLOSS_FR_CV] * parts->deviation : 0;
  slope.u += sd / (sigma * count) + (cv != 0 && !parts->no_sd ? cv / (sigma * mu * count) : 0);
  slope.v -= cv != 0 && !parts->no_mean ? cv * sigma / (mu * mu * count) : 0;
  return slope;
}

bool rnn_guess_slope(const struct rnn_moments *moments, enum rnn_guess_kind guess, rnnloss_term square, unsigned terms,
                     double scale, struct rnn_slope *slope) {
  struct parts parts = {.deviation = 1};
  const bool rates = square == RNNLOSS_FR, cv = rates && is_in(terms, RNNLOSS_FR_CV);
  for (int k = 0; k < RNNLOSS_TERMS; k++) {
    const double lambda = moments->lambda[k];
    parts.lambda[k] = guess == RNN_GUESS_UNWEIGHTED     ? 1
                      : guess == RNN_GUESS_LAMBDA_TWICE ? lambda * lambda
                      : guess == RNN_GUESS_SIGN         ? -lambda
                      : guess == RNN_GUESS_SCALE        ? lambda * scale
                                                        : lambda;
  }
  if (guess == RNN_GUESS_SAMPLE_SD) {
    const double n = (double)moments->neurons;
    if (!rates || !(is_in(terms, RNNLOSS_FR_SD) || cv) || n < 2) return false;
    parts.deviation = sqrt(n / (n - 1));
  }
  parts.no_mean = guess == RNN_GUESS_NO_MEAN;
  parts.no_sd = guess == RNN_GUESS_NO_SD;
  parts.mean_rate = guess == RNN_GUESS_MEAN_RATE_SQUARED;
  if ((parts.no_mean || parts.no_sd) && !cv) return false;
  if (parts.mean_rate && !(rates && is_in(terms, RNNLOSS_FR))) return false;
  if (guess == RNN_GUESS_SCALE && !(isfinite(scale) && scale != 0)) return false;
  *slope = slope_of(moments, &parts, square, terms);
  return isfinite(slope->a) && isfinite(slope->u) && isfinite(slope->v) &&
         (slope->a != 0 || slope->u != 0 || slope->v != 0);
}

void rnn_slope_offsets(const struct rnn_moments *moments, const struct rnn_slope *slope, uint64_t first, size_t n,
                       double *c) {
  const struct rnn_spread *means = &moments->spread[RNN_MEANS];
  const struct rnn_dd mean = rnn_dd_over(means->sum, rnn_dd_of(means->count));
  const double rows = (double)(moments->sums[RNNLOSS_FR].count / moments->neurons);
  for (size_t i = 0; i < n; i++) {
    const struct rnn_dd own = rnn_dd_over(moments->neuron[first + i].plain, rnn_dd_of(rows));
    c[i] = slope->u * rnn_dd_value(rnn_dd_add(own, rnn_dd_negative(mean))) + slope->v;
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
