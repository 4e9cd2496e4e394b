/* numbers.c - numbers as text, of each dtype, in any locale; base64 and SHA-256 of the tests' own */
#include <locale.h>
#include <math.h>

#include "../tool/base64.h"
#include "../tool/sha256.h"
#include "support.h"

static void check_round(rnnloss_client_dtype dtype, const void *element) {
  char text[NUMBER_MAX];
  unsigned char back[8];
  const size_t size = rnnloss_client_dtype_size(dtype);
  const size_t length = number_text(dtype, element, text);
  assert_int_equal(length, strlen(text));
  if (!isfinite(number_load(dtype, element))) {
    assert_true(number_word(dtype, text, length, back));
    if (isnan(number_load(dtype, element))) return;
  } else {
    const struct slice slice = {text, text + length};
    assert_true(slice_valid(slice)); /* a number of JSON */
    assert_true(slice_number(slice, dtype, back));
  }
  if (memcmp(back, element, size) != 0) fail_msg("%s: %s", rnnloss_client_dtype_name(dtype), text);
}

static void round_trips(void **state) {
  (void)state;
  for (uint32_t bits = 0; bits < 0x10000; bits++) {
    const uint16_t narrow = (uint16_t)bits;
    check_round(RNNLOSS_CLIENT_F16, &narrow);
    check_round(RNNLOSS_CLIENT_BF16, &narrow);
  }
  uint64_t z = 1;
  for (int i = 0; i < 200000; i++) {
    z = z * 6364136223846793005u + 1442695040888963407u;
    const uint32_t single = (uint32_t)(z >> 32);
    check_round(RNNLOSS_CLIENT_F64, &z);
    check_round(RNNLOSS_CLIENT_F32, &single);
  }
}

static void check_text(double value, const char *expected) {
  char text[NUMBER_MAX];
  number_text(RNNLOSS_CLIENT_F64, &value, text);
  assert_string_equal(text, expected);
}

static void shortest(void **state) {
  (void)state;
  check_text(0.1, "0.1");
  check_text(1, "1.0");
  check_text(-0.0, "-0.0");
  check_text(0.1 + 0.2, "0.30000000000000004");
  check_text(5e-324, "5e-324");
  check_text(1e22, "1e+22");
  check_text(1.7976931348623157e308, "1.7976931348623157e+308");
  check_text((double)NAN, "NaN");
  check_text(-(double)INFINITY, "-Infinity");
}

/* By way of a double this one would come out an ulp off. */
static void rounded_once(void **state) {
  (void)state;
  float value = 0;
  uint32_t bits = 0;
  number_read_as(RNNLOSS_CLIENT_F32, "7.038531e-26", &value);
  memcpy(&bits, &value, sizeof bits);
  assert_int_equal(bits, 0x15ae43fd);
}

static void any_locale(void **state) {
  (void)state;
  static const char *const names[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "ru_RU.UTF-8"};
  bool found = false;
  for (size_t i = 0; i < RNNLOSS_CLIENT_COUNT(names) && !found; i++) found = setlocale(LC_NUMERIC, names[i]) != NULL;
  if (!found) print_message("no locale with a comma is installed\n");
  check_text(0.5, "0.5");
  assert_true(number_read("0.25") == 0.25);
  rnnloss_client *client = client_of(variable("RNNLOSS_TEST_URL"));
  rnnloss_client_problem problem = small;
  for (int encoding = 0; encoding < 2; encoding++) {
    rnnloss_client_answer *answer = NULL;
    problem.encoding = (rnnloss_client_encoding)encoding;
    assert_true(rnnloss_client_loss(client, &problem, &answer, NULL));
    check_small(answer);
    rnnloss_client_answer_free(answer);
  }
  rnnloss_client_free(client);
  setlocale(LC_NUMERIC, "C");
}

/* All 16-bit numbers there and back by a daemon's decimals: with this weight the gradient is the tensor. */
static void narrow_by_json(void **state) {
  (void)state;
  rnnloss_client *client = client_of(variable("RNNLOSS_TEST_URL"));
  for (int dtype = RNNLOSS_CLIENT_F16; dtype <= RNNLOSS_CLIENT_BF16; dtype++) {
    static uint16_t elements[0x10000];
    size_t count = 0;
    for (uint32_t bits = 0; bits < 0x10000; bits++) {
      elements[count] = (uint16_t)bits;
      if (isfinite(number_load((rnnloss_client_dtype)dtype, &elements[count]))) count++;
    }
    const size_t shape[] = {1, count};
    const rnnloss_client_tensor tensor = {"w_in", (rnnloss_client_dtype)dtype, 2, shape, elements};
    const rnnloss_client_weight weight = {"lambda_in", (double)count / 2};
    const rnnloss_client_problem problem = {
        .weights = &weight, .weight_count = 1, .tensors = &tensor, .tensor_count = 1, .encoding = RNNLOSS_CLIENT_JSON};
    rnnloss_client_answer *answer = NULL;
    rnnloss_client_error error = {0};
    if (!rnnloss_client_loss(client, &problem, &answer, &error)) fail_msg("%s: %s", error.type, error.detail);
    assert_memory_equal(answer->gradients.items[0].data, elements, count * sizeof *elements);
    rnnloss_client_answer_free(answer);
  }
  rnnloss_client_free(client);
}

static void digests(void **state) {
  (void)state;
  char hex[SHA256_HEX], million[1000];
  sha256_hex("abc", 3, hex);
  assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  sha256_hex("", 0, hex);
  assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  memset(million, 'a', sizeof million);
  sha256_hex(million, sizeof million, hex);
  assert_string_equal(hex, "41edece42d63e8d9bf515a9ba6932e1c20cbc9f5a5d134645adb5db1b9737ea3");
}

static void base64(void **state) {
  (void)state;
  static const char *const texts[] = {"", "", "f", "Zg==", "fo", "Zm8=", "foo", "Zm9v", "foob", "Zm9vYg=="};
  for (size_t i = 0; i < RNNLOSS_CLIENT_COUNT(texts); i += 2) {
    char encoded[16] = "", decoded[16] = "";
    size_t length = 0;
    base64_encode(texts[i], strlen(texts[i]), encoded);
    assert_string_equal(encoded, texts[i + 1]);
    assert_true(base64_decode(encoded, strlen(encoded), decoded, &length));
    assert_int_equal(length, strlen(texts[i]));
    assert_memory_equal(decoded, texts[i], length);
  }
  char out[16];
  size_t length = 0;
  assert_false(base64_decode("Zg=", 3, out, &length));
  assert_false(base64_decode("Zg==Zg==", 8, out, &length));
  assert_false(base64_decode("Z_==", 4, out, &length));
}

int test_numbers(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(round_trips),    cmocka_unit_test(shortest),
                                     cmocka_unit_test(rounded_once),   cmocka_unit_test(any_locale),
                                     cmocka_unit_test(narrow_by_json), cmocka_unit_test(digests),
                                     cmocka_unit_test(base64)};
  return cmocka_run_group_tests_name("numbers", tests, NULL, NULL);
}
