/* Kernels of the template, with lanes: conversions, and whether elements are finite.
 *
 * Loops take LANES elements at a time. What is left over at the end is the last LANES elements, loaded before
 * anything is stored (out may be x) and stored last: some elements are computed twice, to the same bits. Fewer
 * than LANES elements go through a copy. Nothing outside of the arrays is ever read.
 *
 * Stores are plain ones. Stores that pass by the caches would save reading lines that are only overwritten, but
 * what is written here is a block of an answer that is sent right after: it should be in the cache. */
#ifndef RNN_KERNEL_NUMBERS_VECTOR_H
#define RNN_KERNEL_NUMBERS_VECTOR_H

#include "fenv_guard.h"
#include "kernels.h"
#include "lanes.h"

#define LANES_BYTES (LANES * 8)

RNN_INLINE size_t find_nonfinite(rnnloss_dtype d, const unsigned char *x, size_t n) {
  const size_t w = rnn_width(d), block = LANES_BLOCK / w;
  const uint64_t all = (uint64_t)rnn_layout(d).field << rnn_layout(d).stored;
  size_t i = 0;
  while (n - i >= block && !lanes_nonfinite(d, x + i * w)) i += block;
  if (n >= block && n - i < block && !lanes_nonfinite(d, x + (n - block) * w)) return n;
  while (i < n && (rnn_bits_at(d, x + i * w) & all) != all) i++;
  return i;
}

RNN_INLINE void widen_some(rnnloss_dtype d, const unsigned char *x, double *out) {
  lanes_store(RNNLOSS_F64, lanes_load(d, x), out);
}

/* Reductions widen too, outside of a guard; denormals-are-zero would make a difference, and a signalling NaN. */
RNN_INLINE void widen(rnnloss_dtype d, const unsigned char *x, double *out, size_t n) {
  const size_t w = rnn_width(d);
  rnn_fenv saved;
  rnn_fenv_begin(&saved);
  size_t i = 0;
  for (; n - i >= LANES; i += LANES) widen_some(d, x + i * w, out + i);
  if (i < n) {
    unsigned char part[LANES_BYTES] = {0};
    double wide[LANES];
    memcpy(part, x + i * w, (n - i) * w);
    widen_some(d, part, wide);
    memcpy(out + i, wide, (n - i) * sizeof wide[0]);
  }
  rnn_fenv_end(&saved);
}

RNN_INLINE void narrow(rnnloss_dtype d, const double *x, unsigned char *out, size_t n) {
  const size_t w = rnn_width(d);
  size_t i = 0;
  for (; n - i >= LANES; i += LANES) lanes_store(d, lanes_load(RNNLOSS_F64, x + i), out + i * w);
  if (i < n) {
    double wide[LANES] = {0};
    unsigned char part[LANES_BYTES];
    memcpy(wide, x + i, (n - i) * sizeof wide[0]);
    lanes_store(d, lanes_load(RNNLOSS_F64, wide), part);
    memcpy(out + i * w, part, (n - i) * w);
  }
}

#endif
