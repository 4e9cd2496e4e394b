package rnnloss;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.ReadOnlyBufferException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Losses and gradients of the daemon, with every option. */
class LossTest {
  private static final RnnLossClient CLIENT = Daemons.client();

  @ParameterizedTest
  @EnumSource(Encoding.class)
  void valuesAndGradientsComeBack(Encoding encoding) {
    LossResult result = CLIENT.loss(Daemons.problem().encoding(encoding).build());
    assertEquals(4.25, result.loss());
    assertEquals(List.of("mse", "fr"), List.copyOf(result.terms().keySet()));
    TermResult fr = result.terms().get("fr");
    assertEquals(0.5, fr.lambda());
    assertEquals(3, fr.loss());
    assertEquals(6, fr.unweighted());
    assertTrue(fr.gradients().isEmpty());
    assertEquals(List.of("pred", "fr"), List.copyOf(result.gradients().keySet()));
    Tensor gradient = result.gradients().get("fr");
    assertEquals(DType.F32, gradient.dtype());
    assertArrayEquals(new long[] {2, 2}, gradient.shape());
    assertArrayEquals(new float[] {0, 0.5f, 0.5f, 1}, gradient.toFloatArray());
    assertEquals(List.of(), result.unused());
    assertEquals(Optional.empty(), result.inputsSha256());
    assertTrue(result.requestId().matches("[0-9a-f]{32}"), result.requestId());
  }

  @ParameterizedTest
  @EnumSource(Encoding.class)
  void everyOptionIsSent(Encoding encoding) {
    LossResult result =
        CLIENT.loss(
            Daemons.problem()
                .encoding(encoding)
                .tensor("w_in", Tensor.f64(new double[] {1, 2}, 2, 1))
                .gradients(Gradients.PER_TERM)
                .wrt("target", "w_in")
                .gradientDType(DType.F32)
                .contract(1)
                .digest()
                .build());
    assertEquals(Set.of("target", "w_in"), result.gradients().keySet());
    assertEquals(DType.F32, result.gradients().get("target").dtype());
    assertArrayEquals(new float[] {0, 0}, result.gradients().get("w_in").toFloatArray());
    assertEquals(Set.of("target"), result.terms().get("mse").gradients().keySet());
    assertEquals(List.of("w_in"), result.unused());
    assertTrue(result.inputsSha256().get().matches("[0-9a-f]{64}"));
    assertEquals(4.25, result.loss());
  }

  @ParameterizedTest
  @EnumSource(Encoding.class)
  void gradientsMayBeLeftOut(Encoding encoding) {
    LossRequest.Builder request = Daemons.problem().encoding(encoding);
    assertEquals(Map.of(), CLIENT.loss(request.wrt().build()).gradients());
    LossResult none =
        CLIENT.loss(Daemons.problem().encoding(encoding).gradients(Gradients.NONE).build());
    assertEquals(Map.of(), none.gradients());
    assertEquals(4.25, none.loss());
  }

  @ParameterizedTest
  @EnumSource(Encoding.class)
  void whatIsNotFiniteIsPropagatedWhereAsked(Encoding encoding) {
    LossRequest.Builder request =
        LossRequest.builder()
            .encoding(encoding)
            .lambda("lambda_mse", 1)
            .tensor("pred", Tensor.f64(new double[] {Double.NaN, 2, Double.NEGATIVE_INFINITY}, 3))
            .tensor("target", Tensor.f32(new float[3], 3));
    RnnLossException failure = Daemons.failure(() -> CLIENT.loss(request.build()));
    assertEquals("non-finite", failure.type());
    LossResult result = CLIENT.loss(request.nonfinite(NonFinite.PROPAGATE).build());
    assertTrue(Double.isNaN(result.loss()));
    double[] gradient = result.gradients().get("pred").toDoubleArray();
    assertTrue(Double.isNaN(gradient[0]));
    assertEquals(2 * 2 / 3.0, gradient[1]);
    assertEquals(Double.NEGATIVE_INFINITY, gradient[2]);
  }

  @ParameterizedTest
  @EnumSource(Encoding.class)
  void problemsSayWhatAndWhere(Encoding encoding) {
    LossRequest request =
        Daemons.problem()
            .encoding(encoding)
            .tensor("target", Tensor.f64(new double[3], 1, 3))
            .build();
    RnnLossException failure =
        Daemons.failure(() -> CLIENT.withRequestId("java-test").loss(request));
    assertEquals("shape-mismatch", failure.type());
    assertEquals(422, failure.status());
    assertEquals("/tensors/target/shape", failure.pointer());
    assertEquals("java-test", failure.requestId());
    assertEquals("Shapes disagree", failure.title());
    assertTrue(failure.detail().contains("target [1, 3]"), failure.detail());
    assertTrue(failure.getMessage().startsWith("422 shape-mismatch: Shapes disagree: target"));
  }

  @ParameterizedTest
  @EnumSource(Encoding.class)
  void whatIsInvalidIsForTheDaemonToSay(Encoding encoding) {
    LossRequest.Builder request = LossRequest.builder().encoding(encoding);
    request.lambda("lambda \"quoted\" \u0001 \u00fc \ud83d\ude00", 1);
    assertEquals("unknown-lambda", Daemons.failure(() -> CLIENT.loss(request.build())).type());
    LossRequest negative = LossRequest.builder().encoding(encoding).lambda("lambda_in", -1).build();
    assertEquals("invalid-lambda", Daemons.failure(() -> CLIENT.loss(negative)).type());
    LossRequest nan =
        LossRequest.builder().encoding(encoding).lambda("lambda_in", Double.NaN).build();
    assertEquals("invalid-lambda", Daemons.failure(() -> CLIENT.loss(nan)).type());
    LossRequest later = Daemons.problem().encoding(encoding).contract(2).build();
    assertEquals("unknown-contract", Daemons.failure(() -> CLIENT.loss(later)).type());
    LossRequest ragged =
        Daemons.problem()
            .encoding(encoding)
            .tensor("fr", Tensor.f32(new float[] {1, 2, 3}, 2, 2))
            .build();
    assertEquals(
        encoding == Encoding.JSON ? "invalid-data" : "malformed-safetensors",
        Daemons.failure(() -> CLIENT.loss(ragged)).type());
  }

  /** Arrays and buffers of every kind, larger than what is sent in one piece. */
  @Test
  void everyKindOfMemoryIsSentAlike() {
    int size = 50_000;
    float[] numbers = new float[size];
    short[] halves = new short[size];
    for (int i = 0; i < size; i++) {
      numbers[i] = (i % 2000) / 16f;
      halves[i] = Float16.bits(numbers[i]);
    }
    ByteBuffer heap = ByteBuffer.allocate(3 + 4 * size).position(3).slice();
    heap.order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().put(numbers);
    ByteBuffer direct = ByteBuffer.allocateDirect(4 * size).put(heap.duplicate()).flip();
    ByteBuffer bigEndian = ByteBuffer.allocateDirect(4 * size);
    bigEndian.asFloatBuffer().put(numbers);
    ByteBuffer doubles = ByteBuffer.allocate(8 * size);
    for (float number : numbers) {
      doubles.putDouble(number);
    }
    List<Tensor> tensors =
        List.of(
            Tensor.f32(numbers, 5, 10_000),
            Tensor.of(DType.F32, heap, 5, 10_000),
            Tensor.of(DType.F32, direct, 5, 10_000),
            Tensor.f32(bigEndian.asFloatBuffer(), 5, 10_000),
            Tensor.f64(doubles.flip().asDoubleBuffer(), 5, 10_000),
            Tensor.f16(halves, 5, 10_000));
    double expected = 0;
    for (Tensor tensor : tensors) {
      LossRequest request =
          LossRequest.builder().lambda("lambda_fr_sd", 1).tensor("fr", tensor).build();
      double loss = CLIENT.loss(request).loss();
      assertTrue(loss > 0);
      assertEquals(expected == 0 ? loss : expected, loss, tensor.toString());
      expected = loss;
    }
  }

  @Test
  void gradientsAreViewsThatCannotBeWrittenTo() {
    Tensor gradient = CLIENT.loss(Daemons.problem().build()).gradients().get("fr");
    assertTrue(gradient.asFloatBuffer().isReadOnly());
    assertThrows(ReadOnlyBufferException.class, () -> gradient.asFloatBuffer().put(0, 1));
    assertEquals(ByteOrder.LITTLE_ENDIAN, gradient.bytes().order());
    assertEquals(0.5f, gradient.bytes().getFloat(4));
  }

  @Test
  void aRequestMayBeSentTwice() {
    LossRequest request = Daemons.problem().build();
    String first = CLIENT.loss(request).requestId();
    assertNotEquals(first, CLIENT.loss(request).requestId());
  }

  @Test
  void manyThreadsShareAClient() throws Exception {
    ExecutorService threads = Executors.newFixedThreadPool(8);
    try {
      List<Callable<Void>> calls = new ArrayList<>();
      for (int i = 1; i <= 200; i++) {
        double rate = i;
        calls.add(() -> callWith(rate));
      }
      for (Future<Void> call : threads.invokeAll(calls)) {
        call.get();
      }
    } finally {
      threads.shutdown();
    }
  }

  private static Void callWith(double rate) {
    LossRequest request =
        LossRequest.builder()
            .lambda("lambda_fr", 1)
            .tensor("fr", Tensor.f64(new double[] {rate, rate, rate, rate}, 1, 4))
            .build();
    LossResult result = CLIENT.loss(request);
    assertEquals(rate * rate, result.loss());
    assertEquals(rate / 2, result.gradients().get("fr").asDoubleBuffer().get(3));
    return null;
  }
}
