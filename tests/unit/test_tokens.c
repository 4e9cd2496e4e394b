/* test_tokens.c - files of bearer tokens, and what they admit */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server.h"

#include <cmocka.h>

#define ANN "ann-0123456789abcdef"
#define BOB "bob.0123456789/+~_=="

static char path[] = "/tmp/test_tokens.XXXXXX";
static struct tokens *tokens;

static int start(void **state) {
  (void)state;
  int fd = mkstemp(path);
  if (fd < 0) return -1;
  close(fd);
  return 0;
}

static int end(void **state) {
  (void)state;
  return unlink(path);
}

static int create(void **state) {
  (void)state;
  tokens = tokens_create(path);
  return tokens ? 0 : -1;
}

static int destroy(void **state) {
  (void)state;
  tokens_release(tokens);
  tokens_release(NULL);
  return 0;
}

static void write_file(const char *bytes, size_t length) {
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  assert_int_equal(fwrite(bytes, 1, length, file), length);
  assert_int_equal(fclose(file), 0);
}

static void admit(const char *text) {
  char error[600];
  write_file(text, strlen(text));
  if (!tokens_load(tokens, error, sizeof error)) fail_msg("refused: %s", error);
}

static void refuse_bytes(const char *bytes, size_t length, const char *line, const char *reason) {
  char error[600] = "";
  write_file(bytes, length);
  assert_false(tokens_load(tokens, error, sizeof error));
  assert_non_null(strstr(error, path));
  if (!strstr(error, line) || !strstr(error, reason)) fail_msg("%s", error);
  if (strstr(error, "secret")) fail_msg("it tells the token: %s", error);
}

static void refuse(const char *text, const char *line, const char *reason) {
  refuse_bytes(text, strlen(text), line, reason);
}

static void assert_verdict(const char *token, enum token_verdict expected, const char *name) {
  struct holder *holder = NULL;
  assert_int_equal(tokens_enter(tokens, token, 0, &holder), expected);
  if (name) assert_string_equal(holder->name, name);
  if (!name) assert_null(holder);
  holder_leave(holder);
}

static void assert_counts(size_t count, size_t names) {
  size_t found[2];
  tokens_count(tokens, &found[0], &found[1]);
  assert_int_equal(found[0], count);
  assert_int_equal(found[1], names);
}

static void good_files(void **state) {
  (void)state;
  assert_verdict(ANN, TOKEN_WRONG, NULL); /* nothing was read yet */
  admit("# who may call\n\n  \t\nann " ANN "\r\n\t bob \t " BOB " \nann ann-the-second-one\n  # end");
  assert_counts(3, 2);
  assert_verdict(ANN, TOKEN_GOOD, "ann");
  assert_verdict("ann-the-second-one", TOKEN_GOOD, "ann");
  assert_verdict(BOB, TOKEN_GOOD, "bob");
  static const char *const wrong[] = {"", "ann", ANN " ", ANN "x", "ann-0123456789abcde", "Ann-0123456789abcdef", "#"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) assert_verdict(wrong[i], TOKEN_WRONG, NULL);
  admit("a.B_9-z 0123456789abcdef"); /* no line's end; exactly 16 */
  assert_counts(1, 1);
  assert_verdict(ANN, TOKEN_WRONG, NULL);
}

static void bad_files(void **state) {
  (void)state;
  refuse("", "", "no token");
  refuse("# nothing\n\n", "", "no token");
  refuse("a\n", "line 1", "one word");
  refuse("secret-secret-secret\n", "line 1", "one word");
  refuse("\n\nann secretsecret123\n", "line 3", "shorter than 16");
  refuse("ann secretsecretsecret secretsecretsecret\n", "line 1", "one word");
  refuse("ann secretsecretsecret=x\n", "line 1", "= at its end");
  refuse("ann ================\n", "line 1", "letters");
  refuse("ann secret\"secret\"secret\n", "line 1", "letters");
  refuse("ann secret\xc3\xa9secretsecret\n", "line 1", "letters");
  refuse("a/b secretsecretsecret\n", "line 1", "name");
  refuse("ann:secretsecretsecret secretsecretsecret\n", "line 1", "name");
  refuse("12345678901234567890123456789012345678901234567890123456789012345 secretsecretsecret\n", "line 1", "1 to 64");
  refuse("ann secretsecretsecret\n#\nbob secretsecretsecret\n", "line 3", "before");
  static const char nul[] = "ann secretsecret\0secret\n";
  refuse_bytes(nul, sizeof nul - 1, "line 1", "NUL");
  assert_counts(0, 0);
}

static void limits(void **state) {
  (void)state;
  char *text = malloc(1025 * 40), *at = text;
  assert_non_null(text);
  for (int i = 0; i < 1024; i++) at += sprintf(at, "name%d token-%016d\n", i % 7, i);
  admit(text);
  assert_counts(1024, 7);
  assert_verdict("token-0000000000000000", TOKEN_GOOD, "name0");
  assert_verdict("token-0000000000001023", TOKEN_GOOD, "name1");
  sprintf(at, "one secret-%016d\n", 1024);
  refuse(text, "line 1025", "1024");
  assert_counts(1024, 7); /* the old ones stay */
  free(text);
  char *large = calloc(1, (8U << 20) + 1);
  assert_non_null(large);
  refuse_bytes(large, (8U << 20) + 1, "", "larger than");
  free(large);
  char error[600];
  struct tokens *none = tokens_create("/nowhere/at/all");
  assert_false(tokens_load(none, error, sizeof error));
  assert_non_null(strstr(error, "/nowhere/at/all: No such file"));
  tokens_release(none);
  none = tokens_create("/dev/zero");
  assert_false(tokens_load(none, error, sizeof error));
  assert_non_null(strstr(error, "not a regular file"));
  tokens_release(none);
}

/* A name's requests in flight are counted over all its tokens, and over a reload. */
static void shares(void **state) {
  (void)state;
  struct holder *first, *second, *other;
  admit("ann " ANN "\nbob " BOB "\nann ann-the-second-one\n");
  assert_int_equal(tokens_enter(tokens, ANN, 2, &first), TOKEN_GOOD);
  assert_int_equal(tokens_enter(tokens, "ann-the-second-one", 2, &second), TOKEN_GOOD);
  assert_ptr_equal(first, second);
  assert_int_equal(tokens_enter(tokens, ANN, 2, &other), TOKEN_BUSY);
  assert_null(other);
  assert_int_equal(tokens_enter(tokens, BOB, 2, &other), TOKEN_GOOD);
  holder_leave(other);
  admit("ann ann-the-third-token\n");
  assert_int_equal(tokens_enter(tokens, "ann-the-third-token", 2, &other), TOKEN_BUSY);
  holder_leave(second);
  assert_int_equal(tokens_enter(tokens, "ann-the-third-token", 2, &second), TOKEN_GOOD);
  assert_ptr_equal(first, second);
  holder_leave(second);
  admit("bob " BOB "\n"); /* ann is gone, but for her request */
  assert_counts(1, 1);
  assert_string_equal(first->name, "ann");
  admit("ann " ANN "\n"); /* and comes back */
  assert_int_equal(tokens_enter(tokens, ANN, 1, &other), TOKEN_BUSY);
  holder_leave(first);
  assert_int_equal(tokens_enter(tokens, ANN, 1, &other), TOKEN_GOOD);
  holder_leave(other);
  holder_leave(NULL);
}

static void no_memory(void **state) {
  (void)state;
  static struct memory_probe probe;
  char error[600];
  admit("ann " ANN "\n");
  memory_probe = &probe;
  write_file("bob " BOB "\neve eve-0123456789abcdef\n", 46);
  long failed = 0;
  for (;; failed++) {
    atomic_store(&probe.fail_at, failed + 1);
    long live = atomic_load(&probe.live);
    if (tokens_load(tokens, error, sizeof error)) break;
    assert_non_null(strstr(error, "no memory"));
    assert_int_equal(atomic_load(&probe.live), live);
    assert_verdict(ANN, TOKEN_GOOD, "ann");
  }
  assert_in_range(failed, 4, 4); /* the file, the table, two names */
  atomic_store(&probe.fail_at, 0);
  assert_verdict(ANN, TOKEN_WRONG, NULL);
  assert_verdict(BOB, TOKEN_GOOD, "bob");
  memory_probe = NULL;
}

struct caller {
  pthread_t thread;
  _Atomic bool *ended;
  unsigned long calls;
};

static void *call(void *argument) {
  struct caller *caller = argument;
  while (!atomic_load(caller->ended)) {
    struct holder *holder;
    if (tokens_enter(tokens, ANN, 0, &holder) != TOKEN_GOOD) return NULL;
    if (strcmp(holder->name, "ann") != 0 && strcmp(holder->name, "eve") != 0) return NULL;
    holder_leave(holder);
    caller->calls++;
  }
  return caller;
}

/* The token changes hands while requests come: there is always exactly one whose it is. */
static void reloads_under_way(void **state) {
  (void)state;
  _Atomic bool ended = false;
  struct caller callers[3];
  admit("ann " ANN "\n");
  for (size_t i = 0; i < 3; i++) {
    callers[i] = (struct caller){.ended = &ended};
    assert_int_equal(pthread_create(&callers[i].thread, NULL, call, &callers[i]), 0);
  }
  for (int i = 0; i < 500; i++) admit(i % 2 ? "ann " ANN "\nbob " BOB "\n" : "bob " BOB "\neve " ANN "\n");
  atomic_store(&ended, true);
  for (size_t i = 0; i < 3; i++) {
    void *result = NULL;
    pthread_join(callers[i].thread, &result);
    assert_ptr_equal(result, &callers[i]);
    assert_true(callers[i].calls > 0);
  }
}

int main(void) {
  log_setup(LOG_ERROR, false);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(good_files, create, destroy),
      cmocka_unit_test_setup_teardown(bad_files, create, destroy),
      cmocka_unit_test_setup_teardown(limits, create, destroy),
      cmocka_unit_test_setup_teardown(shares, create, destroy),
      cmocka_unit_test_setup_teardown(no_memory, create, destroy),
      cmocka_unit_test_setup_teardown(reloads_under_way, create, destroy),
  };
  return cmocka_run_group_tests(tests, start, end);
}
