/* What a wrong gradient may be. All are affine maps, as the right one is: a x + c[n], with c[n] = u (m_n - mu) + v.
 * Not exported. */
#ifndef RNN_GUESSES_H
#define RNN_GUESSES_H

#include "moments.h"

struct rnn_slope {
  double a, u, v;
};

enum rnn_guess_kind {
  RNN_GUESS_SIGN,
  RNN_GUESS_UNWEIGHTED,
  RNN_GUESS_LAMBDA_TWICE,
  RNN_GUESS_SAMPLE_SD,
  RNN_GUESS_NO_MEAN,
  RNN_GUESS_NO_SD,
  RNN_GUESS_MEAN_RATE_SQUARED,
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
/* c[n] of neurons [first, first + n). */
void rnn_slope_offsets(const struct rnn_moments *moments, const struct rnn_slope *slope, uint64_t first, size_t n,
                       double *c);

/* A well-known number that a factor is, as text, or NULL: "1/2", "B T". */
const char *rnn_scale_name(const struct rnn_moments *moments, rnnloss_term square, double scale, double tolerance);

#endif
