/* Exponent bins between kernels and sums. */
#ifndef RNN_BINS_H
#define RNN_BINS_H

#include "kernels.h"

/* Empties the bins into their owner, if they have one. */
void rnn_bins_empty(rnnloss_bins *bins);

/* Makes the bins ready to take products of dtype for *sum. Of n elements of so much cost each, returns
 * how many (at least one, if n > 0) may now be added. */
size_t rnn_bins_take(rnnloss_bins *bins, rnnloss_square *sum, enum rnn_bins_kind kind, rnnloss_dtype dtype,
                     uint64_t cost, size_t n);

/* Makes sure that so many more additions to the limbs of *sum can't overflow. */
RNN_INLINE void rnn_square_make_room(rnnloss_square *sum, uint64_t additions) {
  if (sum->loose >= RNN_LOOSE_MAX - additions) { /* additions < RNN_LOOSE_MAX */
    rnn_limbs_settle(sum->limb, RNNLOSS_SQUARE_LIMBS);
    sum->loose = 0;
  }
}

#endif
