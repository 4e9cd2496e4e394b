/* metrics.c - counters of all requests, and Prometheus' text of them */
#include "server.h"

#ifndef RNNLOSSD_COMMIT
#define RNNLOSSD_COMMIT "unknown"
#endif

const char server_commit[] = RNNLOSSD_COMMIT;

/* Statuses that are counted by themselves. The last stands for a peer that went away unanswered. */
static const unsigned statuses[METRIC_STATUSES] = {200, 204, 304, 400, 401, 403, 404, 405, 406, 408, 413,
                                                   414, 415, 417, 422, 429, 431, 500, 501, 503, 505};
#define STATUS_GONE (METRIC_STATUSES - 1)
#define STATUS_OTHER (METRIC_STATUSES - 2)

static const struct bound {
  uint64_t ns;
  const char *seconds;
} bounds[METRIC_BUCKETS] = {{500000, "0.0005"},  {1000000, "0.001"},  {2500000, "0.0025"}, {5000000, "0.005"},
                            {10000000, "0.01"},  {25000000, "0.025"}, {50000000, "0.05"},  {100000000, "0.1"},
                            {250000000, "0.25"}, {500000000, "0.5"},  {1000000000, "1"},   {2500000000, "2.5"},
                            {10000000000, "10"}, {UINT64_MAX, "+Inf"}};

static void add(_Atomic uint64_t *counter, uint64_t amount) {
  atomic_fetch_add_explicit(counter, amount, memory_order_relaxed);
}

static uint64_t get(const _Atomic uint64_t *counter) {
  return atomic_load_explicit(counter, memory_order_relaxed);
}

/* ---- Counting --------------------------------------------------------------------------------------- */

static size_t status_slot(unsigned status) {
  if (status == 0) return STATUS_GONE;
  for (size_t i = 0; i < STATUS_OTHER && statuses[i]; i++) {
    if (statuses[i] == status) return i;
  }
  return STATUS_OTHER;
}

/* The last row is of requests for no route. */
static size_t route_slot(int route) {
  return route >= 0 && route < ROUTES_MAX - 1 ? (size_t)route : ROUTES_MAX - 1;
}

void metrics_begin(struct metrics *metrics) {
  atomic_fetch_add(&metrics->in_flight, 1);
}

void metrics_shed(struct metrics *metrics, enum shed reason) {
  add(&metrics->shed[reason], 1);
}

/* 503 and 429 to what asked for work: /readyz's 503 turns nobody away. */
static void count_shed(struct metrics *metrics, const struct exchange *exchange) {
  unsigned status = exchange->answer.status;
  if ((status != 503 && status != 429) || exchange->route < 0 || !routes[exchange->route].post) return;
  bool draining = exchange->problem.type == PROBLEM_DRAINING;
  metrics_shed(metrics, status == 429 ? SHED_RATE_LIMITED : draining ? SHED_DRAINING : SHED_OVERLOADED);
}

void metrics_end(struct metrics *metrics, const struct exchange *exchange) {
  size_t route = route_slot(exchange->route), bucket = 0;
  uint64_t took = exchange->began_ns ? clock_ns() - exchange->began_ns : 0;
  while (took > bounds[bucket].ns) bucket++;
  add(&metrics->requests[route][status_slot(exchange->answer.status)], 1);
  add(&metrics->seconds_bucket[route][bucket], 1);
  add(&metrics->nanoseconds[route], took);
  add(&metrics->bytes_in, exchange->received);
  add(&metrics->bytes_out, exchange->sent);
  count_shed(metrics, exchange);
  atomic_fetch_sub(&metrics->in_flight, 1);
}

/* ---- Writing ---------------------------------------------------------------------------------------- */

static const char *route_name(size_t slot) {
  for (size_t i = 0; i < slot; i++) {
    if (!routes[i].path) return "none";
  }
  return slot < ROUTES_MAX - 1 && routes[slot].path ? routes[slot].path : "none";
}

static void write_family(struct text *text, const char *name, const char *type, const char *help) {
  const char *const parts[] = {"# HELP ", name, " ", help, "\n# TYPE ", name, " ", type, "\n"};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) text_string(text, parts[i]);
}

static void write_value(struct text *text, uint64_t value) {
  text_string(text, " ");
  text_unsigned(text, value);
  text_string(text, "\n");
}

static void write_single(struct text *text, const char *name, const char *type, const char *help, uint64_t value) {
  write_family(text, name, type, help);
  text_string(text, name);
  write_value(text, value);
}

/* Nanoseconds as seconds, exactly. */
static void write_seconds(struct text *text, uint64_t ns) {
  char digits[11] = ".000000000\n";
  uint64_t rest = ns % 1000000000U;
  for (size_t i = 9; i > 0; i--, rest /= 10) digits[i] = (char)('0' + rest % 10);
  text_string(text, " ");
  text_unsigned(text, ns / 1000000000U);
  text_bytes(text, digits, sizeof digits);
}

static void write_requests(struct text *text, const struct metrics *metrics) {
  write_family(text, "rnnlossd_requests_total", "counter",
               "Requests by route and status; status gone: the peer was, before an answer.");
  for (size_t route = 0; route < ROUTES_MAX; route++) {
    for (size_t i = 0; i < METRIC_STATUSES; i++) {
      uint64_t count = get(&metrics->requests[route][i]);
      if (!count) continue;
      text_string(text, "rnnlossd_requests_total{route=\"");
      text_string(text, route_name(route));
      text_string(text, "\",status=\"");
      if (i < STATUS_OTHER) {
        text_unsigned(text, statuses[i]);
      } else {
        text_string(text, i == STATUS_GONE ? "gone" : "other");
      }
      text_string(text, "\"}");
      write_value(text, count);
    }
  }
}

static void write_histogram_line(struct text *text, const char *suffix, size_t route, const char *le) {
  text_string(text, "rnnlossd_request_duration_seconds");
  text_string(text, suffix);
  text_string(text, "{route=\"");
  text_string(text, route_name(route));
  if (le) {
    text_string(text, "\",le=\"");
    text_string(text, le);
  }
  text_string(text, "\"}");
}

static void write_histogram(struct text *text, const struct metrics *metrics) {
  write_family(text, "rnnlossd_request_duration_seconds", "histogram",
               "From a request's first line to the end of its answer.");
  for (size_t route = 0; route < ROUTES_MAX; route++) {
    uint64_t counts[METRIC_BUCKETS], total = 0;
    for (size_t i = 0; i < METRIC_BUCKETS; i++) total += counts[i] = get(&metrics->seconds_bucket[route][i]);
    if (!total) continue;
    uint64_t below = 0;
    for (size_t i = 0; i < METRIC_BUCKETS; i++) {
      below += counts[i];
      write_histogram_line(text, "_bucket", route, bounds[i].seconds);
      write_value(text, below);
    }
    write_histogram_line(text, "_sum", route, NULL);
    write_seconds(text, get(&metrics->nanoseconds[route]));
    write_histogram_line(text, "_count", route, NULL);
    write_value(text, total);
  }
}

static void write_evaluations(struct text *text, const struct metrics *metrics) {
  write_family(text, "rnnlossd_evaluations_total", "counter", "Losses evaluated, by active term.");
  for (int term = 0; term < RNNLOSS_TERMS; term++) {
    text_string(text, "rnnlossd_evaluations_total{term=\"");
    text_string(text, rnnloss_term_describe((rnnloss_term)term)->name);
    text_string(text, "\"}");
    write_value(text, get(&metrics->evaluations[term]));
  }
}

static void write_shed(struct text *text, const struct metrics *metrics) {
  static const char *const reasons[SHED_REASONS] = {"overloaded", "rate-limited", "draining", "connections"};
  write_family(text, "rnnlossd_shed_total", "counter",
               "Requests turned away by reason; connections: as many were open as may be.");
  for (size_t i = 0; i < SHED_REASONS; i++) {
    text_string(text, "rnnlossd_shed_total{reason=\"");
    text_string(text, reasons[i]);
    text_string(text, "\"}");
    write_value(text, get(&metrics->shed[i]));
  }
}

static void write_build(struct text *text) {
  write_family(text, "rnnlossd_build_info", "gauge", "What runs here; the value is always 1.");
  text_string(text, "rnnlossd_build_info{version=\"" SERVER_VERSION "\",contract=\"");
  text_unsigned(text, RNNLOSS_CONTRACT);
  text_string(text, "\",kernel=\"");
  text_string(text, rnnloss_kernel());
  text_string(text, "\",commit=\"");
  text_string(text, server_commit);
  text_string(text, "\"}");
  write_value(text, 1);
}

static void write_singles(struct text *text, const struct server *server) {
  const struct metrics *metrics = &server->metrics;
  const struct {
    const char *name, *type, *help;
    uint64_t value;
  } rows[] = {
      {"rnnlossd_received_bytes_total", "counter", "Bytes of request bodies.", get(&metrics->bytes_in)},
      {"rnnlossd_sent_bytes_total", "counter", "Bytes of answers' bodies.", get(&metrics->bytes_out)},
      {"rnnlossd_requests_in_flight", "gauge", "Requests begun and not answered, this one included.",
       get(&metrics->in_flight)},
      {"rnnlossd_connections", "gauge", "Connections open.", get(&metrics->connections)},
      {"rnnlossd_reserved_bytes", "gauge", "Memory reserved for requests and connections.",
       get(&server->budget.reserved)},
      {"rnnlossd_memory_limit_bytes", "gauge", "Memory that may be reserved: --max-memory.", server->budget.limit},
      {"rnnlossd_selftest_passed", "gauge", "1 if its own vectors came out right at the start, else 0.",
       server->selftest.passed},
      {"rnnlossd_timeouts_total", "counter", "Connections ended because their peer was too slow.",
       get(&metrics->timeouts)},
      {"rnnlossd_draining", "gauge", "1 once the end was asked for, else 0.", atomic_load(&server->leaving)},
      {"rnnlossd_log_lines_dropped_total", "counter", "Log lines that could not be written.", log_dropped()},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    write_single(text, rows[i].name, rows[i].type, rows[i].help, rows[i].value);
  }
}

static void write_single_seconds(struct text *text, const char *name, const char *type, const char *help, uint64_t ns) {
  write_family(text, name, type, help);
  text_string(text, name);
  write_seconds(text, ns);
}

/* By the names that every Prometheus client has for them. What the system does not say is left out. */
static void write_process(struct text *text, const struct server *server) {
  struct process_use use;
  process_measure(&use);
  const struct {
    const char *name, *help;
    uint64_t value;
  } rows[] = {
      {"process_resident_memory_bytes", "Memory in use.", use.resident_bytes},
      {"process_virtual_memory_bytes", "Address space in use.", use.virtual_bytes},
      {"process_open_fds", "Descriptors in use.", use.descriptors},
      {"process_max_fds", "Descriptors that may be.", use.descriptors_max},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    if (rows[i].value) write_single(text, rows[i].name, "gauge", rows[i].help, rows[i].value);
  }
  write_single_seconds(text, "process_cpu_seconds_total", "counter", "Processor time spent.", use.cpu_ns);
  write_single_seconds(text, "process_start_time_seconds", "gauge", "When it started, in seconds since 1970.",
                       server->started_ns);
}

/* Nothing where all is plain. */
static void write_certificate(struct text *text, const struct server *server) {
  if (!server->tls) return;
  write_single(text, "rnnlossd_certificate_expires_seconds", "gauge",
               "When the TLS certificate expires, in seconds since 1970.", tls_not_after(server->tls));
}

enum step metrics_finish(struct exchange *exchange) {
  const struct metrics *metrics = &exchange->server->metrics;
  struct text text = {.arena = &exchange->arena};
  write_build(&text);
  write_requests(&text, metrics);
  write_histogram(&text, metrics);
  write_evaluations(&text, metrics);
  write_shed(&text, metrics);
  write_singles(&text, exchange->server);
  write_certificate(&text, exchange->server);
  write_process(&text, exchange->server);
  exchange_answer(exchange, 200, "text/plain; version=0.0.4; charset=utf-8", text.failed ? NULL : text.bytes,
                  text.length);
  return STEP_DONE;
}
