/* diagnose.c - which other definitions a failed claim fits
 *
 * Single deviations first; pairs only if no single one fits, and only where the tolerance is fine enough for a
 * coincidence to be unlikely.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "validate.h"

bool is_coarse(const struct verdict *verdict) {
  const rnnloss_dtype dtype = verdict->judge.tolerance.dtype;
  return dtype == RNNLOSS_F16 || dtype == RNNLOSS_BF16;
}

static bool is_listed(const struct verdict *verdict, const char *id) {
  for (size_t i = 0; i < verdict->findings; i++) {
    if (strcmp(verdict->finding[i].id, id) == 0) return true;
  }
  return false;
}

/* Best first; of equally good ones, those first that were tried first. */
void diagnosis_list(struct verdict *verdict, const struct candidate *candidate, double error) {
  size_t at = verdict->findings;
  while (at > 0 && verdict->finding[at - 1].error > error) at--;
  if (at == FINDINGS_MAX) return;
  if (verdict->findings < FINDINGS_MAX) verdict->findings++;
  memmove(&verdict->finding[at + 1], &verdict->finding[at], (verdict->findings - at - 1) * sizeof verdict->finding[0]);
  struct finding *finding = &verdict->finding[at];
  *finding = (struct finding){.title = candidate->title, .relation = candidate->relation, .fix = candidate->fix};
  memcpy(finding->id, candidate->id, sizeof finding->id);
  finding->value = candidate->value;
  finding->profiles = candidate->profiles;
  finding->error = error;
  finding->weak = is_coarse(verdict);
}

/* Does the claim fit it, while the right value doesn't? */
static void try(struct verdict *verdict, const struct candidate *candidate) {
  const struct rnn_tolerance *tolerance = &verdict->judge.tolerance;
  if (!rnn_judge_fits(tolerance, verdict->x, candidate->value)) return;
  if (rnn_judge_fits(tolerance, candidate->value, verdict->canonical) || is_listed(verdict, candidate->id)) return;
  diagnosis_list(verdict, candidate, rnn_judge_error(tolerance, verdict->x, candidate->value));
}

/* "lambda-omitted+sample-sd" */
static const char *joined(struct arena *arena, const char *a, const char *between, const char *b) {
  struct text text = {.arena = arena};
  text_string(&text, a);
  text_string(&text, between);
  text_string(&text, b);
  text_bytes(&text, "", 1);
  return text.failed ? a : text.bytes;
}

void candidate_add(struct candidate *candidate, struct arena *arena, const char *id, const char *title,
                   const char *relation, const char *fix) {
  const bool more = candidate->title != NULL;
  const size_t length = strlen(candidate->id);
  snprintf(candidate->id + length, sizeof candidate->id - length, "%s%s", more ? "+" : "", id);
  candidate->title = more ? joined(arena, candidate->title, "; and: ", title) : title;
  candidate->relation = more ? joined(arena, candidate->relation, "; and: ", relation) : relation;
  candidate->fix = more ? joined(arena, candidate->fix, "; and: ", fix) : fix;
}

static struct candidate of_deviation(const struct rnn_deviation *deviation, double value) {
  struct candidate candidate = {
      .title = deviation->title, .relation = deviation->relation, .fix = deviation->fix, .value = value};
  snprintf(candidate.id, sizeof candidate.id, "%s", deviation->id);
  return candidate;
}

/* A failure that F32 explains, of numbers that came as F64 only because JSON's nested arrays are. */
static void try_f32_input(const struct validation *validation, struct verdict *verdict) {
  struct rnn_judge judge;
  double error = 0;
  const struct rnn_tolerance narrow = rnn_tolerance_default(RNNLOSS_F32);
  if (validation->stated || verdict->judge.tolerance.dtype != RNNLOSS_F64 || verdict->dtype != RNNLOSS_F64) return;
  if (verdict->misshapen) return;
  if (verdict->claim) {
    rnn_judge_scalar(&judge, &narrow, verdict->x, verdict->canonical);
    if (rnn_judge_verdict(&judge) == RNN_FAIL) return;
  } else {
    if (!(verdict->judge.absolute.value <= 8 * narrow.rtol * verdict->judge.largest_y)) return;
    error = rnn_judge_distance(&verdict->judge); /* what fits a whole gradient better does so by no chance */
  }
  const struct candidate candidate = {
      .id = "f32-input",
      .title = "Right within the tolerance of F32: these numbers seem to have been computed in F32",
      .relation = "numbers in nested arrays count as F64",
      .fix = "state \"tolerance\": {\"dtype\": \"F32\"}, or send F32 tensors as objects with \"dtype\": \"F32\"",
      .value = verdict->claim ? verdict->canonical : 1};
  diagnosis_list(verdict, &candidate, error);
}

/* ---- one term ---- */

static enum rnn_scope scope_of(const struct verdict *verdict) {
  return verdict->unweighted ? RNN_UNWEIGHTED : RNN_LOSSES;
}

static void try_singles(const struct validation *validation, struct verdict *verdict) {
  const rnnloss_term term = (rnnloss_term)verdict->term;
  for (size_t i = 0; i < rnn_deviation_count; i++) {
    struct rnn_recipe recipe = {{0}};
    if (!rnn_recipe_add(&recipe, &rnn_deviations[i], term, scope_of(verdict))) continue;
    const double value = rnn_recipe_value(validation->moments, term, &recipe, verdict->unweighted);
    struct candidate candidate = of_deviation(&rnn_deviations[i], value);
    candidate.profiles = rnn_profiles_with(term, &recipe);
    try(verdict, &candidate);
  }
}

static void try_pair(const struct validation *validation, struct verdict *verdict, const struct rnn_deviation *a,
                     const struct rnn_deviation *b) {
  const rnnloss_term term = (rnnloss_term)verdict->term;
  struct rnn_recipe recipe = {{0}};
  if (a->alone || b->alone || !rnn_recipe_add(&recipe, a, term, scope_of(verdict)) ||
      !rnn_recipe_add(&recipe, b, term, scope_of(verdict))) {
    return;
  }
  struct candidate candidate =
      of_deviation(a, rnn_recipe_value(validation->moments, term, &recipe, verdict->unweighted));
  if (!rnn_judge_fits(&verdict->judge.tolerance, verdict->x, candidate.value)) return;
  candidate_add(&candidate, validation->request->arena, b->id, b->title, b->relation, b->fix);
  candidate.profiles = rnn_profiles_with(term, &recipe);
  try(verdict, &candidate);
}

static void try_pairs(const struct validation *validation, struct verdict *verdict) {
  for (size_t i = 0; i < rnn_deviation_count; i++) {
    for (size_t j = i + 1; j < rnn_deviation_count; j++) {
      try_pair(validation, verdict, &rnn_deviations[i], &rnn_deviations[j]);
    }
  }
}

static void diagnose_term(const struct validation *validation, struct verdict *verdict) {
  try_singles(validation, verdict);
  if (!verdict->findings && !is_coarse(verdict)) try_pairs(validation, verdict);
}

/* ---- the total ---- */

static unsigned active_terms(const struct validation *validation) {
  return validation->result->values->active;
}

static double total_of(const struct validation *validation, const struct rnn_recipe *recipes, unsigned terms) {
  return rnn_recipe_total(validation->moments, terms, recipes, validation->result->values->term_loss);
}

/* The same in every term. */
static void try_everywhere(const struct validation *validation, struct verdict *verdict) {
  for (size_t i = 0; i < rnn_deviation_count; i++) {
    const struct rnn_deviation *deviation = &rnn_deviations[i];
    struct rnn_recipe recipes[RNNLOSS_TERMS] = {{{0}}};
    if (deviation->terms != (1u << RNNLOSS_TERMS) - 1) continue;
    bool fits = true;
    for (int k = 0; k < RNNLOSS_TERMS; k++)
      fits = fits && rnn_recipe_add(&recipes[k], deviation, (rnnloss_term)k, RNN_LOSSES);
    if (!fits) continue;
    const struct candidate candidate = of_deviation(deviation, total_of(validation, recipes, active_terms(validation)));
    try(verdict, &candidate);
  }
}

/* "fr:mean-rate-squared": in one term only. */
static void try_in_term(const struct validation *validation, struct verdict *verdict, rnnloss_term term) {
  const unsigned active = active_terms(validation), own = 1u << term;
  const bool only = active == own;
  for (size_t i = 0; i < rnn_deviation_count; i++) {
    const struct rnn_deviation *deviation = &rnn_deviations[i];
    struct rnn_recipe recipes[RNNLOSS_TERMS] = {{{0}}};
    const bool everywhere = deviation->terms == (1u << RNNLOSS_TERMS) - 1,
               absent = deviation->terms == own && !(active & own);
    if ((only && everywhere) || (!(active & own) && !(absent && deviation->alone))) continue;
    if (!rnn_recipe_add(&recipes[term], deviation, term, RNN_LOSSES)) continue;
    struct candidate candidate = of_deviation(deviation, total_of(validation, recipes, active | own));
    if (!absent) snprintf(candidate.id, sizeof candidate.id, "%s:%s", rnnloss_term_describe(term)->name, deviation->id);
    try(verdict, &candidate);
  }
}

/* With lambda_mse as sent, and with the 1 that these packages have by default. */
static void try_profile(const struct validation *validation, struct verdict *verdict,
                        const struct rnn_profile *profile) {
  struct rnn_recipe recipes[RNNLOSS_TERMS] = {{{0}}};
  const unsigned active = active_terms(validation);
  bool differs = false;
  for (int k = 0; k < RNNLOSS_TERMS; k++)
    differs = (rnn_profile_recipe(profile, (rnnloss_term)k, &recipes[k]) && (active >> k & 1)) || differs;
  if (!differs) return;
  for (unsigned with_mse = 0; with_mse < 2; with_mse++) {
    if (with_mse && !rnn_recipe_add(&recipes[RNNLOSS_MSE], &rnn_deviations[0], RNNLOSS_MSE, RNN_LOSSES)) return;
    struct candidate candidate = {.title = profile->title, .relation = profile->relation, .fix = profile->fix};
    candidate.value = total_of(validation, recipes, active | with_mse << RNNLOSS_MSE);
    snprintf(candidate.id, sizeof candidate.id, "%s%s", profile->id, with_mse ? "+mse-weight-one" : "");
    try(verdict, &candidate);
  }
}

static void diagnose_loss(const struct validation *validation, struct verdict *verdict) {
  try_everywhere(validation, verdict);
  for (int k = 0; k < RNNLOSS_TERMS; k++) try_in_term(validation, verdict, (rnnloss_term)k);
  for (size_t i = 0; i < rnn_profile_count; i++) try_profile(validation, verdict, &rnn_profiles[i]);
}

/* One claim a slice. */
enum step diagnose_step(struct validation *validation) {
  while (validation->at < validation->count) {
    struct verdict *verdict = &validation->verdict[validation->at];
    if (verdict->verdict == RNN_FAIL && !verdict->claim) {
      const enum step step = diagnose_gradient(validation, verdict);
      if (step != STEP_DONE) return step;
    } else if (verdict->verdict == RNN_FAIL) {
      (verdict->term < 0 ? diagnose_loss : diagnose_term)(validation, verdict);
    }
    if (verdict->verdict == RNN_FAIL) try_f32_input(validation, verdict);
    validation->at++;
    return STEP_MORE;
  }
  return STEP_DONE;
}
