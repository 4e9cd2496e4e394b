/* base64.c - RFC 4648 section 4, strict: padded, canonical, nothing but the alphabet */
#include "server.h"

#define VALID 0x40 /* set in the table for each character of the alphabet, beside its six bits */

static const unsigned char values[256] = {
    ['A'] = 64,  ['B'] = 65,  ['C'] = 66,  ['D'] = 67,  ['E'] = 68,  ['F'] = 69,  ['G'] = 70,  ['H'] = 71,
    ['I'] = 72,  ['J'] = 73,  ['K'] = 74,  ['L'] = 75,  ['M'] = 76,  ['N'] = 77,  ['O'] = 78,  ['P'] = 79,
    ['Q'] = 80,  ['R'] = 81,  ['S'] = 82,  ['T'] = 83,  ['U'] = 84,  ['V'] = 85,  ['W'] = 86,  ['X'] = 87,
    ['Y'] = 88,  ['Z'] = 89,  ['a'] = 90,  ['b'] = 91,  ['c'] = 92,  ['d'] = 93,  ['e'] = 94,  ['f'] = 95,
    ['g'] = 96,  ['h'] = 97,  ['i'] = 98,  ['j'] = 99,  ['k'] = 100, ['l'] = 101, ['m'] = 102, ['n'] = 103,
    ['o'] = 104, ['p'] = 105, ['q'] = 106, ['r'] = 107, ['s'] = 108, ['t'] = 109, ['u'] = 110, ['v'] = 111,
    ['w'] = 112, ['x'] = 113, ['y'] = 114, ['z'] = 115, ['0'] = 116, ['1'] = 117, ['2'] = 118, ['3'] = 119,
    ['4'] = 120, ['5'] = 121, ['6'] = 122, ['7'] = 123, ['8'] = 124, ['9'] = 125, ['+'] = 126, ['/'] = 127,
};

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* The end of the last group of four at at that has no padding and no error. */
static const unsigned char *decode_groups(const unsigned char *at, const unsigned char *end, unsigned char **out) {
  unsigned char *to = *out;
  for (; end - at >= 4; at += 4, to += 3) {
    const uint32_t a = values[at[0]], b = values[at[1]], c = values[at[2]], d = values[at[3]];
    if (!(a & b & c & d & VALID)) break;
    const uint32_t bits = (a & 63) << 18 | (b & 63) << 12 | (c & 63) << 6 | (d & 63);
    to[0] = (unsigned char)(bits >> 16);
    to[1] = (unsigned char)(bits >> 8);
    to[2] = (unsigned char)bits;
  }
  *out = to;
  return at;
}

/* A group of count characters, padding not included, leaves bits that must be zero. */
static bool pad(struct base64_decoder *decoder) {
  if (decoder->padding == 0) {
    if (decoder->count < 2) return false;
    if (decoder->bits & (decoder->count == 2 ? 0xF : 0x3)) return false;
  }
  decoder->padding++;
  decoder->bits <<= 6;
  return true;
}

static bool decode_one(struct base64_decoder *decoder, unsigned char c, unsigned char **out) {
  if (c == '=') {
    if (!pad(decoder)) return false;
  } else {
    if (decoder->padding || !(values[c] & VALID)) return false;
    decoder->bits = decoder->bits << 6 | (values[c] & 63);
  }
  if (++decoder->count < 4) return true;
  for (unsigned i = 0; i < 3 - decoder->padding; i++) *(*out)++ = (unsigned char)(decoder->bits >> (16 - 8 * i));
  decoder->bits = 0;
  decoder->count = 0; /* padding stays: it was the last group */
  return true;
}

bool base64_decode(struct base64_decoder *decoder, const char *text, size_t length, unsigned char *out,
                   size_t *written) {
  const unsigned char *at = (const unsigned char *)text, *const end = at + length;
  unsigned char *to = out;
  bool valid = true;
  while (valid && at < end) {
    if (decoder->count == 0 && decoder->padding == 0) at = decode_groups(at, end, &to);
    if (at < end) valid = decode_one(decoder, *at++, &to);
  }
  *written = (size_t)(to - out);
  return valid;
}

bool base64_decode_end(const struct base64_decoder *decoder) {
  return decoder->count == 0;
}

size_t base64_encode(const unsigned char *bytes, size_t length, char *out) {
  char *to = out;
  size_t i = 0;
  for (; i + 3 <= length; i += 3, to += 4) {
    const uint32_t bits = (uint32_t)bytes[i] << 16 | (uint32_t)bytes[i + 1] << 8 | bytes[i + 2];
    to[0] = alphabet[bits >> 18];
    to[1] = alphabet[bits >> 12 & 63];
    to[2] = alphabet[bits >> 6 & 63];
    to[3] = alphabet[bits & 63];
  }
  if (i < length) {
    const bool two = i + 2 == length;
    const uint32_t bits = (uint32_t)bytes[i] << 16 | (two ? (uint32_t)bytes[i + 1] << 8 : 0);
    *to++ = alphabet[bits >> 18];
    *to++ = alphabet[bits >> 12 & 63];
    *to++ = two ? alphabet[bits >> 6 & 63] : '=';
    *to++ = '=';
  }
  return (size_t)(to - out);
}
