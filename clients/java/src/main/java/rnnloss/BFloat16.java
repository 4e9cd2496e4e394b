package rnnloss;

/**
 * Conversions of bfloat16, the upper half of a binary32, which Java has no type for: its bits are
 * kept in shorts.
 */
public final class BFloat16 {
  private BFloat16() {}

  /**
   * Rounds a number to the nearest BF16, ties to even; beyond the range it is an infinity.
   *
   * @param value the number; a float is widened exactly, so it is rounded once, too
   * @return the bits; those of the canonical NaN for NaN
   */
  public static short bits(double value) {
    return SmallFloat.BF16.bits(value);
  }

  /**
   * Rounds numbers, as {@link #bits(double)} does.
   *
   * @param values the numbers
   * @return the bits of each, in a new array
   */
  public static short[] bits(float[] values) {
    return SmallFloat.BF16.bits(values);
  }

  /**
   * The value of a number in BF16.
   *
   * @param bits the bits
   * @return the value, exactly
   */
  public static float value(short bits) {
    return SmallFloat.BF16.value(bits);
  }
}
