/* The parser against texts that RFC 8259 allows and forbids (of every kind that JSONTestSuite has), each
 * whole, byte by byte and cut in two at every place: always the same events, the same error at the same byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "json_samples.h"
#include "server.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* ---- What the parser says ------------------------------------------------------------------------- */

/* Events, one letter each and its text; pieces of a string side by side. */
struct record {
  char bytes[16384];
  size_t length;
  long refuse_at; /* the handler returns false at this event (of a string: its end); 0: never */
  long events;
};

static void record_bytes(struct record *record, const char *bytes, size_t length) {
  assert_true(record->length + length <= sizeof record->bytes);
  if (length) memcpy(record->bytes + record->length, bytes, length);
  record->length += length;
}

static bool record_event(void *context, enum json_event event, const char *text, size_t length) {
  static const char letters[] = {'{', '}', '[', ']', 'k', 0, '"', 'n', 't', 'f', 'z'};
  struct record *const record = context;
  assert_true(record->refuse_at == 0 || record->events < record->refuse_at); /* silent once it was refused */
  if (event == JSON_STRING) assert_true(length > 0);
  record_bytes(record, text, length);
  if (event == JSON_STRING) return true;
  record_bytes(record, &letters[event], 1);
  return ++record->events != record->refuse_at;
}

struct outcome {
  struct record record;
  bool fed, ended;
  const char *error;
  uint64_t offset;
};

/* Feeds a text in pieces: of size bytes each, or cut once at cut. Pieces are copied, to be watched by sanitizers. */
static void parse(struct outcome *outcome, const char *text, size_t length, size_t size, size_t cut) {
  static struct json_parser parser;
  memset(&parser, 0xA5, sizeof parser);
  outcome->record.length = 0;
  outcome->record.events = 0;
  json_begin(&parser, record_event, &outcome->record);
  outcome->fed = true;
  for (size_t at = 0; at < length && outcome->fed;) {
    size_t n = at < cut ? cut - at : length - at;
    if (n > size) n = size;
    char *const piece = malloc(n);
    assert_non_null(piece);
    memcpy(piece, text + at, n);
    outcome->fed = json_feed(&parser, piece, n);
    free(piece);
    at += n;
  }
  outcome->ended = json_end(&parser);
  outcome->error = parser.error;
  outcome->offset = parser.offset;
  if (!outcome->fed) { /* an error stays, and where it was */
    assert_false(outcome->ended);
    assert_false(json_feed(&parser, "1", 1));
    assert_int_equal(parser.offset, outcome->offset);
  }
}

static void assert_same(const struct outcome *a, const struct outcome *b) {
  assert_int_equal(a->fed, b->fed);
  assert_int_equal(a->ended, b->ended);
  assert_ptr_equal(a->error, b->error);
  assert_int_equal(a->offset, b->offset);
  assert_int_equal(a->record.length, b->record.length);
  assert_memory_equal(a->record.bytes, b->record.bytes, a->record.length);
}

/* Parses a text whole, then in every other way, which must give the same. */
static void parse_all_ways(struct outcome *whole, const char *text, size_t length) {
  static struct outcome other;
  other.record.refuse_at = whole->record.refuse_at;
  parse(whole, text, length, length, 0);
  for (size_t size = 1; size < 9; size++) {
    parse(&other, text, length, size, 0);
    assert_same(whole, &other);
  }
  for (size_t cut = 1; cut < length; cut++) {
    parse(&other, text, length, length, cut);
    assert_same(whole, &other);
  }
}

static struct outcome outcome;

static void reset(void) {
  outcome.record.refuse_at = 0;
}

static void refuses_invalid_texts(void **state) {
  (void)state;
  assert_true(COUNT(invalid) >= 150);
  for (size_t i = 0; i < COUNT(invalid); i++) {
    reset();
    parse_all_ways(&outcome, invalid[i].text, invalid[i].length);
    if (outcome.ended || outcome.offset != invalid[i].wrong || !outcome.error)
      fail_msg("%zu: %s: wrong at %zu, was at %zu (%s)", i, invalid[i].text, invalid[i].wrong, (size_t)outcome.offset,
               outcome.error ? outcome.error : "no error");
    assert_int_equal(outcome.fed, invalid[i].wrong == invalid[i].length);
  }
}

static void reads_valid_texts(void **state) {
  (void)state;
  assert_true(COUNT(valid) >= 80);
  for (size_t i = 0; i < COUNT(valid); i++) {
    reset();
    parse_all_ways(&outcome, valid[i].text, valid[i].length);
    if (!outcome.ended) fail_msg("%s: %s at %zu", valid[i].text, outcome.error, (size_t)outcome.offset);
    assert_int_equal(outcome.offset, valid[i].length);
    for (size_t n = 1; n <= 3; n++) { /* muted early, it says the same of the text, and nothing else */
      outcome.record.refuse_at = (long)n;
      parse_all_ways(&outcome, valid[i].text, valid[i].length);
      assert_true(outcome.ended);
    }
  }
}

static void checks_what_it_does_not_deliver(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(invalid); i++) {
    outcome.record.refuse_at = 1;
    parse_all_ways(&outcome, invalid[i].text, invalid[i].length);
    assert_false(outcome.ended);
    assert_int_equal(outcome.offset, invalid[i].wrong);
  }
}

static void refuses_every_truncation(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(valid); i++) {
    if (valid[i].text[0] != '[' && valid[i].text[0] != '{' && valid[i].text[0] != '"') continue;
    size_t length = valid[i].length;
    while (strchr(" \n", valid[i].text[length - 1])) length--;
    for (size_t n = 0; n < length; n++) {
      reset();
      parse(&outcome, valid[i].text, n, n, 0);
      assert_true(outcome.fed);
      assert_false(outcome.ended);
      assert_int_equal(outcome.offset, n);
    }
  }
}

static void expect(const char *text, size_t length, const char *events, size_t events_length) {
  reset();
  parse_all_ways(&outcome, text, length);
  assert_true(outcome.ended);
  assert_int_equal(outcome.record.length, events_length);
  assert_memory_equal(outcome.record.bytes, events, events_length);
}
#define EXPECT(text, events) expect(text, sizeof(text) - 1, events, sizeof(events) - 1)

static void delivers_events(void **state) {
  (void)state;
  EXPECT("{\"a\":[1,-2.5e3 , true],\"b\":{},\"\":null}", "{ak[1n-2.5e3nt]bk{}kz}");
  EXPECT("[[0.1,0.2],[3,4]]", "[[0.1n0.2n][3n4n]]");
  EXPECT("[\"\",\"x\",false]", "[\"x\"f]");
  EXPECT(" 12 ", "12n");
  EXPECT("\"a\\n\\\"\\/\\\\\\b\\f\\r\\t\\u0041\\u00e9\\u20AC\"", "a\n\"/\\\b\f\r\tA\xC3\xA9\xE2\x82\xAC\"");
  EXPECT("\"\\ud83d\\ude00\"", "\xF0\x9F\x98\x80\"");
  EXPECT("\"\\uDBFF\\uDFFF\"", "\xF4\x8F\xBF\xBF\"");
  EXPECT("\"\\u0000\"", "\0\"");
  EXPECT("{\"a\\u0000b\":\"\xE2\x82\xAC\"}", "{a\0bk\xE2\x82\xAC\"}");
  EXPECT("\"\\ud800\"", "\xEF\xBF\xBD\"");
  EXPECT("\"\\udc00x\"", "\xEF\xBF\xBDx\"");
  EXPECT("\"\\ud800\\ud801\\udc37\"", "\xEF\xBF\xBD\xF0\x90\x90\xB7\"");
  EXPECT("\"\\ud800\\n\\ud800x\\ud800\\u0041\"", "\xEF\xBF\xBD\n\xEF\xBF\xBDx\xEF\xBF\xBD"
                                                 "A\"");
  EXPECT("[\"\\ud800\",\"\\udc00\"]", "[\xEF\xBF\xBD\"\xEF\xBF\xBD\"]");
}

/* ---- Limits --------------------------------------------------------------------------------------- */

static char long_text[3 * JSON_TOKEN_MAX];

static void limits_numbers(void **state) {
  (void)state;
  for (size_t digits = JSON_TOKEN_MAX - 1; digits <= JSON_TOKEN_MAX + 2; digits++) {
    long_text[0] = '[';
    memset(long_text + 1, '1', digits);
    long_text[digits / 2] = '.';
    long_text[digits + 1] = ']';
    reset();
    parse_all_ways(&outcome, long_text, digits + 2);
    assert_int_equal(outcome.ended, digits <= JSON_TOKEN_MAX);
    if (!outcome.ended) {
      assert_string_equal(outcome.error, "a number is longer than 4,096 bytes");
      assert_int_equal(outcome.offset, 1 + JSON_TOKEN_MAX);
    } else {
      assert_int_equal(outcome.record.length, digits + 3);
    }
  }
}

static void cuts_long_keys(void **state) {
  (void)state;
  for (int escaped = 0; escaped < 2; escaped++) {
    memset(long_text, 'k', sizeof long_text);
    memcpy(long_text, escaped ? "{\"\\n" : "{\"kk", 4);
    memcpy(long_text + 6000, "\":\"", 3);
    memcpy(long_text + 6010, "\"}", 2);
    reset();
    parse_all_ways(&outcome, long_text, 6012);
    assert_true(outcome.ended);
    assert_int_equal(outcome.record.length, 1 + JSON_TOKEN_MAX + 1 + 7 + 2);
    assert_int_equal(outcome.record.bytes[1], escaped ? '\n' : 'k');
  }
}

static void limits_depth(void **state) {
  (void)state;
  for (size_t depth = JSON_DEPTH_MAX; depth <= JSON_DEPTH_MAX + 1; depth++) {
    size_t length = 0;
    for (size_t i = 0; i < depth; i++) {
      const char *const open = i % 2 ? "{\"a\":" : "[";
      memcpy(long_text + length, open, strlen(open));
      length += strlen(open);
    }
    long_text[length++] = '1';
    for (size_t i = depth; i-- > 0;) long_text[length++] = i % 2 ? '}' : ']';
    reset();
    parse_all_ways(&outcome, long_text, length);
    assert_int_equal(outcome.ended, depth == JSON_DEPTH_MAX);
  }
  memset(long_text, '[', sizeof long_text);
  parse(&outcome, long_text, sizeof long_text, 100, 0);
  assert_int_equal(outcome.offset, JSON_DEPTH_MAX);
  assert_string_equal(outcome.error, "arrays and objects are nested deeper than 64 levels");
}

static void names_the_defect(void **state) {
  (void)state;
  static const struct {
    const char *text, *error;
  } rows[] = {
      {"", "the text is empty"},
      {" \n", "the text is empty"},
      {"[1", "the text ends too early"},
      {"[1 2]", "a comma or ] was expected"},
      {"{\"a\":1;}", "a comma or } was expected"},
      {"{\"a\" 1}", "a colon was expected"},
      {"{a:1}", "a key in quotation marks was expected"},
      {"[1,]", "a value was expected"},
      {"{} x", "nothing may follow the value"},
      {"[01]", "a number does not begin with a superfluous zero"},
      {"[1.]", "a digit was expected"},
      {"nope", "a value was misspelt: the words are true, false and null"},
      {"\"\n\"", "a control character in a string has to be escaped"},
      {"\"\\x\"", "there is no such escape"},
      {"\"\\u12x4\"", "a hexadecimal digit was expected: \\u takes four"},
      {"\"\xC0\"", "the text is not UTF-8"},
      {"\xEF\xBB\xBF{}", "a value was expected, and no byte order mark before it"},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    reset();
    parse_all_ways(&outcome, rows[i].text, strlen(rows[i].text));
    assert_false(outcome.ended);
    assert_string_equal(outcome.error, rows[i].error);
  }
}

/* ---- Pieces ---------------------------------------------------------------------------------------- */

static const char *piece_from, *piece_to;
static size_t pieces;

/* Text comes out of the piece that was fed, uncopied. */
static bool inside(void *context, enum json_event event, const char *text, size_t length) {
  (void)context;
  if (event == JSON_STRING || event == JSON_NUMBER || event == JSON_KEY) {
    assert_true(text >= piece_from && text + length <= piece_to);
    pieces++;
  }
  return true;
}

static void copies_nothing(void **state) {
  (void)state;
  static const char text[] = "{\"key\": \"a string \xC3\xA9 of a piece\", \"n\": [1.5, 2, -3e4]}";
  static struct json_parser parser;
  piece_from = text;
  piece_to = text + sizeof text - 1;
  json_begin(&parser, inside, NULL);
  assert_true(json_feed(&parser, text, sizeof text - 1) && json_end(&parser));
  assert_int_equal(pieces, 6);
}

static bool whole_characters(void *context, enum json_event event, const char *text, size_t length) {
  (void)context;
  if (event != JSON_STRING) return true;
  for (const char *at = text; at < text + length; at += utf8_sequence(at, text + length))
    assert_true(utf8_sequence(at, text + length) > 0);
  return true;
}

static void cuts_no_character(void **state) {
  (void)state;
  static const char text[] = "\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80 \xC3\xA9\"";
  static struct json_parser parser;
  for (size_t cut = 0; cut < sizeof text - 1; cut++) {
    json_begin(&parser, whole_characters, NULL);
    assert_true(json_feed(&parser, text, cut));
    assert_true(json_feed(&parser, text + cut, sizeof text - 1 - cut) && json_end(&parser));
  }
}

static void knows_numbers(void **state) {
  (void)state;
  static const char *const good[] = {"0", "-0", "1.0", "1e5", "1E+05", "-12.25e-7"};
  static const char *const bad[] = {"",   "-",  "+1",  "01",  ".5",    "5.",  "1e",   "1e+",
                                    " 1", "1 ", "0x1", "NaN", "1.5.5", "--1", "1e5.0"};
  for (size_t i = 0; i < COUNT(good); i++) assert_true(json_is_number(good[i], strlen(good[i])));
  for (size_t i = 0; i < COUNT(bad); i++) assert_false(json_is_number(bad[i], strlen(bad[i])));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(refuses_invalid_texts),
      cmocka_unit_test(reads_valid_texts),
      cmocka_unit_test(checks_what_it_does_not_deliver),
      cmocka_unit_test(refuses_every_truncation),
      cmocka_unit_test(delivers_events),
      cmocka_unit_test(limits_numbers),
      cmocka_unit_test(cuts_long_keys),
      cmocka_unit_test(limits_depth),
      cmocka_unit_test(names_the_defect),
      cmocka_unit_test(copies_nothing),
      cmocka_unit_test(cuts_no_character),
      cmocka_unit_test(knows_numbers),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
