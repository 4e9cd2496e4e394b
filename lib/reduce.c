/* Sums of squares: elements go to the limbs one by one if they are few, else by blocks: in binary64 where that is
 * exact, by way of exponent bins elsewhere. */
#include "reduce.h"
#include "fenv_guard.h"

#define FEW 512          /* below so many elements bins cost more than they save */
#define QUICK_SQUARES 24 /* from so many on, blocks in binary64 take less time than limbs */
#define QUICK_DIFFERENCES 8

void rnnloss_square_begin(rnnloss_square *sum) {
  if (sum != NULL) memset(sum, 0, sizeof *sum);
}

static bool use_bins(const rnnloss_bins *bins, const rnnloss_square *sum, size_t n) {
  return bins != NULL && (n >= FEW || bins->owner == sum);
}

RNN_INLINE void squares_direct(rnnloss_square *sum, rnnloss_dtype d, const unsigned char *x, size_t n) {
  const unsigned position = (unsigned)(2 * rnn_layout(d).least + RNN_SQUARE_ORIGIN);
  for (size_t i = 0; i < n; i++) {
    uint64_t bits = rnn_bits_at(d, x + i * rnn_width(d));
    struct rnn_parts p = rnn_parts_of(d, bits);
    if (!p.finite)
      rnn_count_nonfinite(&sum->nonfinite, d, bits);
    else
      rnn_limbs_add(sum->limb, (rnn_u128)p.m * p.m, position + 2 * p.e, false);
  }
}

static void add_few(rnnloss_square *sum, rnnloss_dtype dtype, const unsigned char *x, size_t n) {
  rnn_square_make_room(sum, n);
  sum->loose += n;
  switch (dtype) {
  case RNNLOSS_F16:
    squares_direct(sum, RNNLOSS_F16, x, n);
    break;
  case RNNLOSS_BF16:
    squares_direct(sum, RNNLOSS_BF16, x, n);
    break;
  case RNNLOSS_F32:
    squares_direct(sum, RNNLOSS_F32, x, n);
    break;
  case RNNLOSS_F64:
    squares_direct(sum, RNNLOSS_F64, x, n);
    break;
  }
}

/* A block, or its first elements, in integers; returns how many. */
static size_t add_slowly(rnnloss_square *sum, rnnloss_bins *bins, rnnloss_dtype dtype, const unsigned char *x,
                         size_t n) {
  size_t part = rnn_block_elements(dtype, false);
  if (part > n) part = n;
  if (bins == NULL) {
    add_few(sum, dtype, x, part);
    return part;
  }
  enum rnn_bins_kind kind = dtype == RNNLOSS_F64 ? RNN_BINS_WIDE : RNN_BINS_NARROW;
  part = rnn_bins_take(bins, sum, kind, dtype, 1, part);
  rnn_kernels()->squares[dtype](bins, x, part, &sum->nonfinite);
  return part;
}

void rnn_squares_add(rnnloss_square *sum, rnnloss_bins *bins, rnnloss_dtype dtype, const unsigned char *x, size_t n,
                     size_t of) {
  const bool quick = n >= QUICK_SQUARES;
  rnn_fenv saved;
  if (!use_bins(bins, sum, of)) bins = NULL;
  sum->count += n;
  if (quick) rnn_fenv_begin(&saved);
  while (n > 0) {
    size_t part = quick ? rnn_kernels()->square_blocks[dtype](sum, x, n) : 0;
    if (part == 0) part = add_slowly(sum, bins, dtype, x, n);
    x += part * rnn_width(dtype);
    n -= part;
  }
  if (quick) rnn_fenv_end(&saved);
}

rnnloss_status rnnloss_square_add(rnnloss_square *sum, rnnloss_bins *bins, rnnloss_dtype dtype, const void *x,
                                  size_t n) {
  if (sum == NULL || !rnn_dtype_known(dtype) || (x == NULL && n > 0)) return RNNLOSS_E_ARGUMENT;
  if (!rnn_count_fits(sum->count, n)) return RNNLOSS_E_LIMIT;
  rnn_squares_add(sum, bins, dtype, x, n, n);
  return RNNLOSS_OK;
}

/* ---- Differences ---- */

#define PIECE 512 /* pairs that are widened at once */

/* A few differences, in F64: a^2 - 2ab + b^2, which can't overflow. */
static void differences_direct(rnnloss_square *sum, const double *a, const double *b, size_t n) {
  const unsigned position = RNN_WIDE_UNIT + RNN_SQUARE_ORIGIN;
  rnn_square_make_room(sum, 3 * n);
  sum->loose += 3 * n;
  for (size_t i = 0; i < n; i++) {
    struct rnn_parts p = rnn_parts_of(RNNLOSS_F64, rnn_bits_of(a[i]));
    struct rnn_parts t = rnn_parts_of(RNNLOSS_F64, rnn_bits_of(b[i]));
    if (!p.finite || !t.finite) {
      rnn_count_difference(&sum->nonfinite, rnn_bits_of(a[i]), rnn_bits_of(b[i]));
      continue;
    }
    rnn_limbs_add(sum->limb, (rnn_u128)p.m * p.m, position + 2 * p.e, false);
    rnn_limbs_add(sum->limb, (rnn_u128)t.m * t.m, position + 2 * t.e, false);
    rnn_limbs_add(sum->limb, (rnn_u128)p.m * t.m, position + p.e + t.e + 1, p.negative == t.negative);
  }
}

/* A block of pairs of one dtype, or its first ones, in integers; returns how many. */
static size_t differ_slowly(rnnloss_square *sum, rnnloss_bins *bins, rnnloss_dtype dtype, const unsigned char *a,
                            const unsigned char *b, size_t n) {
  size_t part = rnn_block_elements(dtype, true);
  if (part > n) part = n;
  if (bins == NULL) {
    double p[PIECE], t[PIECE];
    if (part > PIECE) part = PIECE;
    rnn_kernels()->widen[dtype](a, p, part);
    rnn_kernels()->widen[dtype](b, t, part);
    differences_direct(sum, p, t, part);
    return part;
  }
  part = dtype == RNNLOSS_F64 ? rnn_bins_take(bins, sum, RNN_BINS_WIDE, dtype, RNN_WIDE_DIFFERENCE_COST, part)
                              : rnn_bins_take(bins, sum, RNN_BINS_CROSS, dtype, RNN_CROSS_COST, part);
  rnn_kernels()->differences[dtype](bins, a, b, part, &sum->nonfinite);
  return part;
}

static void differences_add(rnnloss_square *sum, rnnloss_bins *bins, rnnloss_dtype dtype, const unsigned char *a,
                            const unsigned char *b, size_t n) {
  const bool quick = n >= QUICK_DIFFERENCES;
  while (n > 0) {
    size_t part = quick ? rnn_kernels()->difference_blocks[dtype](sum, a, b, n) : 0;
    if (part == 0) part = differ_slowly(sum, bins, dtype, a, b, n);
    a += part * rnn_width(dtype);
    b += part * rnn_width(dtype);
    n -= part;
  }
}

/* Pairs of two dtypes, as F64. */
static void differences_mixed(rnnloss_square *sum, rnnloss_bins *bins, rnnloss_dtype a_dtype, const unsigned char *a,
                              rnnloss_dtype b_dtype, const unsigned char *b, size_t n) {
  double p[PIECE], t[PIECE];
  for (size_t part; n > 0; n -= part) {
    part = n < PIECE ? n : PIECE;
    rnn_kernels()->widen[a_dtype](a, p, part);
    rnn_kernels()->widen[b_dtype](b, t, part);
    differences_add(sum, bins, RNNLOSS_F64, (const unsigned char *)p, (const unsigned char *)t, part);
    a += part * rnn_width(a_dtype);
    b += part * rnn_width(b_dtype);
  }
}

rnnloss_status rnnloss_square_add_difference(rnnloss_square *sum, rnnloss_bins *bins, rnnloss_dtype a_dtype,
                                             const void *a, rnnloss_dtype b_dtype, const void *b, size_t n) {
  if (sum == NULL || !rnn_dtype_known(a_dtype) || !rnn_dtype_known(b_dtype) || ((a == NULL || b == NULL) && n > 0))
    return RNNLOSS_E_ARGUMENT;
  if (!rnn_count_fits(sum->count, n)) return RNNLOSS_E_LIMIT;
  rnn_fenv saved;
  if (!use_bins(bins, sum, n)) bins = NULL;
  rnn_fenv_begin(&saved);
  if (a_dtype == b_dtype)
    differences_add(sum, bins, a_dtype, a, b, n);
  else
    differences_mixed(sum, bins, a_dtype, a, b_dtype, b, n);
  rnn_fenv_end(&saved);
  sum->count += n;
  return RNNLOSS_OK;
}

void rnnloss_square_settle(rnnloss_square *sum, rnnloss_bins *bins) {
  if (bins != NULL) rnn_bins_empty(bins);
  if (sum == NULL) return;
  rnn_limbs_settle(sum->limb, RNNLOSS_SQUARE_LIMBS);
  sum->loose = 0;
}

rnnloss_status rnnloss_square_merge(rnnloss_square *sum, rnnloss_square *other) {
  if (sum == NULL || other == NULL || sum == other) return RNNLOSS_E_ARGUMENT;
  if (!rnn_count_fits(sum->count, other->count)) return RNNLOSS_E_LIMIT;
  rnnloss_square_settle(sum, NULL);
  rnnloss_square_settle(other, NULL);
  for (size_t i = 0; i < RNNLOSS_SQUARE_LIMBS; i++)
    sum->limb[i] = (int64_t)((uint64_t)sum->limb[i] + (uint64_t)other->limb[i]);
  rnnloss_square_settle(sum, NULL);
  sum->count += other->count;
  rnn_nonfinite_add(&sum->nonfinite, &other->nonfinite);
  return RNNLOSS_OK;
}
