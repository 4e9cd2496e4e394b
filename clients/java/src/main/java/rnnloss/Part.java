package rnnloss;

import java.nio.Buffer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.DoubleBuffer;
import java.nio.FloatBuffer;
import java.nio.ShortBuffer;

/**
 * A stretch of a request's body, handed out in pieces of little-endian bytes.
 *
 * <p>Bytes are handed out as they lie in memory. Java has no way from a buffer of numbers to its
 * bytes, so those are copied, piece by piece as the connection takes them, never as a whole.
 */
final class Part {
  /**
   * A multiple of every element's size. Large writes from the heap would be copied whole by NIO.
   */
  private static final int PIECE = 1 << 16;

  private final Buffer elements;
  private final int width;

  Part(Buffer elements, int width) {
    this.elements = elements;
    this.width = width;
  }

  static Part of(byte[] bytes) {
    return new Part(ByteBuffer.wrap(bytes), 1);
  }

  /** How many bytes there are. */
  long length() {
    return elements instanceof ByteBuffer
        ? elements.remaining()
        : (long) elements.remaining() * width;
  }

  /** The bytes from an offset on, which a piece ended at. */
  ByteBuffer piece(long offset) {
    int length = (int) Math.min(PIECE, length() - offset);
    return elements instanceof ByteBuffer
        ? bytes((ByteBuffer) elements, (int) offset, length)
        : copy((int) (offset / width), length / width);
  }

  static ByteBuffer bytes(ByteBuffer whole, int offset, int length) {
    ByteBuffer view = whole.asReadOnlyBuffer();
    view.position(whole.position() + offset).limit(whole.position() + offset + length);
    return view.slice().order(ByteOrder.LITTLE_ENDIAN);
  }

  private ByteBuffer copy(int first, int count) {
    ByteBuffer copy = ByteBuffer.allocate(count * width).order(ByteOrder.LITTLE_ENDIAN);
    Buffer source = elements.duplicate();
    source.position(elements.position() + first).limit(elements.position() + first + count);
    if (source instanceof FloatBuffer) {
      copy.asFloatBuffer().put((FloatBuffer) source);
    } else if (source instanceof DoubleBuffer) {
      copy.asDoubleBuffer().put((DoubleBuffer) source);
    } else {
      copy.asShortBuffer().put((ShortBuffer) source);
    }
    return copy;
  }
}
