package rnnloss;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Flow;
import org.junit.jupiter.api.Test;

/** Tensors, and how their bytes get into a body. */
class TensorTest {
  @Test
  void elementsAreRead() {
    assertArrayEquals(new double[] {1, 0.5}, Tensor.f32(new float[] {1, 0.5f}, 2).toDoubleArray());
    assertArrayEquals(new float[] {1, 0.5f}, Tensor.f64(new double[] {1, 0.5}, 2).toFloatArray());
    short[] bits = {0x3c00, (short) 0xc000};
    assertArrayEquals(new float[] {1, -2}, Tensor.f16(bits, 2).toFloatArray());
    assertArrayEquals(new double[] {0.0078125, -2}, Tensor.bf16(bits, 2).toDoubleArray());
    assertEquals((short) 0xc000, Tensor.bf16(bits, 2).asShortBuffer().get(1));
    assertEquals("F16[2, 1]", Tensor.f16(bits, 2, 1).toString());
  }

  @Test
  void aDtypeIsNotTakenForAnother() {
    Tensor tensor = Tensor.f32(new float[1], 1);
    assertThrows(IllegalStateException.class, tensor::asDoubleBuffer);
    assertThrows(IllegalStateException.class, tensor::asShortBuffer);
    assertThrows(IllegalStateException.class, () -> Tensor.f64(new double[1], 1).asFloatBuffer());
  }

  @Test
  void elementsAreSharedAndPositionsKept() {
    float[] array = {1, 2, 3, 4};
    FloatBuffer buffer = FloatBuffer.wrap(array).position(1).limit(3);
    Tensor tensor = Tensor.f32(buffer, 2);
    array[1] = 9;
    assertArrayEquals(new float[] {9, 3}, tensor.toFloatArray());
    assertEquals(1, buffer.position());
    assertEquals(2, tensor.size());
    assertTrue(tensor.asFloatBuffer().isReadOnly());
  }

  @Test
  void shapesAreCopied() {
    long[] shape = {2};
    Tensor tensor = Tensor.f32(new float[2], shape);
    shape[0] = 3;
    tensor.shape()[0] = 4;
    assertArrayEquals(new long[] {2}, tensor.shape());
  }

  @Test
  void bytesAreLittleEndian() {
    byte[] expected = {0, 0, (byte) 0x80, 0x3f, 0, 0, 0, (byte) 0xc0};
    ByteBuffer big = ByteBuffer.allocate(8).putFloat(1).putFloat(-2).flip();
    assertArrayEquals(expected, Vector.bytes(Tensor.f32(new float[] {1, -2}, 2)));
    assertArrayEquals(expected, Vector.bytes(Tensor.f32(big.asFloatBuffer(), 2)));
    ByteBuffer bytes = ByteBuffer.wrap(expected); // of big-endian order, which has no effect
    assertArrayEquals(expected, Vector.bytes(Tensor.of(DType.F32, bytes, 2)));
    assertEquals(-2, Tensor.of(DType.F32, bytes, 2).asFloatBuffer().get(1));
    assertArrayEquals(new byte[] {1, 2}, Vector.bytes(Tensor.f16(new short[] {0x201}, 1)));
  }

  @Test
  void shapesHaveSizes() {
    assertEquals(48, DType.F64.bytes(new long[] {2, 3}));
    assertEquals(2, DType.BF16.bytes(new long[0]));
    assertEquals(0, DType.F32.bytes(new long[] {0, Long.MAX_VALUE}));
    for (long[] shape : new long[][] {{-1}, {Long.MAX_VALUE}, {1L << 31, 1L << 31}, {1L << 60}}) {
      assertThrows(IllegalArgumentException.class, () -> DType.F64.bytes(shape));
    }
  }

  /** Takes pieces one by one, as a connection does. */
  private static final class Taker implements Flow.Subscriber<ByteBuffer> {
    private final ByteBuffer taken = ByteBuffer.allocate(1 << 20).order(ByteOrder.LITTLE_ENDIAN);
    private final List<Integer> sizes = new ArrayList<>();
    private Flow.Subscription subscription;
    private Throwable error;
    private int completions;

    @Override
    public void onSubscribe(Flow.Subscription newSubscription) {
      subscription = newSubscription;
    }

    @Override
    public void onNext(ByteBuffer piece) {
      sizes.add(piece.remaining());
      taken.put(piece);
      subscription.request(1); // from within, as publishers must bear
    }

    @Override
    public void onError(Throwable newError) {
      error = newError;
    }

    @Override
    public void onComplete() {
      completions++;
    }
  }

  private static Body body(float[] elements) {
    Part none = Part.of(new byte[0]);
    Part head = Part.of(new byte[] {1, 2, 3});
    return new Body(List.of(none, head, none, Tensor.f32(elements, elements.length).part(), none));
  }

  @Test
  void aBodyIsHandedOutInPieces() {
    float[] elements = new float[40_000];
    elements[39_999] = 7;
    Body body = body(elements);
    assertEquals(3 + 160_000, body.contentLength());
    Taker taker = new Taker();
    body.subscribe(taker);
    assertEquals(List.of(), taker.sizes);
    taker.subscription.request(1);
    assertEquals(List.of(3, 65_536, 65_536, 28_928), taker.sizes);
    assertEquals(7, taker.taken.getFloat(3 + 4 * 39_999));
    assertEquals(1, taker.completions);
    taker.subscription.request(1);
    assertEquals(1, taker.completions);
  }

  @Test
  void aBodyThatIsNotWantedIsNotHandedOut() {
    Taker taker = new Taker();
    body(new float[1]).subscribe(taker);
    taker.subscription.cancel();
    taker.subscription.request(Long.MAX_VALUE);
    assertEquals(List.of(), taker.sizes);
    assertEquals(0, taker.completions);
  }

  @Test
  void aDemandOfNothingIsAnError() {
    Taker taker = new Taker();
    body(new float[1]).subscribe(taker);
    taker.subscription.request(0);
    assertSame(IllegalArgumentException.class, taker.error.getClass());
  }

  @Test
  void aBodyIsSentOnce() {
    Body body = body(new float[1]);
    assertEquals(7, body.contentLength());
    assertThrows(java.io.UncheckedIOException.class, body::contentLength);
  }
}
