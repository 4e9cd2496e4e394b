/* The one finishing routine: from an exact form of a real number to the double nearest to it. */
#ifndef RNN_FINISH_H
#define RNN_FINISH_H

#include "approx.h"

/* A real number V, in one of two forms; r > 0 and x >= 0.
 *   root   V = sign sqrt(x/r)
 *   else   V = (p + sign sqrt(x))/r */
struct rnn_surd {
  bool root;
  int sign;
  const struct rnn_big *p, *r, *x;
};

struct rnn_finish_scratch {
  struct rnn_big a, b;
  bool broken; /* one of them has been, at any time */
};

/* Rounds V once, ties to even; an exact 0 is +0. Right from any guess (bits of a double near |V|), and quick
 * from a good one. RNNLOSS_E_OVERFLOW, or RNNLOSS_E_INTERNAL if a number of V is broken. */
rnnloss_status rnn_finish(const struct rnn_surd *v, uint64_t guess, struct rnn_finish_scratch *scratch, double *out);

#endif
