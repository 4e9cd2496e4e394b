/* What a wrong gradient may be: a x + c[n] + sgn(x) d[n] of an element x (pred - target for these two), with
 *
 *   c[n] = u (m_n - mu) + v        d[n] = p (A_n - mu_A) + q,  A_n the mean of |fr|, mu_A that of A_n
 *
 * The right one has no d. Not exported. */
#ifndef RNN_GUESSES_H
#define RNN_GUESSES_H

#include "moments.h"

struct rnn_slope {
  double a, u, v, p, q;
};

enum rnn_guess_kind {
  RNN_GUESS_SIGN,
  RNN_GUESS_UNWEIGHTED,
  RNN_GUESS_LAMBDA_TWICE,
  RNN_GUESS_SAMPLE_SD,
  RNN_GUESS_NO_MEAN,
  RNN_GUESS_NO_SD,
  RNN_GUESS_MEAN_RATE_SQUARED,
  RNN_GUESS_ABSOLUTE,
  RNN_GUESS_ABSOLUTE_RATE,
  RNN_GUESS_NN4N_1_0_2,
  RNN_GUESS_NN4N_1_2_0,
  RNN_GUESS_SCALE,
  RNN_GUESSES
};
struct rnn_guess {
  const char *id, *title, *relation, *fix;
};
extern const struct rnn_guess rnn_guesses[RNN_GUESSES];
extern const struct rnn_guess rnn_guess_zero, rnn_guess_transposed;

/* The gradient, with respect to one tensor, of these terms (of which square is the mean square of that tensor) as
 * guessed; scale is that of RNN_GUESS_SCALE. False: there is no such gradient, or it is the right one. */
bool rnn_guess_slope(const struct rnn_moments *moments, enum rnn_guess_kind guess, rnnloss_term square, unsigned terms,
                     double scale, struct rnn_slope *slope);
/* c[n] and d[n] of neurons [first, first + n). */
void rnn_slope_offsets(const struct rnn_moments *moments, const struct rnn_slope *slope, uint64_t first, size_t n,
                       double *c, double *d);
/* Elements [first, first + n) of a gradient, as doubles; those of x at x, or x - t if t is not NULL. c, d: of all
 * neurons, or NULL: then d is q. */
void rnn_slope_values(const struct rnn_slope *slope, const double *c, const double *d, uint64_t neurons, uint64_t first,
                      size_t n, rnnloss_dtype x_dtype, const void *x, rnnloss_dtype t_dtype, const void *t, double *z);

/* A well-known number that a factor is, as text, or NULL: "1/2", "B T". */
const char *rnn_scale_name(const struct rnn_moments *moments, rnnloss_term square, double scale, double tolerance);

#endif
