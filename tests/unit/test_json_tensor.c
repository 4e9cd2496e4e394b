/* Tensors in JSON, whole, byte by byte and cut anywhere: numbers that are taken straight from the text (a run) must be
 * those that come as events, and an error the same at the same place. A byte alone never is a run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "random_bits.h"
#include "server.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define TEXT_MAX (1 << 19)

static unsigned below(unsigned limit) {
  return (unsigned)(random_bits() >> 33) % limit;
}

/* ---- Texts ---- */

struct builder {
  char text[TEXT_MAX];
  size_t length;
};

static void put(struct builder *to, const char *string) {
  const size_t length = strlen(string);
  assert_true(to->length + length < sizeof to->text);
  memcpy(to->text + to->length, string, length);
  to->length += length;
}

static void put_space(struct builder *to) {
  static const char *const spaces[] = {"", "", "", "", " ", "\n", "\t\r", "  "};
  put(to, spaces[below(COUNT(spaces))]);
}

static void put_number(struct builder *to) {
  static const char *const odd[] = {"0",
                                    "-0",
                                    "1e5",
                                    "-1.5E-7",
                                    "1e400",
                                    "0.1234567890123456789",
                                    "9007199254740993",
                                    "\"NaN\"",
                                    "null",
                                    "1.",
                                    "01",
                                    "-",
                                    "3.4028235e38",
                                    "65520",
                                    "[1]",
                                    "{}",
                                    "1e-9",
                                    "12345678901234567890"};
  char text[40];
  if (below(40) == 0)
    snprintf(text, sizeof text, "%s", odd[below(COUNT(odd))]);
  else if (below(2))
    snprintf(text, sizeof text, "%s%u.%0*u", below(2) ? "-" : "", below(3), 1 + (int)below(6), below(1000));
  else
    snprintf(text, sizeof text, "%.17g", (double)below(1000000) / 7);
  put(to, text);
}

static void put_array(struct builder *to, const unsigned *shape, unsigned rank) {
  put(to, "[");
  const unsigned length = shape[0] + (below(200) == 0); /* ragged, now and then */
  for (unsigned i = 0; i < length; i++) {
    if (i) put(to, ",");
    put_space(to);
    if (rank > 1)
      put_array(to, shape + 1, rank - 1);
    else
      put_number(to);
    put_space(to);
  }
  put(to, "]");
}

static void put_shape(struct builder *to, const unsigned *shape, unsigned rank) {
  char text[24];
  put(to, "\"shape\": [");
  for (unsigned i = 0; i < rank; i++) {
    snprintf(text, sizeof text, "%s%u", i ? "," : "", shape[i]);
    put(to, text);
  }
  put(to, "]");
}

static void put_tensor(struct builder *to, unsigned most) {
  static const char *const dtypes[] = {"F64", "F32", "BF16", "F16"};
  const unsigned rank = 1 + below(4);
  unsigned shape[4];
  char text[64];
  for (unsigned i = 0; i < rank; i++) shape[i] = 1 + below(i + 1 == rank ? most : 3);
  const unsigned form = below(6); /* 0 to 2: an object, its members in some order; else nested arrays alone */
  snprintf(text, sizeof text, "\"dtype\": \"%s\"", dtypes[below(COUNT(dtypes))]);
  if (form > 2) {
    put_array(to, shape, rank);
    return;
  }
  put(to, "{");
  if (form == 1) put_shape(to, shape, rank), put(to, ",");
  if (form != 2) put(to, text), put(to, ",");
  put(to, form ? "\"data\":" : "\"data\" : ");
  put_array(to, shape, rank);
  if (form == 2) put(to, ","), put(to, text);
  if (form != 1) put(to, ","), put_shape(to, shape, rank);
  put(to, "}");
}

static void put_request(struct builder *to, unsigned most) {
  to->length = 0;
  put(to, "{\"tensors\": {\"pred\":");
  put_tensor(to, most);
  put(to, ",\"fr\" : ");
  put_tensor(to, most);
  put(to, "}}");
  if (below(2)) return;
  static const char bytes[] = "[],{}:\"0-.eE 1x\\";
  to->text[below((unsigned)to->length)] = bytes[below(sizeof bytes - 1)];
}

/* ---- What comes of them ---- */

struct outcome {
  struct arena arena;
  struct problem problem;
  struct request request;
};

enum cuts { WHOLE, BYTES, ANYWHERE };

static void decode(struct outcome *outcome, const struct builder *from, enum cuts cuts) {
  memset(outcome, 0, sizeof *outcome);
  request_begin(&outcome->request, &outcome->arena, &outcome->problem, 1 << 20);
  void *const decoder = format_json.decode_begin(&outcome->request);
  assert_non_null(decoder);
  bool ok = true;
  for (size_t at = 0; at < from->length && ok;) {
    const size_t left = from->length - at;
    size_t n = cuts == WHOLE ? left : cuts == BYTES ? 1 : 1 + below(below(2) ? 4 : 100);
    if (n > left) n = left;
    char *const piece = malloc(n ? n : 1); /* nothing may be read past its end */
    assert_non_null(piece);
    memcpy(piece, from->text + at, n);
    ok = format_json.decode(decoder, piece, n);
    free(piece);
    at += n;
  }
  if (ok) format_json.decode_end(decoder);
}

static void release(struct outcome *outcome) {
  request_release(&outcome->request);
  arena_release(&outcome->arena);
}

static size_t data_of(const struct tensor *tensor, unsigned char *out) {
  struct cursor cursor = store_start(&tensor->store);
  const unsigned char *bytes;
  size_t length = 0;
  for (size_t span; (span = cursor_span(&cursor, STORE_BLOCK, &bytes)) > 0; cursor_advance(&cursor, span)) {
    assert_true(length + span <= 9 * TEXT_MAX);
    memcpy(out + length, bytes, span);
    length += span;
  }
  return length;
}

static void assert_same(const struct outcome *a, const struct outcome *b) {
  static unsigned char x[9 * TEXT_MAX], y[9 * TEXT_MAX];
  assert_int_equal(a->problem.type, b->problem.type);
  assert_string_equal(a->problem.detail, b->problem.detail);
  assert_string_equal(a->problem.pointer, b->problem.pointer);
  for (int t = 0; t < RNNLOSS_TENSORS && !a->problem.type; t++) {
    const struct tensor *p = &a->request.tensor[t], *q = &b->request.tensor[t];
    assert_int_equal(p->present, q->present);
    assert_int_equal(p->rank, q->rank);
    assert_memory_equal(p->shape, q->shape, sizeof p->shape);
    assert_true(p->received == q->received && p->elements == q->elements);
    const size_t length = data_of(p, x);
    assert_int_equal(length, data_of(q, y));
    if (length) assert_memory_equal(x, y, length);
  }
}

static bool assert_cuts_agree(const struct builder *text) {
  static struct outcome whole, cut;
  decode(&whole, text, WHOLE);
  for (int i = 0; i < 4; i++) {
    decode(&cut, text, i ? ANYWHERE : BYTES);
    if (cut.problem.type != whole.problem.type || strcmp(cut.problem.detail, whole.problem.detail) != 0)
      print_error("%.*s\n%s\n%s\n", (int)text->length, text->text, whole.problem.detail, cut.problem.detail);
    assert_same(&whole, &cut);
    release(&cut);
  }
  const bool good = whole.problem.type == PROBLEM_NONE;
  release(&whole);
  return good;
}

static struct builder builder;

static void small_ones(void **state) {
  (void)state;
  int good = 0;
  for (int i = 0; i < 20000; i++) {
    put_request(&builder, 5);
    good += assert_cuts_agree(&builder);
  }
  assert_true(good > 1000 && good < 19000); /* both kinds are there */
}

/* Longer than what is handed on at once. */
static void large_ones(void **state) {
  (void)state;
  for (int i = 0; i < 100; i++) {
    put_request(&builder, 300);
    assert_cuts_agree(&builder);
  }
  for (int more = 0; more < 4; more++) {
    builder.length = 0;
    put(&builder, "{\"tensors\":{\"fr\":[");
    for (int i = 0; i < 2 * JSON_STAGE - 2 + more; i++) put(&builder, i ? ",1.25" : "1.25");
    put(&builder, "]}}");
    assert_true(assert_cuts_agree(&builder));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(small_ones), cmocka_unit_test(large_ones)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
