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
#include "columns.h"

#define COLUMNS 2048  /* doubles of a tile, on the stack; half of them for each part of F64 */
#define STRIP 64      /* elements of a piece that are tried alone */
#define HOPELESS 3    /* strips refused one after the other: the rest of the piece is not tried */
#define PIECE 16384   /* bytes that stay in the first cache between their uses */
#define ENOUGH 256    /* columns, so that few neurons get several each and loops are long */
#define ROWS_LOG 7    /* of a window, if it is wide enough */
#define EXACT_BITS 51 /* of a column */

struct tile {
  rnnloss_rates *rates;
  int64_t *limb; /* of neuron 0 */
  const struct kernels *kernels;
  rnnloss_dtype dtype;
  int parts;      /* columns sums of a neuron: 2 for F64 */
  size_t first;   /* neuron of column 0 */
  size_t neurons; /* from first on, in cyclic order: what the tile's elements belong to */
  size_t width;   /* columns: a multiple of neurons */
  size_t column;  /* of the next element */
  uint64_t left;  /* elements that the window still takes, by (2) */
  size_t refused; /* since the window was opened */
  size_t ahead;   /* bytes from a piece to the next one */
  bool open;
  int top, high, low; /* high = low but for F64 */
  double anchor;      /* of F64's parts */
  double sums[COLUMNS];
};

static double power(int e) { /* 2^e, normal */
  return rnn_double_of((uint64_t)(e + 1023) << 52);
}

/* Column sums, integers in 2^unit, to limbs: three pieces a neuron, all at one place. */
static void columns_to_limbs(const struct tile *t, const double *sums, int unit) {
  const double anchor = 1.5 * power(unit + 52);
  const int64_t zero = (int64_t)rnn_bits_of(anchor);
  const size_t stride = t->rates->limbs;
  const unsigned position = (unsigned)(unit + (t->dtype == RNNLOSS_F64 ? RNN_WIDE_ORIGIN : RNN_NARROW_ORIGIN));
  const unsigned shift = position & 31;
  int64_t *limb = t->limb + t->first * stride + (position >> 5);
  for (size_t i = 0; i < t->neurons; i++, limb += stride) {
    int64_t s = (int64_t)rnn_bits_of(anchor + sums[i]) - zero;
    uint64_t low = (uint64_t)s << shift;
    limb[0] += (int64_t)(low & 0xFFFFFFFF);
    limb[1] += (int64_t)(low >> 32);
    limb[2] += (s >> 1) >> (63 - shift); /* rounded down, as two's complement has it */
  }
}

static double *part(struct tile *t, int k) {
  return t->sums + (t->parts == 2 ? k * (COLUMNS / 2) : 0);
}

/* Closes the window: all that is in the columns goes to the limbs. */
static void tile_empty(struct tile *t) {
  if (!t->open) return;
  t->open = false;
  for (int k = 0; k < t->parts; k++) {
    double *sums = part(t, k);
    size_t each = t->width / t->neurons; /* several columns of a neuron become one: exact, by (2) */
    for (; each % 2 == 0; each /= 2) {
      size_t half = each / 2 * t->neurons;
      for (size_t i = 0; i < half; i++) sums[i] += sums[half + i];
    }
    for (size_t i = t->neurons; i < each * t->neurons; i++) sums[i % t->neurons] += sums[i];
    columns_to_limbs(t, sums, k == 0 ? t->high : t->low);
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
  tile_empty(t);
  t->open = true;
  t->top = wider;
  t->high = high;
  t->low = low;
  t->anchor = t->parts == 2 ? 1.5 * power(high + 52) : 0;
  t->left = (uint64_t)t->neurons << rows;
  t->refused = 0;
  for (int k = 0; k < t->parts; k++) memset(part(t, k), 0, t->width * sizeof(double));
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
  t->left -= n;
  while (n > 0) {
    size_t run = t->width - t->column < n ? t->width - t->column : n;
    t->kernels->columns[t->dtype](part(t, 0) + t->column, part(t, t->parts - 1) + t->column, t->anchor, x, run,
                                  t->ahead);
    x += run * rnn_width(t->dtype);
    n -= run;
    t->column = t->column + run < t->width ? t->column + run : 0;
  }
}

static void to_limbs(struct tile *t, const unsigned char *x, size_t n) {
  const size_t stride = t->rates->limbs;
  t->kernels->rates[t->dtype](t->limb + t->first * stride, stride, t->neurons, t->column % t->neurons, x, n,
                              &t->rates->nonfinite);
  t->column = (t->column + n) % t->width;
  t->refused += n;
  t->left -= n < t->left ? n : t->left; /* the window's rows are counted by position: see (2) */
}

static void tile_add(struct tile *t, const unsigned char *x, size_t n) {
  const size_t w = rnn_width(t->dtype);
  bool admitted = admit(t, x, n);
  for (unsigned hopeless = 0; !admitted && n > 0 && hopeless < HOPELESS;) {
    size_t strip = n < STRIP ? n : STRIP;
    if (admit(t, x, strip)) {
      to_columns(t, x, strip);
      hopeless = 0;
    } else {
      to_limbs(t, x, strip);
      hopeless++;
    }
    x += strip * w;
    n -= strip;
  }
  if (n > 0) (admitted ? to_columns : to_limbs)(t, x, n);
}

/* So many columns that loops are long, and if possible a multiple of 8, so that they have no rest. */
static size_t width_for(size_t neurons, size_t most) {
  if (neurons >= ENOUGH) return neurons;
  size_t step = neurons * (neurons % 8 == 0 ? 1 : neurons % 4 == 0 ? 2 : neurons % 2 == 0 ? 4 : 8);
  if (step > most) step = neurons;
  return step * ((ENOUGH + step - 1) / step) <= most ? step * ((ENOUGH + step - 1) / step) : step;
}

static void tile_begin(struct tile *t, size_t first, size_t neurons, size_t width) {
  t->first = first;
  t->neurons = neurons;
  t->width = width;
  t->column = 0;
  t->open = false;
  t->refused = 0;
  t->left = 0;
}

/* All neurons in one tile: pieces go through as they lie. */
static void add_narrow(struct tile *t, size_t position, const unsigned char *x, size_t n, rnn_piece_work *work,
                       void *context, size_t most) {
  const size_t w = rnn_width(t->dtype);
  tile_begin(t, 0, t->rates->neurons, width_for(t->rates->neurons, most));
  t->column = position;
  t->ahead = PIECE;
  while (n > 0) {
    size_t run = n < PIECE / w ? n : PIECE / w;
    tile_add(t, x, run);
    if (work != NULL) work(context, x, run);
    x += run * w;
    n -= run;
  }
  tile_empty(t);
}

/* More neurons than columns: tile by tile, each through all rows. Elements' places are counted from the beginning
 * of the first row, whose first `position` elements are missing. */
static void add_wide(struct tile *t, size_t position, const unsigned char *x, size_t n, rnn_piece_work *work,
                     void *context, size_t most) {
  const size_t w = rnn_width(t->dtype), neurons = t->rates->neurons, end = position + n;
  t->ahead = neurons * w;
  const size_t tiles = (neurons + most - 1) / most, each = ((neurons + tiles - 1) / tiles + 7) / 8 * 8; /* <= most */
  for (size_t first = 0; first < neurons; first += each) {
    size_t width = neurons - first < each ? neurons - first : each;
    size_t used = width, begin = 0;
    if (end <= neurons) { /* within one row: no more than its neurons */
      if (first + width <= position || first >= end) continue;
      begin = position > first ? position - first : 0;
      used = (end - first < width ? end - first : width) - begin;
    }
    tile_begin(t, first + begin, used, used);
    for (size_t row = 0; row < end; row += neurons) {
      size_t from = row + first + begin, to = from + used;
      if (to > end) to = end;
      size_t skip = from < position ? position - from : 0;
      if (from + skip >= to) continue;
      t->column = skip % t->width;
      tile_add(t, x + (from + skip - position) * w, to - from - skip);
      if (work != NULL) work(context, x + (from + skip - position) * w, to - from - skip);
    }
    tile_empty(t);
  }
}

void rnn_columns_add(rnnloss_rates *rates, rnnloss_dtype dtype, size_t position, const unsigned char *x, size_t n,
                     rnn_piece_work *work, void *context) {
  struct tile tile;
  tile.rates = rates;
  tile.limb = rates->limb;
  tile.kernels = rnn_kernels();
  tile.dtype = dtype;
  tile.parts = dtype == RNNLOSS_F64 ? 2 : 1;
  if (dtype != RNNLOSS_F64 && rates->limbs == RNNLOSS_WIDE_LIMBS) tile.limb += RNN_NARROW_IN_WIDE;
  const size_t most = COLUMNS / (size_t)tile.parts;
  bool narrow = rates->neurons <= most && n > rates->neurons - position;
  (narrow ? add_narrow : add_wide)(&tile, position, x, n, work, context, most);
}
