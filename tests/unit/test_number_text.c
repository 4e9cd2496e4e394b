/* Decimal text both ways: against exact rationals, against the C library's strtod and printf (other code than
 * charconv's), and by trying all there is. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "number_samples.h"
#include "random_bits.h"
#include "server.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static double double_of(uint64_t bits) {
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static uint64_t bits_of(double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

/* The element that number_read makes, its bits in front; guards against writing more. */
static uint64_t read(rnnloss_dtype dtype, const char *text, size_t length, bool *finite) {
  char *const copy = malloc(length); /* nothing may be read past the end */
  assert_non_null(copy);
  memcpy(copy, text, length);
  unsigned char out[9];
  memset(out, 0xEE, sizeof out);
  *finite = number_read(dtype, copy, length, out + 1); /* unaligned, too */
  free(copy);
  const size_t size = rnnloss_dtype_size(dtype);
  for (size_t i = size + 1; i < sizeof out; i++) assert_int_equal(out[i], 0xEE);
  uint64_t bits = 0;
  memcpy(&bits, out + 1, size); /* little-endian */
  return bits;
}

/* Reading, by way of the double, must give the same. */
static void assert_reads(rnnloss_dtype dtype, const char *text, size_t length, uint64_t expected) {
  bool finite;
  const uint64_t bits = read(dtype, text, length, &finite);
  if (bits != expected) fail_msg("%.100s as %s: %llx", text, rnnloss_dtype_name(dtype), (unsigned long long)bits);
  double value;
  signed char side;
  uint64_t rounded = 0;
  number_read_side(text, length, &value, &side);
  assert_int_equal(number_round(dtype, value, side, &rounded), finite);
  assert_int_equal(rounded, expected);
  assert_int_equal(finite, isfinite(rnnloss_load(dtype, &bits)) != 0);
}

static void reads_the_samples(void **state) {
  (void)state;
  assert_true(COUNT(number_samples) > 150);
  for (size_t i = 0; i < COUNT(number_samples); i++) {
    const struct number_sample *const sample = &number_samples[i];
    const size_t length = strlen(sample->text);
    assert_reads(RNNLOSS_F16, sample->text, length, sample->f16);
    assert_reads(RNNLOSS_BF16, sample->text, length, sample->bf16);
    assert_reads(RNNLOSS_F32, sample->text, length, sample->f32);
    assert_reads(RNNLOSS_F64, sample->text, length, sample->f64);
    double value;
    signed char side;
    assert_int_equal(number_read_side(sample->text, length, &value, &side), isfinite(double_of(sample->f64)) != 0);
    assert_int_equal(bits_of(value), sample->f64);
    assert_int_equal(side, sample->side);
  }
}

/* ---- Long texts: zeros that the exponent makes up for ----------------------------------------------- */

static void assert_one(const char *text, double expected, int expected_side) {
  double value;
  signed char side;
  assert_true(strlen(text) <= 4096);
  number_read_side(text, strlen(text), &value, &side);
  assert_int_equal(bits_of(value), bits_of(expected));
  assert_int_equal(side, expected_side);
  float single = (float)expected;
  uint32_t bits;
  memcpy(&bits, &single, sizeof bits);
  assert_reads(RNNLOSS_F32, text, strlen(text), bits);
  assert_reads(RNNLOSS_F64, text, strlen(text), bits_of(expected));
}

static void reads_long_texts(void **state) {
  (void)state;
  static char text[5000], zeros[4001], digits[4001];
  memset(zeros, '0', 4000);
  memset(digits, '9', 4000);
  snprintf(text, sizeof text, "0.%.3000s1e+3001", zeros);
  assert_one(text, 1, 0);
  snprintf(text, sizeof text, "-1%.3000se-3000", zeros);
  assert_one(text, -1, 0);
  snprintf(text, sizeof text, "0.%.3000s1e+3400", zeros);
  assert_one(text, (double)INFINITY, -1);
  snprintf(text, sizeof text, "1%.3000se-3500", zeros);
  assert_one(text, 0, 1);
  snprintf(text, sizeof text, "-0.%.4000s1", zeros);
  assert_one(text, -0.0, -1);
  snprintf(text, sizeof text, "-1%.4000s", zeros);
  assert_one(text, -(double)INFINITY, 1);
  snprintf(text, sizeof text, "0.%.4000s", zeros);
  assert_one(text, 0, 0);
  snprintf(text, sizeof text, "0.%.4000se99", zeros);
  assert_one(text, 0, 0);
  snprintf(text, sizeof text, "0.%.4000s", digits);
  assert_one(text, 1, -1);
  snprintf(text, sizeof text, "1.%.4000s1", zeros);
  assert_one(text, 1, 1);
  snprintf(text, sizeof text, "2e%.4000s1", zeros);
  assert_one(text, 20, 0);
  snprintf(text, sizeof text, "2e-%.4000s999", zeros);
  assert_one(text, 0, 1);
  /* borders: of F16's largest, of its 1 and the next, of BF16's, and one far digit that decides */
  snprintf(text, sizeof text, "65519.%.4000s", digits);
  assert_reads(RNNLOSS_F16, text, strlen(text), 0x7BFF);
  snprintf(text, sizeof text, "65520.%.4000s", zeros);
  assert_reads(RNNLOSS_F16, text, strlen(text), 0x7C00);
  snprintf(text, sizeof text, "1.00048828125%.4000s", zeros);
  assert_reads(RNNLOSS_F16, text, strlen(text), 0x3C00);
  snprintf(text, sizeof text, "-1.00048828125%.4000s1", zeros);
  assert_reads(RNNLOSS_F16, text, strlen(text), 0xBC01);
  snprintf(text, sizeof text, "1.00390625%.4000s1", zeros);
  assert_reads(RNNLOSS_BF16, text, strlen(text), 0x3F81);
  snprintf(text, sizeof text, "1.01171874%.4000s", digits);
  assert_reads(RNNLOSS_BF16, text, strlen(text), 0x3F81);
  snprintf(text, sizeof text, "1.000000059604644775390625%.4000s1", zeros);
  assert_reads(RNNLOSS_F32, text, strlen(text), 0x3F800001);
}

/* ---- Random decimals, beside strtod and printf ------------------------------------------------------- */

/* The digits of a decimal and its exponent, in the form that %.766e has, so that they can be compared. */
static long normalise(const char *text, char digits[800]) {
  size_t count = 0;
  long exponent = -1, point = 0;
  bool fraction = false;
  for (; *text && *text != 'e'; text++) {
    if (*text == '.') fraction = true;
    if (*text < '0' || *text > '9') continue;
    if (!fraction) exponent++;
    if (count || *text != '0') {
      digits[count++] = *text;
    } else {
      point++;
    }
  }
  memset(digits + count, '0', 800 - count);
  return exponent - point + (*text ? strtol(text + 1, NULL, 10) : 0);
}

/* Where a decimal (of few digits, not zero) lies beside a finite double. */
static int side_by_printf(const char *text, double value) {
  static char written[800], a[800], b[800];
  if (value == 0) return *text == '-' ? -1 : 1;
  snprintf(written, sizeof written, "%.766e", value);
  const long x = normalise(text, a), y = normalise(written, b);
  const int order = x != y ? (x < y ? -1 : 1) : memcmp(a, b, sizeof a);
  return (*text == '-' ? -1 : 1) * (order > 0 ? 1 : order < 0 ? -1 : 0);
}

/* A decimal given as a double and a side, rounded to a 16-bit dtype of so many bits of precision. */
static uint16_t round_slowly(double value, int side, int precision, int least) {
  const int most = precision == 11 ? 15 : 127;
  const uint16_t sign = signbit(value) ? 0x8000 : 0, infinity = precision == 11 ? 0x7C00 : 0x7F80;
  const double x = fabs(value);
  if (signbit(value)) side = -side;
  if (!(x <= 1.7e308)) return sign | infinity;
  int exponent = x > 0 ? ilogb(x) : least;
  if (side < 0 && x == ldexp(1, exponent)) exponent--; /* just below a power of two */
  if (exponent < least) exponent = least;
  const double units = x < 1e-300 ? 0 : ldexp(x, precision - 1 - exponent), whole = floor(units), rest = units - whole;
  double rounded = whole;
  if (rest > 0.5 || (rest == 0.5 && (side > 0 || (side == 0 && fmod(whole, 2) == 1)))) rounded++;
  const double result = ldexp(rounded, exponent - precision + 1);
  if (result >= ldexp(1, most) * 2) return sign | infinity;
  if (result < ldexp(1, least)) return sign | (uint16_t)rounded;
  exponent = ilogb(result);
  const double significand = ldexp(result, precision - 1 - exponent) - ldexp(1, precision - 1);
  return sign | (uint16_t)(((exponent - least + 1) << (precision - 1)) + (int)significand);
}

static void check_decimal(const char *text) {
  const size_t length = strlen(text);
  const double expected = strtod(text, NULL);
  double value;
  signed char side;
  assert_int_equal(number_read_side(text, length, &value, &side), isfinite(expected) != 0);
  assert_int_equal(bits_of(value), bits_of(expected));
  const int expected_side = isfinite(expected) ? side_by_printf(text, expected) : expected < 0 ? 1 : -1;
  if (side != expected_side) fail_msg("%s lies at %d, not %d", text, expected_side, side);
  const float single = strtof(text, NULL);
  uint32_t bits;
  memcpy(&bits, &single, sizeof bits);
  assert_reads(RNNLOSS_F64, text, length, bits_of(expected));
  assert_reads(RNNLOSS_F32, text, length, bits);
  assert_reads(RNNLOSS_F16, text, length, round_slowly(expected, expected_side, 11, -14));
  assert_reads(RNNLOSS_BF16, text, length, round_slowly(expected, expected_side, 8, -126));
}

static void reads_random_decimals(void **state) {
  (void)state;
  char text[128];
  for (int i = 0; i < 100000; i++) {
    const char *const sign = random_bits() % 2 ? "-" : "";
    const unsigned long long a = random_bits() >> (random_bits() % 60), b = random_bits() % 1000000000;
    const int range = random_bits() % 2 ? 340 : 20, exponent = (int)(random_bits() % (2 * (unsigned)range)) - range;
    if (!a) continue;
    switch (random_bits() % 3) {
    case 0:
      snprintf(text, sizeof text, "%s%llu.%09llu", sign, a, b);
      break;
    case 1:
      snprintf(text, sizeof text, "%s%llue%d", sign, a, exponent);
      break;
    default:
      snprintf(text, sizeof text, "%s%llu.%09llu%020llue%d", sign, a, b, a, exponent);
    }
    check_decimal(text);
  }
}

/* All borders of F16 and every 7th of BF16: just there, a little below and a little above. */
static void reads_borders(void **state) {
  (void)state;
  char text[256], beside[300];
  for (unsigned i = 0; i < 0x7F80; i++) {
    for (unsigned dtype = RNNLOSS_F16; dtype <= RNNLOSS_BF16; dtype++) {
      if (dtype == RNNLOSS_F16 ? i >= 0x7C00 : i % 7 != 0) continue;
      const uint16_t low = (uint16_t)i, high = (uint16_t)(i + 1);
      const double below = rnnloss_load(dtype, &low);
      double above = rnnloss_load(dtype, &high);
      if (isinf(above)) above = dtype == RNNLOSS_F16 ? 65536 : 0x1p128;
      snprintf(text, sizeof text, "%.150e", (below + above) / 2);
      char *const e = strchr(text, 'e');
      assert_reads(dtype, text, strlen(text), i % 2 ? high : low);
      snprintf(beside, sizeof beside, "%.*s1%s", (int)(e - text), text, e);
      assert_reads(dtype, beside, strlen(beside), high);
      char *last = e - 1; /* one less in the last place, which is borrowed from the digits before */
      while (*last == '0' || *last == '.') last -= 1;
      --*last;
      snprintf(beside, sizeof beside, "%.*s99999%s", (int)(last + 1 - text), text, e);
      if (last - text == 0) snprintf(beside, sizeof beside, "%c.99999%s", *last, e);
      assert_reads(dtype, beside, strlen(beside), low);
    }
  }
}

/* ---- Writing ----------------------------------------------------------------------------------------- */

static size_t write_text(rnnloss_dtype dtype, const void *element, char text[NUMBER_TEXT_MAX + 1]) {
  memset(text, '#', NUMBER_TEXT_MAX + 1);
  const size_t length = number_write(dtype, element, text);
  assert_true(length > 0 && length <= NUMBER_TEXT_MAX);
  for (size_t i = length; i <= NUMBER_TEXT_MAX; i++) assert_int_equal(text[i], '#');
  text[length] = 0;
  return length;
}

static void assert_returns(rnnloss_dtype dtype, uint64_t bits) {
  char text[NUMBER_TEXT_MAX + 1];
  const size_t length = write_text(dtype, &bits, text);
  if (!isfinite(rnnloss_load(dtype, &bits))) {
    assert_int_equal(text[0], '"');
    return;
  }
  bool finite;
  assert_true(json_is_number(text, length));
  assert_true(strpbrk(text, ".e") != NULL);
  if (read(dtype, text, length, &finite) != bits || !finite)
    fail_msg("%s of %llx doesn't read back", text, (unsigned long long)bits);
}

static void writes_what_reads_back(void **state) {
  (void)state;
  for (unsigned i = 0; i < 65536; i++) {
    assert_returns(RNNLOSS_F16, i);
    assert_returns(RNNLOSS_BF16, i);
  }
  for (int i = 0; i < 100000; i++) {
    assert_returns(RNNLOSS_F32, random_bits() >> 32);
    assert_returns(RNNLOSS_F64, random_bits());
    assert_returns(RNNLOSS_F64, bits_of((double)(int64_t)random_bits() / 0x1p63));
  }
}

static int digits_of(const char *text) {
  char digits[800];
  normalise(text, digits);
  int count = 800;
  while (count > 0 && digits[count - 1] == '0') count--;
  return count;
}

/* The least number of digits that any decimal needs to read as each positive element: by reading all decimals. */
static void writes_the_shortest(void **state) {
  (void)state;
  static unsigned char least[32768];
  static const struct {
    rnnloss_dtype dtype;
    int digits, low, high, precision, least;
  } rows[] = {{RNNLOSS_F16, 4, -8, 4, 11, -14}, {RNNLOSS_BF16, 3, -41, 38, 8, -126}};
  for (size_t k = 0; k < COUNT(rows); k++) {
    memset(least, rows[k].digits + 1, sizeof least);
    int from = 1;
    for (int digits = 1; digits <= rows[k].digits; digits++, from *= 10)
      for (int w = from; w < 10 * from; w++)
        for (int exponent = rows[k].low; exponent <= rows[k].high; exponent++) {
          char text[32];
          snprintf(text, sizeof text, "%de%d", w, exponent - digits + 1);
          const double value = strtod(text, NULL);
          const uint16_t bits = round_slowly(value, side_by_printf(text, value), rows[k].precision, rows[k].least);
          if (bits < 0x8000 && digits < least[bits]) least[bits] = (unsigned char)digits;
        }
    for (unsigned i = 1; i < (rows[k].dtype == RNNLOSS_F16 ? 0x7C00 : 0x7F80); i++) {
      char text[NUMBER_TEXT_MAX + 1];
      const uint16_t bits = (uint16_t)i;
      write_text(rows[k].dtype, &bits, text);
      if (digits_of(text) != least[i]) fail_msg("%s of %x: %d digits would do", text, i, least[i]);
    }
  }
}

static void writes_in_one_manner(void **state) {
  (void)state;
  static const struct {
    double value;
    rnnloss_dtype dtype;
    const char *text;
  } rows[] = {
      {0, RNNLOSS_F64, "0.0"},
      {-0.0, RNNLOSS_F64, "-0.0"},
      {1, RNNLOSS_F64, "1.0"},
      {-1.5, RNNLOSS_F64, "-1.5"},
      {0.1, RNNLOSS_F64, "0.1"},
      {1e22, RNNLOSS_F64, "1e+22"},
      {5e-324, RNNLOSS_F64, "5e-324"},
      {0.1 + 0.2, RNNLOSS_F64, "0.30000000000000004"},
      {-1.7976931348623157e308, RNNLOSS_F64, "-1.7976931348623157e+308"},
      {123456, RNNLOSS_F64, "123456.0"},
      {0.1, RNNLOSS_F32, "0.1"},
      {16777215, RNNLOSS_F32, "16777215.0"},
      {0x1p24, RNNLOSS_F32, "1.6777216e+07"},
      {0x1p53 - 1, RNNLOSS_F64, "9007199254740991.0"},
      {0x1p63, RNNLOSS_F64, "9.223372036854776e+18"},
      {0, RNNLOSS_F32, "0.0"},
      {-0.0, RNNLOSS_F16, "-0.0"},
      {0.1, RNNLOSS_F16, "0.1"},
      {-0.1, RNNLOSS_BF16, "-0.1"},
      {65504, RNNLOSS_F16, "65500.0"},
      {0x1p-24, RNNLOSS_F16, "6e-08"},
      {1e38, RNNLOSS_BF16, "1e+38"},
      {1, RNNLOSS_BF16, "1.0"},
      {(double)NAN, RNNLOSS_F16, "\"NaN\""},
      {(double)INFINITY, RNNLOSS_F32, "\"Infinity\""},
      {(double)-INFINITY, RNNLOSS_F64, "\"-Infinity\""},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    char text[NUMBER_TEXT_MAX + 1];
    uint64_t element = 0;
    rnnloss_store(rows[i].dtype, rows[i].value, &element);
    write_text(rows[i].dtype, &element, text);
    assert_string_equal(text, rows[i].text);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_the_samples),      cmocka_unit_test(reads_long_texts),
      cmocka_unit_test(reads_random_decimals),  cmocka_unit_test(reads_borders),
      cmocka_unit_test(writes_what_reads_back), cmocka_unit_test(writes_the_shortest),
      cmocka_unit_test(writes_in_one_manner),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
