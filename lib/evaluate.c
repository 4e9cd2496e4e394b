/* All at once: the three stages over tensors in memory, each split into the parts that the caller's team wants.
 * Parts are reduced each to statistics of their own, which are then merged: integers, so the same for any split. */
#include "number.h"

struct part {
  rnnloss_square square[RNNLOSS_MEAN_SQUARES];
  rnnloss_rates rates;
  rnnloss_bins *bins;
  rnnloss_status status;
};

struct work {
  const rnnloss_batch *batch;
  size_t tasks;
  unsigned used;  /* bit t: an active term uses tensor t */
  bool rates;     /* fr_sd or fr_cv is active */
  size_t neurons; /* of fr */
  struct part *part;
  unsigned char *rate_memory, *bins_memory, *terms_memory;
  double *c;
  rnnloss_affine affine[RNNLOSS_TENSORS];
};

static const rnnloss_term square_of[RNNLOSS_TENSORS] = {RNNLOSS_MSE, RNNLOSS_MSE, RNNLOSS_FR,
                                                        RNNLOSS_IN,  RNNLOSS_HID, RNNLOSS_OUT};

static bool is_active(const rnnloss_batch *batch, rnnloss_term term) {
  return !rnn_is_zero(batch->lambda[term]);
}

static bool wants_rates(const rnnloss_batch *batch) {
  return is_active(batch, RNNLOSS_FR_SD) || is_active(batch, RNNLOSS_FR_CV);
}

static unsigned used_tensors(const rnnloss_batch *batch) {
  unsigned used = 0;
  for (int k = 0; k < RNNLOSS_TERMS; k++)
    if (is_active(batch, (rnnloss_term)k)) used |= rnnloss_term_describe((rnnloss_term)k)->tensors;
  return used;
}

/* ---- Is the batch valid? ---- */

static bool count_of(const rnnloss_view *view, uint64_t *count) {
  if (view->rows == 0 || view->units == 0 || view->rows > ((uint64_t)1 << 53) / view->units) return false;
  *count = view->rows * view->units;
  return *count < (uint64_t)1 << 53 && *count <= SIZE_MAX / 8;
}

static rnnloss_status check_view(const rnnloss_view *view) {
  uint64_t count;
  if (view->data == NULL) return RNNLOSS_E_MISSING;
  if (!rnn_dtype_known(view->dtype)) return RNNLOSS_E_ARGUMENT;
  return count_of(view, &count) ? RNNLOSS_OK : RNNLOSS_E_LIMIT;
}

static rnnloss_status check_term(const rnnloss_batch *batch, rnnloss_term term) {
  unsigned tensors = rnnloss_term_describe(term)->tensors;
  for (int t = 0; t < RNNLOSS_TENSORS; t++) {
    rnnloss_status status = tensors >> t & 1 ? check_view(&batch->tensor[t]) : RNNLOSS_OK;
    if (status != RNNLOSS_OK) return status;
  }
  const rnnloss_view *p = &batch->tensor[RNNLOSS_PRED], *t = &batch->tensor[RNNLOSS_TARGET];
  if (term == RNNLOSS_MSE && (p->rows != t->rows || p->units != t->units)) return RNNLOSS_E_ARGUMENT;
  bool wide = term >= RNNLOSS_FR_SD && batch->tensor[RNNLOSS_RATE].units > RNNLOSS_MAX_NEURONS;
  return wide ? RNNLOSS_E_LIMIT : RNNLOSS_OK;
}

static rnnloss_status check_batch(const rnnloss_batch *batch, rnnloss_term *culprit) {
  for (int k = 0; k < RNNLOSS_TERMS; k++) {
    *culprit = (rnnloss_term)k;
    if (rnn_bits_of(batch->lambda[k]) > RNN_INF_BITS - 1 && !rnn_is_zero(batch->lambda[k])) return RNNLOSS_E_LAMBDA;
    rnnloss_status status = is_active(batch, (rnnloss_term)k) ? check_term(batch, (rnnloss_term)k) : RNNLOSS_OK;
    if (status != RNNLOSS_OK) return status;
  }
  for (int t = 0; t < RNNLOSS_TENSORS; t++) { /* gradients of unused tensors are zeros, of their shape */
    uint64_t count;
    if (batch->gradient[t].data == NULL) continue;
    if (!rnn_dtype_known(batch->gradient[t].dtype) || !count_of(&batch->tensor[t], &count)) return RNNLOSS_E_ARGUMENT;
  }
  return RNNLOSS_OK;
}

/* ---- Memory ---- */

#define ALIGN ((size_t)64)

/* The next size x count bytes of a layout; *total 0 once it doesn't fit any more. */
static size_t take(size_t *total, size_t size, size_t count) {
  size_t at = *total;
  if (at == 0 || (count != 0 && size > (SIZE_MAX / 2 - at - ALIGN) / count)) {
    *total = 0;
    return 0;
  }
  *total = at + (size * count + ALIGN - 1) / ALIGN * ALIGN;
  return at;
}

/* Lays the working memory out; with memory NULL only its size is of use. */
static size_t lay_out(struct work *work, unsigned char *memory) {
  size_t total = ALIGN; /* room to align the start; and 0 stands for too large */
  const rnnloss_view *fr = &work->batch->tensor[RNNLOSS_RATE];
  size_t rate_size = work->rates ? rnnloss_rates_size(fr->dtype, work->neurons) : 0;
  size_t part = take(&total, sizeof(struct part), work->tasks);
  size_t rates = take(&total, (rate_size + ALIGN - 1) / ALIGN * ALIGN, work->tasks);
  size_t bins = take(&total, (rnnloss_bins_size() + ALIGN - 1) / ALIGN * ALIGN, work->tasks);
  size_t terms = take(&total, rnnloss_terms_size(), 1);
  size_t c = take(&total, sizeof(double), work->neurons);
  if (memory == NULL || total == 0) return total;
  memory += (ALIGN - (uintptr_t)memory % ALIGN) % ALIGN;
  memory -= ALIGN; /* offsets begin at ALIGN */
  work->part = (struct part *)(void *)(memory + part);
  work->rate_memory = memory + rates;
  work->bins_memory = memory + bins;
  work->terms_memory = memory + terms;
  work->c = (double *)(void *)(memory + c);
  return total;
}

static struct work begin_work(const rnnloss_batch *batch, size_t tasks) {
  struct work work = {.batch = batch, .tasks = tasks, .used = used_tensors(batch), .rates = wants_rates(batch)};
  work.neurons = work.rates ? (size_t)batch->tensor[RNNLOSS_RATE].units : 0;
  return work;
}

size_t rnnloss_evaluate_size(const rnnloss_batch *batch, size_t tasks) {
  rnnloss_term culprit;
  if (batch == NULL || tasks == 0 || check_batch(batch, &culprit) != RNNLOSS_OK) return 0;
  struct work work = begin_work(batch, tasks);
  return lay_out(&work, NULL);
}

/* ---- Reduce ---- */

struct range {
  uint64_t first;
  size_t count;
};

/* The index-th of so many parts of the tensor: whole rows of fr, as the neurons' sums want them. */
static struct range range_of(const struct work *work, int t, size_t index) {
  const rnnloss_view *view = &work->batch->tensor[t];
  uint64_t unit = t == RNNLOSS_RATE ? view->units : 1, units = view->rows * view->units / unit;
  uint64_t quotient = units / work->tasks, rest = units % work->tasks;
  uint64_t first = quotient * index + (index < rest ? index : rest);
  return (struct range){first * unit, (size_t)((quotient + (index < rest)) * unit)};
}

static const unsigned char *element(const rnnloss_view *view, uint64_t index) {
  return (const unsigned char *)view->data + index * rnn_width(view->dtype);
}

static rnnloss_status reduce_tensor(const struct work *work, struct part *part, int t, size_t index) {
  const rnnloss_view *view = &work->batch->tensor[t], *target = &work->batch->tensor[RNNLOSS_TARGET];
  struct range range = range_of(work, t, index);
  const unsigned char *x = element(view, range.first);
  rnnloss_square *square = &part->square[square_of[t]];
  if (t == RNNLOSS_PRED)
    return rnnloss_square_add_difference(square, part->bins, view->dtype, x, target->dtype,
                                         element(target, range.first), range.count);
  if (t != RNNLOSS_RATE || !work->rates) return rnnloss_square_add(square, part->bins, view->dtype, x, range.count);
  if (!is_active(work->batch, RNNLOSS_FR)) square = NULL;
  return rnnloss_rates_add(&part->rates, square, part->bins, view->dtype, x, range.count);
}

static void reduce_part(void *argument, size_t index) {
  struct work *work = argument;
  struct part *part = &work->part[index];
  size_t bins_size = (rnnloss_bins_size() + ALIGN - 1) / ALIGN * ALIGN;
  part->status = RNNLOSS_OK;
  part->bins = rnnloss_bins_begin(work->bins_memory + index * bins_size, bins_size);
  for (int k = 0; k < RNNLOSS_MEAN_SQUARES; k++) rnnloss_square_begin(&part->square[k]);
  if (work->rates) {
    rnnloss_dtype dtype = work->batch->tensor[RNNLOSS_RATE].dtype;
    size_t size = (rnnloss_rates_size(dtype, work->neurons) + ALIGN - 1) / ALIGN * ALIGN;
    part->status = rnnloss_rates_begin(&part->rates, dtype, work->neurons, work->rate_memory + index * size, size);
  }
  for (int t = 0; t < RNNLOSS_TENSORS && part->status == RNNLOSS_OK; t++)
    if (t != RNNLOSS_TARGET && (work->used >> t & 1) != 0) part->status = reduce_tensor(work, part, t, index);
  rnnloss_square_settle(&part->square[0], part->bins); /* empties the bins, whichever sum they serve */
}

static rnnloss_status merge_parts(struct work *work) {
  rnnloss_status status = work->part[0].status;
  for (size_t i = 1; i < work->tasks && status == RNNLOSS_OK; i++) {
    status = work->part[i].status;
    for (int k = 0; k < RNNLOSS_MEAN_SQUARES && status == RNNLOSS_OK; k++)
      status = rnnloss_square_merge(&work->part[0].square[k], &work->part[i].square[k]);
    if (work->rates && status == RNNLOSS_OK) status = rnnloss_rates_merge(&work->part[0].rates, &work->part[i].rates);
  }
  return status;
}

/* ---- Terms ---- */

static rnnloss_status make_values(struct work *work, rnnloss_terms **terms, rnnloss_values *values,
                                  rnnloss_term *culprit) {
  rnnloss_problem problem = {.rates = work->rates ? &work->part[0].rates : NULL};
  for (int k = 0; k < RNNLOSS_TERMS; k++) problem.lambda[k] = work->batch->lambda[k];
  for (int k = 0; k < RNNLOSS_MEAN_SQUARES; k++) problem.square[k] = &work->part[0].square[k];
  rnnloss_status status = rnnloss_terms_begin(work->terms_memory, rnnloss_terms_size(), &problem, terms, culprit);
  if (status == RNNLOSS_OK) status = rnnloss_terms_step(*terms, SIZE_MAX, culprit); /* more than all neurons, twice */
  if (status == RNNLOSS_OK) *values = *rnnloss_terms_values(*terms);
  return status;
}

/* ---- Gradient ---- */

static rnnloss_status plan_gradients(struct work *work, rnnloss_terms *terms, const rnnloss_values *values,
                                     rnnloss_term *culprit) {
  for (int t = 0; t < RNNLOSS_TENSORS; t++) {
    rnnloss_term term = square_of[t];
    work->affine[t] = (rnnloss_affine){.neurons = work->neurons};
    if (work->batch->gradient[t].data == NULL || !is_active(work->batch, term)) continue;
    *culprit = term;
    if (rnn_bits_of(values->scale[term]) == RNN_INF_BITS) return RNNLOSS_E_OVERFLOW;
    work->affine[t].scaled = true;
    work->affine[t].a = values->scale[term];
  }
  if (!work->rates || work->batch->gradient[RNNLOSS_RATE].data == NULL) return RNNLOSS_OK;
  *culprit = is_active(work->batch, RNNLOSS_FR_SD) ? RNNLOSS_FR_SD : RNNLOSS_FR_CV;
  work->affine[RNNLOSS_RATE].c = work->c;
  return rnnloss_terms_offsets(terms, true, true, 0, work->neurons, work->c);
}

static void gradient_part(void *argument, size_t index) {
  const struct work *work = argument;
  const rnnloss_view *pred = &work->batch->tensor[RNNLOSS_PRED], *target = &work->batch->tensor[RNNLOSS_TARGET];
  for (int t = 0; t < RNNLOSS_TENSORS; t++) {
    const rnnloss_output *gradient = &work->batch->gradient[t];
    const rnnloss_affine *affine = &work->affine[t];
    if (gradient->data == NULL) continue;
    struct range range = range_of(work, t, index);
    unsigned char *out = (unsigned char *)gradient->data + range.first * rnn_width(gradient->dtype);
    const rnnloss_view *view = &work->batch->tensor[t];
    if (affine->scaled && t <= RNNLOSS_TARGET)
      rnnloss_gradient_difference(affine->a, t == RNNLOSS_TARGET, range.count, pred->dtype, element(pred, range.first),
                                  target->dtype, element(target, range.first), gradient->dtype, out);
    else
      rnnloss_gradient(affine, range.first, range.count, view->dtype,
                       affine->scaled ? element(view, range.first) : NULL, gradient->dtype, out);
  }
}

/* ---- All of it ---- */

static void run(const rnnloss_team *team, struct work *work, void (*task)(void *, size_t)) {
  if (team != NULL && team->tasks > 1)
    team->run(team->context, work->tasks, task, work);
  else
    task(work, 0);
}

static bool wants_gradients(const rnnloss_batch *batch) {
  bool any = false;
  for (int t = 0; t < RNNLOSS_TENSORS; t++) any |= batch->gradient[t].data != NULL;
  return any;
}

rnnloss_status rnnloss_evaluate(const rnnloss_batch *batch, const rnnloss_team *team, void *memory, size_t size,
                                rnnloss_values *values, rnnloss_term *culprit) {
  rnnloss_term ignored;
  rnnloss_terms *terms;
  if (culprit == NULL) culprit = &ignored;
  if (batch == NULL || memory == NULL || values == NULL || (team != NULL && (team->tasks == 0 || team->run == NULL)))
    return RNNLOSS_E_ARGUMENT;
  rnnloss_status status = check_batch(batch, culprit);
  if (status != RNNLOSS_OK) return status;
  struct work work = begin_work(batch, team != NULL ? team->tasks : 1);
  size_t needed = lay_out(&work, NULL);
  if (needed == 0 || size < needed) return RNNLOSS_E_ARGUMENT;
  lay_out(&work, memory);
  if (work.part == NULL) return RNNLOSS_E_ARGUMENT; /* can't be: the size is known to fit */
  run(team, &work, reduce_part);
  status = merge_parts(&work);
  if (status == RNNLOSS_OK) status = make_values(&work, &terms, values, culprit);
  if (status == RNNLOSS_OK && wants_gradients(batch)) {
    status = plan_gradients(&work, terms, values, culprit);
    if (status == RNNLOSS_OK) run(team, &work, gradient_part);
  }
  return status;
}
