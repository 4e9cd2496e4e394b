/* Texts that RFC 8259 forbids, with the place where they go wrong, and texts that it allows: of every kind that
 * JSONTestSuite has. */
#ifndef JSON_SAMPLES_H
#define JSON_SAMPLES_H

#include <stddef.h>

struct sample {
  const char *text;
  size_t length, wrong; /* the offset of the byte that is wrong; length: it ends too early */
};

/* What may begin a valid text, and the rest, whose first byte (or the end, if there is none) is wrong. */
#define WRONG(good, rest)                                                                                              \
  { good rest, sizeof(good rest) - 1, sizeof(good) - 1 }
#define VALID(text)                                                                                                    \
  { text, sizeof(text) - 1, 0 }

/* clang-format off */
static const struct sample invalid[] = {
    /* arrays */
    WRONG("[1 ", "true]"), WRONG("[", "a\xE5]"), WRONG("[\"\"", ":1]"), WRONG("[\"\"]", ","), WRONG("[", ",1]"),
    WRONG("[1,", ",2]"), WRONG("[\"x\",", ",]"), WRONG("[\"x\"]", "]"), WRONG("[\"\",", "]"), WRONG("[\"x\"", ""),
    WRONG("[", "x"), WRONG("[3", "[4]]"), WRONG("[", "\xFF]"), WRONG("[1", ":2]"), WRONG("[", ",]"), WRONG("[-", "]"),
    WRONG("[   ", ", \"\"]"), WRONG("[\"a\",\n4\n,1,", ""), WRONG("[1,", "]"), WRONG("[1,", ",]"),
    WRONG("[\"", "\x0B" "a\"\\f]"), WRONG("[", "*]"), WRONG("[\"\"", ""), WRONG("[1,", ""), WRONG("[1,\n1\n,1", ""),
    WRONG("[{}", ""), WRONG("[", "}"), WRONG("[1", "}"), WRONG("[1", ";2]"), WRONG("[[1]", "[2]]"),
    WRONG("[\"a\"", "\"b\"]"), WRONG("[null", "null]"), WRONG("[1 ", "2]"), WRONG("[1,", "\v2]"),
    /* literals */
    WRONG("[fals", "]"), WRONG("[nul", "]"), WRONG("[tru", "]"), WRONG("[", "True]"), WRONG("[n", "ULL]"),
    WRONG("t", "RUE"), WRONG("tru", ""), WRONG("fals", ""), WRONG("nul", ""), WRONG("[ false, nul", ""),
    WRONG("[ true, fals", ""), WRONG("[ false, tru", ""), WRONG("true", "x"), WRONG("null", "0"), WRONG("false", "\0"),
    WRONG("[true", "false]"), WRONG("n", "an"), WRONG("nu", "\xC3\xBC"), WRONG("", "undefined"), WRONG("", "None"),
    /* numbers */
    WRONG("123", "\0"), WRONG("[", "++1234]"), WRONG("[", "+1]"), WRONG("[", "+Inf]"), WRONG("[-0", "1]"),
    WRONG("[-1.0", ".]"), WRONG("[-2.", "]"), WRONG("[-", "NaN]"), WRONG("[", ".-1]"), WRONG("[", ".2e-3]"),
    WRONG("[0.1", ".2]"), WRONG("[0.3e+", "]"), WRONG("[0.3e", "]"), WRONG("[0.", "e1]"), WRONG("[0E+", "]"),
    WRONG("[0E", "]"), WRONG("[0e+", "]"), WRONG("[0e", "]"), WRONG("[1.0e+", "]"), WRONG("[1.0e-", "]"),
    WRONG("[1.0e", "]"), WRONG("[1 ", "000.0]"), WRONG("[1e", "E2]"), WRONG("[2.", "e+3]"), WRONG("[2.", "e-3]"),
    WRONG("[2.", "e3]"), WRONG("[9.", "e+]"), WRONG("[1", "+2]"), WRONG("[0", "x1]"), WRONG("[0", "x42]"),
    WRONG("[", "Infinity]"), WRONG("[0e+", "-1]"), WRONG("[-123.123", "foo]"), WRONG("[123", "\xE5]"),
    WRONG("[1e1", "\xE5]"), WRONG("[0", "\xE5]\n"), WRONG("[", "Inf]"), WRONG("[", "NaN]"), WRONG("[", "\xEF\xBC\x91]"),
    WRONG("[-", "Infinity]"), WRONG("[-", "foo]"), WRONG("[-", " 1]"), WRONG("[-0", "12]"), WRONG("[-", ".123]"),
    WRONG("[-1", "x]"), WRONG("[1e", "a]"), WRONG("[1e", "\xE5]"), WRONG("[1.", "]"), WRONG("[", ".123]"),
    WRONG("[1.2", "a-3]"), WRONG("[1.8011670033376514", "H-308]"), WRONG("[0", "12]"), WRONG("[0", "0]"),
    WRONG("[-0", "0]"), WRONG("[-", "-1]"), WRONG("[1", "-1]"), WRONG("[1e5", ".5]"), WRONG("[1e5", "e5]"),
    WRONG("[1", "_000]"), WRONG("[1", "f]"), WRONG("[1.0", "d]"), WRONG("[1", "L]"), WRONG("0", "1"), WRONG("-", ""),
    WRONG("1.", ""), WRONG("1e", ""), WRONG("1e+", ""), WRONG("-0.", ""), WRONG("2", "@"), WRONG("1 ", "2"),
    WRONG("-", "\0"),
    /* objects */
    WRONG("[\"x\", tru", "th]"), WRONG("{", "[: \"x\"}\n"), WRONG("{\"x\"", ", null}"), WRONG("{\"x\":", ":\"b\"}"),
    WRONG("{", "\xF0\x9F\x87\xA8\xF0\x9F\x87\xAD}"), WRONG("{\"a\":\"a\" ", "123}"), WRONG("{", "key: 'value'}"),
    WRONG("{\"", "\xB9\":\"0\",}"), WRONG("{\"a\" ", "b}"), WRONG("{", ":\"b\"}"), WRONG("{\"a\" ", "\"b\"}"),
    WRONG("{\"a\":", ""), WRONG("{\"a\"", ""), WRONG("{", "1:1}"), WRONG("{", "9999E9999:1}"),
    WRONG("{", "null:null,null:null}"), WRONG("{\"id\":0,", ",,,,}"), WRONG("{", "'a':0}"), WRONG("{\"id\":0,", "}"),
    WRONG("{\"a\":\"b\"}", "/**/"), WRONG("{\"a\":\"b\"}", "//"), WRONG("{\"a\":\"b\"}", "/"),
    WRONG("{\"a\":\"b\",", ",\"c\":\"d\"}"), WRONG("{", "a: \"b\"}"), WRONG("{\"a\":\"a", ""),
    WRONG("{ \"foo\" : \"bar\", \"a\" ", "}"), WRONG("{\"a\":\"b\"}", "#"), WRONG("{\"a\":", "}"), WRONG("{\"a\"", "}"),
    WRONG("{\"a\":1", "]"), WRONG("{\"a\":1 ", ":2}"), WRONG("{", ",\"a\":1}"), WRONG("{\"a\":1", "\"b\":2}"),
    WRONG("{", "{}:1}"), WRONG("{", "true:1}"), WRONG("{\"a\":1,", "2}"), WRONG("{\"a\":1,", "{}}"),
    WRONG("{\"a\":[1,2]", ""),
    /* strings */
    WRONG("[\"\\uD800\\\"]", ""), WRONG("[\"\\uD800\\u", "\"]"), WRONG("[\"\\uD800\\u1", "\"]"),
    WRONG("[\"\\uD800\\u1", "x\"]"), WRONG("[", "\xC3\xA9]"), WRONG("[\"\\", "\0\"]"), WRONG("[\"\\", "x00\"]"),
    WRONG("[\"\\\\\\\"]", ""), WRONG("[\"\\", "\t\"]"), WRONG("[\"\\", "\xF0\x9F\x8C\x80\"]"), WRONG("[\"\\\"]", ""),
    WRONG("[\"\\u00A", "\"]"), WRONG("[\"\\uD834\\uDd", "\"]"), WRONG("[\"\\uD800\\uD800\\", "x\"]"),
    WRONG("[\"\\u", "\xE5\"]"), WRONG("[\"\\", "a\"]"), WRONG("[\"\\u", "qqqq\"]"), WRONG("[\"\\", "\xE5\"]"),
    WRONG("[", "\\u0020\"asd\"]"), WRONG("[", "\\n]"), WRONG("\"", ""), WRONG("[", "'single quote']"), WRONG("", "abc"),
    WRONG("[\"\\", ""), WRONG("[\"a", "\0" "a\"]"), WRONG("[\"new", "\nline\"]"), WRONG("[\"", "\t\"]"),
    WRONG("\"\\", "UA66D\""), WRONG("\"\"", "x"), WRONG("[\"\\u", "\"]"), WRONG("[\"\\u1", "g23\"]"),
    WRONG("[\"\\u12", "G3\"]"), WRONG("[\"\\u123", "\\\"]"), WRONG("[\"\\u", "+123\"]"), WRONG("[\"\\u", " 123\"]"),
    WRONG("[\"\\", "'\"]"), WRONG("[\"\\", "0\"]"), WRONG("[\"\\", "v\"]"), WRONG("[\"\\", "N\"]"),
    WRONG("[\"", "\x1F\"]"), WRONG("[\"", "\x01\"]"), WRONG("[\"", "\r\"]"), WRONG("\"a", "\0\""),
    WRONG("{\"a", "\nb\":1}"), WRONG("{\"\\", "q\":1}"), WRONG("{\"\\u12", ""), WRONG("\"abcdefghijklmnopq", "\x1F\""),
    WRONG("\"\\u", "{41}\""),
    /* UTF-8: overlong, surrogates, too large, cut, stray */
    WRONG("[\"", "\xC0\xAF\"]"), WRONG("[\"", "\xC1\xBF\"]"), WRONG("[\"\xE0", "\x80\xAF\"]"),
    WRONG("[\"\xE0", "\x9F\xBF\"]"), WRONG("[\"\xF0", "\x80\x80\xAF\"]"), WRONG("[\"\xF0", "\x8F\xBF\xBF\"]"),
    WRONG("[\"", "\xFC\x80\x80\x80\x80\x80\"]"), WRONG("[\"\xED", "\xA0\x80\"]"), WRONG("[\"\xED", "\xBF\xBF\"]"),
    WRONG("[\"\xF4", "\x90\x80\x80\"]"), WRONG("[\"", "\xF5\x80\x80\x80\"]"), WRONG("[\"", "\xFE\"]"),
    WRONG("[\"", "\xFF\"]"), WRONG("[\"", "\x80\"]"), WRONG("[\"", "\xBF\"]"), WRONG("[\"\xE2\x82", "\"]"),
    WRONG("[\"\xE2", "\"]"), WRONG("[\"\xC3", "\"]"), WRONG("[\"\xF0\x9F\x98", "\"]"), WRONG("[\"\xC3", "\xC3\xA9\"]"),
    WRONG("[\"\xE2\x82", "A\"]"), WRONG("[\"\xC3\xA9", "\xA9\"]"), WRONG("\"\xE6\x97\xA5\xD1\x88", "\xFA\""),
    WRONG("\"\xE2\x82", ""), WRONG("{\"\xC3", "\":1}"), WRONG("[\"\\n\xF0\x9F", "\\n\"]"),
    /* structure */
    WRONG("", ""), WRONG(" ", ""), WRONG("\n\t\r ", ""), WRONG("", "<.>"), WRONG("[", "<null>]"), WRONG("[1]", "x"),
    WRONG("[1]", "]"), WRONG("[\"asd]", ""), WRONG("", "a\xC3\xA5"), WRONG("1", "]"), WRONG("{\"x\": true,", ""),
    WRONG("[]", "[]"), WRONG("", "]"), WRONG("", "\xEF\xBB{}"), WRONG("", "\xE5"), WRONG("[", ""), WRONG("[", "\0]"),
    WRONG("{}", "}"), WRONG("{\"\":", ""), WRONG("{\"a\":", "/*comment*/\"b\"}"), WRONG("{\"a\": true} ", "\"x\""),
    WRONG("[", "'"), WRONG("[", ","), WRONG("[{\"\":[{\"\":[{\"\":", ""), WRONG("[{", ""), WRONG("[\"a", ""),
    WRONG("[\"a\"", ""), WRONG("{", ""), WRONG("{", "]"), WRONG("{", ",}"), WRONG("{", "["), WRONG("{\"a", ""),
    WRONG("{", "'a'"), WRONG("[\"\\", "{[\"\\{[\"\\{[\"\\{"), WRONG("", "\xE9"), WRONG("", "*"),
    WRONG("{\"a\":\"b\"}", "#{}"), WRONG("[", "\xE2\x81\xA0]"), WRONG("[", "\\u000A\"\"]"), WRONG("[1", ""),
    WRONG("{\"asd\":\"asd\"", ""), WRONG("", "\xC3\xA5"), WRONG("", "\xEF\xBB\xBF"), WRONG("", "\xEF\xBB\xBF{}"),
    WRONG("[", "\f]"), WRONG("", "\xE2\x81\xA0"), WRONG("", "\xFE\xFF\0[\0]"), WRONG("", "\xFF\xFE[\0]\0"),
    WRONG("[", "\0]\0"), WRONG("", "\0[\0]"), WRONG("", "\v1"), WRONG("", "\xC2\xA0" "1"), WRONG("1 ", "\xC2\xA0"),
    WRONG("", ","), WRONG("", ":"), WRONG("", "}"), WRONG("{}", ","), WRONG("1", ","), WRONG("\"a\" ", "\"b\""),
    WRONG("[1]\n", "[2]"), WRONG("", "// c\n1"), WRONG("[1", "/*c*/]"), WRONG("{\"a\":1}", "\0"), WRONG("[1]", "\xFF"),
    WRONG("[]", "\xEF\xBB\xBF"),
};

static const struct sample valid[] = {
    /* arrays */
    VALID("[[]   ]"), VALID("[\"\"]"), VALID("[]"), VALID("[\"a\"]"), VALID("[false]"), VALID("[null, 1, \"1\", {}]"),
    VALID("[null]"), VALID("[1\n]"), VALID(" [1]"), VALID("[1,null,null,null,2]"), VALID("[2] "),
    VALID("[[],[[]],[[],[]]]"), VALID("[\n]\n"), VALID("[1,2,3]"), VALID("[1 , 2\t,\r\n3 ]"),
    VALID("[[1.5,-2],[3e4,0]]"), VALID("[{},[],\"\",0,true,false,null]"),
    /* numbers */
    VALID("[123e65]"), VALID("[0e+1]"), VALID("[0e1]"), VALID("[ 4]"),
    VALID("[-0.000000000000000000000000000000000000001]"), VALID("[20e1]"), VALID("[-0]"), VALID("[-123]"),
    VALID("[-1]"), VALID("[1E22]"), VALID("[1E-2]"), VALID("[1E+2]"), VALID("[123e45]"), VALID("[123.456e78]"),
    VALID("[1e-2]"), VALID("[1e+2]"), VALID("[123]"), VALID("[123.456789]"), VALID("0"), VALID("-0.0"), VALID("-0e-0"),
    VALID("42"), VALID("-0.1"), VALID("1e999"), VALID("-1e-999"), VALID("1E0001"), VALID("[0.0,0.10,0e0,0E-00]"),
    VALID("[1.7976931348623157e308,5e-324]"), VALID("100000000000000000000000000000000000000"),
    VALID("[0.4e00669999999999999999999999999999999999999999999999999999999999999999999969999999006]"), VALID("9 "),
    VALID("[-1e+9999]"), VALID("[1.5e+9999]"), VALID("[-123123123123123123123123123123]"),
    VALID("[-237462374673276894279832749832423479823246327846]"),
    /* objects */
    VALID("{\"asd\":\"sdf\", \"dfg\":\"fgh\"}"), VALID("{\"asd\":\"sdf\"}"), VALID("{\"a\":\"b\",\"a\":\"c\"}"),
    VALID("{\"a\":\"b\",\"a\":\"b\"}"), VALID("{}"), VALID("{\"\":0}"), VALID("{\"foo\\u0000bar\": 42}"),
    VALID("{ \"min\": -1.0e+28, \"max\": 1.0e+28 }"),
    VALID("{\"x\":[{\"id\": \"xxxxxxxxxxxxxxxxxxxxxxxx\"}], \"id\": \"x\"}"), VALID("{\"a\":[]}"),
    VALID("{\"title\":\"\\u041f\\u043e\\u043b\\u0442\\u043e\\u0440\\u0430\" }"), VALID("{\n\"a\": \"b\"\n}"),
    VALID("{ \"a\" : { \"b\" : { } } , \"c\" : [ { } ] }"), VALID("{\"k\\\"\":1}"),
    VALID("{\"\xC3\xA9\":1,\"\xF0\x9F\x98\x80\":2}"),
    /* strings */
    VALID("[\"\\u0060\\u012a\\u12AB\"]"), VALID("[\"\\uD801\\udc37\"]"), VALID("[\"\\ud83d\\ude39\\ud83d\\udc8d\"]"),
    VALID("[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]"), VALID("[\"\\\\u0000\"]"), VALID("[\"\\\"\"]"),
    VALID("[\"a/*b*/c/*d//e\"]"), VALID("[\"\\\\a\"]"), VALID("[\"\\\\n\"]"), VALID("[\"\\u0012\"]"),
    VALID("[\"\\uFFFF\"]"), VALID("[\"asd\"]"), VALID("[ \"asd\"]"), VALID("[\"\\uDBFF\\uDFFF\"]"),
    VALID("[\"new\\u00A0line\"]"), VALID("[\"\xF4\x8F\xBF\xBF\"]"), VALID("[\"\xEF\xBF\xBF\"]"), VALID("[\"\\u0000\"]"),
    VALID("[\"\\u002c\"]"), VALID("[\"\xCF\x80\"]"), VALID("[\"\xF0\x9B\xBF\xBF\"]"), VALID("[\"asd \"]"),
    VALID("\" \""), VALID("[\"\\uD834\\uDd1e\"]"), VALID("[\"\\u0821\"]"), VALID("[\"\\u0123\"]"),
    VALID("[\"\xE2\x80\xA8\"]"), VALID("[\"\xE2\x80\xA9\"]"), VALID("[\"\\u0061\\u30af\\u30EA\\u30b9\"]"),
    VALID("[\"new\\u000Aline\"]"), VALID("[\"\x7F\"]"), VALID("[\"\\uA66D\"]"), VALID("[\"\\u005C\"]"),
    VALID("[\"\xE2\x8D\x82\xE3\x88\xB4\xE2\x8D\x82\"]"), VALID("[\"\\u200B\\u2064\"]"),
    VALID("[\"\\uD83F\\uDFFE\\uFDD0\\uFFFE\"]"), VALID("[\"\\u0022\"]"), VALID("[\"\xE2\x82\xAC\xF0\x9D\x84\x9E\"]"),
    VALID("[\"a\x7F" "a\"]"), VALID("\"\""), VALID("\"abcdefghijklmnopqrstuvwxyz0123456789+/==\""),
    VALID("\"\xED\x9F\xBF\xEE\x80\x80\""), VALID("\"\\ud800\""), VALID("\"\\udc00\""), VALID("\"\\ud800\\ud800\\n\""),
    VALID("\"\\ud800a\\udfff\\udbff\""), VALID("\"\\ud800\\u0041\""), VALID("\"\\udbff\\udfff\\udfff\""),
    VALID("\"\\uD800\xC3\xA9\""),
    /* structure */
    VALID("false"), VALID("null"), VALID("true"), VALID("\"asd\""), VALID("[true]"), VALID("[]\n"), VALID(" [] "),
    VALID(" \t\r\n{} \t\r\n"),
    VALID("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]" "]]]]]]]]]]]]]]]]]]]]"),
};
/* clang-format on */

#endif
