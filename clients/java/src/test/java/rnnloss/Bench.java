package rnnloss;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Locale;

/** Times a POST of 26 MB with gradient; arguments choose array, heap or direct memory. */
public final class Bench {
  private static final long[] SHAPE = {64, 100, 1024};
  private static final int WARM_UPS = 40; // until the JVM has compiled what runs
  private static final int CALLS = 31;

  private Bench() {}

  /**
   * Prints the median of the seconds that a call takes.
   *
   * @param arguments array (the default), heap or direct
   */
  public static void main(String[] arguments) {
    RnnLossClient client =
        RnnLossClient.builder().endpoints(System.getenv("RNNLOSS_TEST_URL")).build();
    LossRequest request =
        LossRequest.builder()
            .lambda("lambda_fr", 1)
            .lambda("lambda_fr_sd", 1)
            .lambda("lambda_fr_cv", 1)
            .tensor("fr", rates(arguments.length == 0 ? "array" : arguments[0]))
            .build();
    double[] seconds = new double[CALLS];
    for (int i = -WARM_UPS; i < CALLS; i++) {
      long began = System.nanoTime();
      Tensor gradient = client.loss(request).gradients().get("fr");
      if (Float.isNaN(gradient.asFloatBuffer().get(gradient.size() - 1))) {
        throw new IllegalStateException("the gradient is NaN");
      }
      seconds[Math.max(0, i)] = (System.nanoTime() - began) / 1e9;
    }
    Arrays.sort(seconds);
    System.out.println(String.format(Locale.ROOT, "{\"seconds\": %.6f}", seconds[CALLS / 2]));
  }

  private static Tensor rates(String where) {
    float[] rates = new float[(int) (SHAPE[0] * SHAPE[1] * SHAPE[2])];
    for (int i = 0; i < rates.length; i++) {
      rates[i] = (i * 7919L % 10007) / 10007f;
    }
    if (where.equals("array")) {
      return Tensor.f32(rates, SHAPE);
    }
    int size = rates.length * Float.BYTES;
    ByteBuffer bytes =
        where.equals("direct") ? ByteBuffer.allocateDirect(size) : ByteBuffer.allocate(size);
    bytes.order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().put(rates);
    return Tensor.of(DType.F32, bytes, SHAPE);
  }
}
