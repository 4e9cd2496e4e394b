/* One variant of the kernels: included by a file for each instruction set, which defines
 *   RNN_VARIANT   its name, a string
 *   RNN_TABLE     the name of its table
 * and, if it has vectors, one of RNN_AVX2, RNN_AVX512, RNN_NEON. What a variant has no better body for it
 * takes from the portable one, compiled for its instruction set. Each body is compiled once a dtype, with the
 * dtype a constant. All variants leave the same exact sums and the same bits. */
#include "kernel_gradients.h"
#include "kernel_numbers.h"
#include "kernel_rates.h"
#include "kernel_rates_vector.h"
#include "kernel_squares.h"
#include "kernels.h"

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
  static size_t square_blocks_##suffix(rnnloss_square *sum, const unsigned char *x, size_t n) {                        \
    return square_blocks(d, false, sum, x, NULL, n);                                                                   \
  }                                                                                                                    \
  static size_t difference_blocks_##suffix(rnnloss_square *sum, const unsigned char *a, const unsigned char *b,        \
                                           size_t n) {                                                                 \
    return square_blocks(d, true, sum, a, b, n);                                                                       \
  }                                                                                                                    \
  static void rates_##suffix(int64_t *limb, size_t stride, size_t neurons, size_t position, const unsigned char *x,    \
                             size_t n, rnnloss_nonfinite *bad) {                                                       \
    rates(d, limb, stride, neurons, position, x, n, bad);                                                              \
  }                                                                                                                    \
  static void span_##suffix(const unsigned char *x, size_t n, struct rnn_span *out) {                                  \
    span(d, x, n, out);                                                                                                \
  }                                                                                                                    \
  static void columns_##suffix(double *hi, double *lo, double anchor, const unsigned char *x, size_t n,                \
                               size_t ahead) {                                                                         \
    columns(d, hi, lo, anchor, x, n, ahead);                                                                           \
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

const struct kernels RNN_TABLE = {
    .name = RNN_VARIANT,
    .find_nonfinite = EACH(find_nonfinite),
    .squares = EACH(squares),
    .differences = EACH(differences),
    .square_blocks = EACH(square_blocks),
    .difference_blocks = EACH(difference_blocks),
    .rates = EACH(rates),
    .span = EACH(span),
    .columns = EACH(columns),
    .widen = EACH(widen),
    .narrow = EACH(narrow),
    .scaled = EACH(scaled),
    .shifted = EACH(shifted),
    .residual = EACH(residual),
};
