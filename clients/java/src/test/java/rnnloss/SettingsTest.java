package rnnloss;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.http.HttpHeaders;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What a client may be told, and what it may not. */
class SettingsTest {
  @ParameterizedTest
  @ValueSource(strings = {"", "127.0.0.1:8080", "ftp://a", "http://", "http://a b", "http:/a", "x"})
  void whatIsNoEndpointIsRefused(String endpoint) {
    RnnLossClient.Builder builder = RnnLossClient.builder().endpoints(endpoint);
    assertThrows(IllegalArgumentException.class, builder::build);
  }

  @Test
  void unixSocketsAreRefusedWithTheReason() {
    RnnLossClient.Builder builder = RnnLossClient.builder().endpoints(Daemons.variable("UNIX"));
    String message = assertThrows(IllegalArgumentException.class, builder::build).getMessage();
    assertTrue(message.contains("can't connect to unix sockets"), message);
  }

  @Test
  void nonsenseIsRefused() {
    RnnLossClient.Builder builder = RnnLossClient.builder();
    assertThrows(IllegalArgumentException.class, () -> builder.token("a\nb").build());
    assertThrows(IllegalArgumentException.class, () -> builder.token("").retries(-1).build());
    assertThrows(IllegalArgumentException.class, () -> builder.retries(0).endpoints().build());
    RnnLossClient client = Daemons.client();
    assertThrows(IllegalArgumentException.class, () -> client.withRequestId("a\r\nb").version());
  }

  @Test
  void theEnvironmentIsRead() throws Exception {
    String answer =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n{\"me\":\"raw\"}";
    try (RawServer server = RawServer.answering(answer)) {
      String program =
          "class P { public static void main(String[] a) {"
              + " System.out.println(rnnloss.RnnLossClient.create().version()); } }";
      Map<String, String> environment =
          Map.of("RNNLOSS_URL", Daemons.CLOSED + " , " + server.url(), "RNNLOSS_TOKEN", "t0ken");
      assertEquals("{\"me\":\"raw\"}\n", ReadmeTest.run("P", program, environment));
      assertTrue(server.head().contains("Authorization: Bearer t0ken\r\n"), server.head());
    }
  }

  @ParameterizedTest
  @CsvSource({"1, 1", "0, 0", "3600, 3600", "' 7 ', 7", "'', 0", "-1, 0", "soon, 0", "1e3, 0"})
  void retryAfterIsRead(String header, long seconds) {
    assertEquals(Duration.ofSeconds(seconds), answer(header).retryAfter());
  }

  @Test
  void retryAfterMayBeADate() {
    ZonedDateTime then = ZonedDateTime.now(ZoneOffset.UTC).plusSeconds(100);
    long seconds =
        answer(DateTimeFormatter.RFC_1123_DATE_TIME.format(then)).retryAfter().toSeconds();
    assertTrue(seconds > 80 && seconds <= 100, "" + seconds);
    assertEquals(Duration.ZERO, answer("Wed, 21 Oct 2015 07:28:00 GMT").retryAfter());
  }

  private static Answer answer(String retryAfter) {
    HttpHeaders headers =
        HttpHeaders.of(Map.of("Retry-After", List.of(retryAfter)), (name, value) -> true);
    return new Answer(503, headers, ByteBuffer.allocate(0), "id");
  }
}
