/* Kernels of the template: the neurons' sums. */
#ifndef RNN_KERNEL_RATES_H
#define RNN_KERNEL_RATES_H

#include "kernels.h"

/* One element to a neuron's limbs: below 2^53 2^31 in F64, three pieces; below 2^24 2^31 in others, two. */
RNN_INLINE void rate(rnnloss_dtype d, int64_t *limb, uint64_t bits, rnnloss_nonfinite *bad) {
  const unsigned shift = (unsigned)(rnn_layout(d).least + (d == RNNLOSS_F64 ? RNN_WIDE_ORIGIN : RNN_NARROW_ORIGIN));
  struct rnn_parts p = rnn_parts_of(d, bits);
  if (__builtin_expect(!p.finite, 0)) {
    rnn_count_nonfinite(bad, d, bits);
    return;
  }
  unsigned position = p.e + shift;
  int64_t flip = -(int64_t)p.negative; /* (v ^ flip) - flip is v or -v */
  limb += position >> 5;
  if (d == RNNLOSS_F64) {
    rnn_u128 v = (rnn_u128)p.m << (position & 31);
    limb[0] += ((int64_t)(uint32_t)v ^ flip) - flip;
    limb[1] += ((int64_t)(uint32_t)(v >> 32) ^ flip) - flip;
    limb[2] += ((int64_t)(uint32_t)(v >> 64) ^ flip) - flip;
  } else {
    uint64_t v = p.m << (position & 31);
    limb[0] += ((int64_t)(uint32_t)v ^ flip) - flip;
    limb[1] += ((int64_t)(v >> 32) ^ flip) - flip;
  }
}

RNN_INLINE void rates(rnnloss_dtype d, int64_t *limb, size_t stride, size_t neurons, size_t position,
                      const unsigned char *x, size_t n, rnnloss_nonfinite *bad) {
  const size_t w = rnn_width(d);
  while (n > 0) {
    size_t run = neurons - position < n ? neurons - position : n;
    int64_t *at = limb + position * stride;
    for (size_t i = 0; i < run; i++, at += stride) rate(d, at, rnn_bits_at(d, x + i * w), bad);
    x += run * w;
    n -= run;
    position = 0;
  }
}

#endif
