package rnnloss;

import java.math.BigDecimal;

/** A binary floating-point format of 16 bits, as IEEE 754 would have it. */
final class SmallFloat {
  static final SmallFloat F16 = new SmallFloat(5, 10);
  static final SmallFloat BF16 = new SmallFloat(8, 7);

  private final int fractionBits;
  private final int maxExponent;
  private final int minExponent;
  private final int infinity;

  private SmallFloat(int exponentBits, int fractionBits) {
    this.fractionBits = fractionBits;
    maxExponent = (1 << (exponentBits - 1)) - 1;
    minExponent = 1 - maxExponent;
    infinity = ((1 << exponentBits) - 1) << fractionBits;
  }

  /** The nearest value's bits, ties to even; NaN becomes the canonical one. */
  short bits(double value) {
    if (Double.isNaN(value)) {
      return (short) (infinity | 1 << (fractionBits - 1));
    }
    int sign = Double.doubleToRawLongBits(value) < 0 ? 0x8000 : 0;
    return (short) (sign | magnitude(Math.abs(value)));
  }

  /** The nearest values' bits, in a new array. */
  short[] bits(float[] values) {
    short[] bits = new short[values.length];
    for (int i = 0; i < values.length; i++) {
      bits[i] = bits(values[i]);
    }
    return bits;
  }

  private int magnitude(double value) {
    int exponent = Math.max(Math.getExponent(value), minExponent);
    if (exponent > maxExponent) {
      return infinity;
    }
    // In units of the last place, so that rint rounds where the format does. A significand that is
    // rounded up to the next power of two carries into the exponent, and at the end to infinity.
    double units = Math.rint(Math.scalb(value, fractionBits - exponent));
    return ((exponent - minExponent) << fractionBits) + (int) units;
  }

  /** The bits of the value nearest to a decimal: rounded once, not by way of the doubles. */
  short bits(String decimal) {
    double nearest = Double.parseDouble(decimal);
    return bits(Double.isFinite(nearest) ? toOdd(nearest, decimal) : nearest);
  }

  /** Only a double that ends in zeros can be a tie of a small format by having been rounded. */
  private static double toOdd(double nearest, String decimal) {
    if ((Double.doubleToRawLongBits(nearest) & 0xffff) != 0) {
      return nearest;
    }
    int side = new BigDecimal(decimal).compareTo(new BigDecimal(nearest));
    if (side == 0) {
      return nearest;
    }
    return side > 0 ? Math.nextUp(nearest) : Math.nextDown(nearest);
  }

  /** The value of some bits, which is exact. */
  float value(short bits) {
    int fraction = bits & ((1 << fractionBits) - 1);
    int exponent = (bits & 0x7fff) >> fractionBits;
    float magnitude;
    if ((bits & infinity) == infinity) {
      magnitude = fraction == 0 ? Float.POSITIVE_INFINITY : Float.NaN;
    } else if (exponent == 0) {
      magnitude = Math.scalb((float) fraction, minExponent - fractionBits);
    } else {
      int significand = fraction | 1 << fractionBits;
      magnitude = Math.scalb((float) significand, exponent - 1 + minExponent - fractionBits);
    }
    return bits < 0 ? -magnitude : magnitude;
  }
}
