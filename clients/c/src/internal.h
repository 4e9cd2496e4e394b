/* internal.h - what the files of the client know of each other
 *
 * Data flows one way: problem -> encode -> struct call -> call_make (retries) -> transport (libcurl) -> struct exchange
 * -> decode -> answer.
 */
#ifndef RNNLOSS_CLIENT_INTERNAL_H
#define RNNLOSS_CLIENT_INTERNAL_H

#include "../rnnloss_client.h"

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "tensors go over the wire little-endian, as they lie in memory: this machine's do not"
#endif

#define SAFETENSORS "application/vnd.safetensors"
#define JSON "application/json"
#define ID_MAX 64
#define NUMBER_MAX 40 /* characters of a number's text, quotes and NUL included */

/* ---- error.c: all ways to say what went wrong; each returns false ---- */

struct exchange;
bool error_set(rnnloss_client_error *error, const char *type, const char *title, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
bool error_memory(rnnloss_client_error *error);
bool error_argument(rnnloss_client_error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool error_unexpected(rnnloss_client_error *error, const struct exchange *exchange, const char *why);
bool error_of_answer(rnnloss_client_error *error, const struct exchange *exchange); /* a problem, or unexpected */

/* ---- pool.c: memory that is freed together ---- */

struct pool {
  struct pool_block *blocks;
};
void *pool_take(struct pool *pool, size_t count, size_t size); /* zeros; NULL: out of memory */
char *pool_text(struct pool *pool, const char *text, size_t length);
void pool_adopt(struct pool *pool, struct pool_block *block);
void pool_free(struct pool *pool);

/* A growing text. After a failed allocation it takes no more and failed is set. */
struct text {
  char *bytes;
  size_t length, room;
  bool failed;
};
void text_add(struct text *text, const char *bytes, size_t length);
void text_string(struct text *text, const char *string);
void text_size(struct text *text, size_t number);
void text_escaped(struct text *text, const char *string); /* as part of a URL */

/* ---- number.c: numbers as text, in the C locale whatever the process's is ---- */

/* The shortest decimal that reads back to the same bits; what is not finite as NaN, Infinity, -Infinity. */
size_t number_text(rnnloss_client_dtype dtype, const void *element, char out[NUMBER_MAX]);
void number_store(rnnloss_client_dtype dtype, double value, void *element); /* rounded to the dtype */
double number_load(rnnloss_client_dtype dtype, const void *element);
double number_read(const char *text);                                             /* text is a number of JSON */
void number_read_as(rnnloss_client_dtype dtype, const char *text, void *element); /* rounded to the dtype */
bool number_word(rnnloss_client_dtype dtype, const char *text, size_t length, void *element); /* NaN, .. */

/* ---- slice.c: JSON text, read in place ---- */

struct slice {
  const char *at, *end;
};
bool slice_valid(struct slice text); /* one JSON value and nothing else: what the others take for granted */
bool slice_next(struct slice *list, struct slice *value);                       /* of an array's inside */
bool slice_member(struct slice *list, struct slice *name, struct slice *value); /* of an object's inside */
bool slice_inside(struct slice value, char bracket, struct slice *list);        /* false: no array '[', object '{' */
bool slice_find(struct slice object, const char *name, struct slice *value);    /* the first member of that name */
bool slice_is(struct slice value, const char *text);                            /* byte by byte */
bool slice_string(struct slice value, struct slice *text);                      /* without quotes; no escapes */
bool slice_number(struct slice value, rnnloss_client_dtype dtype,
                  void *element); /* or the words for what is not finite */
/* Flat or nested: fills elements up to count, returns how many there are; SIZE_MAX: something is no number. */
size_t slice_numbers(struct slice value, rnnloss_client_dtype dtype, void *elements, size_t count);

/* ---- tensor.c ---- */

int dtype_find(const char *name, size_t length); /* -1: unknown */
bool shape_bytes(const size_t *shape, size_t rank, rnnloss_client_dtype dtype,
                 size_t *bytes); /* false: beyond size_t */
bool tensor_check(const rnnloss_client_tensor *tensor, size_t *bytes, rnnloss_client_error *error);
const char *option_value(const rnnloss_client_problem *problem, const char *name); /* NULL: not given */

/* ---- the encodings ---- */

struct segment {
  const void *bytes;
  size_t length;
};

struct body {
  struct segment *segments; /* the first one is head's */
  size_t count;
  struct text head, query;
  const char *content_type;
};
bool encode_safetensors(const rnnloss_client_problem *problem, bool claims, struct body *body,
                        rnnloss_client_error *error);
bool encode_json(const rnnloss_client_problem *problem, bool claims, struct body *body, rnnloss_client_error *error);
void body_free(struct body *body);
/* Adds JSON text, which it frees, at a path like "terms.fr.loss", whose beginning is made as needed. */
struct cJSON;
bool claims_add(struct cJSON *claims, const char *path, struct text *value);

#define NAMES_MAX 1000 /* terms, or names in a list, that an answer may have: far more than there are */

/* An answer that is being put together. */
struct draft {
  rnnloss_client_answer answer; /* first: it is what the caller sees */
  struct pool pool;
  rnnloss_client_term *terms;
  size_t term_room;
};
/* NULL, or why the bytes are no answer to the problem. */
const char *decode_safetensors(struct draft *draft, const rnnloss_client_problem *problem, char *body, size_t length);
const char *decode_json(struct draft *draft, const rnnloss_client_problem *problem, const char *body, size_t length);

rnnloss_client_term *draft_term(struct draft *draft, const char *name, size_t length); /* found or added */
/* A place for the gradient of a tensor that was sent, in an answer that says it has this dtype and shape. *out NULL: of
 * no tensor that was sent. */
const char *draft_gradient(struct draft *draft, const rnnloss_client_problem *problem,
                           rnnloss_client_gradients *gradients, const char *name, int dtype,
                           rnnloss_client_tensor **out);
const char *draft_word(struct draft *draft, const char *const **words, size_t *count, const char *word, size_t length);
extern const char no_memory[]; /* a reason to give up that is no fault of the answer's */

/* ---- transport.c: the only file that knows libcurl ---- */

struct transport;

struct call {
  const char *path; /* with the query */
  bool post;
  const char *content_type, *accept; /* NULL: none */
  const struct segment *segments;
  size_t count;
  const char *request_id;
};

enum outcome {
  OUTCOME_ANSWER,
  OUTCOME_BROKEN,  /* no connection, or one that broke: worth another attempt */
  OUTCOME_REFUSED, /* a certificate that is not trusted, an address that is none */
  OUTCOME_GARBAGE, /* something answered, but not HTTP */
  OUTCOME_LATE,    /* the time was up */
  OUTCOME_NO_MEMORY
};

struct exchange {
  enum outcome outcome;
  char *body; /* of a pool block, NUL behind */
  struct pool_block *block;
  size_t length;
  int status;
  double retry_after; /* seconds, 0: none given */
  char content_type[128], request_id[ID_MAX + 1];
  char detail[400]; /* why there is no answer */
};
void exchange_free(struct exchange *exchange);

struct transport *transport_new(const rnnloss_client_settings *settings, const char *token);
void transport_free(struct transport *transport);
/* One attempt. A connection that was kept and turns out to be closed is replaced within it. */
void transport_exchange(struct transport *transport, const char *endpoint, const struct call *call, double connect,
                        double seconds, struct exchange *exchange);

/* ---- pool.c again: a block that the transport fills and an answer adopts ---- */

struct pool_block *pool_block_grow(struct pool_block *block, size_t size); /* NULL: out of memory, block as it was */
char *pool_block_bytes(struct pool_block *block);
void pool_block_free(struct pool_block *block);

/* ---- call.c: attempts, until there is an answer ---- */

struct rnnloss_client {
  struct transport *transport;
  struct pool pool;
  const char **endpoints;
  size_t endpoint_count;
  size_t sticky; /* the endpoint that answered last */
  double timeout, connect_timeout;
  unsigned retries;
};
bool call_make(rnnloss_client *client, const struct call *call, struct exchange *exchange, rnnloss_client_error *error);
bool call_once(rnnloss_client *client, size_t endpoint, const struct call *call, struct exchange *exchange);
bool breaks_header(const char *text); /* NULL does not */
double clock_now(void);

/* ---- random.c ---- */

double random_fraction(void); /* 0 <= x < 1 */
void random_id(char out[ID_MAX + 1]);

/* ---- problem.c: a problem on its way ---- */

bool problem_send(rnnloss_client *client, const char *route, const rnnloss_client_problem *problem, const char *accept,
                  struct exchange *exchange, rnnloss_client_error *error);
/* A report's text, which must outlive what is made of it; NULL, and why. */
rnnloss_client_report *report_read(const char *json, size_t length, const char **why);
/* Takes what the exchange received. */
rnnloss_client_response *response_make(struct exchange *exchange, rnnloss_client_error *error);

#endif
