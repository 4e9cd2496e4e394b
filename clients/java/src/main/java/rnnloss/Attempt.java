package rnnloss;

import java.io.IOException;
import java.net.http.HttpClient;
import java.security.cert.CertificateException;
import java.util.Optional;

/** One attempt: if it may have met a connection that was closed in the meantime, two requests. */
final class Attempt {
  private final HttpClient http;
  private final Endpoint endpoint;
  private final Call call;
  private final Deadline deadline;
  private final boolean kept;
  private final Exchange exchange;

  /** Begins an attempt. */
  Attempt(HttpClient http, Endpoint endpoint, Call call, Deadline deadline) {
    this.http = http;
    this.endpoint = endpoint;
    this.call = call;
    this.deadline = deadline;
    kept = endpoint.takeKept();
    exchange = new Exchange(http, endpoint, call, deadline);
  }

  /**
   * Waits for the answer, whatever its status.
   *
   * @throws IOException if the connection could not be opened, or broke
   */
  Answer await() throws IOException {
    try {
      return exchange.await();
    } catch (IOException e) {
      Optional<CertificateException> refusal = Tls.refusal(e);
      if (refusal.isPresent()) {
        throw RnnLossException.unreachable(refusal.get(), endpoint.address(), call.requestId());
      }
      if (kept && exchange.unanswered()) {
        return new Exchange(http, endpoint, call, deadline).await();
      }
      throw e;
    }
  }

  /** What the answer to /readyz says. */
  Health health() {
    try {
      Answer answer = await();
      if (answer.status() >= 400) {
        RnnLossException problem = answer.problem();
        if (problem.type().equals(RnnLossException.UNEXPECTED)) {
          return Health.UNREACHABLE;
        }
        return problem.type().equals("draining") ? Health.DRAINING : Health.NOT_READY;
      }
      String status =
          answer.read("application/json", a -> JsonReader.read(a.body()).get("status").asString());
      return status.equals("ready") ? Health.READY : Health.NOT_READY;
    } catch (IOException | RnnLossException e) {
      return Health.UNREACHABLE;
    }
  }
}
