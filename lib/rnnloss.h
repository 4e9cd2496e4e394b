/* rnnloss.h - exact training losses of recurrent neural networks
 *
 * The seven losses (B batch, T time, N neurons; every lambda defaults to 0):
 *
 *   mse     lambda/(B T N_out) sum (pred - target)^2
 *   in      lambda/(N_in  N_hid) sum w_in^2
 *   hid     lambda/(N_hid N_hid) sum w_hid^2
 *   out     lambda/(N_out N_hid) sum w_out^2
 *   fr      lambda/(B T N_hid) sum fr^2
 *   fr_sd   lambda sigma
 *   fr_cv   lambda sigma/mu
 *
 * m_n is the mean of fr over batch and time for neuron n, mu the mean of m_n over neurons, and
 * sigma = sqrt(1/N_hid sum (m_n - mu)^2), the population standard deviation.
 *
 * HOW TO USE IT. Three stages, each of which takes the data in pieces of any size:
 *
 *   reduce     tensors -> statistics              rnnloss_square_add, rnnloss_rates_add
 *   terms      statistics x lambda -> values      rnnloss_terms_begin, rnnloss_terms_step
 *   gradient   x -> a x + c[n]                    rnnloss_gradient, rnnloss_gradient_difference
 *
 * WHAT IS GUARANTEED. Every value is the real value of its formula on the given inputs, rounded
 * once to binary64, ties to even. Every gradient element is made by the operations stated at the
 * gradient functions. No bit depends on machine, compiler, pieces, threads, order or the caller's
 * floating-point environment. NUMERICS.md has the whole contract.
 *
 * WHAT IS NOT. The layout of the opaque memory, and the speed, may change in any version.
 * Floating-point exception flags are left as they were found.
 *
 * MEMORY. The library allocates nothing and keeps no state of its own: all memory is the caller's.
 * Tensors need no alignment; memory for sums needs that of max_align_t, as malloc gives.
 * Elements are in the machine's byte order, row-major, the neuron (unit) axis last.
 *
 * THREADS. Functions may be called from any thread; two calls must not use the same writable
 * object at once. Sums made by several threads are brought together by the merge functions.
 *
 * ERRORS. Every fallible function returns a rnnloss_status; rnnloss_strerror names it. A call that
 * fails with RNNLOSS_E_ARGUMENT has changed nothing.
 */
#ifndef RNNLOSS_H
#define RNNLOSS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RNNLOSS_VERSION "0.1.0"
#define RNNLOSS_CONTRACT 1 /* version of the definitions: changes when any value's bits change */

#if defined(__GNUC__)
#define RNNLOSS_API __attribute__((visibility("default")))
#else
#define RNNLOSS_API
#endif

typedef enum rnnloss_status {
  RNNLOSS_OK = 0,
  RNNLOSS_MORE,        /* not finished: call the function again */
  RNNLOSS_E_ARGUMENT,  /* a null pointer, an unknown dtype or term, memory too small */
  RNNLOSS_E_LAMBDA,    /* a lambda that is negative, infinite or NaN */
  RNNLOSS_E_MISSING,   /* an active term's sum is missing, empty, or ends within a row of neurons */
  RNNLOSS_E_LIMIT,     /* more elements (2^53) or neurons (RNNLOSS_MAX_NEURONS) than are taken, or limbs (filled by
                        * the caller) that no sum of so many elements has */
  RNNLOSS_E_UNDEFINED, /* fr_cv at mu = 0 */
  RNNLOSS_E_OVERFLOW,  /* finite input whose value, or coefficient, lies beyond the largest double */
  RNNLOSS_E_INTERNAL   /* a bound proved in the library does not hold: please report it */
} rnnloss_status;

typedef enum rnnloss_dtype { RNNLOSS_F16, RNNLOSS_BF16, RNNLOSS_F32, RNNLOSS_F64 } rnnloss_dtype;
#define RNNLOSS_DTYPES 4

/* The tensors, in the order in which they are always listed. Shapes:
 * pred, target [.., N_out]; fr [.., N_hid]; w_in [N_hid, N_in]; w_hid [N_hid, N_hid]; w_out [N_out, N_hid]. */
typedef enum rnnloss_tensor {
  RNNLOSS_PRED,
  RNNLOSS_TARGET,
  RNNLOSS_RATE, /* fr, the firing rates */
  RNNLOSS_W_IN,
  RNNLOSS_W_HID,
  RNNLOSS_W_OUT
} rnnloss_tensor;
#define RNNLOSS_TENSORS 6

/* The terms, in the order of the catalogue. The first five are mean squares, each of one sum. */
typedef enum rnnloss_term {
  RNNLOSS_MSE,
  RNNLOSS_IN,
  RNNLOSS_HID,
  RNNLOSS_OUT,
  RNNLOSS_FR,
  RNNLOSS_FR_SD,
  RNNLOSS_FR_CV
} rnnloss_term;
#define RNNLOSS_TERMS 7
#define RNNLOSS_MEAN_SQUARES 5 /* terms RNNLOSS_MSE .. RNNLOSS_FR */

#define RNNLOSS_MAX_NEURONS ((size_t)1 << 26)

/* ---- The catalogue ------------------------------------------------------------------------- */

typedef struct rnnloss_term_info {
  const char *name;       /* "fr_sd" */
  const char *lambda_key; /* "lambda_fr_sd" */
  const char *title;      /* "Standard deviation of the firing rate" */
  const char *formula;    /* LaTeX, lambda included */
  const char *gradient;   /* LaTeX, for the first tensor of the term */
  unsigned tensors;       /* bit t set: the term needs rnnloss_tensor t */
} rnnloss_term_info;

typedef struct rnnloss_tensor_info {
  const char *name;    /* "w_in" */
  const char *axes;    /* "[N_hid, N_in]" */
  const char *meaning; /* "input weights" */
} rnnloss_tensor_info;

/* The catalogue's row of a term or a tensor; NULL if there is no such one. Static memory. */
RNNLOSS_API const rnnloss_term_info *rnnloss_term_describe(rnnloss_term term);
RNNLOSS_API const rnnloss_tensor_info *rnnloss_tensor_describe(rnnloss_tensor tensor);

RNNLOSS_API const char *rnnloss_dtype_name(rnnloss_dtype dtype); /* "F16", "BF16", "F32", "F64"; else NULL */
RNNLOSS_API size_t rnnloss_dtype_size(rnnloss_dtype dtype);      /* bytes an element: 2, 2, 4, 8; else 0 */
RNNLOSS_API const char *rnnloss_strerror(rnnloss_status status); /* a short English phrase, never NULL */
RNNLOSS_API const char *rnnloss_version(void);                   /* of the library that runs */
RNNLOSS_API const char *rnnloss_kernel(void);                    /* name of the kernel variant in use: "portable" */

/* ---- Numbers ------------------------------------------------------------------------------- */

/* The element at x, exactly. */
RNNLOSS_API double rnnloss_load(rnnloss_dtype dtype, const void *x);

/* Rounds value once to dtype, ties to even, subnormals kept, overflow to an infinity, NaN to the
 * canonical quiet NaN with the sign bit clear, and stores it at x. */
RNNLOSS_API void rnnloss_store(rnnloss_dtype dtype, double value, void *x);

/* Index of the first of n elements at x that is NaN or infinite; n if there is none. */
RNNLOSS_API size_t rnnloss_find_nonfinite(rnnloss_dtype dtype, const void *x, size_t n);

/* ---- Reduce: tensors -> statistics --------------------------------------------------------- */

#define RNNLOSS_SQUARE_LIMBS 134 /* of 32 bits, the first one in units of 2^-2176 */
#define RNNLOSS_NARROW_LIMBS 11  /* a neuron's sum of F16, BF16 or F32, in units of 2^-160 */
#define RNNLOSS_WIDE_LIMBS 68    /* a neuron's sum of F64, in units of 2^-1088 */

/* How many addends were not finite. */
typedef struct rnnloss_nonfinite {
  uint64_t nan, positive, negative; /* NaN, +Inf, -Inf */
} rnnloss_nonfinite;

/* An exact sum of squares: sum x^2 of a tensor, or sum (pred - target)^2. It is an integer in
 * units of 2^-2176, sum of limb[i] 2^(32 i). Read its members only after rnnloss_square_settle,
 * which makes the form canonical: limbs but the last in [0, 2^32). */
typedef struct rnnloss_square {
  int64_t limb[RNNLOSS_SQUARE_LIMBS];
  uint64_t count;              /* elements added, the non-finite ones included */
  rnnloss_nonfinite nonfinite; /* of x, or of pred - target (Inf - Inf is NaN) */
  uint64_t loose;              /* additions to limbs since the form was canonical */
} rnnloss_square;

/* The library's own: which sums in progress lie behind the limbs (lib/columns.c). All 0: none. */
typedef struct rnnloss_window {
  uint64_t end, round, refused;
  int16_t top, high, low, past_high, past_low;
  uint8_t parts;
  bool past;
} rnnloss_window;

/* Exact sums of firing rates, one a neuron, in memory of the caller. Read limbs only after
 * rnnloss_rates_settle: until then sums in progress lie behind them. */
typedef struct rnnloss_rates {
  int64_t *limb;  /* [neurons][limbs] */
  size_t neurons; /* N_hid */
  size_t limbs;   /* RNNLOSS_NARROW_LIMBS or RNNLOSS_WIDE_LIMBS */
  uint64_t count; /* elements added: rows (batch x time) = count / neurons */
  rnnloss_nonfinite nonfinite;
  uint64_t loose; /* rows added since the form was canonical */
  rnnloss_window window;
} rnnloss_rates;

/* Working memory that makes long sums fast; 72 KiB of it, touched as needed. It serves one sum at a time: used with
 * another, it first empties itself into the one before, which must still live (settle it first if
 * it won't). Optional everywhere: without one, sums are the same and long ones take longer. */
typedef struct rnnloss_bins rnnloss_bins;
RNNLOSS_API size_t rnnloss_bins_size(void);                              /* bytes that rnnloss_bins_begin needs */
RNNLOSS_API rnnloss_bins *rnnloss_bins_begin(void *memory, size_t size); /* NULL if size is too small */

/* Makes *sum an empty sum. */
RNNLOSS_API void rnnloss_square_begin(rnnloss_square *sum);

/* Adds the squares of n elements at x. */
RNNLOSS_API rnnloss_status rnnloss_square_add(rnnloss_square *sum, rnnloss_bins *bins, rnnloss_dtype dtype,
                                              const void *x, size_t n);

/* Adds (a[i] - b[i])^2 for n elements; the dtypes of a and b may differ. */
RNNLOSS_API rnnloss_status rnnloss_square_add_difference(rnnloss_square *sum, rnnloss_bins *bins, rnnloss_dtype a_dtype,
                                                         const void *a, rnnloss_dtype b_dtype, const void *b, size_t n);

/* Empties bins (may be NULL) into its sum, and makes *sum canonical. */
RNNLOSS_API void rnnloss_square_settle(rnnloss_square *sum, rnnloss_bins *bins);

/* Adds *other to *sum; both are made canonical, and bins of either must have been settled. */
RNNLOSS_API rnnloss_status rnnloss_square_merge(rnnloss_square *sum, rnnloss_square *other);

/* Bytes of memory for the sums of so many neurons: 96 a neuron, 560 if dtype is F64.
 * 0 if neurons is 0 or beyond RNNLOSS_MAX_NEURONS, or the dtype unknown. */
RNNLOSS_API size_t rnnloss_rates_size(rnnloss_dtype dtype, size_t neurons);

/* Makes *rates an empty sum over memory (of at least rnnloss_rates_size bytes, any content; it
 * must live as long as *rates). Elements of dtype, or of a narrower one, can be added to it. */
RNNLOSS_API rnnloss_status rnnloss_rates_begin(rnnloss_rates *rates, rnnloss_dtype dtype, size_t neurons, void *memory,
                                               size_t size);

/* Adds n elements at x, the next ones of a row-major tensor [.., neurons]: they may start and end
 * anywhere within a row. If squares is not NULL their squares are added to it in the same pass. */
RNNLOSS_API rnnloss_status rnnloss_rates_add(rnnloss_rates *rates, rnnloss_square *squares, rnnloss_bins *bins,
                                             rnnloss_dtype dtype, const void *x, size_t n);

/* Makes *rates canonical (neurons [first, first + n) of it, so that it can be done in slices;
 * rnnloss_terms_step does it too). */
RNNLOSS_API void rnnloss_rates_settle(rnnloss_rates *rates, size_t first, size_t n);

/* Adds *other, of the same neurons and width, to *rates. Both must hold whole rows. */
RNNLOSS_API rnnloss_status rnnloss_rates_merge(rnnloss_rates *rates, rnnloss_rates *other);

/* ---- Statistics that travel ---------------------------------------------------------------- */

/* A sum made of parts by others: settle each part, add the limbs, counts and non-finite counts element by element, as
 * 64-bit integers, by whatever adds integers (MPI, all_reduce, Spark), for at most RNNLOSS_MERGE_MAX parts, and import
 * the result. It is then the same sum, to the bit, as if one process had added all elements. */
#define RNNLOSS_MERGE_MAX ((uint64_t)1 << 30)

/* Makes *sum the sum of count elements whose limbs [RNNLOSS_SQUARE_LIMBS] were added up so.
 * RNNLOSS_E_LIMIT: no sum of so many elements has these limbs; *sum is as it was. */
RNNLOSS_API rnnloss_status rnnloss_square_import(rnnloss_square *sum, const int64_t *limb, uint64_t count,
                                                 const rnnloss_nonfinite *nonfinite);

/* Makes *rates, just begun, sums of so many rows, of which the neurons' own then follow by
 * rnnloss_rates_import_sums; until then they are 0. RNNLOSS_E_LIMIT: too many, or more of them not finite than there
 * are. */
RNNLOSS_API rnnloss_status rnnloss_rates_import(rnnloss_rates *rates, uint64_t rows,
                                                const rnnloss_nonfinite *nonfinite);

/* The sums of neurons [first, first + n), limb [n][rates->limbs]; in slices of any size, each neuron once.
 * RNNLOSS_E_LIMIT: no sum of so many rows has the limbs of one of them, and that neuron's sum is 0. */
RNNLOSS_API rnnloss_status rnnloss_rates_import_sums(rnnloss_rates *rates, size_t first, size_t n, const int64_t *limb);

/* ---- Terms: statistics x lambda -> values -------------------------------------------------- */

/* What to evaluate. A term is active iff its lambda is not 0 (-0 is 0). */
typedef struct rnnloss_problem {
  double lambda[RNNLOSS_TERMS];
  rnnloss_square *square[RNNLOSS_MEAN_SQUARES]; /* sums of the active terms MSE .. FR; others may be NULL */
  rnnloss_rates *rates;                         /* if FR_SD or FR_CV is active */
} rnnloss_problem;

/* The values. With non-finite input a mean square is NaN if any addend is NaN, otherwise +Inf;
 * fr_sd, fr_cv and all c[n] are NaN. The total is NaN if any term is NaN, otherwise +Inf if any is. */
typedef struct rnnloss_values {
  unsigned active;                    /* bit k set: term k is active; others have only zeros below */
  double loss;                        /* the total */
  double term_loss[RNNLOSS_TERMS];    /* lambda included */
  double unweighted[RNNLOSS_TERMS];   /* as if lambda were 1 */
  double scale[RNNLOSS_MEAN_SQUARES]; /* a = 2 lambda/count of the gradient; +Inf if beyond the largest double */
  bool negative_mean;                 /* mu < 0, where fr_cv is active: lowering fr_cv raises sigma */
} rnnloss_values;

/* An evaluation under way; about 30 KiB of the caller's memory. */
typedef struct rnnloss_terms rnnloss_terms;
RNNLOSS_API size_t rnnloss_terms_size(void);

/* Begins an evaluation of *problem, whose sums must live, unchanged, as long as it is used. Sums
 * are settled by it, but bins must have been settled before.
 * RNNLOSS_E_LAMBDA, _E_MISSING, _E_LIMIT: then *culprit (may be NULL) is the term. */
RNNLOSS_API rnnloss_status rnnloss_terms_begin(void *memory, size_t size, const rnnloss_problem *problem,
                                               rnnloss_terms **terms, rnnloss_term *culprit);

/* Goes on with about so many neurons (0.1 to 1 us each); RNNLOSS_MORE until all is done, then
 * RNNLOSS_OK; an error is given again. RNNLOSS_E_UNDEFINED, _E_OVERFLOW, _E_LIMIT: *culprit (may be NULL) is the term,
 * or RNNLOSS_TERMS if only the total overflows. */
RNNLOSS_API rnnloss_status rnnloss_terms_step(rnnloss_terms *terms, size_t neurons, rnnloss_term *culprit);

/* The values, once rnnloss_terms_step has returned RNNLOSS_OK. They live as long as *terms. */
RNNLOSS_API const rnnloss_values *rnnloss_terms_values(const rnnloss_terms *terms);

/* The offsets c[n] of neurons [first, first + n) in the gradient of fr, to c[0 .. n):
 * of fr_sd if sd, of fr_cv if cv, of their sum if both (each is rounded once, from the real
 * number; 0 where the term is not active or sigma = 0). RNNLOSS_E_OVERFLOW if one lies beyond the
 * largest double. Changes *terms (its working memory). */
RNNLOSS_API rnnloss_status rnnloss_terms_offsets(rnnloss_terms *terms, bool sd, bool cv, size_t first, size_t n,
                                                 double *c);

/* ---- Gradient: x -> a x + c[n] ------------------------------------------------------------- */

/* One gradient of one tensor. In binary64, round to nearest even, then rounded once to the dtype:
 *   scaled and offset   fma(a, x, c[n])       scaled only   a x
 *   offset only         c[n]                  neither       +0 */
typedef struct rnnloss_affine {
  bool scaled;
  double a;        /* 2 lambda/count */
  const double *c; /* [neurons], or NULL: no offset */
  size_t neurons;
} rnnloss_affine;

/* Gradient of elements [first, first + n) of a tensor, whose own values are at x (may be NULL
 * unless scaled); n elements of out_dtype to out. x and out may be the same memory if the dtypes
 * are equal, else they must not overlap. */
RNNLOSS_API rnnloss_status rnnloss_gradient(const rnnloss_affine *affine, uint64_t first, size_t n,
                                            rnnloss_dtype x_dtype, const void *x, rnnloss_dtype out_dtype, void *out);

/* Gradient of mse: a (pred - target), the difference rounded to binary64, then the product, then
 * once to the dtype; negated before the last rounding if of_target. */
RNNLOSS_API rnnloss_status rnnloss_gradient_difference(double a, bool of_target, size_t n, rnnloss_dtype pred_dtype,
                                                       const void *pred, rnnloss_dtype target_dtype, const void *target,
                                                       rnnloss_dtype out_dtype, void *out);

/* ---- All at once: tensors in memory -> values and gradients -------------------------------- */

/* A tensor in memory, row-major: rows is the product of its leading axes (batch x time; 1 if there
 * are none), units its last axis. data NULL: the tensor is not given. */
typedef struct rnnloss_view {
  const void *data;
  rnnloss_dtype dtype;
  uint64_t rows, units;
} rnnloss_view;

/* Where a gradient goes: rows x units elements of dtype. data NULL: it is not wanted. It may be the
 * tensor's own memory if the dtypes are equal, but for pred and target when both are wanted. */
typedef struct rnnloss_output {
  void *data;
  rnnloss_dtype dtype;
} rnnloss_output;

typedef struct rnnloss_batch {
  double lambda[RNNLOSS_TERMS];
  rnnloss_view tensor[RNNLOSS_TENSORS];     /* those that active terms need; others are not looked at */
  rnnloss_output gradient[RNNLOSS_TENSORS]; /* of the total; +0 for a tensor that no active term uses */
} rnnloss_batch;

/* Threads of the caller. run calls task(argument, i) once for each i in [0, tasks), on any threads in any
 * order, and returns when all have returned. The results have the same bits for any number of tasks. */
typedef struct rnnloss_team {
  size_t tasks; /* parts to split the work into: as many as there are threads; at least 1 */
  void (*run)(void *context, size_t tasks, void (*task)(void *argument, size_t index), void *argument);
  void *context;
} rnnloss_team;

/* Bytes of working memory for rnnloss_evaluate with so many tasks; 0 if the batch is not valid. */
RNNLOSS_API size_t rnnloss_evaluate_size(const rnnloss_batch *batch, size_t tasks);

/* Evaluates a batch: values to *values, wanted gradients to their places. team may be NULL: the
 * calling thread does it all. memory is any of the size asked for, aligned like malloc's; it is used
 * for this call only.
 * Non-finite input is propagated (see rnnloss_values). Statuses are those of the stages; E_ARGUMENT also
 * for shapes that disagree (pred and target), E_OVERFLOW also for a coefficient that a wanted gradient
 * needs; *culprit (may be NULL) is then the term, RNNLOSS_TERMS for the total. Gradients are written
 * only if the values could be. */
RNNLOSS_API rnnloss_status rnnloss_evaluate(const rnnloss_batch *batch, const rnnloss_team *team, void *memory,
                                            size_t size, rnnloss_values *values, rnnloss_term *culprit);

#ifdef __cplusplus
}
#endif
#endif
