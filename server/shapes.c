/* shapes.c - do the tensors of a request fit together?
 *
 * Weight matrices may be given either way round, so the number of hidden units is found as the one
 * that every tensor can have: each narrows down the candidates of those before.
 */
#include <stdio.h>
#include <string.h>

#include "server.h"

/* What a tensor says of N_hid: up to two values that it could be. */
struct candidates {
  uint64_t value[2];
  unsigned count;
};

static uint64_t unit(const struct tensor *tensor) {
  return tensor->shape[tensor->rank - 1];
}

static bool mismatch(struct request *request, rnnloss_tensor t, rnnloss_tensor other, const char *rule) {
  char pointer[POINTER_MAX], shape[200], other_shape[200];
  const struct tensor *tensor = &request->tensor[t];
  tensor_shape_text(tensor, shape, sizeof shape);
  tensor_shape_text(&request->tensor[other], other_shape, sizeof other_shape);
  return problem_set(request->problem, PROBLEM_SHAPE_MISMATCH, tensor_pointer(tensor, t, "/shape", pointer),
                     "%s %s and %s %s: %s", tensor_name(t), shape, tensor_name(other), other_shape, rule);
}

static bool check_pair(struct request *request) {
  const struct tensor *pred = &request->tensor[RNNLOSS_PRED], *target = &request->tensor[RNNLOSS_TARGET];
  if (!pred->present || !target->present) return true;
  if (pred->rank == target->rank && memcmp(pred->shape, target->shape, pred->rank * sizeof *pred->shape) == 0)
    return true;
  return mismatch(request, RNNLOSS_TARGET, RNNLOSS_PRED, "pred and target must have the same shape");
}

/* The hidden axis of w_out, given N_out where it is known. */
static struct candidates hidden_of_w_out(const struct request *request) {
  const struct tensor *w = &request->tensor[RNNLOSS_W_OUT];
  const struct tensor *pred = &request->tensor[RNNLOSS_PRED], *target = &request->tensor[RNNLOSS_TARGET];
  if (!pred->present && !target->present) return (struct candidates){{w->shape[0], w->shape[1]}, 2};
  uint64_t outputs = unit(pred->present ? pred : target);
  struct candidates hidden = {{0, 0}, 0};
  if (w->shape[0] == outputs) hidden.value[hidden.count++] = w->shape[1];
  if (w->shape[1] == outputs) hidden.value[hidden.count++] = w->shape[0];
  return hidden;
}

static struct candidates hidden_of(const struct request *request, rnnloss_tensor t) {
  const struct tensor *tensor = &request->tensor[t];
  if (t == RNNLOSS_RATE || t == RNNLOSS_W_HID) return (struct candidates){{unit(tensor), 0}, 1};
  if (t == RNNLOSS_W_IN) return (struct candidates){{tensor->shape[0], tensor->shape[1]}, 2};
  return hidden_of_w_out(request);
}

static struct candidates common(struct candidates a, struct candidates b) {
  struct candidates both = {{0, 0}, 0};
  for (unsigned i = 0; i < a.count; i++) {
    for (unsigned j = 0; j < b.count && both.count < 2; j++) {
      if (a.value[i] == b.value[j]) both.value[both.count++] = a.value[i];
    }
  }
  return both;
}

static bool check_hidden(struct request *request) {
  static const rnnloss_tensor order[] = {RNNLOSS_RATE, RNNLOSS_W_HID, RNNLOSS_W_IN, RNNLOSS_W_OUT};
  struct candidates hidden = {{0, 0}, 0};
  int first = -1;
  for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
    rnnloss_tensor t = order[i];
    if (!request->tensor[t].present) continue;
    struct candidates own = hidden_of(request, t);
    if (own.count == 0) {
      bool pred = request->tensor[RNNLOSS_PRED].present;
      return mismatch(request, t, pred ? RNNLOSS_PRED : RNNLOSS_TARGET,
                      "one axis of w_out must be N_out, the last axis of pred and target");
    }
    hidden = first < 0 ? own : common(hidden, own);
    if (hidden.count == 0) {
      return mismatch(request, t, (rnnloss_tensor)first, "the number of hidden units N_hid must be the same");
    }
    if (first < 0) first = (int)t;
  }
  return true;
}

static bool check_square(struct request *request) {
  const struct tensor *w = &request->tensor[RNNLOSS_W_HID];
  char pointer[POINTER_MAX], shape[200];
  if (!w->present || w->shape[0] == w->shape[1]) return true;
  tensor_shape_text(w, shape, sizeof shape);
  return problem_set(request->problem, PROBLEM_SHAPE_MISMATCH, tensor_pointer(w, RNNLOSS_W_HID, "/shape", pointer),
                     "w_hid %s: the hidden weights must be square, [N_hid, N_hid]", shape);
}

bool shapes_check(struct request *request) {
  return check_pair(request) && check_square(request) && check_hidden(request);
}
