package rnnloss;

import java.nio.Buffer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.DoubleBuffer;
import java.nio.FloatBuffer;
import java.nio.ShortBuffer;
import java.util.Arrays;
import java.util.function.IntToDoubleFunction;

/**
 * A tensor: a dtype, a shape, and elements in row-major order.
 *
 * <p>The elements are not copied: a tensor made from an array or a buffer sees what is written to
 * it later, so don't while a call is under way. A buffer's elements are those from its position to
 * its limit at the time; its position is never moved. Gradients are read-only views of the answer's
 * bytes and stay good as long as anybody holds them.
 *
 * <p>Whether the elements fill the shape is for the daemon to say ({@code invalid-data}, {@code
 * malformed-safetensors}). Tensors may be read by many threads at once.
 */
public final class Tensor {
  private final DType dtype;
  private final long[] shape;
  private final Buffer elements;

  private Tensor(DType dtype, Buffer elements, long[] shape) {
    this.dtype = dtype;
    this.elements = elements;
    this.shape = shape.clone();
  }

  /**
   * A tensor of floats.
   *
   * @param elements the elements, row-major
   * @param shape the length of each axis
   * @return an F32 tensor
   */
  public static Tensor f32(float[] elements, long... shape) {
    return f32(FloatBuffer.wrap(elements), shape);
  }

  /**
   * A tensor of floats.
   *
   * @param elements the elements, row-major, in either byte order
   * @param shape the length of each axis
   * @return an F32 tensor
   */
  public static Tensor f32(FloatBuffer elements, long... shape) {
    return new Tensor(DType.F32, elements.slice().asReadOnlyBuffer(), shape);
  }

  /**
   * A tensor of doubles.
   *
   * @param elements the elements, row-major
   * @param shape the length of each axis
   * @return an F64 tensor
   */
  public static Tensor f64(double[] elements, long... shape) {
    return f64(DoubleBuffer.wrap(elements), shape);
  }

  /**
   * A tensor of doubles.
   *
   * @param elements the elements, row-major, in either byte order
   * @param shape the length of each axis
   * @return an F64 tensor
   */
  public static Tensor f64(DoubleBuffer elements, long... shape) {
    return new Tensor(DType.F64, elements.slice().asReadOnlyBuffer(), shape);
  }

  /**
   * A tensor of binary16 numbers; {@link Float16} makes them.
   *
   * @param bits the elements' bits, row-major
   * @param shape the length of each axis
   * @return an F16 tensor
   */
  public static Tensor f16(short[] bits, long... shape) {
    return f16(ShortBuffer.wrap(bits), shape);
  }

  /**
   * A tensor of binary16 numbers; {@link Float16} makes them.
   *
   * @param bits the elements' bits, row-major, in either byte order
   * @param shape the length of each axis
   * @return an F16 tensor
   */
  public static Tensor f16(ShortBuffer bits, long... shape) {
    return new Tensor(DType.F16, bits.slice().asReadOnlyBuffer(), shape);
  }

  /**
   * A tensor of bfloat16 numbers; {@link BFloat16} makes them.
   *
   * @param bits the elements' bits, row-major
   * @param shape the length of each axis
   * @return a BF16 tensor
   */
  public static Tensor bf16(short[] bits, long... shape) {
    return bf16(ShortBuffer.wrap(bits), shape);
  }

  /**
   * A tensor of bfloat16 numbers; {@link BFloat16} makes them.
   *
   * @param bits the elements' bits, row-major, in either byte order
   * @param shape the length of each axis
   * @return a BF16 tensor
   */
  public static Tensor bf16(ShortBuffer bits, long... shape) {
    return new Tensor(DType.BF16, bits.slice().asReadOnlyBuffer(), shape);
  }

  /**
   * A tensor from bytes, which are sent without any copy where the buffer is direct.
   *
   * @param dtype the elements' type
   * @param littleEndian the elements' bytes, row-major, little-endian whatever the buffer's order
   * @param shape the length of each axis
   * @return the tensor
   */
  public static Tensor of(DType dtype, ByteBuffer littleEndian, long... shape) {
    ByteBuffer view = littleEndian.slice().asReadOnlyBuffer().order(ByteOrder.LITTLE_ENDIAN);
    return new Tensor(dtype, view, shape);
  }

  /**
   * The type of the elements.
   *
   * @return the dtype
   */
  public DType dtype() {
    return dtype;
  }

  /**
   * The length of each axis, the slowest first.
   *
   * @return a copy of the shape
   */
  public long[] shape() {
    return shape.clone();
  }

  /**
   * How many elements there are.
   *
   * @return the count, whatever the shape says
   */
  public int size() {
    int remaining = elements.remaining();
    return elements instanceof ByteBuffer ? remaining / dtype.bytes() : remaining;
  }

  /**
   * The elements of an F32 tensor.
   *
   * @return a read-only view, row-major, from position 0
   * @throws IllegalStateException if the dtype is another one
   */
  public FloatBuffer asFloatBuffer() {
    require(dtype == DType.F32, "F32");
    return elements instanceof ByteBuffer
        ? littleEndian().asFloatBuffer()
        : ((FloatBuffer) elements).duplicate();
  }

  /**
   * The elements of an F64 tensor.
   *
   * @return a read-only view, row-major, from position 0
   * @throws IllegalStateException if the dtype is another one
   */
  public DoubleBuffer asDoubleBuffer() {
    require(dtype == DType.F64, "F64");
    return elements instanceof ByteBuffer
        ? littleEndian().asDoubleBuffer()
        : ((DoubleBuffer) elements).duplicate();
  }

  /**
   * The bits of the elements of an F16 or BF16 tensor.
   *
   * @return a read-only view, row-major, from position 0
   * @throws IllegalStateException if the dtype is another one
   */
  public ShortBuffer asShortBuffer() {
    require(dtype.bytes() == Short.BYTES, "F16 or BF16");
    return elements instanceof ByteBuffer
        ? littleEndian().asShortBuffer()
        : ((ShortBuffer) elements).duplicate();
  }

  /**
   * The elements' little-endian bytes: a view where they lie in memory so, as those of gradients
   * do, else a copy.
   *
   * @return a read-only buffer, row-major, from position 0
   */
  public ByteBuffer bytes() {
    if (elements instanceof ByteBuffer) {
      return littleEndian();
    }
    Part part = part();
    ByteBuffer copy = ByteBuffer.allocate(Math.toIntExact(part.length()));
    while (copy.hasRemaining()) {
      copy.put(part.piece(copy.position()));
    }
    return copy.flip().asReadOnlyBuffer().order(ByteOrder.LITTLE_ENDIAN);
  }

  /**
   * The values of the elements, of any dtype.
   *
   * @return a new array, row-major; the values are exact
   */
  public double[] toDoubleArray() {
    double[] values = new double[size()];
    Arrays.setAll(values, reader());
    return values;
  }

  /**
   * The values of the elements as floats.
   *
   * @return a new array, row-major; the values are exact, but for those of F64, which are rounded
   */
  public float[] toFloatArray() {
    float[] values = new float[size()];
    if (dtype == DType.F32) {
      asFloatBuffer().get(values);
      return values;
    }
    var reader = reader();
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) reader.applyAsDouble(i);
    }
    return values;
  }

  private IntToDoubleFunction reader() {
    switch (dtype) {
      case F64:
        return asDoubleBuffer()::get;
      case F32:
        return asFloatBuffer()::get;
      default:
        SmallFloat format = dtype == DType.F16 ? SmallFloat.F16 : SmallFloat.BF16;
        ShortBuffer bits = asShortBuffer();
        return i -> format.value(bits.get(i));
    }
  }

  Part part() {
    return new Part(elements, dtype.bytes());
  }

  private ByteBuffer littleEndian() {
    return ((ByteBuffer) elements).duplicate().order(ByteOrder.LITTLE_ENDIAN);
  }

  private void require(boolean right, String dtypes) {
    if (!right) {
      throw new IllegalStateException("the tensor is " + dtype + ", not " + dtypes);
    }
  }

  @Override
  public String toString() {
    return dtype + Arrays.toString(shape);
  }
}
