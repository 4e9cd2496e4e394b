package rnnloss;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.ProtocolException;
import java.net.http.HttpClient;
import java.net.http.HttpConnectTimeoutException;
import java.net.http.HttpResponse;
import java.net.http.HttpTimeoutException;
import java.nio.ByteBuffer;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** One request over one connection, from its beginning until the answer is whole. */
final class Exchange {
  private final Endpoint endpoint;
  private final Call call;
  private final Deadline deadline;
  private final Body body;
  private final CompletableFuture<HttpResponse<ByteBuffer>> response;
  private volatile BodyCollector collector;

  /** Begins to send a request. */
  Exchange(HttpClient http, Endpoint endpoint, Call call, Deadline deadline) {
    this.endpoint = endpoint;
    this.call = call;
    this.deadline = deadline;
    body = call.body();
    response =
        http.sendAsync(call.request(endpoint.uri(call.path()), body, deadline), this::collect);
  }

  private HttpResponse.BodySubscriber<ByteBuffer> collect(HttpResponse.ResponseInfo info) {
    collector = new BodyCollector(info.headers().firstValueAsLong("Content-Length").orElse(0));
    return collector;
  }

  /** Whether the request went out, but not even the beginning of an answer came. */
  boolean unanswered() {
    return body.begun() && collector == null;
  }

  /**
   * Waits for the answer.
   *
   * @throws IOException if the connection could not be opened, or broke
   */
  Answer await() throws IOException {
    try {
      HttpResponse<ByteBuffer> whole = response.get(deadline.remaining(), TimeUnit.NANOSECONDS);
      Answer answer =
          new Answer(whole.statusCode(), whole.headers(), whole.body(), call.requestId());
      if (!answer.closes()) {
        endpoint.keep();
      }
      return answer;
    } catch (TimeoutException e) {
      abandon();
      throw deadline.exception(call.requestId());
    } catch (InterruptedException e) {
      abandon();
      Thread.currentThread().interrupt();
      throw RnnLossException.timeout("the thread was interrupted", call.requestId());
    } catch (ExecutionException e) {
      throw broken(e.getCause());
    }
  }

  /** Ends the connection; before Java 16 cancelling the response alone doesn't. */
  private void abandon() {
    response.cancel(true);
    if (collector != null) {
      collector.cancel();
    }
  }

  private IOException broken(Throwable cause) {
    if (cause instanceof BodyCollector.TooLarge) {
      throw RnnLossException.unexpected(200, cause.getMessage(), call.requestId());
    }
    if (cause instanceof ProtocolException) {
      throw RnnLossException.unexpected(0, cause.getMessage(), call.requestId());
    }
    if (deadline.passed()
        || (cause instanceof HttpTimeoutException
            && !(cause instanceof HttpConnectTimeoutException))) {
      throw deadline.exception(call.requestId());
    }
    if (cause instanceof UncheckedIOException) {
      return ((UncheckedIOException) cause).getCause();
    }
    return cause instanceof IOException ? (IOException) cause : new IOException(cause);
  }
}
