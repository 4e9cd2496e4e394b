/* Kernels of the template: spans and column sums in binary64, with vectors where the variant has them. */
#ifndef RNN_KERNEL_RATES_VECTOR_H
#define RNN_KERNEL_RATES_VECTOR_H

#include "kernels.h"

RNN_INLINE double rate_value(rnnloss_dtype d, const unsigned char *x) {
  if (d == RNNLOSS_F16 || d == RNNLOSS_F64) return rnn_double_of(rnn_widen(d, rnn_bits_at(d, x)));
  uint32_t bits = (uint32_t)rnn_bits_at(d, x) << (d == RNNLOSS_BF16 ? 16 : 0);
  float value;
  memcpy(&value, &bits, sizeof value);
  return (double)value;
}

/* The largest magnitude, and the smallest that isn't 0 (all ones if there is none), as bits. */
RNN_INLINE void span_scalar(rnnloss_dtype d, const unsigned char *x, size_t n, struct rnn_span *span) {
  const size_t w = rnn_width(d);
  const uint64_t magnitude = (UINT64_C(1) << (8 * w - 1)) - 1;
  for (size_t i = 0; i < n; i++) {
    uint64_t m = rnn_bits_at(d, x + i * w) & magnitude;
    if (m > span->most) span->most = m;
    if (m - 1 < span->least - 1) span->least = m; /* 0 - 1 is the largest of all */
  }
}

/* hi[i] += x[i]; for F64, hi[i] and lo[i] take a part each. tile.c says when that is exact. */
RNN_INLINE void columns_scalar(rnnloss_dtype d, double *hi, double *lo, double anchor, const unsigned char *x,
                               size_t n) {
  for (size_t i = 0; i < n; i++) {
    double v = rate_value(d, x + i * rnn_width(d));
    if (d == RNNLOSS_F64) {
      double part = (v + anchor) - anchor;
      hi[i] += part;
      lo[i] += v - part;
    } else {
      hi[i] += v;
    }
  }
}

#if defined(RNN_AVX512)
#include <immintrin.h>

#define RNN_RATE_LANES 8
typedef __m512d rate_lanes;
#define RATE_GET(p) _mm512_loadu_pd(p)
#define RATE_PUT(p, v) _mm512_storeu_pd(p, v)
#define RATE_ADD(a, b) _mm512_add_pd(a, b)
#define RATE_SUB(a, b) _mm512_sub_pd(a, b)
#define RATE_ALL(a) _mm512_set1_pd(a)
#define RATE_OF_FLOATS(f) _mm512_cvtps_pd(f) /* of 8 */

#define SPAN_BYTES 64
typedef __m512i span_lanes;
#define SPAN_GET(p) _mm512_loadu_si512(p)
#define SPAN_PUT(p, v) _mm512_storeu_si512(p, v)
#define SPAN_ALL(d, bits)                                                                                              \
  ((d) == RNNLOSS_F64   ? _mm512_set1_epi64((long long)(bits))                                                         \
   : (d) == RNNLOSS_F32 ? _mm512_set1_epi32((int)(bits))                                                               \
                        : _mm512_set1_epi16((short)(bits)))
#define SPAN_AND(a, b) _mm512_and_si512(a, b)
RNN_INLINE span_lanes span_less_one(rnnloss_dtype d, span_lanes a) {
  if (d == RNNLOSS_F64) return _mm512_sub_epi64(a, _mm512_set1_epi64(1));
  return d == RNNLOSS_F32 ? _mm512_sub_epi32(a, _mm512_set1_epi32(1)) : _mm512_sub_epi16(a, _mm512_set1_epi16(1));
}
#define SPAN_MAX(d, a, b) (rnn_width(d) == 2 ? _mm512_max_epu16(a, b) : _mm512_max_epu32(a, b))
#define SPAN_MIN(d, a, b) (rnn_width(d) == 2 ? _mm512_min_epu16(a, b) : _mm512_min_epu32(a, b))

#elif defined(RNN_AVX2)
#include <immintrin.h>

#define RNN_RATE_LANES 4
typedef __m256d rate_lanes;
#define RATE_GET(p) _mm256_loadu_pd((const double *)(const void *)(p))
#define RATE_PUT(p, v) _mm256_storeu_pd(p, v)
#define RATE_ADD(a, b) _mm256_add_pd(a, b)
#define RATE_SUB(a, b) _mm256_sub_pd(a, b)
#define RATE_ALL(a) _mm256_set1_pd(a)
#define RATE_OF_FLOATS(f) _mm256_cvtps_pd(f) /* of 4 */

#define SPAN_BYTES 32
typedef __m256i span_lanes;
#define SPAN_GET(p) _mm256_loadu_si256((const __m256i *)(const void *)(p))
#define SPAN_PUT(p, v) _mm256_storeu_si256((__m256i *)(void *)(p), v)
#define SPAN_ALL(d, bits)                                                                                              \
  ((d) == RNNLOSS_F64   ? _mm256_set1_epi64x((long long)(bits))                                                        \
   : (d) == RNNLOSS_F32 ? _mm256_set1_epi32((int)(bits))                                                               \
                        : _mm256_set1_epi16((short)(bits)))
#define SPAN_AND(a, b) _mm256_and_si256(a, b)
RNN_INLINE span_lanes span_less_one(rnnloss_dtype d, span_lanes a) {
  if (d == RNNLOSS_F64) return _mm256_sub_epi64(a, _mm256_set1_epi64x(1));
  return d == RNNLOSS_F32 ? _mm256_sub_epi32(a, _mm256_set1_epi32(1)) : _mm256_sub_epi16(a, _mm256_set1_epi16(1));
}
#define SPAN_MAX(d, a, b) (rnn_width(d) == 2 ? _mm256_max_epu16(a, b) : _mm256_max_epu32(a, b))
#define SPAN_MIN(d, a, b) (rnn_width(d) == 2 ? _mm256_min_epu16(a, b) : _mm256_min_epu32(a, b))
#endif

#if defined(RNN_RATE_LANES)

/* Two vectors' worth of elements, as binary64. No subnormal F32 or BF16 comes here (tile.c), and the
 * conversion of F16 takes no notice of DAZ. */
RNN_INLINE void rate_load(rnnloss_dtype d, const unsigned char *x, rate_lanes v[2]) {
#if defined(RNN_AVX512)
  __m512 all;
  if (d == RNNLOSS_F16)
    all = _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)x));
  else if (d == RNNLOSS_BF16)
    all = _mm512_castsi512_ps(
        _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(const void *)x)), 16));
  else
    all = _mm512_loadu_ps(x);
  v[0] = RATE_OF_FLOATS(_mm512_castps512_ps256(all));
  v[1] = RATE_OF_FLOATS(_mm512_extractf32x8_ps(all, 1));
#else
  __m256 all;
  if (d == RNNLOSS_F16)
    all = _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)x));
  else if (d == RNNLOSS_BF16)
    all = _mm256_castsi256_ps(
        _mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)x)), 16));
  else
    all = _mm256_loadu_ps((const float *)(const void *)x);
  v[0] = RATE_OF_FLOATS(_mm256_castps256_ps128(all));
  v[1] = RATE_OF_FLOATS(_mm256_extractf128_ps(all, 1));
#endif
}

RNN_INLINE void columns(rnnloss_dtype d, double *hi, double *lo, double anchor, const unsigned char *x, size_t n,
                        size_t ahead) {
  const size_t w = rnn_width(d), each = 2 * RNN_RATE_LANES;
  const rate_lanes anchors = RATE_ALL(anchor);
  size_t i = 0;
  for (; n - i >= each; i += each) {
    rate_lanes v[2];
    __builtin_prefetch((const void *)((uintptr_t)x + i * w + ahead)); /* of bytes that may not be there */
    if (d == RNNLOSS_F64) {
      v[0] = RATE_GET(x + i * w);
      v[1] = RATE_GET(x + i * w + sizeof(rate_lanes));
    } else {
      rate_load(d, x + i * w, v);
    }
    for (size_t k = 0; k < 2; k++) {
      double *high = hi + i + k * RNN_RATE_LANES, *low = lo + i + k * RNN_RATE_LANES;
      rate_lanes part = v[k];
      if (d == RNNLOSS_F64) {
        part = RATE_SUB(RATE_ADD(v[k], anchors), anchors);
        RATE_PUT(low, RATE_ADD(RATE_GET(low), RATE_SUB(v[k], part)));
      }
      RATE_PUT(high, RATE_ADD(RATE_GET(high), part));
    }
  }
  columns_scalar(d, hi + i, lo + i, anchor, x + i * w, n - i);
}

/* As span_scalar, within what struct rnn_span promises. Lanes keep the smallest m - 1: that of a zero is the
 * largest of all. Of F64 only the upper words are compared; a subnormal whose upper word is 0 counts as the smallest
 * of all (its m - 1 has an upper word of 0 too), and 2^k as a little less. */
RNN_INLINE void span(rnnloss_dtype d, const unsigned char *x, size_t n, struct rnn_span *out) {
  const size_t w = rnn_width(d), each = 2 * SPAN_BYTES / w;
  const span_lanes magnitude = SPAN_ALL(d, (UINT64_C(1) << (8 * w - 1)) - 1);
  span_lanes most[2] = {SPAN_ALL(d, 0), SPAN_ALL(d, 0)}, least[2] = {magnitude, magnitude};
  size_t i = 0;
  for (; n - i >= each; i += each) {
    for (size_t k = 0; k < 2; k++) {
      span_lanes m = SPAN_AND(SPAN_GET(x + i * w + k * SPAN_BYTES), magnitude);
      most[k] = SPAN_MAX(d, most[k], m);
      least[k] = SPAN_MIN(d, least[k], span_less_one(d, m));
    }
  }
  unsigned char lanes[2][SPAN_BYTES];
  SPAN_PUT(lanes[0], SPAN_MAX(d, most[0], most[1]));
  SPAN_PUT(lanes[1], SPAN_MIN(d, least[0], least[1]));
  *out = (struct rnn_span){0, UINT64_MAX};
  const uint64_t words = d == RNNLOSS_F64 ? UINT64_C(0xFFFFFFFF00000000) : UINT64_MAX;
  const uint64_t none = ((UINT64_C(1) << (8 * w - 1)) - 1) & words;
  for (size_t k = 0; k < SPAN_BYTES; k += w) {
    uint64_t high = rnn_bits_at(d, lanes[0] + k) & words, low = rnn_bits_at(d, lanes[1] + k) & words;
    if (high > out->most) out->most = high;
    if (low != none && low + 1 < out->least) out->least = low + 1;
  }
  span_scalar(d, x + i * w, n - i, out);
}

#else

RNN_INLINE void columns(rnnloss_dtype d, double *hi, double *lo, double anchor, const unsigned char *x, size_t n,
                        size_t ahead) {
  (void)ahead;
  columns_scalar(d, hi, lo, anchor, x, n);
}

RNN_INLINE void span(rnnloss_dtype d, const unsigned char *x, size_t n, struct rnn_span *out) {
  *out = (struct rnn_span){0, UINT64_MAX};
  span_scalar(d, x, n, out);
}

#endif
#endif
