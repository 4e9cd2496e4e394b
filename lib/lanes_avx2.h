/* lanes.h with AVX2, FMA and F16C. */
#ifndef RNN_LANES_AVX2_H
#define RNN_LANES_AVX2_H

#include <immintrin.h>
#include "number.h"

#define LANES 8
#define LANES_BLOCK 128

struct lanes {
  __m256d lo, hi;
};

RNN_INLINE struct lanes lanes_of_floats(__m256 f) {
  return (struct lanes){_mm256_cvtps_pd(_mm256_castps256_ps128(f)), _mm256_cvtps_pd(_mm256_extractf128_ps(f, 1))};
}

RNN_INLINE struct lanes lanes_load(rnnloss_dtype d, const void *x) {
  const unsigned char *at = x;
  if (d == RNNLOSS_F64)
    return (struct lanes){_mm256_loadu_pd((const void *)at), _mm256_loadu_pd((const void *)(at + 32))};
  if (d == RNNLOSS_F32) return lanes_of_floats(_mm256_loadu_ps(x));
  __m128i half = _mm_loadu_si128(x);
  if (d == RNNLOSS_F16) return lanes_of_floats(_mm256_cvtph_ps(half));
  return lanes_of_floats(_mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(half), 16)));
}

RNN_INLINE __m256d lanes_canonical_half(__m256d v) {
  return _mm256_blendv_pd(v, _mm256_castsi256_pd(_mm256_set1_epi64x((int64_t)RNN_NAN_BITS)),
                          _mm256_cmp_pd(v, v, _CMP_UNORD_Q));
}

RNN_INLINE struct lanes lanes_canonical(struct lanes v) {
  return (struct lanes){lanes_canonical_half(v.lo), lanes_canonical_half(v.hi)};
}

/* What is cut off, plus the largest that could be, carries into the last place kept unless it is 0. */
RNN_INLINE __m256d lanes_odd(__m256d v) {
  const __m256i cut = _mm256_set1_epi64x((INT64_C(1) << 37) - 1);
  __m256i bits = _mm256_castpd_si256(v), carry = _mm256_add_epi64(_mm256_and_si256(bits, cut), cut);
  return _mm256_castsi256_pd(_mm256_andnot_si256(cut, _mm256_or_si256(bits, carry)));
}

RNN_INLINE void lanes_store(rnnloss_dtype d, struct lanes v, void *out) {
  unsigned char *to = out;
  if (d == RNNLOSS_F64) {
    v = lanes_canonical(v);
    _mm256_storeu_pd((void *)to, v.lo);
    _mm256_storeu_pd((void *)(to + 32), v.hi);
    return;
  }
  if (d != RNNLOSS_F32) v = (struct lanes){lanes_odd(v.lo), lanes_odd(v.hi)};
  __m256 f = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm256_cvtpd_ps(v.lo)), _mm256_cvtpd_ps(v.hi), 1);
  f = _mm256_blendv_ps(f, _mm256_castsi256_ps(_mm256_set1_epi32(0x7FC00000)), _mm256_cmp_ps(f, f, _CMP_UNORD_Q));
  if (d == RNNLOSS_F32) {
    _mm256_storeu_ps(out, f);
  } else if (d == RNNLOSS_F16) {
    _mm_storeu_si128(out, _mm256_cvtps_ph(f, _MM_FROUND_TO_NEAREST_INT));
  } else {
    __m256i bits = _mm256_castps_si256(f);
    __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    bits = _mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7FFF)), odd);
    bits = _mm256_srli_epi32(bits, 16);
    _mm_storeu_si128(out, _mm_packus_epi32(_mm256_castsi256_si128(bits), _mm256_extracti128_si256(bits, 1)));
  }
}

RNN_INLINE struct lanes lanes_all(double a) {
  return (struct lanes){_mm256_set1_pd(a), _mm256_set1_pd(a)};
}

RNN_INLINE struct lanes lanes_mul(struct lanes a, struct lanes b) {
  return (struct lanes){_mm256_mul_pd(a.lo, b.lo), _mm256_mul_pd(a.hi, b.hi)};
}

RNN_INLINE struct lanes lanes_sub(struct lanes a, struct lanes b) {
  return (struct lanes){_mm256_sub_pd(a.lo, b.lo), _mm256_sub_pd(a.hi, b.hi)};
}

RNN_INLINE struct lanes lanes_fma(struct lanes a, struct lanes x, struct lanes c) {
  return (struct lanes){_mm256_fmadd_pd(a.lo, x.lo, c.lo), _mm256_fmadd_pd(a.hi, x.hi, c.hi)};
}

RNN_INLINE struct lanes lanes_negate(struct lanes v) {
  const __m256d sign = _mm256_set1_pd(-0.0);
  return (struct lanes){_mm256_xor_pd(v.lo, sign), _mm256_xor_pd(v.hi, sign)};
}

RNN_INLINE bool lanes_nonfinite(rnnloss_dtype d, const unsigned char *x) {
  const uint64_t field = (uint64_t)rnn_layout(d).field << rnn_layout(d).stored;
  const __m256i all = d == RNNLOSS_F64   ? _mm256_set1_epi64x((int64_t)field)
                      : d == RNNLOSS_F32 ? _mm256_set1_epi32((int32_t)field)
                                         : _mm256_set1_epi16((int16_t)field);
  __m256i found = _mm256_setzero_si256();
  for (size_t i = 0; i < LANES_BLOCK; i += 32) {
    __m256i v = _mm256_and_si256(_mm256_loadu_si256((const void *)(x + i)), all);
    v = d == RNNLOSS_F64   ? _mm256_cmpeq_epi64(v, all)
        : d == RNNLOSS_F32 ? _mm256_cmpeq_epi32(v, all)
                           : _mm256_cmpeq_epi16(v, all);
    found = _mm256_or_si256(found, v);
  }
  return _mm256_testz_si256(found, found) == 0;
}

#endif
