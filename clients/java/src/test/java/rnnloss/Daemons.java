package rnnloss;

import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.function.Executable;

/** The daemons that tests/clients/run has started, and problems to send to them. */
final class Daemons {
  static final String URL = variable("URL");
  static final String FAULTS = variable("FAULTS");
  static final String CLOSED = variable("CLOSED");

  private Daemons() {}

  static String variable(String name) {
    String value = System.getenv("RNNLOSS_TEST_" + name);
    assertNotNull(value, "RNNLOSS_TEST_" + name + " is not set: run tests/clients/run");
    return value;
  }

  static RnnLossClient client() {
    return RnnLossClient.builder().endpoints(URL).build();
  }

  /** A client of the daemon's bad days, without connections yet. */
  static RnnLossClient faulty(int retries) {
    return RnnLossClient.builder().endpoints(FAULTS).retries(retries).build();
  }

  /** An id that asks for a fault at the first attempts. */
  static String fault(String kind, int count) {
    return kind + "-" + count + "-" + UUID.randomUUID().toString().substring(0, 13);
  }

  /** How many attempts, or connections, came with an id. */
  static long counted(String what, String id) {
    RnnLossClient asking = RnnLossClient.builder().endpoints(FAULTS).build();
    Answer answer = asking.request("GET", "/attempts/" + id, Map.of(), new byte[0]);
    return Json.parse(answer.text()).get(what).asLong();
  }

  /** A problem whose answer is known: a loss of 4.25. */
  static LossRequest.Builder problem() {
    return LossRequest.builder()
        .lambda("lambda_mse", 1)
        .lambda("lambda_fr", 0.5)
        .tensor("pred", Tensor.f64(new double[] {1, 2, 3, 4}, 2, 2))
        .tensor("target", Tensor.f64(new double[] {0, 2, 3, 2}, 2, 2))
        .tensor("fr", Tensor.f32(new float[] {0, 2, 2, 4}, 2, 2));
  }

  static RnnLossException failure(Executable call) {
    return assertThrows(RnnLossException.class, call);
  }
}
