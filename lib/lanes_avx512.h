/* lanes.h with AVX-512 F, BW, DQ and VL. */
#ifndef RNN_LANES_AVX512_H
#define RNN_LANES_AVX512_H

#include <immintrin.h>
#include "number.h"

#define LANES 16
#define LANES_BLOCK 256

struct lanes {
  __m512d lo, hi;
};

RNN_INLINE struct lanes lanes_of_floats(__m512 f) {
  return (struct lanes){_mm512_cvtps_pd(_mm512_castps512_ps256(f)), _mm512_cvtps_pd(_mm512_extractf32x8_ps(f, 1))};
}

RNN_INLINE struct lanes lanes_load(rnnloss_dtype d, const void *x) {
  const unsigned char *at = x;
  if (d == RNNLOSS_F64) return (struct lanes){_mm512_loadu_pd(at), _mm512_loadu_pd(at + 64)};
  if (d == RNNLOSS_F32)
    return (struct lanes){_mm512_cvtps_pd(_mm256_loadu_ps((const void *)at)),
                          _mm512_cvtps_pd(_mm256_loadu_ps((const void *)(at + 32)))};
  __m256i half = _mm256_loadu_si256(x);
  if (d == RNNLOSS_F16) return lanes_of_floats(_mm512_cvtph_ps(half));
  return lanes_of_floats(_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16)));
}

RNN_INLINE __m512d lanes_canonical_half(__m512d v) {
  return _mm512_mask_mov_pd(v, _mm512_cmp_pd_mask(v, v, _CMP_UNORD_Q),
                            _mm512_castsi512_pd(_mm512_set1_epi64((int64_t)RNN_NAN_BITS)));
}

RNN_INLINE struct lanes lanes_canonical(struct lanes v) {
  return (struct lanes){lanes_canonical_half(v.lo), lanes_canonical_half(v.hi)};
}

/* What is cut off, plus the largest that could be, carries into the last place kept unless it is 0. */
RNN_INLINE __m512d lanes_odd(__m512d v) {
  const __m512i cut = _mm512_set1_epi64((INT64_C(1) << 37) - 1);
  __m512i bits = _mm512_castpd_si512(v), carry = _mm512_add_epi64(_mm512_and_si512(bits, cut), cut);
  return _mm512_castsi512_pd(_mm512_andnot_si512(cut, _mm512_or_si512(bits, carry)));
}

RNN_INLINE void lanes_store(rnnloss_dtype d, struct lanes v, void *out) {
  unsigned char *to = out;
  if (d == RNNLOSS_F64) {
    v = lanes_canonical(v);
    _mm512_storeu_pd(to, v.lo);
    _mm512_storeu_pd(to + 64, v.hi);
    return;
  }
  if (d != RNNLOSS_F32) v = (struct lanes){lanes_odd(v.lo), lanes_odd(v.hi)};
  __m512 f = _mm512_insertf32x8(_mm512_castps256_ps512(_mm512_cvtpd_ps(v.lo)), _mm512_cvtpd_ps(v.hi), 1);
  f = _mm512_mask_mov_ps(f, _mm512_cmp_ps_mask(f, f, _CMP_UNORD_Q), _mm512_castsi512_ps(_mm512_set1_epi32(0x7FC00000)));
  if (d == RNNLOSS_F32) {
    _mm512_storeu_ps(out, f);
  } else if (d == RNNLOSS_F16) {
    /* The form with a mask: without optimization gcc's header expands the other one to a sign conversion. */
    _mm256_storeu_si256(out, _mm512_maskz_cvtps_ph((__mmask16)0xFFFF, f, _MM_FROUND_TO_NEAREST_INT));
  } else {
    __m512i bits = _mm512_castps_si512(f);
    __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    bits = _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7FFF)), odd);
    _mm256_storeu_si256(out, _mm512_cvtepi32_epi16(_mm512_srli_epi32(bits, 16)));
  }
}

RNN_INLINE struct lanes lanes_all(double a) {
  return (struct lanes){_mm512_set1_pd(a), _mm512_set1_pd(a)};
}

RNN_INLINE struct lanes lanes_mul(struct lanes a, struct lanes b) {
  return (struct lanes){_mm512_mul_pd(a.lo, b.lo), _mm512_mul_pd(a.hi, b.hi)};
}

RNN_INLINE struct lanes lanes_sub(struct lanes a, struct lanes b) {
  return (struct lanes){_mm512_sub_pd(a.lo, b.lo), _mm512_sub_pd(a.hi, b.hi)};
}

RNN_INLINE struct lanes lanes_fma(struct lanes a, struct lanes x, struct lanes c) {
  return (struct lanes){_mm512_fmadd_pd(a.lo, x.lo, c.lo), _mm512_fmadd_pd(a.hi, x.hi, c.hi)};
}

RNN_INLINE struct lanes lanes_negate(struct lanes v) {
  const __m512d sign = _mm512_set1_pd(-0.0);
  return (struct lanes){_mm512_xor_pd(v.lo, sign), _mm512_xor_pd(v.hi, sign)};
}

RNN_INLINE bool lanes_nonfinite(rnnloss_dtype d, const unsigned char *x) {
  const uint64_t field = (uint64_t)rnn_layout(d).field << rnn_layout(d).stored;
  const __m512i all = d == RNNLOSS_F64   ? _mm512_set1_epi64((int64_t)field)
                      : d == RNNLOSS_F32 ? _mm512_set1_epi32((int32_t)field)
                                         : _mm512_set1_epi16((int16_t)field);
  uint64_t found = 0;
  for (size_t i = 0; i < LANES_BLOCK; i += 64) {
    __m512i v = _mm512_and_si512(_mm512_loadu_si512(x + i), all);
    found |= d == RNNLOSS_F64   ? _mm512_cmpeq_epi64_mask(v, all)
             : d == RNNLOSS_F32 ? _mm512_cmpeq_epi32_mask(v, all)
                                : _mm512_cmpeq_epi16_mask(v, all);
  }
  return found != 0;
}

#endif
