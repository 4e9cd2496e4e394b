package rnnloss;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.CertificateException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;

/** The daemon that asks for a token and for a certificate. */
class TlsTest {
  private static final String URL = Daemons.variable("TLS_URL");
  private static final String TOKEN = Daemons.variable("TOKEN");
  private static final Path CA = Path.of(Daemons.variable("CA"));
  private static final Path CERTIFICATE = Path.of(Daemons.variable("CERT"));
  private static final Path KEY = Path.of(Daemons.variable("KEY"));

  private static RnnLossClient.Builder builder() {
    return RnnLossClient.builder().endpoints(URL).token("").ca(CA);
  }

  private static RnnLossClient.Builder trusted() {
    return builder().token(TOKEN).certificate(CERTIFICATE, KEY);
  }

  /** A request that is too large to fit into the buffers between client and daemon. */
  private static LossRequest large() {
    return LossRequest.builder()
        .lambda("lambda_fr", 1)
        .tensor("fr", Tensor.f32(new float[5_000_000], 50, 100, 1000))
        .build();
  }

  @Test
  void whoIsTrustedIsAnswered() {
    RnnLossClient client = trusted().build();
    assertEquals(4.25, client.loss(Daemons.problem().build()).loss());
    assertEquals(0, client.loss(large()).loss());
    assertEquals(Health.READY, client.health().get(URL));
    assertEquals(1, client.version().get("contract").asLong());
  }

  @Test
  void withoutTheRightTokenItIsUnauthorized() {
    for (String token : new String[] {"", "clients-test-token-9876543210"}) {
      RnnLossClient client = builder().token(token).certificate(CERTIFICATE, KEY).build();
      for (LossRequest request : new LossRequest[] {Daemons.problem().build(), large()}) {
        RnnLossException failure = Daemons.failure(() -> client.loss(request));
        assertEquals("unauthorized", failure.type());
        assertEquals(401, failure.status());
      }
      assertEquals(Health.READY, client.health().get(URL));
    }
  }

  @Test
  void withoutACertificateItIsForbidden() {
    RnnLossClient client = builder().token(TOKEN).build();
    for (LossRequest request : new LossRequest[] {Daemons.problem().build(), large()}) {
      RnnLossException failure = Daemons.failure(() -> client.loss(request));
      assertEquals("forbidden", failure.type());
      assertEquals(403, failure.status());
    }
  }

  private static void refused(Executable call) {
    RnnLossException failure = Daemons.failure(call);
    assertEquals("unreachable", failure.type());
    assertEquals(0, failure.status());
    assertTrue(failure.getCause() instanceof CertificateException, "" + failure.getCause());
  }

  @Test
  void aCertificateOfAnUnknownAuthorityIsRefusedAtOnce() throws Exception {
    try (RawServer way = RawServer.forwarding("127.0.0.1", URI.create(URL).getPort())) {
      String url = "https://localhost:" + way.port();
      RnnLossClient client = RnnLossClient.builder().endpoints(url, url).token(TOKEN).build();
      refused(() -> client.loss(Daemons.problem().build()));
      assertEquals(1, way.connections());
      refused(client::version);
      assertEquals(2, way.connections());
      assertEquals(Health.UNREACHABLE, client.health().get(url));
    }
  }

  @Test
  void aCertificateOfAnotherHostIsRefused() throws Exception {
    try (RawServer way = RawServer.forwarding("127.0.0.2", URI.create(URL).getPort())) {
      String url = "https://127.0.0.2:" + way.port();
      RnnLossClient client =
          RnnLossClient.builder().endpoints(url).ca(CA).certificate(CERTIFICATE, KEY).build();
      refused(() -> client.loss(Daemons.problem().build()));
      refused(client::version);
    }
  }

  @Test
  void aConnectionThatBreaksInTheHandshakeIsTriedAgain() throws Exception {
    try (RawServer dead = RawServer.closing()) {
      RnnLossClient client =
          trusted().endpoints("https://localhost:" + dead.port(), URL).retries(1).build();
      assertEquals(4.25, client.loss(Daemons.problem().build()).loss());
    }
  }

  @Test
  void rsaKeysAreTakenToo(@TempDir Path folder) throws Exception {
    openssl(
        folder,
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        "rsa.key",
        "-out",
        "rsa.pem",
        "-subj",
        "/CN=rsa");
    Path certificate = folder.resolve("rsa.pem");
    assertNotNull(Tls.context(certificate, certificate, folder.resolve("rsa.key")));
  }

  @Test
  void filesThatCannotBeUsedAreNamed(@TempDir Path folder) throws Exception {
    openssl(folder, "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "old.key");
    Path empty = Files.createFile(folder.resolve("empty.pem"));
    assertRefused(
        "old.key", () -> builder().certificate(CERTIFICATE, folder.resolve("old.key")).build());
    assertRefused("empty.pem", () -> builder().ca(empty).build());
    assertRefused("nothing.pem", () -> builder().ca(folder.resolve("nothing.pem")).build());
  }

  private static void assertRefused(String name, Executable build) {
    String message = assertThrows(IllegalArgumentException.class, build).getMessage();
    assertTrue(message.contains(name), message);
  }

  private static void openssl(Path folder, String... arguments) throws Exception {
    java.util.List<String> command = new java.util.ArrayList<>(java.util.List.of("openssl"));
    command.addAll(java.util.List.of(arguments));
    Process process =
        new ProcessBuilder(command)
            .directory(folder.toFile())
            .redirectErrorStream(true)
            .redirectOutput(folder.resolve("log").toFile())
            .start();
    assertEquals(0, process.waitFor());
  }
}
