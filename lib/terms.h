/* An evaluation under way: terms.c gathers the statistics and makes the values, offsets.c the c[n].
 *
 * With S_n the exact sum of neuron n, N neurons and C = N B T elements:
 *   Q1 = sum S_n   Q2 = sum S_n^2   D = N Q2 - Q1^2 >= 0
 *   sigma = sqrt(D)/C, 0 iff D = 0     sigma/mu = sqrt(D)/Q1     mu = Q1/C
 * so every value has the form (P + sqrt(X))/R that rnn_finish rounds. */
#ifndef RNN_TERMS_H
#define RNN_TERMS_H

#include "finish.h"
#include "limbs.h"

#define RNN_NEURON_WORDS (RNNLOSS_WIDE_LIMBS / 2)

enum rnn_phase { RNN_GATHER, RNN_SQUARE, RNN_VALUES, RNN_DONE, RNN_FAILED };

/* What gives c[n] = sqrt(D) (K (N S_n - Q1) - L)/sqrt(W D), for one choice of terms. */
struct rnn_offset_plan {
  bool ready, exact; /* alpha and beta are set; k, l and w are */
  double sd, cv;     /* the lambdas */
  struct rnn_approx alpha, beta;
  struct rnn_big k, l, w;
};

struct rnnloss_terms {
  rnnloss_problem problem;
  rnnloss_values values;
  enum rnn_phase phase;
  rnnloss_status failure;
  rnnloss_term culprit;
  bool rates_active, rates_finite;

  size_t next;      /* neuron, in phases GATHER and SQUARE */
  size_t low, high; /* limbs [low, high) hold every neuron's magnitude */
  size_t words;     /* of a magnitude */
  int32_t exponent; /* of a magnitude's lowest bit */
  int64_t q1_limb[RNNLOSS_WIDE_LIMBS];
  uint64_t q2_word[2 * RNN_NEURON_WORDS + 2];

  struct rnn_big q1, d;
  struct rnn_approx q1_near, root_d;     /* Q1, sqrt(D) */
  struct rnn_approx near[RNNLOSS_TERMS]; /* the active terms, once their values are made */

  struct rnn_offset_plan plan;
  struct rnn_big t1, t2, t3, t4; /* for any step */
  struct rnn_finish_scratch scratch;
};

/* Magnitude of a neuron's sum in terms->words words; whether it is negative. */
RNN_INLINE bool rnn_neuron_magnitude(const rnnloss_terms *terms, size_t neuron, uint64_t *words) {
  const rnnloss_rates *r = terms->problem.rates;
  return rnn_limbs_magnitude(r->limb + neuron * r->limbs, terms->low, terms->high - terms->low, r->limbs, words);
}

#endif
