/* Gradients by other definitions: elements as sums of a few features of each, with constant factors. Not exported.
 *
 * An element's features are x itself (pred - target of these two), its sign, and what is the same for all elements of
 * a neuron (or of a place along the axes behind the first). The right gradient has x, m_n - mu and 1 alone. */
#ifndef RNN_SLOPES_H
#define RNN_SLOPES_H

#include "deviations.h"

enum rnn_feature {
  RNN_OF_X,
  RNN_OF_SIGN,          /* sgn x */
  RNN_OF_ONE,           /* 1 */
  RNN_OF_MEAN,          /* m_n - mu */
  RNN_OF_MEAN_SIGN,     /* sgn m_n */
  RNN_OF_MEAN_CUBE,     /* m_n (m_n^2 - mean of m_n^2) */
  RNN_OF_ABSOLUTE_MEAN, /* sgn x (A_n - mean of A_n), A_n the mean of |fr| */
  RNN_OF_CELL,          /* sgn x (K - mean of K), K the mean of |fr| over the first axis */
  RNN_OF_TIME,          /* (x - m_n) / s_n, s_n the standard deviation over batch and time */
  RNN_OF_ABSOLUTE_TIME, /* sgn x (|x| - A_n) / s_n, of |fr| */
  RNN_FEATURES
};
struct rnn_slope {
  double of[RNN_FEATURES]; /* the factor of each */
};

/* The term that is the mean square of this tensor, or pair. */
rnnloss_term rnn_square_of(rnnloss_tensor tensor);

/* The gradient with respect to a tensor of these terms, by a recipe each. False: there is none. */
bool rnn_recipes_slope(const struct rnn_moments *moments, rnnloss_tensor tensor, unsigned terms,
                       const struct rnn_recipe *recipes, struct rnn_slope *slope);
void rnn_slope_scale(struct rnn_slope *slope, double factor);
bool rnn_slope_is_zero(const struct rnn_slope *slope);

/* What is the same for a neuron: an element is x' x + c + sgn(x) d more. */
struct rnn_row {
  double x, c, d;
};
void rnn_slope_rows(const struct rnn_moments *moments, const struct rnn_slope *slope, uint64_t first, size_t n,
                    struct rnn_row *rows);
/* An element; its row, or NULL of other tensors than fr. */
double rnn_slope_value(const struct rnn_moments *moments, const struct rnn_slope *slope, const struct rnn_row *row,
                       uint64_t index, double own);
/* Elements [first, first + n) as doubles; those of x at x, or x - t if t is not NULL. rows: of all neurons, of fr; of
 * other tensors NULL. */
void rnn_slope_values(const struct rnn_moments *moments, const struct rnn_slope *slope, const struct rnn_row *rows,
                      uint64_t first, size_t n, rnnloss_dtype x_dtype, const void *x, rnnloss_dtype t_dtype,
                      const void *t, double *z);

#endif
