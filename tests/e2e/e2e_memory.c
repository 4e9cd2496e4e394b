/* e2e_memory.c - each allocation of a request fails in turn: a clean 503 (or the right answer), and nothing is lost */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fixture.h"
#include "raw.h"

#define RELEASE_MS 5000 /* the daemon may still be tidying up when its answer is here */

/* Waits until no allocation is alive but those that were there before. */
static long settled(long idle) {
  long live = 0;
  for (int ms = 0; ms < RELEASE_MS; ms++) {
    live = atomic_load(&daemon_here.probe->live);
    if (live == idle) break;
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
  }
  return live;
}

/* Allocations alive on an idle connection: the same number again and again. */
static long idle_allocations(const struct call *call) {
  long live = -1;
  for (int round = 0; round < 3; round++) {
    struct reply reply = client_send(client, call);
    reply_release(&reply);
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    live = atomic_load(&daemon_here.probe->live);
  }
  return live;
}

/* Is it the answer that comes when nothing fails? Losses have the same bytes; others may hold ids and counters. */
static bool same_answer(const struct call *call, const struct reply *reply, const struct reply *expected) {
  if (reply->status != expected->status) return false;
  if (reply->status != 200 || !call->body) return true;
  return reply->length == expected->length && memcmp(reply->body, expected->body, reply->length) == 0;
}

static void check(const char *name, const struct call *call) {
  struct memory_probe *probe = daemon_here.probe;
  long idle = idle_allocations(call), before = atomic_load(&probe->total), refused = 0;
  struct reply expected = client_send(client, call);
  assert_int_equal(settled(idle), idle);
  long count = atomic_load(&probe->total) - before;
  if (count <= 0) fail_msg("%s: no allocations were seen", name);
  for (long n = 1; n <= count; n++) {
    atomic_store(&probe->fail_at, n);
    struct reply reply = client_try(client, call);
    atomic_store(&probe->fail_at, 0);
    if (reply.error) fail_msg("%s, allocation %ld of %ld: no answer", name, n, count);
    if (!same_answer(call, &reply, &expected)) {
      if (reply.status != 503) fail_msg("%s, allocation %ld of %ld: status %ld", name, n, count, reply.status);
      bool head = call->method && strcmp(call->method, "HEAD") == 0;
      if (!head) cJSON_Delete(assert_problem(&reply, 503, "overloaded"));
      refused++;
    }
    reply_release(&reply);
    if (!daemon_lives(&daemon_here)) fail_msg("%s, allocation %ld of %ld: the daemon has died", name, n, count);
    /* If the connection was closed this opens another: what is alive then compares with idle. */
    reply = client_send(client, call);
    if (!same_answer(call, &reply, &expected))
      fail_msg("%s, after allocation %ld of %ld: status %ld", name, n, count, reply.status);
    reply_release(&reply);
    long live = settled(idle);
    if (live != idle) fail_msg("%s, allocation %ld of %ld: %ld allocations are lost", name, n, count, live - idle);
  }
  if (refused == 0) fail_msg("%s: none of %ld failures was seen in an answer", name, count);
  reply_release(&expected);
}

static void check_sample(const char *name, enum sample_form form, const char *path, const char *accept, size_t chunk) {
  struct blob body = sample_body(form, form == SAMPLE_NESTED ? RNNLOSS_F64 : RNNLOSS_F32, "");
  check(name, &(struct call){.path = path,
                             .type = sample_type(form),
                             .accept = accept,
                             .body = body.bytes,
                             .length = body.length,
                             .chunk = chunk});
  blob_release(&body);
}

static void check_text(const char *text, const char *path) {
  check(text, &(struct call){.path = path, .type = "application/json", .body = text, .length = strlen(text)});
}

static void test_json(void **state) {
  (void)state;
  check_sample("nested", SAMPLE_NESTED, NULL, NULL, 0);
  check_sample("nested, per term", SAMPLE_NESTED, "/loss?gradients=per_term", NULL, 0);
  check_sample("nested, none", SAMPLE_NESTED, "/loss?gradients=none", NULL, 0);
  check_sample("data", SAMPLE_DATA, NULL, NULL, 0);
  check_sample("base64", SAMPLE_BASE64, NULL, NULL, 50);
  check_sample("base64, per term", SAMPLE_BASE64, "/loss?gradients=per_term", NULL, 0);
  check_sample("nested to safetensors", SAMPLE_NESTED, NULL, "application/vnd.safetensors", 0);
  check_text("{\"tensors\":{\"fr\":{\"data\":[1,2,3],\"shape\":[3],\"dtype\":\"F16\"}},\"lambdas\":{\"lambda_fr\":1}}",
             NULL);
}

static void test_safetensors(void **state) {
  (void)state;
  check_sample("safetensors", SAMPLE_SAFETENSORS, NULL, NULL, 0);
  check_sample("safetensors, per term", SAMPLE_SAFETENSORS, "/loss?gradients=per_term&wrt=pred,target,fr", NULL, 0);
  check_sample("safetensors to JSON", SAMPLE_SAFETENSORS, NULL, "application/json", 50);
}

static void test_validate(void **state) {
  (void)state;
  static const char fr[] = "{\"data\":[1,2,3,4],\"shape\":[2,2],\"dtype\":\"F32\"}";
  static const char w[] = "[[1,2],[3,4]]";
  char text[1200];
  snprintf(text, sizeof text,
           "{\"lambdas\":{\"lambda_fr\":1,\"lambda_fr_sd\":2,\"lambda_hid\":1,\"lambda_in\":1},\"tensors\":{\"fr\":%s,"
           "\"w_hid\":%s,\"w_in\":[[1,2],[3,4],[5,6]]},"
           "\"claims\":{\"loss\":7,\"terms\":{\"fr_sd\":{\"loss\":1.4142135623730951,\"gradients\":{\"fr\":%s}},\"fr\":"
           "15},\"gradients\":{\"fr\":%s,\"w_hid\":[[0.5,1.5],[1,2]],\"w_in\":[[1,2,3],[4,5,6]]}}}",
           fr, w, fr, fr);
  check_text(text, "/validate");
  check_sample("digest", SAMPLE_SAFETENSORS, "/loss?digest=1", NULL, 0);
  check_text("{\"claims\":{\"gradients\":{\"fr\":[1]}}}", "/validate");
}

/* More than one block of each tensor. */
static void test_large(void **state) {
  (void)state;
  enum { COUNT = 200000 };
  float *zeros = calloc(COUNT, sizeof *zeros);
  assert_non_null(zeros);
  char header[200];
  snprintf(header, sizeof header, "{\"fr\":{\"dtype\":\"F32\",\"shape\":[%d,10],\"data_offsets\":[0,%d]}}", COUNT / 10,
           COUNT * 4);
  struct blob body = blob_safetensors(header, zeros, COUNT * sizeof *zeros);
  struct call call = {.path = "/loss?lambda_fr=1&lambda_fr_sd=1",
                      .type = "application/vnd.safetensors",
                      .body = body.bytes,
                      .length = body.length};
  check("large safetensors", &call);
  call.accept = "application/json";
  check("large safetensors to JSON", &call);
  blob_release(&body);
  free(zeros);
}

/* Refused for want of memory before anything of it was kept, a client that goes on sending still reads why. */
static void test_still_sending(void **state) {
  (void)state;
  enum { LENGTH = 4 << 20 };
  char *zeros = calloc(1, LENGTH), answer[2000];
  assert_non_null(zeros);
  for (int i = 0; i < 5; i++) {
    int fd = raw_connect(daemon_here.address[0]);
    atomic_store(&daemon_here.probe->fail_at, 0);
    raw_text(fd, "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"); /* what the connection itself needs is there now */
    raw_read(fd, "alive", answer, sizeof answer);
    atomic_store(&daemon_here.probe->fail_at, 1);
    raw_text(fd, "POST /loss HTTP/1.1\r\nHost: x\r\nContent-Length: 4194304\r\n\r\n");
    nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    atomic_store(&daemon_here.probe->fail_at, 0);
    raw_send(fd, zeros, LENGTH);
    raw_read(fd, NULL, answer, sizeof answer);
    if (!strstr(answer, "#overloaded")) fail_msg("instead of a problem: %.100s", answer);
    close(fd);
  }
  free(zeros);
}

static void test_errors(void **state) {
  (void)state;
  check_text("{", NULL);
  check_text("[]", NULL);
  check_text("{\"tensors\":{\"state\":[1]}}", NULL);
  check_text("{\"lambdas\":{\"lambda_mse\":1},\"tensors\":{\"pred\":[1,2],\"target\":[1]}}", NULL);
  check_text("{\"lambdas\":{\"lambda_fr_cv\":1},\"tensors\":{\"fr\":[-1,1]}}", NULL);
  check_text("{}", "/loss?epoch=1");
  check("404", &(struct call){.path = "/nothing"});
  check("405", &(struct call){.path = "/loss"});
  check("406", &(struct call){.accept = "image/png", .type = "application/json", .body = "{}", .length = 2});
  check("415", &(struct call){.type = "image/png", .body = "{}", .length = 2});
}

static void test_routes(void **state) {
  (void)state;
  static const char *const paths[] = {"/",
                                      "/page/main.js",
                                      "/terms",
                                      "/version",
                                      "/healthz",
                                      "/livez",
                                      "/readyz",
                                      "/metrics",
                                      "/vectors",
                                      "/vectors/mse-by-hand",
                                      "/vectors/mse-by-hand?form=json",
                                      "/vectors/mse-by-hand?form=safetensors"};
  for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
    check(paths[i], &(struct call){.path = paths[i]});
    check(paths[i], &(struct call){.path = paths[i], .method = "HEAD"});
  }
  check("OPTIONS", &(struct call){.path = "/loss", .method = "OPTIONS"});
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_json),          cmocka_unit_test(test_safetensors), cmocka_unit_test(test_large),
      cmocka_unit_test(test_still_sending), cmocka_unit_test(test_errors),      cmocka_unit_test(test_routes),
      cmocka_unit_test(test_validate),
  };
  static const char *const arguments[] = {"--threads", "1", NULL};
  return FIXTURE_RUN("memory", tests, arguments);
}
