package rnnloss;

import java.net.http.HttpHeaders;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.Locale;
import java.util.function.Function;

/** An answer as it came. Answers don't change; threads may share them. */
public final class Answer {
  private static final int SHOWN = 200;

  private final int status;
  private final HttpHeaders headers;
  private final ByteBuffer body;
  private final String requestId;

  Answer(int status, HttpHeaders headers, ByteBuffer body, String requestId) {
    this.status = status;
    this.headers = headers;
    this.body = body.asReadOnlyBuffer();
    this.requestId = headers.firstValue("X-Request-Id").orElse(requestId);
  }

  /**
   * The HTTP status.
   *
   * @return 200, or another one below 400
   */
  public int status() {
    return status;
  }

  /**
   * A header.
   *
   * @param name its name, in any case
   * @return its first value, or an empty string if there is none
   */
  public String header(String name) {
    return headers.firstValue(name).orElse("");
  }

  /**
   * The body.
   *
   * @return a read-only view of its bytes, from position 0
   */
  public ByteBuffer body() {
    return body.duplicate();
  }

  /**
   * The body as text.
   *
   * @return its characters; what is no UTF-8 is replaced
   */
  public String text() {
    return StandardCharsets.UTF_8.decode(body()).toString();
  }

  /**
   * The request's id in the daemon's log.
   *
   * @return the X-Request-Id
   */
  public String requestId() {
    return requestId;
  }

  /** The status says: not now. */
  boolean asksToRetry() {
    return status == 429 || status == 503;
  }

  /** The connection can't be used again. */
  boolean closes() {
    return header("Connection").toLowerCase(Locale.ROOT).contains("close");
  }

  /** How long to wait before another try: seconds, or until a date as proxies may say it. */
  Duration retryAfter() {
    String value = header("Retry-After").strip();
    try {
      if (value.matches("[0-9]{1,9}")) {
        return Duration.ofSeconds(Long.parseLong(value));
      }
      Instant date = ZonedDateTime.parse(value, DateTimeFormatter.RFC_1123_DATE_TIME).toInstant();
      Duration wait = Duration.between(Instant.now(), date);
      return wait.isNegative() ? Duration.ZERO : wait;
    } catch (DateTimeException e) {
      return Duration.ZERO;
    }
  }

  /** What a reader makes of this answer, if it is a success of the media type. */
  <T> T read(String mediaType, Function<Answer, T> reader) {
    if (status != 200 || !isOf(mediaType)) {
      throw unexpected("");
    }
    try {
      return reader.apply(this);
    } catch (IllegalArgumentException | IllegalStateException e) {
      throw unexpected(e.getMessage() + ": ");
    }
  }

  /** The problem that this answer reports, unless it is a success. */
  Answer orThrow() {
    if (status >= 400) {
      throw problem();
    }
    return this;
  }

  RnnLossException problem() {
    if (!isOf("application/problem+json")) {
      return unexpected("");
    }
    try {
      Json problem = JsonReader.read(body);
      String type = problem.get("type").asString();
      return new RnnLossException(
          type.startsWith("#") ? type.substring(1) : type,
          status,
          text(problem, "title"),
          text(problem, "detail"),
          text(problem, "pointer"),
          requestId);
    } catch (IllegalArgumentException | IllegalStateException e) {
      return unexpected(e.getMessage() + ": ");
    }
  }

  private static String text(Json problem, String member) {
    return problem.has(member) ? problem.get(member).asString() : "";
  }

  private boolean isOf(String mediaType) {
    String type = header("Content-Type").split(";", 2)[0].strip();
    return type.equalsIgnoreCase(mediaType);
  }

  private RnnLossException unexpected(String why) {
    ByteBuffer beginning = Part.bytes(body, 0, Math.min(SHOWN, body.remaining()));
    String shown = StandardCharsets.UTF_8.decode(beginning).toString();
    return RnnLossException.unexpected(status, why + shown, requestId);
  }
}
