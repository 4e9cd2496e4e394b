/* x -> a x + c[n]. The arithmetic is in the kernels; here are its pieces and its floating-point environment. */
#include "fenv_guard.h"
#include "kernels.h"

#define PIECE 256        /* elements of a conversion between dtypes */
#define TILE 1024        /* offsets of several rows of few neurons, so that runs of elements aren't short */
#define COPY_BYTES 32768 /* that are copied at once; they should still be in the nearest cache */

static void fill_zero(unsigned char *out, rnnloss_dtype dtype, size_t n) {
  if (n > 0) memset(out, 0, n * rnn_width(dtype)); /* +0 of every dtype */
}

/* A run of elements, with an offset each at c, or NULL. */
static void scaled_run(double a, const double *c, size_t n, rnnloss_dtype x_dtype, const unsigned char *x,
                       rnnloss_dtype out_dtype, unsigned char *out) {
  const struct kernels *k = rnn_kernels();
  if (x_dtype == out_dtype) {
    (c != NULL ? k->shifted : k->scaled)[out_dtype](a, c, x, out, n);
    return;
  }
  while (n > 0) { /* dtypes that differ: by way of F64, in which the arithmetic is anyway */
    double wide[PIECE];
    size_t part = n < PIECE ? n : PIECE;
    k->widen[x_dtype](x, wide, part);
    (c != NULL ? k->shifted : k->scaled)[RNNLOSS_F64](a, c, (unsigned char *)wide, (unsigned char *)wide, part);
    k->narrow[out_dtype](wide, out, part);
    x += part * rnn_width(x_dtype);
    out += part * rnn_width(out_dtype);
    c = c != NULL ? c + part : NULL;
    n -= part;
  }
}

/* The n offsets of elements that begin at `neuron`: c from there on, and from its start, as often as it takes. */
static void spread(const double *c, size_t neurons, size_t neuron, double *out, size_t n) {
  size_t first = n < neurons - neuron ? n : neurons - neuron;
  memcpy(out, c + neuron, first * sizeof *c);
  if (first == n) return;
  size_t done = n < neurons ? n : neurons;
  memcpy(out + first, c, (done - first) * sizeof *c);
  while (done < n) { /* whole rows so far */
    size_t more = done < n - done ? done : n - done;
    memcpy(out + done, out, more * sizeof *c);
    done += more;
  }
}

static void shifted_rows(const rnnloss_affine *affine, size_t neuron, size_t n, rnnloss_dtype x_dtype,
                         const unsigned char *x, rnnloss_dtype out_dtype, unsigned char *out) {
  double tile[TILE];
  const double *c = affine->c + neuron;
  size_t run = affine->neurons - neuron, next = affine->neurons;
  bool few = affine->neurons <= TILE / 2 && n > run;
  if (few) {
    run = next = TILE - TILE % affine->neurons;
    if (n < run) run = n;
    spread(affine->c, affine->neurons, neuron, tile, run);
    c = tile;
  }
  while (n > 0) {
    if (run > n) run = n;
    scaled_run(affine->a, c, run, x_dtype, x, out_dtype, out);
    x += run * rnn_width(x_dtype);
    out += run * rnn_width(out_dtype);
    n -= run;
    run = next;
    c = few ? tile : affine->c;
  }
}

/* Every row is the same: one is made, the others are copied from those before them. */
static void offset_rows(const rnnloss_affine *affine, size_t neuron, size_t n, rnnloss_dtype dtype,
                        unsigned char *out) {
  const size_t w = rnn_width(dtype), neurons = affine->neurons;
  size_t first = n < neurons - neuron ? n : neurons - neuron;
  size_t done = n < neurons ? n : neurons, most = done * w < COPY_BYTES ? COPY_BYTES / (done * w) * done : done;
  rnn_kernels()->narrow[dtype](affine->c + neuron, out, first);
  if (first < done) rnn_kernels()->narrow[dtype](affine->c, out + first * w, done - first);
  while (done < n) {
    size_t part = done < most ? done : most;
    if (part > n - done) part = n - done;
    memcpy(out + done * w, out, part * w);
    done += part;
  }
}

static bool affine_valid(const rnnloss_affine *affine, size_t n, rnnloss_dtype x_dtype, const void *x,
                         rnnloss_dtype out_dtype, const void *out) {
  if (affine == NULL || !rnn_dtype_known(out_dtype) || (out == NULL && n > 0)) return false;
  if (affine->scaled && (!rnn_dtype_known(x_dtype) || (x == NULL && n > 0))) return false;
  return affine->c == NULL || affine->neurons > 0;
}

rnnloss_status rnnloss_gradient(const rnnloss_affine *affine, uint64_t first, size_t n, rnnloss_dtype x_dtype,
                                const void *x, rnnloss_dtype out_dtype, void *out) {
  if (!affine_valid(affine, n, x_dtype, x, out_dtype, out)) return RNNLOSS_E_ARGUMENT;
  if (!affine->scaled && affine->c == NULL) {
    fill_zero(out, out_dtype, n);
    return RNNLOSS_OK;
  }
  if (n == 0) return RNNLOSS_OK;
  size_t neuron = affine->c != NULL ? (size_t)(first % affine->neurons) : 0;
  rnn_fenv saved;
  rnn_fenv_begin(&saved);
  if (!affine->scaled)
    offset_rows(affine, neuron, n, out_dtype, out);
  else if (affine->c != NULL)
    shifted_rows(affine, neuron, n, x_dtype, x, out_dtype, out);
  else
    scaled_run(affine->a, NULL, n, x_dtype, x, out_dtype, out);
  rnn_fenv_end(&saved);
  return RNNLOSS_OK;
}

/* Dtypes that differ. */
static void residual_widened(double a, bool negate, size_t n, rnnloss_dtype p_dtype, const unsigned char *p,
                             rnnloss_dtype t_dtype, const unsigned char *t, rnnloss_dtype out_dtype,
                             unsigned char *out) {
  const struct kernels *k = rnn_kernels();
  while (n > 0) {
    double wide_p[PIECE], wide_t[PIECE];
    size_t part = n < PIECE ? n : PIECE;
    k->widen[p_dtype](p, wide_p, part);
    k->widen[t_dtype](t, wide_t, part);
    k->residual[RNNLOSS_F64](a, negate, (unsigned char *)wide_p, (unsigned char *)wide_t, (unsigned char *)wide_p,
                             part);
    k->narrow[out_dtype](wide_p, out, part);
    p += part * rnn_width(p_dtype);
    t += part * rnn_width(t_dtype);
    out += part * rnn_width(out_dtype);
    n -= part;
  }
}

rnnloss_status rnnloss_gradient_difference(double a, bool of_target, size_t n, rnnloss_dtype pred_dtype,
                                           const void *pred, rnnloss_dtype target_dtype, const void *target,
                                           rnnloss_dtype out_dtype, void *out) {
  if (!rnn_dtype_known(pred_dtype) || !rnn_dtype_known(target_dtype) || !rnn_dtype_known(out_dtype) ||
      (n > 0 && (pred == NULL || target == NULL || out == NULL)))
    return RNNLOSS_E_ARGUMENT;
  rnn_fenv saved;
  rnn_fenv_begin(&saved);
  if (pred_dtype == target_dtype && pred_dtype == out_dtype)
    rnn_kernels()->residual[out_dtype](a, of_target, pred, target, out, n);
  else
    residual_widened(a, of_target, n, pred_dtype, pred, target_dtype, target, out_dtype, out);
  rnn_fenv_end(&saved);
  return RNNLOSS_OK;
}
