/* What a misspelt name may have meant, and how names are shown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static const char *const tensors[] = {"pred", "target", "fr", "w_in", "w_hid", "w_out", NULL};
static const char *const synonyms[] = {"state", "fr", "states", "fr", "w_rec", "w_hid", "label", "target", NULL};
static const char all[] = "; known: pred, target, fr, w_in, w_hid, w_out";

static void suggests(void **state) {
  (void)state;
  static const char *const rows[][2] = {
      {"states", "fr"},    {"State", "fr"},      {"w_rec", "w_hid"},     {"label", "target"}, {"labl", NULL},
      {"perd", "pred"},    {"pre", "pred"},      {"preds", "pred"},      {"PRED", "pred"},    {"prediction", NULL},
      {"f", "fr"},         {"rf", "fr"},         {"frs", "fr"},          {"xy", NULL},        {"x", NULL},
      {"", NULL},          {"w_i", "w_in"},      {"win", "w_in"},        {"w-hid", "w_hid"},  {"w_hidd", "w_hid"},
      {"wout", "w_out"},   {"tagret", "target"}, {"targetss", "target"}, {"targetsss", NULL}, {"W_OUT", "w_out"},
      {"w__hid", "w_hid"}, {"h_wid", "w_hid"},   {"w_outer", "w_out"},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    char out[100], expected[100] = "; did you mean \"";
    names_suggest(rows[i][0], tensors, synonyms, out, sizeof out);
    if (rows[i][1]) strcat(strcat(expected, rows[i][1]), "\"?");
    assert_string_equal(out, rows[i][1] ? expected : all);
  }
}

static void takes_the_nearest(void **state) {
  (void)state;
  static const char *const lambdas[] = {"lambda_in", "lambda_fr", "lambda_fr_sd", "lambda_fr_cv", NULL};
  char out[100];
  names_suggest("lambda_fr_ds", lambdas, NULL, out, sizeof out);
  assert_string_equal(out, "; did you mean \"lambda_fr_sd\"?");
  names_suggest("lamda_fr", lambdas, NULL, out, sizeof out);
  assert_string_equal(out, "; did you mean \"lambda_fr\"?");
}

static void keeps_within_its_room(void **state) {
  (void)state;
  char out[64];
  for (size_t size = 1; size <= sizeof out; size++) {
    memset(out, 'x', sizeof out);
    names_suggest("nothing like it", tensors, synonyms, out, size);
    assert_int_equal(strlen(out), size - 1 < sizeof all - 1 ? size - 1 : sizeof all - 1);
    names_suggest("pret", tensors, synonyms, out, size);
    assert_true(strlen(out) < size);
  }
  names_suggest("pret", tensors, synonyms, out, 0);
  static char long_name[5000];
  memset(long_name, 'w', sizeof long_name - 1);
  names_suggest(long_name, tensors, synonyms, out, sizeof out);
  assert_string_equal(out, all);
}

static void quotes(void **state) {
  (void)state;
  static const char long_name[] = "0123456789012345678901234567890123456789012345678901234567890123456789";
  char out[64];
  assert_string_equal(names_quote("pred", 4, out), "pred");
  assert_string_equal(names_quote("", 0, out), "");
  assert_string_equal(names_quote("a\0b\n\x7F\x1F", 6, out), "a?b???");
  assert_string_equal(names_quote("\xC3\xA9\xFFx\xE2\x82", 6, out), "\xC3\xA9?x??");
  assert_string_equal(names_quote(long_name, 48, out), "012345678901234567890123456789012345678901234567");
  assert_string_equal(names_quote(long_name, 49, out), "012345678901234567890123456789012345678901234567...");
  /* cut at a character's end */
  char wide[60];
  memset(wide, 'a', 46);
  memcpy(wide + 46, "\xF0\x9F\x98\x80 and more", 13);
  assert_string_equal(names_quote(wide, 59, out), "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(suggests),
      cmocka_unit_test(takes_the_nearest),
      cmocka_unit_test(keeps_within_its_room),
      cmocka_unit_test(quotes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
