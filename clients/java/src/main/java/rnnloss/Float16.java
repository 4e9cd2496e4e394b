package rnnloss;

/** Conversions of IEEE 754 binary16, which Java has no type for: its bits are kept in shorts. */
public final class Float16 {
  private Float16() {}

  /**
   * Rounds a number to the nearest F16, ties to even; beyond the range it is an infinity.
   *
   * @param value the number; a float is widened exactly, so it is rounded once, too
   * @return the bits; those of the canonical NaN for NaN
   */
  public static short bits(double value) {
    return SmallFloat.F16.bits(value);
  }

  /**
   * Rounds numbers, as {@link #bits(double)} does.
   *
   * @param values the numbers
   * @return the bits of each, in a new array
   */
  public static short[] bits(float[] values) {
    return SmallFloat.F16.bits(values);
  }

  /**
   * The value of a number in F16.
   *
   * @param bits the bits
   * @return the value, exactly
   */
  public static float value(short bits) {
    return SmallFloat.F16.value(bits);
  }
}
