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
  struct loop_range plain, tls;
  struct MHD_Daemon *loops[LOOPS_MAX];
  struct connections connections;
};

/* What is kept of a request beside its exchange; in the exchange's arena. */
struct call {
  struct exchange *exchange;
  struct connection *connection;
  const char *raw_target;
  size_t raw_target_size;
  uint64_t received;  /* bytes of the body, dropped ones included */
  uint64_t moving_ns; /* since when the body, or the answer, moves */
  bool begun;         /* its headers have come */
  bool ready;         /* its answer is */
  bool early;         /* .. and was given before the body, which may still be coming */
  bool last;          /* of its connection */
};

/* The connection is at this stage, in which so many bytes are to move (or have moved, if it isn't known how many
 * will); false: it was too slow, and is shut down. */
static bool is_in_time(struct call *call, enum stage stage, uint64_t bytes) {
  const struct config *config = &call->exchange->server->config;
  return connection_enter(call->connection, stage, transfer_deadline(config, call->moving_ns, bytes));
}

/* ---- Answers ---------------------------------------------------------------------------------------- */

static ssize_t on_read(void *context, uint64_t position, char *out, size_t room) {
  struct call *call = context;
  struct exchange *exchange = call->exchange;
  (void)position;
  if (!exchange->answer.body->sized && !is_in_time(call, STAGE_ANSWER, exchange->sent)) {
    return MHD_CONTENT_READER_END_WITH_ERROR;
  }
  size_t made = body_read(exchange->answer.body, out, room);
  exchange->sent += made;
  if (!made || exchange->sent == exchange->answer.body->length) exchange_settle(exchange);
  if (made) return (ssize_t)made;
  return exchange->answer.body->sized ? MHD_CONTENT_READER_END_WITH_ERROR : MHD_CONTENT_READER_END_OF_STREAM;
}

/* The bytes live in the exchange's arena, which is released after the answer was sent. */
static struct MHD_Response *response_of_bytes(const char *bytes, size_t length) {
  void *unchanged = (void *)(uintptr_t)bytes;
  return MHD_create_response_from_buffer(length, unchanged, MHD_RESPMEM_PERSISTENT);
}

static struct MHD_Response *response_of(struct call *call) {
  const struct answer *answer = &call->exchange->answer;
  if (!answer->body) return response_of_bytes(answer->bytes, answer->length);
  /* A body of unknown length is read straight into the connection's memory, so it needs no block. */
  uint64_t length = answer->body->sized ? answer->body->length : MHD_SIZE_UNKNOWN;
  size_t block = !answer->body->sized ? 1 : length < BLOCK_BYTES ? (size_t)length + 1 : BLOCK_BYTES;
  if (!account_take(&call->exchange->account, block)) return NULL;
  return MHD_create_response_from_callback(length, block, on_read, call, NULL);
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
  uint64_t bytes = !exchange->answer.body         ? exchange->answer.length
                   : exchange->answer.body->sized ? exchange->answer.body->length
                                                  : 0;
  call->moving_ns = clock_ns();
  if (!is_in_time(call, STAGE_ANSWER, bytes)) return MHD_NO;
  struct MHD_Response *response = response_of(call);
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

static struct connection *connection_of(struct http *http, struct MHD_Connection *connection) {
  const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
  return info ? connections_find(&http->connections, info->connect_fd) : NULL;
}

static void *on_target(void *context, const char *target, struct MHD_Connection *connection) {
  struct http *http = context;
  struct connection *found = connection_of(http, connection);
  if (!found) return NULL; /* cannot be */
  struct exchange *exchange = exchange_create(http->server, target);
  if (!exchange) return NULL;
  struct call *call = arena_allocate(&exchange->arena, sizeof *call);
  if (!call) {
    exchange_release(exchange);
    return NULL;
  }
  *call =
      (struct call){.exchange = exchange, .connection = found, .raw_target = target, .raw_target_size = strlen(target)};
  uint64_t header_ns = (uint64_t)http->server->config.header_seconds * 1000000000U;
  connection_enter(found, STAGE_HEAD, exchange->began_ns + header_ns);
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

static void *session_of(struct MHD_Connection *connection) {
  const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
  return info ? info->tls_session : NULL;
}

static enum MHD_Result begin(struct http *http, struct MHD_Connection *connection, struct call *call,
                             const char *method, const char *version) {
  call->begun = true;
  metrics_begin(&http->server->metrics);
  if (atomic_load(&http->closed)) return MHD_NO; /* not a byte of it is answered: it may be sent elsewhere */
  struct head head = read_head(http, connection, call, method, version);
  head.crowded = call->connection->crowded;
  if (head.crowded) call->last = true;
  head.tls_session = session_of(connection);
  if (exchange_begin(call->exchange, &head)) {
    call->moving_ns = call->exchange->began_ns;
    bool in_time = head.length || head.chunked ? is_in_time(call, STAGE_BODY, head.length)
                                               : connection_enter(call->connection, STAGE_WORK, 0);
    return in_time ? MHD_YES : MHD_NO;
  }

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
    if (call->exchange->head.chunked && !is_in_time(call, STAGE_BODY, call->received)) return MHD_NO;
    if (!call->ready) exchange_body(call->exchange, bytes, *size);
    *size = 0;
    /* A body without a length, refused long ago, that still doesn't end. */
    return call->received > http->server->config.max_body + LINGER_BYTES ? MHD_NO : MHD_YES;
  }
  if (!call->ready && !connection_enter(call->connection, STAGE_WORK, 0)) return MHD_NO;
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
  bool sent = outcome == MHD_REQUEST_TERMINATED_COMPLETED_OK;
  *state = NULL;
  if (sent && (!call || call->early)) linger(http, connection); /* no call: it was refused for want of memory */
  if (!call) return;
  struct exchange *exchange = call->exchange;
  if (call->begun) {
    if (sent && !exchange->answer.body && exchange->head.method != METHOD_HEAD)
      exchange->sent = exchange->answer.length;
    if (!exchange->answer.status && connection_is_cut(call->connection)) exchange->answer.status = 408;
    metrics_end(&http->server->metrics, exchange);
    access_log(exchange, sent);
  }
  uint64_t idle_ns = (uint64_t)http->server->config.idle_seconds * 1000000000U;
  connection_enter(call->connection, STAGE_IDLE, clock_ns() + idle_ns);
  exchange_release(exchange);
}

/* ---- Connections ------------------------------------------------------------------------------------ */

static void on_connection(void *context, struct MHD_Connection *connection, void **state,
                          enum MHD_ConnectionNotificationCode code) {
  struct http *http = context;
  (void)state;
  if (code == MHD_CONNECTION_NOTIFY_STARTED) {
    atomic_fetch_add(&http->server->metrics.connections, 1);
    tls_begin(http->server->tls, session_of(connection));
    return;
  }
  tls_end(session_of(connection));
  atomic_fetch_sub(&http->server->metrics.connections, 1);
  const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
  if (info) connections_close(&http->connections, info->connect_fd);
}

static void take(void *context, const struct listener *listener, int fd, const struct sockaddr *peer,
                 socklen_t length) {
  struct http *http = context;
  const struct loop_range *range = listener->tls ? &http->tls : &http->plain;
  uint64_t header_ns = (uint64_t)http->server->config.header_seconds * 1000000000U;
  int loop = connections_open(&http->connections, fd, range, clock_ns() + header_ns);
  if (loop < 0) {
    access_log_refused(http->server, SHED_CONNECTIONS);
    if (!listener->tls) bare_answer(fd, PROBLEM_OVERLOADED, "there are too many connections (--max-connections)");
    lingerer_add(http->lingerer, fd);
  } else if (MHD_add_connection(http->loops[loop], fd, peer, length) != MHD_YES) {
    connections_close(&http->connections, fd); /* which the library has closed: only this thread opens connections */
  }
}

static void tick(void *context) {
  struct server *server = ((struct http *)context)->server;
  http_check(server);
  access_log_tick(server);
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

static struct MHD_Daemon *loop_start(struct http *http, bool tls) {
  const char *client_ca = tls ? tls_first_client_ca(http->server->tls) : NULL;
  unsigned flags =
      MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ITC | MHD_USE_ERROR_LOG;
  if (tls) flags |= MHD_USE_TLS;
  return MHD_start_daemon(
      flags, 0, NULL, NULL, on_request, http, MHD_OPTION_EXTERNAL_LOGGER, on_log, http,
      MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY, MHD_OPTION_CONNECTION_MEMORY_INCREMENT, CONNECTION_MEMORY,
      MHD_OPTION_CONNECTION_LIMIT, CONNECTION_LIMIT, MHD_OPTION_CONNECTION_TIMEOUT, http->server->config.idle_seconds,
      MHD_OPTION_STRICT_FOR_CLIENT, 0, MHD_OPTION_THREAD_STACK_SIZE, STACK_BYTES, MHD_OPTION_URI_LOG_CALLBACK,
      on_target, http, MHD_OPTION_NOTIFY_COMPLETED, on_completed, http, MHD_OPTION_NOTIFY_CONNECTION, on_connection,
      http, tls ? MHD_OPTION_HTTPS_CERT_CALLBACK2 : MHD_OPTION_END, tls_retriever(), MHD_OPTION_HTTPS_PRIORITIES,
      tls_priorities(), client_ca ? MHD_OPTION_HTTPS_MEM_TRUST : MHD_OPTION_END, client_ca, MHD_OPTION_END);
}

void http_end(struct server *server) {
  struct http *http = server->http;
  acceptor_stop(http->acceptor);
  for (size_t i = 0; i < http->loop_count; i++) MHD_stop_daemon(http->loops[i]);
  lingerer_stop(http->lingerer);
  if (http->unavailable) MHD_destroy_response(http->unavailable);
  connections_end(&http->connections);
  server->http = NULL;
  memory_release(http);
}

/* As many of each kind as there are threads, if there is a listener of that kind. */
static size_t loops_wanted(const struct server *server, bool tls) {
  for (size_t i = 0; i < server->listener_count; i++) {
    if (server->listeners[i].tls == tls) return server->config.threads;
  }
  return 0;
}

static bool start_all(struct http *http) {
  const struct server *server = http->server;
  http->unavailable = unavailable_make();
  http->lingerer = lingerer_start();
  if (!http->unavailable || !http->lingerer) return false;
  while (http->loop_count < http->connections.loops) {
    struct MHD_Daemon *loop = loop_start(http, http->loop_count >= http->plain.count);
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
    size_t plain = loops_wanted(server, false), tls = loops_wanted(server, true);
    http->plain = (struct loop_range){.count = plain};
    http->tls = (struct loop_range){.first = plain, .count = tls, .secure = true};
    if (connections_setup(&http->connections, &server->config, plain + tls, &server->budget) && start_all(http)) {
      return true;
    }
    http_end(server);
  }
  fprintf(stderr, "rnnlossd: no memory, descriptors or threads to start with\n");
  return false;
}

size_t http_loops(const struct server *server) {
  return server->http->loop_count;
}

bool http_join(struct server *server, size_t loop, int fd) {
  const struct sockaddr nowhere = {.sa_family = AF_UNIX};
  return MHD_add_connection(server->http->loops[loop], fd, &nowhere, sizeof nowhere.sa_family) == MHD_YES;
}

void http_close_door(struct server *server) {
  acceptor_stop(server->http->acceptor);
  server->http->acceptor = NULL;
}

void http_begin_no_more(struct server *server) {
  atomic_store(&server->http->closed, true);
}

void http_check(struct server *server) {
  struct http *http = server->http;
  atomic_fetch_add(&server->metrics.timeouts, connections_check(&http->connections));
}
