#ifndef RNN_VALUES_H
#define RNN_VALUES_H

#include "fenv_guard.h"
#include "terms.h"

/* All values, once Q1, D are known (or are not needed). On failure *culprit is set. */
rnnloss_status rnn_values(rnnloss_terms *t, rnnloss_term *culprit);

#endif
