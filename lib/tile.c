/* Column sums. Elements are added in binary64, a column a neuron, for as long as that is provably exact; then the
 * sums, as integers, go to the limbs.
 *
 * WHEN IT IS EXACT. A window is open: top, low, high and rows such that
 *   (1) each element in it is a multiple of 2^low below 2^top in magnitude (its span says so: the unit in the last
 *       place of its smallest magnitude but 0, and the exponent of its largest), and
 *   (2) each neuron gets at most `rows` of them, a power of two.
 * F16, BF16, F32: top + log2 rows = low + 51. All elements are binary64 numbers. Any sum of some of a neuron's
 * elements is a multiple of 2^low and at most rows 2^top = 2^(low + 51) in magnitude, hence a binary64 number, and
 * an addition whose result is one is exact, in every order and in every rounding mode.
 * F64: high = top + log2 rows - 51, low = high + log2 rows - 51. The anchor 1.5 2^(high + 52) has the unit 2^high, as
 * has all of its binade; |x| < 2^top <= 2^(high + 51) doesn't leave the binade. So part = (x + anchor) - anchor is a
 * multiple of 2^high that differs from x by at most 2^high, in every rounding mode (the subtraction is exact), and at
 * most 2^top in magnitude, since that is itself a multiple of 2^high (rows <= 2^51). x - part is a multiple of 2^low
 * and at most 2^high = 2^(low + 51) / rows: it and the sums of such numbers are exact as before, and so are the sums
 * of parts: multiples of 2^high, at most rows 2^top = 2^(high + 51).
 *
 * To an integer: for a multiple s of 2^low, |s| <= 2^(low + 51), anchor + s lies in [2^(low + 52), 2^(low + 53)] for
 * the anchor 1.5 2^(low + 52), where the units are 2^low or the end of the binade is met: the sum is exact and the
 * bits of it less those of the anchor are s/2^low (also at the end: the next binade's first number has the next bits).
 *
 * THE ENVIRONMENT. No subnormal takes part but those of F16, which the conversion makes normal: a piece with
 * subnormals is refused, and low >= -1022 for F64 (others: >= -160, limb 0's unit, where binary64 has room). Hence
 * FTZ and DAZ change nothing; and without F64 nothing is inexact, so that no flag is raised and no trap taken.
 *
 * What is in no window goes to the limbs one by one: first strips of the piece are tried. A window is given up when
 * its rows are used up, or when so many elements were refused that emptying the columns costs less than they did:
 * no data make this more than a constant factor slower than going one by one. */
#include "tile.h"

#define STRIP 64      /* elements of a piece that are tried alone */
#define HOPELESS 3    /* strips refused one after the other: the rest of the piece is not tried */
#define ROWS_LOG 7    /* of a window, if it is wide enough */
#define EXACT_BITS 51 /* of a column */

/* Column sums of n neurons, integers in 2^unit, to limbs: three pieces a neuron, all at one place. */
static void columns_to_limbs(const rnnloss_rates *rates, size_t first, size_t n, const double *sums, int unit) {
  const double anchor = 1.5 * rnn_power(unit + 52);
  const int64_t zero = (int64_t)rnn_bits_of(anchor);
  const size_t stride = rates->limbs;
  const unsigned position = (unsigned)(unit + (stride == RNNLOSS_WIDE_LIMBS ? RNN_WIDE_ORIGIN : RNN_NARROW_ORIGIN));
  const unsigned shift = position & 31;
  int64_t *limb = rates->limb + first * stride + (position >> 5);
  for (size_t i = 0; i < n; i++, limb += stride) {
    int64_t s = (int64_t)rnn_bits_of(anchor + sums[i]) - zero;
    uint64_t low = (uint64_t)s << shift;
    limb[0] += (int64_t)(low & 0xFFFFFFFF);
    limb[1] += (int64_t)(low >> 32);
    limb[2] += (s >> 1) >> (63 - shift); /* rounded down, as two's complement has it */
  }
}

void rnn_tile_empty(struct tile *t) {
  if (!t->open) return;
  t->open = false;
  for (int k = 0; k < t->parts; k++) {
    double *sums = t->part[k];
    size_t each = t->width / t->neurons; /* several columns of a neuron become one: exact, by (2) */
    for (; each % 2 == 0; each /= 2) {
      size_t half = each / 2 * t->neurons;
      for (size_t i = 0; i < half; i++) sums[i] += sums[half + i];
    }
    for (size_t i = t->neurons; i < each * t->neurons; i++) sums[i % t->neurons] += sums[i];
    columns_to_limbs(t->rates, t->first, t->neurons, sums, k == 0 ? t->high : t->low);
  }
}

void rnn_tile_empty_kept(struct tile *t, size_t first, size_t n, bool past) {
  for (int k = 0; k < t->parts; k++) {
    double *sums = t->part[k] + first;
    int unit = past ? (k == 0 ? t->past_high : t->past_low) : k == 0 ? t->high : t->low;
    if (!past || t->past) columns_to_limbs(t->rates, first, n, sums, unit); /* else they hold anything */
    for (size_t i = 0; i < n; i++) sums[i] = 0;
  }
}

void rnn_tile_refresh(struct tile *t, size_t n) {
  if (n > t->stale) n = t->stale;
  t->stale -= n;
  for (size_t first = t->column, run; n > 0; n -= run, first = 0) {
    run = t->neurons - first < n ? t->neurons - first : n;
    rnn_tile_empty_kept(t, first, run, true);
  }
}

/* Exponents of (1): magnitudes are below 2^top and multiples of 2^unit. False if that isn't all there is to say. */
static bool exponents(rnnloss_dtype dtype, const struct rnn_span *span, int *top, int *unit) {
  struct rnn_layout l = rnn_layout(dtype);
  int most = (int)(span->most >> l.stored), least = (int)(span->least >> l.stored);
  if (most == (int)l.field || (least == 0 && dtype != RNNLOSS_F16)) return false;
  *top = (most == 0 ? 0 : most - 1) + l.least + l.stored + 1;
  *unit = (least == 0 ? 0 : least - 1) + l.least;
  return true;
}

/* Smallest e with 2^e >= n. */
static int log_up(size_t n) {
  return n <= 1 ? 0 : 64 - __builtin_clzll((uint64_t)n - 1);
}

/* Opens a window for n elements with these exponents, if one can hold them. Some of what it could hold more
 * is for larger elements to come (a quarter), the rest for smaller ones. */
static bool tile_open(struct tile *t, size_t n, int top, int unit) {
  int least = log_up((n + t->neurons - 1) / t->neurons), rows = log_up(t->width / t->neurons) + 4;
  if (rows < ROWS_LOG) rows = ROWS_LOG;
  if (rows < least) rows = least;
  int spare = t->parts * (EXACT_BITS - rows) - (top - unit);
  if (spare < 0) {
    rows = least;
    spare = t->parts * (EXACT_BITS - rows) - (top - unit);
  }
  const int most = t->dtype == RNNLOSS_F64 ? 1021 - rows : 128;
  int wider = top + spare / 4 < most ? top + spare / 4 : most;
  if (spare < 0 || top > most) return false;
  int high = wider + rows - EXACT_BITS, low = t->parts == 2 ? high + rows - EXACT_BITS : high;
  if (t->parts == 2 && low < -1022) return false;
  if (t->parts == 1 && low < -RNN_NARROW_ORIGIN) high = low = -RNN_NARROW_ORIGIN; /* only wider than proved */
  if (t->kept) {
    if (t->stale > 0) return false; /* two windows' sums at once are all that is kept */
    t->past = t->open;
    t->past_high = t->high;
    t->past_low = t->low;
    t->stale = t->neurons;
  } else {
    rnn_tile_empty(t);
    for (int k = 0; k < t->parts; k++) memset(t->part[k], 0, t->width * sizeof(double));
  }
  t->open = true;
  t->top = wider;
  t->high = high;
  t->low = low;
  t->anchor = t->parts == 2 ? 1.5 * rnn_power(high + 52) : 0;
  t->left = (uint64_t)t->neurons << rows;
  t->refused = 0;
  return true;
}

/* Whether n elements may go to the columns; opens a window for them if it is time to. */
static bool admit(struct tile *t, const unsigned char *x, size_t n) {
  struct rnn_span span;
  int top, unit;
  t->kernels->span[t->dtype](x, n, &span);
  bool room = t->open && t->left >= n;
  if (span.most == 0 && span.least == UINT64_MAX) { /* nothing but zeros */
    top = unit = 0;
    if (room) return true;
  } else if (!exponents(t->dtype, &span, &top, &unit)) {
    return false;
  }
  if (room && top <= t->top && unit >= t->low) return true;
  return (!room || t->refused >= t->neurons) && tile_open(t, n, top, unit);
}

static void to_columns(struct tile *t, const unsigned char *x, size_t n) {
  rnn_tile_refresh(t, n);
  t->left -= n;
  while (n > 0) {
    size_t run = t->width - t->column < n ? t->width - t->column : n;
    t->kernels->columns[t->dtype](t->part[0] + t->column, t->part[1] + t->column, t->anchor, x, run, t->ahead);
    x += run * rnn_width(t->dtype);
    n -= run;
    t->column = t->column + run < t->width ? t->column + run : 0;
  }
}

void rnn_tile_pass_by(struct tile *t, size_t n) {
  rnn_tile_refresh(t, n);
  t->column = (t->column + n) % t->width;
  t->refused += n;
  t->left -= n < t->left ? n : t->left; /* the window's rows are counted by position: see (2) */
}

void rnn_tile_to_limbs(struct tile *t, const unsigned char *x, size_t n) {
  const size_t stride = t->rates->limbs;
  bool narrow_in_wide = t->dtype != RNNLOSS_F64 && stride == RNNLOSS_WIDE_LIMBS;
  int64_t *limb = t->rates->limb + (narrow_in_wide ? RNN_NARROW_IN_WIDE : 0) + t->first * stride;
  t->kernels->rates[t->dtype](limb, stride, t->neurons, t->column % t->neurons, x, n, &t->rates->nonfinite);
  rnn_tile_pass_by(t, n);
}

size_t rnn_tile_add(struct tile *t, const unsigned char *x, size_t n) {
  const size_t w = rnn_width(t->dtype);
  if (admit(t, x, n)) {
    to_columns(t, x, n);
    return n;
  }
  size_t done = 0;
  for (unsigned hopeless = 0; done < n && hopeless < HOPELESS;) {
    size_t strip = n - done < STRIP ? n - done : STRIP;
    if (admit(t, x + done * w, strip)) {
      to_columns(t, x + done * w, strip);
      hopeless = 0;
    } else {
      rnn_tile_to_limbs(t, x + done * w, strip);
      hopeless++;
    }
    done += strip;
  }
  return done;
}
