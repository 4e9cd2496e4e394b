/* Base64 against RFC 4648's vectors, every cut, and every text of four characters that could be taken for valid. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* Decodes text in two pieces; returns the number of bytes, or -1. */
static long decode(const char *text, size_t length, size_t cut, unsigned char *out) {
  struct base64_decoder decoder = {0};
  size_t first = 0, second = 0;
  if (!base64_decode(&decoder, text, cut, out, &first)) return -1;
  assert_true(first <= 3 * (cut / 4 + 1));
  if (!base64_decode(&decoder, text + cut, length - cut, out + first, &second)) return -1;
  assert_true(second <= 3 * ((length - cut) / 4 + 1));
  return base64_decode_end(&decoder) ? (long)(first + second) : -1;
}

static void knows_the_standards_vectors(void **state) {
  (void)state;
  static const char *const rows[][2] = {{"", ""},
                                        {"f", "Zg=="},
                                        {"fo", "Zm8="},
                                        {"foo", "Zm9v"},
                                        {"foob", "Zm9vYg=="},
                                        {"fooba", "Zm9vYmE="},
                                        {"foobar", "Zm9vYmFy"},
                                        {"\xFB\xFF\xBE", "+/++"}};
  for (size_t i = 0; i < COUNT(rows); i++) {
    char text[16];
    unsigned char bytes[16];
    const size_t length = strlen(rows[i][0]), encoded = strlen(rows[i][1]);
    assert_int_equal(base64_encode((const unsigned char *)rows[i][0], length, text), encoded);
    assert_memory_equal(text, rows[i][1], encoded);
    for (size_t cut = 0; cut <= encoded; cut++) {
      assert_int_equal(decode(text, encoded, cut, bytes), length);
      assert_memory_equal(bytes, rows[i][0], length);
    }
  }
}

static void refuses_all_else(void **state) {
  (void)state;
  static const char *const rows[] = {
      "=",        "==",       "====",     "Z",        "Zg",       "Zg=",      "Zm8",      "Z===",     "Zg=a",
      "Zg==Zg==", "Zg==A",    "Zg== ",    "Zg==\n",   " Zg==",    "Zm9v=",    "Zm9v====", "Zm9vZ",    "Zm9vZg",
      "Zm-v",     "Zm_v",     "Zm9v\r\n", "Zm 9v",    "Zm.v",     "Zm9\xC3",  "Zm9@",     "Z=g=",     "=Zg=",
      "Zh==",     "Zv==",     "Zm9=",     "Zm+=",     "Zm9vYmF=", "Zm9vYh==", "Zm8=Zm9v", "Zm8=Zm8=", "Zm9v\x7F",
      "Zm9v[",    "Zm9v`aaa", "Zm9v{aaa", "Zm9v:aaa", "Zm9v,aaa", "Zm=v",     "Zm9vZ=Zg"};
  unsigned char bytes[16];
  for (size_t i = 0; i < COUNT(rows); i++)
    for (size_t cut = 0; cut <= strlen(rows[i]); cut++) {
      if (decode(rows[i], strlen(rows[i]), cut, bytes) >= 0) fail_msg("\"%s\" was taken, cut at %zu", rows[i], cut);
    }
  assert_int_equal(decode("Zm9\0", 4, 0, bytes), -1);
}

/* Decoding then encoding gives the very text: so no two texts decode to the same bytes. */
static void is_canonical(void **state) {
  (void)state;
  static const char some[] = "AQgw/9+=-_ \n";
  unsigned taken = 0;
  for (unsigned i = 0; i < 256; i++)
    for (unsigned j = 0; j < 12 * 12 * 12; j++) {
      const char text[4] = {(char)i, some[j % 12], some[j / 12 % 12], some[j / 144]};
      unsigned char bytes[8];
      char again[8];
      const long length = decode(text, 4, 0, bytes);
      if (length < 0) continue;
      taken++;
      assert_int_equal(base64_encode(bytes, (size_t)length, again), 4);
      assert_memory_equal(again, text, 4);
    }
  /* 64 first characters; 7 x 7 x 7 others, 7 x 3 with one "=" ("A", "Q", "g", "w" end on two zero bits: of
   * these, and 4 on four: "A", "Q", "g", "w") */
  assert_int_equal(taken, 64 * (7 * 7 * 7 + 7 * 4 + 4));
}

static void returns_long_data(void **state) {
  (void)state;
  static unsigned char bytes[1000], back[1100];
  static char text[1400];
  uint32_t seed = 1;
  for (size_t i = 0; i < sizeof bytes; i++) {
    seed = seed * 1664525 + 1013904223;
    bytes[i] = (unsigned char)(seed >> 24);
  }
  for (size_t length = 990; length <= 1000; length++) {
    const size_t encoded = base64_encode(bytes, length, text);
    assert_int_equal(encoded, 4 * ((length + 2) / 3));
    for (size_t size = 1; size < 20; size++) {
      struct base64_decoder decoder = {0};
      size_t total = 0;
      for (size_t at = 0; at < encoded; at += size) {
        size_t written = 0;
        assert_true(
            base64_decode(&decoder, text + at, size < encoded - at ? size : encoded - at, back + total, &written));
        total += written;
      }
      assert_true(base64_decode_end(&decoder));
      assert_int_equal(total, length);
      assert_memory_equal(back, bytes, length);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(knows_the_standards_vectors),
      cmocka_unit_test(refuses_all_else),
      cmocka_unit_test(is_canonical),
      cmocka_unit_test(returns_long_data),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
