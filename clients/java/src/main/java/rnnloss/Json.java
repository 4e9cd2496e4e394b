package rnnloss;

import java.util.List;
import java.util.Map;

/**
 * A JSON value, for reading: what the daemon says of its terms, its vectors and itself, with all
 * members, also those that a later daemon adds. Values don't change, so threads may share them.
 */
public final class Json {
  /** Digits as they came, so that each reader rounds them once, to its own type. */
  static final class Digits {
    final String text;

    Digits(String text) {
      this.text = text;
    }

    @Override
    public String toString() {
      return text;
    }
  }

  /** A Map, List, String, Digits, Boolean or null. */
  private final Object value;

  Json(Object value) {
    this.value = value;
  }

  /**
   * Reads a JSON text, as strictly as RFC 8259 is written: no duplicate members, nothing after the
   * value, at most 128 levels.
   *
   * @param text the text
   * @return its value
   * @throws IllegalArgumentException if it is no JSON
   */
  public static Json parse(String text) {
    return new JsonReader(text).document();
  }

  /**
   * Whether this is an object that has a member.
   *
   * @param name the member's name
   * @return true if there is one, be it null
   */
  public boolean has(String name) {
    return value instanceof Map && members().containsKey(name);
  }

  /**
   * A member of this object.
   *
   * @param name its name
   * @return its value
   * @throws IllegalStateException if this is no object or there is no such member
   */
  public Json get(String name) {
    Json member = members().get(name);
    if (member == null) {
      throw new IllegalStateException("there is no member \"" + name + "\"");
    }
    return member;
  }

  /**
   * The members of this object, in their order.
   *
   * @return a map that can't be changed
   * @throws IllegalStateException if this is no object
   */
  @SuppressWarnings("unchecked")
  public Map<String, Json> members() {
    return (Map<String, Json>) as(Map.class, "object");
  }

  /**
   * The items of this array.
   *
   * @return a list that can't be changed
   * @throws IllegalStateException if this is no array
   */
  @SuppressWarnings("unchecked")
  public List<Json> items() {
    return (List<Json>) as(List.class, "array");
  }

  /**
   * This string.
   *
   * @return its characters
   * @throws IllegalStateException if this is no string
   */
  public String asString() {
    return as(String.class, "string");
  }

  /**
   * This number, or the {@code "NaN"}, {@code "Infinity"} or {@code "-Infinity"} that stands for
   * one.
   *
   * @return the nearest double
   * @throws IllegalStateException if this is neither
   */
  public double asDouble() {
    return Double.parseDouble(decimal());
  }

  /** The decimal of a number, or a name that parseDouble takes, too. */
  String decimal() {
    if ("NaN".equals(value) || "Infinity".equals(value) || "-Infinity".equals(value)) {
      return (String) value;
    }
    return as(Digits.class, "number").text;
  }

  /**
   * This whole number.
   *
   * @return its value
   * @throws IllegalStateException if this is none, or beyond the longs
   */
  public long asLong() {
    try {
      return Long.parseLong(as(Digits.class, "number").text);
    } catch (NumberFormatException e) {
      throw new IllegalStateException("not a whole number: " + value, e);
    }
  }

  /**
   * This truth value.
   *
   * @return it
   * @throws IllegalStateException if this is none
   */
  public boolean asBoolean() {
    return as(Boolean.class, "truth value");
  }

  /**
   * Whether this is {@code null}.
   *
   * @return true if so
   */
  public boolean isNull() {
    return value == null;
  }

  boolean isString() {
    return value instanceof String;
  }

  private <T> T as(Class<T> type, String name) {
    if (!type.isInstance(value)) {
      throw new IllegalStateException(
          "not " + ("aeiou".indexOf(name.charAt(0)) < 0 ? "a " : "an ") + name);
    }
    return type.cast(value);
  }

  /**
   * This value as JSON text, in one line; numbers have the digits that they came with.
   *
   * @return the text
   */
  @Override
  public String toString() {
    StringBuilder text = new StringBuilder();
    JsonWriter.value(text, value);
    return text.toString();
  }

  Object unwrapped() {
    return value;
  }
}
