/* diagnose_gradient.c - which other gradients a claimed one is
 *
 * Guesses that no element of a small sample contradicts are made and judged element by element, as the right gradient
 * was; first of the tensor as it is, then, of a square matrix, of its transpose.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "validate.h"

#define SLICE_NEURONS ((size_t)2048)
#define SLICE_ELEMENTS ((size_t)4096)
#define SLICE_GUESSES 256
#define SLICE_PROBES 64

static const struct tensor *own_tensor(const struct validation *validation, const struct verdict *verdict) {
  const rnnloss_tensor t = verdict->gradient.tensor;
  return &validation->request->tensor[t == RNNLOSS_TARGET ? RNNLOSS_PRED : t];
}

/* pred and target go together. */
static bool is_pair(const struct verdict *verdict) {
  return verdict->gradient.tensor <= RNNLOSS_TARGET;
}

static const struct tensor *target_of(const struct validation *validation) {
  return &validation->request->tensor[RNNLOSS_TARGET];
}

/* The terms whose gradient it is claimed to be: mse may be taken for active when it isn't. */
static unsigned terms_of(const struct validation *validation, const struct verdict *verdict) {
  const unsigned mse = is_pair(verdict) ? 1u << RNNLOSS_MSE : 0;
  return verdict->term < 0 ? validation->result->values->active | mse : 1u << verdict->term;
}

/* By the usual tolerance of the dtype, however strict that of the claim is. */
static struct rnn_tolerance trial_tolerance(const struct verdict *verdict) {
  struct rnn_tolerance tolerance = rnn_tolerance_default(verdict->judge.tolerance.dtype);
  tolerance.relative_atol = true;
  return tolerance;
}

/* ---- the start ---- */

static void begin_search(struct validation *validation, const struct verdict *verdict, bool transposed) {
  struct diagnosis *diagnosis = &validation->diagnosis;
  diagnosis->guesser = (struct rnn_guesser){.moments = validation->moments,
                                            .tensor = verdict->gradient.tensor,
                                            .terms = terms_of(validation, verdict),
                                            .scale = rnn_judge_scale(&verdict->judge),
                                            .coarse = is_coarse(verdict),
                                            .transposed = transposed,
                                            .misshapen = verdict->misshapen};
  rnn_probe_choose(&diagnosis->probe, verdict->claimed->elements, &verdict->judge);
  diagnosis->probed = 0;
  diagnosis->phase = transposed ? DIAGNOSE_COLUMNS : DIAGNOSE_PROBE;
}

static enum step begin(struct validation *validation, struct verdict *verdict) {
  if (verdict->judge.nonfinite) return STEP_DONE; /* no other definition has such elements */
  if (!(verdict->judge.largest_x > 0)) {
    const struct rnn_deviation *zero = &rnn_guess_zero;
    struct candidate candidate = {.value = 0};
    candidate_add(&candidate, validation->request->arena, zero->id, zero->title, zero->relation, zero->fix);
    diagnosis_list(verdict, &candidate, 0);
    return STEP_DONE;
  }
  begin_search(validation, verdict, verdict->misshapen);
  return STEP_MORE;
}

/* ---- a few elements ---- */

static const unsigned char *element_at(struct cursor *cursor, uint64_t skipped, size_t width) {
  static const unsigned char none[8];
  const unsigned char *bytes = none;
  cursor_skip(cursor, skipped * width);
  return cursor_span(cursor, width, &bytes) == width ? bytes : none;
}

static void probe_one(struct validation *validation, const struct verdict *verdict, size_t at) {
  struct diagnosis *diagnosis = &validation->diagnosis;
  const struct tensor *own = own_tensor(validation, verdict), *target = target_of(validation);
  const uint64_t index = diagnosis->probe.element[at].index;
  const size_t width = rnnloss_dtype_size(verdict->dtype), own_width = rnnloss_dtype_size(own->dtype);
  unsigned char transposed[8];
  if (at == 0 || index < validation->position) {
    validation->position = 0;
    validation->cursor = store_start(&verdict->claimed->store);
    validation->x = store_start(&own->store);
    validation->y = store_start(&target->store);
  }
  const uint64_t skipped = index - validation->position;
  const unsigned char *claimed = element_at(&validation->cursor, skipped, width);
  const unsigned char *x = element_at(&validation->x, skipped, own_width);
  const unsigned char *t =
      is_pair(verdict) ? element_at(&validation->y, skipped, rnnloss_dtype_size(target->dtype)) : NULL;
  if (diagnosis->guesser.transposed) columns_read(&validation->columns, index, 1, transposed);
  rnn_probe_set(&diagnosis->probe, at, verdict->dtype, claimed, own->dtype,
                diagnosis->guesser.transposed ? transposed : x, target->dtype, t, x);
  validation->position = index;
}

static void probe(struct validation *validation, const struct verdict *verdict) {
  struct diagnosis *diagnosis = &validation->diagnosis;
  for (int i = 0; i < SLICE_PROBES && diagnosis->probed < diagnosis->probe.count; i++)
    probe_one(validation, verdict, diagnosis->probed++);
  if (diagnosis->probed < diagnosis->probe.count) return;
  if (diagnosis->guesser.transposed && !verdict->misshapen)
    diagnosis->guesser.scale = rnn_guess_scale_of(&diagnosis->guesser, &diagnosis->probe);
  validation->position = 0;
  diagnosis->phase = DIAGNOSE_SEARCH;
}

/* ---- the guesses ---- */

static bool may_be_transposed(const struct validation *validation, const struct verdict *verdict) {
  const struct tensor *own = own_tensor(validation, verdict);
  return !validation->diagnosis.guesser.transposed && verdict->gradient.tensor >= RNNLOSS_W_IN &&
         own->shape[0] == own->shape[1] && !verdict->findings;
}

static enum step search(struct validation *validation, struct verdict *verdict) {
  struct diagnosis *diagnosis = &validation->diagnosis;
  const struct rnn_tolerance tolerance = trial_tolerance(verdict);
  for (int i = 0; i < SLICE_GUESSES; i++) {
    switch (rnn_guess_next(&diagnosis->guesser, verdict->findings > 0, &diagnosis->guess)) {
    case RNN_GUESSED:
      if (!rnn_guess_fits(&diagnosis->guesser, &diagnosis->guess, &diagnosis->probe, &tolerance,
                          verdict->judge.largest_x))
        break;
      rnn_judge_begin(&diagnosis->trial, &tolerance);
      diagnosis->neuron = 0;
      diagnosis->phase = DIAGNOSE_ROWS;
      return STEP_MORE;
    case RNN_GUESSED_NOTHING:
      break;
    default:
      if (!may_be_transposed(validation, verdict)) return STEP_DONE;
      begin_search(validation, verdict, true);
      return STEP_MORE;
    }
  }
  return STEP_MORE;
}

/* What is the same for all elements of a neuron. */
static enum step make_rows(struct validation *validation, const struct verdict *verdict) {
  struct diagnosis *diagnosis = &validation->diagnosis;
  const size_t neurons = (size_t)validation->moments->neurons;
  if (verdict->gradient.tensor != RNNLOSS_RATE) {
    diagnosis->phase = DIAGNOSE_WALK;
    return STEP_MORE;
  }
  if (!diagnosis->rows) diagnosis->rows = arena_allocate(validation->request->arena, neurons * sizeof(struct rnn_row));
  if (!diagnosis->rows) {
    problem_out_of_memory(validation->request->problem);
    return STEP_FAILED;
  }
  size_t count = neurons - (size_t)diagnosis->neuron;
  if (count > SLICE_NEURONS) count = SLICE_NEURONS;
  rnn_slope_rows(validation->moments, &diagnosis->guess.slope, diagnosis->neuron, count,
                 diagnosis->rows + diagnosis->neuron);
  diagnosis->neuron += count;
  if (diagnosis->neuron == neurons) diagnosis->phase = DIAGNOSE_WALK;
  return STEP_MORE;
}

static size_t elements_at(struct cursor *cursor, rnnloss_dtype dtype, size_t most, const unsigned char **bytes) {
  const size_t width = rnnloss_dtype_size(dtype);
  return cursor_span(cursor, most * width, bytes) / width;
}

/* The next elements of the claim, and of the tensors that the guess is made of, side by side. */
static size_t compare_guess(struct validation *validation, const struct verdict *verdict) {
  struct diagnosis *diagnosis = &validation->diagnosis;
  const struct tensor *own = own_tensor(validation, verdict), *target = target_of(validation);
  const unsigned char *claimed = NULL, *x = NULL, *t = NULL;
  unsigned char transposed[SLICE_ELEMENTS * sizeof(double)];
  double z[SLICE_ELEMENTS];
  size_t count = elements_at(&validation->cursor, verdict->dtype, SLICE_ELEMENTS, &claimed);
  if (diagnosis->guesser.transposed) {
    columns_read(&validation->columns, validation->position, count, transposed);
    x = transposed;
  } else {
    count = elements_at(&validation->x, own->dtype, count, &x);
    if (is_pair(verdict)) count = elements_at(&validation->y, target->dtype, count, &t);
    cursor_advance(&validation->x, count * rnnloss_dtype_size(own->dtype));
    if (is_pair(verdict)) cursor_advance(&validation->y, count * rnnloss_dtype_size(target->dtype));
  }
  rnn_slope_values(validation->moments, &diagnosis->guess.slope,
                   verdict->gradient.tensor == RNNLOSS_RATE ? diagnosis->rows : NULL, validation->position, count,
                   own->dtype, x, target->dtype, t, z);
  (validation->pass ? rnn_judge_compare : rnn_judge_scan)(&diagnosis->trial, count, verdict->dtype, claimed,
                                                          RNNLOSS_F64, z);
  cursor_advance(&validation->cursor, count * rnnloss_dtype_size(verdict->dtype));
  return count;
}

/* Two passes over all elements; an element too far off ends it. */
static enum step walk(struct validation *validation, const struct verdict *verdict) {
  struct rnn_judge *trial = &validation->diagnosis.trial;
  if (validation->position == 0) {
    validation->cursor = store_start(&verdict->claimed->store);
    validation->x = store_start(&own_tensor(validation, verdict)->store);
    validation->y = store_start(&target_of(validation)->store);
  }
  const size_t count = compare_guess(validation, verdict);
  validation->position += count;
  if (count && !trial->mismatched && validation->position < verdict->claimed->elements) return STEP_MORE;
  validation->position = 0;
  if (validation->pass++ == 0) {
    rnn_judge_scanned(trial);
    return STEP_MORE;
  }
  validation->pass = 0;
  return STEP_DONE;
}

/* ---- what it is, in words ---- */

/* Of a definition of the loss, rather than one of the gradient. */
static void add_deviation(struct candidate *candidate, struct arena *arena, const struct rnn_deviation *deviation,
                          int term) {
  struct text id = {.arena = arena}, relation = {.arena = arena};
  if (term >= 0) {
    text_string(&id, rnnloss_term_describe((rnnloss_term)term)->name);
    text_string(&id, ":");
  }
  text_string(&id, deviation->id);
  text_bytes(&id, "", 1);
  text_string(&relation, deviation->scope == RNN_GRADIENTS ? "" : "of the loss: ");
  text_string(&relation, deviation->relation);
  text_bytes(&relation, "", 1);
  const bool failed = id.failed || relation.failed;
  candidate_add(candidate, arena, failed ? deviation->id : id.bytes, deviation->title,
                failed ? deviation->relation : relation.bytes, deviation->fix);
}

static void list_guess(const struct validation *validation, struct verdict *verdict) {
  const struct diagnosis *diagnosis = &validation->diagnosis;
  const struct rnn_guess *guess = &diagnosis->guess;
  const double scale = diagnosis->guesser.scale;
  struct arena *arena = validation->request->arena;
  struct candidate candidate = {.value = scale, .profiles = guess->profiles};
  if (diagnosis->guesser.transposed) add_deviation(&candidate, arena, &rnn_guess_transposed, -1);
  for (int i = 0; i < 2 && guess->deviation[i]; i++) {
    const bool last = i == 1 || !guess->deviation[1];
    add_deviation(&candidate, arena, guess->deviation[i], last ? guess->term : -1);
  }
  if (guess->profile)
    candidate_add(&candidate, arena, guess->profile->id, guess->profile->title, guess->profile->relation,
                  guess->profile->fix);
  if (guess->scaled) {
    struct rnn_deviation named = rnn_guess_scale;
    const char *name = rnn_scale_name(validation->moments, verdict->gradient.tensor, scale,
                                      8 * rnn_tolerance_default(diagnosis->trial.tolerance.dtype).rtol);
    if (!name && verdict->claimed->elements == 1) return; /* any number is some multiple of another one */
    if (name) named.relation = name;
    add_deviation(&candidate, arena, &named, -1);
  }
  diagnosis_list(verdict, &candidate, rnn_judge_distance(&diagnosis->trial));
}

enum step diagnose_gradient(struct validation *validation, struct verdict *verdict) {
  struct diagnosis *diagnosis = &validation->diagnosis;
  enum step step = STEP_MORE;
  switch (diagnosis->phase) {
  case DIAGNOSE_BEGIN:
    return begin(validation, verdict);
  case DIAGNOSE_COLUMNS:
    step = columns_make(&validation->columns, validation->request, own_tensor(validation, verdict));
    if (step == STEP_DONE) diagnosis->phase = DIAGNOSE_PROBE;
    return step == STEP_FAILED ? step : STEP_MORE;
  case DIAGNOSE_PROBE:
    probe(validation, verdict);
    return STEP_MORE;
  case DIAGNOSE_SEARCH:
    step = search(validation, verdict);
    if (step == STEP_DONE) diagnosis->phase = DIAGNOSE_BEGIN;
    return step;
  case DIAGNOSE_ROWS:
    return make_rows(validation, verdict);
  default:
    step = walk(validation, verdict);
    if (step != STEP_DONE) return step;
    if (rnn_judge_verdict(&diagnosis->trial) == RNN_PASS) list_guess(validation, verdict);
    diagnosis->phase = DIAGNOSE_SEARCH;
    return STEP_MORE;
  }
}
