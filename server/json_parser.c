/* json_parser.c - the strict push parser: RFC 8259, every byte of it, in pieces cut anywhere */
#include "json_parser.h"

#include <string.h>

static const char *const literals[] = {"true", "false", "null"};

/* STATE_LITERAL */
static const char *literal(struct json_parser *parser, const char *at) {
  const char *const word = literals[parser->unit];
  if (*at != word[parser->phase])
    return json_fail(parser, at, "a value was misspelt: the words are true, false and null");
  if (!word[++parser->phase]) {
    json_after_value(parser);
    json_emit(parser, JSON_TRUE + parser->unit, NULL, 0);
  }
  return at + 1;
}

static const char *literal_open(struct json_parser *parser, const char *at) {
  parser->state = STATE_LITERAL;
  parser->phase = 1;
  parser->unit = *at == 't' ? 0 : *at == 'f' ? 1 : 2;
  return at + 1;
}

static const char *container_open(struct json_parser *parser, const char *at) {
  if (parser->depth == JSON_DEPTH_MAX)
    return json_fail(parser, at, "arrays and objects are nested deeper than 64 levels");
  parser->containers[parser->depth++] = (unsigned char)*at;
  parser->state = *at == '[' ? STATE_FIRST_VALUE : STATE_FIRST_KEY;
  json_emit(parser, *at == '[' ? JSON_ARRAY_BEGIN : JSON_OBJECT_BEGIN, NULL, 0);
  return at + 1;
}

static const char *container_close(struct json_parser *parser, const char *at) {
  parser->depth--;
  json_after_value(parser);
  json_emit(parser, *at == ']' ? JSON_ARRAY_END : JSON_OBJECT_END, NULL, 0);
  return at + 1;
}

static const char *value(struct json_parser *parser, const char *at, const char *end) {
  switch (*at) {
  case '-':
  case '0':
  case '1':
  case '2':
  case '3':
  case '4':
  case '5':
  case '6':
  case '7':
  case '8':
  case '9':
    return json_numbers(parser, at, end);
  case '"':
    return json_string_open(parser, at, false);
  case '[':
  case '{':
    return container_open(parser, at);
  case 't':
  case 'f':
  case 'n':
    return literal_open(parser, at);
  case ']':
    if (parser->state == STATE_FIRST_VALUE) return container_close(parser, at);
    break;
  case '\xEF': /* the first byte of EF BB BF, and of nothing else that anyone begins a text with */
    if (parser->state == STATE_START)
      return json_fail(parser, at, "a value was expected, and no byte order mark before it");
    break;
  }
  return json_fail(parser, at, "a value was expected");
}

static const char *after(struct json_parser *parser, const char *at) {
  const bool in_array = parser->containers[parser->depth - 1] == '[';
  if (*at == ',') {
    parser->state = in_array ? STATE_VALUE : STATE_KEY;
    return at + 1;
  }
  if (*at == (in_array ? ']' : '}')) return container_close(parser, at);
  return json_fail(parser, at, in_array ? "a comma or ] was expected" : "a comma or } was expected");
}

/* The states between tokens. */
static const char *structure(struct json_parser *parser, const char *at, const char *end) {
  while (at < end && json_is_space(*at)) at++;
  if (at == end) return at;
  switch (parser->state) {
  case STATE_AFTER:
    return after(parser, at);
  case STATE_COLON:
    if (*at != ':') return json_fail(parser, at, "a colon was expected");
    parser->state = STATE_VALUE;
    return at + 1;
  case STATE_FIRST_KEY:
    if (*at == '}') return container_close(parser, at);
    /* fall through */
  case STATE_KEY:
    return *at == '"' ? json_string_open(parser, at, true)
                      : json_fail(parser, at, "a key in quotation marks was expected");
  case STATE_DONE:
    return json_fail(parser, at, "nothing may follow the value");
  default:
    return value(parser, at, end);
  }
}

static const char *step(struct json_parser *parser, const char *at, const char *end) {
  if (parser->state >= STATE_STRING) return json_string(parser, at, end);
  if (parser->state == STATE_NUMBER) return json_number(parser, at, end);
  if (parser->state == STATE_LITERAL) return literal(parser, at);
  return structure(parser, at, end);
}

void json_begin(struct json_parser *parser, json_handler *handler, void *context) {
  memset(parser, 0, offsetof(struct json_parser, token));
  parser->handler = handler;
  parser->context = context;
}

bool json_feed(struct json_parser *parser, const char *bytes, size_t length) {
  const char *at = bytes, *const end = bytes + length;
  while (at < end && !parser->error) at = step(parser, at, end);
  parser->offset += (uint64_t)(at - bytes);
  return !parser->error;
}

bool json_end(struct json_parser *parser) {
  if (parser->error) return false;
  if (parser->state == STATE_DONE || (parser->depth == 0 && json_number_end(parser))) return true;
  parser->error = parser->state == STATE_START ? "the text is empty" : "the text ends too early";
  return false;
}
