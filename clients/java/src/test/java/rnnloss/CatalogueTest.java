package rnnloss;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** The routes beside those that compute, and requests as they are. */
class CatalogueTest {
  private static final RnnLossClient CLIENT = Daemons.client();

  @Test
  void termsHaveNamesAndFormulas() {
    Json terms = CLIENT.terms().get("terms");
    assertEquals(7, terms.items().size());
    Json cv = terms.items().get(6);
    assertEquals("fr_cv", cv.get("name").asString());
    assertTrue(cv.get("formula").get("latex").asString().contains("\\sigma"));
  }

  @Test
  void aVectorThatIsNotThereIsNotFound() {
    RnnLossException failure = Daemons.failure(() -> CLIENT.vector("no/such? vector%"));
    assertEquals("not-found", failure.type());
    assertTrue(failure.detail().contains("no/such? vector%"), failure.detail());
    assertEquals("", failure.pointer());
  }

  @Test
  void theVersionHasLimits() {
    Json version = CLIENT.version();
    assertEquals(1, version.get("contract").asLong());
    assertTrue(version.get("limits").get("max_body").asLong() > 0);
  }

  @Test
  void theDaemonIsReady() {
    assertEquals(Map.of(Daemons.URL, Health.READY), CLIENT.health());
  }

  @Test
  void bytesAreSentAsTheyAre() {
    String body = "{\"lambdas\":{\"lambda_in\":1.0},\"tensors\":{\"w_in\":[[2.0]]}}";
    Answer answer =
        CLIENT
            .withRequestId("as-it-is")
            .request(
                "POST",
                "/loss?gradients=none",
                Map.of("Content-Type", "application/json"),
                body.getBytes(StandardCharsets.UTF_8));
    assertEquals(200, answer.status());
    assertEquals("application/json", answer.header("content-type"));
    assertEquals("as-it-is", answer.requestId());
    assertEquals(4, Json.parse(answer.text()).get("loss").asDouble());
    assertEquals(answer.text().length(), answer.body().remaining());
    assertEquals("", answer.header("Retry-After"));
  }

  @Test
  void aHeadHasNoBody() {
    Answer answer = CLIENT.request("HEAD", "/version", Map.of(), new byte[0]);
    assertEquals(200, answer.status());
    assertEquals(0, answer.body().remaining());
  }

  @Test
  void anUnchangedAnswerIsNoProblem() {
    Answer first = CLIENT.request("GET", "/vectors", Map.of(), new byte[0]);
    Map<String, String> condition = Map.of("If-None-Match", first.header("ETag"));
    assertEquals(304, CLIENT.request("GET", "/vectors", condition, new byte[0]).status());
  }

  @Test
  void theClientSaysWhoItIs() throws Exception {
    String answer =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
    try (RawServer server = RawServer.answering(answer)) {
      RnnLossClient client =
          RnnLossClient.builder().endpoints(server.url() + "/").token("secret").build();
      client.withRequestId("me").version();
      String head = server.head();
      assertTrue(head.startsWith("GET /version HTTP/1.1\r\n"), head);
      assertTrue(head.contains("\r\nUser-Agent: rnnloss-java/0.1.0\r\n"), head);
      assertTrue(head.contains("\r\nAuthorization: Bearer secret\r\n"), head);
      assertTrue(head.contains("\r\nX-Request-Id: me\r\n"), head);
      client.loss(LossRequest.builder().build());
    } catch (RnnLossException e) {
      assertEquals("unexpected-answer", e.type()); // of JSON for safetensors
    }
  }
}
