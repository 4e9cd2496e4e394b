/* diagnose_gradient.c - which other gradients a claimed one is
 *
 * Each guess is a map of its own, made and judged element by element as the right gradient was.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "validate.h"

#define SLICE_NEURONS ((size_t)8192)
#define SLICE_GUESS ((size_t)4096)
#define SLICE_TRANSPOSED ((size_t)4096)

static rnnloss_term square_of(rnnloss_tensor t) {
  static const rnnloss_term squares[RNNLOSS_TENSORS] = {RNNLOSS_MSE, RNNLOSS_MSE, RNNLOSS_FR,
                                                        RNNLOSS_IN,  RNNLOSS_HID, RNNLOSS_OUT};
  return squares[t];
}

/* The terms whose gradient it is claimed to be. */
static unsigned terms_of(const struct validation *validation, const struct verdict *verdict) {
  return verdict->term < 0 ? validation->result->values->active : 1u << verdict->term;
}

/* By the usual tolerance of the dtype, however strict that of the claim is. */
static void begin_trial(struct verdict *trial, const struct verdict *verdict) {
  *trial = *verdict;
  struct rnn_tolerance tolerance = rnn_tolerance_default(verdict->judge.tolerance.dtype);
  tolerance.relative_atol = true;
  rnn_judge_begin(&trial->judge, &tolerance);
}

/* The map that the guess stands for; its offsets follow. */
static bool begin_guess(struct validation *validation, const struct verdict *verdict) {
  const rnnloss_tensor t = verdict->gradient.tensor;
  const double scale = rnn_judge_scale(&verdict->judge);
  struct rnn_slope *slope = &validation->slope;
  if (!rnn_guess_slope(validation->moments, (enum rnn_guess_kind)validation->guess, square_of(t),
                       terms_of(validation, verdict), scale, slope)) {
    return false;
  }
  if (t == RNNLOSS_TARGET) *slope = (struct rnn_slope){.a = -slope->a, .q = -slope->q};
  begin_trial(&validation->trial, verdict);
  validation->neuron = 0;
  return true;
}

/* c[n], then d[n] of all neurons. */
static enum step make_offsets(struct validation *validation) {
  const struct rnn_moments *moments = validation->moments;
  const size_t neurons = (size_t)moments->neurons;
  if (validation->trial.gradient.tensor != RNNLOSS_RATE) return STEP_DONE;
  if (!validation->offsets)
    validation->offsets = arena_allocate(validation->request->arena, 2 * neurons * sizeof(double));
  if (!validation->offsets) {
    problem_out_of_memory(validation->request->problem);
    return STEP_FAILED;
  }
  size_t count = neurons - (size_t)validation->neuron;
  if (count > SLICE_NEURONS) count = SLICE_NEURONS;
  double *c = validation->offsets + validation->neuron;
  rnn_slope_offsets(moments, &validation->slope, validation->neuron, count, c, c + neurons);
  validation->neuron += count;
  return validation->neuron < neurons ? STEP_MORE : STEP_DONE;
}

static size_t elements_at(struct cursor *cursor, rnnloss_dtype dtype, size_t most, const unsigned char **bytes) {
  const size_t width = rnnloss_dtype_size(dtype);
  return cursor_span(cursor, most * width, bytes) / width;
}

/* The next elements of the claim, and of the tensors that the guess is made of, side by side. */
static size_t compare_guess(struct validation *validation, struct verdict *trial) {
  const struct request *request = validation->request;
  const bool pair = trial->gradient.tensor <= RNNLOSS_TARGET, rates = trial->gradient.tensor == RNNLOSS_RATE;
  const struct tensor *own = &request->tensor[pair ? RNNLOSS_PRED : trial->gradient.tensor];
  const struct tensor *target = &request->tensor[RNNLOSS_TARGET];
  const unsigned char *claimed = NULL, *x = NULL, *t = NULL;
  double z[SLICE_GUESS];
  size_t count = elements_at(&validation->cursor, trial->dtype, SLICE_GUESS, &claimed);
  count = elements_at(&validation->x, own->dtype, count, &x);
  if (pair) count = elements_at(&validation->y, target->dtype, count, &t);
  const uint64_t neurons = validation->moments->neurons;
  rnn_slope_values(&validation->slope, rates ? validation->offsets : NULL, rates ? validation->offsets + neurons : NULL,
                   neurons, validation->position, count, own->dtype, x, target->dtype, t, z);
  (validation->pass ? rnn_judge_compare : rnn_judge_scan)(&trial->judge, count, trial->dtype, claimed, RNNLOSS_F64, z);
  cursor_advance(&validation->cursor, count * rnnloss_dtype_size(trial->dtype));
  cursor_advance(&validation->x, count * rnnloss_dtype_size(own->dtype));
  if (pair) cursor_advance(&validation->y, count * rnnloss_dtype_size(target->dtype));
  return count;
}

/* After a slice of so many elements: is it the end of the second pass? */
static enum step end_slice(struct validation *validation, struct verdict *trial, size_t count) {
  validation->position += count;
  if (count && validation->position < trial->claimed->elements) return STEP_MORE;
  validation->position = 0;
  if (validation->pass++ == 0) {
    rnn_judge_scanned(&trial->judge);
    return STEP_MORE;
  }
  validation->pass = 0;
  return STEP_DONE;
}

static enum step judge_guess(struct validation *validation) {
  const struct tensor *tensor = validation->request->tensor;
  struct verdict *trial = &validation->trial;
  if (validation->position == 0) {
    const rnnloss_tensor own = trial->gradient.tensor;
    validation->cursor = store_start(&trial->claimed->store);
    validation->x = store_start(&tensor[own == RNNLOSS_TARGET ? RNNLOSS_PRED : own].store);
    validation->y = store_start(&tensor[RNNLOSS_TARGET].store);
  }
  return end_slice(validation, trial, compare_guess(validation, trial));
}

static struct candidate candidate_of(const struct rnn_guess *guess, double scale) {
  struct candidate candidate = {.title = guess->title, .relation = guess->relation, .fix = guess->fix, .value = scale};
  snprintf(candidate.id, sizeof candidate.id, "%s", guess->id);
  return candidate;
}

/* A constant factor is of no interest beside a guess that says where it comes from. */
static void list_guess(const struct validation *validation, struct verdict *verdict) {
  const double scale = rnn_judge_scale(&verdict->judge);
  const struct verdict *trial = &validation->trial;
  struct candidate candidate = candidate_of(&rnn_guesses[validation->guess], scale);
  if (validation->guess == RNN_GUESS_SCALE) {
    if (verdict->findings) return;
    const char *name = rnn_scale_name(validation->moments, square_of(verdict->gradient.tensor), scale,
                                      8 * rnn_tolerance_default(trial->judge.tolerance.dtype).rtol);
    if (name) candidate.relation = name;
  }
  diagnosis_list(verdict, &candidate,
                 trial->judge.largest_y > 0 ? trial->judge.absolute.value / trial->judge.largest_y : 0);
}

static enum step try_guess(struct validation *validation, struct verdict *verdict) {
  enum step step = STEP_DONE;
  switch (validation->trying) {
  case GUESS_NEXT:
    if (begin_guess(validation, verdict))
      validation->trying = GUESS_OFFSETS;
    else
      validation->guess++;
    return STEP_MORE;
  case GUESS_OFFSETS:
    step = make_offsets(validation);
    if (step == STEP_DONE) validation->trying = GUESS_JUDGE;
    return step == STEP_FAILED ? step : STEP_MORE;
  default:
    step = judge_guess(validation);
    if (step != STEP_DONE) return step;
    if (rnn_judge_verdict(&validation->trial.judge) == RNN_PASS) list_guess(validation, verdict);
    validation->trying = GUESS_NEXT;
    validation->guess++;
    return STEP_MORE;
  }
}

/* ---- the transpose of a square matrix, read by columns ---- */

static bool can_be_transposed(const struct validation *validation, const struct verdict *verdict) {
  const struct tensor *tensor = &validation->request->tensor[verdict->gradient.tensor];
  return verdict->gradient.tensor >= RNNLOSS_W_IN && tensor->shape[0] == tensor->shape[1] &&
         verdict->gradient.affine.scaled && !verdict->findings;
}

/* A cursor at the beginning of each row. */
static bool begin_columns(struct validation *validation, const struct tensor *tensor) {
  const size_t rows = (size_t)tensor->shape[0], bytes = rows * rnnloss_dtype_size(tensor->dtype);
  struct cursor at = store_start(&tensor->store);
  if (!validation->rows) validation->rows = arena_allocate(validation->request->arena, rows * sizeof at);
  if (!validation->rows) return problem_out_of_memory(validation->request->problem);
  for (size_t i = 0; i < rows; i++) {
    const unsigned char *unused;
    validation->rows[i] = at;
    for (size_t left = bytes, piece; left && (piece = cursor_span(&at, left, &unused)) > 0; left -= piece)
      cursor_advance(&at, piece);
  }
  return true;
}

/* The next elements of the transpose, side by side. */
static void gather(struct validation *validation, const struct tensor *tensor, size_t count, unsigned char *out) {
  const size_t width = rnnloss_dtype_size(tensor->dtype), columns = (size_t)tensor->shape[0];
  size_t row = (size_t)(validation->position % columns);
  for (size_t i = 0; i < count; i++) {
    const unsigned char *element = NULL;
    if (cursor_span(&validation->rows[row], width, &element) == width) memcpy(out + i * width, element, width);
    cursor_advance(&validation->rows[row], width);
    if (++row == columns) row = 0;
  }
}

static enum step judge_transposed(struct validation *validation, const struct verdict *verdict) {
  unsigned char w[SLICE_TRANSPOSED * sizeof(double)] = {0}, y[SLICE_TRANSPOSED * sizeof(double)];
  struct verdict *trial = &validation->trial;
  const struct tensor *tensor = &validation->request->tensor[verdict->gradient.tensor];
  const size_t width = rnnloss_dtype_size(verdict->dtype);
  const unsigned char *x = NULL;
  if (validation->position == 0) {
    if (validation->pass == 0) begin_trial(trial, verdict);
    if (!begin_columns(validation, tensor)) return STEP_FAILED;
    validation->cursor = store_start(&verdict->claimed->store);
  }
  const size_t count = cursor_span(&validation->cursor, SLICE_TRANSPOSED * width, &x) / width;
  gather(validation, tensor, count, w);
  rnnloss_gradient(&verdict->gradient.affine, 0, count, tensor->dtype, w, verdict->gradient.dtype, y);
  (validation->pass ? rnn_judge_compare : rnn_judge_scan)(&trial->judge, count, verdict->dtype, x,
                                                          verdict->gradient.dtype, y);
  cursor_advance(&validation->cursor, count * width);
  return end_slice(validation, trial, count);
}

static enum step try_transposed(struct validation *validation, struct verdict *verdict) {
  if (validation->trying == GUESS_NEXT && !can_be_transposed(validation, verdict)) return STEP_DONE;
  validation->trying = GUESS_JUDGE;
  const enum step step = judge_transposed(validation, verdict);
  if (step != STEP_DONE) return step;
  validation->trying = GUESS_NEXT;
  validation->rows = NULL;
  const struct candidate candidate = candidate_of(&rnn_guess_transposed, 1);
  if (rnn_judge_verdict(&validation->trial.judge) == RNN_PASS) diagnosis_list(verdict, &candidate, 0);
  return STEP_DONE;
}

enum step diagnose_gradient(struct validation *validation, struct verdict *verdict) {
  if (validation->guess == 0 && !(verdict->judge.largest_x > 0) && !verdict->judge.nonfinite) {
    const struct candidate candidate = candidate_of(&rnn_guess_zero, 0);
    diagnosis_list(verdict, &candidate, 0);
    return STEP_DONE;
  }
  if (validation->guess < RNN_GUESSES) return try_guess(validation, verdict);
  const enum step step = try_transposed(validation, verdict);
  if (step == STEP_DONE) validation->guess = 0;
  return step;
}
