/* The portable variant, and the reference of all others: integers only, but for the gradients. Each body is
 * compiled once a dtype, with the dtype a constant. */
#include <math.h>
#include "kernels.h"

RNN_INLINE size_t find_nonfinite(rnnloss_dtype d, const unsigned char *x, size_t n) {
  const uint64_t all = (uint64_t)rnn_layout(d).field << rnn_layout(d).stored;
  const size_t w = rnn_width(d), block = 256;
  size_t i = 0;
  for (; n - i >= block; i += block) { /* most blocks have none: look without leaving the loop */
    unsigned any = 0;
    for (size_t k = 0; k < block; k++) any |= (rnn_bits_at(d, x + (i + k) * w) & all) == all;
    if (any != 0) break;
  }
  while (i < n && (rnn_bits_at(d, x + i * w) & all) != all) i++;
  return i;
}

/* One element's square to its bin. */
RNN_INLINE void square(rnnloss_dtype d, struct rnnloss_bins *bins, unsigned lane, const unsigned char *x,
                       rnnloss_nonfinite *bad) {
  uint64_t bits = rnn_bits_at(d, x);
  struct rnn_parts p = rnn_parts_of(d, bits);
  if (__builtin_expect(!p.finite, 0))
    rnn_count_nonfinite(bad, d, bits);
  else if (d == RNNLOSS_F64)
    bins->wide[2 * p.e] += (rnn_u128)p.m * p.m;
  else
    bins->narrow[lane][p.e] += p.m * p.m;
}

RNN_INLINE void squares(rnnloss_dtype d, struct rnnloss_bins *bins, const unsigned char *x, size_t n,
                        rnnloss_nonfinite *bad) {
  const size_t w = rnn_width(d);
  size_t i = 0;
  for (; n - i >= RNN_BIN_LANES; i += RNN_BIN_LANES)
    for (unsigned lane = 0; lane < RNN_BIN_LANES; lane++) square(d, bins, lane, x + (i + lane) * w, bad);
  for (; i < n; i++) square(d, bins, 0, x + i * w, bad);
}

/* One (a - b)^2 to the bins. Where the exponents are near, a - b is an integer below 2^56 in units of the
 * smaller one: 2^24 2^29 + 2^24 for narrow dtypes, 2^53 2^2 + 2^53 for F64. Elsewhere a^2 - 2ab + b^2.
 * Signs and exponents of real data are random: no branch but that one may depend on them. */
RNN_INLINE void difference(rnnloss_dtype d, rnn_u128 *wide, struct rnn_parts a, struct rnn_parts b) {
  const unsigned near = d == RNNLOSS_F64 ? 2 : 29;
  const unsigned base = 2 * (unsigned)(rnn_layout(d).least + 1074);
  a.e = a.m == 0 ? b.e : a.e; /* a zero may have any exponent */
  b.e = b.m == 0 ? a.e : b.e;
  unsigned low = a.e < b.e ? a.e : b.e, up = a.e - low, down = b.e - low; /* one of them is 0 */
  if (__builtin_expect((up | down) <= near, 1)) {
    int64_t flip = -(int64_t)(a.negative == b.negative);
    int64_t r = (int64_t)(a.m << up) + (((int64_t)(b.m << down) ^ flip) - flip);
    wide[base + 2 * low] += (rnn_u128)((rnn_i128)r * r);
    return;
  }
  rnn_u128 cross = (rnn_u128)a.m * b.m << 1;
  wide[base + 2 * a.e] += (rnn_u128)a.m * a.m;
  wide[base + 2 * b.e] += (rnn_u128)b.m * b.m;
  wide[base + a.e + b.e] += a.negative == b.negative ? -cross : cross;
}

RNN_INLINE void differences(rnnloss_dtype d, struct rnnloss_bins *bins, const unsigned char *a, const unsigned char *b,
                            size_t n, rnnloss_nonfinite *bad) {
  const size_t w = rnn_width(d);
  for (size_t i = 0; i < n; i++) {
    uint64_t x = rnn_bits_at(d, a + i * w), y = rnn_bits_at(d, b + i * w);
    struct rnn_parts p = rnn_parts_of(d, x), t = rnn_parts_of(d, y);
    if (__builtin_expect(p.finite & t.finite, 1))
      difference(d, bins->wide, p, t);
    else
      rnn_count_difference(bad, rnn_widen(d, x), rnn_widen(d, y));
  }
}

/* One element to a neuron's limbs: below 2^53 2^31 in F64, three pieces; below 2^24 2^31 in others, two. */
RNN_INLINE void rate(rnnloss_dtype d, int64_t *limb, uint64_t bits, rnnloss_nonfinite *bad) {
  const unsigned shift = (unsigned)(rnn_layout(d).least + (d == RNNLOSS_F64 ? RNN_WIDE_ORIGIN : RNN_NARROW_ORIGIN));
  struct rnn_parts p = rnn_parts_of(d, bits);
  if (__builtin_expect(!p.finite, 0)) {
    rnn_count_nonfinite(bad, d, bits);
    return;
  }
  unsigned position = p.e + shift;
  int64_t flip = -(int64_t)p.negative; /* (v ^ flip) - flip is v or -v */
  limb += position >> 5;
  if (d == RNNLOSS_F64) {
    rnn_u128 v = (rnn_u128)p.m << (position & 31);
    limb[0] += ((int64_t)(uint32_t)v ^ flip) - flip;
    limb[1] += ((int64_t)(uint32_t)(v >> 32) ^ flip) - flip;
    limb[2] += ((int64_t)(uint32_t)(v >> 64) ^ flip) - flip;
  } else {
    uint64_t v = p.m << (position & 31);
    limb[0] += ((int64_t)(uint32_t)v ^ flip) - flip;
    limb[1] += ((int64_t)(v >> 32) ^ flip) - flip;
  }
}

RNN_INLINE void rates(rnnloss_dtype d, int64_t *limb, size_t stride, size_t neurons, size_t position,
                      const unsigned char *x, size_t n, rnnloss_nonfinite *bad) {
  const size_t w = rnn_width(d);
  while (n > 0) {
    size_t run = neurons - position < n ? neurons - position : n;
    int64_t *at = limb + position * stride;
    for (size_t i = 0; i < run; i++, at += stride) rate(d, at, rnn_bits_at(d, x + i * w), bad);
    x += run * w;
    n -= run;
    position = 0;
  }
}

RNN_INLINE void widen(rnnloss_dtype d, const unsigned char *x, double *out, size_t n) {
  for (size_t i = 0; i < n; i++) out[i] = rnn_double_of(rnn_widen(d, rnn_bits_at(d, x + i * rnn_width(d))));
}

/* ---- Gradients: binary64 arithmetic in the default environment ---- */

/* To F64 quickly; subnormals and NaNs as rnn_widen has them, but NaNs keep their payload until they are put. */
RNN_INLINE double load(rnnloss_dtype d, const unsigned char *x) {
  if (d == RNNLOSS_F32) {
    float value;
    memcpy(&value, x, sizeof value);
    return (double)value;
  }
  if (d == RNNLOSS_BF16) {
    uint32_t bits = (uint32_t)rnn_bits_at(d, x) << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return (double)value;
  }
  return rnn_double_of(d == RNNLOSS_F64 ? rnn_bits_at(d, x) : rnn_widen(d, rnn_bits_at(d, x)));
}

RNN_INLINE void put(rnnloss_dtype d, double value, unsigned char *out) {
  if (d == RNNLOSS_F32) {
    float narrow = (float)value;
    uint32_t bits;
    memcpy(&bits, &narrow, sizeof bits);
    rnn_put_bits(d, value != value ? 0x7FC00000 : bits, out);
  } else if (d == RNNLOSS_F64) {
    rnn_put_bits(d, value != value ? RNN_NAN_BITS : rnn_bits_of(value), out);
  } else {
    rnn_put_bits(d, rnn_narrow(d, rnn_bits_of(value)), out);
  }
}

RNN_INLINE void narrow(rnnloss_dtype d, const double *x, unsigned char *out, size_t n) {
  for (size_t i = 0; i < n; i++) put(d, x[i], out + i * rnn_width(d));
}

RNN_INLINE void scaled(rnnloss_dtype d, double a, const unsigned char *x, unsigned char *out, size_t n) {
  const size_t w = rnn_width(d);
  for (size_t i = 0; i < n; i++) put(d, a * load(d, x + i * w), out + i * w);
}

RNN_INLINE void shifted(rnnloss_dtype d, double a, const double *c, const unsigned char *x, unsigned char *out,
                        size_t n) {
  const size_t w = rnn_width(d);
  for (size_t i = 0; i < n; i++) put(d, fma(a, load(d, x + i * w), c[i]), out + i * w);
}

RNN_INLINE void residual(rnnloss_dtype d, double a, bool negate, const unsigned char *p, const unsigned char *t,
                         unsigned char *out, size_t n) {
  const size_t w = rnn_width(d);
  for (size_t i = 0; i < n; i++) {
    double g = a * (load(d, p + i * w) - load(d, t + i * w));
    put(d, negate ? -g : g, out + i * w);
  }
}

/* ---- The table ---- */

#define FOR_DTYPE(d, suffix)                                                                                           \
  static size_t find_nonfinite_##suffix(const unsigned char *x, size_t n) {                                            \
    return find_nonfinite(d, x, n);                                                                                    \
  }                                                                                                                    \
  static void squares_##suffix(struct rnnloss_bins *b, const unsigned char *x, size_t n, rnnloss_nonfinite *bad) {     \
    squares(d, b, x, n, bad);                                                                                          \
  }                                                                                                                    \
  static void differences_##suffix(struct rnnloss_bins *bins, const unsigned char *a, const unsigned char *b,          \
                                   size_t n, rnnloss_nonfinite *bad) {                                                 \
    differences(d, bins, a, b, n, bad);                                                                                \
  }                                                                                                                    \
  static void rates_##suffix(int64_t *limb, size_t stride, size_t neurons, size_t position, const unsigned char *x,    \
                             size_t n, rnnloss_nonfinite *bad) {                                                       \
    rates(d, limb, stride, neurons, position, x, n, bad);                                                              \
  }                                                                                                                    \
  static void widen_##suffix(const unsigned char *x, double *out, size_t n) {                                          \
    widen(d, x, out, n);                                                                                               \
  }                                                                                                                    \
  static void narrow_##suffix(const double *x, unsigned char *out, size_t n) {                                         \
    narrow(d, x, out, n);                                                                                              \
  }                                                                                                                    \
  static void scaled_##suffix(double a, const double *c, const unsigned char *x, unsigned char *out, size_t n) {       \
    (void)c;                                                                                                           \
    scaled(d, a, x, out, n);                                                                                           \
  }                                                                                                                    \
  static void shifted_##suffix(double a, const double *c, const unsigned char *x, unsigned char *out, size_t n) {      \
    shifted(d, a, c, x, out, n);                                                                                       \
  }                                                                                                                    \
  static void residual_##suffix(double a, bool negate, const unsigned char *p, const unsigned char *t,                 \
                                unsigned char *out, size_t n) {                                                        \
    residual(d, a, negate, p, t, out, n);                                                                              \
  }

FOR_DTYPE(RNNLOSS_F16, f16)
FOR_DTYPE(RNNLOSS_BF16, bf16)
FOR_DTYPE(RNNLOSS_F32, f32)
FOR_DTYPE(RNNLOSS_F64, f64)

#define EACH(name)                                                                                                     \
  { name##_f16, name##_bf16, name##_f32, name##_f64 }

const struct kernels rnn_kernels_portable = {
    .name = "portable",
    .find_nonfinite = EACH(find_nonfinite),
    .squares = EACH(squares),
    .differences = EACH(differences),
    .rates = EACH(rates),
    .widen = EACH(widen),
    .narrow = EACH(narrow),
    .scaled = EACH(scaled),
    .shifted = EACH(shifted),
    .residual = EACH(residual),
};

const char *rnnloss_kernel(void) {
  return rnn_kernels()->name;
}
