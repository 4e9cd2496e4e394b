/* wire.h - what bench-wire is made of, and which file does what
 *
 *   wire.c              the rows: what is compared with what, and the goals
 *   wire_sizes.c        the same over sizes, for the plots
 *   wire_start.c        the programs measured: daemon, echo, FastAPI service, PyTorch
 *   wire_process.c      children: started, heard, ended by their id
 *   wire_subject.c      things measured in turn, and their medians
 *   wire_load.c         measurements: many small requests, one large one
 *   wire_connection.c   TCP, unix sockets and TLS, none of which waits
 *   wire_answer.c       the answer as it comes
 *   wire_request.c      the problems, as JSON and as safetensors
 *   wire_text.cc        the bare loops over text that JSON is held against
 *   wire_report.c       lines for people and for programs
 */
#ifndef WIRE_H
#define WIRE_H

#include <gnutls/gnutls.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "wire_text.h"

#define ROUNDS_MAX 201

/* ---- wire_report.c ---- */

_Noreturn void die(const char *what);                                     /* with errno's text, if there is one */
void note(const char *format, ...) __attribute__((format(printf, 1, 2))); /* a line for people, on standard error */
void *allocate(size_t size);                                              /* or die */
bool environment_is(const char *name, const char *value);                 /* value NULL: set, and neither "" nor "0" */
double now(void);
double median(const double *values, int count);
enum sense { AT_LEAST, AT_MOST, NO_GOAL };
void report_row(const char *name, double ratio, enum sense sense, double goal);
void report_time(const char *name, const char *unit, double value);
void progress(const char *title, int done, int of);

/* ---- wire_process.c ---- */

struct process {
  pid_t pid;
  FILE *from, *to; /* its standard output and input */
};
/* own_processor: on the last processor, where the load is not made; else on all. Forks, runs argv[0] (by PATH). */
struct process process_start(const char *const *argv, bool own_processor);
bool process_line(struct process *process, char *line, size_t size); /* the next line that it prints, without its end */
void process_stop(struct process *process);                          /* SIGTERM, by its id, and waits; once */
bool process_run(const char *const *argv, char *output, size_t size);   /* to its end: did it succeed? */
void process_settle(const struct process *process, bool own_processor); /* later on */
void processors_own(void);                                              /* this program on the first processor */
void processors_borrow(void);                                           /* .. for a while, on that of the servers */

/* ---- wire_start.c ---- */

enum transport { TRANSPORT_TCP, TRANSPORT_UNIX, TRANSPORT_TLS };
#define TRANSPORTS 3
extern const char *const transport_names[TRANSPORTS];

struct peer {
  struct process process;
  enum transport transport;
  uint16_t port;
  char path[64]; /* of a unix socket */
  bool there;
};
struct programs {
  struct peer daemon[TRANSPORTS], echo[TRANSPORTS];
  struct peer service; /* FastAPI */
  struct process torch;
  bool has_torch;
  char folder[32]; /* of sockets and the certificate; goes away at the end */
};
void programs_start(struct programs *programs, const char *daemon, const char *echo);
void programs_stop(struct programs *programs);

/* ---- wire_connection.c ---- */

struct connection {
  int fd;
  gnutls_session_t session; /* NULL without TLS */
};
struct connection connection_open(const struct peer *peer);
void connection_close(struct connection *connection);
/* The bytes that went, or came; 0 if none can now. The end of the connection is the end of the program. */
size_t connection_send(struct connection *connection, const char *bytes, size_t length);
size_t connection_receive(struct connection *connection, char *bytes, size_t room);
void connection_wait(const struct connection *connection, bool to_send);

/* ---- wire_answer.c ---- */

struct answer {
  char head[2048];
  size_t head_length;
  bool has_head, chunked;
  int line;      /* where in the line before a chunk: see wire_answer.c */
  uint64_t left; /* of the body, or of the chunk */
  char *keep;    /* NULL, or where the body goes */
  size_t kept, room;
  size_t length; /* of the body, so far */
};
bool answer_take(struct answer *answer, const char *bytes, size_t length); /* true: it is whole */
double answer_server_ms(const struct answer *answer);                      /* what Server-Timing says: reduce + terms */

/* ---- wire_request.c ---- */

enum encoding { ENCODING_JSON, ENCODING_SAFETENSORS };
struct request {
  char *bytes; /* head and body */
  size_t length, body;
  enum encoding encoding;
};
struct request request_small(enum encoding encoding); /* all seven terms */
/* The three firing-rate terms of fr [rows, units]; JSON: doubles of this many digits, safetensors: F32. */
struct request request_rates(enum encoding encoding, size_t rows, size_t units, int digits, bool gradient);
/* The same for the FastAPI service, and for the echo, which then answers with this many bytes. */
struct request request_for_service(const struct request *request);
struct request request_for_echo(const struct request *request, size_t answer_length);
void request_release(struct request *request);
const char *request_body(const struct request *request);

/* ---- wire_subject.c ---- */

struct subject {
  const char *name;
  double (*measure)(struct subject *subject);
  const struct peer *peer; /* NULL: not measured over a socket */
  const struct request *request;
  struct process *torch;
  size_t rows, units; /* of PyTorch's problem */
  double *numbers;    /* of the loops over text */
  char *text;
  size_t count, written;
  bool absent;  /* left out */
  bool closing; /* a connection for each */
  struct connection connection;
  double results[ROUNDS_MAX];
  double cost, costs[ROUNDS_MAX]; /* microseconds of the server's processor, of a small request: of the last, of all */
  int rounds;
  double median;
};
void subjects_measure(const char *title, struct subject *subjects, size_t count, int rounds);
/* The median of the rounds' ratios (over - beyond) / under; beyond may be NULL. Of one round all had the same machine.
 */
double subjects_ratio(const struct subject *over, const struct subject *beyond, const struct subject *under);
double subjects_cost_ratio(const struct subject *over, const struct subject *under);

/* ---- wire_load.c: what `measure` may be ---- */

double measure_rate(struct subject *subject);       /* requests a second, on several kept-alive connections */
double measure_exchange(struct subject *subject);   /* milliseconds from the first byte out to the last one in */
double measure_server(struct subject *subject);     /* milliseconds of it that the server says it worked */
double measure_torch(struct subject *subject);      /* milliseconds of PyTorch's forward and backward */
double measure_read(struct subject *subject);       /* milliseconds of from_chars over the request's body */
double measure_read_write(struct subject *subject); /* .. and of to_chars of the answer's numbers */
/* The answer's body, of which `length` bytes are kept. */
size_t exchange_keep(const struct peer *peer, const struct request *request, char *body, size_t room);
double load_least(void);    /* the smallest share of a processor that a server of small requests had */
extern double rate_seconds; /* of one measurement of requests a second */

/* ---- wire_sizes.c ---- */

void sizes_measure(struct programs *programs, bool quick);

#endif
