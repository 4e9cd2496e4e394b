/* moments.c - the sums that diagnoses need, from the kept tensors; nothing is summed unless a claim fails */
#include <string.h>

#include "validate.h"

#define SLICE_ELEMENTS ((size_t)8192)
#define SLICE_NEURONS ((size_t)2048)

static const struct tensor *tensor_of(const struct validation *validation, int t) {
  return &validation->request->tensor[t];
}

static uint64_t unit(const struct tensor *tensor) {
  return tensor->shape[tensor->rank - 1];
}

/* Batch, time and units: the last axis is the unit, the one before it time, all before that the batch. */
static void set_axes(struct rnn_moments *moments, const struct tensor *tensor, int t) {
  uint64_t *axes = moments->axes[t];
  axes[2] = unit(tensor);
  axes[1] = tensor->rank > 1 ? tensor->shape[tensor->rank - 2] : 0;
  axes[0] = tensor->rank > 2 ? 1 : 0;
  for (unsigned i = 0; i + 2 < tensor->rank; i++) axes[0] *= tensor->shape[i];
}

/* N_in, N_hid and N_out, as far as the shapes tell: a weight matrix may be given either way round. */
static void set_sizes(struct rnn_moments *moments, const struct request *request) {
  const struct tensor *tensor = request->tensor;
  const struct tensor *in = &tensor[RNNLOSS_W_IN], *out = &tensor[RNNLOSS_W_OUT];
  const struct tensor *pair = tensor[RNNLOSS_PRED].present ? &tensor[RNNLOSS_PRED] : &tensor[RNNLOSS_TARGET];
  uint64_t hidden = 0, outputs = pair->present ? unit(pair) : 0;
  if (tensor[RNNLOSS_RATE].present) hidden = unit(&tensor[RNNLOSS_RATE]);
  if (tensor[RNNLOSS_W_HID].present) hidden = unit(&tensor[RNNLOSS_W_HID]);
  if (!hidden && out->present) hidden = outputs ? out->elements / outputs : out->shape[1];
  if (!hidden && in->present) hidden = in->shape[0];
  if (!outputs && hidden && out->present) outputs = out->elements / hidden;
  moments->hidden = hidden;
  moments->outputs = outputs;
  moments->inputs = hidden && in->present ? in->elements / hidden : 0;
}

static bool begin(struct validation *validation) {
  struct request *request = validation->request;
  const struct tensor *fr = tensor_of(validation, RNNLOSS_RATE);
  const uint64_t neurons = fr->present ? unit(fr) : 0,
                 cells = fr->present && fr->rank > 1 && fr->shape[0] > 1 ? fr->elements / fr->shape[0] : 0;
  const size_t size = rnn_moments_size(neurons, cells);
  struct rnn_moments *moments = arena_allocate(request->arena, sizeof *moments);
  void *memory = size ? arena_allocate(request->arena, size) : NULL;
  if (!moments || (size && !memory)) return problem_out_of_memory(request->problem);
  rnn_moments_begin(moments, memory, neurons, cells);
  memcpy(moments->lambda, request->options.lambda, sizeof moments->lambda);
  for (int t = 0; t <= RNNLOSS_RATE; t++) {
    if (request->tensor[t].present) set_axes(moments, &request->tensor[t], t);
  }
  set_sizes(moments, request);
  validation->moments = moments;
  validation->tensor = 0;
  return true;
}

static bool is_wanted(const struct validation *validation, int t) {
  const struct request *request = validation->request;
  if (t == RNNLOSS_TARGET) return false; /* it goes with pred */
  if (t == RNNLOSS_PRED && !request->tensor[RNNLOSS_TARGET].present) return false;
  return request->tensor[t].present;
}

static size_t take(struct cursor *cursor, const struct tensor *tensor, size_t most, const unsigned char **bytes) {
  const size_t width = rnnloss_dtype_size(tensor->dtype);
  return cursor_span(cursor, most * width, bytes) / width;
}

static void skip(struct cursor *cursor, const struct tensor *tensor, size_t count) {
  cursor_advance(cursor, count * rnnloss_dtype_size(tensor->dtype));
}

/* The next elements of a tensor; false at its end. */
static bool add(struct validation *validation, int t) {
  static const rnnloss_term terms[RNNLOSS_TENSORS] = {
      [RNNLOSS_W_IN] = RNNLOSS_IN, [RNNLOSS_W_HID] = RNNLOSS_HID, [RNNLOSS_W_OUT] = RNNLOSS_OUT};
  const struct tensor *tensor = tensor_of(validation, t), *target = tensor_of(validation, RNNLOSS_TARGET);
  const unsigned char *x = NULL, *y = NULL;
  size_t count = take(&validation->x, tensor, SLICE_ELEMENTS, &x);
  if (t == RNNLOSS_PRED) count = take(&validation->y, target, count, &y);
  if (!count) return false;
  if (t == RNNLOSS_PRED) {
    rnn_moments_pair(validation->moments, count, tensor->dtype, x, target->dtype, y);
    skip(&validation->y, target, count);
  } else if (t == RNNLOSS_RATE) {
    rnn_moments_rates(validation->moments, count, tensor->dtype, x);
  } else {
    rnn_moments_weights(validation->moments, terms[t], count, tensor->dtype, x);
  }
  skip(&validation->x, tensor, count);
  validation->position += count;
  return true;
}

static bool any_fails(const struct validation *validation) {
  for (size_t i = 0; i < validation->count; i++) {
    if (validation->verdict[i].verdict == RNN_FAIL) return true;
  }
  return false;
}

enum step moments_step(struct validation *validation) {
  if (!any_fails(validation)) return STEP_DONE;
  if (!validation->moments && !begin(validation)) return STEP_FAILED;
  while (validation->tensor < RNNLOSS_TENSORS) {
    const int t = validation->tensor;
    if (is_wanted(validation, t)) {
      if (validation->position == 0) {
        validation->x = store_start(&tensor_of(validation, t)->store);
        validation->y = store_start(&tensor_of(validation, RNNLOSS_TARGET)->store);
      }
      if (add(validation, t)) return STEP_MORE;
    }
    validation->position = 0;
    validation->tensor++;
  }
  return rnn_moments_close(validation->moments, SLICE_NEURONS) ? STEP_DONE : STEP_MORE;
}
