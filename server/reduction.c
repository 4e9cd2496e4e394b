/* reduction.c - tensors -> statistics, while the data arrives where that is possible, else afterwards
 *
 * A tensor is either kept (its gradient, or something still unknown, needs its data) and reduced from
 * the store, or it passes by and only its sums remain. pred and target are reduced in pairs.
 */
#include <string.h>

#include "server.h"

#define BINS_WORTH 1024 /* elements below which sums are quicker without bins */

static unsigned bit(rnnloss_tensor t) {
  return 1u << t;
}

static bool is_pair(rnnloss_tensor t) {
  return t == RNNLOSS_PRED || t == RNNLOSS_TARGET;
}

static rnnloss_tensor partner(rnnloss_tensor t) {
  return t == RNNLOSS_PRED ? RNNLOSS_TARGET : RNNLOSS_PRED;
}

static bool needs_rates(const struct request *request) {
  return request_active(request, RNNLOSS_FR_SD) || request_active(request, RNNLOSS_FR_CV);
}

/* Only the affine map's linear part a x needs the data again. */
static bool gradient_reads(const struct request *request, rnnloss_tensor t) {
  unsigned wrt = request_wrt(request);
  if (is_pair(t)) return request_active(request, RNNLOSS_MSE) && (wrt & (bit(RNNLOSS_PRED) | bit(RNNLOSS_TARGET)));
  if (t == RNNLOSS_RATE && !request_active(request, RNNLOSS_FR)) return false;
  return (wrt & request_used(request) & bit(t)) != 0;
}

bool evaluate_keeps(const struct request *request, rnnloss_tensor t) {
  const struct tensor *tensor = &request->tensor[t];
  if (request->keep_all || !request->options_final || tensor->loose || !tensor->has_dtype) return true;
  if (!(request_used(request) & bit(t))) return false;
  if (gradient_reads(request, t)) return true;
  if (is_pair(t)) return !request->tensor[partner(t)].complete || request->tensor[partner(t)].loose;
  return t == RNNLOSS_RATE && needs_rates(request) && !tensor->has_shape;
}

bool evaluate_prepare(struct request *request) {
  if (request->evaluation) return true;
  struct evaluation *evaluation = arena_allocate(request->arena, sizeof *evaluation);
  if (!evaluation) return problem_out_of_memory(request->problem);
  memset(evaluation, 0, offsetof(struct evaluation, square));
  evaluation->settled = (struct store){.arena = request->arena};
  request->evaluation = evaluation;
  return true;
}

static bool need_bins(struct request *request, size_t elements) {
  struct evaluation *evaluation = request->evaluation;
  if (evaluation->bins || elements < BINS_WORTH) return true;
  void *memory = arena_allocate(request->arena, rnnloss_bins_size());
  if (!memory) return problem_out_of_memory(request->problem);
  evaluation->bins = rnnloss_bins_begin(memory, rnnloss_bins_size());
  return true;
}

static rnnloss_square *square_of(struct evaluation *evaluation, rnnloss_term term) {
  if (!evaluation->begun[term]) rnnloss_square_begin(&evaluation->square[term]);
  evaluation->begun[term] = true;
  return &evaluation->square[term];
}

static bool need_rates(struct request *request) {
  struct evaluation *evaluation = request->evaluation;
  const struct tensor *fr = &request->tensor[RNNLOSS_RATE];
  if (evaluation->rates_begun) return true;
  size_t neurons = (size_t)fr->shape[fr->rank - 1], size = rnnloss_rates_size(fr->dtype, neurons);
  void *memory = size ? arena_allocate(request->arena, size) : NULL;
  if (!memory) return problem_out_of_memory(request->problem);
  evaluation->rates_begun = true;
  return rnnloss_rates_begin(&evaluation->rates, fr->dtype, neurons, memory, size) == RNNLOSS_OK ||
         problem_set(request->problem, PROBLEM_INTERNAL, "", "the firing-rate sums could not be begun");
}

/* Remembers the first element of a span that is not finite; whether that is an error is known at the end. */
static void note_nonfinite(struct request *request, rnnloss_tensor t, const void *x, size_t elements) {
  struct evaluation *evaluation = request->evaluation;
  if (evaluation->nonfinite[t]) return;
  size_t index = rnnloss_find_nonfinite(request->tensor[t].dtype, x, elements);
  if (index < elements) evaluation->nonfinite[t] = evaluation->reduced[t] + index + 1;
}

static uint64_t nonfinites(const rnnloss_nonfinite *count) {
  return count->nan + count->positive + count->negative;
}

static rnnloss_status reduce_weights(struct evaluation *evaluation, rnnloss_term term, rnnloss_dtype dtype,
                                     const void *x, size_t elements, bool *all_finite) {
  rnnloss_square *square = square_of(evaluation, term);
  uint64_t before = nonfinites(&square->nonfinite);
  rnnloss_status status = rnnloss_square_add(square, evaluation->bins, dtype, x, elements);
  *all_finite = nonfinites(&square->nonfinite) == before;
  return status;
}

static rnnloss_status reduce_rates(struct request *request, const void *x, size_t elements, bool *all_finite) {
  struct evaluation *evaluation = request->evaluation;
  rnnloss_dtype dtype = request->tensor[RNNLOSS_RATE].dtype;
  rnnloss_square *square = request_active(request, RNNLOSS_FR) ? square_of(evaluation, RNNLOSS_FR) : NULL;
  uint64_t before = nonfinites(&evaluation->rates.nonfinite);
  rnnloss_status status = rnnloss_rates_add(&evaluation->rates, square, evaluation->bins, dtype, x, elements);
  *all_finite = nonfinites(&evaluation->rates.nonfinite) == before;
  return status;
}

/* Reduces elements at x, the next ones of a tensor that has no partner. */
static bool reduce_alone(struct request *request, rnnloss_tensor t, const void *x, size_t elements) {
  struct evaluation *evaluation = request->evaluation;
  rnnloss_dtype dtype = request->tensor[t].dtype;
  static const rnnloss_term terms[RNNLOSS_TENSORS] = {[RNNLOSS_RATE] = RNNLOSS_FR,
                                                      [RNNLOSS_W_IN] = RNNLOSS_IN,
                                                      [RNNLOSS_W_HID] = RNNLOSS_HID,
                                                      [RNNLOSS_W_OUT] = RNNLOSS_OUT};
  bool all_finite = false;
  rnnloss_status status = RNNLOSS_OK;
  if (!need_bins(request, elements)) return false;
  if (t == RNNLOSS_RATE && needs_rates(request)) {
    if (!need_rates(request)) return false;
    status = reduce_rates(request, x, elements, &all_finite);
  } else if (request_used(request) & bit(t)) {
    status = reduce_weights(evaluation, terms[t], dtype, x, elements, &all_finite);
  }
  if (status != RNNLOSS_OK) return problem_set(request->problem, PROBLEM_INTERNAL, "", "%s", rnnloss_strerror(status));
  if (!all_finite) note_nonfinite(request, t, x, elements);
  evaluation->reduced[t] += elements;
  return true;
}

static bool reduce_pair(struct request *request, const void *pred, const void *target, size_t elements) {
  struct evaluation *evaluation = request->evaluation;
  const struct tensor *p = &request->tensor[RNNLOSS_PRED], *t = &request->tensor[RNNLOSS_TARGET];
  if (!need_bins(request, elements)) return false;
  rnnloss_square *square = square_of(evaluation, RNNLOSS_MSE);
  uint64_t before = nonfinites(&square->nonfinite);
  rnnloss_status status =
      rnnloss_square_add_difference(square, evaluation->bins, p->dtype, pred, t->dtype, target, elements);
  if (status != RNNLOSS_OK) return problem_set(request->problem, PROBLEM_INTERNAL, "", "%s", rnnloss_strerror(status));
  if (nonfinites(&square->nonfinite) != before) {
    note_nonfinite(request, RNNLOSS_PRED, pred, elements);
    note_nonfinite(request, RNNLOSS_TARGET, target, elements);
  }
  evaluation->reduced[RNNLOSS_PRED] += elements;
  evaluation->reduced[RNNLOSS_TARGET] += elements;
  return true;
}

/* Whole elements of a kept tensor that are side by side and not reduced yet. */
static size_t pending(struct request *request, rnnloss_tensor t, const void **x) {
  struct evaluation *evaluation = request->evaluation;
  const struct tensor *tensor = &request->tensor[t];
  const unsigned char *bytes = NULL;
  if (!evaluation->cursor[t].block) evaluation->cursor[t] = store_start(&tensor->store);
  size_t elements = cursor_span(&evaluation->cursor[t], STORE_BLOCK, &bytes) / tensor_element_size(tensor);
  *x = bytes;
  return elements;
}

static void advance(struct request *request, rnnloss_tensor t, size_t elements) {
  cursor_advance(&request->evaluation->cursor[t], elements * tensor_element_size(&request->tensor[t]));
}

static bool step_pair(struct request *request) {
  const void *pred, *target;
  size_t elements = pending(request, RNNLOSS_PRED, &pred), others = pending(request, RNNLOSS_TARGET, &target);
  if (others < elements) elements = others;
  if (!elements) return true;
  if (!reduce_pair(request, pred, target, elements)) return false;
  advance(request, RNNLOSS_PRED, elements);
  advance(request, RNNLOSS_TARGET, elements);
  return true;
}

static bool works_in_pairs(const struct request *request, rnnloss_tensor t) {
  return is_pair(t) && request_active(request, RNNLOSS_MSE);
}

static bool can_reduce(const struct request *request, rnnloss_tensor t) {
  const struct tensor *tensor = &request->tensor[t];
  if (!request->options_final || tensor->loose || !tensor->has_dtype) return false;
  if (t == RNNLOSS_RATE && needs_rates(request)) return tensor->has_shape;
  return true;
}

bool evaluate_kept(struct request *request, rnnloss_tensor t) {
  if (!can_reduce(request, t)) return true;
  if (!evaluate_prepare(request)) return false;
  if (works_in_pairs(request, t)) return !can_reduce(request, partner(t)) || step_pair(request);
  const void *x;
  size_t elements = pending(request, t, &x);
  if (!elements) return true;
  if (!reduce_alone(request, t, x, elements)) return false;
  advance(request, t, elements);
  return true;
}

/* t passes by; its partner, complete by now, is kept. */
static bool pass_pair(struct request *request, rnnloss_tensor t, const unsigned char *x, size_t elements) {
  while (elements) {
    const void *other;
    size_t count = pending(request, partner(t), &other);
    if (count > elements) count = elements;
    if (!count) return true; /* more than its partner has: the shapes disagree, which is said at the end */
    bool is_pred = t == RNNLOSS_PRED;
    if (!reduce_pair(request, is_pred ? x : other, is_pred ? other : x, count)) return false;
    advance(request, partner(t), count);
    x += count * tensor_element_size(&request->tensor[t]);
    elements -= count;
  }
  return true;
}

bool evaluate_passing(struct request *request, rnnloss_tensor t, const void *x, size_t elements) {
  if (!evaluate_prepare(request)) return false;
  return works_in_pairs(request, t) ? pass_pair(request, t, x, elements) : reduce_alone(request, t, x, elements);
}
