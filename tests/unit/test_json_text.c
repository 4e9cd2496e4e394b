/* Documents print as they were built, or not at all: each allocation is made to fail in turn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server.h"

static struct memory_probe probe;

static int setup(void **state) {
  (void)state;
  memory_probe = &probe;
  memory_setup();
  return 0;
}

static void build(struct document *document) {
  void *const root = document_root(document);
  document_string(document, root, "title", "a \"quoted\"\n\t\x01 \xC3\xA9\x7F/\\");
  document_integer(document, root, "zero", 0);
  document_integer(document, root, "largest", ((uint64_t)1 << 53) - 1);
  document_boolean(document, root, "yes", true);
  document_boolean(document, root, "no", false);
  void *const inner = document_object(document, root, "inner");
  document_object(document, inner, "empty");
  void *const list = document_array(document, inner, "list");
  document_string(document, list, NULL, "one");
  document_integer(document, list, NULL, 2);
  document_boolean(document, document_object(document, list, NULL), "three", true);
  document_array(document, list, NULL);
}

static const char expected[] = "{\"title\":\"a \\\"quoted\\\"\\n\\t\\u0001 "
                               "\xC3\xA9\x7F/\\\\\",\"zero\":0,\"largest\":9007199254740991,\"yes\":true,"
                               "\"no\":false,\"inner\":{\"empty\":{},\"list\":[\"one\",2,{\"three\":true},[]]}}\n";

static void prints_what_was_built(void **state) {
  (void)state;
  struct arena arena = {0};
  struct document *const document = document_create();
  build(document);
  size_t length = 0;
  const char *const text = document_print(document, false, &arena, &length);
  assert_non_null(text);
  assert_string_equal(text, expected);
  assert_int_equal(length, sizeof expected - 1);
  document_release(document);
  assert_int_equal(strlen(text), length); /* the text is the arena's */
  arena_release(&arena);
  assert_int_equal(probe.live, 0);
}

static bool ignore(void *context, enum json_event event, const char *text, size_t length) {
  (void)context, (void)event, (void)text, (void)length;
  return true;
}

static void prints_for_people(void **state) {
  (void)state;
  struct arena arena = {0};
  struct document *const document = document_create();
  build(document);
  size_t length = 0;
  const char *const text = document_print(document, true, &arena, &length);
  assert_non_null(text);
  assert_non_null(strchr(text, '\n'));
  assert_non_null(strstr(text, "9007199254740991"));
  static struct json_parser parser;
  json_begin(&parser, ignore, NULL);
  assert_true(json_feed(&parser, text, length) && json_end(&parser));
  document_release(document);
  arena_release(&arena);
}

static void survives_without_memory(void **state) {
  (void)state;
  for (long fail_at = 1;; fail_at++) {
    struct arena arena = {0};
    probe.fail_at = fail_at;
    struct document *const document = document_create();
    build(document);
    size_t length = 0;
    const char *const text = document_print(document, false, &arena, &length);
    const bool failed = probe.fail_at <= 0;
    probe.fail_at = 0;
    assert_int_equal(text == NULL, failed);
    if (text) assert_string_equal(text, expected);
    document_release(document);
    arena_release(&arena);
    assert_int_equal(probe.live, 0);
    if (text) {
      assert_true(fail_at > 20);
      return;
    }
  }
}

static void takes_nothing_in_its_stride(void **state) {
  (void)state;
  struct arena arena = {0};
  size_t length = 0;
  assert_null(document_root(NULL));
  build(NULL);
  assert_null(document_print(NULL, false, &arena, &length));
  document_release(NULL);
  struct document *const document = document_create();
  document_string(document, NULL, "lost", "x");
  assert_null(document_print(document, false, &arena, &length));
  document_release(document);
  arena_release(&arena);
  assert_int_equal(probe.live, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(prints_what_was_built),
      cmocka_unit_test(prints_for_people),
      cmocka_unit_test(survives_without_memory),
      cmocka_unit_test(takes_nothing_in_its_stride),
  };
  return cmocka_run_group_tests(tests, setup, NULL);
}
