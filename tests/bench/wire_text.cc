/* wire_text.cc - the bare loops over text that JSON is held against: one thread, no checks, no structure */
#include <charconv>

#include "wire_text.h"

size_t text_read(const char *text, size_t length, double *numbers, size_t room) {
  const char *end = text + length;
  size_t count = 0;
  while (count < room) {
    while (text < end && (*text < '0' || *text > '9') && *text != '-') text++;
    if (text == end) break;
    std::from_chars_result result = std::from_chars(text, end, numbers[count]);
    text = result.ptr > text ? result.ptr : text + 1;
    if (result.ec == std::errc()) count++;
  }
  return count;
}

size_t text_write(const double *numbers, size_t count, char *text) {
  char *to = text;
  for (size_t i = 0; i < count; i++) {
    to = std::to_chars(to, to + 24, numbers[i]).ptr;
    *to++ = ',';
  }
  return static_cast<size_t>(to - text);
}
