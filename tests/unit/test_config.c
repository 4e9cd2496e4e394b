/* test_config.c - options from flags and variables */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "server.h"

#include <cmocka.h>

#define ARGUMENTS(...) ((char *[]){text("rnnlossd"), __VA_ARGS__, NULL})
#define VARIABLES(...) ((char *[]){__VA_ARGS__, NULL})

/* What main() gets is not const. */
static char *text(const char *literal) {
  static char kept[64][256];
  static size_t next;
  char *copy = kept[next++ % 64];
  snprintf(copy, sizeof kept[0], "%s", literal);
  return copy;
}

static int count(char **words) {
  int n = 0;
  while (words[n]) n++;
  return n;
}

/* Reads a configuration with standard output and standard error caught in out. */
static enum config_outcome read_with(struct config *config, char **arguments, char **variables, char out[4096]) {
  FILE *caught = tmpfile();
  assert_non_null(caught);
  fflush(stdout);
  fflush(stderr);
  int output = dup(STDOUT_FILENO), errors = dup(STDERR_FILENO);
  dup2(fileno(caught), STDOUT_FILENO);
  dup2(fileno(caught), STDERR_FILENO);
  enum config_outcome outcome = config_read(config, count(arguments), arguments, variables);
  fflush(stdout);
  fflush(stderr);
  dup2(output, STDOUT_FILENO);
  dup2(errors, STDERR_FILENO);
  close(output);
  close(errors);
  rewind(caught);
  out[fread(out, 1, 4095, caught)] = '\0';
  fclose(caught);
  return outcome;
}

static void accept_all(struct config *config, char **arguments, char **variables) {
  char out[4096];
  enum config_outcome outcome = read_with(config, arguments, variables, out);
  if (outcome != CONFIG_RUN) fail_msg("refused: %s", out);
  assert_string_equal(out, "");
}

/* Refuses, and names what it refuses. */
static void refuse(char **arguments, char **variables, const char *name) {
  struct config config;
  char out[4096];
  if (read_with(&config, arguments, variables, out) != CONFIG_WRONG) fail_msg("%s was taken", name);
  if (!strstr(out, name)) fail_msg("%s is not named in: %s", name, out);
}

static void defaults(void **state) {
  (void)state;
  struct config config;
  accept_all(&config, ((char *[]){text("rnnlossd"), NULL}), VARIABLES(text("PATH=/bin")));
  assert_int_equal(config.listen_count, 1);
  assert_string_equal(config.listen[0], "127.0.0.1:8080");
  assert_int_equal(config.max_body, 1 << 30);
  assert_int_equal(config.max_neurons, 131072);
  assert_in_range(config.threads, 1, 16);
  assert_null(config.allow_origin);
  assert_false(config.allow_anonymous);
  assert_int_equal(config.drain_seconds, 30);
  assert_int_equal(config.log_level, LOG_INFO);
}

static void flags(void **state) {
  (void)state;
  struct config config;
  accept_all(&config,
             ARGUMENTS(text("--listen"), text("[::1]:0"), text("--listen=unix:/tmp/a,b"), text("--max-body=2MiB"),
                       text("--max-neurons"), text("7"), text("--threads=3"), text("--allow-origin"), text("*"),
                       text("--allow-anonymous"), text("--drain-timeout=0"), text("--log-level"), text("debug")),
             VARIABLES(text("RNNLOSSD_LISTEN=1.2.3.4:5"), text("RNNLOSSD_THREADS=9")));
  assert_int_equal(config.listen_count, 2);
  assert_string_equal(config.listen[0], "[::1]:0");
  assert_string_equal(config.listen[1], "unix:/tmp/a,b");
  assert_int_equal(config.max_body, 2 << 20);
  assert_int_equal(config.max_neurons, 7);
  assert_int_equal(config.threads, 3);
  assert_string_equal(config.allow_origin, "*");
  assert_true(config.allow_anonymous);
  assert_int_equal(config.drain_seconds, 0);
  assert_int_equal(config.log_level, LOG_DEBUG);
}

static void variables(void **state) {
  (void)state;
  struct config config;
  char *environment[] = {text("RNNLOSSD_LISTEN=127.0.0.1:0,unix:/run/x,[::1]:80"),
                         text("RNNLOSSD_MAX_BODY=3K"),
                         text("RNNLOSSD_MAX_NEURONS=8"),
                         text("RNNLOSSD_THREADS=2"),
                         text("RNNLOSSD_ALLOW_ORIGIN=https://a.example:8443"),
                         text("RNNLOSSD_ALLOW_ANONYMOUS=true"),
                         text("RNNLOSSD_DRAIN_TIMEOUT=5"),
                         text("RNNLOSSD_LOG_LEVEL=error"),
                         text("RNNLOSSD_PORT=tcp://10.0.0.1:80"),
                         text("RNNLOSSD_PORT_80_TCP_ADDR=10.0.0.1"),
                         text("RNNLOSSD_SERVICE_HOST=10.0.0.1"),
                         text("RNNLOSS=1"),
                         NULL};
  accept_all(&config, ((char *[]){text("rnnlossd"), NULL}), environment);
  assert_int_equal(config.listen_count, 3);
  assert_string_equal(config.listen[0], "127.0.0.1:0");
  assert_string_equal(config.listen[1], "unix:/run/x");
  assert_string_equal(config.listen[2], "[::1]:80");
  assert_int_equal(config.max_body, 3072);
  assert_int_equal(config.max_neurons, 8);
  assert_int_equal(config.threads, 2);
  assert_string_equal(config.allow_origin, "https://a.example:8443");
  assert_true(config.allow_anonymous);
  assert_int_equal(config.drain_seconds, 5);
  assert_int_equal(config.log_level, LOG_ERROR);
}

static void byte_sizes(void **state) {
  (void)state;
  static const struct {
    const char *text;
    uint64_t bytes;
  } rows[] = {{"1024", 1024},
              {"1K", 1024},
              {"1KiB", 1024},
              {"2kB", 2000},
              {"1M", 1 << 20},
              {"1MB", 1000000},
              {"3G", (uint64_t)3 << 30},
              {"3GiB", (uint64_t)3 << 30},
              {"3GB", 3000000000},
              {"1T", (uint64_t)1 << 40},
              {"1TiB", (uint64_t)1 << 40},
              {"1024TiB", (uint64_t)1 << 50}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct config config;
    accept_all(&config, ARGUMENTS(text("--max-body"), text(rows[i].text)), VARIABLES(NULL));
    assert_int_equal(config.max_body, rows[i].bytes);
  }
  static const char *const wrong[] = {"",
                                      "K",
                                      "-1",
                                      "+5000",
                                      " 5000",
                                      "5000 ",
                                      "1Q",
                                      "1KB",
                                      "1kib",
                                      "1.5G",
                                      "0x40",
                                      "1e6",
                                      "1G1",
                                      "1023",
                                      "1025TiB",
                                      "18446744073709551616",
                                      "99999999999999999999G"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    refuse(ARGUMENTS(text("--max-body"), text(wrong[i])), VARIABLES(NULL), "--max-body");
  }
}

static void malformed(void **state) {
  (void)state;
  static const struct {
    const char *flag, *value;
  } rows[] = {{"--threads", "0"},
              {"--threads", "129"},
              {"--threads", "two"},
              {"--threads", ""},
              {"--threads", "4294967297"},
              {"--max-neurons", "0"},
              {"--max-neurons", "67108865"},
              {"--drain-timeout", "-1"},
              {"--drain-timeout", "86401"},
              {"--log-level", "loud"},
              {"--log-level", "INFO"},
              {"--allow-origin", "example.org"},
              {"--allow-origin", "https://"},
              {"--allow-origin", "https://a.example/"},
              {"--allow-origin", "https://a.example, https://b.example"},
              {"--allow-origin", "https://a\r\nX: y"},
              {"--listen", ""}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    refuse(ARGUMENTS(text(rows[i].flag), text(rows[i].value)), VARIABLES(NULL), rows[i].flag);
    char joined[128];
    snprintf(joined, sizeof joined, "%s=%s", rows[i].flag, rows[i].value);
    refuse(ARGUMENTS(text(joined)), VARIABLES(NULL), rows[i].flag);
  }
}

static void unknown(void **state) {
  (void)state;
  static const char *const words[] = {"--what", "--what=1", "--thread", "--threads2", "-t",
                                      "--",     "-",        "run",      "--Threads=1"};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
    char name[64];
    snprintf(name, sizeof name, "%.*s:", (int)strcspn(words[i], "="), words[i]);
    refuse(ARGUMENTS(text(words[i])), VARIABLES(NULL), name);
  }
  static const char *const names[] = {"RNNLOSSD_",       "RNNLOSSD_WHAT",    "RNNLOSSD_THREAD",  "RNNLOSSD_THREADS_",
                                      "RNNLOSSD_PORTAL", "RNNLOSSD_SERVICE", "RNNLOSSD_threads", "RNNLOSSD_HELP"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    char variable[64];
    snprintf(variable, sizeof variable, "%s=1", names[i]);
    refuse(((char *[]){text("rnnlossd"), NULL}), VARIABLES(text(variable)), names[i]);
  }
}

static void missing_and_repeated(void **state) {
  (void)state;
  refuse(ARGUMENTS(text("--threads")), VARIABLES(NULL), "--threads");
  refuse(ARGUMENTS(text("--threads=1"), text("--threads=1")), VARIABLES(NULL), "--threads");
  refuse(ARGUMENTS(text("--allow-anonymous=maybe")), VARIABLES(NULL), "--allow-anonymous");
  refuse(ARGUMENTS(text("--allow-anonymous"), text("true")), VARIABLES(NULL), "true");
  /* A variable that is malformed is refused although a flag would beat it. */
  refuse(ARGUMENTS(text("--threads=1")), VARIABLES(text("RNNLOSSD_THREADS=x")), "RNNLOSSD_THREADS");
  refuse(((char *[]){text("rnnlossd"), NULL}), VARIABLES(text("RNNLOSSD_ALLOW_ANONYMOUS=yes")),
         "RNNLOSSD_ALLOW_ANONYMOUS");
  refuse(((char *[]){text("rnnlossd"), NULL}), VARIABLES(text("RNNLOSSD_LISTEN=")), "RNNLOSSD_LISTEN");
  refuse(((char *[]){text("rnnlossd"), NULL}), VARIABLES(text("RNNLOSSD_LISTEN=a:1,,b:2")), "RNNLOSSD_LISTEN");

  struct config config;
  accept_all(&config, ARGUMENTS(text("--allow-anonymous=false")), VARIABLES(text("RNNLOSSD_ALLOW_ANONYMOUS=1")));
  assert_false(config.allow_anonymous);
}

static void add_address(char *list, size_t size) {
  size_t length = strlen(list);
  snprintf(list + length, size - length, ",a:1");
}

static void many_addresses(void **state) {
  (void)state;
  char list[512] = "RNNLOSSD_LISTEN=a:1";
  for (int i = 1; i < LISTEN_MAX; i++) add_address(list, sizeof list);
  struct config config;
  accept_all(&config, ((char *[]){text("rnnlossd"), NULL}), VARIABLES(list));
  assert_int_equal(config.listen_count, LISTEN_MAX);
  add_address(list, sizeof list);
  refuse(((char *[]){text("rnnlossd"), NULL}), VARIABLES(list), "RNNLOSSD_LISTEN");
}

static void help_and_version(void **state) {
  (void)state;
  struct config config;
  char out[4096];
  assert_int_equal(read_with(&config, ARGUMENTS(text("--threads=1"), text("--help")), VARIABLES(NULL), out),
                   CONFIG_EXIT);
  static const char *const words[] = {
      "--listen",        "--max-body",  "--max-neurons",        "--threads",      "--allow-origin", "--allow-anonymous",
      "--drain-timeout", "--log-level", "RNNLOSSD_MAX_NEURONS", "127.0.0.1:8080", "131072"};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) assert_non_null(strstr(out, words[i]));
  assert_int_equal(read_with(&config, ARGUMENTS(text("--version")), VARIABLES(NULL), out), CONFIG_EXIT);
  assert_string_equal(out, "rnnlossd " SERVER_VERSION "\n");
}

static void note(void *context, const char *name, uint64_t value) {
  size_t length = strlen(context);
  snprintf((char *)context + length, 256 - length, "%s=%llu ", name, (unsigned long long)value);
}

static void limits(void **state) {
  (void)state;
  struct config config;
  char names[256] = "";
  accept_all(&config, ARGUMENTS(text("--max-body=4K"), text("--threads=2")), VARIABLES(NULL));
  config_each(&config, note, names);
  assert_string_equal(names, "max_body=4096 max_neurons=131072 threads=2 drain_timeout=30 drain_delay=0 ");
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(defaults),
                                     cmocka_unit_test(flags),
                                     cmocka_unit_test(variables),
                                     cmocka_unit_test(byte_sizes),
                                     cmocka_unit_test(malformed),
                                     cmocka_unit_test(unknown),
                                     cmocka_unit_test(missing_and_repeated),
                                     cmocka_unit_test(many_addresses),
                                     cmocka_unit_test(help_and_version),
                                     cmocka_unit_test(limits)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
