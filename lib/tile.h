/* Columns of neurons, and the window of what may be added to them. tile.c proves it exact. */
#ifndef RNN_TILE_H
#define RNN_TILE_H

#include "kernels.h"

/* A tile of a call's own is emptied at the end of the call; the kept one (columns.c) is as large as the sums are. */
struct tile {
  rnnloss_rates *rates;
  const struct kernels *kernels;
  rnnloss_dtype dtype;
  int parts;      /* column sums of a neuron: 2 for F64 */
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
  double *part[2];    /* columns; the second ones are F64's, else the same */
  bool kept;          /* the columns stay between calls */
  size_t stale;       /* elements, the next ones, whose columns aren't the window's yet */
  bool past;          /* what these hold is the window's before, else nothing */
  int past_high, past_low;
};

/* Of n elements at x, the next ones, adds the first ones or all, to columns or limbs: returns how many. The rest is not
 * worth trying. */
size_t rnn_tile_add(struct tile *tile, const unsigned char *x, size_t n);

/* Adds the next n elements to the limbs. */
void rnn_tile_to_limbs(struct tile *tile, const unsigned char *x, size_t n);

/* The next n elements went elsewhere. */
void rnn_tile_pass_by(struct tile *tile, size_t n);

/* Closes the window of a call's own tile: all that is in the columns goes to the limbs. */
void rnn_tile_empty(struct tile *tile);

/* Of the kept tile: empties the columns of neurons [first, first + n), sums of the window, or of the one before. */
void rnn_tile_empty_kept(struct tile *tile, size_t first, size_t n, bool past);

/* Of the kept tile: makes the columns of the next n elements the window's. */
void rnn_tile_refresh(struct tile *tile, size_t n);

RNN_INLINE double rnn_power(int e) { /* 2^e, normal */
  return rnn_double_of((uint64_t)(e + 1023) << 52);
}

#endif
