/* request.c - the one request type: what was asked, and whether it makes sense as a whole */
#include <stdio.h>
#include <string.h>

#include "server.h"

void request_begin(struct request *request, struct arena *arena, struct problem *problem, uint64_t max_neurons) {
  *request = (struct request){.arena = arena, .problem = problem, .max_neurons = max_neurons};
  for (int t = 0; t < RNNLOSS_TENSORS; t++) request->tensor[t].store.arena = arena;
}

void request_release(struct request *request) {
  for (int t = 0; t < RNNLOSS_TENSORS; t++) store_release(&request->tensor[t].store);
  evaluate_release(request);
}

unsigned request_present(const struct request *request) {
  unsigned present = 0;
  for (int t = 0; t < RNNLOSS_TENSORS; t++) present |= (unsigned)request->tensor[t].present << t;
  return present;
}

bool request_active(const struct request *request, rnnloss_term k) {
  return (request->options.active >> k & 1) != 0;
}

unsigned request_used(const struct request *request) {
  return request->options.used;
}

unsigned request_wrt(const struct request *request) {
  if (request->options.gradients == GRADIENTS_NONE) return 0;
  if (request->options.has_wrt) return request->options.wrt;
  return request_used(request) & ~(1u << RNNLOSS_TARGET);
}

static bool check_missing(struct request *request) {
  unsigned present = request_present(request);
  if (!(request_used(request) & ~present)) return true;
  for (int k = 0; k < RNNLOSS_TERMS; k++) {
    const rnnloss_term_info *info = rnnloss_term_describe((rnnloss_term)k);
    unsigned missing = info->tensors & ~present;
    if (!request_active(request, (rnnloss_term)k) || !missing) continue;
    int t = __builtin_ctz(missing);
    char pointer[POINTER_MAX];
    return problem_set(request->problem, PROBLEM_MISSING_TENSOR, tensor_pointer(NULL, (rnnloss_tensor)t, "", pointer),
                       "%s > 0 needs the tensor %s, which was not sent", info->lambda_key,
                       tensor_name((rnnloss_tensor)t));
  }
  return true;
}

static bool check_wrt(struct request *request) {
  unsigned absent = request->options.wrt & ~request_present(request);
  if (!request->options.has_wrt || !absent) return true;
  return problem_set(request->problem, PROBLEM_INVALID_REQUEST, "/wrt", "wrt names %s, which was not sent",
                     tensor_name((rnnloss_tensor)__builtin_ctz(absent)));
}

static bool check_complete(struct request *request) {
  for (int t = 0; t < RNNLOSS_TENSORS; t++) {
    const struct tensor *tensor = &request->tensor[t];
    if (tensor->present && !tensor->complete)
      return problem_set(request->problem, PROBLEM_INTERNAL, "", "a tensor has no end");
  }
  return true;
}

bool request_check(struct request *request) {
  return check_complete(request) && shapes_check(request) && check_missing(request) && check_wrt(request);
}
