/* http.c - the only file that knows libmicrohttpd: from connections to exchanges, and back
 *
 * Every event loop is a daemon of the library with one thread and no listening socket; the acceptor
 * gives each connection to the loop that has the fewest. A request comes as calls of on_request:
 * after its headers, for each piece of its body, and at its end, again and again until it is
 * answered. An answer queued in the first call ends the connection; one queued while a piece is
 * pending is not taken. So what is refused before its body is answered first, all else last.
 */
#include <fcntl.h>
#include <microhttpd.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "server.h"

#define CONNECTION_MEMORY ((size_t)64 << 10) /* the library clears it for every request: more is slower */
#define CONNECTION_LIMIT (1U << 20)          /* the library's own, never reached: it would stop without a word */
#define IDLE_SECONDS 60U
#define STACK_BYTES ((size_t)1 << 20)
#define BLOCK_BYTES ((size_t)128 << 10) /* of an answer that is made while it is sent */
#define RETRY_SECONDS "1"
#define SERVER_NAME "rnnlossd/" SERVER_VERSION

struct http {
  struct server *server;
  struct acceptor *acceptor;
  struct lingerer *lingerer;
  struct MHD_Response *unavailable; /* the prebuilt 503 */
  bool contiguous;                  /* this version of the library leaves headers where they came */
  _Atomic bool running;             /* started: what the library says now is about peers */
  _Atomic bool closed;              /* the loops are about to end: no request may begin */
  size_t loop_count;
  struct MHD_Daemon *loops[LOOPS_MAX];
  struct connections connections;
};

/* What is kept of a request beside its exchange; in the exchange's arena. */
struct call {
  struct exchange *exchange;
  const char *raw_target;
  size_t raw_target_size;
  uint64_t received; /* bytes of the body, dropped ones included */
  bool begun;        /* its headers have come */
  bool ready;        /* its answer is */
  bool early;        /* .. and was given before the body, which may still be coming */
  bool last;         /* of its connection */
};

/* ---- Answers ---------------------------------------------------------------------------------------- */

static ssize_t on_read(void *context, uint64_t position, char *out, size_t room) {
  struct exchange *exchange = context;
  (void)position;
  size_t made = body_read(exchange->answer.body, out, room);
  exchange->sent += made;
  if (made) return (ssize_t)made;
  return exchange->answer.body->sized ? MHD_CONTENT_READER_END_WITH_ERROR : MHD_CONTENT_READER_END_OF_STREAM;
}

/* The bytes live in the exchange's arena, which is released after the answer was sent. */
static struct MHD_Response *response_of_bytes(const char *bytes, size_t length) {
  void *unchanged = (void *)(uintptr_t)bytes;
  return MHD_create_response_from_buffer(length, unchanged, MHD_RESPMEM_PERSISTENT);
}

static struct MHD_Response *response_of(struct exchange *exchange) {
  const struct answer *answer = &exchange->answer;
  if (!answer->body) return response_of_bytes(answer->bytes, answer->length);
  /* A body of unknown length is read straight into the connection's memory, so it needs no block. */
  uint64_t length = answer->body->sized ? answer->body->length : MHD_SIZE_UNKNOWN;
  size_t block = !answer->body->sized ? 1 : length < BLOCK_BYTES ? (size_t)length + 1 : BLOCK_BYTES;
  return MHD_create_response_from_callback(length, block, on_read, exchange, NULL);
}

static bool add_headers(struct MHD_Response *response, const struct answer *answer, bool last) {
  bool added = MHD_add_response_header(response, MHD_HTTP_HEADER_SERVER, SERVER_NAME) == MHD_YES;
  for (size_t i = 0; added && i < answer->header_count; i++) {
    added = MHD_add_response_header(response, answer->headers[i].name, answer->headers[i].value) == MHD_YES;
  }
  if (added && last) added = MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close") == MHD_YES;
  return added;
}

static struct MHD_Response *unavailable_make(void) {
  struct MHD_Response *response = response_of_bytes(problem_prebuilt, strlen(problem_prebuilt));
  struct answer answer = {.header_count = 2,
                          .headers = {{"Content-Type", "application/problem+json"}, {"Retry-After", RETRY_SECONDS}}};
  if (response && add_headers(response, &answer, true)) return response;
  if (response) MHD_destroy_response(response);
  return NULL;
}

static enum MHD_Result answer(struct http *http, struct MHD_Connection *connection, struct call *call) {
  struct exchange *exchange = call->exchange;
  bool last = call->last || atomic_load(&http->server->draining);
  struct MHD_Response *response = response_of(exchange);
  if (response && add_headers(response, &exchange->answer, last)) {
    enum MHD_Result queued = MHD_queue_response(connection, exchange->answer.status, response);
    MHD_destroy_response(response);
    return queued;
  }
  if (response) MHD_destroy_response(response);
  exchange->answer = (struct answer){
      .status = MHD_HTTP_SERVICE_UNAVAILABLE, .bytes = problem_prebuilt, .length = strlen(problem_prebuilt)};
  return MHD_queue_response(connection, MHD_HTTP_SERVICE_UNAVAILABLE, http->unavailable);
}

/* ---- Requests --------------------------------------------------------------------------------------- */

static void *on_target(void *context, const char *target, struct MHD_Connection *connection) {
  struct http *http = context;
  (void)connection;
  struct exchange *exchange = exchange_create(http->server, target);
  if (!exchange) return NULL;
  struct call *call = arena_allocate(&exchange->arena, sizeof *call);
  if (!call) {
    exchange_release(exchange);
    return NULL;
  }
  *call = (struct call){.exchange = exchange, .raw_target = target, .raw_target_size = strlen(target)};
  return call;
}

static enum MHD_Result on_header(void *context, enum MHD_ValueKind kind, const char *name, size_t name_size,
                                 const char *value, size_t value_size) {
  (void)kind;
  if (value) {
    head_line(context, name, name_size, value, value_size);
  } else {
    head_line(context, name, name_size, name + name_size, 0);
  }
  return MHD_YES;
}

static struct head read_head(const struct http *http, struct MHD_Connection *connection, const struct call *call,
                             const char *method, const char *version) {
  struct head head = {0};
  struct head_reader reader = {.head = &head, .arena = &call->exchange->arena, .contiguous = http->contiguous};
  struct request_line line = {.method = method,
                              .target = call->exchange->target,
                              .version = version,
                              .raw_target = call->raw_target,
                              .raw_target_size = call->raw_target_size};
  head_begin(&reader, &line);
  MHD_get_connection_values_n(connection, MHD_HEADER_KIND, on_header, &reader);
  const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
  head_end(&reader, info ? method + info->header_size : NULL);
  return head;
}

static enum MHD_Result begin(struct http *http, struct MHD_Connection *connection, struct call *call,
                             const char *method, const char *version) {
  call->begun = true;
  metrics_begin(&http->server->metrics);
  if (atomic_load(&http->closed)) return MHD_NO; /* not a byte of it is answered: it may be sent elsewhere */
  struct head head = read_head(http, connection, call, method, version);
  if (exchange_begin(call->exchange, &head)) return MHD_YES;

  /* Refused, although a body may be coming: the connection can't go on. */
  call->ready = call->early = call->last = true;
  return answer(http, connection, call);
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url, const char *method,
                                  const char *version, const char *bytes, size_t *size, void **state) {
  struct http *http = context;
  struct call *call = *state;
  (void)url;
  if (!call) {
    access_log_refused(http->server, SHED_OVERLOADED);
    return MHD_queue_response(connection, MHD_HTTP_SERVICE_UNAVAILABLE, http->unavailable);
  }
  if (!call->begun) return begin(http, connection, call, method, version);
  if (*size) {
    call->received += *size;
    if (!call->ready) exchange_body(call->exchange, bytes, *size);
    *size = 0;
    /* A body without a length, refused long ago, that still doesn't end. */
    return call->received > http->server->config.max_body + LINGER_BYTES ? MHD_NO : MHD_YES;
  }
  if (!call->ready) call->ready = exchange_end(call->exchange);
  return call->ready ? answer(http, connection, call) : MHD_YES; /* it will ask again, after the others' turns */
}

/* A client that is still sending would see its connection reset, and not the answer. */
static void linger(struct http *http, struct MHD_Connection *connection) {
  const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
  if (info) lingerer_add(http->lingerer, fcntl(info->connect_fd, F_DUPFD_CLOEXEC, 0));
}

static void on_completed(void *context, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode outcome) {
  struct http *http = context;
  struct call *call = *state;
  *state = NULL;
  if (!call) return;
  struct exchange *exchange = call->exchange;
  bool sent = outcome == MHD_REQUEST_TERMINATED_COMPLETED_OK;
  if (call->begun) {
    if (sent && !exchange->answer.body && exchange->head.method != METHOD_HEAD)
      exchange->sent = exchange->answer.length;
    metrics_end(&http->server->metrics, exchange);
    access_log(exchange, sent);
  }
  if (sent && call->early) linger(http, connection);
  exchange_release(exchange);
}

/* ---- Connections ------------------------------------------------------------------------------------ */

static void on_connection(void *context, struct MHD_Connection *connection, void **state,
                          enum MHD_ConnectionNotificationCode code) {
  struct http *http = context;
  (void)state;
  if (code == MHD_CONNECTION_NOTIFY_STARTED) {
    atomic_fetch_add(&http->server->metrics.connections, 1);
    return;
  }
  atomic_fetch_sub(&http->server->metrics.connections, 1);
  const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
  if (info) connections_close(&http->connections, info->connect_fd);
}

/* Too many connections: says so on the bare socket. */
static void turn_away(struct http *http, int fd) {
  char text[1024];
  int length = snprintf(text, sizeof text,
                        "HTTP/1.1 503 Service Unavailable\r\nServer: " SERVER_NAME "\r\nConnection: close\r\n"
                        "Content-Type: application/problem+json\r\nRetry-After: " RETRY_SECONDS
                        "\r\nContent-Length: %zu\r\n\r\n%s",
                        strlen(problem_prebuilt), problem_prebuilt);
  if (length > 0 && (size_t)length < sizeof text) {
    ssize_t sent = send(fd, text, (size_t)length, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)sent; /* it was worth a try */
  }
  lingerer_add(http->lingerer, fd);
}

static void take(void *context, int fd, const struct sockaddr *peer, socklen_t length) {
  struct http *http = context;
  int loop = connections_open(&http->connections, fd);
  if (loop < 0) {
    access_log_refused(http->server, SHED_CONNECTIONS);
    turn_away(http, fd);
  } else if (MHD_add_connection(http->loops[loop], fd, peer, length) != MHD_YES) {
    connections_close(&http->connections, fd); /* which the library has closed: only this thread opens connections */
  }
}

static void tick(void *context) {
  connections_wake_ended(&((struct http *)context)->connections);
  access_log_tick(((struct http *)context)->server);
}

/* ---- Start and end ---------------------------------------------------------------------------------- */

PRINTF_LIKE(2, 0) static void on_log(void *context, const char *format, va_list arguments) {
  struct http *http = context;
  enum log_level level = atomic_load(&http->running) ? LOG_DEBUG : LOG_ERROR;
  /* On unix sockets it complains of every answer that TCP options can't be set. */
  if (!log_wanted(level) || strncmp(format, "Setting %s option", 17) == 0 || strncmp(format, "Failed to push", 14) == 0)
    return;
  char text[512];
  vsnprintf(text, sizeof text, format, arguments);
  text[strcspn(text, "\n")] = '\0';
  log_line(level, "http", "%s", text);
}

static struct MHD_Daemon *loop_start(struct http *http) {
  unsigned flags =
      MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ITC | MHD_USE_ERROR_LOG;
  return MHD_start_daemon(flags, 0, NULL, NULL, on_request, http, MHD_OPTION_EXTERNAL_LOGGER, on_log, http,
                          MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY, MHD_OPTION_CONNECTION_MEMORY_INCREMENT,
                          CONNECTION_MEMORY, MHD_OPTION_CONNECTION_LIMIT, CONNECTION_LIMIT,
                          MHD_OPTION_CONNECTION_TIMEOUT, IDLE_SECONDS, MHD_OPTION_STRICT_FOR_CLIENT, 0,
                          MHD_OPTION_THREAD_STACK_SIZE, STACK_BYTES, MHD_OPTION_URI_LOG_CALLBACK, on_target, http,
                          MHD_OPTION_NOTIFY_COMPLETED, on_completed, http, MHD_OPTION_NOTIFY_CONNECTION, on_connection,
                          http, MHD_OPTION_END);
}

static void http_end(struct http *http) {
  acceptor_stop(http->acceptor);
  for (size_t i = 0; i < http->loop_count; i++) MHD_stop_daemon(http->loops[i]);
  lingerer_stop(http->lingerer);
  if (http->unavailable) MHD_destroy_response(http->unavailable);
  connections_end(&http->connections);
  http->server->http = NULL;
  memory_release(http);
}

static bool start_all(struct http *http) {
  const struct server *server = http->server;
  http->unavailable = unavailable_make();
  http->lingerer = lingerer_start();
  if (!http->unavailable || !http->lingerer) return false;
  while (http->loop_count < server->config.threads && http->loop_count < LOOPS_MAX) {
    struct MHD_Daemon *loop = loop_start(http);
    if (!loop) return false;
    http->loops[http->loop_count++] = loop;
  }
  atomic_store(&http->running, true);
  http->acceptor = acceptor_start(server->listeners, server->listener_count, take, tick, http);
  return http->acceptor != NULL;
}

bool http_start(struct server *server) {
  struct http *http = memory_allocate(sizeof *http);
  if (http) {
    memset(http, 0, sizeof *http);
    http->server = server;
    /* Later versions refuse by themselves what must be looked for in these. */
    http->contiguous = strncmp(MHD_get_version(), "0.9.75", 6) == 0 || strncmp(MHD_get_version(), "0.9.76", 6) == 0;
    server->http = http;
    if (connections_setup(&http->connections, server->config.threads) && start_all(http)) return true;
    http_end(http);
  }
  fprintf(stderr, "rnnlossd: no memory, descriptors or threads to start with\n");
  return false;
}

size_t http_probe(struct server *server, int *fds, size_t most) {
  const struct http *http = server->http;
  const struct sockaddr nowhere = {.sa_family = AF_UNIX};
  size_t count = 0;
  for (size_t i = 0; i < http->loop_count && count < most; i++) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) continue; /* it can't be told */
    if (MHD_add_connection(http->loops[i], ends[0], &nowhere, sizeof nowhere.sa_family) == MHD_YES) {
      fds[count++] = ends[1];
    } else {
      close(ends[1]);
    }
  }
  return count;
}

/* Waits until no request is in flight, or until a moment has come; false: some still are. */
static bool wait_until_idle(struct server *server, uint64_t until_ns) {
  for (unsigned turn = 0; atomic_load(&server->metrics.in_flight) > 0; turn++) {
    if (clock_ns() >= until_ns) return false;
    if (turn % 64 == 0) connections_wake_ended(&server->http->connections);
    nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
  }
  return true;
}

void http_drain(struct server *server) {
  struct http *http = server->http;
  uint64_t until_ns = clock_ns() + (uint64_t)server->config.drain_seconds * 1000000000U;
  atomic_store(&server->draining, true);
  acceptor_stop(http->acceptor);
  http->acceptor = NULL;
  for (size_t i = 0; i < server->listener_count; i++) listener_close(&server->listeners[i]);
  bool idle = wait_until_idle(server, until_ns);
  /* A request that begins now is not answered at all; one that began a moment ago still is. */
  atomic_store(&http->closed, true);
  if (!idle || !wait_until_idle(server, until_ns)) {
    log_line(LOG_WARNING, "drain", "%u s have passed: %llu requests are left unanswered", server->config.drain_seconds,
             (unsigned long long)atomic_load(&server->metrics.in_flight));
  }
  http_end(http);
}
