/* test_access_log.c - log lines made of what peers may send, bounded warnings, and what a line costs */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "server.h"

#include <cjson/cJSON.h>
#include <cmocka.h>

static char said[1 << 20];

/* Standard error is a file for all of these tests. */
static int catch_errors(void **state) {
  static int kept;
  FILE *caught = tmpfile();
  *state = &kept;
  kept = dup(STDERR_FILENO);
  return caught && dup2(fileno(caught), STDERR_FILENO) >= 0 && fclose(caught) == 0 ? 0 : -1;
}

static int release_errors(void **state) {
  return dup2(*(int *)*state, STDERR_FILENO) >= 0 ? 0 : -1;
}

static void begin(enum log_format format) {
  assert_int_equal(ftruncate(STDERR_FILENO, 0), 0);
  assert_int_equal(lseek(STDERR_FILENO, 0, SEEK_SET), 0);
  log_setup(LOG_INFO, format);
}

static const char *caught(void) {
  ssize_t length = pread(STDERR_FILENO, said, sizeof said - 1, 0);
  assert_true(length >= 0);
  said[length] = '\0';
  return said;
}

static size_t count(const char *text, const char *part) {
  size_t n = 0;
  for (const char *at = text; (at = strstr(at, part)); at += strlen(part)) n++;
  return n;
}

/* The same numbers each time (xorshift). */
static uint64_t next(void) {
  static uint64_t x = 88172645463325252U;
  x ^= x << 13;
  x ^= x >> 7;
  x ^= x << 17;
  return x >> 11;
}

/* Any bytes at all: one line, and in JSON an object that reads back. */
static void any_bytes(void **state) {
  (void)state;
  char text[2000];
  for (int turn = 0; turn < 2000; turn++) {
    size_t length = turn < 255 ? 1 : next() % (turn % 10 ? 40 : sizeof text);
    for (size_t i = 0; i < length; i++)
      text[i] = (char)(turn < 255 ? (uint64_t)turn + 1 : 1 + next() % (next() % 2 ? 255 : 64));
    text[length < sizeof text ? length : sizeof text - 1] = '\0';
    begin(turn % 2 ? LOG_JSON : LOG_LOGFMT);
    struct log_record record;
    log_begin(&record, LOG_INFO, "test");
    log_word(&record, "word", text);
    log_text(&record, "text", text);
    log_number(&record, "last", UINT64_MAX);
    log_end(&record);
    const char *line = caught();
    assert_int_equal(count(line, "\n"), 1);
    assert_int_equal(line[strlen(line) - 1], '\n');
    for (const char *c = line; *c != '\n'; c++) assert_true((unsigned char)*c >= 0x20 && *c != 0x7f);
    if (turn % 2 == 0) continue;
    cJSON *root = cJSON_ParseWithOpts(line, NULL, 0);
    if (!root) fail_msg("no JSON: %s", line);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(root, "event")), "test");
    assert_true(cJSON_GetArraySize(root) <= 6);
    cJSON_Delete(root);
  }
}

static void escapes(void **state) {
  (void)state;
  static const struct {
    const char *text, *line;
  } rows[] = {{"plain-1.2:/_,", "word=plain-1.2:/_, text=\"plain-1.2:/_,\"\n"},
              {"", "word=\"\" text=\"\"\n"},
              {"a b", "word=\"a b\" text=\"a b\"\n"},
              {"a=b", "word=\"a=b\" text=\"a=b\"\n"},
              {"\"\\", "word=\"\\\"\\\\\" text=\"\\\"\\\\\"\n"},
              {"\n\x1b\x7f", "word=\"\\u000a\\u001b\\u007f\" text=\"\\u000a\\u001b\\u007f\"\n"},
              {"\xc3\xa4\xe2\x82\xac", "word=\"\xc3\xa4\xe2\x82\xac\" text=\"\xc3\xa4\xe2\x82\xac\"\n"},
              {"\xc2\x9b\xe2\x80\xa8\xe2\x80\xa9", "word=\"\\u009b\\u2028\\u2029\" text=\"\\u009b\\u2028\\u2029\"\n"},
              {"\xff\xc3", "word=\"\\ufffd\\ufffd\" text=\"\\ufffd\\ufffd\"\n"}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    begin(LOG_LOGFMT);
    struct log_record record;
    log_begin(&record, LOG_WARNING, "test");
    log_word(&record, "word", rows[i].text);
    log_text(&record, "text", rows[i].text);
    log_word(&record, "none", NULL);
    log_end(&record);
    const char *rest = strstr(caught(), "word=");
    assert_non_null(rest);
    assert_string_equal(rest, rows[i].line);
  }
}

/* What has no room is left out, and the line still ends. */
static void long_lines(void **state) {
  (void)state;
  static char text[5000];
  for (size_t i = 0; i < sizeof text - 1; i++) text[i] = i % 2 ? 'a' : '\n';
  for (int format = LOG_LOGFMT; format <= LOG_JSON; format++) {
    begin((enum log_format)format);
    struct log_record record;
    log_begin(&record, LOG_INFO, "test");
    log_text(&record, "text", text);
    log_text(&record, "more", text);
    for (int i = 0; i < 500; i++) log_number(&record, "n", 12345);
    log_boolean(&record, "end", true);
    log_end(&record);
    size_t length = strlen(caught());
    assert_in_range(length, 3000, sizeof record.bytes);
    assert_int_equal(count(said, "\n"), 1);
  }
}

/* A line that went out in part, as to a disk that is full: the next one begins a line of its own. */
static void cut_line(void **state) {
  (void)state;
  struct rlimit limit, small;
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
  small = limit;
  small.rlim_cur = 40;
  begin(LOG_JSON);
  uint64_t before = log_dropped();
  signal(SIGXFSZ, SIG_IGN);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
  log_line(LOG_INFO, "first", "cut");
  log_line(LOG_INFO, "second", "lost");
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
  log_line(LOG_INFO, "third", "whole");
  log_line(LOG_INFO, "fourth", "whole, too");
  assert_int_equal(log_dropped(), before + 2);
  assert_int_equal(count(caught(), "\n"), 3);
  assert_int_equal(strcspn(said, "\n"), 40);
  for (const char *line = said + 41; *line; line += strcspn(line, "\n") + 1) {
    cJSON *root = cJSON_ParseWithOpts(line, NULL, 0);
    if (!root) fail_msg("no JSON: %s", line);
    cJSON_Delete(root);
  }
}

static void sample(struct server *server, struct exchange *exchange) {
  memset(server, 0, sizeof *server);
  memset(exchange, 0, sizeof *exchange);
  *exchange = (struct exchange){.server = server, .terms = 0x7f, .token_name = "team a", .received = 87, .sent = 198};
  exchange->head =
      (struct head){.method = METHOD_POST, .traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"};
  snprintf(exchange->request_id, sizeof exchange->request_id, "805fcddb910830c9");
  exchange->answer.status = 200;
  exchange->began_ns = 1000000;
  exchange->received_ns = 1057000;
  exchange->answered_ns = 1100000;
  exchange->reduce_ns = 44000;
  exchange->terms_ns = 24000;
}

static void line_of_a_request(void **state) {
  (void)state;
  struct server server;
  struct exchange exchange;
  struct log_record record;
  sample(&server, &exchange);
  begin(LOG_LOGFMT);
  access_log_format(&record, &exchange, true, 1200000);
  log_end(&record);
  assert_string_equal(strstr(caught(), " level="),
                      " level=info event=request id=805fcddb910830c9 trace_id=4bf92f3577b34da6a3ce929d0e0e4736 "
                      "method=POST route=/loss status=200 bytes_in=87 bytes_out=198 receive_us=57 reduce_us=44 "
                      "terms_us=24 send_us=100 total_us=200 terms=mse,in,hid,out,fr,fr_sd,fr_cv token=\"team a\" "
                      "closed_early=false\n");
}

/* At most ten warnings a second, and none is lost without a count. */
static void bounded_warnings(void **state) {
  (void)state;
  struct server server;
  struct exchange exchange;
  sample(&server, &exchange);
  exchange.answer.status = 503;
  begin(LOG_LOGFMT);
  struct timespec before, after;
  clock_gettime(CLOCK_MONOTONIC, &before);
  for (int i = 0; i < 1000; i++) access_log(&exchange, true);
  clock_gettime(CLOCK_MONOTONIC, &after);
  size_t lines = count(caught(), "event=failure"), seconds = (size_t)(after.tv_sec - before.tv_sec) + 1;
  assert_in_range(lines, 10, 10 * seconds);
  assert_non_null(strstr(said, "level=warning event=failure id=805fcddb910830c9 route=/loss status=503 detail="));
  unsigned long suppressed = (unsigned long)(1000 - lines);
  while (atomic_load(&server.failures.suppressed) > 0) {
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    access_log_tick(&server);
  }
  unsigned long told = 0;
  caught();
  for (const char *at = said; (at = strstr(at, "suppressed=")); at++) told += strtoul(at + 11, NULL, 10);
  assert_int_equal(told, suppressed);

  begin(LOG_LOGFMT); /* what isn't its failure */
  exchange.problem.type = PROBLEM_DRAINING;
  access_log(&exchange, true);
  exchange.problem.type = PROBLEM_NONE;
  exchange.answer.status = 422;
  access_log(&exchange, true);
  exchange.answer.status = 0;
  access_log(&exchange, false);
  assert_string_equal(caught(), "");
}

static void cost(void **state) {
  (void)state;
  struct server server;
  struct exchange exchange;
  sample(&server, &exchange);
  for (int format = LOG_LOGFMT; format <= LOG_JSON; format++) {
    begin((enum log_format)format);
    uint64_t best = UINT64_MAX;
    for (int turn = 0; turn < 20; turn++) {
      struct log_record record;
      uint64_t start = clock_ns();
      for (int i = 0; i < 1000; i++) access_log_format(&record, &exchange, true, 1200000);
      uint64_t took = clock_ns() - start;
      if (took < best) best = took;
    }
    printf("a line of %s: %u ns\n", format == LOG_JSON ? "JSON" : "logfmt", (unsigned)(best / 1000));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(any_bytes),
                                     cmocka_unit_test(escapes),
                                     cmocka_unit_test(long_lines),
                                     cmocka_unit_test(line_of_a_request),
                                     cmocka_unit_test(bounded_warnings),
                                     cmocka_unit_test(cut_line),
                                     cmocka_unit_test(cost)};
  return cmocka_run_group_tests(tests, catch_errors, release_errors);
}
