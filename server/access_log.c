/* access_log.c - one line a request, once it is over (--access-log), and a warning of what the daemon could not do */
#include <string.h>

#include "server.h"

#define WARNINGS_A_SECOND 10

static const char *method_name(enum method method) {
  static const char *const names[] = {[METHOD_GET] = "GET",
                                      [METHOD_HEAD] = "HEAD",
                                      [METHOD_POST] = "POST",
                                      [METHOD_OPTIONS] = "OPTIONS",
                                      [METHOD_OTHER] = "other"};
  return names[method];
}

/* 00-<32 hexadecimal digits>-<16>-<2>, as W3C Trace Context has it: only the trace's id, else NULL. */
static const char *trace_of(const char *traceparent, char out[33]) {
  static const char hex[] = "0123456789abcdef";
  if (!traceparent || strlen(traceparent) < 55 || traceparent[2] != '-' || traceparent[35] != '-') return NULL;
  if (strspn(traceparent + 3, hex) != 32) return NULL;
  memcpy(out, traceparent + 3, 32);
  out[32] = '\0';
  return out;
}

static void add_terms(struct log_record *record, unsigned active) {
  char names[64] = "";
  for (int k = 0; k < RNNLOSS_TERMS; k++) {
    if (!(active & 1u << k)) continue;
    if (names[0]) strcat(names, ",");
    strcat(names, rnnloss_term_describe((rnnloss_term)k)->name); /* all seven are 29 characters */
  }
  if (names[0]) log_word(record, "terms", names);
}

static uint64_t us_between(uint64_t from_ns, uint64_t to_ns) {
  return from_ns && to_ns > from_ns ? (to_ns - from_ns) / 1000 : 0;
}

static void add_request(struct log_record *record, const struct exchange *exchange) {
  char trace[33];
  log_word(record, "id", exchange->request_id[0] ? exchange->request_id : "-");
  if (trace_of(exchange->head.traceparent, trace)) log_word(record, "trace", trace);
  log_word(record, "method", method_name(exchange->head.method));
  log_word(record, "route", exchange->route >= 0 ? routes[exchange->route].path : "none");
  log_number(record, "status", exchange->answer.status); /* 0: the peer was gone before an answer */
}

static void write_line(const struct exchange *exchange) {
  struct log_record record;
  uint64_t now_ns = clock_ns();
  log_begin(&record, LOG_INFO, "request");
  add_request(&record, exchange);
  log_number(&record, "received", exchange->received);
  log_number(&record, "sent", exchange->sent);
  log_number(&record, "receive_us", us_between(exchange->began_ns, exchange->received_ns));
  log_number(&record, "reduce_us", exchange->reduce_ns / 1000);
  log_number(&record, "terms_us", exchange->terms_ns / 1000);
  log_number(&record, "send_us", us_between(exchange->answered_ns, now_ns));
  log_number(&record, "total_us", us_between(exchange->began_ns, now_ns));
  add_terms(&record, exchange->active);
  if (exchange->token_name) log_text(&record, "token", exchange->token_name);
  log_end(&record);
}

/* Ten a second at most; the next one says how many others there were. */
static void warn(struct server *server, const struct exchange *exchange) {
  uint64_t second = clock_ns() / 1000000000U;
  if (atomic_exchange(&server->warned_second, second) != second) atomic_store(&server->warned_now, 0);
  if (atomic_fetch_add(&server->warned_now, 1) >= WARNINGS_A_SECOND) {
    atomic_fetch_add(&server->unwarned, 1);
    return;
  }
  struct log_record record;
  log_begin(&record, LOG_WARNING, "refused");
  add_request(&record, exchange);
  log_text(&record, "detail", exchange->problem.detail);
  uint64_t others = atomic_exchange(&server->unwarned, 0);
  if (others) log_number(&record, "others", others);
  log_end(&record);
}

void access_log(const struct exchange *exchange) {
  struct server *server = exchange->server;
  if (server->config.access_log) write_line(exchange);
  bool probe = exchange->problem.type == PROBLEM_DRAINING; /* an answer to "are you ready?" */
  if (exchange->answer.status >= 500 && !probe && log_wanted(LOG_WARNING)) warn(server, exchange);
}
