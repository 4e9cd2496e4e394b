/* base64.c - RFC 4648 section 4, with padding */
#include "base64.h"

#include <stdint.h>
#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(const void *bytes, size_t length, char *out) {
  const unsigned char *at = bytes;
  for (size_t i = 0; i < length; i += 3, out += 4) {
    const size_t left = length - i;
    const uint32_t group =
        (uint32_t)at[i] << 16 | (left > 1 ? (uint32_t)at[i + 1] << 8 : 0) | (left > 2 ? at[i + 2] : 0);
    out[0] = alphabet[group >> 18];
    out[1] = alphabet[group >> 12 & 63];
    out[2] = left > 1 ? alphabet[group >> 6 & 63] : '=';
    out[3] = left > 2 ? alphabet[group & 63] : '=';
  }
}

static bool value_of(char c, uint32_t *value) {
  const char *found = c ? strchr(alphabet, c) : NULL;
  if (found) *value = (uint32_t)(found - alphabet);
  return found != NULL;
}

bool base64_decode(const char *text, size_t length, void *out, size_t *written) {
  unsigned char *to = out;
  *written = 0;
  if (length % 4) return false;
  for (size_t i = 0; i < length; i += 4) {
    const bool last = i + 4 == length;
    const size_t padding = last && text[i + 3] == '=' ? 1 + (size_t)(text[i + 2] == '=') : 0;
    uint32_t group = 0;
    for (size_t j = 0; j < 4; j++) {
      uint32_t value = 0;
      if (j < 4 - padding && !value_of(text[i + j], &value)) return false;
      group = group << 6 | value;
    }
    for (size_t j = 0; j < 3 - padding; j++) to[(*written)++] = (unsigned char)(group >> (16 - 8 * j));
  }
  return true;
}
