/* transport.c - one attempt at one endpoint; the only file that knows libcurl */
#include <curl/curl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define BLOCK (256 * 1024L)        /* bytes that libcurl reads or writes at once */
#define FIRST_ROOM ((size_t)16384) /* for an answer whose length is not announced */
#define TRUSTED_LENGTH (1LL << 36) /* an announced length beyond it is grown into, not allocated at once */

#define SLACK 0.005 /* seconds: libcurl counts in milliseconds, and may end a little early */

struct transport {
  CURL *curl; /* keeps connections from one exchange to the next */
  char *token, *ca, *certificate, *key;
};

/* What the callbacks of one exchange share. */
struct flow {
  const struct call *call;
  size_t segment, offset; /* where the next byte to send is */
  CURL *curl;
  struct exchange *exchange;
  size_t room;
  bool begun, no_memory; /* begun: a byte of an answer has come */
};

/* ---- the callbacks ---- */

static size_t on_read(char *to, size_t size, size_t count, void *context) {
  struct flow *flow = context;
  size_t room = size * count, written = 0;
  while (room && flow->segment < flow->call->count) {
    const struct segment *segment = &flow->call->segments[flow->segment];
    const size_t left = segment->length - flow->offset, piece = left < room ? left : room;
    if (piece) memcpy(to + written, (const char *)segment->bytes + flow->offset, piece);
    written += piece;
    room -= piece;
    flow->offset += piece;
    if (flow->offset < segment->length) break;
    flow->segment++;
    flow->offset = 0;
  }
  return written;
}

/* libcurl goes back to the beginning when a kept connection turns out to be closed. */
static int on_seek(void *context, curl_off_t offset, int origin) {
  struct flow *flow = context;
  if (offset != 0 || origin != SEEK_SET) return CURL_SEEKFUNC_CANTSEEK;
  flow->segment = flow->offset = 0;
  return CURL_SEEKFUNC_OK;
}

static bool make_room(struct flow *flow, size_t needed) {
  if (needed <= flow->room) return true;
  size_t room = flow->room ? flow->room : FIRST_ROOM;
  curl_off_t announced = 0;
  if (!flow->room && curl_easy_getinfo(flow->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &announced) == CURLE_OK &&
      announced > 0 && announced < TRUSTED_LENGTH)
    room = (size_t)announced + 1;
  while (room < needed) room = room < SIZE_MAX / 2 ? 2 * room : needed;
  struct pool_block *grown = pool_block_grow(flow->exchange->block, room);
  if (!grown) return false;
  flow->exchange->block = grown;
  flow->exchange->body = pool_block_bytes(grown);
  flow->room = room;
  return true;
}

static size_t on_write(char *bytes, size_t size, size_t count, void *context) {
  struct flow *flow = context;
  struct exchange *exchange = flow->exchange;
  const size_t length = size * count;
  flow->begun = true;
  if (!make_room(flow, exchange->length + length + 1)) {
    flow->no_memory = true;
    return CURL_WRITEFUNC_ERROR;
  }
  memcpy(exchange->body + exchange->length, bytes, length);
  exchange->length += length;
  exchange->body[exchange->length] = '\0';
  return length;
}

static size_t on_header(char *line, size_t size, size_t count, void *context) {
  static const char name[] = "X-Request-Id:";
  struct flow *flow = context;
  size_t length = size * count;
  flow->begun = true;
  if (length < sizeof name - 1 || curl_strnequal(line, name, sizeof name - 1) == 0) return length;
  const char *at = line + sizeof name - 1, *end = line + length;
  while (at < end && strchr(" \t", *at)) at++;
  while (end > at && strchr(" \t\r\n", end[-1])) end--;
  if ((size_t)(end - at) <= ID_MAX) snprintf(flow->exchange->request_id, ID_MAX + 1, "%.*s", (int)(end - at), at);
  return length;
}

/* ---- the handle ---- */

static void global_init(void) {
  curl_global_init(CURL_GLOBAL_DEFAULT);
}

static bool copy(char **to, const char *text) {
  if (!text) return true;
  *to = malloc(strlen(text) + 1);
  if (*to) memcpy(*to, text, strlen(text) + 1);
  return *to != NULL;
}

struct transport *transport_new(const rnnloss_client_settings *settings, const char *token) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, global_init);
  struct transport *transport = calloc(1, sizeof *transport);
  if (!transport) return NULL;
  transport->curl = curl_easy_init();
  if (transport->curl && copy(&transport->token, *token ? token : NULL) && copy(&transport->ca, settings->ca) &&
      copy(&transport->certificate, settings->certificate) && copy(&transport->key, settings->key))
    return transport;
  transport_free(transport);
  return NULL;
}

void transport_free(struct transport *transport) {
  if (!transport) return;
  if (transport->curl) curl_easy_cleanup(transport->curl);
  free(transport->token);
  free(transport->ca);
  free(transport->certificate);
  free(transport->key);
  free(transport);
}

void exchange_free(struct exchange *exchange) {
  pool_block_free(exchange->block);
  *exchange = (struct exchange){0};
}

/* ---- one exchange ---- */

static bool add_header(struct curl_slist **list, const char *name, const char *value) {
  char line[2300]; /* a token or an id is far shorter */
  const int length = snprintf(line, sizeof line, "%s%s", name, value);
  struct curl_slist *longer = length > 0 && (size_t)length < sizeof line ? curl_slist_append(*list, line) : NULL;
  if (longer) *list = longer;
  return longer != NULL;
}

/* Expect would cost a round trip: a daemon that refuses a body reads on until the client has seen why. */
static bool make_headers(struct curl_slist **list, const struct transport *transport, const struct call *call) {
  return add_header(list, "X-Request-Id: ", call->request_id) && add_header(list, "Expect:", "") &&
         (call->content_type ? add_header(list, "Content-Type: ", call->content_type)
                             : add_header(list, "Content-Type:", "")) &&
         (call->accept ? add_header(list, "Accept: ", call->accept) : add_header(list, "Accept:", "")) &&
         (!transport->token || add_header(list, "Authorization: Bearer ", transport->token));
}

#define SET(option, value) (curl_easy_setopt(curl, option, value) == CURLE_OK)

static bool set_security(CURL *curl, const struct transport *transport) {
  if (!SET(CURLOPT_SSL_VERIFYPEER, 1L) || !SET(CURLOPT_SSL_VERIFYHOST, 2L)) return false;
  /* Whoever names a CA trusts nobody else: the system's folder of CAs would still count. */
  if (transport->ca && (!SET(CURLOPT_CAINFO, transport->ca) || !SET(CURLOPT_CAPATH, NULL))) return false;
  if (transport->certificate && !SET(CURLOPT_SSLCERT, transport->certificate)) return false;
  return !transport->key || SET(CURLOPT_SSLKEY, transport->key);
}

static bool set_address(CURL *curl, const char *endpoint, const char *path) {
  static const char socket_scheme[] = "unix:";
  struct text url = {0};
  const bool is_socket = strncmp(endpoint, socket_scheme, sizeof socket_scheme - 1) == 0;
  text_string(&url, is_socket ? "http://localhost" : endpoint);
  text_string(&url, path);
  const bool well = !url.failed && SET(CURLOPT_URL, url.bytes) &&
                    (!is_socket || SET(CURLOPT_UNIX_SOCKET_PATH, endpoint + sizeof socket_scheme - 1));
  free(url.bytes);
  return well && SET(CURLOPT_PROXY, "") && SET(CURLOPT_PROTOCOLS_STR, "http,https") && /* no proxy of the environment */
         SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
}

static long milliseconds(double seconds) {
  return seconds < (double)INT_MAX / 1000 ? (long)(seconds * 1000) + 1 : INT_MAX;
}

static bool set_flow(CURL *curl, struct flow *flow, char *message) {
  curl_off_t length = 0;
  for (size_t i = 0; i < flow->call->count; i++) length += (curl_off_t)flow->call->segments[i].length;
  if (flow->call->post && (!SET(CURLOPT_POST, 1L) || !SET(CURLOPT_POSTFIELDSIZE_LARGE, length))) return false;
  return SET(CURLOPT_READFUNCTION, on_read) && SET(CURLOPT_READDATA, flow) && SET(CURLOPT_SEEKFUNCTION, on_seek) &&
         SET(CURLOPT_SEEKDATA, flow) && SET(CURLOPT_WRITEFUNCTION, on_write) && SET(CURLOPT_WRITEDATA, flow) &&
         SET(CURLOPT_HEADERFUNCTION, on_header) && SET(CURLOPT_HEADERDATA, flow) && SET(CURLOPT_ERRORBUFFER, message) &&
         SET(CURLOPT_NOSIGNAL, 1L) && SET(CURLOPT_BUFFERSIZE, BLOCK) && SET(CURLOPT_UPLOAD_BUFFERSIZE, BLOCK) &&
         SET(CURLOPT_USERAGENT, "rnnloss-c/" RNNLOSS_CLIENT_VERSION);
}

static enum outcome outcome_of(CURLcode code, const struct flow *flow, bool late) {
  switch (code) {
  case CURLE_OK:
    return OUTCOME_ANSWER;
  case CURLE_OPERATION_TIMEDOUT:
    return late ? OUTCOME_LATE : OUTCOME_BROKEN;
  case CURLE_PEER_FAILED_VERIFICATION:
  case CURLE_SSL_CERTPROBLEM:
  case CURLE_SSL_CACERT_BADFILE:
  case CURLE_SSL_ISSUER_ERROR:
  case CURLE_SSL_CIPHER:
  case CURLE_URL_MALFORMAT:
    return OUTCOME_REFUSED;
  case CURLE_UNSUPPORTED_PROTOCOL: /* the answer is no HTTP */
  case CURLE_WEIRD_SERVER_REPLY:
    return OUTCOME_GARBAGE;
  case CURLE_OUT_OF_MEMORY:
    return OUTCOME_NO_MEMORY;
  default:
    return flow->no_memory ? OUTCOME_NO_MEMORY : OUTCOME_BROKEN;
  }
}

static void note_answer(CURL *curl, struct exchange *exchange) {
  long status = 0;
  curl_off_t retry_after = 0;
  const char *type = NULL;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &retry_after);
  curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &type);
  exchange->status = (int)status;
  exchange->retry_after = (double)retry_after;
  snprintf(exchange->content_type, sizeof exchange->content_type, "%s", type ? type : "");
}

/* A kept connection that the daemon has closed shows when it is used: nothing of an answer has come by it. */
static bool was_stale(CURL *curl, const struct flow *flow) {
  long opened = 0;
  return flow->exchange->outcome == OUTCOME_BROKEN && !flow->begun &&
         curl_easy_getinfo(curl, CURLINFO_NUM_CONNECTS, &opened) == CURLE_OK && opened == 0;
}

static bool perform(struct flow *flow, double deadline) {
  char message[CURL_ERROR_SIZE] = "";
  CURL *curl = flow->curl;
  struct exchange *exchange = flow->exchange;
  const double left = deadline - clock_now();
  if (!set_flow(curl, flow, message) || !SET(CURLOPT_TIMEOUT_MS, milliseconds(left > 0 ? left : 0))) {
    exchange->outcome = OUTCOME_NO_MEMORY;
    return false;
  }
  const CURLcode code = curl_easy_perform(curl);
  exchange->outcome = outcome_of(code, flow, clock_now() + SLACK >= deadline);
  note_answer(curl, exchange);
  if (code != CURLE_OK)
    snprintf(exchange->detail, sizeof exchange->detail, "%s", message[0] ? message : curl_easy_strerror(code));
  return was_stale(curl, flow);
}

void transport_exchange(struct transport *transport, const char *endpoint, const struct call *call, double connect,
                        double seconds, struct exchange *exchange) {
  CURL *curl = transport->curl;
  struct curl_slist *headers = NULL;
  const double deadline = clock_now() + seconds;
  struct flow flow = {.call = call, .curl = curl, .exchange = exchange};
  curl_easy_reset(curl); /* its connections stay */
  exchange->outcome = OUTCOME_NO_MEMORY;
  if (make_headers(&headers, transport, call) && SET(CURLOPT_HTTPHEADER, headers) && set_security(curl, transport) &&
      set_address(curl, endpoint, call->path) && SET(CURLOPT_CONNECTTIMEOUT_MS, milliseconds(connect)) &&
      perform(&flow, deadline)) {
    exchange_free(exchange);
    exchange->outcome = OUTCOME_NO_MEMORY;
    flow = (struct flow){.call = call, .curl = curl, .exchange = exchange};
    if (SET(CURLOPT_FRESH_CONNECT, 1L)) perform(&flow, deadline);
  }
  if (!exchange->request_id[0]) snprintf(exchange->request_id, ID_MAX + 1, "%s", call->request_id);
  curl_easy_reset(curl);
  curl_slist_free_all(headers);
}
