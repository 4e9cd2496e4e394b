/* The sums that other definitions are made of: see moments.h. */
#include "moments.h"

size_t rnn_moments_size(uint64_t neurons, uint64_t cells) {
  return (size_t)neurons * sizeof(struct rnn_neuron) + (size_t)cells * sizeof(struct rnn_dd);
}

void rnn_moments_begin(struct rnn_moments *moments, void *memory, uint64_t neurons, uint64_t cells) {
  memset(moments, 0, sizeof *moments);
  moments->neurons = neurons;
  moments->cells = cells;
  if (!memory) return;
  moments->neuron = memory;
  moments->cell = cells ? (struct rnn_dd *)(void *)(moments->neuron + neurons) : NULL;
}

float rnn_naive(enum rnn_precision precision, float x) {
  unsigned char half[2];
  if (precision != RNN_NAIVE_F16) return x;
  rnnloss_store(RNNLOSS_F16, (double)x, half);
  return (float)rnnloss_load(RNNLOSS_F16, half);
}

/* sum + x x, each operation rounded; a float's product or sum rounded to F16 is as if made in F16. */
static float naive_square(enum rnn_precision precision, float sum, float x) {
  const float product = x * x, square = rnn_naive(precision, product), next = sum + square;
  return rnn_naive(precision, next);
}

static void add_square(struct rnn_sums *sums, double x) {
  sums->count++;
  sums->square = rnn_dd_add(sums->square, rnn_dd_product(x, x));
  sums->absolute = rnn_dd_add_double(sums->absolute, fabs(x));
  for (int p = 0; p < RNN_PRECISIONS; p++) {
    const enum rnn_precision precision = (enum rnn_precision)p;
    sums->naive[p] = naive_square(precision, sums->naive[p], rnn_naive(precision, (float)x));
  }
}

/* The difference of two F32 (or narrower) of very different exponents is no double: its rounding error is carried. */
static void add_difference(struct rnn_sums *sums, double a, double b) {
  const struct rnn_dd d = rnn_dd_sum(a, -b);
  sums->count++;
  sums->square = rnn_dd_add(sums->square, rnn_dd_times(d, d));
  sums->absolute = rnn_dd_add(sums->absolute, rnn_dd_magnitude(d));
  for (int p = 0; p < RNN_PRECISIONS; p++) {
    const enum rnn_precision precision = (enum rnn_precision)p;
    const float difference = rnn_naive(precision, (float)a) - rnn_naive(precision, (float)b);
    sums->naive[p] = naive_square(precision, sums->naive[p], rnn_naive(precision, difference));
  }
}

void rnn_moments_pair(struct rnn_moments *moments, size_t n, rnnloss_dtype a_dtype, const void *a,
                      rnnloss_dtype b_dtype, const void *b) {
  const unsigned char *p = a, *t = b;
  for (size_t i = 0; i < n; i++) {
    add_difference(&moments->sums[RNNLOSS_MSE], rnnloss_load(a_dtype, p + i * rnn_width(a_dtype)),
                   rnnloss_load(b_dtype, t + i * rnn_width(b_dtype)));
  }
}

void rnn_moments_weights(struct rnn_moments *moments, rnnloss_term term, size_t n, rnnloss_dtype dtype, const void *x) {
  const unsigned char *w = x;
  for (size_t i = 0; i < n; i++) add_square(&moments->sums[term], rnnloss_load(dtype, w + i * rnn_width(dtype)));
}

static void add_rate(struct rnn_neuron *neuron, double x, bool first) {
  if (first) memset(neuron, 0, sizeof *neuron);
  neuron->plain = rnn_dd_add_double(neuron->plain, x);
  neuron->absolute = rnn_dd_add_double(neuron->absolute, fabs(x));
  neuron->square = rnn_dd_add(neuron->square, rnn_dd_product(x, x));
  for (int p = 0; p < RNN_PRECISIONS; p++) {
    const enum rnn_precision precision = (enum rnn_precision)p;
    const float next = neuron->naive[p] + rnn_naive(precision, (float)x);
    neuron->naive[p] = rnn_naive(precision, next);
  }
}

void rnn_moments_rates(struct rnn_moments *moments, size_t n, rnnloss_dtype dtype, const void *x) {
  const unsigned char *rates = x;
  uint64_t at = moments->position % moments->neurons;
  uint64_t cell = moments->cells ? moments->position % moments->cells : 0;
  for (size_t i = 0; i < n; i++) {
    const double rate = rnnloss_load(dtype, rates + i * rnn_width(dtype));
    add_square(&moments->sums[RNNLOSS_FR], rate);
    /* Memory isn't cleared beforehand: that would be one long step. */
    add_rate(&moments->neuron[at], rate, moments->position + i < moments->neurons);
    if (moments->cell) {
      const struct rnn_dd before = moments->position + i < moments->cells ? rnn_dd_of(0) : moments->cell[cell];
      moments->cell[cell] = rnn_dd_add_double(before, fabs(rate));
    }
    if (++at == moments->neurons) at = 0;
    if (++cell == moments->cells) cell = 0;
  }
  moments->position += n;
}

/* ---- From the sums of neurons and cells to those over them ---- */

double rnn_moments_rows(const struct rnn_moments *moments) {
  const uint64_t rows = moments->sums[RNNLOSS_FR].count / moments->neurons;
  return (double)rows;
}

static void add_to_spread(struct rnn_spread *spread, struct rnn_dd x) {
  spread->count++;
  spread->sum = rnn_dd_add(spread->sum, x);
  spread->square = rnn_dd_add(spread->square, rnn_dd_times(x, x));
}

struct rnn_dd rnn_neuron_mean(const struct rnn_moments *moments, const struct rnn_neuron *neuron, bool absolute) {
  return rnn_dd_over(absolute ? neuron->absolute : neuron->plain, rnn_dd_of(rnn_moments_rows(moments)));
}

struct rnn_dd rnn_neuron_deviation(const struct rnn_moments *moments, const struct rnn_neuron *neuron,
                                   struct rnn_dd mean, bool corrected) {
  const double rows = rnn_moments_rows(moments);
  struct rnn_dd variance = rnn_dd_over(neuron->square, rnn_dd_of(rows));
  variance = rnn_dd_add(variance, rnn_dd_negative(rnn_dd_times(mean, mean)));
  if (variance.high < 0) variance = rnn_dd_of(0);
  if (corrected) variance = rnn_dd_over(rnn_dd_times(variance, rnn_dd_of(rows)), rnn_dd_of(rows - 1));
  return rnn_dd_root(variance);
}

static void close_neuron(struct rnn_moments *moments, struct rnn_neuron *neuron) {
  const double rows = rnn_moments_rows(moments);
  const struct rnn_dd mean[2] = {rnn_neuron_mean(moments, neuron, false), rnn_neuron_mean(moments, neuron, true)};
  add_to_spread(&moments->spread[RNN_MEANS], mean[0]);
  add_to_spread(&moments->spread[RNN_ABSOLUTE_MEANS], mean[1]);
  add_to_spread(&moments->spread[RNN_SQUARED_MEANS], rnn_dd_times(mean[0], mean[0]));
  moments->absolute_means = rnn_dd_add(moments->absolute_means, rnn_dd_magnitude(mean[0]));
  for (int absolute = 0; absolute < 2; absolute++) {
    for (int sample = 0; sample < 2; sample++) {
      struct rnn_dd *sum = &moments->temporal[absolute][sample];
      *sum = rnn_dd_add(*sum, rnn_neuron_deviation(moments, neuron, mean[absolute], sample));
    }
    struct rnn_spread *pooled = &moments->spread[absolute ? RNN_POOLED_ABSOLUTE : RNN_POOLED];
    pooled->count += rows;
    pooled->sum = rnn_dd_add(pooled->sum, absolute ? neuron->absolute : neuron->plain);
    pooled->square = rnn_dd_add(pooled->square, neuron->square);
  }
  for (int p = 0; p < RNN_PRECISIONS; p++) {
    const enum rnn_precision precision = (enum rnn_precision)p;
    const float quotient = neuron->naive[p] / rnn_naive(precision, (float)rows);
    neuron->naive[p] = rnn_naive(precision, quotient);
    const float sum = moments->naive_mean[p] + neuron->naive[p];
    moments->naive_mean[p] = rnn_naive(precision, sum);
  }
}

/* The second time round: the means are known. */
static void close_naive(struct rnn_moments *moments, const struct rnn_neuron *neuron) {
  for (int p = 0; p < RNN_PRECISIONS; p++) {
    const enum rnn_precision precision = (enum rnn_precision)p;
    const float mean = rnn_naive(precision, moments->naive_mean[p] / rnn_naive(precision, (float)moments->neurons));
    const float deviation = neuron->naive[p] - mean;
    moments->naive_variance[p] = naive_square(precision, moments->naive_variance[p], rnn_naive(precision, deviation));
  }
}

static void close_cell(struct rnn_moments *moments, struct rnn_dd sum) {
  const uint64_t length = moments->sums[RNNLOSS_FR].count / moments->cells;
  add_to_spread(&moments->spread[RNN_FIRST_AXIS], rnn_dd_over(sum, rnn_dd_of((double)length)));
}

bool rnn_moments_close(struct rnn_moments *moments, size_t steps) {
  const uint64_t neurons = moments->neuron ? moments->neurons : 0, all = 2 * neurons + (neurons ? moments->cells : 0);
  for (; steps && moments->closed < all; steps--) {
    const uint64_t at = moments->closed++;
    if (at < neurons)
      close_neuron(moments, &moments->neuron[at]);
    else if (at < 2 * neurons)
      close_naive(moments, &moments->neuron[at - neurons]);
    else
      close_cell(moments, moments->cell[at - 2 * neurons]);
  }
  return moments->closed == all;
}
