/* Vectors of AArch64's NEON for the kernels that are written once over all vectors:
 *   vd   RNN_LANES of binary64        vi   the same register as integers */
#ifndef RNN_VECTOR_H
#define RNN_VECTOR_H

#include <arm_neon.h>
#include "number.h"

#define RNN_LANES 2
#define RNN_VECTOR_BYTES 16
#define RNN_SETS_TWO 4
#define RNN_SETS_OTHER 4

typedef float64x2_t vd;
typedef uint64x2_t vi;

RNN_INLINE vd vd_all(double x) {
  return vdupq_n_f64(x);
}
RNN_INLINE vd vd_add(vd a, vd b) {
  return vaddq_f64(a, b);
}
RNN_INLINE vd vd_sub(vd a, vd b) {
  return vsubq_f64(a, b);
}
RNN_INLINE vd vd_mul(vd a, vd b) {
  return vmulq_f64(a, b);
}
RNN_INLINE vd vd_fma(vd a, vd b, vd c) { /* a b + c */
  return vfmaq_f64(c, a, b);
}
RNN_INLINE vd vd_fms(vd a, vd b, vd c) { /* a b - c */
  return vfmaq_f64(vnegq_f64(c), a, b);
}

/* RNN_LANES elements, exactly; of finite ones. Loads by memcpy: tensors need no alignment. */
RNN_INLINE vd vd_load(rnnloss_dtype d, const unsigned char *x) {
  if (d == RNNLOSS_F64) {
    double two[2];
    memcpy(two, x, sizeof two);
    return vld1q_f64(two);
  }
  float two[2];
  if (d == RNNLOSS_F32) {
    memcpy(two, x, sizeof two);
  } else if (d == RNNLOSS_BF16) {
    uint16_t bits[2];
    memcpy(bits, x, sizeof bits);
    uint32_t wide[2] = {(uint32_t)bits[0] << 16, (uint32_t)bits[1] << 16};
    memcpy(two, wide, sizeof two);
  } else {
    uint16_t bits[4] = {0, 0, 0, 0};
    memcpy(bits, x, 4);
    return vcvt_f64_f32(vget_low_f32(vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(bits)))));
  }
  return vcvt_f64_f32(vld1_f32(two));
}

/* 2 RNN_LANES elements of F16 or BF16 as 32-bit integers, times the scale, with which they are integers. */
RNN_INLINE vi vi_integers(rnnloss_dtype d, const unsigned char *x, float scale) {
  uint16_t bits[4];
  memcpy(bits, x, sizeof bits);
  uint16x4_t four = vld1_u16(bits);
  float32x4_t v =
      d == RNNLOSS_F16 ? vcvt_f32_f16(vreinterpret_f16_u16(four)) : vreinterpretq_f32_u32(vshll_n_u16(four, 16));
  return vreinterpretq_u64_s32(vcvtq_s32_f32(vmulq_n_f32(v, scale)));
}
RNN_INLINE vi vi_sub32(vi a, vi b) {
  return vreinterpretq_u64_u32(vsubq_u32(vreinterpretq_u32_u64(a), vreinterpretq_u32_u64(b)));
}
/* Adds the squares of 32-bit integers, of the lower ones and the upper ones. */
RNN_INLINE void vi_add_squares(vi *even, vi *odd, vi m) {
  int32x4_t all = vreinterpretq_s32_u64(m);
  int32x2_t low = vget_low_s32(all), high = vget_high_s32(all);
  *even = vaddq_u64(*even, vreinterpretq_u64_s64(vmull_s32(low, low)));
  *odd = vaddq_u64(*odd, vreinterpretq_u64_s64(vmull_s32(high, high)));
}

RNN_INLINE vi vd_bits(vd a) {
  return vreinterpretq_u64_f64(a);
}
RNN_INLINE vi vi_add(vi a, vi b) { /* of 64 bits */
  return vaddq_u64(a, b);
}
RNN_INLINE vi vi_sub(vi a, vi b) {
  return vsubq_u64(a, b);
}
RNN_INLINE vi vi_all(uint64_t bits) {
  return vdupq_n_u64(bits);
}
RNN_INLINE vi vi_get(const unsigned char *x) {
  return vreinterpretq_u64_u8(vld1q_u8(x));
}
RNN_INLINE void vi_put(unsigned char *x, vi a) {
  vst1q_u8(x, vreinterpretq_u8_u64(a));
}

RNN_INLINE vi vi_select(vi mask, vi a, vi b) {
  return vbslq_u64(mask, a, b);
}

/* The largest magnitude so far, and the smallest less 1 (so 0 counts as the largest of all). */
RNN_INLINE void vi_range(rnnloss_dtype d, vi *most, vi *least, vi bits) {
  if (d == RNNLOSS_F64) {
    vi a = vandq_u64(bits, vdupq_n_u64(INT64_MAX)), less = vsubq_u64(a, vdupq_n_u64(1));
    *most = vi_select(vcgtq_u64(a, *most), a, *most);
    *least = vi_select(vcltq_u64(less, *least), less, *least);
  } else if (d == RNNLOSS_F32) {
    uint32x4_t a = vandq_u32(vreinterpretq_u32_u64(bits), vdupq_n_u32(INT32_MAX));
    *most = vreinterpretq_u64_u32(vmaxq_u32(vreinterpretq_u32_u64(*most), a));
    *least = vreinterpretq_u64_u32(vminq_u32(vreinterpretq_u32_u64(*least), vsubq_u32(a, vdupq_n_u32(1))));
  } else {
    uint16x8_t a = vandq_u16(vreinterpretq_u16_u64(bits), vdupq_n_u16(0x7FFF));
    *most = vreinterpretq_u64_u16(vmaxq_u16(vreinterpretq_u16_u64(*most), a));
    *least = vreinterpretq_u64_u16(vminq_u16(vreinterpretq_u16_u64(*least), vsubq_u16(a, vdupq_n_u16(1))));
  }
}

#endif
