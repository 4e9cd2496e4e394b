/* evaluate.c - request -> result, in slices that other connections don't notice */
#include <float.h>
#include <math.h>
#include <stdio.h>

#include "server.h"

#define SLICE_WORK (512 * 1024) /* bytes' worth of work in one slice: well below 2 ms */
#define SLICE_NEURONS ((size_t)1024)

const char *const warning_names[WARNINGS] = {"negative-mean-rate", "underflow"};

void evaluate_release(struct request *request) {
  if (request->evaluation) store_release(&request->evaluation->settled);
}

static uint64_t elements_of(const struct tensor *tensor) {
  return tensor->present ? tensor->elements : 0;
}

/* The first tensor that isn't a loose one: RNNLOSS_TENSORS if there is none. */
static enum step do_settle(struct request *request) {
  for (int t = 0; t < RNNLOSS_TENSORS; t++) {
    if (request->tensor[t].loose) return settle_step(request, (rnnloss_tensor)t) ? STEP_MORE : STEP_FAILED;
  }
  return STEP_DONE;
}

static enum step do_reduce(struct request *request) {
  struct evaluation *evaluation = request->evaluation;
  for (int t = 0; t < RNNLOSS_TENSORS; t++) {
    uint64_t before = evaluation->reduced[t];
    if (before == elements_of(&request->tensor[t])) continue;
    if (!evaluate_kept(request, (rnnloss_tensor)t)) return STEP_FAILED;
    if (evaluation->reduced[t] == before) {
      problem_set(request->problem, PROBLEM_INTERNAL, "", "the reduction of %s stands still",
                  tensor_name((rnnloss_tensor)t));
      return STEP_FAILED;
    }
    evaluation->work += (unsigned)((evaluation->reduced[t] - before) * 8);
    return STEP_MORE;
  }
  return STEP_DONE;
}

/* "[3, 4, 1]" or, for JSON pointers, "/3/4/1". */
static void index_text(const struct tensor *tensor, uint64_t index, bool pointer, char *out, size_t size) {
  uint64_t at[RANK_MAX];
  for (unsigned i = tensor->rank; i-- > 0; index /= tensor->shape[i]) at[i] = index % tensor->shape[i];
  size_t used = pointer ? 0 : (size_t)snprintf(out, size, "[");
  for (unsigned i = 0; i < tensor->rank && used < size; i++) {
    used += (size_t)snprintf(out + used, size - used, "%s%llu",
                             pointer ? "/"
                             : i     ? ", "
                                     : "",
                             (unsigned long long)at[i]);
  }
  if (!pointer && used < size) snprintf(out + used, size - used, "]");
}

static bool nonfinite_problem(struct request *request, rnnloss_tensor t, uint64_t index) {
  const struct tensor *tensor = &request->tensor[t];
  char where[200], pointer[2 * POINTER_MAX], base[POINTER_MAX], member[40] = "";
  index_text(tensor, index, false, where, sizeof where);
  if (tensor->form == FORM_DATA) snprintf(member, sizeof member, "/data/%llu", (unsigned long long)index);
  tensor_pointer(tensor, t, member, base);
  snprintf(pointer, sizeof pointer, "%s", base);
  if (tensor->form == FORM_NESTED) {
    char path[160];
    index_text(tensor, index, true, path, sizeof path);
    snprintf(pointer, sizeof pointer, "%s%s", base, path);
  }
  return problem_set(request->problem, PROBLEM_NON_FINITE, pointer,
                     "%s%s is not finite; with nonfinite=propagate it would be taken", tensor_name(t), where);
}

static bool check_finite(struct request *request) {
  for (int t = 0; t < RNNLOSS_TENSORS && !request->options.propagate; t++) {
    uint64_t nonfinite = request->evaluation->nonfinite[t];
    if (nonfinite) return nonfinite_problem(request, (rnnloss_tensor)t, nonfinite - 1);
  }
  return true;
}

/* What the library says of a problem that it can't evaluate, in the words of the request. */
static bool terms_problem(struct request *request, rnnloss_status status, rnnloss_term culprit) {
  bool total = culprit >= RNNLOSS_TERMS;
  const char *name = total ? "the total loss" : rnnloss_term_describe(culprit)->name;
  const char *pointer = total ? "/lambdas" : option_pointer((int)culprit);
  if (status == RNNLOSS_E_UNDEFINED) {
    return problem_set(request->problem, PROBLEM_UNDEFINED, pointer,
                       "fr_cv is undefined: the mean firing rate is exactly 0");
  }
  if (status == RNNLOSS_E_OVERFLOW) {
    return problem_set(request->problem, PROBLEM_OVERFLOW, pointer,
                       "%s (or its unweighted value) is beyond the largest double", name);
  }
  return problem_set(request->problem, PROBLEM_INTERNAL, pointer, "%s: %s", name, rnnloss_strerror(status));
}

static enum step do_begin(struct request *request) {
  struct evaluation *evaluation = request->evaluation;
  rnnloss_problem problem = {.rates = evaluation->rates_begun ? &evaluation->rates : NULL};
  if (!check_finite(request)) return STEP_FAILED;
  for (int k = 0; k < RNNLOSS_TERMS; k++) problem.lambda[k] = request->options.lambda[k];
  for (int k = 0; k < RNNLOSS_MEAN_SQUARES; k++) {
    if (!evaluation->begun[k]) continue;
    if (evaluation->bins) rnnloss_square_settle(&evaluation->square[k], evaluation->bins);
    problem.square[k] = &evaluation->square[k];
  }
  void *memory = arena_allocate(request->arena, rnnloss_terms_size());
  if (!memory) return problem_out_of_memory(request->problem) ? STEP_DONE : STEP_FAILED;
  rnnloss_term culprit = RNNLOSS_MSE;
  rnnloss_status status = rnnloss_terms_begin(memory, rnnloss_terms_size(), &problem, &evaluation->terms, &culprit);
  if (status == RNNLOSS_OK) return STEP_DONE;
  terms_problem(request, status, culprit);
  return STEP_FAILED;
}

static enum step do_terms(struct request *request) {
  struct evaluation *evaluation = request->evaluation;
  rnnloss_term culprit = RNNLOSS_MSE;
  rnnloss_status status = rnnloss_terms_step(evaluation->terms, SLICE_NEURONS, &culprit);
  evaluation->work += evaluation->rates_begun ? SLICE_WORK / 4 : 0;
  if (status == RNNLOSS_MORE) return STEP_MORE;
  if (status == RNNLOSS_OK) return STEP_DONE;
  terms_problem(request, status, culprit);
  return STEP_FAILED;
}

static bool need_offsets(struct request *request, unsigned needed) {
  struct evaluation *evaluation = request->evaluation;
  for (int i = 0; i < 3; i++) {
    if (!(needed & 1u << i) || evaluation->offsets[i]) continue;
    evaluation->offsets[i] = arena_allocate(request->arena, evaluation->rates.neurons * sizeof(double));
    if (!evaluation->offsets[i]) return problem_out_of_memory(request->problem);
  }
  return true;
}

/* c[n] of the next neurons, into the i-th array. */
static bool fill_offsets(struct request *request, int i, size_t count) {
  struct evaluation *evaluation = request->evaluation;
  double *c = evaluation->offsets[i] + evaluation->offset;
  rnnloss_status status = rnnloss_terms_offsets(evaluation->terms, i != 2, i != 1, evaluation->offset, count, c);
  if (status == RNNLOSS_E_OVERFLOW) {
    return problem_set(request->problem, PROBLEM_OVERFLOW, "/lambdas",
                       "a coefficient of the gradient of fr is beyond the largest double");
  }
  if (status != RNNLOSS_OK) return problem_set(request->problem, PROBLEM_INTERNAL, "", "%s", rnnloss_strerror(status));
  /* Some c[n] is negative unless all are zero: if all have underflowed, a -0 is left to tell. */
  for (size_t n = 0; n < count; n++) {
    double magnitude = c[n] == 0 && signbit(c[n]) ? DBL_TRUE_MIN : fabs(c[n]);
    evaluation->largest[i] = fmax(evaluation->largest[i], magnitude);
  }
  return true;
}

static enum step do_offsets(struct request *request) {
  struct evaluation *evaluation = request->evaluation;
  unsigned needed = gradients_offsets(request);
  if (!needed) return STEP_DONE;
  size_t count = evaluation->rates.neurons - evaluation->offset;
  if (count > SLICE_NEURONS) count = SLICE_NEURONS;
  if (!need_offsets(request, needed)) return STEP_FAILED;
  for (int i = 0; i < 3; i++) {
    if ((needed & 1u << i) && !fill_offsets(request, i, count)) return STEP_FAILED;
  }
  evaluation->offset += count;
  evaluation->work += (unsigned)count * 256;
  return evaluation->offset < evaluation->rates.neurons ? STEP_MORE : STEP_DONE;
}

static enum step do_phase(struct request *request) {
  switch (request->evaluation->phase) {
  case EVALUATE_SETTLE:
    return do_settle(request);
  case EVALUATE_REDUCE:
    return do_reduce(request);
  case EVALUATE_BEGIN:
    return do_begin(request);
  case EVALUATE_TERMS:
    return do_terms(request);
  case EVALUATE_OFFSETS:
    return do_offsets(request);
  default:
    return STEP_DONE;
  }
}

static bool make_result(struct request *request, struct result *result) {
  const rnnloss_values *values = rnnloss_terms_values(request->evaluation->terms);
  *result = (struct result){.request = request, .values = values};
  result->unused = request_present(request) & ~request_used(request);
  result->has_gradients = request->options.gradients != GRADIENTS_NONE;
  if (values->negative_mean) result->warnings |= 1u << WARNING_NEGATIVE_MEAN_RATE;
  return gradients_list(request, result);
}

enum step evaluate_step(struct request *request, struct result *result) {
  request->options_final = true;
  if (!evaluate_prepare(request)) return STEP_FAILED;
  struct evaluation *evaluation = request->evaluation;
  evaluation->work = 0;
  while (evaluation->phase != EVALUATE_READY) {
    enum step step = do_phase(request);
    if (step == STEP_FAILED) return STEP_FAILED;
    if (step == STEP_DONE) evaluation->phase++;
    if (evaluation->work >= SLICE_WORK) return STEP_MORE;
  }
  return make_result(request, result) ? STEP_DONE : STEP_FAILED;
}
