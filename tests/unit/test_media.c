/* Content-Type and Accept, as RFC 9110 has them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define JSON "application/json"

static void recognises_types(void **state) {
  (void)state;
  static const char *const same[] = {JSON,
                                     "Application/JSON",
                                     "  application/json\t",
                                     "application/json;charset=utf-8",
                                     "application/json ; charset=utf-8",
                                     "application/json;",
                                     "application/json; x=\"a;b\""};
  static const char *const other[] = {"",
                                      ";",
                                      "application/jsonx",
                                      "application/jso",
                                      "application",
                                      "application/ json",
                                      "application/json, text/plain",
                                      "application/json text",
                                      "text/plain; application/json",
                                      "*/*"};
  for (size_t i = 0; i < COUNT(same); i++) assert_true(media_type_is(same[i], JSON));
  for (size_t i = 0; i < COUNT(other); i++) assert_false(media_type_is(other[i], JSON));
  assert_false(media_type_is(NULL, JSON));
}

/* What an Accept header gives application/json. */
static const struct {
  const char *accept;
  unsigned quality;
} rows[] = {
    {NULL, 1000},
    {"", 1000},
    {" , ", 1000},
    {"application/json", 1000},
    {"APPLICATION/Json", 1000},
    {"text/plain", 0},
    {"*/*", 1000},
    {"application/*", 1000},
    {"text/*", 0},
    {"app/*", 0},
    {"application/json;q=0.5", 500},
    {"application/json ; q=0.5", 500},
    {"application/json;Q=0.123", 123},
    {"application/json;q=0", 0},
    {"application/json;q=0.", 0},
    {"application/json;q=1.000", 1000},
    {"application/json;q=1.", 1000},
    {"application/json;charset=utf-8;q=0.7", 700},
    {"application/json;q=0.7;v=1", 700},
    {"application/json;v=\"a,b;q=0.1\\\"\";q=0.7", 700},
    {"text/html;v=\",application/json\"", 0},
    /* the closest range counts, not the first, nor the best */
    {"*/*;q=0.1, application/json;q=0.5", 500},
    {"application/json;q=0.5, */*;q=0.9", 500},
    {"application/*;q=0.3,*/*;q=0.9", 300},
    {"application/json;q=0,*/*", 0},
    {"text/html, application/xhtml+xml, application/xml;q=0.9, */*;q=0.8", 800},
    {"application/json;v=1;q=0.2,application/json;q=0.8", 800},
    {",,application/json,", 1000},
    {"text/plain\t,\tapplication/json;q=0.9", 900},
    /* malformed elements say nothing */
    {"application/json;q=2", 0},
    {"application/json;q=1.001", 0},
    {"application/json;q=0.1234", 0},
    {"application/json;q=-1", 0},
    {"application/json;q=", 0},
    {"application/json;q", 0},
    {"application/json;q=.", 0},
    {"application/json;q=0,5", 0},
    {"application/json;q=abc", 0},
    {"application/json;q=0.5x", 0},
    {"application/json x", 0},
    {"application/", 0},
    {"/json", 0},
    {"application", 0},
    {"*/json", 0},
    {"application/json;v=\"open", 0},
    {"application/json;q=7, */*;q=0.4", 400},
    {"application//json", 0},
    {"(comment), application/json", 1000},
    {"application/json;;q=0.5", 500},
    /* what Java's HttpURLConnection sends */
    {"text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", 200},
};

static void weighs_ranges(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(rows); i++)
    if (media_quality(rows[i].accept, JSON) != rows[i].quality)
      fail_msg("%s: %u", rows[i].accept, media_quality(rows[i].accept, JSON));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(recognises_types),
      cmocka_unit_test(weighs_ranges),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
