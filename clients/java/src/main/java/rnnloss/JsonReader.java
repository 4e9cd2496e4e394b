package rnnloss;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/** Reads JSON, strictly: what is wrong in an answer must not become a number. */
final class JsonReader {
  private static final int MAX_DEPTH = 128;

  private final String text;
  private int at;
  private int depth;

  JsonReader(String text) {
    this.text = text;
  }

  /** The value that some bytes are the text of. */
  static Json read(ByteBuffer utf8) {
    try {
      return Json.parse(StandardCharsets.UTF_8.newDecoder().decode(utf8.duplicate()).toString());
    } catch (CharacterCodingException e) {
      throw new IllegalArgumentException("no UTF-8", e);
    }
  }

  Json document() {
    space();
    Json value = value();
    space();
    if (at < text.length()) {
      throw wrong("something after the end");
    }
    return value;
  }

  private Json value() {
    switch (peek()) {
      case '{':
        return nested(this::object);
      case '[':
        return nested(this::array);
      case '"':
        return new Json(string());
      case 't':
        return word("true", Boolean.TRUE);
      case 'f':
        return word("false", Boolean.FALSE);
      case 'n':
        return word("null", null);
      default:
        return new Json(new Json.Digits(number()));
    }
  }

  private Json nested(Supplier<Json> reader) {
    if (++depth > MAX_DEPTH) {
      throw wrong("nested too deeply");
    }
    Json value = reader.get();
    depth--;
    return value;
  }

  private Json object() {
    Map<String, Json> members = new LinkedHashMap<>();
    expect('{');
    space();
    if (!skip('}')) {
      do {
        space();
        String name = string();
        space();
        expect(':');
        space();
        if (members.put(name, value()) != null) {
          throw wrong("a name twice: " + name);
        }
        space();
      } while (skip(','));
      expect('}');
    }
    return new Json(Collections.unmodifiableMap(members));
  }

  private Json array() {
    List<Json> items = new ArrayList<>();
    expect('[');
    space();
    if (!skip(']')) {
      do {
        space();
        items.add(value());
        space();
      } while (skip(','));
      expect(']');
    }
    return new Json(Collections.unmodifiableList(items));
  }

  private Json word(String word, Boolean value) {
    if (!text.startsWith(word, at)) {
      throw wrong("no value");
    }
    at += word.length();
    return new Json(value);
  }

  private String number() {
    int begin = at;
    skip('-');
    if (!skip('0')) {
      digits();
    }
    if (skip('.')) {
      digits();
    }
    if (skip('e') || skip('E')) {
      if (!skip('-')) {
        skip('+');
      }
      digits();
    }
    return text.substring(begin, at);
  }

  private void digits() {
    int begin = at;
    while (peek() >= '0' && peek() <= '9') {
      at++;
    }
    if (at == begin) {
      throw wrong("no value");
    }
  }

  private String string() {
    expect('"');
    StringBuilder characters = new StringBuilder();
    while (!skip('"')) {
      char next = peek();
      if (next < ' ') {
        throw wrong("a string that doesn't end, or a control character in it");
      }
      at++;
      characters.append(next == '\\' ? escaped() : next);
    }
    requirePairs(characters);
    return characters.toString();
  }

  private char escaped() {
    char letter = peek();
    at++;
    if (letter == 'u') {
      return unit();
    }
    int index = "\"\\/bfnrt".indexOf(letter);
    if (index < 0) {
      throw wrong("an unknown escape");
    }
    return "\"\\/\b\f\n\r\t".charAt(index);
  }

  private char unit() {
    int unit = 0;
    for (int i = 0; i < 4; i++) {
      char letter = peek();
      int digit = letter < 128 ? Character.digit(letter, 16) : -1;
      if (digit < 0) {
        throw wrong("an unknown escape");
      }
      unit = unit * 16 + digit;
      at++;
    }
    return (char) unit;
  }

  private void requirePairs(CharSequence characters) {
    if (characters
        .codePoints()
        .anyMatch(c -> c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE)) {
      throw wrong("half a surrogate pair");
    }
  }

  private void space() {
    while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) {
      at++;
    }
  }

  /** The next character, NUL at the end: no token has one. */
  private char peek() {
    return at < text.length() ? text.charAt(at) : '\0';
  }

  private boolean skip(char wanted) {
    boolean found = peek() == wanted;
    if (found) {
      at++;
    }
    return found;
  }

  private void expect(char wanted) {
    if (!skip(wanted)) {
      throw wrong("no " + wanted);
    }
  }

  private IllegalArgumentException wrong(String what) {
    return new IllegalArgumentException("no JSON: " + what + " at character " + at);
  }
}
