/* Exponent bins: who owns them, what they still hold, and how they empty. */
#include "bins.h"

size_t rnnloss_bins_size(void) {
  return sizeof(struct rnnloss_bins);
}

rnnloss_bins *rnnloss_bins_begin(void *memory, size_t size) {
  if (memory == NULL || size < sizeof(struct rnnloss_bins)) return NULL;
  rnnloss_bins *bins = memory;
  bins->owner = NULL; /* the bins themselves are zeroed when they are first used */
  bins->kind = RNN_BINS_NONE;
  bins->dtype = RNNLOSS_F64;
  bins->room = 0;
  bins->narrow_clean = false;
  bins->low = bins->high = 0;
  return bins;
}

static void empty_narrow(rnnloss_bins *bins) {
  rnnloss_square *sum = bins->owner;
  unsigned position = (unsigned)(2 * rnn_layout(bins->dtype).least + RNN_SQUARE_ORIGIN);
  unsigned used = rnn_layout(bins->dtype).field;
  for (unsigned lane = 0; lane < RNN_BIN_LANES; lane++)
    for (unsigned e = 0; e < used; e++) {
      uint64_t value = bins->narrow[lane][e];
      if (value == 0) continue;
      bins->narrow[lane][e] = 0;
      rnn_limbs_add(sum->limb, value, position + 2 * e, false);
      sum->loose++;
    }
}

static void empty_wide(rnnloss_bins *bins) {
  rnnloss_square *sum = bins->owner;
  unsigned position = (unsigned)(RNN_WIDE_UNIT + RNN_SQUARE_ORIGIN);
  for (unsigned i = bins->low; i < bins->high; i++) {
    rnn_i128 value = (rnn_i128)bins->wide[i]; /* two's complement */
    if (value == 0) continue;
    bins->wide[i] = 0;
    rnn_limbs_add(sum->limb, value < 0 ? -(rnn_u128)value : (rnn_u128)value, position + i, value < 0);
    sum->loose++;
  }
}

void rnn_bins_empty(rnnloss_bins *bins) {
  if (bins->owner == NULL) return;
  rnn_square_make_room(bins->owner, RNN_BIN_LANES * RNN_NARROW_BINS + RNN_WIDE_BINS);
  if (bins->kind == RNN_BINS_NARROW)
    empty_narrow(bins);
  else
    empty_wide(bins);
  bins->owner = NULL;
  bins->kind = RNN_BINS_NONE;
}

/* The wide bins that products of dtype can reach are [low, high); zeroes those that aren't yet. */
static void reach(rnnloss_bins *bins, rnnloss_dtype dtype) {
  struct rnn_layout l = rnn_layout(dtype);
  unsigned low = 2 * (unsigned)(l.least + 1074), high = low + 2 * l.field;
  if (bins->low == bins->high) bins->low = bins->high = low;
  if (low < bins->low) {
    memset(bins->wide + low, 0, (bins->low - low) * sizeof bins->wide[0]);
    bins->low = low;
  }
  if (high > bins->high) {
    memset(bins->wide + bins->high, 0, (high - bins->high) * sizeof bins->wide[0]);
    bins->high = high;
  }
}

size_t rnn_bins_take(rnnloss_bins *bins, rnnloss_square *sum, enum rnn_bins_kind kind, rnnloss_dtype dtype,
                     uint64_t cost, size_t n) {
  bool other_unit = kind == RNN_BINS_NARROW && bins->dtype != dtype;
  if (bins->owner != sum || bins->kind != kind || other_unit || bins->room < cost) {
    rnn_bins_empty(bins);
    bins->owner = sum;
    bins->kind = kind;
    bins->dtype = dtype;
    bins->room = kind == RNN_BINS_NARROW ? RNN_NARROW_ROOM : RNN_WIDE_ROOM;
  }
  if (kind == RNN_BINS_WIDE) {
    reach(bins, dtype);
  } else if (!bins->narrow_clean) {
    memset(bins->narrow, 0, sizeof bins->narrow);
    bins->narrow_clean = true;
  }
  uint64_t most = bins->room / cost;
  if (n > most) n = (size_t)most;
  bins->room -= cost * n;
  return n;
}
