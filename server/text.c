/* text.c - growing text in an arena */
#include <string.h>

#include "server.h"

#define ROOM_FIRST 960 /* most texts never have to move */

bool text_grow(struct text *text, size_t size) {
  if (text->failed) return false;
  size_t capacity = 2 * (text->length + size) + ROOM_FIRST;
  char *bytes = size < SIZE_MAX / 4 - text->length ? arena_allocate(text->arena, capacity) : NULL;
  if (!bytes) {
    text->failed = true;
    text->capacity = text->length; /* no room, whatever comes */
    return false;
  }
  if (text->length) memcpy(bytes, text->bytes, text->length);
  text->bytes = bytes;
  text->capacity = capacity;
  return true;
}

static void text_escaped(struct text *text, char c) {
  static const char hex[] = "0123456789abcdef";
  const unsigned char byte = (unsigned char)c;
  if (byte < 0x20)
    text_bytes(text, (char[]){'\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 15]}, 6);
  else
    text_bytes(text, (char[]){'\\', c}, 2);
}

void text_json_string(struct text *text, const char *string) {
  text_bytes(text, "\"", 1);
  for (;;) {
    const char *end = string;
    while ((unsigned char)*end >= 0x20 && *end != '"' && *end != '\\') end++;
    text_bytes(text, string, (size_t)(end - string));
    if (!*end) break;
    text_escaped(text, *end);
    string = end + 1;
  }
  text_bytes(text, "\"", 1);
}

void text_json_number(struct text *text, double value) {
  char *to = text_room(text, NUMBER_TEXT_MAX);
  if (to) text->length += number_write(RNNLOSS_F64, &value, to);
}

void text_unsigned(struct text *text, uint64_t value) {
  char digits[20];
  size_t at = sizeof digits;
  for (; value >= 10; value /= 10) digits[--at] = (char)('0' + value % 10);
  digits[--at] = (char)('0' + value);
  text_bytes(text, digits + at, sizeof digits - at);
}
