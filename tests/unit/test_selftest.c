/* test_selftest.c - the self-test takes the vectors that are built in, and no others; /readyz says what came of it */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "server.h"

#include <cmocka.h>

static struct selftest selftest;

static char *copy_suite(void) {
  char *copy = malloc((size_t)vectors_suite_length + 1);
  assert_non_null(copy);
  memcpy(copy, vectors_suite, (size_t)vectors_suite_length + 1);
  return copy;
}

static void test_suite(void **state) {
  (void)state;
  char hex[SHA256_HEX];
  selftest_run(&selftest, vectors_suite, (size_t)vectors_suite_length);
  assert_true(selftest.passed);
  assert_true(selftest.count > 300);
  assert_true(sha256_hex(vectors_suite, (size_t)vectors_suite_length, hex));
  assert_string_equal(selftest.digest, hex);
}

/* The suite with one character behind the n-th place of a text changed. */
static void corrupt(const char *text, int n, const char *failed) {
  char *suite = copy_suite(), *at = suite;
  while (n-- > 0) {
    at = strstr(at, text);
    assert_non_null(at);
    at += strlen(text);
  }
  *at = *at == 'a' ? 'b' : 'a';
  selftest_run(&selftest, suite, (size_t)vectors_suite_length);
  assert_false(selftest.passed);
  if (failed) assert_string_equal(selftest.failed, failed);
  free(suite);
}

static void test_corrupted(void **state) {
  (void)state;
  corrupt("\"data_sha256\":\"", 1, "mse-by-hand (json)");
  assert_int_equal(selftest.count, 0);
  corrupt("\"data_sha256\":\"", 3, "in-by-hand (json)");
  assert_int_equal(selftest.count, 2);
  corrupt("\"safetensors\":\"", 1, "mse-by-hand (safetensors)");
  corrupt("\"json\":\"", 1, "mse-by-hand (json)");
  corrupt("\"status\":422,\"type\":\"", 1, NULL);
  corrupt("\"status\":400,\"type\":\"", 1, "json-empty (json)");
  corrupt("{\"", 1, "? (no vector)"); /* without its id */
  corrupt("\n", 1, NULL);
}

/* A valid vector that is said to be refused, and a refused one that is said to have a value. */
static void test_wrong_outcome(void **state) {
  (void)state;
  static const char *const suites[] = {
      "{\"id\":\"a\",\"json\":\"{}\",\"problem\":{\"type\":\"internal\"}}",
      "{\"id\":\"a\",\"json\":\"{}\",\"problem\":{\"type\":\"\"}}",
      "{\"id\":\"a\",\"json\":\"{\",\"expect\":{\"data_sha256\":\"\"}}",
      "{\"id\":\"a\",\"json\":\"{}\",\"expect\":{\"data_sha256\":\"\"}}",
      "{\"id\":\"a\",\"json\":\"{}\"}",
      "{\"id\":\"a\"}",
      "{\"id\":\"a\",\"problem\":{\"type\":\"malformed-json\"}}",
      "{\"id\":\"a\",\"safetensors\":\"*\",\"problem\":{\"type\":\"malformed-safetensors\"}}",
      "{\"json\":\"{\",\"problem\":{\"type\":\"malformed-json\"}}",
      "{}",
      "[]",
      "\n",
      "",
  };
  for (size_t i = 0; i < sizeof suites / sizeof *suites; i++) {
    selftest_run(&selftest, suites[i], strlen(suites[i]));
    if (selftest.passed) fail_msg("taken: %s", suites[i]);
    assert_true(selftest.failed[0] != '\0');
  }
  static const char right[] = "{\"id\":\"a\",\"json\":\"{\",\"problem\":{\"type\":\"malformed-json\"}}";
  selftest_run(&selftest, right, sizeof right - 1);
  assert_true(selftest.passed);
}

static void test_truncated(void **state) {
  (void)state;
  const char *end = memchr(vectors_suite, '\n', (size_t)vectors_suite_length);
  for (size_t length = (size_t)(end - vectors_suite); length-- > 0;) {
    selftest_run(&selftest, vectors_suite, length);
    assert_false(selftest.passed);
  }
}

/* Without memory nothing is right, and nothing is lost. */
static void test_memory(void **state) {
  (void)state;
  static struct memory_probe probe;
  const char *end = memchr(vectors_suite, '\n', (size_t)vectors_suite_length);
  memory_probe = &probe;
  selftest_run(&selftest, vectors_suite, (size_t)(end - vectors_suite));
  assert_true(selftest.passed);
  assert_int_equal(probe.live, 0);
  long total = probe.total;
  assert_true(total > 1);
  for (long n = 1; n <= total; n++) {
    probe.fail_at = n;
    selftest_run(&selftest, vectors_suite, (size_t)(end - vectors_suite));
    assert_false(selftest.passed);
    assert_int_equal(probe.live, 0);
  }
  memory_probe = NULL;
}

static unsigned ask(struct server *server, const char *type) {
  static const struct head head = {.method = METHOD_GET};
  struct exchange *exchange = exchange_create(server, "/readyz");
  assert_non_null(exchange);
  assert_true(exchange_begin(exchange, &head));
  assert_true(exchange_end(exchange));
  unsigned status = exchange->answer.status;
  char *text = arena_text(&exchange->arena, exchange->answer.bytes, exchange->answer.length);
  if (!text || !strstr(text, type)) fail_msg("%s instead of %s", text, type);
  exchange_release(exchange);
  return status;
}

static void test_ready(void **state) {
  (void)state;
  static struct server server;
  server.budget.limit = 1 << 20;
  assert_int_equal(ask(&server, "#not-ready"), 503); /* not run yet */
  selftest_run(&server.selftest, vectors_suite, (size_t)vectors_suite_length);
  assert_int_equal(ask(&server, "ready"), 200);
  selftest_run(&server.selftest, vectors_suite, 1000);
  assert_int_equal(ask(&server, "#not-ready"), 503);
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_suite),     cmocka_unit_test(test_corrupted), cmocka_unit_test(test_wrong_outcome),
      cmocka_unit_test(test_truncated), cmocka_unit_test(test_memory),    cmocka_unit_test(test_ready),
  };
  memory_setup();
  return cmocka_run_group_tests_name("selftest", tests, NULL, NULL);
}
