/* What the two kinds of sums share. */
#ifndef RNN_REDUCE_H
#define RNN_REDUCE_H

#include "bins.h"

#define RNN_COUNT_MAX ((uint64_t)1 << 53)

/* n more elements keep a count below 2^53. */
RNN_INLINE bool rnn_count_fits(uint64_t count, uint64_t n) {
  return n < RNN_COUNT_MAX && count < RNN_COUNT_MAX - n;
}

RNN_INLINE void rnn_nonfinite_add(rnnloss_nonfinite *sum, const rnnloss_nonfinite *other) {
  sum->nan += other->nan;
  sum->positive += other->positive;
  sum->negative += other->negative;
}

/* rnnloss_square_add with checked arguments; n elements of `of` that come in one call. */
void rnn_squares_add(rnnloss_square *sum, rnnloss_bins *bins, rnnloss_dtype dtype, const unsigned char *x, size_t n,
                     size_t of);

#endif
