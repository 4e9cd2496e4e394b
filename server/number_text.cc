/* number_text.cc - decimal text of numbers: std::from_chars and std::to_chars behind a C interface
 *
 * charconv rounds correctly to float and double. What it leaves open is done here: it reports a number
 * below the range just as one beyond it, and it knows neither F16 nor BF16. These are rounded from the
 * nearest double and the side of it on which the decimal lies: that pair decides every narrower rounding,
 * since all borders of the narrower dtypes are doubles themselves.
 */
#include "number_text.h"

#include <cfloat>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <system_error>

namespace {

__extension__ typedef unsigned __int128 uint128;

constexpr long exponent_cap = 100000000; /* far above what 4,096 digits can make up for */
constexpr int pow5_count = 28;           /* 5^27 is the last one below 2^64 */
constexpr int double_digits = 767;       /* no double has more significant digits */

struct powers_of_five {
  std::uint64_t value[pow5_count];
  constexpr powers_of_five() : value() {
    value[0] = 1;
    for (int i = 1; i < pow5_count; i++) value[i] = 5 * value[i - 1];
  }
};
constexpr powers_of_five pow5;

constexpr double powers_of_ten[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,
                                    1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19}; /* all exact */

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/* The digits of a number's text, without the zeros around them. */
struct decimal {
  bool negative;
  const char *first, *last; /* from the first digit that isn't 0 past the last such one; equal: it is zero */
  long exponent;            /* the first digit counts this power of ten */
};

long read_exponent(const char *at, const char *end) {
  const bool negative = at < end && *at == '-';
  if (at < end && !is_digit(*at)) at++;
  long exponent = 0;
  for (; at < end; at++)
    if (exponent < exponent_cap) exponent = 10 * exponent + (*at - '0');
  return negative ? -exponent : exponent;
}

decimal parse(const char *text, size_t length) {
  const char *const end = text + length;
  decimal d = {false, nullptr, nullptr, 0};
  const char *at = text, *point = nullptr;
  if (at < end && *at == '-') {
    d.negative = true;
    at++;
  }
  for (; at < end && *at != 'e' && *at != 'E'; at++) {
    if (*at == '.') {
      point = at;
    } else if (*at != '0') {
      if (!d.first) d.first = at;
      d.last = at + 1;
    }
  }
  if (!d.first) return d;
  if (!point) point = at;
  d.exponent = (d.first < point ? point - d.first - 1 : point - d.first) + (at < end ? read_exponent(at + 1, end) : 0);
  return d;
}

/* Compares d with value > 0 in 128 bits; false if they don't fit. value is d's nearest double, so that
 * either side of w 10^q : m 2^e is known to stay below 2^128 when the smaller powers are cleared. */
bool compare_short(const decimal &d, double value, int *order) {
  std::uint64_t w = 0;
  int digits = 0;
  for (const char *at = d.first; at < d.last; at++) {
    if (*at == '.') continue;
    if (++digits > 19) return false;
    w = 10 * w + static_cast<std::uint64_t>(*at - '0');
  }
  const long q = d.exponent - (digits - 1);
  if (q <= -pow5_count || q >= pow5_count) return false;
  std::uint64_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  const std::uint64_t m = (bits & ((std::uint64_t(1) << 52) - 1)) | std::uint64_t(1) << 52;
  const long shift = static_cast<long>(bits >> 52) - 1075 - q;
  uint128 left = w, right = m;
  left *= pow5.value[q > 0 ? q : 0];
  right *= pow5.value[q < 0 ? -q : 0];
  if (shift < 0)
    left <<= -shift;
  else
    right <<= shift;
  *order = left < right ? -1 : left > right;
  return true;
}

/* Compares d with value > 0 digit by digit, whatever their lengths: all digits of a double can be written. */
int compare_long(const decimal &d, double value) {
  char buffer[double_digits + 16];
  const char *const end =
      std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific, double_digits - 1).ptr;
  const char *const mark = static_cast<const char *>(std::memchr(buffer, 'e', static_cast<size_t>(end - buffer)));
  const long exponent = read_exponent(mark + 1, end);
  if (d.exponent != exponent) return d.exponent < exponent ? -1 : 1;
  const char *a = d.first, *b = buffer;
  while (a < d.last || b < mark) {
    if (a < d.last && *a == '.') a++;
    if (b < mark && *b == '.') b++;
    const char x = a < d.last ? *a++ : '0', y = b < mark ? *b++ : '0';
    if (x != y) return x < y ? -1 : 1;
  }
  return 0;
}

/* Where the decimal lies beside its nearest double. */
signed char side_of(const char *text, size_t length, double value) {
  const decimal d = parse(text, length);
  if (d.first == d.last) return 0;
  const double magnitude = std::fabs(value);
  int order = 1; /* a decimal that isn't zero lies beyond a zero */
  if (magnitude > std::numeric_limits<double>::max())
    order = -1;
  else if (magnitude > 0 && !compare_short(d, magnitude, &order))
    order = compare_long(d, magnitude);
  return static_cast<signed char>(d.negative ? -order : order);
}

/* The nearest T: a zero or an infinity where the number is out of T's range. False: an infinity. */
template <typename T> bool read(const char *text, size_t length, T *value) {
  if (std::from_chars(text, text + length, *value).ec == std::errc()) return true;
  const decimal d = parse(text, length);
  const bool beyond = d.exponent > 0; /* out of range, it is hundreds of orders away from 1 */
  const T magnitude = beyond ? std::numeric_limits<T>::infinity() : T(0);
  *value = d.negative ? -magnitude : magnitude;
  return !beyond;
}

/* Can the double be a border between two roundings to F16, BF16 or F32? Those have at most 25 bits. */
bool may_be_border(double value) {
  std::uint64_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return (bits & ((std::uint64_t(1) << 28) - 1)) == 0;
}

size_t add_fraction(char *out, char *end) {
  const size_t length = static_cast<size_t>(end - out);
  if (!std::memchr(out, '.', length) && !std::memchr(out, 'e', length)) {
    *end++ = '.';
    *end++ = '0';
  }
  return static_cast<size_t>(end - out);
}

/* Of large integers to_chars may write all digits, since that takes fewer characters than an exponent: but
 * the last ones say nothing, and with the fraction that is added the text would be the longer one. */
template <typename T> size_t write(T value, char *out) {
  constexpr T whole = T(std::uint64_t(1) << std::numeric_limits<T>::digits); /* below it, no digit is idle */
  char *const last = out + (NUMBER_TEXT_MAX - 3); /* leaves room for a sign before it and the fraction behind */
  if (std::fabs(value) < whole) {
    char *const end = std::to_chars(out, last, value).ptr;
    if (static_cast<T>(static_cast<std::int64_t>(value)) != value) return static_cast<size_t>(end - out);
    return add_fraction(out, end);
  }
  return add_fraction(out, std::to_chars(out, last, value, std::chars_format::scientific).ptr);
}

/* A narrow element > 0 and its first 17 digits. */
struct narrow {
  rnnloss_dtype dtype;
  std::uint16_t bits;
  char digits[24]; /* "d.dddddddddddddddde-xx" */
  long exponent;
};

/* Does w 10^q read back to the element? Then *value is its double, whose shortest text has w's digits. */
bool reads_back(const narrow &n, unsigned w, long q, double *value) {
  char text[32];
  char *end = std::to_chars(text, text + 16, w).ptr;
  *end++ = 'e';
  end = std::to_chars(end, text + sizeof text, q).ptr;
  const size_t length = static_cast<size_t>(end - text);
  std::uint16_t bits;
  if (!number_read(n.dtype, text, length, &bits) || bits != n.bits) return false;
  return read(text, length, value);
}

/* Is there a decimal of so many digits that reads back? If one is, it is the element cut off or cut off
 * and one up: no other such decimal lies between these and the element. The nearer one goes first. */
bool has_digits(const narrow &n, int count, double *value) {
  unsigned w = 0;
  for (int i = 0; i < count; i++) w = 10 * w + static_cast<unsigned>(n.digits[i ? i + 1 : 0] - '0');
  const unsigned up = n.digits[count + 1] >= '5';
  const long q = n.exponent - (count - 1);
  return reads_back(n, w + up, q, value) || reads_back(n, w + 1 - up, q, value);
}

size_t write_narrow(rnnloss_dtype dtype, std::uint16_t bits, double magnitude, char *out) {
  narrow n = {dtype, static_cast<std::uint16_t>(bits & 0x7FFF), {}, 0};
  const char *const end = std::to_chars(n.digits, n.digits + 24, magnitude, std::chars_format::scientific, 16).ptr;
  n.exponent = read_exponent(n.digits + 19, end);
  double shortest = magnitude;
  for (int count = dtype == RNNLOSS_F16 ? 5 : 4; count > 0 && has_digits(n, count, &shortest);) count--;
  return write(shortest, out);
}

size_t write_nonfinite(double value, char *out) {
  const char *const text = std::isnan(value) ? "\"NaN\"" : value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
  const size_t length = std::strlen(text);
  std::memcpy(out, text, length);
  return length;
}

/* Are these eight digits? */
bool eight_digits(const char *at) {
  const std::uint64_t ones = UINT64_MAX / 255, highs = ones * 0xF0;
  std::uint64_t word;
  std::memcpy(&word, at, sizeof word);
  return (word & highs) == ones * '0' && ((word + ones * 6) & highs) == ones * '0';
}

/* Goes on with an integer, past its digits. */
const char *read_digits(const char *at, const char *end, std::uint64_t *w) {
  for (; at < end; at++) {
    const unsigned digit = static_cast<unsigned>(static_cast<unsigned char>(*at)) - '0';
    if (digit > 9) break;
    *w = 10 * *w + digit;
  }
  return at;
}

} // namespace

bool number_round(rnnloss_dtype dtype, double value, signed char side, void *out) {
  /* The neighbour on the decimal's side is odd and thus no border, and none lies before it: it rounds as
   * the decimal does. (A zero's neighbour is far below every other dtype's range; its sign stays.) */
  if (dtype != RNNLOSS_F64 && side != 0 && value != 0 && std::isfinite(value) && may_be_border(value)) {
    std::uint64_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    bits = (side > 0) == (value > 0) ? bits + 1 : bits - 1;
    std::memcpy(&value, &bits, sizeof bits);
  }
  rnnloss_store(dtype, value, out);
  return std::isfinite(rnnloss_load(dtype, out));
}

bool number_read_side(const char *text, size_t length, double *value, signed char *side) {
  const bool finite = read(text, length, value);
  *side = side_of(text, length, *value);
  return finite;
}

bool number_read(rnnloss_dtype dtype, const char *text, size_t length, void *out) {
  double value;
  if (dtype == RNNLOSS_F32) {
    float single;
    const bool finite = read(text, length, &single);
    std::memcpy(out, &single, sizeof single);
    return finite;
  }
  const bool finite = read(text, length, &value);
  if (dtype == RNNLOSS_F64) {
    std::memcpy(out, &value, sizeof value);
    return finite;
  }
  return number_round(dtype, value, may_be_border(value) ? side_of(text, length, value) : static_cast<signed char>(0),
                      out);
}

/* Of a decimal w/10^q without exponent both w and 10^q are doubles if w <= 2^53 and q <= 22, so that the one division
 * rounds correctly (Clinger). Up to 19 digits w can't overflow. */
const char *number_read_short(const char *text, const char *end, void *out) {
  if (FLT_EVAL_METHOD != 0) return nullptr; /* a division that might round twice */
  const char *at = text + (*text == '-'), *const first = at;
  std::uint64_t w = 0;
  if (end - at > 20) {
    end = at + 20;                             /* 19 digits and a point */
    if (eight_digits(at + 11)) return nullptr; /* most likely more of them than w has room for */
  }
  at = read_digits(at, end, &w);
  if (at == first || (*first == '0' && at > first + 1)) return nullptr;
  size_t q = 0;
  if (at < end && *at == '.') {
    const char *const fraction = at + 1;
    at = read_digits(fraction, end, &w);
    q = static_cast<size_t>(at - fraction);
    if (q == 0) return nullptr;
  }
  if (at == end || *at == 'e' || *at == 'E' || w > std::uint64_t(1) << 53) return nullptr;
  const double magnitude = static_cast<double>(w) / powers_of_ten[q], value = *text == '-' ? -magnitude : magnitude;
  std::memcpy(out, &value, sizeof value);
  return at;
}

size_t number_write(rnnloss_dtype dtype, const void *element, char out[NUMBER_TEXT_MAX]) {
  double value;
  if (dtype == RNNLOSS_F64)
    std::memcpy(&value, element, sizeof value);
  else
    value = rnnloss_load(dtype, element);
  if (!std::isfinite(value)) return write_nonfinite(value, out);
  if (dtype == RNNLOSS_F64) return write(value, out);
  if (dtype == RNNLOSS_F32) return write(static_cast<float>(value), out);
  if (value == 0) return write(value, out);
  std::uint16_t bits;
  std::memcpy(&bits, element, sizeof bits);
  if (!std::signbit(value)) return write_narrow(dtype, bits, value, out);
  *out = '-';
  return 1 + write_narrow(dtype, bits, -value, out + 1);
}

size_t number_write_hex(double value, char out[NUMBER_TEXT_MAX]) {
  if (!std::isfinite(value)) return write_nonfinite(value, out);
  char *to = out;
  *to++ = '"';
  if (std::signbit(value)) *to++ = '-';
  *to++ = '0';
  *to++ = 'x';
  to = std::to_chars(to, out + NUMBER_TEXT_MAX - 1, std::fabs(value), std::chars_format::hex).ptr;
  *to++ = '"';
  return static_cast<size_t>(to - out);
}
