package rnnloss;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** JSON, as strict as its RFC. */
class JsonTest {
  @Test
  void valuesAreRead() {
    Json json =
        Json.parse(
            " {\"a\" : [ 1 , -0.0 , 2.5e-3 , 1E400 ] , \"b\":{} , \"c\":[], \"d\":true,"
                + "\"e\":false,\"f\":null,\"g\":\"NaN\"}\n");
    List<Json> numbers = json.get("a").items();
    assertEquals(1, numbers.get(0).asLong());
    assertEquals(-0.0, numbers.get(1).asDouble());
    assertEquals(0.0025, numbers.get(2).asDouble());
    assertEquals(Double.POSITIVE_INFINITY, numbers.get(3).asDouble());
    assertTrue(json.get("b").members().isEmpty());
    assertTrue(json.get("c").items().isEmpty());
    assertTrue(json.get("d").asBoolean());
    assertFalse(json.get("e").asBoolean());
    assertTrue(json.get("f").isNull());
    assertTrue(json.has("f"));
    assertFalse(json.has("h"));
    assertTrue(Double.isNaN(json.get("g").asDouble()));
  }

  @Test
  void stringsAreUnescapedAndEscaped() {
    String text = "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00fc\\uD83D\\ude00\u00fc\"";
    String expected = "\"\\/\b\f\n\r\t\u00fc\ud83d\ude00\u00fc";
    assertEquals(expected, Json.parse(text).asString());
    assertEquals(expected, Json.parse(JsonWriter.text(expected)).asString());
  }

  @Test
  void textComesBackAsItWas() {
    String text = "{\"a\":[1,1.0,1e5,true,null,\"\\u0001\"],\"b\":{}}";
    assertEquals(text, Json.parse(text).toString());
    assertEquals("1.50", Json.parse("1.50").toString());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        " ",
        "{",
        "[",
        "\"",
        "[1,]",
        "[,1]",
        "{\"a\":1,}",
        "{a:1}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,\"a\":2}",
        "01",
        "-",
        "+1",
        "1.",
        ".5",
        "1e",
        "1e+",
        "0x1",
        "NaN",
        "Infinity",
        "tru",
        "nul",
        "'a'",
        "[1 2]",
        "{} {}",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\uzzzz\"",
        "\"\n\"",
        "\"\\ud800\"",
        "\"\\ude00\\ud83d\"",
        "\ufeff{}",
        "/**/1",
        "1\u0000"
      })
  void whatIsNoJsonIsRefused(String text) {
    assertThrows(IllegalArgumentException.class, () -> Json.parse(text));
  }

  @Test
  void depthIsLimited() {
    assertEquals(1, Json.parse("[".repeat(128) + "]".repeat(128)).items().size());
    assertThrows(
        IllegalArgumentException.class, () -> Json.parse("[".repeat(129) + "]".repeat(129)));
    String wide = "[" + "[],".repeat(1000) + "[]]";
    assertEquals(1001, Json.parse(wide).items().size());
  }

  @Test
  void aValueIsNotTakenForAnother() {
    Json number = Json.parse("1.5");
    assertThrows(IllegalStateException.class, number::asString);
    assertThrows(IllegalStateException.class, number::asLong);
    assertThrows(IllegalStateException.class, number::asBoolean);
    assertThrows(IllegalStateException.class, number::items);
    assertThrows(IllegalStateException.class, () -> number.get("a"));
    assertThrows(IllegalStateException.class, () -> Json.parse("{}").get("a"));
    assertThrows(IllegalStateException.class, () -> Json.parse("\"1.5\"").asDouble());
    assertThrows(IllegalStateException.class, () -> Json.parse("9223372036854775808").asLong());
    assertThrows(UnsupportedOperationException.class, () -> Json.parse("[]").items().add(number));
  }

  @Test
  void numbersAreWrittenToTheBit() {
    double[] doubles = {
      0.1,
      -0.0,
      Double.MIN_VALUE,
      Double.MAX_VALUE,
      2.2250738585072014E-308,
      Double.parseDouble("1e23"),
      2e-3,
      1.0 / 3
    };
    for (double value : doubles) {
      double read = Json.parse(JsonWriter.text(value)).asDouble();
      assertEquals(Double.doubleToRawLongBits(value), Double.doubleToRawLongBits(read));
    }
    assertEquals(
        "[\"NaN\",\"Infinity\",\"-Infinity\"]",
        JsonWriter.text(List.of(Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY)));
    assertEquals(
        "{\"dtype\":\"F32\",\"shape\":[2],\"data\":[0.1,\"NaN\"]}",
        JsonWriter.text(Tensor.f32(new float[] {0.1f, Float.NaN}, 2)));
  }
}
