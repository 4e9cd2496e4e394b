package rnnloss;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Answers that no rnnlossd gives: each is an unexpected-answer, none a crash. */
class HostileAnswerTest {
  private static final String META =
      "\"__metadata__\":{\"contract\":\"1\",\"lambda_fr\":\"1.0\",\"unused\":\"\",\"warnings\":\"\"}";
  private static final String LOSS = entry("loss", "F64", "", 0, 8);
  private static final String TERM_LOSS = entry("terms.fr.loss", "F64", "", 8, 16);
  private static final String UNWEIGHTED = entry("terms.fr.unweighted", "F64", "", 16, 24);
  private static final String GRADIENT = entry("gradients.fr", "F32", "1,2", 24, 32);

  private static String entry(String name, String dtype, String shape, long begin, long end) {
    return String.format(
        "\"%s\":{\"dtype\":\"%s\",\"shape\":[%s],\"data_offsets\":[%d,%d]}",
        name, dtype, shape, begin, end);
  }

  private static byte[] file(String header, int data) {
    byte[] bytes = header.getBytes(StandardCharsets.UTF_8);
    return ByteBuffer.allocate(8 + bytes.length + data)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(bytes.length)
        .put(bytes)
        .array();
  }

  private static byte[] file(int data, String... entries) {
    return file("{" + String.join(",", entries) + "}", data);
  }

  private static byte[] http(String head, byte[] body) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    String whole = "HTTP/1.1 " + head + "\r\nContent-Length: " + body.length + "\r\n\r\n";
    bytes.writeBytes(whole.getBytes(StandardCharsets.ISO_8859_1));
    bytes.writeBytes(body);
    return bytes.toByteArray();
  }

  private static RnnLossClient client(RawServer server) {
    return RnnLossClient.builder().endpoints(server.url()).retries(2).build();
  }

  private static LossResult loss(Encoding encoding, byte[] answer) throws Exception {
    try (RawServer server = RawServer.answering(answer)) {
      return client(server)
          .loss(
              LossRequest.builder()
                  .encoding(encoding)
                  .lambda("lambda_fr", 1)
                  .tensor("fr", Tensor.f32(new float[2], 1, 2))
                  .build());
    }
  }

  private static LossResult safetensors(byte[] body) throws Exception {
    String head = "200 OK\r\nContent-Type: application/vnd.safetensors";
    return loss(Encoding.SAFETENSORS, http(head, body));
  }

  private static LossResult json(String body) throws Exception {
    String head = "200 OK\r\nContent-Type: application/json; charset=utf-8";
    return loss(Encoding.JSON, http(head, body.getBytes(StandardCharsets.ISO_8859_1)));
  }

  @Test
  void theAnswerThatTheOthersAreBentFromIsTaken() throws Exception {
    LossResult result = safetensors(file(32, META, LOSS, TERM_LOSS, UNWEIGHTED, GRADIENT));
    assertEquals(Map.of("fr", 2), Map.of("fr", result.gradients().get("fr").size()));
    String later = entry("new", "U8", "3", 32, 35);
    assertEquals(
        0, safetensors(file(35, META, LOSS, TERM_LOSS, UNWEIGHTED, GRADIENT, later)).loss());
  }

  @Test
  void brokenSafetensorsAreRefused() {
    byte[] good = file(32, META, LOSS, TERM_LOSS, UNWEIGHTED, GRADIENT);
    byte[] negative = good.clone();
    Arrays.fill(negative, 0, 8, (byte) 0xff);
    byte[] long1 = good.clone();
    long1[3] = 1;
    byte[] topBit = good.clone();
    topBit[7] = (byte) 0x80;
    byte[] notUtf8 = good.clone();
    notUtf8[20] = (byte) 0xff;
    byte[][] all = {
      {},
      {1, 0, 0, 0, 0, 0, 0},
      {0, 0, 0, 0, 0, 0, 0, 0},
      negative,
      long1,
      topBit,
      notUtf8,
      Arrays.copyOf(good, good.length - 1),
      Arrays.copyOf(good, good.length + 1),
      file("[]", 0),
      file("{", 0),
      file("{} x", 0),
      file("{\"loss\":1}", 0),
      file(32, META, LOSS, LOSS, TERM_LOSS, UNWEIGHTED, GRADIENT), // a name twice
      file(32, LOSS, TERM_LOSS, UNWEIGHTED, GRADIENT), // no metadata
      file(32, META.replace("\"1.0\"", "\"1d\""), LOSS, TERM_LOSS, UNWEIGHTED, GRADIENT),
      file(32, META.replace("\"1.0\"", "1.0"), LOSS, TERM_LOSS, UNWEIGHTED, GRADIENT),
      file(32, META.replace("unused", "used"), LOSS, TERM_LOSS, UNWEIGHTED, GRADIENT),
      file(
          24,
          META,
          TERM_LOSS.replace("8,16", "0,8"),
          UNWEIGHTED.replace("16,24", "8,16"),
          GRADIENT.replace("24,32", "16,24")), // no loss
      file(24, META, LOSS, TERM_LOSS, GRADIENT.replace("24,32", "16,24")), // nothing unweighted
      file(32, META, LOSS.replace("F64", "I64"), TERM_LOSS, UNWEIGHTED, GRADIENT),
      file(32, META, LOSS.replace("[]", "[1]"), TERM_LOSS, UNWEIGHTED, GRADIENT),
      file(40, META, LOSS, TERM_LOSS, UNWEIGHTED, GRADIENT.replace("24,32", "32,40")), // a hole
      file(32, META, LOSS, TERM_LOSS, UNWEIGHTED.replace("16,24", "8,16"), GRADIENT),
      file(
          24,
          META,
          LOSS,
          TERM_LOSS,
          UNWEIGHTED.replace("16,24", "8,16"),
          GRADIENT.replace("24,32", "16,24")), // an overlap
      file(32, META, LOSS, TERM_LOSS, UNWEIGHTED, GRADIENT.replace("24,32", "32,24")),
      file(32, META, LOSS, TERM_LOSS, UNWEIGHTED, GRADIENT.replace("24,32", "24,40")),
      file(32, META, LOSS, TERM_LOSS, UNWEIGHTED, GRADIENT.replace("24,32", "-8,0")),
      file(32, META, LOSS, TERM_LOSS, UNWEIGHTED, GRADIENT.replace("24,32", "24")),
      file(32, META, LOSS, TERM_LOSS, UNWEIGHTED, GRADIENT.replace("24,32", "24,32.0")),
      file(32, META, LOSS, TERM_LOSS, UNWEIGHTED, GRADIENT.replace("1,2", "2,1")),
      file(32, META, LOSS, TERM_LOSS, UNWEIGHTED, GRADIENT.replace("1,2", "1,3")),
      file(32, META, LOSS, TERM_LOSS, UNWEIGHTED, GRADIENT.replace("1,2", "-1,-2")),
      file(32, META, LOSS, TERM_LOSS, UNWEIGHTED, GRADIENT.replace("1,2", "4611686018427387904,8")),
      file(
          32,
          META,
          LOSS,
          TERM_LOSS,
          UNWEIGHTED,
          GRADIENT.replace("F32\",\"shape\":[1,2]", "F16\",\"shape\":[1,4]")),
      file(32, META, LOSS, TERM_LOSS, UNWEIGHTED, GRADIENT.replace(".fr", ".w_in")),
    };
    for (byte[] body : all) {
      assertUnexpected(200, () -> safetensors(body), new String(body, StandardCharsets.UTF_8));
    }
  }

  private interface Call {
    Object get() throws Exception;
  }

  private static void assertUnexpected(int status, Call call, String what) {
    try {
      call.get();
    } catch (RnnLossException e) {
      assertEquals("unexpected-answer", e.type(), what);
      assertEquals(status, e.status(), what);
      return;
    } catch (Exception e) {
      throw new AssertionError(what, e);
    }
    throw new AssertionError("taken: " + what);
  }

  private static String jsonAnswer(String gradient) {
    return "{\"loss\":1.0,\"terms\":{\"fr\":{\"lambda\":1.0,\"loss\":1.0,\"unweighted\":1.0}},"
        + "\"unused\":[],\"warnings\":[],\"gradients\":{\"fr\":"
        + gradient
        + "}}";
  }

  @Test
  void brokenJsonIsRefused() throws Exception {
    String right = "{\"dtype\":\"F32\",\"shape\":[1,2],\"data\":[0.5,\"NaN\"]}";
    String answer = jsonAnswer(right);
    assertEquals(
        0x7fc00000,
        Float.floatToRawIntBits(json(answer).gradients().get("fr").asFloatBuffer().get(1)));
    String[] all = {
      "",
      "null",
      "[]",
      "{}",
      answer + "x",
      answer.substring(1),
      answer.replace("\"loss\":1.0,\"t", "\"t"),
      answer.replace("\"loss\":1.0", "\"loss\":\"1.0\""),
      answer.replace("\"loss\":1.0", "\"loss\":null"),
      answer.replace("\"loss\":1.0", "\"loss\":01"),
      answer.replace("\"unused\":[]", "\"unused\":\"\""),
      answer.replace("\"warnings\":[],", ""),
      answer.replace("unweighted", "weighted"),
      answer.replace("\"NaN\"", "\"nan\""),
      answer.replace("\"NaN\"", "NaN"),
      answer.replace("F32", "F64"),
      answer.replace("F32", "X"),
      answer.replace("[1,2]", "[2,1]"),
      answer.replace("[1,2]", "[1,3]"),
      answer.replace("[1,2]", "[-1,-2]"),
      answer.replace("[1,2]", "[4611686018427387904,4]"),
      answer.replace("[0.5,\"NaN\"]", "[0.5]"),
      answer.replace("[0.5,\"NaN\"]", "[[0.5,1.0]]"),
      answer.replace("NaN", "\u00ff"),
      jsonAnswer("[[0.5,0.5]]"),
      jsonAnswer("[".repeat(100_000)),
    };
    for (String body : all) {
      assertUnexpected(200, () -> json(body), body.substring(0, Math.min(400, body.length())));
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Type: text/html",
        "204 No Content",
        "200 OK",
        "200 OK\r\nContent-Type: application/problem+json",
        "404 Not Found\r\nContent-Type: text/html",
        "404 Not Found\r\nContent-Type: application/problem+json",
        "500 Oops\r\nContent-Type: application/json"
      })
  void statusesAndTypesOfOthersAreRefused(String head) throws Exception {
    try (RawServer server =
        RawServer.answering(
            http(head, head.startsWith("204") ? new byte[0] : new byte[] {'{', '}'}))) {
      int status = Integer.parseInt(head.substring(0, 3));
      assertUnexpected(status, () -> client(server).version(), head);
      assertEquals(1, server.requests());
    }
  }

  @Test
  void whatIsNotHttpIsNoAnswer() throws Exception {
    try (RawServer server = RawServer.answering("SSH-2.0-OpenSSH_9.2\r\n\r\n\r\n")) {
      assertUnexpected(0, () -> client(server).version(), "SSH");
      assertEquals(1, server.requests());
    }
  }

  @Test
  void anAnswerBeyondAnArrayIsRefused() throws Exception {
    String head =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 30000000000\r\n\r\n{";
    try (RawServer server = RawServer.answering(head)) {
      assertUnexpected(200, () -> client(server).version(), "30 GB");
    }
  }

  @Test
  void anAnnouncedLengthIsNotBelieved() throws Exception {
    String head =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2000000000\r\n"
            + "Connection: close\r\n\r\n{";
    try (RawServer server = RawServer.answering(head)) {
      RnnLossClient client = client(server).withTimeout(java.time.Duration.ofMillis(500));
      assertEquals("timeout", Daemons.failure(client::version).type());
    }
  }

  @Test
  void chunkedAnswersAreTaken() throws Exception {
    String answer =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
            + "7\r\n{\"a\":[1\r\n7\r\n,2.5]} \r\n0\r\n\r\n";
    try (RawServer server = RawServer.answering(answer)) {
      assertEquals("{\"a\":[1,2.5]}", client(server).version().toString());
    }
  }

  @Test
  void anUnexpectedAnswerIsShownFromItsBeginning() throws Exception {
    String page = "<html>" + "x".repeat(5000);
    byte[] answer =
        http("200 OK\r\nContent-Type: text/html", page.getBytes(StandardCharsets.UTF_8));
    try (RawServer server = RawServer.answering(answer)) {
      RnnLossException failure = Daemons.failure(() -> client(server).version());
      assertTrue(failure.detail().startsWith("<html>xxx"), failure.detail());
      assertTrue(failure.detail().length() <= 200, failure.detail());
    }
  }

  @Test
  void reportsAreCheckedToo() throws Exception {
    String[] all = {
      "{}",
      "{\"valid\":1,\"inputs_sha256\":\"\",\"claims\":{}}",
      "{\"valid\":true,\"inputs_sha256\":\"\",\"claims\":[]}",
      "{\"valid\":true,\"inputs_sha256\":\"\",\"claims\":{\"loss\":{\"verdict\":\"maybe\"}}}",
      "{\"valid\":true,\"inputs_sha256\":\"\",\"claims\":{\"loss\":{\"verdict\":\"pass\",\"claimed\":[]}}}",
      "{\"valid\":true,\"inputs_sha256\":\"\",\"claims\":{\"loss\":{\"verdict\":\"fail\",\"diagnosis\":[{}]}}}",
    };
    for (String body : all) {
      byte[] bytes =
          http("200 OK\r\nContent-Type: application/json", body.getBytes(StandardCharsets.UTF_8));
      try (RawServer server = RawServer.answering(bytes)) {
        LossRequest request = LossRequest.builder().build();
        assertUnexpected(200, () -> client(server).validate(request, new Claims()), body);
      }
    }
  }
}
