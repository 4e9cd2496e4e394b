/* exchange.h - one HTTP request and its answer, without the HTTP library; what its handlers need; see server.h */
#ifndef SERVER_EXCHANGE_H
#define SERVER_EXCHANGE_H

#include "formats.h"

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
#define ANSWER_HEADERS 16
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

/* Handlers: loss.c, validate.c, info.c (terms, version, health), vectors.c, assets.c, metrics.c */
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
enum step asset_finish(struct exchange *exchange);
enum step page_finish(struct exchange *exchange);
enum step version_finish(struct exchange *exchange);
enum step live_finish(struct exchange *exchange);
enum step ready_finish(struct exchange *exchange);
enum step metrics_finish(struct exchange *exchange);

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

/* ---- assets.c, embedded.S: files that are built in --------------------------------------------------------- */

/* Answers with bytes that stay the same as long as the daemon runs, and a tag by which a client can keep them. NULL: no
 * memory. */
enum step asset_answer(struct exchange *exchange, const char *type, const char *bytes, size_t length);

/* ---- vectors.c, embedded.S: the conformance vectors of tests/vectors, built in ----------------------- */

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

#endif
