/* Which elements go to which columns.
 *
 * COLUMNS THAT ARE KEPT. Calls of few rows would empty the columns again and again. They share a window, of all
 * neurons: its columns lie behind the limbs, and it lasts from call to call. (2) of tile.c holds by position: the
 * window ends with the `rows` N-th element from its first one on, whichever way each of them goes, and N that follow
 * one another are one of each neuron. A new window begins at any element; a column becomes its own as that neuron's
 * first element goes by, and until then holds the sum, still to go to the limbs, of the window before. No other window
 * begins meanwhile: so one round of N elements tells which columns are whose, and what a call does stays in proportion
 * to its elements. What the window doesn't take goes by tiles of the call's own, or to the limbs: the sum is that of
 * all. */
#include "columns.h"
#include "tile.h"

#define COLUMNS 2048 /* doubles of a call's own tile, on the stack; half of them for each part of F64 */
#define STREAMED 64  /* rows of a call, from which on it goes by tiles of its own */
#define PIECE 16384  /* bytes that stay in the first cache between their uses */
#define ENOUGH 256   /* columns, so that few neurons get several each and loops are long */

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
  t->kept = false;
  t->stale = 0;
}

static void add_piece(struct tile *t, const unsigned char *x, size_t n) {
  size_t done = rnn_tile_add(t, x, n);
  if (done < n) rnn_tile_to_limbs(t, x + done * rnn_width(t->dtype), n - done);
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
    add_piece(t, x, run);
    if (work != NULL) work(context, x, run);
    x += run * w;
    n -= run;
  }
  rnn_tile_empty(t);
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
      add_piece(t, x + (from + skip - position) * w, to - from - skip);
      if (work != NULL) work(context, x + (from + skip - position) * w, to - from - skip);
    }
    rnn_tile_empty(t);
  }
}

static void tile_of(struct tile *t, rnnloss_rates *rates, rnnloss_dtype dtype) {
  t->rates = rates;
  t->kernels = rnn_kernels();
  t->dtype = dtype;
  t->parts = dtype == RNNLOSS_F64 ? 2 : 1;
}

/* By way of columns on the stack. */
static void add_own(rnnloss_rates *rates, rnnloss_dtype dtype, size_t position, const unsigned char *x, size_t n,
                    rnn_piece_work *work, void *context) {
  double sums[COLUMNS];
  struct tile tile;
  tile_of(&tile, rates, dtype);
  const size_t most = COLUMNS / (size_t)tile.parts;
  tile.part[0] = sums;
  tile.part[1] = sums + (tile.parts == 2 ? most : 0);
  bool narrow = rates->neurons <= most && n > rates->neurons - position;
  (narrow ? add_narrow : add_wide)(&tile, position, x, n, work, context, most);
}

/* ---- Columns that are kept ---- */

static void kept_begin(struct tile *t, const rnnloss_rates *rates) {
  const rnnloss_window *w = &rates->window;
  tile_begin(t, 0, rates->neurons, rates->neurons);
  t->part[0] = (double *)(void *)(rates->limb + rates->neurons * rates->limbs);
  t->part[1] = t->part[0] + (t->parts == 2 ? rates->neurons : 0);
  t->column = (size_t)(rates->count % rates->neurons);
  t->ahead = PIECE;
  t->kept = true;
  t->open = w->parts != 0;
  t->left = w->end > rates->count ? w->end - rates->count : 0;
  t->stale = w->round > rates->count ? (size_t)(w->round - rates->count) : 0;
  t->refused = (size_t)w->refused;
  t->top = w->top;
  t->high = w->high;
  t->low = w->low;
  t->anchor = t->parts == 2 ? 1.5 * rnn_power(w->high + 52) : 0;
  t->past = w->past;
  t->past_high = w->past_high;
  t->past_low = w->past_low;
}

/* n elements have gone by. */
static void kept_end(const struct tile *t, rnnloss_rates *rates, size_t n) {
  rates->window = (rnnloss_window){
      .end = rates->count + n + t->left,
      .round = rates->count + n + t->stale,
      .refused = t->refused,
      .top = (int16_t)t->top,
      .high = (int16_t)t->high,
      .low = (int16_t)t->low,
      .past_high = (int16_t)t->past_high,
      .past_low = (int16_t)t->past_low,
      .parts = (uint8_t)(t->open ? t->parts : 0),
      .past = t->past,
  };
}

static void add_kept(rnnloss_rates *rates, rnnloss_dtype dtype, const unsigned char *x, size_t n, rnn_piece_work *work,
                     void *context) {
  const size_t w = rnn_width(dtype);
  struct tile tile;
  tile_of(&tile, rates, dtype);
  kept_begin(&tile, rates);
  for (size_t left = n, run; left > 0; left -= run, x += run * w) {
    run = left < PIECE / w ? left : PIECE / w;
    size_t done = rnn_tile_add(&tile, x, run);
    if (done < run) { /* windows of fewer neurons may hold the rest */
      add_own(rates, dtype, tile.column, x + done * w, run - done, NULL, NULL);
      rnn_tile_pass_by(&tile, run - done);
    }
    if (work != NULL) work(context, x, run);
  }
  kept_end(&tile, rates, n);
}

static void window_tile(struct tile *t, rnnloss_rates *rates) {
  tile_of(t, rates, rates->window.parts == 2 ? RNNLOSS_F64 : RNNLOSS_F32);
  kept_begin(t, rates);
}

void rnn_columns_pass(rnnloss_rates *rates, size_t n) {
  struct tile tile;
  if (rates->window.parts == 0) return;
  window_tile(&tile, rates);
  rnn_tile_refresh(&tile, n);
}

/* Neurons [first, first + n) as the round of the window has them: some behind it, some before. */
static void fold_kept(rnnloss_rates *rates, size_t first, size_t n) {
  struct tile tile;
  window_tile(&tile, rates);
  const size_t end = first + n, next = tile.column;
  for (size_t i = first, run; i < end; i += run) {
    size_t distance = i >= next ? i - next : i + tile.neurons - next; /* elements before this neuron's next one */
    bool stale = distance < tile.stale;
    run = stale ? tile.stale - distance : i < next ? next - i : end - i;
    if (run > end - i) run = end - i;
    rnn_tile_empty_kept(&tile, i, run, stale);
  }
}

void rnn_columns_fold(rnnloss_rates *rates, size_t first, size_t n) {
  if (rates->window.parts != 0) fold_kept(rates, first, n);
  double *columns = (double *)(void *)(rates->limb + rates->neurons * rates->limbs) + first;
  memset(columns, 0, n * sizeof(double)); /* if there is no window, they hold anything */
  if (rates->limbs == RNNLOSS_WIDE_LIMBS) memset(columns + rates->neurons, 0, n * sizeof(double));
}

void rnn_columns_add(rnnloss_rates *rates, rnnloss_dtype dtype, const unsigned char *x, size_t n, rnn_piece_work *work,
                     void *context) {
  const uint8_t parts = dtype == RNNLOSS_F64 ? 2 : 1;
  const size_t neurons = rates->neurons;
  bool few_rows = neurons >= ENOUGH && n / neurons < STREAMED;
  bool free = rates->window.parts == 0 || rates->window.parts == parts;
  if (free && (few_rows || (parts == 1 && neurons > COLUMNS))) {
    add_kept(rates, dtype, x, n, work, context);
    return;
  }
  rnn_columns_pass(rates, n);
  add_own(rates, dtype, (size_t)(rates->count % neurons), x, n, work, context);
}
