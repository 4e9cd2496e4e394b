/* The loops over elements: one table of functions an instruction set, chosen once. All variants of a
 * function leave the same exact sums and the same bits. */
#ifndef RNN_KERNELS_H
#define RNN_KERNELS_H

#include "limbs.h"

#define RNN_BIN_LANES 4     /* so that neighbouring elements of one exponent don't wait for each other */
#define RNN_NARROW_BINS 256 /* exponents e of F16, BF16, F32 */
#define RNN_WIDE_BINS 4096  /* sums of two exponents of F64 */

/* Exponent bins. A narrow bin e holds a sum of m m of elements m 2^(e + least of the dtype): products below
 * 2^48, at most 2^16 of them. For differences (RNN_BINS_CROSS) the first two lanes hold those of a and b, and the other
 * two, as one array, signed sums of -m_a m_b by e_a + e_b, in units of 2^(e_a + e_b + 2 least + 1): a difference costs
 * 2 of the room, and 2^15 of them stay below 2^63. A wide bin i holds a signed sum of products of F64 in units of
 * 2^(i - 2148): `room` counts products below 2^106 (2^20 of them stay below 2^126); a difference costs 4 of it. */
struct rnnloss_bins {
  rnnloss_square *owner; /* NULL: all bins in use are 0 */
  enum rnn_bins_kind { RNN_BINS_NONE, RNN_BINS_NARROW, RNN_BINS_CROSS, RNN_BINS_WIDE } kind;
  rnnloss_dtype dtype;           /* of the narrow bins' unit */
  uint64_t room;                 /* products that may still be added */
  bool narrow_clean, wide_clean; /* these bins have been zeroed */
  uint64_t narrow[RNN_BIN_LANES][RNN_NARROW_BINS];
  rnn_u128 wide[RNN_WIDE_BINS];
};

#define RNN_NARROW_ROOM ((uint64_t)1 << 16)
#define RNN_WIDE_ROOM ((uint64_t)1 << 20)
#define RNN_CROSS_LANE 2
#define RNN_CROSS_COST 2
#define RNN_WIDE_DIFFERENCE_COST 4
#define RNN_WIDE_UNIT (-2148) /* exponent of wide bin 0 */

/* Blocks of the sums' fast path: what fits the first cache, of both tensors together. */
#define RNN_BLOCK_BYTES ((size_t)16384)

RNN_INLINE size_t rnn_block_elements(rnnloss_dtype dtype, bool difference) {
  return RNN_BLOCK_BYTES / rnn_width(dtype) / (difference ? 2 : 1);
}

/* out[i] = round(a x[i] + c[i]); one of the four shapes of rnnloss_affine. */
typedef void rnn_affine_kernel(double a, const double *c, const unsigned char *x, unsigned char *out, size_t n);

/* Of elements without their signs, as bits: the largest, and the smallest that is not 0 (all ones if none is). Of F64,
 * most may lack its lower 32 bits, and least may be less by up to 2^32, but is not 0; with Inf or NaN, any. */
struct rnn_span {
  uint64_t most, least;
};

struct kernels {
  const char *name;
  size_t (*find_nonfinite[RNNLOSS_DTYPES])(const unsigned char *x, size_t n);
  /* Into narrow bins (wide ones for F64), within their room. */
  void (*squares[RNNLOSS_DTYPES])(struct rnnloss_bins *bins, const unsigned char *x, size_t n, rnnloss_nonfinite *bad);
  /* Into cross bins (wide ones for F64), within their room; both of one dtype. */
  void (*differences[RNNLOSS_DTYPES])(struct rnnloss_bins *bins, const unsigned char *a, const unsigned char *b,
                                      size_t n, rnnloss_nonfinite *bad);
  /* The fast path of both: adds as many elements, from the first on, as it can add exactly, a block after the other,
   * and returns how many. It stops before a block that isn't finite, or whose exponents lie too far apart. In the
   * default floating-point environment. */
  size_t (*square_blocks[RNNLOSS_DTYPES])(rnnloss_square *sum, const unsigned char *x, size_t n);
  size_t (*difference_blocks[RNNLOSS_DTYPES])(rnnloss_square *sum, const unsigned char *a, const unsigned char *b,
                                              size_t n);
  /* Elements at `position` and on, of rows of `neurons`, to limbs that lie `stride` apart. */
  void (*rates[RNNLOSS_DTYPES])(int64_t *limb, size_t stride, size_t neurons, size_t position, const unsigned char *x,
                                size_t n, rnnloss_nonfinite *bad);
  void (*span[RNNLOSS_DTYPES])(const unsigned char *x, size_t n, struct rnn_span *span);
  /* Elements to sums in binary64; lo is for F64 alone. Exact under the conditions in tile.c alone. What lies
   * `ahead` bytes further on is fetched for the next call. */
  void (*columns[RNNLOSS_DTYPES])(double *hi, double *lo, double anchor, const unsigned char *x, size_t n,
                                  size_t ahead);
  /* The same numbers as F64. */
  void (*widen[RNNLOSS_DTYPES])(const unsigned char *x, double *out, size_t n);
  /* From F64 to a dtype, with canonical NaNs; x and out may be the same memory for F64. */
  void (*narrow[RNNLOSS_DTYPES])(const double *x, unsigned char *out, size_t n);
  /* Gradients whose tensor and result have one dtype, in the default floating-point environment. */
  rnn_affine_kernel *scaled[RNNLOSS_DTYPES], *shifted[RNNLOSS_DTYPES];
  /* a (p - t), or its negative. */
  void (*residual[RNNLOSS_DTYPES])(double a, bool negate, const unsigned char *p, const unsigned char *t,
                                   unsigned char *out, size_t n);
};

#if defined(__x86_64__)
#define RNN_X86_64 1
#else
#define RNN_X86_64 0
#endif
#if defined(__aarch64__)
#define RNN_AARCH64 1
#else
#define RNN_AARCH64 0
#endif

extern const struct kernels rnn_kernels_portable;
#if RNN_X86_64
extern const struct kernels rnn_kernels_avx2, rnn_kernels_avx512;
#endif
#if RNN_AARCH64
extern const struct kernels rnn_kernels_neon;
#endif

/* The variant in use: the best that this machine has, chosen at the first call (dispatch.c). */
const struct kernels *rnn_kernels(void);

#endif
