package rnnloss;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.Arrays;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The daemon's bad days: what is tried again, how often, when, and where. */
class FaultsTest {
  private static double seconds(Runnable work) {
    long began = System.nanoTime();
    work.run();
    return (System.nanoTime() - began) / 1e9;
  }

  @ParameterizedTest
  @ValueSource(strings = {"reset", "close", "cut", "refuse", "busy", "down", "draining"})
  void isTriedAgain(String kind) {
    String id = Daemons.fault(kind, 1);
    LossResult result = Daemons.faulty(1).withRequestId(id).loss(Daemons.problem().build());
    assertEquals(4.25, result.loss());
    assertEquals(id, result.requestId());
    assertEquals(2, Daemons.counted("attempts", id));
  }

  @ParameterizedTest
  @CsvSource({
    "reset, unreachable, 0",
    "close, unreachable, 0",
    "cut, unreachable, 0",
    "refuse, unreachable, 0",
    "draining, draining, 503",
    "busy, rate-limited, 429",
    "down, overloaded, 503"
  })
  void isTriedAsOftenAsTheRetriesSay(String kind, String type, int status) {
    for (int retries : new int[] {0, 2}) {
      String id = Daemons.fault(kind, 9);
      RnnLossClient client = Daemons.faulty(retries).withRequestId(id);
      RnnLossException failure = Daemons.failure(() -> client.loss(Daemons.problem().build()));
      assertEquals(type, failure.type());
      assertEquals(status, failure.status());
      assertEquals(id, failure.requestId());
      assertEquals(1 + retries, Daemons.counted("attempts", id));
    }
  }

  /** java.net.http would send each GET twice. */
  @ParameterizedTest
  @ValueSource(strings = {"reset", "close", "cut", "refuse"})
  void aGetIsNotSentBehindTheClientsBack(String kind) {
    for (int retries : new int[] {0, 2}) {
      String id = Daemons.fault(kind, 9);
      RnnLossClient client = Daemons.faulty(retries).withRequestId(id);
      assertEquals("unreachable", Daemons.failure(client::version).type());
      assertEquals(1 + retries, Daemons.counted("attempts", id));
    }
  }

  @Test
  void threeRetriesAreTheDefault() {
    String id = Daemons.fault("close", 9);
    RnnLossClient client = RnnLossClient.builder().endpoints(Daemons.FAULTS).build();
    Daemons.failure(() -> client.withRequestId(id).terms());
    assertEquals(4, Daemons.counted("attempts", id));
  }

  @Test
  void aLargeRequestThatIsResetIsSentAgain() {
    String id = Daemons.fault("refuse", 2);
    LossRequest request =
        LossRequest.builder()
            .lambda("lambda_fr", 1)
            .tensor("fr", Tensor.f32(new float[5_000_000], 50, 100, 1000))
            .build();
    assertEquals(0, Daemons.faulty(3).withRequestId(id).loss(request).loss());
    assertEquals(3, Daemons.counted("attempts", id));
  }

  @ParameterizedTest
  @CsvSource({"page, 502, Bad Gateway", "wrong, 200, hello"})
  void whatIsNoAnswerIsNotTriedAgain(String kind, int status, String beginning) {
    String id = Daemons.fault(kind, 9);
    RnnLossClient client = Daemons.faulty(3).withRequestId(id);
    RnnLossException failure = Daemons.failure(() -> client.loss(Daemons.problem().build()));
    assertEquals("unexpected-answer", failure.type());
    assertEquals(status, failure.status());
    assertTrue(failure.detail().contains(beginning), failure.detail());
    assertEquals(1, Daemons.counted("attempts", id));
  }

  @Test
  void aProblemIsNotTriedAgain() {
    String id = Daemons.fault("none", 0);
    LossRequest request = LossRequest.builder().lambda("lambda_fr", 1).build();
    RnnLossException failure =
        Daemons.failure(() -> Daemons.faulty(3).withRequestId(id).loss(request));
    assertEquals("missing-tensor", failure.type());
    assertEquals(422, failure.status());
    assertEquals(1, Daemons.counted("attempts", id));
  }

  @Test
  void retryAfterIsWaitedFor() {
    String id = Daemons.fault("busy", 1);
    assertTrue(seconds(() -> Daemons.faulty(1).withRequestId(id).version()) >= 1);
  }

  @Test
  void aWaitThatOutlastsTheTimeoutIsNotBegun() {
    String id = Daemons.fault("later", 9);
    RnnLossClient client = Daemons.faulty(3).withRequestId(id);
    double seconds =
        seconds(() -> assertEquals("overloaded", Daemons.failure(client::version).type()));
    assertTrue(seconds < 10, "took " + seconds);
    assertEquals(1, Daemons.counted("attempts", id));
  }

  @Test
  void theTimeoutIsOfTheCallAsAWhole() {
    RnnLossClient client =
        Daemons.faulty(3)
            .withTimeout(Duration.ofMillis(700))
            .withRequestId(Daemons.fault("slow", 9));
    double seconds =
        seconds(
            () -> {
              RnnLossException failure = Daemons.failure(client::version);
              assertEquals("timeout", failure.type());
              assertEquals(0, failure.status());
            });
    assertTrue(seconds >= 0.6 && seconds < 4, "took " + seconds);
  }

  @Test
  void anInterruptEndsACall() {
    RnnLossClient client = Daemons.faulty(3).withRequestId(Daemons.fault("slow", 9));
    Thread.currentThread().interrupt();
    RnnLossException failure = Daemons.failure(client::version);
    assertTrue(Thread.interrupted());
    assertEquals("timeout", failure.type());
  }

  @ParameterizedTest
  @CsvSource({"1, 0.2", "2, 0.4", "4, 1.6", "5, 2", "60, 2"})
  void waitsAreRandomAndBecomeLonger(int round, double longest) {
    double[] waits = new double[1000];
    Arrays.setAll(waits, i -> Transport.wait(round, Duration.ZERO) / 1e9);
    Arrays.sort(waits);
    assertTrue(waits[0] >= 0 && waits[0] < 0.1 * longest, "shortest: " + waits[0]);
    assertTrue(waits[999] <= longest && waits[999] > 0.9 * longest, "longest: " + waits[999]);
    assertEquals(3_000_000_000L, Transport.wait(round, Duration.ofSeconds(3)));
  }

  @Test
  void connectionsAreUsedAgain() {
    String id = Daemons.fault("none", 0);
    RnnLossClient client = Daemons.faulty(0).withRequestId(id);
    for (int i = 0; i < 5; i++) {
      client.loss(Daemons.problem().build());
      client.version();
    }
    assertEquals(10, Daemons.counted("attempts", id));
    assertEquals(1, Daemons.counted("connections", id));
  }

  @Test
  void aClosedConnectionIsReplacedWithoutAWord() {
    RnnLossClient client = Daemons.faulty(0);
    for (int i = 0; i < 20; i++) {
      client.withRequestId(Daemons.fault("bye", 1)).version();
      assertEquals(4.25, client.loss(Daemons.problem().build()).loss());
    }
  }

  /** As when the daemon closes a kept connection just when a request is on its way. */
  @ParameterizedTest
  @ValueSource(strings = {"close", "reset"})
  void aRequestThatMeetsAClosedConnectionIsSentAgainOnce(String kind) {
    RnnLossClient client = Daemons.faulty(0);
    client.version();
    String id = Daemons.fault(kind, 1);
    client.withRequestId(id).version();
    assertEquals(2, Daemons.counted("attempts", id));
    String posted = Daemons.fault(kind, 1);
    client.withRequestId(posted).loss(Daemons.problem().build());
    assertEquals(2, Daemons.counted("connections", posted));
    String twice = Daemons.fault(kind, 9);
    assertEquals("unreachable", Daemons.failure(client.withRequestId(twice)::version).type());
    assertEquals(2, Daemons.counted("attempts", twice));
  }

  @Test
  void anAnswerThatHasBegunIsNotTakenForAClosedConnection() {
    RnnLossClient client = Daemons.faulty(0);
    client.version();
    String id = Daemons.fault("cut", 9);
    assertEquals("unreachable", Daemons.failure(client.withRequestId(id)::version).type());
    assertEquals(1, Daemons.counted("attempts", id));
  }

  @Test
  void aConnectionThatTheDaemonSaysItClosesIsNotTakenForAKeptOne() throws Exception {
    String closing =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
            + "Connection: close\r\n\r\n{}";
    try (RawServer server = RawServer.answeringOnce(closing)) {
      RnnLossClient client = RnnLossClient.builder().endpoints(server.url()).retries(0).build();
      client.version();
      assertEquals("unreachable", Daemons.failure(client::version).type());
      assertEquals(2, server.requests());
    }
  }

  @Test
  void theNextEndpointIsTriedAtOnce() {
    RnnLossClient client =
        RnnLossClient.builder().endpoints(Daemons.FAULTS, Daemons.FAULTS).retries(1).build();
    String id = Daemons.fault("busy", 1);
    double seconds = seconds(() -> client.withRequestId(id).version());
    assertTrue(seconds < 0.9, "took " + seconds);
    String again = Daemons.fault("busy", 2);
    Daemons.failure(client.withRequestId(again)::version);
    assertEquals(2, Daemons.counted("attempts", again));
  }

  @Test
  void aRoundIsWaitedForAsTheLongestRetryAfterSays() {
    RnnLossClient client =
        RnnLossClient.builder().endpoints(Daemons.FAULTS, Daemons.CLOSED).retries(2).build();
    String id = Daemons.fault("busy", 1);
    assertTrue(seconds(() -> client.withRequestId(id).version()) >= 1);
  }

  @Test
  void anotherEndpointIsFoundAndKeptTo() throws Exception {
    try (RawServer dead = RawServer.closing()) {
      RnnLossClient client =
          RnnLossClient.builder()
              .endpoints(Daemons.CLOSED, dead.url(), Daemons.URL)
              .retries(2)
              .build();
      assertEquals(4.25, client.loss(Daemons.problem().build()).loss());
      assertEquals(1, dead.connections());
      for (int i = 0; i < 3; i++) {
        client.loss(Daemons.problem().build());
      }
      assertEquals(1, dead.connections(), "the endpoint that answered was not kept to");
    }
  }

  @Test
  void anEndpointThatIsBusyIsLeft() throws Exception {
    String busy = "HTTP/1.1 503 Busy\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\nbusy";
    try (RawServer server = RawServer.answering(busy)) {
      RnnLossClient client =
          RnnLossClient.builder().endpoints(server.url(), Daemons.URL).retries(1).build();
      client.version();
      client.version();
      assertEquals(1, server.requests());
    }
  }

  @Test
  void whatADaemonSaidOutweighsABrokenConnection() {
    RnnLossClient client =
        RnnLossClient.builder().endpoints(Daemons.FAULTS, Daemons.CLOSED).retries(1).build();
    RnnLossException failure =
        Daemons.failure(() -> client.withRequestId(Daemons.fault("busy", 9)).version());
    assertEquals("rate-limited", failure.type());
  }

  @Test
  void nobodyThereIsUnreachable() {
    RnnLossClient client = RnnLossClient.builder().endpoints(Daemons.CLOSED).retries(1).build();
    RnnLossException failure = Daemons.failure(client::version);
    assertEquals("unreachable", failure.type());
    assertEquals(0, failure.status());
    assertTrue(failure.detail().contains(Daemons.CLOSED), failure.detail());
  }

  @Test
  void aConnectionThatDoesNotOpenIsGivenUp() throws Exception {
    try (RawServer full = RawServer.full()) {
      RnnLossClient client =
          RnnLossClient.builder()
              .endpoints(full.url(), Daemons.URL)
              .connectTimeout(Duration.ofMillis(300))
              .retries(1)
              .build();
      double seconds = seconds(client::version);
      assertTrue(seconds >= 0.25 && seconds < 4, "took " + seconds);
    }
  }

  @Test
  void healthIsAskedOfEveryEndpointOnce() {
    RnnLossClient client =
        RnnLossClient.builder()
            .endpoints(Daemons.CLOSED, Daemons.FAULTS)
            .timeout(Duration.ofSeconds(2))
            .build();
    Map<String, Health> expected =
        Map.of(
            "none", Health.READY,
            "draining", Health.DRAINING,
            "down", Health.NOT_READY,
            "page", Health.UNREACHABLE,
            "wrong", Health.UNREACHABLE,
            "cut", Health.UNREACHABLE,
            "slow", Health.UNREACHABLE);
    expected.forEach(
        (kind, health) -> {
          String id = Daemons.fault(kind, kind.equals("none") ? 0 : 9);
          Map<String, Health> found = client.withRequestId(id).health();
          assertEquals(Map.of(Daemons.CLOSED, Health.UNREACHABLE, Daemons.FAULTS, health), found);
          assertEquals(1, Daemons.counted("attempts", id), kind);
        });
    assertEquals("not-ready", Health.NOT_READY.toString());
  }
}
