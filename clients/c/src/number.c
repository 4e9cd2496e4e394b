/* number.c - elements of the four dtypes, and their text
 *
 * Text is read and written in the C locale: the thread's own is put aside meanwhile, so that a program whose decimal
 * point is a comma gets the same bits.
 */
#define _GNU_SOURCE /* uselocale: POSIX, but not C11 */
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __APPLE__
#include <xlocale.h>
#endif

#include "internal.h"

static locale_t c_locale;

static void make_locale(void) {
  c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

static locale_t enter(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, make_locale);
  return c_locale ? uselocale(c_locale) : (locale_t)0;
}

static void leave(locale_t before) {
  if (before) uselocale(before);
}

/* ---- the narrow dtypes ---- */

struct format {
  int fraction, lowest, highest; /* bits of the fraction; the least and the largest exponent of normal numbers */
};
static const struct format half = {10, -14, 15}, brain = {7, -126, 127};

static double load_narrow(uint16_t bits, struct format format) {
  const int exponent = (bits & 0x7fff) >> format.fraction, all_ones = format.highest - format.lowest + 2;
  const int fraction = bits & ((1 << format.fraction) - 1);
  double value = 0;
  if (exponent == all_ones)
    value = fraction ? (double)NAN : (double)INFINITY;
  else if (exponent == 0)
    value = ldexp(fraction, format.lowest - format.fraction);
  else
    value = ldexp(fraction + (1 << format.fraction), exponent - 1 + format.lowest - format.fraction);
  return bits & 0x8000 ? -value : value;
}

/* Rounded to the nearest, ties to even. Decimals that are the shortest of their dtype lie so far from the midpoints of
 * F16 and BF16 that going by way of a double changes nothing (the tests read all 65,536 of both). */
static uint16_t store_narrow(double value, struct format format) {
  const uint16_t infinity = (uint16_t)((format.highest - format.lowest + 2) << format.fraction);
  const uint16_t sign = signbit(value) ? 0x8000 : 0;
  const double magnitude = fabs(value);
  if (isnan(value)) return (uint16_t)(infinity | 1 << (format.fraction - 1));
  if (isinf(value)) return sign | infinity;
  if (magnitude == 0) return sign;
  int exponent = ilogb(magnitude);
  if (exponent < format.lowest) exponent = format.lowest;
  if (exponent > format.highest) return sign | infinity;
  /* The carry of the rounding moves on into the exponent's bits, and into an infinity. */
  const uint32_t rounded = (uint32_t)nearbyint(ldexp(magnitude, format.fraction - exponent));
  const uint32_t bits = ((uint32_t)(exponent - format.lowest) << format.fraction) + rounded;
  return (uint16_t)(sign | (bits < infinity ? bits : infinity));
}

double number_load(rnnloss_client_dtype dtype, const void *element) {
  uint16_t bits = 0;
  float single = 0;
  double value = 0;
  switch (dtype) {
  case RNNLOSS_CLIENT_F16:
  case RNNLOSS_CLIENT_BF16:
    memcpy(&bits, element, sizeof bits);
    return load_narrow(bits, dtype == RNNLOSS_CLIENT_F16 ? half : brain);
  case RNNLOSS_CLIENT_F32:
    memcpy(&single, element, sizeof single);
    return (double)single;
  case RNNLOSS_CLIENT_F64:
    memcpy(&value, element, sizeof value);
  }
  return value;
}

void number_store(rnnloss_client_dtype dtype, double value, void *element) {
  const float single = (float)value;
  if (dtype == RNNLOSS_CLIENT_F64) {
    memcpy(element, &value, sizeof value);
  } else if (dtype == RNNLOSS_CLIENT_F32) {
    memcpy(element, &single, sizeof single);
  } else {
    const uint16_t bits = store_narrow(value, dtype == RNNLOSS_CLIENT_F16 ? half : brain);
    memcpy(element, &bits, sizeof bits);
  }
}

/* ---- reading ---- */

static void read_here(rnnloss_client_dtype dtype, const char *text, void *element) {
  if (dtype == RNNLOSS_CLIENT_F32) { /* rounded once: by way of a double some would be off by an ulp */
    const float value = strtof(text, NULL);
    memcpy(element, &value, sizeof value);
  } else {
    number_store(dtype, strtod(text, NULL), element);
  }
}

void number_read_as(rnnloss_client_dtype dtype, const char *text, void *element) {
  const locale_t before = enter();
  read_here(dtype, text, element);
  leave(before);
}

double number_read(const char *text) {
  double value = 0;
  number_read_as(RNNLOSS_CLIENT_F64, text, &value);
  return value;
}

bool number_word(rnnloss_client_dtype dtype, const char *text, size_t length, void *element) {
  static const char *const words[] = {"NaN", "Infinity", "-Infinity"};
  static const uint64_t bits[] = {0x7ff8000000000000, 0x7ff0000000000000, 0xfff0000000000000};
  for (size_t i = 0; i < RNNLOSS_CLIENT_COUNT(words); i++) {
    if (length != strlen(words[i]) || memcmp(text, words[i], length) != 0) continue;
    double value = 0;
    memcpy(&value, &bits[i], sizeof value); /* the canonical NaN, whatever sign the library's has */
    number_store(dtype, value, element);
    return true;
  }
  return false;
}

/* ---- writing ---- */

size_t number_text(rnnloss_client_dtype dtype, const void *element, char out[NUMBER_MAX]) {
  static const int fewest[] = {1, 1, 6, 15}, most[] = {9, 9, 9, 17}; /* digits */
  const double value = number_load(dtype, element);
  if (!isfinite(value))
    return (size_t)snprintf(out, NUMBER_MAX, "%s", isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity");
  const size_t size = rnnloss_client_dtype_size(dtype);
  const locale_t before = enter();
  const bool tiny = fabs(value) < 1e-37; /* subnormals may need fewer digits than the others always have */
  for (int digits = tiny ? 1 : fewest[dtype]; digits <= most[dtype]; digits++) {
    unsigned char back[sizeof(double)];
    snprintf(out, NUMBER_MAX, "%.*g", digits, value);
    read_here(dtype, out, back);
    if (memcmp(back, element, size) == 0) break;
  }
  leave(before);
  size_t length = strlen(out);
  if (!strpbrk(out, ".e")) { /* readers of JSON may take "1" for an integer, and lose the sign of "-0" */
    memcpy(out + length, ".0", sizeof ".0");
    length += 2;
  }
  return length;
}
