/* What the well-known other definitions of the losses are computed from: sums over the tensors that the right ones do
 * not need (of magnitudes, over single axes, in single precision). Not exported.
 *
 * The sums have about 106 bits, so that every definition comes out to about 1e-15. Use: rnn_moments_begin; the
 * elements, in pieces of any size; rnn_moments_close until it is done; then rnn_recipe_value (deviations.h). */
#ifndef RNN_MOMENTS_H
#define RNN_MOMENTS_H

#include "double_double.h"

enum rnn_precision { RNN_NAIVE_F32, RNN_NAIVE_F16, RNN_PRECISIONS }; /* accumulated in sequence */

struct rnn_sums {
  uint64_t count;
  struct rnn_dd square, absolute;
  float naive[RNN_PRECISIONS]; /* of squares */
};

/* Numbers whose spread a standard deviation could be meant of. */
enum rnn_sample {
  RNN_MEANS,           /* m_n */
  RNN_ABSOLUTE_MEANS,  /* the neurons' means of |fr| */
  RNN_SQUARED_MEANS,   /* m_n^2 */
  RNN_FIRST_AXIS,      /* |fr| averaged over the first axis */
  RNN_POOLED,          /* all of fr */
  RNN_POOLED_ABSOLUTE, /* all of |fr| */
  RNN_SAMPLES
};
struct rnn_spread {
  double count;
  struct rnn_dd sum, square;
};

struct rnn_neuron {
  struct rnn_dd plain, absolute, square;
  float naive[RNN_PRECISIONS];
};

struct rnn_moments {
  /* Of the problem, set by the caller after rnn_moments_begin: */
  double lambda[RNNLOSS_TERMS];
  uint64_t axes[RNNLOSS_TENSORS][3]; /* of pred and fr: batch, time, units; 0: there is no such axis */
  uint64_t inputs, hidden, outputs;  /* 0: not known */
  /* The results: */
  struct rnn_sums sums[RNNLOSS_MEAN_SQUARES];
  struct rnn_spread spread[RNN_SAMPLES];
  struct rnn_dd temporal[2][2]; /* [of |fr|][n - 1]: sum over neurons of the standard deviation over batch and time */
  struct rnn_dd absolute_means; /* sum of |m_n| */
  float naive_mean[RNN_PRECISIONS], naive_variance[RNN_PRECISIONS];
  /* Working memory: */
  uint64_t neurons, cells, position, closed;
  struct rnn_neuron *neuron;
  struct rnn_dd *cell; /* sums over the first axis; NULL: that axis is 1 long, or the only one */
};

/* Bytes for so many neurons and elements of one slice of the first axis (0: none, or that axis is 1 long). */
size_t rnn_moments_size(uint64_t neurons, uint64_t cells);
void rnn_moments_begin(struct rnn_moments *moments, void *memory, uint64_t neurons, uint64_t cells);
void rnn_moments_pair(struct rnn_moments *moments, size_t n, rnnloss_dtype a_dtype, const void *a,
                      rnnloss_dtype b_dtype, const void *b);
void rnn_moments_weights(struct rnn_moments *moments, rnnloss_term term, size_t n, rnnloss_dtype dtype, const void *x);
void rnn_moments_rates(struct rnn_moments *moments, size_t n, rnnloss_dtype dtype, const void *x);
bool rnn_moments_close(struct rnn_moments *moments, size_t steps); /* true: all is done */

double rnn_moments_rows(const struct rnn_moments *moments); /* of fr: batch x time */

/* Of one neuron's rates, or of their magnitudes, over batch and time: mean and standard deviation, over n or n - 1. */
struct rnn_dd rnn_neuron_mean(const struct rnn_moments *moments, const struct rnn_neuron *neuron, bool absolute);
struct rnn_dd rnn_neuron_deviation(const struct rnn_moments *moments, const struct rnn_neuron *neuron,
                                   struct rnn_dd mean, bool corrected);

/* x rounded to the precision that a naive sum has. */
float rnn_naive(enum rnn_precision precision, float x);

#endif
