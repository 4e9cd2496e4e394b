/* The fast way of elements to neurons' limbs: by way of column sums in binary64. */
#ifndef RNN_COLUMNS_H
#define RNN_COLUMNS_H

#include "kernels.h"

#define RNN_COLUMNS_FEW 128 /* elements in a call, below which column sums cost more than they save */

/* n elements of a piece, as they are, for a sum that is made in the same pass. */
typedef void rnn_piece_work(void *context, const unsigned char *x, size_t n);

/* Adds the next n elements, at x, to the sums; calls work (may be NULL) on each piece while it is in cache.
 * rates->count is the caller's to change, afterwards. A limb has fewer than 3 n + 3 additions.
 * F64 needs the default floating-point environment; other dtypes need none. */
void rnn_columns_add(rnnloss_rates *rates, rnnloss_dtype dtype, const unsigned char *x, size_t n, rnn_piece_work *work,
                     void *context);

/* To be called before the next n elements go another way. */
void rnn_columns_pass(rnnloss_rates *rates, size_t n);

/* Adds what is in the columns of neurons [first, first + n) to their limbs, two additions to a limb at most,
 * and makes them 0, whatever they hold. */
void rnn_columns_fold(rnnloss_rates *rates, size_t first, size_t n);

#endif
