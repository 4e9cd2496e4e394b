/* request.h - the one request type, its evaluation, the one result type, and bodies of answers; see server.h */
#ifndef SERVER_REQUEST_H
#define SERVER_REQUEST_H

#include "texts.h"

/* ---- request.c, options.c, tensor.c, shapes.c: the one request type
 * -------------------------------------------------- */

enum form { FORM_NESTED, FORM_DATA, FORM_BASE64, FORM_BINARY }; /* how a tensor came, and its gradient goes back */

#define RANK_MAX 8
#define POINTER_MAX 160 /* bytes of a pointer to a member of a tensor */

struct tensor {
  bool present, complete; /* named in the request; all its data has come */
  bool has_dtype, has_shape;
  bool loose;         /* numbers that came before their dtype: 9 bytes each, double and side */
  const char *parent; /* pointer of the object that it is a member of: "/tensors/" */
  enum form form;
  rnnloss_dtype dtype;
  unsigned rank;
  uint64_t shape[RANK_MAX];
  uint64_t elements;        /* the product of shape */
  uint64_t received;        /* bytes of data */
  bool keep;                /* decided with the first of them: they are kept */
  struct store store;       /* what is kept of them */
  unsigned char partial[8]; /* first bytes of an element that a chunk's end has cut */
  unsigned partial_length;
};

enum gradients { GRADIENTS_TOTAL, GRADIENTS_PER_TERM, GRADIENTS_NONE };
enum source { SOURCE_QUERY, SOURCE_BODY };

struct options {
  double lambda[RNNLOSS_TERMS];
  enum gradients gradients;
  bool has_gradient_dtype;
  rnnloss_dtype gradient_dtype;
  bool has_wrt;
  unsigned wrt; /* bit t: tensor t */
  bool propagate;
  unsigned active;   /* bit k: lambda[k] > 0 .. */
  unsigned used;     /* .. bit t: such a term uses tensor t */
  uint32_t given[2]; /* by source: bit i, option i of the table was given */
  bool digest;       /* the answer names the inputs' digest */
  double rtol, atol, ulps;
  rnnloss_dtype tolerance_dtype; /* of /validate: those that were given */
};

struct request {
  struct arena *arena;
  struct problem *problem;
  uint64_t max_neurons;
  struct options options;
  bool options_final;    /* no option can come any more: reduction may start */
  bool keep_all;         /* all data is kept, whether the evaluation needs it or not */
  struct claims *claims; /* /validate's; NULL: there can be none */
  struct tensor tensor[RNNLOSS_TENSORS];
  struct evaluation *evaluation;
};
void request_begin(struct request *request, struct arena *arena, struct problem *problem, uint64_t max_neurons);
void request_release(struct request *request);
/* Bit t: tensor t is sent / an active term uses it / its gradient is asked for (by default or by name). */
bool request_active(const struct request *request, rnnloss_term k);
unsigned request_present(const struct request *request);
unsigned request_used(const struct request *request);
unsigned request_wrt(const struct request *request);

/* The options; those before these are the lambdas, by term. */
enum {
  OPTION_GRADIENTS = RNNLOSS_TERMS,
  OPTION_GRADIENT_DTYPE,
  OPTION_WRT,
  OPTION_NONFINITE,
  OPTION_CONTRACT,
  OPTION_DIGEST,
  OPTION_RTOL, /* from here on: of /validate only */
  OPTION_ATOL,
  OPTION_ULPS,
  OPTION_TOLERANCE_DTYPE
};
extern const char *const option_names[];          /* ends with NULL */
int option_find(const char *name, size_t length); /* index, or -1 */
bool option_is_given(const struct request *request, int option);
/* Notes that an option is given: refuses one given twice. */
bool option_given(struct request *request, enum source source, int option);
/* Sets an option from its text: JSON's grammar for numbers, names joined by commas for wrt. */
bool option_set(struct request *request, enum source source, int option, const char *text);
/* 422 for a name that is no option; parent is the pointer of the object that holds it, "/" or "/lambdas/". */
bool option_unknown(struct request *request, const char *name, size_t length, const char *parent);
bool option_wrt(struct request *request, const char *name); /* one name of wrt */
const char *option_pointer(int option);                     /* "/lambdas/lambda_mse" */

const char *tensor_name(rnnloss_tensor t);
/* The pointer "/tensors/fr" + member (not if it came as nested arrays); tensor may be NULL: no member. */
const char *tensor_pointer(const struct tensor *tensor, rnnloss_tensor t, const char *member, char out[POINTER_MAX]);
size_t tensor_element_size(const struct tensor *tensor); /* as kept: 9 if loose */
int tensor_find(const char *name, size_t length);        /* index, or -1 */
int dtype_find(const char *name, size_t length);
bool tensor_unknown(struct request *request, const char *name, size_t length); /* 422, with a suggestion */
bool tensor_begin(struct request *request, rnnloss_tensor t, enum form form);  /* refuses a second one */
bool tensor_dtype(struct request *request, rnnloss_tensor t, const char *name, size_t length);
bool tensor_shape(struct request *request, rnnloss_tensor t, unsigned rank, const uint64_t *shape);
/* The next bytes of the tensor's data: little-endian elements (or loose numbers), cut anywhere. */
bool tensor_bytes(struct request *request, rnnloss_tensor t, const void *bytes, size_t length);
bool tensor_end(struct request *request, rnnloss_tensor t); /* its data is complete: does it fill its shape? */
void tensor_shape_text(const struct tensor *tensor, char *out, size_t size); /* "[2, 3]" */
/* Checks the whole request, once all of it has come: tensors needed, shapes, wrt. */
bool request_check(struct request *request);
bool shapes_check(struct request *request); /* shapes.c */

/* ---- evaluate.c: request -> result, in slices ---------------------------------------------------- */

struct gradient {
  rnnloss_tensor tensor;
  int term;            /* -1: of the total loss */
  rnnloss_dtype dtype; /* of its elements */
  bool difference;     /* made by rnnloss_gradient_difference, else by rnnloss_gradient */
  rnnloss_affine affine;
};

enum warning { WARNING_NEGATIVE_MEAN_RATE, WARNING_UNDERFLOW, WARNINGS };
extern const char *const warning_names[WARNINGS];

/* The one result type that every encoding reads. */
struct result {
  const struct request *request;
  const rnnloss_values *values;
  const char *inputs_sha256; /* NULL: not asked for */
  unsigned unused;           /* bit t: tensor t was sent and no active term needed it */
  unsigned warnings;         /* bit w */
  bool has_gradients;
  struct gradient *gradients; /* of the total, in tensor order; then, by term, of each term */
  size_t gradient_count;
};

enum step { STEP_FAILED, STEP_MORE, STEP_DONE };

/* An evaluation under way. */
struct evaluation {
  rnnloss_bins *bins; /* NULL until there is enough data to need it */
  bool begun[RNNLOSS_MEAN_SQUARES], rates_begun;
  rnnloss_rates rates;
  uint64_t
      reduced[RNNLOSS_TENSORS]; /* elements that have gone into their sums (or were looked at, if none needs them) */
  struct cursor cursor[RNNLOSS_TENSORS]; /* where the next one is kept */
  uint64_t nonfinite[RNNLOSS_TENSORS];   /* 1 + index of the first element that is not finite; 0: none */
  enum { EVALUATE_SETTLE, EVALUATE_REDUCE, EVALUATE_BEGIN, EVALUATE_TERMS, EVALUATE_OFFSETS, EVALUATE_READY } phase;
  unsigned work;           /* bytes' worth of work done in this slice */
  rnnloss_tensor settling; /* SETTLE: the tensor, its numbers so far */
  struct store settled;
  rnnloss_terms *terms;
  double *offsets[3];                          /* c[n] of the total, of fr_sd, of fr_cv; NULL: not needed */
  double largest[3];                           /* their largest magnitude */
  size_t offset;                               /* OFFSETS: neurons done */
  rnnloss_square square[RNNLOSS_MEAN_SQUARES]; /* the last member: large, and 0 once it is begun */
};

/* reduction.c: tensors -> statistics, as they arrive and once they have */

/* Does the data of tensor t have to be kept, for what may still be asked of it? */
bool evaluate_keeps(const struct request *request, rnnloss_tensor t);
/* Called as data arrives: reduces what can be reduced by now, at most one chunk of what is kept .. */
bool evaluate_kept(struct request *request, rnnloss_tensor t);
/* .. or the elements at x, the next ones of a tensor that isn't kept. */
bool evaluate_passing(struct request *request, rnnloss_tensor t, const void *x, size_t elements);
/* Makes request->evaluation; false: out of memory. */
bool evaluate_prepare(struct request *request);

/* settle.c: numbers that came before their dtype become elements; a slice of one tensor */
bool settle_step(struct request *request, rnnloss_tensor t);

/* gradients.c: which gradients there are, and how each is made; false: problem set */
bool gradients_list(struct request *request, struct result *result);
unsigned gradients_offsets(const struct request *request); /* bits 0, 1, 2: evaluation->offsets[i] is needed */

/* Called again and again once the whole request has come and was checked; each call is one slice. */
enum step evaluate_step(struct request *request, struct result *result);
void evaluate_release(struct request *request);

/* ---- body.c: an answer's body, made while it is sent ----------------------------------------------- */

enum piece_kind { PIECE_BYTES, PIECE_RAW, PIECE_BASE64, PIECE_NUMBERS, PIECE_NESTED };

struct piece {
  struct piece *next;
  enum piece_kind kind;
  const char *bytes; /* PIECE_BYTES: memory of the arena */
  size_t length;
  const struct gradient *gradient; /* the others: this gradient, in this form */
};
struct body {
  struct arena *arena;
  const struct request *request;
  struct piece *first, *last;
  bool sized; /* length is exact; else it is an upper bound */
  uint64_t length;
  struct piece *now; /* where reading is */
  uint64_t position; /* bytes or elements of it that have been read */
  struct cursor x, y;
  size_t spill_length, spill_offset; /* made, but not read yet */
  char spill[64];                    /* room for one number, or for a few of base64 */
};
void body_begin(struct body *body, const struct request *request);
bool body_bytes(struct body *body, const char *bytes, size_t length); /* false: out of memory */
bool body_gradient(struct body *body, const struct gradient *gradient, enum piece_kind kind);
/* Makes the next bytes, at most size of them and at most one chunk's work; 0 at the end. */
size_t body_read(struct body *body, char *out, size_t size);

#endif
