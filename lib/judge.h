/* Judging numbers that somebody claims against the right ones. Not exported: the daemon links the static library.
 *
 * With claim x and right value y, elementwise: |x - y| <= atol + rtol |y|, or |x - y| <= n ulps of a dtype at y. An
 * absolute tolerance may excuse a claim, but alone never certifies one that is wrong by a factor: to pass, the largest
 * |x - y| must also be at most 8 rtol max |y|. */
#ifndef RNN_JUDGE_H
#define RNN_JUDGE_H

#include "double_double.h"

struct rnn_tolerance {
  bool by_ulps, relative_atol; /* relative_atol: atol is multiplied by min(1, max |y|) */
  double rtol, atol, ulps;
  rnnloss_dtype dtype; /* whose ulps */
};
/* What torch.testing.assert_close has for a dtype. */
struct rnn_tolerance rnn_tolerance_default(rnnloss_dtype dtype);

struct rnn_extreme {
  double value, x, y;
  uint64_t index;
};

enum rnn_verdict { RNN_PASS, RNN_FAIL, RNN_INCONCLUSIVE };

/* Two passes over the same elements: rnn_judge_scan, then rnn_judge_compare. */
struct rnn_judge {
  struct rnn_tolerance tolerance;
  uint64_t count, mismatched, nonfinite; /* nonfinite: of the claim */
  double largest_x, largest_y;           /* magnitudes, of what is finite */
  struct rnn_extreme absolute, relative, ulps, first;
  struct rnn_dd xx, xy, yy; /* sums of products, scaled by powers of two */
  int x_exponent, y_exponent;
};
void rnn_judge_begin(struct rnn_judge *judge, const struct rnn_tolerance *tolerance);
void rnn_judge_scan(struct rnn_judge *judge, size_t n, rnnloss_dtype x_dtype, const void *x, rnnloss_dtype y_dtype,
                    const void *y);
void rnn_judge_scanned(struct rnn_judge *judge); /* between the passes */
void rnn_judge_compare(struct rnn_judge *judge, size_t n, rnnloss_dtype x_dtype, const void *x, rnnloss_dtype y_dtype,
                       const void *y);
enum rnn_verdict rnn_judge_verdict(const struct rnn_judge *judge);
double rnn_judge_cosine(const struct rnn_judge *judge); /* NaN where it is undefined */
double rnn_judge_scale(const struct rnn_judge *judge);  /* the s for which s y is nearest to x */

/* Both passes over one number. */
void rnn_judge_scalar(struct rnn_judge *judge, const struct rnn_tolerance *tolerance, double x, double y);
/* Does the claim x fit the value y of another definition? No absolute tolerance excuses anything here. */
bool rnn_judge_fits(const struct rnn_tolerance *tolerance, double x, double y);
/* Can a claim of which this is one element, and largest_x the largest magnitude, still pass? That it can't, one element
 * tells for all. The tolerance is not in ulps. */
bool rnn_judge_could_pass(const struct rnn_tolerance *tolerance, double largest_x, double x, double y);
/* The distance of a whole judged claim, likewise. */
double rnn_judge_distance(const struct rnn_judge *judge);
/* |x - y| / |y|, and not less than what rounding to the dtype explains. */
double rnn_judge_error(const struct rnn_tolerance *tolerance, double x, double y);

#endif
