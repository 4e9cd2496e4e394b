/* What a wrong gradient may be: the guesses, one after the other, and a few elements of the claim on which most of them
 * fail before any tensor is walked. Not exported. */
#ifndef RNN_GUESSES_H
#define RNN_GUESSES_H

#include "judge.h"
#include "slopes.h"

/* ---- some elements of the claim ---- */

#define RNN_PROBES ((size_t)256) /* of elements spread over the tensor; two more are chosen */

struct rnn_probe {
  size_t count;
  struct {
    uint64_t index;
    double claimed, own, plain; /* own: of the tensor, as it is read; plain: as it is, were that the transpose */
  } element[RNN_PROBES + 2];
};
/* Which elements: in ascending order, then those two. */
void rnn_probe_choose(struct rnn_probe *probe, uint64_t elements, const struct rnn_judge *judge);
/* One of them, at its address; t, that of target, or NULL; plain, or NULL if it is own. */
void rnn_probe_set(struct rnn_probe *probe, size_t at, rnnloss_dtype dtype, const void *claimed, rnnloss_dtype x_dtype,
                   const void *x, rnnloss_dtype t_dtype, const void *t, const void *plain);

/* ---- guesses ---- */

struct rnn_guesser {
  const struct rnn_moments *moments;
  rnnloss_tensor tensor;
  unsigned terms;  /* whose gradient is claimed */
  double scale;    /* the factor that fits best */
  bool coarse;     /* the tolerance: then no two deviations together */
  bool transposed; /* the tensor is read as its transpose .. */
  bool misshapen;  /* .. whose shape the claim has, so that it is wrong in any case */
  int stage;       /* all that follows begins with 0 */
  size_t at;
  bool found;
};
struct rnn_guess {
  const struct rnn_profile *profile;        /* NULL: none */
  const struct rnn_deviation *deviation[2]; /* likewise */
  int term;                                 /* the last deviation is in this one only; -1: in each that has it */
  bool scaled;                              /* a constant factor */
  unsigned profiles;                        /* bit i: profile i computes the (one) term so */
  struct rnn_recipe recipe[RNNLOSS_TERMS];
  struct rnn_slope slope;
};
enum rnn_guessed { RNN_GUESSED, RNN_GUESSED_NOTHING, RNN_GUESSED_ALL };
/* One more place of the list; most of them have no guess. found: one was right, so that no less likely kind is tried.
 */
enum rnn_guessed rnn_guess_next(struct rnn_guesser *guesser, bool found, struct rnn_guess *guess);
/* The factor that fits best to these elements of the tensor as it is read. */
double rnn_guess_scale_of(const struct rnn_guesser *guesser, const struct rnn_probe *probe);
/* May the claim, of which these are some elements, be that gradient, and is that not the right one? */
bool rnn_guess_fits(const struct rnn_guesser *guesser, const struct rnn_guess *guess, const struct rnn_probe *probe,
                    const struct rnn_tolerance *tolerance, double largest);

/* A deviation of gradients alone, or of losses too, of which the gradient is. */
extern const struct rnn_deviation rnn_guess_zero, rnn_guess_transposed, rnn_guess_scale;
/* A well-known number that a factor is, as text, or NULL: "claim = B T * gradient". */
const char *rnn_scale_name(const struct rnn_moments *moments, rnnloss_tensor tensor, double scale, double tolerance);

#endif
