/* Real numbers known to about 120 bits, each with a proven bound of its error: the quick attempt before the
 * exact finish (Ziv's strategy). Integers only.
 *
 * Invariant: the number lies within sign (m +- error) 2^exponent, with m >= 2^127; or is 0 exactly
 * (m = 0, error = 0); or nothing is known (error = RNN_LOST). Every operation keeps it, so nothing needs
 * to be proved about a chain of them. */
#ifndef RNN_APPROX_H
#define RNN_APPROX_H

#include "exact.h"

#define RNN_LOST UINT64_MAX
#define RNN_ERROR_MAX ((uint64_t)1 << 40) /* more is lost: operations may take error^2 / 2^127 for nothing */

struct rnn_approx {
  rnn_u128 m;
  uint64_t error;
  int32_t exponent;
  int8_t sign;
};

struct rnn_approx rnn_approx_words(const uint64_t *w, size_t n, int32_t exponent, bool negative);
struct rnn_approx rnn_approx_big(const struct rnn_big *x);
struct rnn_approx rnn_approx_u64(uint64_t value);
struct rnn_approx rnn_approx_double(double value); /* finite */

struct rnn_approx rnn_approx_mul(struct rnn_approx x, struct rnn_approx y);
struct rnn_approx rnn_approx_div(struct rnn_approx x, struct rnn_approx y);
struct rnn_approx rnn_approx_add(struct rnn_approx x, struct rnn_approx y);
struct rnn_approx rnn_approx_root(struct rnn_approx x); /* x >= 0 */

/* If all numbers within the bound round to the same double, stores it. */
bool rnn_approx_round(const struct rnn_approx *x, double *out);

/* Bits of a double near |x|, to start an exact search from. */
uint64_t rnn_approx_guess(const struct rnn_approx *x);

#endif
