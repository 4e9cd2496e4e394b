/* Kernels of the template: gradients. Binary64 arithmetic in the default floating-point environment. */
#ifndef RNN_KERNEL_GRADIENTS_H
#define RNN_KERNEL_GRADIENTS_H

#include "kernel_numbers.h"

#if defined(RNN_AVX2) || defined(RNN_AVX512) || defined(RNN_NEON)
#include "kernel_gradients_vector.h"
#else

#if defined(__FP_FAST_FMA)
#include <math.h>
#define RNN_FMA fma
#else
#include "fma.h"
#define RNN_FMA rnn_fma
#endif

RNN_INLINE void scaled(rnnloss_dtype d, double a, const unsigned char *x, unsigned char *out, size_t n) {
  const size_t w = rnn_width(d);
  for (size_t i = 0; i < n; i++) put(d, a * load(d, x + i * w), out + i * w);
}

RNN_INLINE void shifted(rnnloss_dtype d, double a, const double *c, const unsigned char *x, unsigned char *out,
                        size_t n) {
  const size_t w = rnn_width(d);
  for (size_t i = 0; i < n; i++) put(d, RNN_FMA(a, load(d, x + i * w), c[i]), out + i * w);
}

RNN_INLINE void residual(rnnloss_dtype d, double a, bool negate, const unsigned char *p, const unsigned char *t,
                         unsigned char *out, size_t n) {
  const size_t w = rnn_width(d);
  for (size_t i = 0; i < n; i++) {
    double g = a * (load(d, p + i * w) - load(d, t + i * w));
    put(d, negate ? -g : g, out + i * w);
  }
}

#endif
#endif
