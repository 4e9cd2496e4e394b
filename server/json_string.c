/* json_string.c - strings: their text goes on in pieces, as they come, without being copied */
#include "json_parser.h"

#include <string.h>

/* Text of the present key or string: a string's goes on at once, a key's is gathered. */
static void string_text(struct json_parser *parser, const char *text, size_t length) {
  if (!parser->in_key) {
    if (length) json_emit(parser, JSON_STRING, text, length);
    return;
  }
  const size_t room = JSON_TOKEN_MAX - parser->token_length;
  memcpy(parser->token + parser->token_length, text, length < room ? length : room);
  parser->token_length += length < room ? length : room;
}

const char *json_string_open(struct json_parser *parser, const char *at, bool in_key) {
  parser->state = STATE_STRING;
  parser->in_key = in_key;
  parser->token_length = 0;
  parser->high = 0;
  return at + 1;
}

/* The closing quotation mark, after the last piece of text. A key that is in one piece isn't copied. */
static const char *string_close(struct json_parser *parser, const char *text, size_t length) {
  if (!parser->in_key) {
    string_text(parser, text, length);
    json_after_value(parser);
    json_emit(parser, JSON_STRING_END, NULL, 0);
  } else {
    parser->state = STATE_COLON;
    if (parser->token_length) {
      string_text(parser, text, length);
      json_emit(parser, JSON_KEY, parser->token, parser->token_length);
    } else {
      json_emit(parser, JSON_KEY, text, length < JSON_TOKEN_MAX ? length : JSON_TOKEN_MAX);
    }
  }
  return text + length + 1;
}

/* Where ASCII text without quotation marks, backslashes and control characters ends. */
static const char *skip_plain(const char *at, const char *end) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  const uint64_t ones = UINT64_MAX / 255, highs = ones << 7;
  for (uint64_t word; end - at >= 8; at += 8) {
    /* Eight bytes at once: each test sets the highest bit of the first byte that it finds (and of some behind it). */
    memcpy(&word, at, 8);
    const uint64_t quote = word ^ (ones * '"'), slash = word ^ (ones * '\\');
    const uint64_t found =
        (word | ((word - ones * 0x20) & ~word) | ((quote - ones) & ~quote) | ((slash - ones) & ~slash)) & highs;
    if (found) return at + __builtin_ctzll(found) / 8;
  }
#endif
  while (at < end && (unsigned char)*at >= 0x20 && (unsigned char)*at < 0x80 && *at != '"' && *at != '\\') at++;
  return at;
}

/* STATE_STRING */
static const char *string(struct json_parser *parser, const char *at, const char *end) {
  const char *const text = at;
  for (;;) {
    at = skip_plain(at, end);
    const size_t length = at < end && (*at & 0x80) ? utf8_sequence(at, end) : 0;
    if (!length) break;
    at += length;
  }
  const size_t length = (size_t)(at - text);
  if (at < end && *at == '"') return string_close(parser, text, length);
  string_text(parser, text, length);
  if (at == end) return at;
  if (*at == '\\') {
    parser->state = STATE_ESCAPE;
    return at + 1;
  }
  if (!(*at & 0x80)) return json_fail(parser, at, "a control character in a string has to be escaped");
  parser->state = STATE_SEQUENCE;
  parser->phase = 0;
  return at;
}

/* STATE_SEQUENCE: one that a piece's end has cut, or that is wrong. */
static const char *sequence(struct json_parser *parser, const char *at) {
  parser->scratch[parser->phase] = (unsigned char)*at;
  if (!utf8_follows(parser->scratch, parser->phase)) return json_fail(parser, at, "the text is not UTF-8");
  if (++parser->phase == utf8_length(parser->scratch[0])) {
    parser->state = STATE_STRING;
    string_text(parser, (const char *)parser->scratch, parser->phase);
  }
  return at + 1;
}

static void code_point(struct json_parser *parser, uint32_t code) {
  char out[4];
  const size_t length = utf8_encode(code, out);
  string_text(parser, out, length);
}

/* A high surrogate that stays without its low one: the grammar allows it, Unicode doesn't. */
static void lone_surrogate(struct json_parser *parser) {
  if (parser->high) code_point(parser, 0xFFFD);
  parser->high = 0;
}

/* STATE_ESCAPE */
static const char *escape(struct json_parser *parser, const char *at) {
  static const char written[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
  if (*at == 'u') {
    parser->state = STATE_HEX;
    parser->phase = 0;
    parser->unit = 0;
    return at + 1;
  }
  const char *const found = memchr(written, *at, sizeof written - 1);
  if (!found) return json_fail(parser, at, "there is no such escape");
  lone_surrogate(parser);
  parser->state = STATE_STRING;
  string_text(parser, meant + (found - written), 1);
  return at + 1;
}

static void unit_complete(struct json_parser *parser) {
  const uint32_t unit = parser->unit, kind = unit & 0xFC00;
  parser->state = STATE_STRING;
  if (kind == 0xDC00 && parser->high) {
    code_point(parser, 0x10000 + ((parser->high & 0x3FF) << 10) + (unit & 0x3FF));
    parser->high = 0;
    return;
  }
  lone_surrogate(parser);
  if (kind == 0xD800) {
    parser->high = unit;
    parser->state = STATE_HIGH;
  } else {
    code_point(parser, kind == 0xDC00 ? 0xFFFD : unit);
  }
}

/* STATE_HEX */
static const char *hex(struct json_parser *parser, const char *at) {
  const char letter = (char)(*at | 0x20);
  if (!json_is_digit(*at) && (letter < 'a' || letter > 'f'))
    return json_fail(parser, at, "a hexadecimal digit was expected: \\u takes four");
  parser->unit = parser->unit << 4 | (uint32_t)(json_is_digit(*at) ? *at - '0' : letter - 'a' + 10);
  if (++parser->phase == 4) unit_complete(parser);
  return at + 1;
}

/* STATE_HIGH */
static const char *high(struct json_parser *parser, const char *at) {
  if (*at == '\\') {
    parser->state = STATE_ESCAPE;
    return at + 1;
  }
  lone_surrogate(parser);
  parser->state = STATE_STRING;
  return at;
}

const char *json_string(struct json_parser *parser, const char *at, const char *end) {
  switch (parser->state) {
  case STATE_ESCAPE:
    return escape(parser, at);
  case STATE_HEX:
    return hex(parser, at);
  case STATE_HIGH:
    return high(parser, at);
  case STATE_SEQUENCE:
    return sequence(parser, at);
  default:
    return string(parser, at, end);
  }
}
