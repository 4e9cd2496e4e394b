/* lanes.h with AArch64's NEON. Memory goes through memcpy: it may be unaligned, and keeps the order of lanes. */
#ifndef RNN_LANES_NEON_H
#define RNN_LANES_NEON_H

#include <arm_neon.h>
#include "number.h"

#define LANES 4
#define LANES_BLOCK 64

struct lanes {
  float64x2_t lo, hi;
};

RNN_INLINE struct lanes lanes_of_floats(float32x4_t f) {
  return (struct lanes){vcvt_f64_f32(vget_low_f32(f)), vcvt_high_f64_f32(f)};
}

RNN_INLINE struct lanes lanes_load(rnnloss_dtype d, const void *x) {
  if (d == RNNLOSS_F64) {
    struct lanes v;
    memcpy(&v, x, sizeof v);
    return v;
  }
  if (d == RNNLOSS_F32) {
    float32x4_t f;
    memcpy(&f, x, sizeof f);
    return lanes_of_floats(f);
  }
  uint16x4_t half;
  memcpy(&half, x, sizeof half);
  if (d == RNNLOSS_F16) return lanes_of_floats(vcvt_f32_f16(vreinterpret_f16_u16(half)));
  return lanes_of_floats(vreinterpretq_f32_u32(vshll_n_u16(half, 16)));
}

RNN_INLINE float64x2_t lanes_canonical_half(float64x2_t v) {
  return vbslq_f64(vceqq_f64(v, v), v, vreinterpretq_f64_u64(vdupq_n_u64(RNN_NAN_BITS)));
}

RNN_INLINE struct lanes lanes_canonical(struct lanes v) {
  return (struct lanes){lanes_canonical_half(v.lo), lanes_canonical_half(v.hi)};
}

RNN_INLINE void lanes_store(rnnloss_dtype d, struct lanes v, void *out) {
  if (d == RNNLOSS_F64) {
    v = lanes_canonical(v);
    memcpy(out, &v, sizeof v);
    return;
  }
  float32x4_t f = d == RNNLOSS_F32 ? vcvt_high_f32_f64(vcvt_f32_f64(v.lo), v.hi)
                                   : vcvtx_high_f32_f64(vcvtx_f32_f64(v.lo), v.hi); /* to odd */
  f = vbslq_f32(vceqq_f32(f, f), f, vreinterpretq_f32_u32(vdupq_n_u32(0x7FC00000)));
  if (d == RNNLOSS_F32) {
    memcpy(out, &f, sizeof f);
    return;
  }
  uint16x4_t half;
  if (d == RNNLOSS_F16) {
    half = vreinterpret_u16_f16(vcvt_f16_f32(f));
  } else {
    uint32x4_t bits = vreinterpretq_u32_f32(f), odd = vandq_u32(vshrq_n_u32(bits, 16), vdupq_n_u32(1));
    half = vshrn_n_u32(vaddq_u32(vaddq_u32(bits, vdupq_n_u32(0x7FFF)), odd), 16);
  }
  memcpy(out, &half, sizeof half);
}

RNN_INLINE struct lanes lanes_all(double a) {
  return (struct lanes){vdupq_n_f64(a), vdupq_n_f64(a)};
}

RNN_INLINE struct lanes lanes_mul(struct lanes a, struct lanes b) {
  return (struct lanes){vmulq_f64(a.lo, b.lo), vmulq_f64(a.hi, b.hi)};
}

RNN_INLINE struct lanes lanes_sub(struct lanes a, struct lanes b) {
  return (struct lanes){vsubq_f64(a.lo, b.lo), vsubq_f64(a.hi, b.hi)};
}

RNN_INLINE struct lanes lanes_fma(struct lanes a, struct lanes x, struct lanes c) {
  return (struct lanes){vfmaq_f64(c.lo, a.lo, x.lo), vfmaq_f64(c.hi, a.hi, x.hi)};
}

RNN_INLINE struct lanes lanes_negate(struct lanes v) {
  return (struct lanes){vnegq_f64(v.lo), vnegq_f64(v.hi)};
}

RNN_INLINE bool lanes_nonfinite(rnnloss_dtype d, const unsigned char *x) {
  const uint64_t field = (uint64_t)rnn_layout(d).field << rnn_layout(d).stored;
  uint64x2_t found = vdupq_n_u64(0);
  for (size_t i = 0; i < LANES_BLOCK; i += 16) {
    uint64x2_t v;
    if (d == RNNLOSS_F64) {
      memcpy(&v, x + i, sizeof v);
      v = vceqq_u64(vandq_u64(v, vdupq_n_u64(field)), vdupq_n_u64(field));
    } else if (d == RNNLOSS_F32) {
      uint32x4_t w;
      memcpy(&w, x + i, sizeof w);
      v = vreinterpretq_u64_u32(vceqq_u32(vandq_u32(w, vdupq_n_u32((uint32_t)field)), vdupq_n_u32((uint32_t)field)));
    } else {
      uint16x8_t h;
      memcpy(&h, x + i, sizeof h);
      v = vreinterpretq_u64_u16(vceqq_u16(vandq_u16(h, vdupq_n_u16((uint16_t)field)), vdupq_n_u16((uint16_t)field)));
    }
    found = vorrq_u64(found, v);
  }
  return (vgetq_lane_u64(found, 0) | vgetq_lane_u64(found, 1)) != 0;
}

#endif
