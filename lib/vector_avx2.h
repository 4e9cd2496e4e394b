/* Vectors of AVX2, FMA and F16C for the kernels that are written once over all vectors:
 *   vd   RNN_LANES of binary64        vi   the same register as integers */
#ifndef RNN_VECTOR_H
#define RNN_VECTOR_H

#include <immintrin.h>
#include "number.h"

#define RNN_LANES 4
#define RNN_VECTOR_BYTES 32
#define RNN_SETS_TWO 4 /* accumulators of kernels with two bins, and with more: 16 registers hold no more */
#define RNN_SETS_OTHER 2

typedef __m256d vd;
typedef __m256i vi;

RNN_INLINE vd vd_all(double x) {
  return _mm256_set1_pd(x);
}
RNN_INLINE vd vd_add(vd a, vd b) {
  return _mm256_add_pd(a, b);
}
RNN_INLINE vd vd_sub(vd a, vd b) {
  return _mm256_sub_pd(a, b);
}
RNN_INLINE vd vd_mul(vd a, vd b) {
  return _mm256_mul_pd(a, b);
}
RNN_INLINE vd vd_fma(vd a, vd b, vd c) { /* a b + c */
  return _mm256_fmadd_pd(a, b, c);
}
RNN_INLINE vd vd_fms(vd a, vd b, vd c) { /* a b - c */
  return _mm256_fmsub_pd(a, b, c);
}

/* RNN_LANES elements, exactly; of finite ones. */
RNN_INLINE vd vd_load(rnnloss_dtype d, const unsigned char *x) {
  if (d == RNNLOSS_F64) return _mm256_loadu_pd((const double *)(const void *)x);
  if (d == RNNLOSS_F32) return _mm256_cvtps_pd(_mm_loadu_ps((const float *)(const void *)x));
  __m128i four = _mm_loadl_epi64((const __m128i *)(const void *)x);
  if (d == RNNLOSS_F16) return _mm256_cvtps_pd(_mm_cvtph_ps(four));
  return _mm256_cvtps_pd(_mm_castsi128_ps(_mm_unpacklo_epi16(_mm_setzero_si128(), four)));
}

/* 2 RNN_LANES elements of F16 or BF16 as 32-bit integers, times the scale, with which they are integers. */
RNN_INLINE vi vi_integers(rnnloss_dtype d, const unsigned char *x, float scale) {
  __m128i eight = _mm_loadu_si128((const __m128i *)(const void *)x);
  __m256 v = d == RNNLOSS_F16 ? _mm256_cvtph_ps(eight)
                              : _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(eight), 16));
  return _mm256_cvtps_epi32(_mm256_mul_ps(v, _mm256_set1_ps(scale)));
}
RNN_INLINE vi vi_sub32(vi a, vi b) {
  return _mm256_sub_epi32(a, b);
}
/* Adds the squares of 32-bit integers, of the even ones and the odd ones. */
RNN_INLINE void vi_add_squares(vi *even, vi *odd, vi m) {
  vi upper = _mm256_srli_epi64(m, 32);
  *even = _mm256_add_epi64(*even, _mm256_mul_epi32(m, m));
  *odd = _mm256_add_epi64(*odd, _mm256_mul_epi32(upper, upper));
}

RNN_INLINE vi vd_bits(vd a) {
  return _mm256_castpd_si256(a);
}
RNN_INLINE vi vi_add(vi a, vi b) { /* of 64 bits */
  return _mm256_add_epi64(a, b);
}
RNN_INLINE vi vi_sub(vi a, vi b) {
  return _mm256_sub_epi64(a, b);
}
RNN_INLINE vi vi_all(uint64_t bits) {
  return _mm256_set1_epi64x((long long)bits);
}
RNN_INLINE vi vi_get(const unsigned char *x) {
  return _mm256_loadu_si256((const __m256i *)(const void *)x);
}
RNN_INLINE void vi_put(unsigned char *x, vi a) {
  _mm256_storeu_si256((__m256i *)(void *)x, a);
}

/* The largest magnitude so far, and the smallest less 1 (so 0 counts as the largest of all). Of F64 only the
 * upper halves' bits are right, as AVX2 compares no unsigned 64-bit lanes: they have the exponent fields. The
 * subtraction has a borrow, so that a subnormal with no bit in its upper half isn't taken for 0. */
RNN_INLINE void vi_range(rnnloss_dtype d, vi *most, vi *least, vi bits) {
  if (rnn_width(d) == 2) {
    vi a = _mm256_and_si256(bits, _mm256_set1_epi16(0x7FFF));
    *most = _mm256_max_epu16(*most, a);
    *least = _mm256_min_epu16(*least, _mm256_sub_epi16(a, _mm256_set1_epi16(1)));
    return;
  }
  vi magnitude = d == RNNLOSS_F64 ? _mm256_set1_epi64x(INT64_MAX) : _mm256_set1_epi32(INT32_MAX);
  vi one = d == RNNLOSS_F64 ? _mm256_set1_epi64x(1) : _mm256_set1_epi32(1);
  vi a = _mm256_and_si256(bits, magnitude);
  vi less = d == RNNLOSS_F64 ? _mm256_sub_epi64(a, one) : _mm256_sub_epi32(a, one);
  *most = _mm256_max_epu32(*most, a);
  *least = _mm256_min_epu32(*least, less);
}

#endif
