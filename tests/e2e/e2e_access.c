/* e2e_access.c - bearer tokens: who is admitted, who is not, how many requests a name may have in flight */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fixture.h"
#include "raw.h"

#define ANN "ann-0123456789-secret"
#define ANN_NEW "ann-new-0123456-secret"
#define BOB "bob/0123456789+secret=="
#define WRONG "eve-0123456789-secret"
#define BEARER "Authorization: Bearer "

static struct reply call_with(const char *method, const char *path, const char *header) {
  return client_send(client, &(struct call){.method = method, .path = path, .header = header});
}

static struct reply post_with(const char *header) {
  return client_send(client, &(struct call){.type = "application/json", .header = header, .body = "{}", .length = 2});
}

static void assert_status(struct reply reply, long status) {
  if (reply.status != status) fail_msg("status %ld, not %ld: %.300s", reply.status, status, reply.body);
  reply_release(&reply);
}

static void assert_refused(struct reply reply, bool wrong) {
  cJSON_Delete(assert_problem(&reply, 401, "unauthorized"));
  const char *challenge = reply_header(&reply, "WWW-Authenticate");
  assert_non_null(challenge);
  assert_string_equal(challenge,
                      wrong ? "Bearer realm=\"rnnlossd\", error=\"invalid_token\"" : "Bearer realm=\"rnnlossd\"");
  assert_null(strstr(reply.body, "secret"));
  reply_release(&reply);
}

static void test_right(void **state) {
  (void)state;
  static const char *const headers[] = {BEARER ANN, "authorization: bearer " ANN, "Authorization: BEARER   " ANN,
                                        BEARER ANN_NEW, BEARER BOB};
  for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
    assert_status(post_with(headers[i]), 200);
    assert_status(call_with(NULL, "/terms", headers[i]), 200);
    assert_status(call_with("HEAD", "/version", headers[i]), 200);
    assert_status(call_with(NULL, "/metrics", headers[i]), 200);
  }
}

static void test_missing(void **state) {
  (void)state;
  static const char *const headers[] = {NULL, "Authorization: Basic YW5uOnNlY3JldC1zZWNyZXQ=", "Authorization: Bearer",
                                        "Authorization: " ANN, "X-Token: " ANN};
  for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
    assert_refused(post_with(headers[i]), false);
    assert_refused(call_with(NULL, "/terms", headers[i]), false);
    assert_refused(call_with(NULL, "/metrics", headers[i]), false);
  }
}

static void test_wrong(void **state) {
  (void)state;
  static const char *const headers[] = {BEARER WRONG,
                                        BEARER ANN "x",
                                        BEARER "ann",
                                        BEARER ANN " ann",
                                        BEARER "bob/0123456789+secret=",
                                        BEARER "ANN-0123456789-SECRET"};
  for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
    assert_refused(post_with(headers[i]), true);
    assert_refused(call_with(NULL, "/version", headers[i]), true);
  }
  struct reply reply = call_with("HEAD", "/terms", BEARER WRONG);
  assert_int_equal(reply.status, 401);
  assert_int_equal(reply.length, 0);
  assert_non_null(reply_header(&reply, "WWW-Authenticate"));
  reply_release(&reply);
}

static void test_exempt(void **state) {
  (void)state;
  static const char *const paths[] = {"/livez", "/healthz", "/readyz", "/livez?x", "/", "/page/main.js"};
  static const char *const headers[] = {NULL, BEARER WRONG};
  for (size_t h = 0; h < 2; h++) {
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
      assert_status(call_with(NULL, paths[i], headers[h]), 200);
      assert_status(call_with("HEAD", paths[i], headers[h]), 200);
    }
    assert_status(call_with("OPTIONS", "/loss", headers[h]), 204);
    assert_status(call_with("OPTIONS", "/metrics", headers[h]), 204);
    assert_status(call_with(NULL, "/nothing", headers[h]), 404);
    assert_status(call_with(NULL, "/loss", headers[h]), 405);
  }
  assert_status(call_with(NULL, "/LIVEZ", NULL), 404);
}

/* Refused before the body: a client that waits for `100 Continue` never sends it. */
static void test_before_body(void **state) {
  (void)state;
  char answer[4096];
  int fd = raw_connect(daemon_here.address[0]);
  raw_text(fd, "POST /loss HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\nExpect: 100-continue\r\n\r\n");
  raw_read(fd, NULL, answer, sizeof answer);
  close(fd);
  assert_true(strncmp(answer, "HTTP/1.1 401 ", 13) == 0);
  fd = raw_connect(daemon_here.address[0]);
  raw_text(fd, "GET /terms HTTP/1.1\r\nHost: x\r\n" BEARER ANN "\r\n" BEARER ANN "\r\nConnection: close\r\n\r\n");
  raw_read(fd, NULL, answer, sizeof answer);
  close(fd);
  assert_true(strncmp(answer, "HTTP/1.1 400 ", 13) == 0);
}

/* A request that is begun and waits for its body. */
static int begin_request(const char *header) {
  char text[500], answer[500];
  int fd = raw_connect(daemon_here.address[0]);
  snprintf(text, sizeof text,
           "POST /loss HTTP/1.1\r\nHost: x\r\n%s\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
           "Expect: 100-continue\r\n\r\n",
           header);
  raw_text(fd, text);
  raw_read(fd, "\r\n\r\n", answer, sizeof answer);
  assert_string_equal(answer, "HTTP/1.1 100 Continue\r\n\r\n");
  return fd;
}

static void end_request(int fd) {
  char answer[2000];
  raw_text(fd, "{}");
  raw_read(fd, "\"contract\":1", answer, sizeof answer);
  assert_true(strncmp(answer, "HTTP/1.1 200 ", 13) == 0);
  close(fd);
}

static void assert_busy(struct reply reply) {
  cJSON *problem = assert_problem(&reply, 429, "rate-limited");
  assert_non_null(strstr(json_at(problem, "detail")->valuestring, "--max-requests-per-token"));
  cJSON_Delete(problem);
  assert_non_null(reply_header(&reply, "Retry-After"));
  assert_string_equal(reply_header(&reply, "Retry-After"), "1");
  reply_release(&reply);
}

/* Until the daemon has seen the end of a request. */
static void wait_for(const char *header, long status) {
  long found = 0;
  for (int i = 0; i < 1000 && found != status; i++) {
    if (i) nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    struct reply reply = call_with(NULL, "/terms", header);
    found = reply.status;
    reply_release(&reply);
  }
  assert_int_equal(found, status);
}

static void test_share(void **state) {
  (void)state;
  int first = begin_request(BEARER ANN);
  wait_for(BEARER ANN, 200); /* one in flight, and one more */
  int second = begin_request(BEARER ANN_NEW);
  for (int i = 0; i < 3; i++) {
    assert_busy(call_with(NULL, "/terms", BEARER ANN));
    assert_busy(post_with(BEARER ANN_NEW));
    assert_status(call_with(NULL, "/terms", BEARER BOB), 200); /* others are not held up */
    assert_status(call_with(NULL, "/livez", BEARER ANN), 200);
    assert_refused(call_with(NULL, "/terms", BEARER WRONG), true);
  }
  end_request(second);
  wait_for(BEARER ANN, 200);
  second = begin_request(BEARER ANN);
  assert_busy(post_with(BEARER ANN));
  close(second); /* its client dies */
  wait_for(BEARER ANN, 200);
  end_request(first);
  wait_for(BEARER ANN, 200);
  for (int i = 0; i < 5; i++) assert_status(post_with(BEARER ANN), 200); /* nothing is left counted */
  first = begin_request(BEARER ANN);
  assert_status(post_with(BEARER ANN), 200);
  end_request(first);
}

/* What stands in the log, at its most talkative: never a token, right or wrong. */
static void test_log(void **state) {
  (void)state;
  char *log = scratch_read("log");
  assert_non_null(strstr(log, "3 tokens of 2 names"));
  assert_non_null(strstr(log, "level=debug"));
  assert_null(strstr(log, "secret"));
  free(log);
}

/* ---- Starts ---- */

struct start {
  const char *arguments[12];
  const char *error; /* NULL: it starts */
};

/* Starts a daemon that is expected to refuse, and returns what it says. */
static char *refused_start(const char *const *arguments) {
  char command[2000] = "";
  snprintf(command, sizeof command, "%s/rnnlossd --drain-timeout 0", getenv("BUILD") ? getenv("BUILD") : "build");
  for (; *arguments; arguments++) {
    strncat(command, " ", sizeof command - strlen(command) - 1);
    strncat(command, *arguments, sizeof command - strlen(command) - 1);
  }
  size_t length = strlen(command);
  snprintf(command + length, sizeof command - length, " >%s 2>&1", scratch_path("start"));
  int status = shell(command);
  if (status == 0) fail_msg("it started: %s", command);
  return scratch_read("start");
}

static void test_starts(void **state) {
  (void)state;
  scratch_write("short", "ann short-secret\n", 0600);
  char *here = strdup(scratch_path("tokens")), *shorter = strdup(scratch_path("short"));
  const struct start starts[] = {
      {{"--tokens", shorter}, "line 1: the token is shorter than 16"},
      {{"--tokens", "/nowhere"}, "--tokens: /nowhere: No such file"},
      {{"--listen", "0.0.0.0:0"}, "--tokens FILE, or --tls-client-ca FILE, or say --allow-anonymous"},
      {{"--tls-cert", here, "--tls-key", here}, "--tls-cert: "},
      {{"--tls-cert", here, "--tls-key", "/nowhere"}, "/nowhere: No such file"},
      {{"--tls-cert", here}, "--tls-cert: needs --tls-key"},
  };
  for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
    char *said = refused_start(starts[i].arguments);
    if (!strstr(said, starts[i].error)) fail_msg("no \"%s\" in: %s", starts[i].error, said);
    assert_null(strstr(said, "secret"));
    free(said);
  }
  scratch_catch("open-log");
  scratch_write("open", "ann " ANN "\n", 0644);
  const char *arguments[] = {
      "--listen",    "0.0.0.0:0", "--tokens", scratch_path("open"), "--metrics-anonymous", "--listen", "127.0.0.1:0",
      "--log-level", "warning",   NULL};
  struct daemon daemon;
  daemon_start(&daemon, arguments);
  struct client *own = client_create(daemon.address[1], NULL);
  assert_status(client_send(own, &(struct call){.path = "/metrics"}), 200);
  assert_status(client_send(own, &(struct call){.path = "/terms"}), 401);
  client_release(own);
  assert_int_equal(daemon_stop(&daemon), 0);
  scratch_catch(NULL);
  char *log = scratch_read("open-log");
  assert_non_null(strstr(log, "everybody on this machine may read it"));
  assert_non_null(strstr(log, "tokens travel in clear text"));
  free(log);
  free(here);
  free(shorter);
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_right),       cmocka_unit_test(test_missing), cmocka_unit_test(test_wrong),
      cmocka_unit_test(test_exempt),      cmocka_unit_test(test_share),   cmocka_unit_test(test_log),
      cmocka_unit_test(test_before_body), cmocka_unit_test(test_starts),
  };
  scratch_make();
  scratch_write("tokens", "# two names\nann " ANN "\nbob " BOB "\nann " ANN_NEW "\n", 0640);
  const char *arguments[] = {
      "--tokens", scratch_path("tokens"), "--max-requests-per-token", "2", "--log-level", "debug", NULL};
  fixture_log = "log";
  int failed = FIXTURE_RUN("access", tests, arguments);
  scratch_remove();
  return failed;
}
