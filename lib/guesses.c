/* The guesses at what a wrong gradient is: see guesses.h. */
#include "guesses.h"

const struct rnn_deviation rnn_guess_zero = {
    .id = "zero",
    .scope = RNN_GRADIENTS,
    .title = "Zeros",
    .relation = "claim = 0",
    .fix = "the loss does not reach the tensor: is requires_grad set, or .grad read before backward(), or the value "
           "detached?"};
const struct rnn_deviation rnn_guess_transposed = {
    .id = "transposed",
    .scope = RNN_GRADIENTS,
    .title = "The gradient's transpose",
    .relation = "claim[i, j] = gradient[j, i]",
    .fix = "transpose it: a gradient has the shape of its tensor, and weights here are [to, from], as torch.nn.Linear "
           "keeps them, or as you send them"};
const struct rnn_deviation rnn_guess_scale = {
    .id = "scale",
    .scope = RNN_GRADIENTS,
    .title = "The gradient times a constant",
    .relation = "claim = s * gradient",
    .fix = "look at the reduction (mean or sum), the batch size, loss scaling, and accumulated steps"};

/* ---- the list of all of them ---- */

/* In this order; each is tried only while none of an earlier group, set off by a bar, was right. */
enum stage {
  STAGE_PLAIN,    /* nothing but the transpose */
  STAGE_SINGLES,  /* a deviation in each term that has it */
  STAGE_PROFILES, /* a published package */
  STAGE_IN_TERM,  /* a deviation in one of several terms */
  STAGE_BAR,
  STAGE_PAIRS = STAGE_BAR,
  STAGE_WITH_PROFILE, /* a deviation, and a package */
  STAGE_WITH_IN_TERM, /* one in all terms, and another in one of several */
  STAGE_SECOND_BAR,
  STAGE_SCALE = STAGE_SECOND_BAR,
  STAGES
};

/* Of the terms whose gradient is claimed, those that depend on the tensor. */
static unsigned own_terms(const struct rnn_guesser *guesser) {
  const rnnloss_term square = rnn_square_of(guesser->tensor);
  const unsigned rates = square == RNNLOSS_FR ? 1U << RNNLOSS_FR_SD | 1U << RNNLOSS_FR_CV : 0;
  return guesser->terms & (rates | 1U << square);
}

static bool is_one_term(unsigned terms) {
  return (terms & (terms - 1)) == 0;
}

/* How many places a stage has. */
static size_t places(const struct rnn_guesser *guesser) {
  const int stage = guesser->stage;
  const size_t singles = rnn_deviation_count, profiles = rnn_profile_count;
  const bool several = !is_one_term(own_terms(guesser)), pairs = !guesser->coarse && !guesser->transposed;
  if ((stage >= STAGE_BAR && guesser->found) || (stage >= STAGE_BAR && stage < STAGE_SECOND_BAR && !pairs)) return 0;
  switch (stage) {
  case STAGE_PLAIN:
    return guesser->transposed;
  case STAGE_SINGLES: /* with the transpose, that is two things together */
    return guesser->transposed && guesser->coarse ? 0 : singles;
  case STAGE_PROFILES:
    return several ? profiles : 0; /* one term alone has the name of its own deviation */
  case STAGE_IN_TERM:
    return several ? singles * RNNLOSS_TERMS : 0;
  case STAGE_PAIRS:
    return singles * singles;
  case STAGE_WITH_PROFILE:
    return several ? singles * profiles : 0;
  case STAGE_WITH_IN_TERM:
    return several ? singles * singles * RNNLOSS_TERMS : 0;
  default:
    return guesser->transposed && guesser->coarse ? 0 : 1;
  }
}

/* In each of the terms that has it; false: in none, or it can't go with what is there. */
static bool add(const struct rnn_deviation *deviation, unsigned terms, struct rnn_guess *guess) {
  bool any = false;
  if (guess->deviation[0] && (deviation->alone || guess->deviation[0]->alone)) return false;
  for (int k = 0; k < RNNLOSS_TERMS; k++) {
    if (!(terms >> k & 1) || !(deviation->terms >> k & 1)) continue;
    if (!rnn_recipe_add(&guess->recipe[k], deviation, (rnnloss_term)k, RNN_GRADIENTS)) return false;
    any = true;
  }
  guess->deviation[guess->deviation[0] != NULL] = deviation;
  return any;
}

/* In one of several; not if that is the only one that has it. */
static bool add_in(const struct rnn_deviation *deviation, int term, unsigned terms, struct rnn_guess *guess) {
  const unsigned own = 1U << term;
  guess->term = term;
  return (terms & own) && !is_one_term(terms & deviation->terms) && add(deviation, own, guess);
}

static bool add_profile(const struct rnn_profile *profile, unsigned terms, struct rnn_guess *guess) {
  bool differs = false;
  guess->profile = profile;
  for (int k = 0; k < RNNLOSS_TERMS; k++) {
    if (terms >> k & 1) differs = rnn_profile_recipe(profile, (rnnloss_term)k, &guess->recipe[k]) || differs;
  }
  return differs;
}

static bool make(const struct rnn_guesser *guesser, size_t at, struct rnn_guess *guess) {
  const struct rnn_deviation *all = rnn_deviations;
  const size_t singles = rnn_deviation_count;
  const unsigned terms = own_terms(guesser);
  const size_t i = at / singles, j = at % singles;
  switch (guesser->stage) {
  case STAGE_SINGLES:
    return add(&all[at], terms, guess);
  case STAGE_PROFILES:
    return add_profile(&rnn_profiles[at], terms, guess);
  case STAGE_IN_TERM:
    return add_in(&all[j], (int)i, terms, guess);
  case STAGE_PAIRS:
    return i < j && add(&all[i], terms, guess) && add(&all[j], terms, guess);
  case STAGE_WITH_PROFILE:
    return add_profile(&rnn_profiles[i], terms, guess) && add(&all[j], terms, guess);
  case STAGE_WITH_IN_TERM: /* the first in all terms, as a weight is */
    return all[j].terms == (1U << RNNLOSS_TERMS) - 1 && add(&all[j], terms, guess) &&
           add_in(&all[i % singles], (int)(i / singles), terms, guess);
  case STAGE_SCALE:
    guess->scaled = true;
    return isfinite(guesser->scale) && guesser->scale != 0;
  default:
    return true;
  }
}

enum rnn_guessed rnn_guess_next(struct rnn_guesser *guesser, bool found, struct rnn_guess *guess) {
  while (guesser->stage < STAGES && guesser->at >= places(guesser)) {
    guesser->stage++;
    guesser->at = 0;
    if (guesser->stage == STAGE_BAR || guesser->stage == STAGE_SECOND_BAR) guesser->found = found;
  }
  if (guesser->stage == STAGES) return RNN_GUESSED_ALL;
  *guess = (struct rnn_guess){.term = -1};
  const unsigned terms = own_terms(guesser);
  if (!make(guesser, guesser->at++, guess)) return RNN_GUESSED_NOTHING;
  if (!rnn_recipes_slope(guesser->moments, guesser->tensor, terms, guess->recipe, &guess->slope))
    return RNN_GUESSED_NOTHING;
  if (guess->scaled) rnn_slope_scale(&guess->slope, guesser->scale);
  for (int k = 0; k < RNNLOSS_TERMS && is_one_term(terms); k++) {
    if (terms >> k & 1) guess->profiles = rnn_profiles_with((rnnloss_term)k, &guess->recipe[k]);
  }
  return rnn_slope_is_zero(&guess->slope) ? RNN_GUESSED_NOTHING : RNN_GUESSED;
}

const char *rnn_scale_name(const struct rnn_moments *moments, rnnloss_tensor tensor, double scale, double tolerance) {
  const rnnloss_term square = rnn_square_of(tensor);
  const bool shaped = square == RNNLOSS_MSE || square == RNNLOSS_FR;
  const uint64_t *axes = moments->axes[square == RNNLOSS_MSE ? RNNLOSS_PRED : RNNLOSS_RATE];
  const double batch = shaped ? (double)axes[0] : 0, time = shaped ? (double)axes[1] : 0,
               units = shaped ? (double)axes[2] : 0, count = (double)moments->sums[square].count;
  const struct {
    const char *name;
    double value;
  } known[] = {{"claim = count * gradient (the sum for the mean)", count},
               {"claim = gradient / count", 1 / count},
               {"claim = B * gradient (B: the axes before time)", batch},
               {"claim = gradient / B (B: the axes before time)", 1 / batch},
               {"claim = T * gradient (T: the axis before the units)", time},
               {"claim = gradient / T (T: the axis before the units)", 1 / time},
               {"claim = N * gradient (N: the last axis)", units},
               {"claim = gradient / N (N: the last axis)", 1 / units},
               {"claim = B T * gradient", batch * time},
               {"claim = gradient / (B T)", 1 / (batch * time)},
               {"claim = count/2 * gradient", count / 2}};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    if (fabs(scale - known[i].value) <= tolerance * fabs(scale)) return known[i].name;
  }
  return NULL;
}
