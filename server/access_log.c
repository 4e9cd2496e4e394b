/* access_log.c - what is said of a request once it has ended: a line of its own, and a warning if the daemon failed it
 */
#include <string.h>

#include "server.h"

#define SECOND_NS ((uint64_t)1000000000)
#define WARNINGS_A_SECOND 10

static uint64_t microseconds(uint64_t from_ns, uint64_t to_ns) {
  return to_ns > from_ns ? (to_ns - from_ns) / 1000 : 0;
}

static const char *method_name(enum method method) {
  static const char *const names[] = {"GET", "HEAD", "POST", "OPTIONS", "other"};
  return names[method];
}

static const char *route_name(const struct exchange *exchange) {
  return exchange->route >= 0 ? routes[exchange->route].path : "none";
}

/* ---- A request's line ------------------------------------------------------------------------------- */

/* The trace id of a traceparent (W3C Trace Context) that is one: 00-<32>-<16>-<2>, lower-case hexadecimal digits. */
static bool trace_id(const char *traceparent, char id[33]) {
  static const char hex[] = "0123456789abcdef";
  if (!traceparent) return false;
  size_t version = strspn(traceparent, hex);
  if (version != 2 || traceparent[2] != '-' || memcmp(traceparent, "ff", 2) == 0) return false;
  const char *trace = traceparent + 3;
  if (strspn(trace, hex) != 32 || trace[32] != '-' || strspn(trace, "0") == 32) return false;
  const char *parent = trace + 33;
  if (strspn(parent, hex) != 16 || parent[16] != '-' || strspn(parent + 17, hex) != 2) return false;
  bool newer = memcmp(traceparent, "00", 2) != 0; /* which may say more */
  if (parent[19] && !(newer && parent[19] == '-')) return false;
  memcpy(id, trace, 32);
  id[32] = '\0';
  return true;
}

static void add_terms(struct log_record *record, unsigned terms) {
  char names[128];
  size_t length = 0;
  for (int k = 0; k < RNNLOSS_TERMS; k++) {
    if (!(terms >> k & 1U)) continue;
    const char *name = rnnloss_term_describe((rnnloss_term)k)->name;
    size_t size = strlen(name);
    if (length + size + 2 > sizeof names) break;
    if (length) names[length++] = ',';
    memcpy(names + length, name, size);
    length += size;
  }
  names[length] = '\0';
  if (length) log_word(record, "terms", names);
}

static void add_phases(struct log_record *record, const struct exchange *exchange, uint64_t now) {
  uint64_t received = exchange->received_ns ? exchange->received_ns : now;
  log_number(record, "receive_us", microseconds(exchange->began_ns, received));
  log_number(record, "reduce_us", exchange->reduce_ns / 1000);
  log_number(record, "terms_us", exchange->terms_ns / 1000);
  log_number(record, "send_us", exchange->answered_ns ? microseconds(exchange->answered_ns, now) : 0);
  log_number(record, "total_us", microseconds(exchange->began_ns, now));
}

void access_log_format(struct log_record *record, const struct exchange *exchange, bool sent, uint64_t now_ns) {
  char trace[33];
  log_begin(record, LOG_INFO, "request");
  log_word(record, "id", exchange->request_id);
  if (trace_id(exchange->head.traceparent, trace)) log_word(record, "trace_id", trace);
  log_word(record, "method", method_name(exchange->head.method));
  log_word(record, "route", route_name(exchange));
  if (exchange->answer.status) {
    log_number(record, "status", exchange->answer.status);
  } else if (record->json) { /* a number, or none: readers of JSON count on types */
    log_nothing(record, "status");
  } else {
    log_word(record, "status", "gone");
  }
  log_number(record, "bytes_in", exchange->received);
  log_number(record, "bytes_out", exchange->sent);
  add_phases(record, exchange, now_ns);
  add_terms(record, exchange->terms);
  log_word(record, "token", exchange->token_name);
  log_boolean(record, "closed_early", !sent);
}

/* ---- Failures --------------------------------------------------------------------------------------- */

/* Is there room for another warning in this second? *suppressed: how many had none since the last one. */
static bool take_turn(struct failures *failures, uint64_t now_ns, uint64_t *suppressed) {
  uint64_t second = now_ns / SECOND_NS + 1, last = atomic_load(&failures->second);
  if (last != second && atomic_compare_exchange_strong(&failures->second, &last, second)) {
    atomic_store(&failures->count, 0);
  }
  if (atomic_fetch_add(&failures->count, 1) >= WARNINGS_A_SECOND) {
    atomic_fetch_add(&failures->suppressed, 1);
    return false;
  }
  *suppressed = atomic_exchange(&failures->suppressed, 0);
  return true;
}

static void warn(struct failures *failures, const struct exchange *exchange, uint64_t now_ns, unsigned status,
                 const char *detail) {
  uint64_t suppressed = 0;
  if (!log_wanted(LOG_WARNING) || !take_turn(failures, now_ns, &suppressed)) return;
  struct log_record record;
  log_begin(&record, LOG_WARNING, "failure");
  if (exchange) {
    log_word(&record, "id", exchange->request_id);
    log_word(&record, "route", route_name(exchange));
  }
  log_number(&record, "status", status);
  if (suppressed) log_number(&record, "suppressed", suppressed);
  log_text(&record, "detail", detail);
  log_end(&record);
}

void access_log_refused(struct server *server, enum shed reason) {
  metrics_shed(&server->metrics, reason);
  warn(&server->failures, NULL, clock_ns(), 503,
       reason == SHED_CONNECTIONS ? "there are too many connections" : "memory has run out");
}

void access_log_tick(struct server *server) {
  struct failures *failures = &server->failures;
  if (atomic_load(&failures->suppressed) == 0 || atomic_load(&failures->second) == clock_ns() / SECOND_NS + 1) return;
  uint64_t suppressed = atomic_exchange(&failures->suppressed, 0);
  struct log_record record;
  log_begin(&record, LOG_WARNING, "failure");
  log_number(&record, "suppressed", suppressed);
  log_end(&record);
}

/* ---- Both ------------------------------------------------------------------------------------------- */

void access_log(struct exchange *exchange, bool sent) {
  struct server *server = exchange->server;
  const struct problem *problem = &exchange->problem;
  if (server->config.access_log) {
    struct log_record record;
    access_log_format(&record, exchange, sent, clock_ns());
    log_end(&record);
  }
  /* That it drains was said once, and is no failure. */
  if (exchange->answer.status < 500 || problem->type == PROBLEM_DRAINING) return;
  /* If even the problem could not be printed, another answer went out. */
  bool printed = problem->type != PROBLEM_NONE && problem_row(problem->type)->status == exchange->answer.status;
  warn(&server->failures, exchange, clock_ns(), exchange->answer.status,
       printed ? problem->detail : "memory has run out");
}
