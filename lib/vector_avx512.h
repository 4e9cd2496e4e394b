/* Vectors of AVX-512 F, BW, DQ and VL for the kernels that are written once over all vectors:
 *   vd   RNN_LANES of binary64        vi   the same register as integers */
#ifndef RNN_VECTOR_H
#define RNN_VECTOR_H

#include <immintrin.h>
#include "number.h"

#define RNN_LANES 8
#define RNN_VECTOR_BYTES 64
#define RNN_SETS_TWO 4
#define RNN_SETS_OTHER 4

typedef __m512d vd;
typedef __m512i vi;

RNN_INLINE vd vd_all(double x) {
  return _mm512_set1_pd(x);
}
RNN_INLINE vd vd_add(vd a, vd b) {
  return _mm512_add_pd(a, b);
}
RNN_INLINE vd vd_sub(vd a, vd b) {
  return _mm512_sub_pd(a, b);
}
RNN_INLINE vd vd_mul(vd a, vd b) {
  return _mm512_mul_pd(a, b);
}
RNN_INLINE vd vd_fma(vd a, vd b, vd c) { /* a b + c */
  return _mm512_fmadd_pd(a, b, c);
}
RNN_INLINE vd vd_fms(vd a, vd b, vd c) { /* a b - c */
  return _mm512_fmsub_pd(a, b, c);
}

/* RNN_LANES elements, exactly; of finite ones. */
RNN_INLINE vd vd_load(rnnloss_dtype d, const unsigned char *x) {
  if (d == RNNLOSS_F64) return _mm512_loadu_pd(x);
  if (d == RNNLOSS_F32) return _mm512_cvtps_pd(_mm256_loadu_ps((const float *)(const void *)x));
  __m128i eight = _mm_loadu_si128((const __m128i *)(const void *)x);
  if (d == RNNLOSS_F16) return _mm512_cvtps_pd(_mm256_cvtph_ps(eight));
  return _mm512_cvtps_pd(_mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(eight), 16)));
}

/* 2 RNN_LANES elements of F16 or BF16 as 32-bit integers, times the scale, with which they are integers. */
RNN_INLINE vi vi_integers(rnnloss_dtype d, const unsigned char *x, float scale) {
  __m256i all = _mm256_loadu_si256((const __m256i *)(const void *)x);
  __m512 v =
      d == RNNLOSS_F16 ? _mm512_cvtph_ps(all) : _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(all), 16));
  return _mm512_cvtps_epi32(_mm512_mul_ps(v, _mm512_set1_ps(scale)));
}
RNN_INLINE vi vi_sub32(vi a, vi b) {
  return _mm512_sub_epi32(a, b);
}
/* Adds the squares of 32-bit integers, of the even ones and the odd ones. */
RNN_INLINE void vi_add_squares(vi *even, vi *odd, vi m) {
  vi upper = _mm512_srli_epi64(m, 32);
  *even = _mm512_add_epi64(*even, _mm512_mul_epi32(m, m));
  *odd = _mm512_add_epi64(*odd, _mm512_mul_epi32(upper, upper));
}

RNN_INLINE vi vd_bits(vd a) {
  return _mm512_castpd_si512(a);
}
RNN_INLINE vi vi_add(vi a, vi b) { /* of 64 bits */
  return _mm512_add_epi64(a, b);
}
RNN_INLINE vi vi_sub(vi a, vi b) {
  return _mm512_sub_epi64(a, b);
}
RNN_INLINE vi vi_all(uint64_t bits) {
  return _mm512_set1_epi64((long long)bits);
}
RNN_INLINE vi vi_get(const unsigned char *x) {
  return _mm512_loadu_si512(x);
}
RNN_INLINE void vi_put(unsigned char *x, vi a) {
  _mm512_storeu_si512(x, a);
}

/* The largest magnitude so far, and the smallest less 1 (so 0 counts as the largest of all). */
RNN_INLINE void vi_range(rnnloss_dtype d, vi *most, vi *least, vi bits) {
  if (d == RNNLOSS_F64) {
    vi a = _mm512_and_si512(bits, _mm512_set1_epi64(INT64_MAX));
    *most = _mm512_max_epu64(*most, a);
    *least = _mm512_min_epu64(*least, _mm512_sub_epi64(a, _mm512_set1_epi64(1)));
  } else if (d == RNNLOSS_F32) {
    vi a = _mm512_and_si512(bits, _mm512_set1_epi32(INT32_MAX));
    *most = _mm512_max_epu32(*most, a);
    *least = _mm512_min_epu32(*least, _mm512_sub_epi32(a, _mm512_set1_epi32(1)));
  } else {
    vi a = _mm512_and_si512(bits, _mm512_set1_epi16(0x7FFF));
    *most = _mm512_max_epu16(*most, a);
    *least = _mm512_min_epu16(*least, _mm512_sub_epi16(a, _mm512_set1_epi16(1)));
  }
}

#endif
