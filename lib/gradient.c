/* x -> a x + c[n]. The arithmetic is in the kernels; here are its pieces and its floating-point environment. */
#include "fenv_guard.h"
#include "kernels.h"

#define PIECE 256 /* elements of a conversion between dtypes */

static void fill_zero(unsigned char *out, rnnloss_dtype dtype, size_t n) {
  if (n > 0) memset(out, 0, n * rnn_width(dtype)); /* +0 of every dtype */
}

/* A run of neurons that follow each other. c is at the first one's, or NULL. */
static void affine_run(const rnnloss_affine *affine, const double *c, size_t n, rnnloss_dtype x_dtype,
                       const unsigned char *x, rnnloss_dtype out_dtype, unsigned char *out) {
  const struct kernels *k = rnn_kernels();
  if (!affine->scaled) {
    k->narrow[out_dtype](c, out, n);
    return;
  }
  if (x_dtype == out_dtype) {
    (c != NULL ? k->shifted : k->scaled)[out_dtype](affine->a, c, x, out, n);
    return;
  }
  while (n > 0) {
    double wide[PIECE], result[PIECE];
    size_t part = n < PIECE ? n : PIECE;
    k->widen[x_dtype](x, wide, part);
    (c != NULL ? k->shifted : k->scaled)[RNNLOSS_F64](affine->a, c, (const unsigned char *)wide,
                                                      (unsigned char *)result, part);
    k->narrow[out_dtype](result, out, part);
    x += part * rnn_width(x_dtype);
    out += part * rnn_width(out_dtype);
    c = c != NULL ? c + part : NULL;
    n -= part;
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
  const unsigned char *in = x;
  unsigned char *to = out;
  rnn_fenv saved;
  rnn_fenv_begin(&saved);
  size_t neuron = affine->c != NULL ? (size_t)(first % affine->neurons) : 0;
  while (n > 0) {
    size_t run = affine->c != NULL && n > affine->neurons - neuron ? affine->neurons - neuron : n;
    affine_run(affine, affine->c != NULL ? affine->c + neuron : NULL, run, x_dtype, in, out_dtype, to);
    if (affine->scaled) in += run * rnn_width(x_dtype);
    to += run * rnn_width(out_dtype);
    n -= run;
    neuron = 0;
  }
  rnn_fenv_end(&saved);
  return RNNLOSS_OK;
}

/* Dtypes that differ: by way of F64, in which the arithmetic is anyway. */
static void residual_widened(double a, bool negate, size_t n, rnnloss_dtype p_dtype, const unsigned char *p,
                             rnnloss_dtype t_dtype, const unsigned char *t, rnnloss_dtype out_dtype,
                             unsigned char *out) {
  const struct kernels *k = rnn_kernels();
  while (n > 0) {
    double wide_p[PIECE], wide_t[PIECE], result[PIECE];
    size_t part = n < PIECE ? n : PIECE;
    k->widen[p_dtype](p, wide_p, part);
    k->widen[t_dtype](t, wide_t, part);
    k->residual[RNNLOSS_F64](a, negate, (const unsigned char *)wide_p, (const unsigned char *)wide_t,
                             (unsigned char *)result, part);
    k->narrow[out_dtype](result, out, part);
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
