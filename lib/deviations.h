/* The catalogue of well-known other definitions of the losses: what a wrong number may be. Not exported.
 *
 * A definition is a recipe: one choice a field, 0 being the right one. A deviation is a row that sets one or two
 * fields; two deviations combine if they set different ones. */
#ifndef RNN_DEVIATIONS_H
#define RNN_DEVIATIONS_H

#include "moments.h"

enum rnn_field {
  RNN_WEIGHT,     /* what the value is multiplied by */
  RNN_FACTOR,     /* 1, 1/2, 2; of a gradient: -1 */
  RNN_DIVISOR,    /* of a mean square: by what the sum is divided */
  RNN_FORM,       /* of a mean square: what is summed */
  RNN_RATE,       /* of fr_sd, fr_cv: whose spread it is */
  RNN_OVER,       /* .. over what */
  RNN_CORRECTION, /* n or n - 1 */
  RNN_POWER,      /* the standard deviation or the variance */
  RNN_RATIO,      /* of fr_cv */
  RNN_MEAN,       /* mu, or mu times lambda_fr */
  RNN_THROUGH,    /* of a gradient of fr_cv: through what it is taken */
  RNN_NAIVE,      /* accumulated in sequence in this precision */
  RNN_FIELDS
};
struct rnn_recipe {
  unsigned char field[RNN_FIELDS];
};

/* What of a term it is about: its two numbers, its gradient. */
enum rnn_scope {
  RNN_LOSSES = 1,
  RNN_UNWEIGHTED = 2,
  RNN_GRADIENTS = 4,
  RNN_NUMBERS = RNN_LOSSES | RNN_UNWEIGHTED,
  RNN_ANY_CLAIM = RNN_NUMBERS | RNN_GRADIENTS
};

struct rnn_deviation {
  const char *id;
  unsigned terms; /* bit k: it is one of term k */
  unsigned scope;
  struct {
    unsigned char field, value;
  } set[2];
  bool alone; /* not combined with another one */
  const char *title, *relation, *fix;
};
extern const struct rnn_deviation rnn_deviations[];
extern const size_t rnn_deviation_count;

/* Adds a deviation to a recipe; false: it has chosen that field already, or is not one of the term and scope. */
bool rnn_recipe_add(struct rnn_recipe *recipe, const struct rnn_deviation *deviation, rnnloss_term term,
                    enum rnn_scope scope);
/* The value of a term by a recipe; NaN where it has none. */
double rnn_recipe_value(const struct rnn_moments *moments, rnnloss_term term, const struct rnn_recipe *recipe,
                        bool unweighted);

/* The total over these terms: those whose recipe is the right one are given. */
double rnn_recipe_total(const struct rnn_moments *moments, unsigned terms, const struct rnn_recipe *recipes,
                        const double *right);

/* Published packages: all their deviations together. */
#define RNN_PROFILE_DEVIATIONS 2
struct rnn_profile {
  const char *id, *title, *relation, *fix;
  const char *deviation[RNNLOSS_TERMS][RNN_PROFILE_DEVIATIONS]; /* NULL: none (more) */
};
extern const struct rnn_profile rnn_profiles[];
extern const size_t rnn_profile_count;
/* The recipe of a term; false if the profile leaves the term as it is. */
bool rnn_profile_recipe(const struct rnn_profile *profile, rnnloss_term term, struct rnn_recipe *recipe);
/* Bit i: profile i computes the term by just this recipe. */
unsigned rnn_profiles_with(rnnloss_term term, const struct rnn_recipe *recipe);

#endif
