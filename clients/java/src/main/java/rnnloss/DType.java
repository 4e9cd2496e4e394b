package rnnloss;

/** The type of a tensor's elements, by the names of the wire contract. */
public enum DType {
  /** IEEE 754 binary16. */
  F16(2),
  /** The upper half of a binary32. */
  BF16(2),
  /** IEEE 754 binary32, Java's {@code float}. */
  F32(4),
  /** IEEE 754 binary64, Java's {@code double}. */
  F64(8);

  private final int bytes;

  DType(int bytes) {
    this.bytes = bytes;
  }

  /**
   * The size of an element.
   *
   * @return bytes: 2, 4 or 8
   */
  public int bytes() {
    return bytes;
  }

  /** The size of a whole tensor; an IllegalArgumentException if there is no such shape. */
  long bytes(long[] shape) {
    long size = bytes;
    for (long axis : shape) {
      if (axis < 0 || Math.multiplyHigh(size, axis) != 0 || size * axis < 0) {
        throw new IllegalArgumentException("a shape with an axis of " + axis);
      }
      size *= axis;
    }
    return size;
  }
}
