/* utf8.c - UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF */
#include "server.h"

size_t utf8_length(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead < 0xC2 || lead > 0xF4) return 0;
  return lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
}

bool utf8_follows(const unsigned char *bytes, size_t index) {
  const unsigned char byte = bytes[index];
  if (index == 0) return utf8_length(byte) != 0;
  unsigned char low = 0x80, high = 0xBF;
  if (index == 1) { /* the second byte's range tells overlong forms, surrogates and what is too large */
    if (bytes[0] == 0xE0) low = 0xA0;
    if (bytes[0] == 0xED) high = 0x9F;
    if (bytes[0] == 0xF0) low = 0x90;
    if (bytes[0] == 0xF4) high = 0x8F;
  }
  return byte >= low && byte <= high;
}

size_t utf8_sequence(const char *at, const char *end) {
  const unsigned char *const bytes = (const unsigned char *)at;
  const size_t length = utf8_length(bytes[0]);
  if (length > (size_t)(end - at)) return 0;
  for (size_t i = 1; i < length; i++)
    if (!utf8_follows(bytes, i)) return 0;
  return length;
}

size_t utf8_encode(uint32_t code, char out[4]) {
  const size_t length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  static const unsigned char leads[] = {0, 0, 0xC0, 0xE0, 0xF0};
  for (size_t i = length - 1; i > 0; i--, code >>= 6) out[i] = (char)(0x80 | (code & 0x3F));
  out[0] = (char)(leads[length] | code);
  return length;
}
