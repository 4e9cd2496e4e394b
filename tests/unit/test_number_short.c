/* The short way of reading a decimal: what it takes is what number_read makes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "number_samples.h"
#include "random_bits.h"
#include "server.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* The short way, with something behind the text: not taken, or the same bits. */
static bool assert_short_agrees(const char *text, char behind) {
  const size_t length = strlen(text);
  char *const copy = malloc(length + 1); /* nothing may be read past the end */
  assert_non_null(copy);
  memcpy(copy, text, length);
  copy[length] = behind;
  uint64_t bits = 0, expected = 0;
  const char *const end = number_read_short(copy, copy + length + 1, &bits);
  if (end && (end != copy + length || !number_read(RNNLOSS_F64, text, length, &expected) || bits != expected))
    fail_msg("%s: %llx", text, (unsigned long long)bits);
  assert_null(number_read_short(copy, copy + length, &bits)); /* its next byte may be a digit */
  free(copy);
  return end != NULL;
}

static void reads_short_ones_alike(void **state) {
  (void)state;
  static const char *const taken[] = {"0",
                                      "-0",
                                      "0.0",
                                      "-0.0",
                                      "1",
                                      "-12.5",
                                      "0.000001",
                                      "9007199254740992",
                                      "900719925474099.2",
                                      "0.667",
                                      "-2.518",
                                      "123456789012345",
                                      "0.9007199254740992",
                                      "90071992547409.92"};
  static const char *const left[] = {"",
                                     "-",
                                     "01",
                                     "-00",
                                     "1.",
                                     "-1.",
                                     "+1",
                                     ".5",
                                     "1e5",
                                     "1E-5",
                                     "1.5e0",
                                     "x",
                                     "--1",
                                     "9007199254740993",
                                     "900719925474099.30000",
                                     "18446744073709551617"};
  for (size_t i = 0; i < COUNT(taken); i++)
    for (const char *behind = ", ]x-"; *behind; behind++) assert_true(assert_short_agrees(taken[i], *behind));
  for (size_t i = 0; i < COUNT(left); i++) assert_false(assert_short_agrees(left[i], ','));
  for (size_t i = 0; i < COUNT(number_samples); i++) assert_short_agrees(number_samples[i].text, ',');
  size_t many = 0;
  for (int i = 0; i < 200000; i++) {
    char digits[24], text[32];
    const uint64_t w = random_bits() >> (random_bits() % 64);
    const int length = snprintf(digits, sizeof digits, "%llu", (unsigned long long)w);
    const int point = (int)(random_bits() % (uint64_t)(length + 1)), zeros = (int)(random_bits() % 4);
    snprintf(text, sizeof text, "%s%.*s%s%.*s%s", i & 1 ? "-" : "", point ? point : 1, point ? digits : "0",
             point < length ? "." : "", point ? 0 : zeros, "000", digits + point);
    many += assert_short_agrees(text, ',');
  }
  assert_true(many > 100000);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(reads_short_ones_alike)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
