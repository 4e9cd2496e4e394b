/* Numbers as unevaluated sums of two doubles, about 106 bits: for what is compared, not for what is promised.
 * Beyond the doubles' range they become NaN, which nothing is equal to. */
#ifndef RNN_DOUBLE_DOUBLE_H
#define RNN_DOUBLE_DOUBLE_H

#include <math.h>

#include "number.h"

struct rnn_dd {
  double high, low;
};

RNN_INLINE struct rnn_dd rnn_dd_of(double x) {
  return (struct rnn_dd){x, 0};
}

RNN_INLINE double rnn_dd_value(struct rnn_dd x) {
  return x.high + x.low;
}

/* a + b, exactly. */
RNN_INLINE struct rnn_dd rnn_dd_sum(double a, double b) {
  const double sum = a + b, of_b = sum - a;
  return (struct rnn_dd){sum, (a - (sum - of_b)) + (b - of_b)};
}

/* a b, exactly, while nothing of it underflows. */
RNN_INLINE struct rnn_dd rnn_dd_product(double a, double b) {
  const double product = a * b;
  return (struct rnn_dd){product, fma(a, b, -product)};
}

RNN_INLINE struct rnn_dd rnn_dd_normal(double high, double low) {
  const double sum = high + low;
  return (struct rnn_dd){sum, low - (sum - high)};
}

RNN_INLINE struct rnn_dd rnn_dd_add(struct rnn_dd x, struct rnn_dd y) {
  const struct rnn_dd high = rnn_dd_sum(x.high, y.high), low = rnn_dd_sum(x.low, y.low);
  const struct rnn_dd once = rnn_dd_normal(high.high, high.low + low.high);
  return rnn_dd_normal(once.high, once.low + low.low);
}

RNN_INLINE struct rnn_dd rnn_dd_add_double(struct rnn_dd x, double y) {
  const struct rnn_dd sum = rnn_dd_sum(x.high, y);
  return rnn_dd_normal(sum.high, sum.low + x.low);
}

RNN_INLINE struct rnn_dd rnn_dd_negative(struct rnn_dd x) {
  return (struct rnn_dd){-x.high, -x.low};
}

RNN_INLINE struct rnn_dd rnn_dd_magnitude(struct rnn_dd x) {
  return x.high < 0 ? rnn_dd_negative(x) : x;
}

RNN_INLINE struct rnn_dd rnn_dd_times(struct rnn_dd x, struct rnn_dd y) {
  const struct rnn_dd product = rnn_dd_product(x.high, y.high);
  return rnn_dd_normal(product.high, product.low + (x.high * y.low + x.low * y.high));
}

RNN_INLINE struct rnn_dd rnn_dd_over(struct rnn_dd x, struct rnn_dd y) {
  const double first = x.high / y.high;
  const struct rnn_dd rest = rnn_dd_add(x, rnn_dd_negative(rnn_dd_times(rnn_dd_of(first), y)));
  const double second = rest.high / y.high;
  const struct rnn_dd last = rnn_dd_add(rest, rnn_dd_negative(rnn_dd_times(rnn_dd_of(second), y)));
  return rnn_dd_add_double(rnn_dd_normal(first, second), last.high / y.high);
}

RNN_INLINE struct rnn_dd rnn_dd_root(struct rnn_dd x) {
  if (x.high <= 0) return rnn_dd_of(x.high < 0 ? (double)NAN : 0);
  const double near = sqrt(x.high);
  const struct rnn_dd rest = rnn_dd_add(x, rnn_dd_negative(rnn_dd_product(near, near)));
  return rnn_dd_normal(near, rest.high / (2 * near));
}

#endif
