/* server.h - the map of rnnlossd: every room, what it takes and what it gives
 *
 *   bytes -> format.decode -> struct request -> evaluate (librnnloss) -> struct result -> format.encode -> struct body
 * -> bytes
 *
 * Conventions. A function that returns bool returns false on failure, and has then described the
 * failure in the struct problem at hand; running out of memory is the problem PROBLEM_OVERLOADED.
 * Whatever belongs to a request is allocated from its arena and released with it, once. One request
 * is handled by one thread; struct server is shared and, once started, read-only but for its atomics.
 */
#ifndef SERVER_H
#define SERVER_H

#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "number_text.h"
#include "rnnloss.h"

#define SERVER_VERSION RNNLOSS_VERSION
#define PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))

struct exchange;
struct server;

/* ---- memory.c: the one door to the heap; tests make it fail ---------------------------------- */

void *memory_allocate(size_t size); /* NULL if there is none; aligned like malloc's */
void memory_release(void *memory);  /* NULL is fine */
void memory_setup(void);            /* once, before threads: routes cJSON and malloc's tuning through here */

/* What a test watches and steers; in memory shared with the daemon that it forked. */
struct memory_probe {
  _Atomic long fail_at; /* the n-th allocation from now fails (1: the next one); 0: none does */
  _Atomic long live;    /* allocations not yet released */
  _Atomic long total;   /* allocations asked for */
};
extern struct memory_probe *memory_probe; /* NULL unless a test sets it */

/* ---- budget.c, limits.c: one bound for the memory of all that is in flight ---------------------- */

struct budget {
  uint64_t limit; /* --max-memory */
  _Atomic uint64_t reserved;
};
bool budget_take(struct budget *budget, uint64_t bytes); /* false: it is not there */
void budget_give(struct budget *budget, uint64_t bytes);

/* What one request has reserved of it, and uses. Its functions but account_reserve take NULL: nothing is counted. */
struct account {
  struct budget *budget;
  uint64_t reserved, used;
};
bool account_reserve(struct account *account, uint64_t bytes); /* so many in all; false: they are not there */
bool account_take(struct account *account, uint64_t bytes);    /* before an allocation: reserves more if it must */
void account_give(struct account *account, uint64_t bytes);    /* after a release: they stay reserved */
void account_trim(struct account *account, uint64_t bytes);    /* so many will not be needed after all */
void account_close(struct account *account);                   /* gives back all */

uint64_t limits_memory(void); /* bytes that this process may use: of the machine, its control groups, its limits */

/* ---- arena.c: memory that lives as long as a request ----------------------------------------- */

struct arena {
  struct arena_block *blocks;
  char *next, *end;
  struct account *account; /* NULL: not counted */
};
void *arena_allocate(struct arena *arena, size_t size);                 /* aligned to 16; NULL if there is none */
char *arena_text(struct arena *arena, const char *text, size_t length); /* a copy, NUL added */
void arena_release(struct arena *arena);                                /* all of it; the arena is empty again */

/* ---- text.c: growing text in an arena -------------------------------------------------------- */

struct text {
  struct arena *arena;
  char *bytes;
  size_t length, capacity;
  bool failed; /* out of memory once: the text is incomplete */
};
bool text_grow(struct text *text, size_t size); /* by so many bytes at least; false: it has failed */
/* So many bytes to fill and add to length; NULL: the text has failed. */
static inline char *text_room(struct text *text, size_t size) {
  if (size > text->capacity - text->length && !text_grow(text, size)) return NULL;
  return text->bytes + text->length;
}
static inline void text_bytes(struct text *text, const char *bytes, size_t length) {
  char *to = length ? text_room(text, length) : NULL;
  if (!to) return;
  memcpy(to, bytes, length);
  text->length += length;
}
void text_json_string(struct text *text, const char *string); /* quoted and escaped */
void text_json_number(struct text *text, double value);
void text_unsigned(struct text *text, uint64_t value);
static inline void text_string(struct text *text, const char *string) { /* as it is; the length of literals is known */
  text_bytes(text, string, strlen(string));
}

/* ---- store.c: the bytes of a tensor, in blocks that never move -------------------------------- */

/* A store is empty once its arena is set. Blocks hold a multiple of 72 bytes, so that elements of 2, 4, 8 and 9 bytes
 * never straddle two. */
#define STORE_BLOCK (72 * 3640) /* 256 KiB: the largest block, and the largest chunk of work */

struct store_block {
  struct store_block *next;
  size_t used, capacity;
  bool lent; /* by the arena */
  unsigned char *bytes;
};
struct store {
  struct store_block *first, *last;
  uint64_t length; /* bytes appended */
  struct arena *arena;
};
struct cursor {
  const struct store_block *block;
  size_t offset;
};
bool store_append(struct store *store, const void *bytes, size_t length, uint64_t expected); /* false: out of memory */
void *store_extend(struct store *store, size_t size, uint64_t expected,
                   size_t *room);                      /* room >= size bytes to fill .. */
void store_filled(struct store *store, size_t length); /* .. of which so many were */
void store_release(struct store *store);
void store_drop_first(struct store *store); /* releases the first block; length stays what was appended */
struct cursor store_start(const struct store *store);
/* The bytes at the cursor that lie side by side, at most limit; 0 at the end. Moves nothing. */
size_t cursor_span(struct cursor *cursor, size_t limit, const unsigned char **bytes);
void cursor_advance(struct cursor *cursor, size_t length);

/* ---- problem.c: what can go wrong, one row each ------------------------------------------------ */

enum problem_type {
  PROBLEM_NONE,
  PROBLEM_MALFORMED_HTTP,
  PROBLEM_MALFORMED_JSON,
  PROBLEM_MALFORMED_SAFETENSORS,
  PROBLEM_DUPLICATE,
  PROBLEM_UNAUTHORIZED,
  PROBLEM_FORBIDDEN,
  PROBLEM_NOT_FOUND,
  PROBLEM_METHOD_NOT_ALLOWED,
  PROBLEM_NOT_ACCEPTABLE,
  PROBLEM_UNSUPPORTED_MEDIA_TYPE,
  PROBLEM_TIMEOUT,
  PROBLEM_TOO_LARGE,
  PROBLEM_INVALID_REQUEST,
  PROBLEM_UNKNOWN_LAMBDA,
  PROBLEM_INVALID_LAMBDA,
  PROBLEM_UNKNOWN_TENSOR,
  PROBLEM_MISSING_TENSOR,
  PROBLEM_SHAPE_MISMATCH,
  PROBLEM_INVALID_SHAPE,
  PROBLEM_UNSUPPORTED_DTYPE,
  PROBLEM_INVALID_DATA,
  PROBLEM_NON_FINITE,
  PROBLEM_UNDEFINED,
  PROBLEM_OVERFLOW,
  PROBLEM_INVALID_CLAIM,
  PROBLEM_UNKNOWN_CONTRACT,
  PROBLEM_RATE_LIMITED,
  PROBLEM_OVERLOADED,
  PROBLEM_DRAINING,
  PROBLEM_NOT_READY,
  PROBLEM_INTERNAL,
  PROBLEM_TYPES
};
struct problem {
  enum problem_type type;
  char detail[600];  /* what is wrong, what was expected, what was found */
  char pointer[200]; /* RFC 6901 into the equivalent JSON request; empty: none */
};
struct problem_row {
  const char *id; /* "shape-mismatch" */
  unsigned status;
  const char *title;
};
const struct problem_row *problem_row(enum problem_type type);
/* Always returns false, so that a caller can return it. A problem that was set stays: the first one
 * counts, but that a malformed body (400) takes the place of an invalid one (422). */
bool problem_set(struct problem *problem, enum problem_type type, const char *pointer, const char *detail, ...)
    PRINTF_LIKE(4, 5);
/* The same for what is no request's: a phrase for the operator, to size bytes of error. Always returns false. */
bool error_set(char *error, size_t size, const char *format, ...) PRINTF_LIKE(3, 4);
bool problem_out_of_memory(struct problem *problem);        /* 503 */
const char *problem_token(const char *name, char out[128]); /* a (quoted) name as a step of a JSON pointer */
/* The problem+json document. NULL if memory has run out: then send problem_prebuilt (503). */
char *problem_print(const struct problem *problem, const char *request_id, struct arena *arena, size_t *length);
extern const char problem_prebuilt[];

/* ---- names.c: what a misspelt name may have meant ---------------------------------------------- */

/* The phrase `; did you mean "fr"?` or `; known: pred, target, ...`, to at most size bytes of out.
 * names is a list that ends with NULL; synonyms (may be NULL) lists pairs: written, meant, ..., NULL. */
void names_suggest(const char *name, const char *const *names, const char *const *synonyms, char *out, size_t size);
/* The same for short names, all of which are near each other: only a synonym counts as meant. */
void names_choices(const char *name, const char *const *names, const char *const *synonyms, char *out, size_t size);
/* Index of a name among names (ends with NULL), or -1. */
int names_find(const char *name, size_t length, const char *const *names);
/* A name as a detail may quote it: cut to 48 bytes at a character's end, control characters replaced. */
const char *names_quote(const char *name, size_t length, char out[64]);

/* ---- utf8.c: sequences of bytes that are one character ------------------------------------------- */

size_t utf8_sequence(const char *at, const char *end); /* length of the valid one at at < end; 0: there is none */
size_t utf8_length(unsigned char lead);                /* length of the one that it begins; 0: it begins none */
/* May bytes[index] stand where it is, after the valid ones before it? */
bool utf8_follows(const unsigned char *bytes, size_t index);
size_t utf8_encode(uint32_t code, char out[4]); /* returns its length */

/* ---- json_parser.c: the strict push parser ------------------------------------------------------ */

enum json_event {
  JSON_OBJECT_BEGIN,
  JSON_OBJECT_END,
  JSON_ARRAY_BEGIN,
  JSON_ARRAY_END,
  JSON_KEY,        /* the whole key, unescaped (one over 4,096 bytes: its first 4,096) */
  JSON_STRING,     /* a piece of a string value, unescaped; any number of them, none for "" .. */
  JSON_STRING_END, /* .. and its end, without text */
  JSON_NUMBER,     /* the whole text of a number, valid */
  JSON_TRUE,
  JSON_FALSE,
  JSON_NULL
};
/* text is valid during the call only, not terminated, NULL where there is none. Returning false
 * says that the value is of no more use: events stop, but the text is checked to its end. */
typedef bool json_handler(void *context, enum json_event event, const char *text, size_t length);

/* A short cut, where a number begins in an array: takes, of the text from at to end, numbers of this array (and, over
 * their brackets, of the arrays that follow it side by side), as many as it likes, and returns the end of the last one;
 * at: none. It never fails: what it doesn't take comes as events. */
typedef const char *json_run(void *context, const char *at, const char *end);

#define JSON_DEPTH_MAX 64
#define JSON_TOKEN_MAX 4096

struct json_parser {
  json_handler *handler;
  json_run *run; /* may be set after json_begin; NULL: all comes as events */
  void *context;
  const char *error; /* a static phrase once the text is malformed, e.g. "a comma was expected" */
  uint64_t offset;   /* bytes consumed: with an error, the offset of the byte that is wrong */
  bool muted;        /* the handler has returned false */
  unsigned state, depth;
  unsigned char containers[JSON_DEPTH_MAX]; /* '{' or '[' of each open one */
  unsigned phase;                           /* how far the present token has come */
  bool in_key;                              /* the present string is a key */
  uint32_t unit, high;                      /* \uXXXX so far; the high surrogate before it, or 0 */
  unsigned char scratch[4];                 /* a UTF-8 sequence that a piece's end has cut */
  size_t token_length;
  char token[JSON_TOKEN_MAX];
};
void json_begin(struct json_parser *parser, json_handler *handler, void *context);
bool json_feed(struct json_parser *parser, const char *bytes, size_t length); /* false: error is set */
bool json_end(struct json_parser *parser);                                    /* false: ended too early */
bool json_is_number(const char *text, size_t length);                         /* is it a number by JSON's grammar? */

/* ---- base64.c: RFC 4648 section 4, padded, strict, in pieces ------------------------------------ */

struct base64_decoder {
  uint32_t bits;
  unsigned count; /* characters of the present group of four */
  unsigned padding;
};
/* Decodes length characters to at most 3 * (length / 4 + 1) bytes at out; false: not base64. */
bool base64_decode(struct base64_decoder *decoder, const char *text, size_t length, unsigned char *out,
                   size_t *written);
bool base64_decode_end(const struct base64_decoder *decoder); /* false: it ended within a group */
/* Encodes length bytes to 4 * ((length + 2) / 3) characters; returns their number. */
size_t base64_encode(const unsigned char *bytes, size_t length, char *out);

/* ---- json_text.c: whole documents; the only file that knows cJSON ------------------------------- */

/* Builds a document of objects, arrays, strings and small numbers. Running out of memory anywhere
 * makes document_print return NULL; the functions take NULL nodes in their stride. */
struct document;
struct document *document_create(void);
void *document_root(struct document *document); /* the root object */
void *document_object(struct document *document, void *node,
                      const char *key); /* a new object in node; key NULL: node is an array */
void *document_array(struct document *document, void *node, const char *key);
void document_string(struct document *document, void *node, const char *key, const char *value);
void document_integer(struct document *document, void *node, const char *key, uint64_t value); /* below 2^53 */
void document_boolean(struct document *document, void *node, const char *key, bool value);
char *document_print(struct document *document, bool pretty, struct arena *arena,
                     size_t *length);             /* a line's end added; NULL: no memory */
void document_release(struct document *document); /* NULL is fine */
void document_setup(void);                        /* once, before threads: cJSON allocates by memory_allocate */

/* ---- query.c, media.c: what a URL and the negotiation headers say ------------------------------- */

/* Calls visit for each name=value of a raw query, percent-decoded, into NUL-terminated text ('+' stays '+'). */
typedef bool query_visitor(void *context, const char *name, const char *value);
bool query_each(const char *query, struct arena *arena, struct problem *problem, query_visitor *visit, void *context);

/* Does the header value name this media type (parameters ignored, any case)? */
bool media_type_is(const char *header, const char *type);
/* The quality in thousandths that an Accept header gives type, 0 if none; 1000 if accept is NULL. */
unsigned media_quality(const char *accept, const char *type);

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

/* ---- json_tensor.c, json_nest.c: one tensor of a JSON request ------------------------------------------- */

/* The shape that nested arrays turn out to have. */
struct json_nest {
  unsigned depth, deepest, leaf; /* open arrays; the most there were; how many hold the numbers (0: none seen) */
  bool closed[RANK_MAX];         /* the length of this axis is known */
  uint64_t length[RANK_MAX], count[RANK_MAX];
};
/* Each returns NULL, or a phrase that says what is wrong: "the arrays are ragged". */
const char *json_nest_open(struct json_nest *nest);
const char *json_nest_number(struct json_nest *nest);
const char *json_nest_close(struct json_nest *nest);
/* The present position, "[1, 0, 2]"; counted: the number there was taken already. */
void json_nest_where(const struct json_nest *nest, bool counted, char *out, size_t size);

#define JSON_STAGE 512 /* numbers that are handed on together */

struct json_tensor {
  struct request *request;
  rnnloss_tensor t;
  bool begun, done; /* its first, its last event has come */
  bool fresh;       /* a key has come, and nothing of its value yet */
  bool object;      /* {"dtype", "shape", "data"}; else nested arrays */
  unsigned members; /* bit: this member of the object has come */
  int member;       /* the one being read, -1: none */
  struct json_nest nest;
  unsigned rank; /* of "shape" */
  uint64_t shape[RANK_MAX];
  struct base64_decoder base64;
  char word[64]; /* a short string value */
  size_t word_length;
  size_t staged, staged_numbers; /* bytes, numbers in stage */
  unsigned char stage[JSON_STAGE * 9];
};
void json_tensor_begin(struct json_tensor *reader, struct request *request, rnnloss_tensor t);
const char *json_tensor_run(struct json_tensor *reader, const char *at, const char *end); /* as json_run */
bool json_tensor_event(struct json_tensor *reader, enum json_event event, const char *text, size_t length);

/* ---- safetensors_header.c: the JSON header of a safetensors request ------------------------------------- */

struct safetensors_entry {
  struct request *owner; /* the request, or the claims, that it is a tensor of .. */
  rnnloss_tensor t;
  struct claim_scalar *claim; /* .. or, if not NULL, a claimed number */
  uint64_t begin, end;        /* of its data, after the header */
};
struct safetensors_header {
  struct request *request;
  int place;
  bool metadata;                             /* __metadata__ has come */
  int option;                                /* the option whose value comes next; -1: one to be passed over */
  struct safetensors_entry *entries, *entry; /* memory of the arena; the present one */
  size_t count;
  unsigned members, member; /* of the entry: those that have come, the present one */
  unsigned skipped;         /* open containers of a member that is passed over */
  unsigned numbers;         /* read of the present list */
  unsigned rank;
  uint64_t shape[RANK_MAX];
  char dtype[60];
  size_t dtype_length, word_length;
  char word[JSON_TOKEN_MAX + 1];
};
bool safetensors_header_begin(struct safetensors_header *header, struct request *request); /* false: no memory */
json_handler safetensors_header_event;                                                     /* context: the header */
/* Sorts the entries by position; false unless their data is one gapless run of the right sizes. */
bool safetensors_header_end(struct safetensors_header *header);
/* entry NULL: it is about none */
bool safetensors_malformed(struct request *request, const struct safetensors_entry *entry, const char *detail);

/* ---- format.c, format_*.c: a table of encodings, one file each --------------------------------------- */

struct format {
  const char *name;
  const char *const *media_types;                 /* ends with NULL; answers carry the first */
  void *(*decode_begin)(struct request *request); /* NULL: problem set */
  bool (*decode)(void *decoder, const char *bytes, size_t length);
  bool (*decode_end)(void *decoder);
  bool (*encode)(const struct result *result, struct body *body); /* false: out of memory */
};
bool json_encode(const struct result *result, struct body *body);        /* json_encode.c */
bool safetensors_encode(const struct result *result, struct body *body); /* safetensors_encode.c */
extern const struct format format_json, format_safetensors;
extern const struct format *const formats[];                         /* ends with NULL */
const struct format *format_of_type(const char *content_type);       /* NULL: none takes it */
bool format_is_unstated(const char *content_type);                   /* missing, or curl's default: the bytes decide */
const struct format *format_sniff(const char *bytes, size_t length); /* by the first 8 bytes of a body */
/* The encoding of an answer, given that of the request; NULL: none is acceptable. */
const struct format *format_accepted(const char *accept, const struct format *of_request);

/* ---- exchange.c, routes.c: one HTTP request and its answer, without the HTTP library ----------------- */

enum method { METHOD_GET, METHOD_HEAD, METHOD_POST, METHOD_OPTIONS, METHOD_OTHER };

/* What http.c has found in the headers. The strings live until the exchange ends; NULL: not there. */
struct head {
  enum method method;
  const char *content_type, *content_encoding, *accept, *request_id, *traceparent;
  const char *authorization, *if_none_match;
  void *tls_session; /* of the connection; NULL: it isn't encrypted */
  bool has_length, chunked;
  bool crowded;       /* the connection is one too many */
  uint64_t length;    /* Content-Length */
  const char *defect; /* what two readers could read differently, as "two Host headers", or NULL */
};

struct header {
  const char *name, *value;
};
#define ANSWER_HEADERS 12
struct answer {
  unsigned status;
  struct header headers[ANSWER_HEADERS]; /* beside Content-Length, which http.c sets */
  size_t header_count;
  const char *bytes; /* the whole body, .. */
  size_t length;
  struct body *body; /* .. or, if not NULL, one to be read while it is sent */
};
void answer_header(struct answer *answer, const char *name, const char *value); /* both must live as long */

struct route {
  const char *path; /* "/vectors/{name}": the end is a parameter, one character at least */
  bool post;        /* POST; else GET and HEAD */
  enum access { ACCESS_GUARDED, ACCESS_OPEN, ACCESS_METRICS } access;
  bool (*begin)(struct exchange *exchange); /* post: the headers have come; false: problem set */
  bool (*receive)(struct exchange *exchange, const char *bytes, size_t length);
  enum step (*finish)(struct exchange *exchange); /* the body has come: fill exchange->answer; post: in slices */
  void (*release)(struct exchange *exchange);     /* NULL: nothing beyond the arena */
};
extern const struct route routes[]; /* ends with path NULL */
/* Index of the route for the path, -1: there is none. */
int route_find(const char *path);
const char *route_parameter(const struct exchange *exchange);  /* what the path has in the place of {name} */
const struct route *route_of(const struct exchange *exchange); /* NULL: there is none */
#define ROUTES_MAX 32

struct exchange {
  struct server *server;
  struct account account;
  struct arena arena; /* which also holds this */
  char *target;       /* the raw request target, as it came */
  char *path, *query; /* decoded path; raw query or NULL */
  struct head head;
  char request_id[72];
  int route;     /* -1: none */
  bool dropping; /* the answer is settled: what still arrives of the body is dropped */
  bool answered;
  uint64_t received;              /* bytes of the body */
  uint64_t sent;                  /* bytes of the answer's body, counted by http.c */
  uint64_t began_ns, received_ns; /* monotonic: its headers, its last byte had come; 0: not yet */
  uint64_t reduce_ns, terms_ns;   /* time spent while the body arrived, and after */
  uint64_t turn_ns;               /* when the present turn of exchange_end began */
  uint64_t answered_ns;           /* when the answer was begun; 0: there is none */
  unsigned terms;                 /* bit k: term k was evaluated */
  struct problem problem;
  struct answer answer;
  struct holder *holder;  /* whose token it came with; NULL: none was asked for */
  const char *token_name; /* the holder's name, or that of the client certificate, or NULL: for the log */
  const char *challenge;  /* of a 401 */
  void *state;            /* the route's own */
};

/* http.c calls these, in this order, from one thread. */
struct exchange *exchange_create(struct server *server, const char *target); /* NULL: out of memory */
bool exchange_begin(struct exchange *exchange, const struct head *head);     /* false: answer now, read no body */
void exchange_body(struct exchange *exchange, const char *bytes, size_t length);
bool exchange_end(struct exchange *exchange); /* false: call it again on the loop's next turn; true: answer is ready */
/* All of the answer is made: it doesn't count as in flight any more. A client that has read its answer must not find
 * its own request in the way of its next one. */
void exchange_settle(struct exchange *exchange);
void exchange_release(struct exchange *exchange);

/* Answers with a document (problem or content); NULL bytes become the prebuilt 503. */
void exchange_answer(struct exchange *exchange, unsigned status, const char *type, const char *bytes, size_t length);

void exchange_answer_body(struct exchange *exchange, const char *type,
                          struct body *body); /* 200, made while it is sent */

/* admission.c: what is refused before its body is read, and the memory that the rest has reserved */
bool admission_check(struct exchange *exchange);
bool admission_too_large(struct exchange *exchange); /* 413: false */

/* intake.c: the body of a POST becomes a request */

struct intake {
  struct request request;
  bool answers_alike;          /* the answer is in one of the request's encodings */
  const struct format *format; /* of the request; NULL: its first bytes will tell */
  const struct format *answer_format;
  void *decoder;
  bool checked;
  size_t sniffed;
  char first[8]; /* bytes of a body whose type isn't stated */
};
/* The caller has set what differs from zeros: answers_alike, request.claims. */
bool intake_begin(struct exchange *exchange, struct intake *intake);
bool intake_receive(struct exchange *exchange, struct intake *intake, const char *bytes, size_t length);
bool intake_end(struct exchange *exchange, struct intake *intake); /* the body has come: is it a valid request? */
void count_evaluations(struct exchange *exchange, unsigned active);

/* sha256.c: the digest of a text, and of a request's inputs in slices */

#define SHA256_BYTES 32
#define SHA256_HEX (2 * SHA256_BYTES + 1)
bool sha256_hex(const void *bytes, size_t length, char hex[SHA256_HEX]); /* false: no memory */
struct digest {
  void *outer, *inner; /* the hash library's; NULL: not begun */
  int tensor;          /* the one at hand */
  struct cursor cursor;
  uint64_t left; /* bytes of it */
  unsigned char value[SHA256_BYTES];
  char text[SHA256_HEX]; /* in hexadecimal, once it is done */
};
enum step digest_step(struct digest *digest, struct request *request); /* begins with zeros */
void digest_release(struct digest *digest);

/* Handlers: loss.c, validate.c, info.c (terms, version, health), vectors.c, metrics.c */
bool validate_begin(struct exchange *exchange);
bool validate_receive(struct exchange *exchange, const char *bytes, size_t length);
enum step validate_finish(struct exchange *exchange);
void validate_release(struct exchange *exchange);
bool loss_begin(struct exchange *exchange);
bool loss_receive(struct exchange *exchange, const char *bytes, size_t length);
enum step loss_finish(struct exchange *exchange);
void loss_release(struct exchange *exchange);
enum step terms_finish(struct exchange *exchange);
enum step vectors_finish(struct exchange *exchange);
enum step vector_finish(struct exchange *exchange);
enum step version_finish(struct exchange *exchange);
enum step live_finish(struct exchange *exchange);
enum step ready_finish(struct exchange *exchange);
enum step metrics_finish(struct exchange *exchange);

/* ---- vectors.c, vectors_data.S: the conformance vectors of tests/vectors, built in ----------------------- */

extern const char vectors_suite[], vectors_list[]; /* vectors.jsonl, list.json */
extern const uint64_t vectors_suite_length, vectors_list_length;

enum vector_text { VECTOR_ID, VECTOR_JSON, VECTOR_SAFETENSORS, VECTOR_PROBLEM, VECTOR_DIGEST, VECTOR_TEXTS };
struct vector {
  struct text text[VECTOR_TEXTS]; /* NUL-terminated beyond length */
  unsigned present;               /* bit i: the vector has text i */
  bool ruled;                     /* its tensors are given by a rule: its requests aren't whole */
};
bool vector_read(struct vector *vector, const char *line, size_t length, struct arena *arena);
char *vector_safetensors(const struct vector *vector, struct arena *arena,
                         size_t *length); /* decoded; NULL: it isn't */

/* ---- selftest.c: are the small vectors right on this machine? -------------------------------------------- */

struct selftest {
  bool passed;
  size_t count;            /* vectors that were right */
  char failed[120];        /* the first one that wasn't */
  char digest[SHA256_HEX]; /* of the suite */
};
void selftest_run(struct selftest *selftest, const char *suite, size_t length); /* and says so in the log */

/* ---- config.c: one option table: flag, environment, help ------------------------------------------- */

#define LISTEN_MAX 16
struct config {
  const char *listen[LISTEN_MAX]; /* "127.0.0.1:8080", "[::1]:0", "unix:/run/rnnlossd.sock" */
  size_t listen_count;
  bool listen_given;         /* they were named, and are not the default */
  uint64_t max_body;         /* bytes */
  uint64_t max_memory;       /* bytes, of all requests and connections together */
  uint64_t max_neurons;      /* N_hid at most */
  uint64_t min_rate;         /* bytes a second that a peer must send or take .. */
  unsigned transfer_seconds; /* .. after so long */
  unsigned header_seconds;   /* that a request's headers may take */
  unsigned idle_seconds;     /* that a connection may be silent */
  unsigned max_connections;
  unsigned threads;         /* event loops */
  const char *allow_origin; /* CORS; NULL: none */
  bool allow_anonymous;     /* may listen beyond loopback without asking who is there */
  const char *tokens;       /* files; NULL: none */
  const char *tls_cert, *tls_key, *tls_client_ca;
  unsigned max_requests_per_token; /* in flight; 0: any number */
  bool metrics_anonymous;          /* /metrics asks nobody */
  unsigned unix_mode;              /* permissions of unix sockets; 0: by the umask */
  unsigned drain_seconds;          /* how long a drain may take */
  unsigned drain_delay;            /* seconds before it, in which only /readyz says that it comes */
  enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG } log_level;
  enum log_format { LOG_LOGFMT, LOG_JSON } log_format;
  bool access_log;        /* a line for each request */
  char listen_text[2048]; /* RNNLOSSD_LISTEN, cut at its commas */
  const char *check;      /* the URL of --check; empty: the first address of these; NULL: not asked for */
};
/* Go on; check instead; --help or --version was served; refused. */
enum config_outcome { CONFIG_RUN, CONFIG_CHECK, CONFIG_EXIT, CONFIG_WRONG };
/* Fills *config; strings point into argv, the environment and *config. Refusals are on standard error, with the name.
 */
enum config_outcome config_read(struct config *config, int argc, char **argv, char **environment);
/* Calls visit for every option's name and configured value: for /version. */
void config_each(const struct config *config, void (*visit)(void *context, const char *name, uint64_t value),
                 void *context);

/* ---- file.c: small files, whole ------------------------------------------------------------------------ */

struct file {
  char *bytes; /* NUL-terminated beyond length */
  size_t length;
  bool open_to_all; /* anybody on this machine may read it */
};
bool file_read(struct file *file, const char *path, size_t limit, char *error, size_t size); /* false: error says why */
void file_release(struct file *file);                                                        /* its memory is wiped */

/* ---- tokens.c: who may call, by bearer token ----------------------------------------------------------- */

#define HOLDER_NAME_MAX 64
/* Everybody whose tokens have the same name; lives until no table and no request has it. */
struct holder {
  struct holder *next;
  _Atomic unsigned in_flight; /* requests */
  bool named;                 /* in the present table */
  char name[HOLDER_NAME_MAX + 1];
};
struct tokens;
struct tokens *tokens_create(const char *path);                    /* empty; NULL: out of memory */
bool tokens_load(struct tokens *tokens, char *error, size_t size); /* false: error says why, the old ones stay */
void tokens_count(struct tokens *tokens, size_t *count, size_t *names);
void tokens_release(struct tokens *tokens); /* NULL is fine */
enum token_verdict { TOKEN_GOOD, TOKEN_WRONG, TOKEN_BUSY };
/* GOOD: *holder has one more request in flight, until holder_leave; BUSY: it has most (0: any number) already. */
enum token_verdict tokens_enter(struct tokens *tokens, const char *token, unsigned most, struct holder **holder);
void holder_leave(struct holder *holder); /* NULL is fine */

/* ---- tls.c: certificates and sessions; a session is the library's, opaque here ---------------------------- */

struct tls;
struct tls *tls_create(const struct config *config); /* nothing loaded; NULL: out of memory */
void tls_release(struct tls *tls);                   /* NULL is fine */
/* Each reads its files anew; false: error says why, and what was there stays. */
bool tls_load_certificate(struct tls *tls, char *error, size_t size);
bool tls_load_client_ca(struct tls *tls, char *error, size_t size);
uint64_t tls_not_after(struct tls *tls); /* when the certificate expires, seconds since 1970 */
size_t tls_client_cas(struct tls *tls);  /* how many there are */

/* For the HTTP library: a gnutls_certificate_retrieve_function3, the priorities, the first client CAs. */
typedef void tls_function(void);
tls_function *tls_retriever(void);
const char *tls_priorities(void);
const char *tls_first_client_ca(const struct tls *tls); /* PEM; NULL: no certificate is asked for */
/* A connection's session begins, before its handshake, and ends. */
void tls_begin(struct tls *tls, void *session);
void tls_end(void *session);
/* Has the client shown a certificate that a client CA has signed? *name is its name, or *why what is wrong with it;
 * both live as long as the connection. */
bool tls_client(void *session, const char **name, const char **why);
/* The other side of a connection, for check.c: sends the request over a socket and reads the answer, to its end or as
 * much of it as there is room for. Any certificate will do. */
struct heard {
  size_t length;
  char bytes[4096];
};
bool tls_ask(int fd, const char *request, struct heard *answer, char *error, size_t size);

/* ---- check.c: rnnlossd --check -------------------------------------------------------------------------------- */

int check_run(const struct config *config); /* the exit status: 0 ready, 1 not, and why on standard error */

/* ---- access.c: who may call --------------------------------------------------------------------------------- */

bool access_setup(struct server *server); /* reads the files; false: said on standard error */
void access_end(struct server *server);
void access_warn(const struct server *server); /* in the log: tokens that travel in clear text */
void access_reload(struct server *server);     /* reads them again; what is wrong stays as it was, and is logged */
/* Client certificate, token, the token's share. Called once the route is known. */
bool access_check(struct exchange *exchange);
/* Would strangers be asked who they are? */
bool access_asks(const struct config *config);

/* ---- log.c: lines on standard error, each one write(2) ------------------------------------------------ */

void log_setup(enum log_level level, enum log_format format);
bool log_wanted(enum log_level level); /* would a line of this level be written? */
/* detail is a text for people, made as by printf; it is quoted. */
void log_line(enum log_level level, const char *event, const char *detail, ...) PRINTF_LIKE(3, 4);
uint64_t log_dropped(void); /* lines that could not be written */

/* A line with fields of its own: begin, fields, end. A field that has no room is left out, a long text is cut. */
struct log_record {
  size_t length;
  bool json;
  char bytes[3072]; /* below PIPE_BUF: lines of several processes don't mix */
};
void log_begin(struct log_record *record, enum log_level level, const char *event); /* whether it is wanted or not */
void log_text(struct log_record *record, const char *name, const char *text);       /* quoted; NULL: no field */
void log_word(struct log_record *record, const char *name, const char *word);       /* quoted where it must be */
void log_number(struct log_record *record, const char *name, uint64_t value);
void log_boolean(struct log_record *record, const char *name, bool value);
void log_nothing(struct log_record *record, const char *name); /* JSON's null */
void log_end(struct log_record *record);                       /* writes it */

/* ---- access_log.c: what is said of a request once it has ended ------------------------------------------ */

/* Why a request is turned away, for metrics.c, too. */
enum shed { SHED_OVERLOADED, SHED_RATE_LIMITED, SHED_DRAINING, SHED_CONNECTIONS, SHED_REASONS };
struct failures { /* answers 5xx, of which a bounded number is logged */
  _Atomic uint64_t second, suppressed;
  _Atomic unsigned count;
};
/* Its answer was sent, or given up: a line if --access-log asks for it, and a warning of a 5xx. */
void access_log(struct exchange *exchange, bool sent);
void access_log_refused(struct server *server, enum shed reason); /* a 503 that no exchange was made for: counts it */
void access_log_tick(struct server *server);                      /* says how many warnings were suppressed */
void access_log_format(struct log_record *record, const struct exchange *exchange, bool sent, uint64_t now_ns);

/* ---- process.c: descriptors, limits, what the process uses ---------------------------------------------- */

/* A socket must not become descriptor 2, which lines are written to: what is closed of 0 to 2 becomes /dev/null. */
void process_standard_descriptors(void);
/* Raises the soft limit to those needed; warns if the hard one is too low. */
void process_allow_descriptors(uint64_t needed);
struct process_use {
  uint64_t resident_bytes, virtual_bytes; /* 0: not known */
  uint64_t descriptors, descriptors_max;
  uint64_t cpu_ns;
};
void process_measure(struct process_use *use);

/* ---- systemd.c: what a service manager passes, and is told ---------------------------------------------- */

struct listener;
#define SYSTEMD_FIRST_SOCKET 3
struct systemd {
  struct sockaddr_un notify;
  socklen_t notify_length; /* 0: nobody wants to be told */
  uint64_t watchdog_ns;    /* it wants to hear something that often; 0: it doesn't */
  uint64_t alive_ns;       /* when it last did */
  size_t sockets;          /* that were passed, from descriptor 3 on; LISTEN_MAX + 1: too many */
};
void systemd_begin(struct systemd *systemd); /* reads the environment, and cleans it: before there are threads */
void systemd_ready(const struct systemd *systemd, const struct listener *listeners, size_t count);
void systemd_reloading(const struct systemd *systemd);
void systemd_stopping(const struct systemd *systemd);
void systemd_alive(const struct systemd *systemd);

/* ---- watchdog.c: proves to the service manager that every loop lives ------------------------------------ */

void watchdog_tick(struct server *server); /* from the main thread, several times in watchdog_ns; may take a third */

/* ---- metrics.c: counters; Prometheus text ------------------------------------------------------------- */

extern const char server_commit[]; /* of the sources that it was built from, or "unknown" */
#define METRIC_STATUSES 24
#define METRIC_BUCKETS 14
struct metrics {
  _Atomic uint64_t requests[ROUTES_MAX][METRIC_STATUSES];
  _Atomic uint64_t seconds_bucket[ROUTES_MAX][METRIC_BUCKETS];
  _Atomic uint64_t nanoseconds[ROUTES_MAX];
  _Atomic uint64_t bytes_in, bytes_out;
  _Atomic uint64_t in_flight, connections, timeouts;
  _Atomic uint64_t evaluations[RNNLOSS_TERMS];
  _Atomic uint64_t shed[SHED_REASONS];
};
void metrics_begin(struct metrics *metrics);                                /* a request's headers have come */
void metrics_end(struct metrics *metrics, const struct exchange *exchange); /* it is answered, or its peer is gone */
void metrics_shed(struct metrics *metrics, enum shed reason);               /* turned away, before it was a request */

/* ---- head.c: a request's headers, and what is doubtful in them ----------------------------------------- */

struct request_line {
  const char *method, *target, *version;
  const char *raw_target; /* where the library keeps it: what follows it has been decoded in place */
  size_t raw_target_size;
};
struct head_reader {
  struct head *head;
  struct arena *arena;
  bool contiguous;     /* the strings are the bytes as they came, at the places where they came */
  const char *reached; /* the end of what was seen of them */
  bool old;            /* HTTP/1.0 */
  unsigned hosts, lengths, codings;
};
/* The caller sets head, arena, contiguous; the others are 0. Then, in the order in which they came: */
void head_begin(struct head_reader *reader, const struct request_line *line);
void head_line(struct head_reader *reader, const char *name, size_t name_size, const char *value, size_t value_size);
void head_end(struct head_reader *reader, const char *end); /* end: of the empty line, or NULL: not known */

/* ---- formulas.c: the catalogue's formulas as MathML --------------------------------------------------- */

struct formula {
  const char *value, *gradient;   /* <math> elements */
  const char *const *conventions; /* what the definition leaves open, in words; ends with NULL */
};
extern const struct formula formulas[RNNLOSS_TERMS];

/* ---- listen.c, acceptor.c, linger.c, http.c, main.c: from a socket to an exchange ------------------------- */

struct address {
  char host[256], port[8];
  bool bracketed; /* an IPv6 address */
};
/* Of HOST:PORT or [IPV6]:PORT. False: error says why. */
bool address_read(const char *text, struct address *address, char *error, size_t size);

struct listener {
  int fd;
  bool tls;
  char name[160]; /* "https://127.0.0.1:8080", "unix:/run/rnnlossd.sock" */
  char path[112]; /* of a unix socket, to be removed at the end; else empty */
};
/* config: TLS or not, permissions. False: error says why. */
bool listener_open(struct listener *listener, const char *address, const struct config *config, char *error,
                   size_t size);
bool listener_adopt(struct listener *listener, int fd, const struct config *config, char *error,
                    size_t size);                        /* one that was passed */
bool listener_is_local(const struct listener *listener); /* a unix socket, or an address of the loopback */
void listener_close(struct listener *listener);

/* pthread_create with a stack of that size. */
bool thread_start(pthread_t *thread, size_t stack_bytes, void *(*run)(void *), void *argument);

/* One thread that accepts connections of all listeners, and gives each (and its ownership) to take. */
struct acceptor;
typedef void acceptor_taker(void *context, const struct listener *listener, int fd, const struct sockaddr *peer,
                            socklen_t length);
typedef void acceptor_ticker(void *context); /* called about once a second, from the same thread */
struct acceptor *acceptor_start(const struct listener *listeners, size_t count, acceptor_taker *take,
                                acceptor_ticker *tick, void *context);
void acceptor_stop(struct acceptor *acceptor); /* takes what has queued up still; NULL is fine */

/* ---- connections.c: who is there, at what, and until when ----------------------------------------------- */

#define LOOPS_MAX 256
#define DESCRIPTORS_OTHER 512 /* files, listeners, loops, sockets that linger */
#define CONNECTIONS_SPARE 64  /* beyond --max-connections: there health and metrics are answered still */
/* What a connection and a small request on it cost; more is the request's own (struct account). */
#define CONNECTION_BYTES ((uint64_t)160 << 10)

enum stage { STAGE_OPEN, STAGE_HEAD, STAGE_BODY, STAGE_WORK, STAGE_ANSWER, STAGE_IDLE, STAGE_CUT };

struct connection {
  _Atomic uint64_t word; /* stage and deadline */
  uint16_t owner;        /* the loop that has it, plus one; 0: none */
  bool charged;          /* its memory is reserved */
  bool crowded;          /* it is a spare one */
  bool secure;           /* TLS: nothing is written to it in plain */
};
struct connections { /* threads may call at once */
  pthread_mutex_t lock;
  size_t loops, most, open;
  unsigned count[LOOPS_MAX];
  struct budget *budget;
  struct connection *slots; /* by descriptor */
  size_t slot_count, top;   /* top: no connection has had a descriptor from here on */
};
bool connections_setup(struct connections *connections, const struct config *config, size_t loops,
                       struct budget *budget);
void connections_end(struct connections *connections);
/* The one with the fewest of these loops, which now has it; -1: full. */
struct loop_range {
  size_t first, count;
  bool secure; /* they speak TLS */
};
int connections_open(struct connections *connections, int fd, const struct loop_range *range, uint64_t deadline_ns);
void connections_close(struct connections *connections, int fd); /* before the descriptor is closed */
struct connection *connections_find(struct connections *connections, int fd);
/* Its loop says what it is at now, and until when (0: as long as it takes); false: it has been shut down. */
bool connection_enter(struct connection *connection, enum stage stage, uint64_t deadline_ns);
bool connection_is_cut(const struct connection *connection);
/* When a body, or an answer, of so many bytes that begins to move now must have arrived. */
uint64_t transfer_deadline(const struct config *config, uint64_t start_ns, uint64_t bytes);
/* Shuts down those that are past their deadlines; returns how many of them were at a request. Once a second.
 * Also: the HTTP library waits for edges, and misses the end of a peer's stream that came together with
 * its last data: a peer that died within its request would be waited for. Shutting down the reading
 * side, which has ended anyway, makes another edge. */
size_t connections_check(struct connections *connections);

/* bare.c: a problem answered on a socket beside the HTTP library: what isn't read at once is lost. */
void bare_answer(int fd, enum problem_type type, const char *detail);

/* One thread that reads on from sockets whose answer is sent, so that their peers get to read it. */
#define LINGER_BYTES ((uint64_t)256 << 20) /* of one peer, at most */
struct lingerer;
struct lingerer *lingerer_start(void);                /* NULL: no memory, descriptor or thread */
void lingerer_add(struct lingerer *lingerer, int fd); /* takes over fd (-1 is fine) and ends its sending side */
void lingerer_stop(struct lingerer *lingerer);        /* waits up to 2 s for them; NULL is fine */

struct server {
  struct config config;
  struct metrics metrics;
  _Atomic bool leaving;  /* the end was asked for: /readyz says 503 */
  _Atomic bool draining; /* .. and has begun: connections end with their answer */
  struct budget budget;
  struct failures failures;
  struct systemd systemd;
  struct selftest selftest;
  uint64_t started_ns; /* since 1970 */
  struct listener listeners[LISTEN_MAX];
  size_t listener_count;
  struct http *http;
  struct tokens *tokens; /* NULL: none are asked for */
  struct tls *tls;       /* NULL: all is plain */
};
/* The loops and the acceptor. http.c is the only file that knows libmicrohttpd. */
bool http_start(struct server *server); /* false: said on standard error */
size_t http_loops(const struct server *server);
/* Gives a loop a connection from nowhere, and its ownership; false: there is no memory for it. */
bool http_join(struct server *server, size_t loop, int fd);
void http_close_door(struct server *server);    /* nothing is accepted any more */
void http_begin_no_more(struct server *server); /* a request that comes now is not answered: it may be sent elsewhere */
void http_check(struct server *server);         /* connections_check; from time to time */
void http_end(struct server *server);           /* the loops end, whatever they are at */
void drain(struct server *server);              /* drain.c: all of these; may take --drain-timeout */

uint64_t clock_ns(void); /* monotonic */

/* First of all, before the options are read: no signal is lost or fatal from here on. Calling it again is harmless. */
void server_prepare(void);
void server_reload(struct server *server); /* SIGHUP: reads anew what can change */
/* All of the daemon but main(): returns the exit status. announce (may be NULL) gets each address once it accepts. */
int server_run(const struct config *config, void (*announce)(void *context, const char *address), void *context);

#endif
