/* e2e_tls.c - https: the same answers as in clear text, and who is kept out */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fixture.h"
#include "raw.h"

#define NEURONS 131072 /* as many as are taken by default */

static struct daemon both; /* one loop with TLS, one without */
static struct client *secure, *plain;

static void assert_status(struct reply reply, long status) {
  if (reply.status != status) fail_msg("status %ld, not %ld: %.300s", reply.status, status, reply.body);
  reply_release(&reply);
}

static struct client *trusting(const struct daemon *daemon, const char *ca, const char *own) {
  char certificate[40], key[40];
  struct client *made = client_create(daemon->address[0], NULL);
  snprintf(certificate, sizeof certificate, "%s.pem", own ? own : "");
  snprintf(key, sizeof key, "%s.key", own ? own : "");
  client_trust(made, scratch_path(ca), own ? scratch_path(certificate) : NULL, own ? scratch_path(key) : NULL);
  return made;
}

static int start(void **state) {
  (void)state;
  scratch_make();
  scratch_certificates();
  char listen[140];
  snprintf(listen, sizeof listen, "unix:%s", scratch_path("socket"));
  const char *arguments[] = {"--listen",   "127.0.0.1:0",
                             "--listen",   listen,
                             "--tls-cert", scratch_path("server.pem"),
                             "--tls-key",  scratch_path("server.key"),
                             "--threads",  "1",
                             NULL};
  daemon_start(&both, arguments);
  assert_true(strncmp(both.address[0], "https://127.0.0.1:", 18) == 0);
  assert_string_equal(both.address[1], listen);
  secure = trusting(&both, "ca.pem", NULL);
  plain = client_create("http://localhost", scratch_path("socket"));
  return 0;
}

static int end(void **state) {
  (void)state;
  client_release(secure);
  client_release(plain);
  int status = daemon_lives(&both) ? 0 : 1;
  status |= daemon_stop(&both);
  scratch_remove();
  return status;
}

static void test_forms(void **state) {
  (void)state;
  for (int form = 0; form < SAMPLE_FORMS; form++) {
    for (size_t chunk = 0; chunk <= 50; chunk += 50) {
      rnnloss_dtype dtype = form == SAMPLE_NESTED ? RNNLOSS_F64 : RNNLOSS_F32;
      struct blob body = sample_body((enum sample_form)form, dtype, "");
      struct call call = {
          .type = sample_type((enum sample_form)form), .body = body.bytes, .length = body.length, .chunk = chunk};
      struct reply reply = client_send(secure, &call);
      assert_sample(&reply, dtype);
      reply_release(&reply);
      blob_release(&body);
    }
  }
  struct reply reply = client_get(secure, "/livez");
  assert_int_equal(reply.connects, 0); /* all of it on one connection */
  reply_release(&reply);
  assert_status(client_send(secure, &(struct call){.method = "HEAD", .path = "/terms"}), 200);
  assert_status(client_send(secure, &(struct call){.path = "/nothing"}), 404);
  assert_status(client_send(secure, &(struct call){.type = "application/json", .body = "{", .length = 1}), 400);
}

/* However many connections of one kind there are, none gets to a loop of the other kind. */
static void test_kinds(void **state) {
  (void)state;
  struct client *held[16];
  for (int kind = 0; kind < 2; kind++) {
    for (int i = 0; i < 16; i++) {
      held[i] = kind ? trusting(&both, "ca.pem", NULL) : client_create("http://localhost", scratch_path("socket"));
      assert_status(client_get(held[i], "/livez"), 200);
    }
    for (int i = 0; i < 16; i++) client_release(held[i]);
  }
}

/* Asserts that both kinds of connection give the same bytes. */
static struct reply same(const struct call *call) {
  struct reply clear = client_send(plain, call), reply = client_send(secure, call);
  assert_int_equal(reply.status, 200);
  assert_int_equal(clear.status, 200);
  assert_int_equal(reply.length, clear.length);
  assert_memory_equal(reply.body, clear.body, clear.length);
  reply_release(&clear);
  return reply;
}

static struct blob rates(unsigned rows, unsigned columns, const char *lambda) {
  char header[300];
  size_t count = (size_t)rows * columns;
  snprintf(header, sizeof header,
           "{\"__metadata__\":{\"%s\":\"1\"},\"fr\":{\"dtype\":\"F32\",\"shape\":[%u,%u],\"data_offsets\":[0,%zu]}}",
           lambda, rows, columns, count * 4);
  float *data = malloc(count * sizeof *data);
  assert_non_null(data);
  uint32_t seed = 1;
  for (size_t i = 0; i < count; i++) {
    seed = seed * 1664525 + 1013904223;
    data[i] = (float)(seed >> 8) / 16777216.0f;
  }
  struct blob blob = blob_safetensors(header, data, count * sizeof *data);
  free(data);
  return blob;
}

/* What alerts on an old certificate look at. */
static void test_certificate_metric(void **state) {
  (void)state;
  struct reply reply = client_get(secure, "/metrics");
  const char *value = strstr(reply.body, "\nrnnlossd_certificate_expires_seconds ");
  assert_non_null(value);
  double days = (strtod(strchr(value, ' '), NULL) - (double)time(NULL)) / 86400;
  assert_true(days > 29 && days <= 30);
  reply_release(&reply);
}

/* 26 MB, and as much again of a gradient; whole, chunked, without waiting for 100 Continue. */
static void test_large(void **state) {
  (void)state;
  struct blob body = rates(6400, 1024, "lambda_fr");
  struct call call = {.type = "application/vnd.safetensors", .body = body.bytes, .length = body.length};
  assert_true(body.length > 26000000);
  for (int round = 0; round < 3; round++) {
    call.chunk = round == 1 ? 100000 : 0;
    call.header = round == 2 ? "Expect:" : NULL;
    struct reply reply = same(&call);
    assert_true(reply.length > 26000000);
    reply_release(&reply);
  }
  call.accept = "application/json"; /* of a length that isn't known beforehand */
  struct reply reply = same(&call);
  assert_true(reply.length > 30000000);
  reply_release(&reply);
  blob_release(&body);
}

/* Work of many slices: the final call is entered again and again, on unix sockets as with TLS. */
static void test_slices(void **state) {
  (void)state;
  struct blob body = rates(2, NEURONS, "lambda_fr_cv");
  struct call call = {.type = "application/vnd.safetensors", .body = body.bytes, .length = body.length};
  for (int round = 0; round < 2; round++) {
    struct reply reply = same(&call);
    const char *terms = strstr(reply_header(&reply, "Server-Timing"), "terms;dur=");
    assert_non_null(terms);
    /* Three slices and more: then it took turns. */
    if (strtod(terms + 10, NULL) < 6) fail_msg("too quick to have been sliced: %s", terms);
    reply_release(&reply);
  }
  blob_release(&body);
}

/* A refusal reaches the client although it is still sending. */
static void test_early_refusal(void **state) {
  (void)state;
  size_t length = (size_t)8 << 20;
  char *zeros = calloc(1, length);
  assert_non_null(zeros);
  for (int i = 0; i < 5; i++) {
    struct call call = {.path = "/nothing", .header = "Expect:", .body = zeros, .length = length};
    struct reply reply = client_send(secure, &call);
    cJSON_Delete(assert_problem(&reply, 404, "not-found"));
    reply_release(&reply);
  }
  free(zeros);
}

static void test_old_version(void **state) {
  (void)state;
  for (unsigned char minor = 0; minor <= 2; minor++) {
    int first = -1;
    close(raw_hello(both.address[0], minor, &first));
    assert_int_equal(first == 22, minor == 2);
  }
}

/* What is no TLS costs its own connection, and nobody else's. */
static void test_garbage(void **state) {
  (void)state;
  static const char *const texts[] = {"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n", "\x16\x03\x01\xff\xff",
                                      "\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03", "\r\n\r\n", "\x80\x2e\x01\x00\x02"};
  char answer[4096];
  int silent[20];
  assert_status(client_get(secure, "/livez"), 200);
  for (size_t i = 0; i < 20; i++) {
    silent[i] = raw_connect(both.address[0]);
    if (i % 2) raw_send(silent[i], "\x16\x03\x01", 3); /* half a record, and nothing more */
  }
  for (size_t round = 0; round < 20; round++) {
    const char *text = texts[round % (sizeof texts / sizeof *texts)];
    int fd = raw_connect(both.address[0]);
    raw_send(fd, text, strlen(text) + (text[0] < ' '));
    shutdown(fd, SHUT_WR);
    raw_read(fd, NULL, answer, sizeof answer);
    close(fd);
    assert_null(strstr(answer, "HTTP/"));
  }
  char *noise = malloc(1 << 20);
  assert_non_null(noise);
  for (size_t i = 0; i < 1 << 20; i++) noise[i] = (char)(i * 2654435761U >> 13);
  int fd = raw_connect(both.address[0]);
  send(fd, noise, 1 << 20, MSG_NOSIGNAL);
  close(fd);
  free(noise);
  struct reply reply = client_get(secure, "/livez");
  assert_int_equal(reply.connects, 0);
  reply_release(&reply);
  struct client *other = trusting(&both, "ca.pem", NULL);
  assert_status(client_get(other, "/livez"), 200);
  client_release(other);
  for (size_t i = 0; i < 20; i++) close(silent[i]);
}

/* How many allocations live, once that doesn't change any more. */
static long settled(void) {
  long live = -1;
  for (int i = 0, quiet = 0; i < 1000 && quiet < 20; i++) {
    long now = atomic_load(&both.probe->live);
    quiet = now == live ? quiet + 1 : 0;
    live = now;
    nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
  }
  return live;
}

/* Without memory for a connection its handshake fails; what it had is given back, as it is when all goes well. */
static void test_no_memory(void **state) {
  (void)state;
  assert_status(client_get(secure, "/livez"), 200);
  long live = settled();
  for (int i = 0; i < 6; i++) {
    struct client *other = trusting(&both, "ca.pem", NULL);
    atomic_store(&both.probe->fail_at, i % 2);
    struct reply reply = client_try(other, &(struct call){.path = "/livez"});
    assert_int_equal(reply.error != 0, i % 2);
    atomic_store(&both.probe->fail_at, 0);
    reply_release(&reply);
    client_release(other);
  }
  assert_int_equal(settled(), live);
  assert_status(client_get(secure, "/livez"), 200);
}

static void test_untrusting(void **state) {
  (void)state;
  struct client *other = trusting(&both, "other.pem", NULL);
  struct reply reply = client_try(other, &(struct call){.path = "/livez"});
  assert_int_not_equal(reply.error, 0);
  reply_release(&reply);
  client_release(other);
}

/* ---- Client certificates ---- */

static void assert_forbidden(const struct daemon *daemon, const char *own, const char *header, const char *detail) {
  struct client *made = trusting(daemon, "ca.pem", own);
  static const char *const methods[] = {"GET", "POST"};
  for (int i = 0; i < 2; i++) {
    struct call call = {.method = methods[i], .path = i ? "/loss" : "/terms", .header = header};
    struct reply reply = client_send(made, &call);
    cJSON *problem = assert_problem(&reply, 403, "forbidden");
    const char *said = json_at(problem, "detail")->valuestring;
    if (!strstr(said, detail)) fail_msg("%s: no \"%s\" in: %s", own ? own : "none", detail, said);
    cJSON_Delete(problem);
    reply_release(&reply);
  }
  assert_status(client_get(made, "/livez"), 200);
  assert_status(client_send(made, &(struct call){.method = "OPTIONS", .path = "/loss"}), 204);
  assert_status(client_send(made, &(struct call){.path = "/metrics"}), 403);
  client_release(made);
}

static void test_client_certificates(void **state) {
  (void)state;
  struct daemon daemon;
  char listen[140];
  snprintf(listen, sizeof listen, "unix:%s", scratch_path("socket2"));
  const char *arguments[] = {"--listen",
                             "127.0.0.1:0",
                             "--listen",
                             listen,
                             "--tls-cert",
                             scratch_path("server.pem"),
                             "--tls-key",
                             scratch_path("server.key"),
                             "--tls-client-ca",
                             scratch_path("ca.pem"),
                             NULL};
  daemon_start(&daemon, arguments);
  char command[300]; /* CAs of the start aren't named: others may be trusted by now */
  snprintf(command, sizeof command,
           "openssl s_client -connect 127.0.0.1%s </dev/null 2>&1 | grep -q '^No client certificate CA names sent'",
           strrchr(daemon.address[0], ':'));
  assert_int_equal(shell(command), 0);
  assert_forbidden(&daemon, NULL, NULL, "is needed");
  assert_forbidden(&daemon, "stranger", NULL, "issuer is unknown");
  assert_forbidden(&daemon, "server", NULL, "purpose");
  assert_forbidden(&daemon, "expired", NULL, "expired");
  struct client *made = trusting(&daemon, "ca.pem", "client");
  for (int i = 0; i < 3; i++) assert_status(client_get(made, "/terms"), 200);
  struct blob body = sample_body(SAMPLE_NESTED, RNNLOSS_F64, "");
  struct call call = {.type = "application/json", .body = body.bytes, .length = body.length};
  struct reply reply = client_send(made, &call);
  assert_sample(&reply, RNNLOSS_F64);
  assert_int_equal(reply.connects, 0);
  reply_release(&reply);
  blob_release(&body);
  client_release(made);
  made = client_create("http://localhost", scratch_path("socket2")); /* whose file's permissions say who may */
  assert_status(client_get(made, "/terms"), 200);
  client_release(made);
  assert_int_equal(daemon_stop(&daemon), 0);
}

static void test_certificate_and_token(void **state) {
  (void)state;
  static const char right[] = "Authorization: Bearer 0123456789abcdef";
  scratch_write("tokens", "ann 0123456789abcdef\n", 0600);
  struct daemon daemon;
  const char *arguments[] = {"--listen",
                             "0.0.0.0:0",
                             "--tls-cert",
                             scratch_path("server.pem"),
                             "--tls-key",
                             scratch_path("server.key"),
                             "--tls-client-ca",
                             scratch_path("ca.pem"),
                             "--tokens",
                             scratch_path("tokens"),
                             NULL};
  daemon_start(&daemon, arguments);
  char address[160]; /* the certificate isn't one of 0.0.0.0 */
  snprintf(address, sizeof address, "https://127.0.0.1%s", strrchr(daemon.address[0], ':'));
  memcpy(daemon.address[0], address, sizeof address);
  assert_forbidden(&daemon, NULL, right, "is needed");
  assert_forbidden(&daemon, "stranger", right, "issuer is unknown");
  struct client *made = trusting(&daemon, "ca.pem", "client");
  assert_status(client_send(made, &(struct call){.path = "/terms"}), 401);
  assert_status(client_send(made, &(struct call){.path = "/terms", .header = "Authorization: Bearer x"}), 401);
  assert_status(client_send(made, &(struct call){.path = "/terms", .header = right}), 200);
  client_release(made);
  assert_int_equal(daemon_stop(&daemon), 0);
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_forms),
      cmocka_unit_test(test_kinds),
      cmocka_unit_test(test_certificate_metric),
      cmocka_unit_test(test_large),
      cmocka_unit_test(test_slices),
      cmocka_unit_test(test_early_refusal),
      cmocka_unit_test(test_old_version),
      cmocka_unit_test(test_garbage),
      cmocka_unit_test(test_no_memory),
      cmocka_unit_test(test_untrusting),
      cmocka_unit_test(test_client_certificates),
      cmocka_unit_test(test_certificate_and_token),
  };
  return cmocka_run_group_tests_name("TLS", tests, start, end);
}
