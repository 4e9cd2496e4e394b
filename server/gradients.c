/* gradients.c - which gradients an answer has, and the affine map that makes each */
#include <math.h>

#include "server.h"

#define GRADIENTS_MAX (RNNLOSS_TENSORS * (1 + RNNLOSS_TERMS))

enum { OFFSETS_TOTAL, OFFSETS_SD, OFFSETS_CV };

static unsigned bit(rnnloss_tensor t) {
  return 1u << t;
}

/* With one of the two terms only, its offsets are those of the total: they are made once. */
static int offsets_of_total(const struct request *request) {
  bool sd = request_active(request, RNNLOSS_FR_SD), cv = request_active(request, RNNLOSS_FR_CV);
  return sd && cv ? OFFSETS_TOTAL : sd ? OFFSETS_SD : cv ? OFFSETS_CV : -1;
}

unsigned gradients_offsets(const struct request *request) {
  int total = offsets_of_total(request);
  if (total < 0 || !(request_wrt(request) & bit(RNNLOSS_RATE))) return 0;
  unsigned needed = 1u << total;
  if (request->options.gradients == GRADIENTS_PER_TERM) {
    if (request_active(request, RNNLOSS_FR_SD)) needed |= 1u << OFFSETS_SD;
    if (request_active(request, RNNLOSS_FR_CV)) needed |= 1u << OFFSETS_CV;
  }
  return needed;
}

/* A coefficient, not zero before it was rounded, below the smallest normal number of the gradient's dtype:
 * elements will be lost. */
static bool underflows(rnnloss_dtype dtype, double magnitude) {
  static const double smallest[RNNLOSS_DTYPES] = {
      [RNNLOSS_F16] = 0x1p-14, [RNNLOSS_BF16] = 0x1p-126, [RNNLOSS_F32] = 0x1p-126, [RNNLOSS_F64] = 0x1p-1022};
  return magnitude < smallest[dtype];
}

static bool add_scale(struct request *request, struct result *result, struct gradient *gradient, rnnloss_term term) {
  double a = result->values->scale[term];
  if (isinf(a)) {
    return problem_set(request->problem, PROBLEM_OVERFLOW, option_pointer((int)term),
                       "the coefficient 2*lambda/count of the gradient of %s is beyond the largest double",
                       rnnloss_term_describe(term)->name);
  }
  gradient->affine.scaled = true;
  gradient->affine.a = a;
  if (underflows(gradient->dtype, a)) result->warnings |= 1u << WARNING_UNDERFLOW;
  return true;
}

static void add_offsets(struct request *request, struct result *result, struct gradient *gradient, int which) {
  const struct evaluation *evaluation = request->evaluation;
  gradient->affine.c = evaluation->offsets[which];
  gradient->affine.neurons = evaluation->rates.neurons;
  double largest = evaluation->largest[which];
  if (largest > 0 && underflows(gradient->dtype, largest)) result->warnings |= 1u << WARNING_UNDERFLOW;
}

/* The gradient of the terms in the mask (all active ones, or one of them) with respect to tensor t. */
static bool add_gradient(struct request *request, struct result *result, rnnloss_tensor t, int term) {
  static const rnnloss_term squares[RNNLOSS_TENSORS] = {RNNLOSS_MSE, RNNLOSS_MSE, RNNLOSS_FR,
                                                        RNNLOSS_IN,  RNNLOSS_HID, RNNLOSS_OUT};
  struct gradient *gradient = &result->gradients[result->gradient_count++];
  const struct options *options = &request->options;
  rnnloss_term square = squares[t];
  *gradient = (struct gradient){.tensor = t, .term = term};
  gradient->dtype = options->has_gradient_dtype ? options->gradient_dtype : request->tensor[t].dtype;
  if (request_active(request, square) && (term < 0 || term == (int)square)) {
    gradient->difference = square == RNNLOSS_MSE;
    if (!add_scale(request, result, gradient, square)) return false;
  }
  if (t != RNNLOSS_RATE) return true;
  int offsets = term < 0                     ? offsets_of_total(request)
                : term == (int)RNNLOSS_FR_SD ? OFFSETS_SD
                : term == (int)RNNLOSS_FR_CV ? OFFSETS_CV
                                             : -1;
  if (offsets >= 0) add_offsets(request, result, gradient, offsets);
  return true;
}

static bool add_gradients(struct request *request, struct result *result, unsigned tensors, int term) {
  for (int t = 0; t < RNNLOSS_TENSORS; t++) {
    if ((tensors & 1u << t) && !add_gradient(request, result, (rnnloss_tensor)t, term)) return false;
  }
  return true;
}

bool gradients_list(struct request *request, struct result *result) {
  unsigned wrt = request_wrt(request);
  if (!wrt) return true;
  result->gradients = arena_allocate(request->arena, GRADIENTS_MAX * sizeof *result->gradients);
  if (!result->gradients) return problem_out_of_memory(request->problem);
  if (!add_gradients(request, result, wrt, -1)) return false;
  if (request->options.gradients != GRADIENTS_PER_TERM) return true;
  for (int k = 0; k < RNNLOSS_TERMS; k++) {
    unsigned tensors = wrt & rnnloss_term_describe((rnnloss_term)k)->tensors;
    if (request_active(request, (rnnloss_term)k) && !add_gradients(request, result, tensors, k)) return false;
  }
  return true;
}
