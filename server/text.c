/* text.c - growing text in an arena */
#include <string.h>

#include "server.h"

static bool text_room(struct text *text, size_t more) {
  if (text->failed || more > SIZE_MAX / 4 - text->length) return false;
  if (text->length + more <= text->capacity) return true;
  size_t capacity = 2 * (text->length + more) + 256;
  char *bytes = arena_allocate(text->arena, capacity);
  if (!bytes) return false;
  if (text->length) memcpy(bytes, text->bytes, text->length);
  text->bytes = bytes;
  text->capacity = capacity;
  return true;
}

void text_bytes(struct text *text, const char *bytes, size_t length) {
  if (!text_room(text, length)) {
    text->failed = true;
    return;
  }
  if (length) memcpy(text->bytes + text->length, bytes, length);
  text->length += length;
}

void text_string(struct text *text, const char *string) {
  text_bytes(text, string, strlen(string));
}

void text_json_string(struct text *text, const char *string) {
  static const char hex[] = "0123456789abcdef";
  text_bytes(text, "\"", 1);
  for (const char *c = string; *c; c++) {
    unsigned char byte = (unsigned char)*c;
    if (byte == '"' || byte == '\\') {
      text_bytes(text, (char[]){'\\', *c}, 2);
    } else if (byte < 0x20) {
      text_bytes(text, (char[]){'\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 15]}, 6);
    } else {
      text_bytes(text, c, 1);
    }
  }
  text_bytes(text, "\"", 1);
}

void text_json_number(struct text *text, double value) {
  char digits[NUMBER_TEXT_MAX];
  text_bytes(text, digits, number_write(RNNLOSS_F64, &value, digits));
}

void text_unsigned(struct text *text, uint64_t value) {
  char digits[20];
  size_t at = sizeof digits;
  do {
    digits[--at] = (char)('0' + value % 10);
    value /= 10;
  } while (value);
  text_bytes(text, digits + at, sizeof digits - at);
}
