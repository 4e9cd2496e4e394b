package rnnloss;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** Every conformance vector of the daemon, in both encodings, to the bit. */
class ConformanceTest {
  private static final RnnLossClient CLIENT = Daemons.client();
  private static final AtomicInteger READ = new AtomicInteger();

  @TestFactory
  List<DynamicTest> everyVectorIsAnsweredAsItMust() {
    Json list = CLIENT.vectors();
    List<DynamicTest> tests = new ArrayList<>();
    for (Json entry : list.get("vectors").items()) {
      String id = entry.get("id").asString();
      tests.add(DynamicTest.dynamicTest(id, () -> check(id)));
    }
    assertEquals(list.get("count").asLong(), tests.size());
    assertTrue(tests.size() > 0, "no vector was read");
    return tests;
  }

  @AfterAll
  static void sayHowMany() {
    System.out.println("\nconformance: " + READ + " vectors");
  }

  private static void check(String id) {
    Vector vector = new Vector(CLIENT.vector(id));
    assertEquals(id, vector.id());
    int bodies = vector.isValid() ? checkValid(vector) : checkInvalid(vector);
    assertTrue(bodies > 0, "neither encoding has it");
    READ.incrementAndGet();
  }

  private static int checkValid(Vector vector) {
    for (Encoding encoding : Encoding.values()) {
      vector.compare(CLIENT.loss(vector.request(encoding)));
      vector.body(encoding).ifPresent(body -> post(encoding, body));
    }
    return 2;
  }

  private static int checkInvalid(Vector vector) {
    int bodies = 0;
    for (Encoding encoding : Encoding.values()) {
      if (vector.body(encoding).isPresent()) {
        byte[] body = vector.body(encoding).get();
        RnnLossException problem = Daemons.failure(() -> post(encoding, body));
        assertEquals(vector.problemType(), problem.type());
        assertEquals(vector.problemStatus(), problem.status());
        bodies++;
      }
    }
    return bodies;
  }

  private static Answer post(Encoding encoding, byte[] body) {
    Map<String, String> type = Map.of("Content-Type", encoding.mediaType());
    return CLIENT.request("POST", "/loss", type, body);
  }
}
