/* verdict.c - each claim beside the right value: what can be judged, by which tolerance, and how it turns out */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "validate.h"

#define SLICE_ELEMENTS ((size_t)4096)

/* ---- what is claimed ---- */

static const rnnloss_term_info *info_of(int term) {
  return rnnloss_term_describe((rnnloss_term)term);
}

static void add_scalar(struct validation *validation, const struct claim_scalar *claim, int term, bool unweighted) {
  if (!claim->given) return;
  struct verdict *verdict = &validation->verdict[validation->count++];
  *verdict = (struct verdict){.term = term, .claim = claim, .unweighted = unweighted, .dtype = claim->dtype};
  verdict->x = rnnloss_load(claim->dtype, claim->bytes);
  snprintf(verdict->path, sizeof verdict->path, "%s", claim->path);
}

static void add_gradients(struct validation *validation, int term) {
  struct request *claimed = validation->request->claims->gradients[term + 1];
  for (int t = 0; claimed && t < RNNLOSS_TENSORS; t++) {
    if (!claimed->tensor[t].present) continue;
    struct verdict *verdict = &validation->verdict[validation->count++];
    *verdict = (struct verdict){.term = term, .claimed = &claimed->tensor[t], .dtype = claimed->tensor[t].dtype};
    verdict->own = &validation->request->tensor[t];
    verdict->gradient = (struct gradient){.tensor = (rnnloss_tensor)t, .term = term};
    snprintf(verdict->path, sizeof verdict->path, "%s%s%sgradients.%s", term < 0 ? "" : "terms.",
             term < 0 ? "" : info_of(term)->name, term < 0 ? "" : ".", tensor_name((rnnloss_tensor)t));
  }
}

static void list_claims(struct validation *validation) {
  const struct claims *claims = validation->request->claims;
  add_scalar(validation, &claims->loss, -1, false);
  for (int k = 0; k < RNNLOSS_TERMS; k++) {
    add_scalar(validation, &claims->term_loss[k], k, false);
    add_scalar(validation, &claims->unweighted[k], k, true);
  }
  for (int term = -1; term < RNNLOSS_TERMS; term++) add_gradients(validation, term);
}

/* A gradient has the shape of its tensor, which must be there; or else of the tensor's transpose. */
static bool check_gradient(struct request *request, struct verdict *verdict) {
  const rnnloss_tensor t = verdict->gradient.tensor;
  const struct tensor *own = &request->tensor[t], *claimed = verdict->claimed;
  char own_shape[200], claimed_shape[200];
  if (verdict->term >= 0 && !(info_of(verdict->term)->tensors >> t & 1))
    return claim_invalid(request, verdict->path, "the term %s has no gradient with respect to %s",
                         info_of(verdict->term)->name, tensor_name(t));
  if (!own->present) return claim_invalid(request, verdict->path, "the tensor %s was not sent", tensor_name(t));
  if (own->rank == claimed->rank && memcmp(own->shape, claimed->shape, own->rank * sizeof *own->shape) == 0)
    return true;
  verdict->misshapen = t >= RNNLOSS_W_IN && is_transposed_shape(claimed, own);
  if (verdict->misshapen) return true;
  tensor_shape_text(own, own_shape, sizeof own_shape);
  tensor_shape_text(claimed, claimed_shape, sizeof claimed_shape);
  return claim_invalid(request, verdict->path, "its shape is %s, but that of %s is %s", claimed_shape, tensor_name(t),
                       own_shape);
}

const char *verdict_misshapen(void) {
  return "its shape is not that of the tensor but of the tensor's transpose: it fails, whatever its elements are; "
         "these "
         "are compared with the transpose of the right gradient";
}

/* What the claims are about decides which gradients are evaluated, whatever the request says. */
static void choose_gradients(struct validation *validation) {
  struct options *options = &validation->request->options;
  options->gradients = GRADIENTS_NONE;
  options->has_wrt = true;
  options->wrt = 0;
  for (size_t i = 0; i < validation->count; i++) {
    const struct verdict *verdict = &validation->verdict[i];
    if (verdict->claim) continue;
    options->wrt |= 1u << verdict->gradient.tensor;
    if (verdict->term >= 0) options->gradients = GRADIENTS_PER_TERM;
    if (options->gradients == GRADIENTS_NONE) options->gradients = GRADIENTS_TOTAL;
  }
}

/* ---- by which tolerance ---- */

static bool check_tolerance(struct request *request) {
  if (!option_is_given(request, OPTION_ULPS)) return true;
  if (!option_is_given(request, OPTION_RTOL) && !option_is_given(request, OPTION_ATOL)) return true;
  return problem_set(request->problem, PROBLEM_INVALID_REQUEST, "/tolerance",
                     "a tolerance is given either in ulps, or by rtol and atol");
}

static rnnloss_dtype looser(rnnloss_dtype a, rnnloss_dtype b) {
  static const int order[RNNLOSS_DTYPES] = {
      [RNNLOSS_BF16] = 0, [RNNLOSS_F16] = 1, [RNNLOSS_F32] = 2, [RNNLOSS_F64] = 3};
  return order[a] < order[b] ? a : b;
}

/* The tensors that a claim depends on. */
static unsigned depends_on(const struct request *request, const struct verdict *verdict) {
  const unsigned pair = 1u << RNNLOSS_PRED | 1u << RNNLOSS_TARGET;
  unsigned tensors = verdict->term < 0 ? request_used(request) : info_of(verdict->term)->tensors;
  if (!verdict->claim) {
    const unsigned own = 1u << verdict->gradient.tensor;
    tensors &= own & pair ? pair : own;
  }
  return tensors & request_present(request);
}

static struct rnn_tolerance tolerance_of(const struct request *request, rnnloss_dtype dtype, bool gradient) {
  const struct options *options = &request->options;
  struct rnn_tolerance tolerance = rnn_tolerance_default(dtype);
  const bool atol = option_is_given(request, OPTION_ATOL);
  if (option_is_given(request, OPTION_RTOL)) tolerance.rtol = options->rtol;
  if (atol) tolerance.atol = options->atol;
  tolerance.by_ulps = option_is_given(request, OPTION_ULPS);
  tolerance.ulps = options->ulps;
  tolerance.relative_atol = gradient && !atol;
  return tolerance;
}

static void choose_tolerance(struct validation *validation, struct verdict *verdict) {
  const struct request *request = validation->request;
  const unsigned tensors = depends_on(request, verdict);
  rnnloss_dtype dtype = verdict->dtype;
  for (int t = 0; t < RNNLOSS_TENSORS; t++) {
    if (tensors >> t & 1) dtype = looser(dtype, request->tensor[t].dtype);
  }
  if (option_is_given(request, OPTION_TOLERANCE_DTYPE)) dtype = request->options.tolerance_dtype;
  const struct rnn_tolerance tolerance = tolerance_of(request, dtype, !verdict->claim);
  rnn_judge_begin(&verdict->judge, &tolerance);
  const bool first = verdict == validation->verdict;
  validation->tolerance = tolerance_of(request, first ? dtype : looser(dtype, validation->tolerance.dtype), false);
}

bool validation_begin(struct validation *validation, struct request *request) {
  validation->request = request;
  validation->verdict = arena_allocate(request->arena, CLAIMS_MAX * sizeof *validation->verdict);
  if (!validation->verdict) return problem_out_of_memory(request->problem);
  list_claims(validation);
  if (!validation->count)
    return problem_set(request->problem, PROBLEM_INVALID_CLAIM, "/claims",
                       "there is nothing to judge: claims must hold loss, terms or gradients");
  if (!check_tolerance(request)) return false;
  for (size_t i = 0; i < validation->count; i++) {
    struct verdict *verdict = &validation->verdict[i];
    if (!verdict->claim && !check_gradient(request, verdict)) return false;
    choose_tolerance(validation, verdict);
  }
  validation->stated = option_is_given(request, OPTION_RTOL) || option_is_given(request, OPTION_ATOL) ||
                       option_is_given(request, OPTION_ULPS);
  choose_gradients(validation);
  return true;
}

enum step validation_settle(struct validation *validation) {
  const struct claims *claims = validation->request->claims;
  for (int i = 0; i <= RNNLOSS_TERMS; i++) {
    struct request *claimed = claims->gradients[i];
    for (int t = 0; claimed && t < RNNLOSS_TENSORS; t++) {
      if (!claimed->tensor[t].loose) continue;
      if (!evaluate_prepare(claimed) || !settle_step(claimed, (rnnloss_tensor)t)) return STEP_FAILED;
      return STEP_MORE;
    }
  }
  return STEP_DONE;
}

/* ---- how it turns out ---- */

static void judge_number(const struct result *result, struct verdict *verdict) {
  const rnnloss_values *values = result->values;
  verdict->canonical = verdict->term < 0     ? values->loss
                       : verdict->unweighted ? values->unweighted[verdict->term]
                                             : values->term_loss[verdict->term];
  const struct rnn_tolerance tolerance = verdict->judge.tolerance;
  rnn_judge_scalar(&verdict->judge, &tolerance, verdict->x, verdict->canonical);
}

/* The right gradient: of a term that isn't active, zeros. Made in the wider dtype, so that a claim is never judged by
 * something that was rounded more than the claim itself. */
static void find_gradient(const struct validation *validation, struct verdict *verdict) {
  const struct result *result = validation->result;
  struct gradient *gradient = &verdict->gradient;
  for (size_t i = 0; i < result->gradient_count; i++) {
    const struct gradient *other = &result->gradients[i];
    if (other->tensor == gradient->tensor && other->term == gradient->term) *gradient = *other;
  }
  const struct options *options = &validation->request->options;
  const rnnloss_dtype own = validation->request->tensor[gradient->tensor].dtype;
  gradient->dtype = options->has_gradient_dtype          ? options->gradient_dtype
                    : looser(own, verdict->dtype) == own ? verdict->dtype
                                                         : own;
}

static bool begin_pass(struct validation *validation, const struct verdict *verdict) {
  body_begin(&validation->body, validation->request);
  validation->cursor = store_start(&verdict->claimed->store);
  validation->position = 0;
  return body_gradient(&validation->body, &verdict->gradient, PIECE_RAW) ||
         problem_out_of_memory(validation->request->problem);
}

/* Some elements of the claim and of the right gradient side by side; returns how many: 0 at the end. */
static size_t next_elements(struct validation *validation, const struct verdict *verdict, const unsigned char **x,
                            unsigned char *y) {
  const size_t width = rnnloss_dtype_size(verdict->dtype), size = rnnloss_dtype_size(verdict->gradient.dtype);
  size_t count = cursor_span(&validation->cursor, SLICE_ELEMENTS * width, x) / width, made = 0, bytes = 0;
  while (made < count * size && (bytes = body_read(&validation->body, (char *)y + made, count * size - made))) {
    made += bytes;
  }
  count = made / size;
  cursor_advance(&validation->cursor, count * width);
  validation->position += count;
  return count;
}

/* Of a claim that has the transpose's shape. */
static size_t next_transposed(struct validation *validation, const struct verdict *verdict, const unsigned char **x,
                              unsigned char *y) {
  const struct tensor *own = verdict->own;
  const size_t width = rnnloss_dtype_size(verdict->dtype);
  unsigned char w[SLICE_ELEMENTS * sizeof(double)];
  const size_t count = cursor_span(&validation->cursor, SLICE_ELEMENTS * width, x) / width;
  columns_read(&validation->columns, validation->position, count, w);
  rnnloss_gradient(&verdict->gradient.affine, 0, count, own->dtype, w, verdict->gradient.dtype, y);
  cursor_advance(&validation->cursor, count * width);
  validation->position += count;
  return count;
}

static enum step judge_gradient(struct validation *validation, struct verdict *verdict) {
  unsigned char y[SLICE_ELEMENTS * sizeof(double)];
  const unsigned char *x = NULL;
  if (validation->position == 0 && !begin_pass(validation, verdict)) return STEP_FAILED;
  const size_t count = (verdict->misshapen ? next_transposed : next_elements)(validation, verdict, &x, y);
  if (validation->pass == 0)
    rnn_judge_scan(&verdict->judge, count, verdict->dtype, x, verdict->gradient.dtype, y);
  else
    rnn_judge_compare(&verdict->judge, count, verdict->dtype, x, verdict->gradient.dtype, y);
  if (count && validation->position < verdict->claimed->elements) return STEP_MORE;
  validation->position = 0;
  if (validation->pass++ == 0) {
    rnn_judge_scanned(&verdict->judge);
    return STEP_MORE;
  }
  validation->pass = 0;
  return STEP_DONE;
}

enum step validation_judge(struct validation *validation, const struct result *result) {
  validation->result = result;
  while (validation->at < validation->count) {
    struct verdict *verdict = &validation->verdict[validation->at];
    enum step step = STEP_DONE;
    if (verdict->claim) {
      judge_number(result, verdict);
    } else {
      if (validation->position == 0 && validation->pass == 0) find_gradient(validation, verdict);
      if (verdict->misshapen) step = columns_make(&validation->columns, validation->request, verdict->own);
      if (step == STEP_DONE) step = judge_gradient(validation, verdict);
    }
    if (step != STEP_DONE) return step;
    verdict->verdict = verdict->misshapen ? RNN_FAIL : rnn_judge_verdict(&verdict->judge);
    validation->at++;
  }
  validation->at = 0;
  return STEP_DONE;
}
