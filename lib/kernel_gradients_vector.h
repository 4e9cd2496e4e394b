/* Kernels of the template, with lanes: gradients. kernel_numbers_vector.h says how the loops end. */
#ifndef RNN_KERNEL_GRADIENTS_VECTOR_H
#define RNN_KERNEL_GRADIENTS_VECTOR_H

#include "kernel_numbers_vector.h"

RNN_INLINE void scaled(rnnloss_dtype d, double a, const unsigned char *x, unsigned char *out, size_t n) {
  const size_t w = rnn_width(d);
  const struct lanes scale = lanes_all(a);
  if (n < LANES) {
    unsigned char part[LANES_BYTES] = {0};
    memcpy(part, x, n * w);
    lanes_store(d, lanes_mul(scale, lanes_load(d, part)), part);
    memcpy(out, part, n * w);
    return;
  }
  struct lanes last = lanes_mul(scale, lanes_load(d, x + (n - LANES) * w));
  for (size_t i = 0; n - i >= LANES; i += LANES)
    lanes_store(d, lanes_mul(scale, lanes_load(d, x + i * w)), out + i * w);
  lanes_store(d, last, out + (n - LANES) * w);
}

RNN_INLINE struct lanes shifted_some(rnnloss_dtype d, struct lanes scale, const double *c, const unsigned char *x) {
  return lanes_fma(scale, lanes_load(d, x), lanes_load(RNNLOSS_F64, c));
}

RNN_INLINE void shifted(rnnloss_dtype d, double a, const double *c, const unsigned char *x, unsigned char *out,
                        size_t n) {
  const size_t w = rnn_width(d);
  const struct lanes scale = lanes_all(a);
  if (n < LANES) {
    unsigned char part[LANES_BYTES] = {0};
    double offset[LANES] = {0};
    memcpy(part, x, n * w);
    memcpy(offset, c, n * sizeof offset[0]);
    lanes_store(d, shifted_some(d, scale, offset, part), part);
    memcpy(out, part, n * w);
    return;
  }
  struct lanes last = shifted_some(d, scale, c + n - LANES, x + (n - LANES) * w);
  for (size_t i = 0; n - i >= LANES; i += LANES) lanes_store(d, shifted_some(d, scale, c + i, x + i * w), out + i * w);
  lanes_store(d, last, out + (n - LANES) * w);
}

RNN_INLINE struct lanes residual_some(rnnloss_dtype d, struct lanes scale, bool negate, const unsigned char *p,
                                      const unsigned char *t) {
  struct lanes v = lanes_mul(scale, lanes_sub(lanes_load(d, p), lanes_load(d, t)));
  return negate ? lanes_negate(v) : v;
}

RNN_INLINE void residual(rnnloss_dtype d, double a, bool negate, const unsigned char *p, const unsigned char *t,
                         unsigned char *out, size_t n) {
  const size_t w = rnn_width(d);
  const struct lanes scale = lanes_all(a);
  if (n < LANES) {
    unsigned char part[LANES_BYTES] = {0}, other[LANES_BYTES] = {0};
    memcpy(part, p, n * w);
    memcpy(other, t, n * w);
    lanes_store(d, residual_some(d, scale, negate, part, other), part);
    memcpy(out, part, n * w);
    return;
  }
  struct lanes last = residual_some(d, scale, negate, p + (n - LANES) * w, t + (n - LANES) * w);
  for (size_t i = 0; n - i >= LANES; i += LANES)
    lanes_store(d, residual_some(d, scale, negate, p + i * w, t + i * w), out + i * w);
  lanes_store(d, last, out + (n - LANES) * w);
}

#endif
