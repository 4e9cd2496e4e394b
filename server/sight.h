/* sight.h - what is to be seen of it: log lines, metrics, the process; see server.h */
#ifndef SERVER_SIGHT_H
#define SERVER_SIGHT_H

#include "config.h"
#include "exchange.h"

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

#endif
