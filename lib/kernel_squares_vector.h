/* Kernels of the template: squares and squared differences by blocks, in binary64, over the vectors of one
 * instruction set. squares_plan.h says what is done and proves it. */
#ifndef RNN_KERNEL_SQUARES_VECTOR_H
#define RNN_KERNEL_SQUARES_VECTOR_H

#include "bins.h"
#include "squares_plan.h"

#if defined(RNN_AVX512)
#include "vector_avx512.h"
#elif defined(RNN_AVX2)
#include "vector_avx2.h"
#else
#include "vector_neon.h"
#endif

RNN_INLINE size_t sets_of(enum rnn_shape shape) {
  size_t sets = RNN_SETS_OTHER;
  if (shape == RNN_TWO) sets = RNN_SETS_TWO;
  return sets;
}

/* Elements of one step, each to an accumulator of its own. */
RNN_INLINE size_t group_of(enum rnn_shape shape) {
  return RNN_LANES * sets_of(shape);
}

/* What an accumulator takes of a block, as the plan wants it: all sizes are powers of two. */
RNN_INLINE struct rnn_loads loads_of(rnnloss_dtype d, bool difference) {
  size_t n = rnn_block_elements(d, difference);
  return (struct rnn_loads){__builtin_ctzll(n / (4 * RNN_LANES)), __builtin_ctzll(n / group_of(RNN_TWO)),
                            __builtin_ctzll(n / group_of(RNN_FOUR))};
}

/* ---- One step ---- */

struct bin_set {
  vd b0, b1, b2, b3;
};

/* Returns the rest. The first sum is an fma because many machines have units for additions beside those for fmas,
 * and there are more additions here. */
RNN_INLINE vd deposit(vd *bin, vd v) {
  vd t = vd_fma(v, vd_all(1), *bin), q = vd_sub(t, *bin);
  *bin = t;
  return vd_sub(v, q);
}

/* (v + f)^2 to the bins; f is of RNN_WIDE alone. */
RNN_INLINE void square_step(enum rnn_shape shape, struct bin_set *s, vd v, vd f) {
  if (shape == RNN_TWO || shape == RNN_THREE) {
    vd t = vd_fma(v, v, s->b0), rest = vd_fms(v, v, vd_sub(t, s->b0));
    s->b0 = t;
    if (shape == RNN_THREE) {
      rest = deposit(&s->b1, rest);
      s->b2 = vd_add(s->b2, rest);
    } else {
      s->b1 = vd_add(s->b1, rest);
    }
    return;
  }
  vd h = vd_mul(v, v), l = vd_fms(v, v, h);
  h = deposit(&s->b0, h);
  if (shape == RNN_PAIR) {
    s->b1 = vd_add(s->b1, h);
    s->b3 = vd_add(s->b3, deposit(&s->b2, l));
    return;
  }
  s->b3 = vd_add(s->b3, deposit(&s->b2, deposit(&s->b1, h)));
  s->b3 = vd_add(s->b3, deposit(&s->b2, deposit(&s->b1, l)));
  if (shape == RNN_WIDE) {
    vd g = vd_add(f, f);
    h = vd_mul(v, g);
    l = vd_fms(v, g, h);
    s->b3 = vd_add(s->b3, deposit(&s->b2, deposit(&s->b1, h)));
    s->b3 = vd_add(s->b3, deposit(&s->b2, l));
    s->b3 = vd_add(s->b3, deposit(&s->b2, vd_mul(f, f)));
  }
}

RNN_INLINE void square_step_at(enum rnn_shape shape, rnnloss_dtype d, bool difference, struct bin_set *s,
                               const unsigned char *x, const unsigned char *y, size_t i) {
  vd v = vd_load(d, x + i * rnn_width(d)), f = v;
  if (difference) {
    vd p = v, t = vd_load(d, y + i * rnn_width(d));
    v = vd_sub(p, t);
    if (shape == RNN_WIDE) { /* f = (p - t) - v, whatever their magnitudes */
      vd u = vd_add(v, t);   /* p as v has it; v - u is -t as u has it */
      f = vd_sub(vd_sub(p, u), vd_add(t, vd_sub(v, u)));
    }
  }
  square_step(shape, s, v, f);
}

/* ---- One block ---- */

struct square_bins {
  struct bin_set s0, s1, s2, s3;
};

RNN_INLINE void square_group(enum rnn_shape shape, rnnloss_dtype d, bool difference, struct square_bins *b,
                             const unsigned char *x, const unsigned char *y) {
  square_step_at(shape, d, difference, &b->s0, x, y, 0);
  square_step_at(shape, d, difference, &b->s1, x, y, RNN_LANES);
  if (sets_of(shape) == 2) return;
  square_step_at(shape, d, difference, &b->s2, x, y, 2 * RNN_LANES);
  square_step_at(shape, d, difference, &b->s3, x, y, 3 * RNN_LANES);
}

RNN_INLINE double anchor_of(int k) {
  return rnn_double_of((uint64_t)(k + 1023) << 52 | UINT64_C(1) << 51);
}

/* The sum of one bin's lanes, in units of 2^(k - 52): up to 32 differences of at most 2^51. */
RNN_INLINE int64_t content(enum rnn_shape shape, int k, vd a, vd b, vd c, vd d) {
  vi anchor = vd_bits(vd_all(anchor_of(k)));
  vi sum = vi_add(vi_sub(vd_bits(a), anchor), vi_sub(vd_bits(b), anchor));
  if (sets_of(shape) == 4) sum = vi_add(sum, vi_add(vi_sub(vd_bits(c), anchor), vi_sub(vd_bits(d), anchor)));
  int64_t lane[RNN_LANES], total = 0;
  vi_put((unsigned char *)lane, sum);
  for (size_t i = 0; i < RNN_LANES; i++) total += lane[i];
  return total;
}

RNN_INLINE void put_content(rnnloss_square *sum, int k, int64_t value) {
  uint64_t magnitude = (uint64_t)value;
  if (value < 0) magnitude = 0 - magnitude;
  rnn_limbs_add(sum->limb, magnitude, (unsigned)(k - 52 + RNN_SQUARE_ORIGIN), value < 0);
}

RNN_INLINE void prefetch_next(const unsigned char *x, size_t bytes) {
  for (size_t i = 0; i < bytes; i += 64) /* of the next block: it may lie beyond the tensor, which does no harm */
    __builtin_prefetch((const void *)((uintptr_t)x + RNN_BLOCK_BYTES + i));
}

/* Adds a block of this shape to the sum. */
RNN_INLINE void block_of_shape(enum rnn_shape shape, rnnloss_dtype d, bool difference, const struct rnn_plan *plan,
                               rnnloss_square *sum, const unsigned char *x, const unsigned char *y, size_t n) {
  const size_t w = rnn_width(d), each = group_of(shape), bins = rnn_shape_bins(shape);
  struct bin_set start = {vd_all(anchor_of(plan->k[0])), vd_all(anchor_of(plan->k[1])),
                          vd_all(bins > 2 ? anchor_of(plan->k[2]) : 0), vd_all(bins > 3 ? anchor_of(plan->k[3]) : 0)};
  struct square_bins b = {start, start, start, start};
  size_t i = 0;
  for (; n - i >= each; i += each) {
    prefetch_next(x + i * w, each * w);
    if (difference) prefetch_next(y + i * w, each * w);
    square_group(shape, d, difference, &b, x + i * w, difference ? y + i * w : NULL);
  }
  if (i < n) { /* the last ones, with zeros, which add nothing */
    unsigned char rest[2][4 * RNN_LANES * 8] = {{0}};
    memcpy(rest[0], x + i * w, (n - i) * w);
    if (difference) memcpy(rest[1], y + i * w, (n - i) * w);
    square_group(shape, d, difference, &b, rest[0], rest[1]);
  }
  rnn_square_make_room(sum, RNN_PLAN_BINS);
  sum->loose += RNN_PLAN_BINS;
  put_content(sum, plan->k[0], content(shape, plan->k[0], b.s0.b0, b.s1.b0, b.s2.b0, b.s3.b0));
  put_content(sum, plan->k[1], content(shape, plan->k[1], b.s0.b1, b.s1.b1, b.s2.b1, b.s3.b1));
  if (bins > 2) put_content(sum, plan->k[2], content(shape, plan->k[2], b.s0.b2, b.s1.b2, b.s2.b2, b.s3.b2));
  if (bins > 3) put_content(sum, plan->k[3], content(shape, plan->k[3], b.s0.b3, b.s1.b3, b.s2.b3, b.s3.b3));
}

/* ---- One block of integers ---- */

struct square_integers {
  vi even, odd, even2, odd2;
};

RNN_INLINE void integers_group(rnnloss_dtype d, bool difference, struct square_integers *s, float scale,
                               const unsigned char *x, const unsigned char *y) {
  const size_t half = 2 * RNN_LANES * 2; /* bytes */
  vi a = vi_integers(d, x, scale), b = vi_integers(d, x + half, scale);
  if (difference) {
    a = vi_sub32(a, vi_integers(d, y, scale));
    b = vi_sub32(b, vi_integers(d, y + half, scale));
  }
  vi_add_squares(&s->even, &s->odd, a);
  vi_add_squares(&s->even2, &s->odd2, b);
}

RNN_INLINE rnn_u128 lanes_sum(vi a) {
  uint64_t lane[RNN_LANES];
  rnn_u128 total = 0;
  vi_put((unsigned char *)lane, a);
  for (size_t i = 0; i < RNN_LANES; i++) total += lane[i];
  return total;
}

RNN_INLINE void block_of_integers(rnnloss_dtype d, bool difference, int unit, rnnloss_square *sum,
                                  const unsigned char *x, const unsigned char *y, size_t n) {
  const size_t each = 4 * RNN_LANES;
  const uint32_t bits = (uint32_t)(127 - unit) << 23;
  struct square_integers s = {vi_all(0), vi_all(0), vi_all(0), vi_all(0)};
  float scale;
  size_t i = 0;
  memcpy(&scale, &bits, sizeof scale);
  for (; n - i >= each; i += each) {
    prefetch_next(x + i * 2, each * 2);
    if (difference) prefetch_next(y + i * 2, each * 2);
    integers_group(d, difference, &s, scale, x + i * 2, difference ? y + i * 2 : NULL);
  }
  if (i < n) { /* the last ones, with zeros, which add nothing */
    unsigned char rest[2][4 * RNN_LANES * 2] = {{0}};
    memcpy(rest[0], x + i * 2, (n - i) * 2);
    if (difference) memcpy(rest[1], y + i * 2, (n - i) * 2);
    integers_group(d, difference, &s, scale, rest[0], rest[1]);
  }
  rnn_square_make_room(sum, 1);
  sum->loose++;
  rnn_limbs_add(sum->limb, lanes_sum(s.even) + lanes_sum(s.odd) + lanes_sum(s.even2) + lanes_sum(s.odd2),
                (unsigned)(2 * unit + RNN_SQUARE_ORIGIN), false);
}

/* ---- The range of a block ---- */

/* Two of each, so that they don't wait for each other. */
struct square_range {
  vi most, least, most2, least2;
};

RNN_INLINE void range_add(rnnloss_dtype d, struct square_range *r, const unsigned char *x, size_t bytes) {
  size_t i = 0;
  for (; bytes - i >= 2 * RNN_VECTOR_BYTES; i += 2 * RNN_VECTOR_BYTES) {
    vi_range(d, &r->most, &r->least, vi_get(x + i));
    vi_range(d, &r->most2, &r->least2, vi_get(x + i + RNN_VECTOR_BYTES));
  }
  if (i < bytes) { /* zeros change no range */
    unsigned char rest[2 * RNN_VECTOR_BYTES] = {0};
    memcpy(rest, x + i, bytes - i);
    vi_range(d, &r->most, &r->least, vi_get(rest));
    vi_range(d, &r->most2, &r->least2, vi_get(rest + RNN_VECTOR_BYTES));
  }
}

/* Exponent fields. What is least is one less than a magnitude, so its field may be one too low: that is safe. */
struct square_fields {
  unsigned high, low;
  bool zero; /* all elements are 0 */
};

RNN_INLINE struct square_fields fields_of(rnnloss_dtype d, const struct square_range *r) {
  const struct rnn_layout l = rnn_layout(d);
  const unsigned none = 2 * l.field + 1; /* of 0 - 1: all ones, with the sign */
  unsigned char most[2 * RNN_VECTOR_BYTES], least[2 * RNN_VECTOR_BYTES];
  struct square_fields f = {0, none, false};
  vi_put(most, r->most);
  vi_put(most + RNN_VECTOR_BYTES, r->most2);
  vi_put(least, r->least);
  vi_put(least + RNN_VECTOR_BYTES, r->least2);
  for (size_t i = 0; i < sizeof most; i += rnn_width(d)) {
    unsigned up = (unsigned)(rnn_bits_at(d, most + i) >> l.stored);
    unsigned down = (unsigned)(rnn_bits_at(d, least + i) >> l.stored);
    f.high = up > f.high ? up : f.high;
    f.low = down < f.low ? down : f.low;
  }
  f.zero = f.low == none;
  return f;
}

/* Adds a block; false, and nothing is added, if it has to go the slow way. */
RNN_INLINE bool square_block(rnnloss_dtype d, bool difference, rnnloss_square *sum, const unsigned char *x,
                             const unsigned char *y, size_t n) {
  const bool narrow = d != RNNLOSS_F64, half = rnn_width(d) == 2;
  struct square_range r = {vi_all(0), vi_all(UINT64_MAX), vi_all(0), vi_all(UINT64_MAX)};
  range_add(d, &r, x, n * rnn_width(d));
  if (difference) range_add(d, &r, y, n * rnn_width(d));
  struct square_fields f = fields_of(d, &r);
  if (f.zero) return true;
  struct rnn_plan plan = rnn_plan(d, loads_of(d, difference), difference, f.high, f.low);
  /* Those that the plan of this dtype can't have are not compiled. */
  if (half && plan.shape == RNN_INTEGER)
    block_of_integers(d, difference, plan.k[0], sum, x, y, n);
  else if (narrow && plan.shape == RNN_TWO)
    block_of_shape(RNN_TWO, d, difference, &plan, sum, x, y, n);
  else if (narrow && !difference && plan.shape == RNN_THREE)
    block_of_shape(RNN_THREE, d, difference, &plan, sum, x, y, n);
  else if (!narrow && !difference && plan.shape == RNN_PAIR)
    block_of_shape(RNN_PAIR, d, difference, &plan, sum, x, y, n);
  else if (narrow == difference && plan.shape == RNN_FOUR)
    block_of_shape(RNN_FOUR, d, difference, &plan, sum, x, y, n);
  else if (!narrow && difference && plan.shape == RNN_WIDE)
    block_of_shape(RNN_WIDE, d, difference, &plan, sum, x, y, n);
  else
    return false;
  return true;
}

RNN_INLINE size_t square_blocks(rnnloss_dtype d, bool difference, rnnloss_square *sum, const unsigned char *x,
                                const unsigned char *y, size_t n) {
  const size_t most = rnn_block_elements(d, difference), w = rnn_width(d);
  size_t done = 0;
  while (done < n) {
    size_t part = n - done < most ? n - done : most;
    if (!square_block(d, difference, sum, x + done * w, difference ? y + done * w : NULL, part)) break;
    done += part;
  }
  return done;
}

#endif
