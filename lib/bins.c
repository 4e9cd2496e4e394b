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
  bins->wide_clean = false;
  return bins;
}

static void empty_narrow(rnnloss_bins *bins, unsigned lanes) {
  rnnloss_square *sum = bins->owner;
  unsigned position = (unsigned)(2 * rnn_layout(bins->dtype).least + RNN_SQUARE_ORIGIN);
  unsigned used = rnn_layout(bins->dtype).field;
  for (unsigned lane = 0; lane < lanes; lane++)
    for (unsigned e = 0; e < used; e++) {
      uint64_t value = bins->narrow[lane][e];
      if (value == 0) continue;
      bins->narrow[lane][e] = 0;
      rnn_limbs_add(sum->limb, value, position + 2 * e, false);
      sum->loose++;
    }
}

static void empty_cross(rnnloss_bins *bins) {
  rnnloss_square *sum = bins->owner;
  unsigned position = (unsigned)(2 * rnn_layout(bins->dtype).least + 1 + RNN_SQUARE_ORIGIN);
  unsigned used = 2 * rnn_layout(bins->dtype).field;
  for (unsigned i = 0; i < used; i++) {
    uint64_t *bin = &bins->narrow[RNN_CROSS_LANE + i / RNN_NARROW_BINS][i % RNN_NARROW_BINS];
    uint64_t value = *bin;
    bool negative = value >> 63 != 0; /* two's complement */
    if (value == 0) continue;
    if (negative) value = 0 - value;
    rnn_limbs_add(sum->limb, value, position + i, negative);
    *bin = 0;
    sum->loose++;
  }
}

static void empty_wide(rnnloss_bins *bins) {
  rnnloss_square *sum = bins->owner;
  unsigned position = (unsigned)(RNN_WIDE_UNIT + RNN_SQUARE_ORIGIN);
  for (unsigned i = 0; i < RNN_WIDE_BINS; i++) {
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
  if (bins->kind == RNN_BINS_WIDE)
    empty_wide(bins);
  else
    empty_narrow(bins, bins->kind == RNN_BINS_NARROW ? RNN_BIN_LANES : RNN_CROSS_LANE);
  if (bins->kind == RNN_BINS_CROSS) empty_cross(bins);
  bins->owner = NULL;
  bins->kind = RNN_BINS_NONE;
}

size_t rnn_bins_take(rnnloss_bins *bins, rnnloss_square *sum, enum rnn_bins_kind kind, rnnloss_dtype dtype,
                     uint64_t cost, size_t n) {
  bool other_unit = kind != RNN_BINS_WIDE && bins->dtype != dtype;
  if (bins->owner != sum || bins->kind != kind || other_unit || bins->room < cost) {
    rnn_bins_empty(bins);
    bins->owner = sum;
    bins->kind = kind;
    bins->dtype = dtype;
    bins->room = kind == RNN_BINS_WIDE ? RNN_WIDE_ROOM : RNN_NARROW_ROOM;
  }
  if (kind == RNN_BINS_WIDE && !bins->wide_clean) {
    memset(bins->wide, 0, sizeof bins->wide);
    bins->wide_clean = true;
  }
  if (kind != RNN_BINS_WIDE && !bins->narrow_clean) {
    memset(bins->narrow, 0, sizeof bins->narrow);
    bins->narrow_clean = true;
  }
  uint64_t most = bins->room / cost;
  if (n > most) n = (size_t)most;
  bins->room -= cost * n;
  return n;
}
