/* The fast way of elements to neurons' limbs: by way of column sums in binary64. */
#ifndef RNN_COLUMNS_H
#define RNN_COLUMNS_H

#include "kernels.h"

#define RNN_COLUMNS_FEW 128 /* elements in a call, below which column sums cost more than they save */

/* n elements of a piece, as they are, for a sum that is made in the same pass. */
typedef void rnn_piece_work(void *context, const unsigned char *x, size_t n);

/* Adds n elements at x, the first one of neuron `position`, to the sums; calls work (may be NULL) on each piece
 * while it is in cache. rates->count is the caller's to change. A limb has fewer than 3 n + 3 additions.
 * F64 needs the default floating-point environment; other dtypes need none. */
void rnn_columns_add(rnnloss_rates *rates, rnnloss_dtype dtype, size_t position, const unsigned char *x, size_t n,
                     rnn_piece_work *work, void *context);

#endif
