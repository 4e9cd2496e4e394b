/* json_number.c - numbers by JSON's grammar */
#include <string.h>

#include "json_parser.h"

/* How far a number has come: the phase of STATE_NUMBER. */
enum number {
  NUMBER_START,
  NUMBER_MINUS,
  NUMBER_ZERO,
  NUMBER_INTEGER,
  NUMBER_POINT,
  NUMBER_FRACTION,
  NUMBER_E,
  NUMBER_SIGN,
  NUMBER_EXPONENT,
  NUMBER_OVER,
  NUMBER_WRONG
};

static enum number number_step(enum number phase, char c) {
  switch (phase) {
  case NUMBER_START:
    return c == '-' ? NUMBER_MINUS : number_step(NUMBER_MINUS, c);
  case NUMBER_MINUS:
    return c == '0' ? NUMBER_ZERO : json_is_digit(c) ? NUMBER_INTEGER : NUMBER_WRONG;
  case NUMBER_ZERO:
    return json_is_digit(c) ? NUMBER_WRONG : number_step(NUMBER_INTEGER, c);
  case NUMBER_INTEGER:
    return json_is_digit(c) ? NUMBER_INTEGER : c == '.' ? NUMBER_POINT : c == 'e' || c == 'E' ? NUMBER_E : NUMBER_OVER;
  case NUMBER_POINT:
    return json_is_digit(c) ? NUMBER_FRACTION : NUMBER_WRONG;
  case NUMBER_FRACTION:
    return json_is_digit(c) ? NUMBER_FRACTION : c == 'e' || c == 'E' ? NUMBER_E : NUMBER_OVER;
  case NUMBER_E:
    return c == '+' || c == '-' ? NUMBER_SIGN : number_step(NUMBER_SIGN, c);
  case NUMBER_SIGN:
    return json_is_digit(c) ? NUMBER_EXPONENT : NUMBER_WRONG;
  case NUMBER_EXPONENT:
    return json_is_digit(c) ? NUMBER_EXPONENT : NUMBER_OVER;
  default:
    return NUMBER_WRONG;
  }
}

static bool number_complete(enum number phase) {
  return phase == NUMBER_ZERO || phase == NUMBER_INTEGER || phase == NUMBER_FRACTION || phase == NUMBER_EXPONENT;
}

bool json_is_number(const char *text, size_t length) {
  enum number phase = NUMBER_START;
  for (size_t i = 0; i < length && phase < NUMBER_OVER; i++) phase = number_step(phase, text[i]);
  return number_complete(phase);
}

/* Past the digits at at: one at a time, for the few of an integer part or an exponent .. */
static inline const char *skip_digits(const char *at, const char *end) {
  while (at < end && json_is_digit(*at)) at++;
  return at;
}

/* .. and eight at once, for the many of a fraction: each byte that is no digit has its highest bit set in others. */
static inline const char *skip_many_digits(const char *at, const char *end) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  const uint64_t ones = UINT64_MAX / 255, highs = ones << 7;
  for (uint64_t word; end - at >= 8; at += 8) {
    memcpy(&word, at, 8);
    word ^= ones * '0';
    const uint64_t others = (((word & ~highs) + ones * (0x80 - 10)) | word) & highs;
    if (others) return at + __builtin_ctzll(others) / 8;
  }
#endif
  return skip_digits(at, end);
}

const char *json_number_scan(const char *at, const char *end) {
  const char *const number = at;
  at += *at == '-';
  const char *digits = at;
  at = skip_digits(at, end);
  if (at == digits || (*digits == '0' && at > digits + 1)) return NULL;
  if (at < end && *at == '.') {
    digits = at + 1;
    at = skip_many_digits(digits, end);
    if (at == digits) return NULL;
  }
  if (at < end && (*at == 'e' || *at == 'E')) {
    at++;
    digits = at + (at < end && (*at == '+' || *at == '-'));
    at = skip_digits(digits, end);
    if (at == digits) return NULL;
  }
  return at < end && at - number <= JSON_TOKEN_MAX ? at : NULL;
}

static void number_finish(struct json_parser *parser) {
  json_after_value(parser);
  json_emit(parser, JSON_NUMBER, parser->token, parser->token_length);
}

static const char *number_wrong(struct json_parser *parser, const char *at) {
  return json_fail(parser, at,
                   parser->phase == NUMBER_ZERO ? "a number does not begin with a superfluous zero"
                                                : "a digit was expected");
}

/* STATE_NUMBER: byte by byte, kept in token. */
const char *json_number(struct json_parser *parser, const char *at, const char *end) {
  for (; at < end; at++) {
    const enum number next = number_step(parser->phase, *at);
    if (next == NUMBER_OVER) {
      number_finish(parser);
      return at;
    }
    if (next == NUMBER_WRONG) return number_wrong(parser, at);
    if (parser->token_length == JSON_TOKEN_MAX) return json_fail(parser, at, "a number is longer than 4,096 bytes");
    parser->token[parser->token_length++] = *at;
    parser->phase = next;
  }
  return at;
}

const char *json_numbers(struct json_parser *parser, const char *at, const char *end) {
  const bool in_array = parser->depth && parser->containers[parser->depth - 1] == '[';
  if (in_array && parser->run && !parser->muted) {
    const char *const next = parser->run(parser->context, at, end);
    if (next > at) {
      json_after_value(parser);
      return next;
    }
  }
  for (;;) {
    const char *next = json_number_scan(at, end);
    if (!next) {
      parser->state = STATE_NUMBER;
      parser->phase = NUMBER_START;
      parser->token_length = 0;
      return json_number(parser, at, end);
    }
    json_emit(parser, JSON_NUMBER, at, (size_t)(next - at));
    at = next;
    if (!in_array || *at != ',') break;
    do at++;
    while (at < end && json_is_space(*at));
    parser->state = STATE_VALUE;
    if (at == end || (*at != '-' && !json_is_digit(*at))) return at;
  }
  json_after_value(parser);
  return at;
}

bool json_number_end(struct json_parser *parser) {
  if (parser->state != STATE_NUMBER || !number_complete(parser->phase)) return false;
  number_finish(parser);
  return true;
}
