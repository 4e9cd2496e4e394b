/* json_parser.h - what the parser's files share: json_parser.c (structure), json_number.c, json_string.c; and
 * json_tensor.c
 *
 * A state machine over bytes. Each state has one function, which takes what it can of the piece from at
 * to end (never empty) and returns where it stopped. Tokens have a fast way, for those that lie wholly in
 * a piece, and a slow way, byte by byte, that goes on across pieces and finds the exact place of an error:
 * whatever the fast way doesn't like it leaves to the slow one.
 */
#ifndef JSON_PARSER_H
#define JSON_PARSER_H

#include "server.h"

enum state {
  STATE_START,       /* the first value is expected .. */
  STATE_VALUE,       /* .. another one, after a comma or a colon .. */
  STATE_FIRST_VALUE, /* .. or the end, after [ */
  STATE_KEY,
  STATE_FIRST_KEY, /* or the end, after { */
  STATE_COLON,
  STATE_AFTER, /* after a value inside a container */
  STATE_DONE,  /* after the value that is the text */
  STATE_LITERAL,
  STATE_NUMBER,
  STATE_STRING,
  STATE_ESCAPE,  /* after a backslash */
  STATE_HEX,     /* after \u */
  STATE_HIGH,    /* after an escaped high surrogate: its low one may follow */
  STATE_SEQUENCE /* within a UTF-8 sequence of several bytes */
};

static inline const char *json_fail(struct json_parser *parser, const char *at, const char *error) {
  parser->error = error;
  return at;
}

static inline void json_emit(struct json_parser *parser, enum json_event event, const char *text, size_t length) {
  if (!parser->muted && !parser->handler(parser->context, event, text, length)) parser->muted = true;
}

static inline void json_after_value(struct json_parser *parser) {
  parser->state = parser->depth ? STATE_AFTER : STATE_DONE;
}

static inline bool json_is_digit(char c) {
  return c >= '0' && c <= '9';
}

static inline bool json_is_space(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* The end of the number at at, if it is valid, not too long, and something of the piece follows it; else NULL. */
const char *json_number_scan(const char *at, const char *end);

/* A number begins at at. Takes those that follow it in the same array, too: the hot path. */
const char *json_numbers(struct json_parser *parser, const char *at, const char *end);
const char *json_number(struct json_parser *parser, const char *at, const char *end); /* STATE_NUMBER */
bool json_number_end(struct json_parser *parser); /* the text ends: did it end with a number? */

/* A quotation mark is at at: a key, or a string. */
const char *json_string_open(struct json_parser *parser, const char *at, bool in_key);
const char *json_string(struct json_parser *parser, const char *at,
                        const char *end); /* STATE_STRING .. STATE_SEQUENCE */

#endif
