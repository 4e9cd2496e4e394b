package rnnloss;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.math.BigDecimal;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** F16 and BF16, every bit pattern and every border between two. */
class SmallFloatTest {
  @Test
  void everyValueComesBack() {
    for (int bits = 0; bits < 0x10000; bits++) {
      assertComesBack(SmallFloat.F16, (short) bits, 0x7e00);
      assertComesBack(SmallFloat.BF16, (short) bits, 0x7fc0);
    }
  }

  private static void assertComesBack(SmallFloat format, short bits, int nan) {
    float value = format.value(bits);
    short expected = Float.isNaN(value) ? (short) nan : bits;
    assertEquals(expected, format.bits(value));
    assertEquals(expected, format.bits(Float.toString(value)));
  }

  @Test
  void bfloat16IsTheUpperHalfOfAFloat() {
    for (int bits = 0; bits < 0x7f80; bits++) {
      assertEquals(Float.intBitsToFloat(bits << 16), BFloat16.value((short) bits));
    }
  }

  /** Between two neighbours the tie goes to the even one, anything beside it to the nearer one. */
  @Test
  void everyBorderIsRoundedAsItMust() {
    for (int bits = 0; bits < 0x7c00; bits++) {
      assertBorder(SmallFloat.F16, bits, bits == 0x7bff ? 65536 : 0);
    }
    for (int bits = 0; bits < 0x7f80; bits++) {
      assertBorder(SmallFloat.BF16, bits, bits == 0x7f7f ? 0x1p128 : 0);
    }
  }

  private static void assertBorder(SmallFloat format, int bits, double beyond) {
    double low = format.value((short) bits);
    double high = beyond > 0 ? beyond : format.value((short) (bits + 1));
    double tie = (low + high) / 2;
    short even = (short) (bits + (bits & 1));
    assertEquals(even, format.bits(tie));
    assertEquals((short) bits, format.bits(Math.nextDown(tie)));
    assertEquals((short) (bits + 1), format.bits(Math.nextUp(tie)));
    assertEquals((short) (even | 0x8000), format.bits(-tie));
    // A decimal so near to the tie that the nearest double is the tie itself.
    BigDecimal exact = new BigDecimal(tie);
    BigDecimal hair = exact.movePointLeft(30);
    assertEquals(even, format.bits(exact.toString()));
    assertEquals((short) (bits + 1), format.bits(exact.add(hair).toString()));
    assertEquals((short) bits, format.bits(exact.subtract(hair).toString()));
    assertEquals((short) (bits | 0x8000), format.bits(exact.subtract(hair).negate().toString()));
  }

  @ParameterizedTest
  @CsvSource({
    "1, 3c00",
    "-2, c000",
    "65504, 7bff",
    "65519.99, 7bff",
    "65520, 7c00",
    "1e300, 7c00",
    "-Infinity, fc00",
    "NaN, 7e00",
    "5.960464477539063e-8, 0001",
    "2.98e-8, 0000",
    "2.9802322387695312e-8, 0000",
    "2.9802322387695317e-8, 0001",
    "-0.0, 8000",
    "5e-324, 0000"
  })
  void halvesAreRounded(double value, String bits) {
    assertEquals(bits, String.format("%04x", Float16.bits(value)));
  }

  @Test
  void arraysAreRoundedElementByElement() {
    assertEquals(0x3c00, Float16.bits(new float[] {0, 1})[1]);
    assertEquals(0x3f80, BFloat16.bits(new float[] {0, 1})[1]);
    assertEquals(0x3f80, BFloat16.bits(1.001));
    assertEquals(1, Float16.value((short) 0x3c00));
  }
}
