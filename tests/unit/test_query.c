/* Queries: decoded strictly, given name by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

struct seen {
  char text[400];
  int left; /* visits until one returns false; below 0: none does */
};

static bool note(void *context, const char *name, const char *value) {
  struct seen *const seen = context;
  strcat(strcat(strcat(strcat(seen->text, name), "|"), value), ";");
  return seen->left < 0 || --seen->left > 0;
}

static void gives_names_and_values(void **state) {
  (void)state;
  static const char *const rows[][2] = {
      {"", ""},
      {"a=1", "a|1;"},
      {"a=1&b=2", "a|1;b|2;"},
      {"a", "a|;"},
      {"a=", "a|;"},
      {"=", "|;"},
      {"=x", "|x;"},
      {"&&a=1&&b&", "a|1;b|;"},
      {"a=b=c", "a|b=c;"},
      {"a=1+2", "a|1+2;"},
      {"a=1%2B2%20%26%3d%25", "a|1+2 &=%;"},
      {"%61=%62", "a|b;"},
      {"wrt=pred%2Cfr,w_in", "wrt|pred,fr,w_in;"},
      {"n=%C3%A9\xC3\xA9", "n|\xC3\xA9\xC3\xA9;"},
      {"a=1&a=2", "a|1;a|2;"},
      {"a%26b=1", "a&b|1;"},
      {"a;b=/?:@!$'()*", "a;b|/?:@!$'()*;"},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct arena arena = {0};
    struct problem problem = {0};
    struct seen seen = {"", -1};
    assert_true(query_each(rows[i][0], &arena, &problem, note, &seen));
    assert_string_equal(seen.text, rows[i][1]);
    assert_int_equal(problem.type, PROBLEM_NONE);
    arena_release(&arena);
  }
  assert_true(query_each(NULL, NULL, NULL, note, NULL));
}

static void refuses_what_is_malformed(void **state) {
  (void)state;
  static const char *const rows[] = {
      "a=%00",    "%00=1",       "a=%",        "a=%4",         "a=%g1",     "a=%1g",          "a=%%41",
      "a=% 1",    "a=%+1",       "%=1",        "a=%&41",       "a=1&b=%zz", "a=\xFF",         "%FF=1",
      "a=%C0%80", "a=%ED%A0%80", "a=\xE2\x82", "a=%E2%82&b=1", "a%4=1",     "a=%F5%80%80%80",
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct arena arena = {0};
    struct problem problem = {0};
    struct seen seen = {"", -1};
    assert_false(query_each(rows[i], &arena, &problem, note, &seen));
    assert_int_equal(problem.type, PROBLEM_MALFORMED_HTTP);
    assert_int_equal(problem_row(problem.type)->status, 400);
    assert_string_equal(problem.pointer, "");
    assert_true(strlen(problem.detail) > 0);
    arena_release(&arena);
  }
}

static void stops_when_told(void **state) {
  (void)state;
  struct arena arena = {0};
  struct problem problem = {0};
  struct seen seen = {"", 2};
  assert_false(query_each("a&b&c", &arena, &problem, note, &seen));
  assert_string_equal(seen.text, "a|;b|;");
  assert_int_equal(problem.type, PROBLEM_NONE);
  arena_release(&arena);
}

static void survives_without_memory(void **state) {
  (void)state;
  static struct memory_probe probe;
  struct arena arena = {0};
  struct problem problem = {0};
  struct seen seen = {"", -1};
  memory_probe = &probe;
  probe.fail_at = 1;
  assert_false(query_each("a=1", &arena, &problem, note, &seen));
  memory_probe = NULL;
  assert_int_equal(problem.type, PROBLEM_OVERLOADED);
  arena_release(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(gives_names_and_values),
      cmocka_unit_test(refuses_what_is_malformed),
      cmocka_unit_test(stops_when_told),
      cmocka_unit_test(survives_without_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
