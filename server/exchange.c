/* exchange.c - the life of one HTTP request, without the HTTP library */
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "server.h"

void answer_header(struct answer *answer, const char *name, const char *value) {
  if (!value || answer->header_count == ANSWER_HEADERS) return;
  answer->headers[answer->header_count++] = (struct header){name, value};
}

/* ---- the request line ---- */

static int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

static void decode_path(char *path) {
  char *to = path;
  for (const char *from = path; *from; from++) {
    int high = *from == '%' ? hex(from[1]) : -1, low = high >= 0 ? hex(from[2]) : -1;
    bool escape = low >= 0 && high + low > 0;
    *to++ = escape ? (char)(high * 16 + low) : *from;
    if (escape) from += 2;
  }
  *to = '\0';
}

/* "/loss?lambda_mse=1", or in absolute form "http://host/loss?..". */
static bool split_target(struct exchange *exchange, const char *target) {
  exchange->target = arena_text(&exchange->arena, target, strlen(target));
  if (!exchange->target) return false;
  const char *start = strstr(target, "://"), *query = strchr(target, '?');
  if (start && (!query || start < query) && target[0] != '/') {
    start = strchr(start + 3, '/');
    if (!start) start = "/";
  } else {
    start = target;
  }
  size_t length = strcspn(start, "?");
  exchange->path = arena_text(&exchange->arena, start, length);
  if (!exchange->path) return false;
  decode_path(exchange->path);
  if (start[length] == '?')
    exchange->query = arena_text(&exchange->arena, start + length + 1, strlen(start + length + 1));
  return start[length] != '?' || exchange->query;
}

struct exchange *exchange_create(struct server *server, const char *target) {
  struct arena arena = {0};
  struct exchange *exchange = arena_allocate(&arena, sizeof *exchange);
  if (!exchange) return NULL;
  *exchange = (struct exchange){.server = server, .route = -1, .began_ns = clock_ns(), .arena = arena};
  exchange->account.budget = &server->budget;
  exchange->arena.account = &exchange->account; /* the first block is counted with the connection */
  if (split_target(exchange, target)) return exchange;
  exchange_release(exchange);
  return NULL;
}

void exchange_settle(struct exchange *exchange) {
  holder_leave(exchange->holder);
  exchange->holder = NULL;
}

void exchange_release(struct exchange *exchange) {
  exchange_settle(exchange);
  if (exchange->route >= 0 && routes[exchange->route].release) routes[exchange->route].release(exchange);
  account_close(&exchange->account);
  struct arena arena = exchange->arena;
  arena_release(&arena);
}

/* ---- the request id: the client's own if it is a plain word, else one of ours ---- */

static bool is_sane_id(const char *id) {
  static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.:/+=@";
  size_t length = id ? strlen(id) : 0;
  return length > 0 && length <= 64 && strspn(id, allowed) == length;
}

static void set_request_id(struct exchange *exchange, const char *given) {
  static _Atomic uint64_t counter;
  if (is_sane_id(given)) {
    snprintf(exchange->request_id, sizeof exchange->request_id, "%s", given);
    return;
  }
  uint64_t id = atomic_fetch_add(&counter, 0x9E3779B97F4A7C15);
  if (id == 0 && getrandom(&id, sizeof id, GRND_NONBLOCK) == sizeof id) atomic_store(&counter, id + 0x9E3779B97F4A7C15);
  id = (id ^ (id >> 30)) * 0xBF58476D1CE4E5B9; /* splitmix64: neighbours look unlike each other */
  id = (id ^ (id >> 27)) * 0x94D049BB133111EB;
  id ^= id >> 31;
  for (int i = 0; i < 16; i++) exchange->request_id[i] = "0123456789abcdef"[id >> (60 - 4 * i) & 15];
  exchange->request_id[16] = '\0';
}

/* ---- answers ---- */

static const char *allowed_methods(const struct exchange *exchange) {
  if (exchange->route < 0) return NULL;
  return routes[exchange->route].post ? "POST, OPTIONS" : "GET, HEAD, OPTIONS";
}

/* `; NAME;dur=12.345`: nanoseconds as milliseconds. (printf would take longer than the rest of the answer's head.) */
static char *put_duration(char *to, const char *name, uint64_t ns) {
  uint64_t us = ns / 1000, ms = us / 1000;
  char digits[20];
  size_t length = strlen(name), count = 0;
  memcpy(to, name, length);
  to += length;
  do digits[count++] = (char)('0' + ms % 10);
  while (ms /= 10);
  while (count > 0) *to++ = digits[--count];
  *to++ = '.';
  for (uint64_t unit = 100; unit > 0; unit /= 10) *to++ = (char)('0' + us / unit % 10);
  return to;
}

static void server_timing(struct exchange *exchange) {
  char *text = arena_allocate(&exchange->arena, 128), *to = text;
  if (!text || !exchange->received_ns) return;
  to = put_duration(to, "receive;dur=", exchange->received_ns - exchange->began_ns);
  to = put_duration(to, ", reduce;dur=", exchange->reduce_ns);
  to = put_duration(to, ", terms;dur=", exchange->terms_ns + clock_ns() - exchange->turn_ns);
  *to = '\0';
  answer_header(&exchange->answer, "Server-Timing", text);
}

static void start_answer(struct exchange *exchange, unsigned status, const char *type) {
  struct answer *answer = &exchange->answer;
  *answer = (struct answer){.status = status};
  answer_header(answer, "Content-Type", type);
  answer_header(answer, "X-Request-Id", exchange->request_id[0] ? exchange->request_id : NULL);
  answer_header(answer, "Access-Control-Allow-Origin", exchange->server->config.allow_origin);
  if (exchange->server->config.allow_origin) {
    answer_header(answer, "Access-Control-Expose-Headers", "X-Request-Id, Server-Timing, Retry-After");
  }
  if (status == 503 || status == 429) answer_header(answer, "Retry-After", "1");
  if (status == 401) answer_header(answer, "WWW-Authenticate", exchange->challenge);
  if (status == 405) answer_header(answer, "Allow", allowed_methods(exchange));
  exchange->answered = true;
  exchange->answered_ns = clock_ns();
}

void exchange_answer(struct exchange *exchange, unsigned status, const char *type, const char *bytes, size_t length) {
  bool prebuilt = !bytes;
  start_answer(exchange, prebuilt ? 503 : status, prebuilt ? "application/problem+json" : type);
  if (!prebuilt) server_timing(exchange);
  exchange->answer.bytes = prebuilt ? problem_prebuilt : bytes;
  exchange->answer.length = prebuilt ? strlen(problem_prebuilt) : length;
  exchange_settle(exchange);
}

void exchange_answer_body(struct exchange *exchange, const char *type, struct body *body) {
  start_answer(exchange, 200, type);
  server_timing(exchange);
  exchange->answer.body = body;
}

static void answer_problem(struct exchange *exchange) {
  size_t length = 0;
  const char *bytes = problem_print(&exchange->problem, exchange->request_id, &exchange->arena, &length);
  exchange_answer(exchange, problem_row(exchange->problem.type)->status, "application/problem+json", bytes, length);
}

static void answer_options(struct exchange *exchange) {
  bool cors = exchange->server->config.allow_origin != NULL;
  start_answer(exchange, 204, NULL);
  struct answer *answer = &exchange->answer;
  const char *methods = exchange->route < 0 ? "GET, HEAD, POST, OPTIONS" : allowed_methods(exchange);
  answer_header(answer, "Allow", methods);
  answer_header(answer, "Access-Control-Allow-Methods", cors ? methods : NULL);
  answer_header(answer, "Access-Control-Allow-Headers",
                cors ? "Content-Type, Accept, Authorization, X-Request-Id, traceparent" : NULL);
  answer_header(answer, "Access-Control-Max-Age", cors ? "86400" : NULL);
  answer->bytes = "";
}

/* ---- what is checked before the body is read ---- */

static bool method_fits(const struct route *route, enum method method) {
  if (method == METHOD_OPTIONS) return true;
  return route->post ? method == METHOD_POST : method == METHOD_GET || method == METHOD_HEAD;
}

static bool find_route(struct exchange *exchange) {
  char quoted[64];
  exchange->route = route_find(exchange->path);
  if (exchange->head.method == METHOD_OPTIONS && strcmp(exchange->path, "*") == 0) return true;
  if (exchange->route < 0) {
    names_quote(exchange->path, strlen(exchange->path), quoted);
    return problem_set(&exchange->problem, PROBLEM_NOT_FOUND, "",
                       "there is nothing at %s; POST /loss evaluates, GET /terms lists the terms", quoted);
  }
  if (method_fits(&routes[exchange->route], exchange->head.method)) return true;
  return problem_set(&exchange->problem, PROBLEM_METHOD_NOT_ALLOWED, "", "%s takes %s", routes[exchange->route].path,
                     allowed_methods(exchange));
}

static bool check_head(struct exchange *exchange) {
  const struct head *head = &exchange->head;
  if (head->defect) return problem_set(&exchange->problem, PROBLEM_MALFORMED_HTTP, "", "%s", head->defect);
  return find_route(exchange) && access_check(exchange) && admission_check(exchange);
}

bool exchange_begin(struct exchange *exchange, const struct head *head) {
  exchange->head = *head;
  set_request_id(exchange, head->request_id);
  if (!check_head(exchange)) {
    exchange->dropping = true;
    answer_problem(exchange);
    /* Without a body the connection can go on: the answer waits for the request's end. */
    return !head->length && !head->chunked && !head->defect;
  }
  const struct route *route = route_of(exchange);
  exchange->dropping = head->method == METHOD_OPTIONS || !route || !route->begin || !route->begin(exchange);
  return true;
}

/* ---- body and end ---- */

/* The memory of a request that is refused isn't held while the rest of its body is still coming. */
static void give_up(struct exchange *exchange) {
  exchange->dropping = true;
  const struct route *route = route_of(exchange);
  if (route && route->release) route->release(exchange);
  account_trim(&exchange->account, UINT64_MAX);
}

void exchange_body(struct exchange *exchange, const char *bytes, size_t length) {
  uint64_t start = clock_ns();
  exchange->received += length;
  if (exchange->received > exchange->server->config.max_body) {
    if (!exchange->dropping) give_up(exchange);
    exchange->problem = (struct problem){0};
    admission_too_large(exchange);
  }
  if (!exchange->dropping && !routes[exchange->route].receive(exchange, bytes, length)) give_up(exchange);
  exchange->reduce_ns += clock_ns() - start;
}

static enum step finish(struct exchange *exchange) {
  if (exchange->answered) return STEP_DONE;
  if (exchange->head.method == METHOD_OPTIONS) {
    answer_options(exchange);
    return STEP_DONE;
  }
  if (exchange->dropping && exchange->problem.type != PROBLEM_NONE) return STEP_FAILED;
  return routes[exchange->route].finish(exchange);
}

bool exchange_end(struct exchange *exchange) {
  exchange->turn_ns = clock_ns();
  if (!exchange->received_ns) exchange->received_ns = exchange->turn_ns;
  enum step step = finish(exchange);
  exchange->terms_ns += clock_ns() - exchange->turn_ns;
  if (step == STEP_FAILED) answer_problem(exchange);
  return step != STEP_MORE;
}
