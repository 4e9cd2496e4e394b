/* Elements of the four dtypes as integers. Nothing here uses floating-point arithmetic, so nothing
 * here depends on the caller's rounding mode or flush-to-zero flags. */
#ifndef RNN_NUMBER_H
#define RNN_NUMBER_H

#include <float.h>
#include <string.h>
#include "rnnloss.h"

#if defined(__FAST_MATH__)
#error "librnnloss promises exact results: compile it without -ffast-math"
#endif
/* 1, which s390x has in strict C, evaluates float as double: there is no float arithmetic here, only conversions. */
#if !defined(FLT_EVAL_METHOD) || (FLT_EVAL_METHOD != 0 && FLT_EVAL_METHOD != 1)
#error "librnnloss needs double arithmetic without excess precision (on x86-32: -msse2 -mfpmath=sse)"
#endif

#define RNN_INLINE static inline __attribute__((always_inline, unused))

__extension__ typedef unsigned __int128 rnn_u128;
__extension__ typedef __int128 rnn_i128;

#define RNN_NAN_BITS 0x7FF8000000000000U
#define RNN_INF_BITS 0x7FF0000000000000U

/* A dtype with p stored significand bits and exponent field E holds m 2^e, m an integer below
 * 2^(p + 1): e = max(E, 1) - 1 + least, where 2^least is the smallest subnormal. */
struct rnn_layout {
  int stored;     /* significand bits stored */
  int least;      /* exponent of the smallest subnormal */
  unsigned field; /* largest exponent field: Inf and NaN */
};

RNN_INLINE struct rnn_layout rnn_layout(rnnloss_dtype dtype) {
  switch (dtype) {
  case RNNLOSS_F16:
    return (struct rnn_layout){10, -24, 0x1F};
  case RNNLOSS_BF16:
    return (struct rnn_layout){7, -133, 0xFF};
  case RNNLOSS_F32:
    return (struct rnn_layout){23, -149, 0xFF};
  case RNNLOSS_F64:
  default:
    return (struct rnn_layout){52, -1074, 0x7FF};
  }
}

RNN_INLINE bool rnn_dtype_known(rnnloss_dtype dtype) {
  return (unsigned)dtype < RNNLOSS_DTYPES;
}

RNN_INLINE size_t rnn_width(rnnloss_dtype dtype) {
  return dtype == RNNLOSS_F64 ? 8 : dtype == RNNLOSS_F32 ? 4 : 2;
}

/* memcpy, since tensors need no alignment. */
RNN_INLINE uint64_t rnn_bits_at(rnnloss_dtype dtype, const unsigned char *x) {
  if (dtype == RNNLOSS_F64) {
    uint64_t bits;
    memcpy(&bits, x, sizeof bits);
    return bits;
  }
  if (dtype == RNNLOSS_F32) {
    uint32_t bits;
    memcpy(&bits, x, sizeof bits);
    return bits;
  }
  uint16_t bits;
  memcpy(&bits, x, sizeof bits);
  return bits;
}

RNN_INLINE void rnn_put_bits(rnnloss_dtype dtype, uint64_t bits, unsigned char *x) {
  if (dtype == RNNLOSS_F64) {
    memcpy(x, &bits, sizeof bits);
  } else if (dtype == RNNLOSS_F32) {
    uint32_t narrow = (uint32_t)bits;
    memcpy(x, &narrow, sizeof narrow);
  } else {
    uint16_t narrow = (uint16_t)bits;
    memcpy(x, &narrow, sizeof narrow);
  }
}

RNN_INLINE double rnn_double_of(uint64_t bits) {
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

RNN_INLINE uint64_t rnn_bits_of(double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

/* By its bits: with DAZ set, a subnormal compares equal to 0. */
RNN_INLINE bool rnn_is_zero(double value) {
  return rnn_bits_of(value) << 1 == 0;
}

/* An element taken apart: (negative ? -1 : 1) m 2^(e + least), unless it is not finite. */
struct rnn_parts {
  uint64_t m;
  unsigned e;
  bool negative, finite;
};

RNN_INLINE struct rnn_parts rnn_parts_of(rnnloss_dtype dtype, uint64_t bits) {
  struct rnn_layout l = rnn_layout(dtype);
  unsigned field = (unsigned)(bits >> l.stored) & l.field;
  uint64_t normal = field != 0;
  struct rnn_parts p;
  p.m = (bits & (((uint64_t)1 << l.stored) - 1)) | normal << l.stored;
  p.e = field - (unsigned)normal;
  p.negative = (bits >> (rnn_width(dtype) * 8 - 1)) != 0;
  p.finite = field != l.field;
  return p;
}

RNN_INLINE void rnn_count_nonfinite(rnnloss_nonfinite *count, rnnloss_dtype dtype, uint64_t bits) {
  struct rnn_layout l = rnn_layout(dtype);
  if ((bits & (((uint64_t)1 << l.stored) - 1)) != 0)
    count->nan++;
  else if ((bits >> (rnn_width(dtype) * 8 - 1)) != 0)
    count->negative++;
  else
    count->positive++;
}

/* Counts what a - b is, where a or b, as F64, is not finite. */
RNN_INLINE void rnn_count_difference(rnnloss_nonfinite *count, uint64_t a, uint64_t b) {
  const uint64_t infinity = RNN_INF_BITS, magnitude = ~(UINT64_C(1) << 63);
  bool nan = (a & magnitude) > infinity || (b & magnitude) > infinity;
  bool up = a == infinity || b == ~magnitude + infinity, down = b == infinity || a == ~magnitude + infinity;
  if (nan || (up && down))
    count->nan++;
  else if (up)
    count->positive++;
  else
    count->negative++;
}

/* The same number in binary64, exactly; NaNs become the canonical one. */
RNN_INLINE uint64_t rnn_widen(rnnloss_dtype dtype, uint64_t bits) {
  struct rnn_layout l = rnn_layout(dtype);
  uint64_t sign = (bits >> (rnn_width(dtype) * 8 - 1)) << 63;
  uint64_t fraction = bits & (((uint64_t)1 << l.stored) - 1);
  unsigned field = (unsigned)(bits >> l.stored) & l.field;
  if (__builtin_expect(field == l.field, 0)) return fraction != 0 ? RNN_NAN_BITS : sign | RNN_INF_BITS;
  if (dtype == RNNLOSS_F64) return bits;
  if (field == 0) {
    if (fraction == 0) return sign;
    int top = 63 - __builtin_clzll(fraction); /* subnormal: its leading bit becomes the hidden one */
    return sign | (uint64_t)(l.least + top + 1023) << 52 | ((fraction << (52 - top)) & ((UINT64_C(1) << 52) - 1));
  }
  return sign | (uint64_t)((int)field - 1 + l.least + l.stored + 1023) << 52 | fraction << (52 - l.stored);
}

/* Rounds binary64 bits to dtype, once, ties to even. (By way of binary32 it would be twice: 1 + 2^-11 + 2^-40
 * lies above the midpoint of two F16 but rounds to it in F32.) */
RNN_INLINE uint64_t rnn_narrow(rnnloss_dtype dtype, uint64_t bits) {
  struct rnn_layout l = rnn_layout(dtype);
  unsigned field = (unsigned)(bits >> 52) & 0x7FF;
  uint64_t fraction = bits & ((UINT64_C(1) << 52) - 1);
  uint64_t sign = (bits >> 63) << (rnn_width(dtype) * 8 - 1);
  uint64_t infinity = (uint64_t)l.field << l.stored;
  if (__builtin_expect(field == 0x7FF, 0))
    return fraction != 0 ? infinity | UINT64_C(1) << (l.stored - 1) : sign | infinity;
  if (dtype == RNNLOSS_F64) return bits;
  int biased = (int)field - 1022 - l.least - l.stored; /* the exponent field in dtype, if that is at least 1 */
  if (biased < -l.stored)                              /* below half the smallest subnormal (F64's own too) */
    return sign;
  int shift = 52 - l.stored + (biased < 1 ? 1 - biased : 0);
  uint64_t m = fraction | UINT64_C(1) << 52;
  uint64_t rest = m & ((UINT64_C(1) << shift) - 1), half = UINT64_C(1) << (shift - 1);
  m >>= shift;
  m += rest > half || (rest == half && (m & 1) != 0);
  /* The hidden bit, and a carry out of rounding, count one up in the exponent field as they should. */
  uint64_t out = biased < 1 ? m : m + ((uint64_t)(biased - 1) << l.stored);
  return sign | (out < infinity ? out : infinity);
}

#endif
