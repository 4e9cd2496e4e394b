package rnnloss;

import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;

/**
 * Calls a rnnlossd, or one of several. A client is made once and used by any number of threads; it
 * keeps connections open and uses them again. It needs no closing: its connections end when it is
 * no longer reachable.
 *
 * <p>Requests have no side effects, so one is tried again when a connection can't be opened or
 * breaks, and after 429 and 503. Every call throws {@link RnnLossException} if it gets no answer or
 * a problem; arguments that can't be sent at all, as a request id with a line break, are an {@link
 * IllegalArgumentException}. A thread that is interrupted in a call gets a {@code timeout}, and
 * stays interrupted.
 */
public final class RnnLossClient {
  private static final String USER_AGENT = "rnnloss-java/0.1.0";
  private static final String JSON = "application/json";

  private final Transport transport;
  private final Map<String, String> headers;
  private final Duration timeout;
  private final String requestId;

  private RnnLossClient(
      Transport transport, Map<String, String> headers, Duration timeout, String requestId) {
    this.transport = transport;
    this.headers = headers;
    this.timeout = timeout;
    this.requestId = requestId;
  }

  /**
   * A client with the settings of the environment: {@code RNNLOSS_URL}, {@code RNNLOSS_TOKEN}.
   *
   * @return a new client
   */
  public static RnnLossClient create() {
    return builder().build();
  }

  /**
   * Begins a client with other settings.
   *
   * @return a builder with the defaults
   */
  public static Builder builder() {
    return new Builder();
  }

  /**
   * The same client, whose calls have a given X-Request-Id; by default each has one of its own.
   *
   * @param id 1 to 64 letters, digits or {@code -_.:/+=@}
   * @return a client that shares connections with this one
   */
  public RnnLossClient withRequestId(String id) {
    return new RnnLossClient(transport, headers, timeout, Objects.requireNonNull(id));
  }

  /**
   * The same client, with another timeout.
   *
   * @param timeout of a call as a whole, its retries included
   * @return a client that shares connections with this one
   */
  public RnnLossClient withTimeout(Duration timeout) {
    return new RnnLossClient(transport, headers, Objects.requireNonNull(timeout), requestId);
  }

  /**
   * The losses of a problem, and their gradients.
   *
   * @param request the problem
   * @return values and gradients
   * @throws RnnLossException if there is no answer, or a problem
   */
  public LossResult loss(LossRequest request) {
    String mediaType = request.encoding().mediaType();
    Answer answer = post("/loss", request, null, null, mediaType);
    return answer.read(mediaType, a -> new LossResult(AnswerParts.of(a, request), a.requestId()));
  }

  /**
   * Judges what a worker got for a problem, by the default tolerance.
   *
   * @param request the problem
   * @param claims what the worker got
   * @return the report, also of claims that are wrong
   * @throws RnnLossException if there is no answer, or a problem
   */
  public Report validate(LossRequest request, Claims claims) {
    return validate(request, claims, null);
  }

  /**
   * Judges what a worker got for a problem.
   *
   * @param request the problem
   * @param claims what the worker got
   * @param tolerance how far claims may be from the right values; null for the default
   * @return the report, also of claims that are wrong
   * @throws RnnLossException if there is no answer, or a problem
   */
  public Report validate(LossRequest request, Claims claims, Tolerance tolerance) {
    Answer answer = post("/validate", request, claims, tolerance, JSON);
    return answer.read(JSON, a -> new Report(JsonReader.read(a.body())));
  }

  /**
   * Judges what a worker got for a problem, for people.
   *
   * @param request the problem
   * @param claims what the worker got
   * @param tolerance how far claims may be from the right values; null for the default
   * @return the report as text
   * @throws RnnLossException if there is no answer, or a problem
   */
  public String validateAsText(LossRequest request, Claims claims, Tolerance tolerance) {
    Answer answer = post("/validate", request, claims, tolerance, "text/plain");
    return answer.read("text/plain", Answer::text);
  }

  /**
   * The catalogue of terms: names, weights, tensors, formulas, conventions.
   *
   * @return an object with the member {@code terms}
   * @throws RnnLossException if there is no answer, or a problem
   */
  public Json terms() {
    return get("/terms");
  }

  /**
   * The list of the conformance vectors.
   *
   * @return an object with the members {@code count} and {@code vectors}
   * @throws RnnLossException if there is no answer, or a problem
   */
  public Json vectors() {
    return get("/vectors");
  }

  /**
   * A conformance vector.
   *
   * @param name its id
   * @return an object
   * @throws RnnLossException if there is no answer, or a problem, as {@code not-found}
   */
  public Json vector(String name) {
    return get("/vectors/" + URLEncoder.encode(name, StandardCharsets.UTF_8).replace("+", "%20"));
  }

  /**
   * What the daemon is.
   *
   * @return an object: version, contract, kernel, limits
   * @throws RnnLossException if there is no answer, or a problem
   */
  public Json version() {
    return get("/version");
  }

  /**
   * How every endpoint is, each asked once. Throws nothing: what isn't reached in time is {@link
   * Health#UNREACHABLE}.
   *
   * @return by endpoint as it was given, in that order
   */
  public Map<String, Health> health() {
    return transport.health(call("GET", "/readyz", Map.of("Accept", JSON), List.of()), deadline());
  }

  /**
   * Sends a request as it is, with the retries of every call.
   *
   * @param method GET, POST or HEAD
   * @param path path and query, beginning with a slash
   * @param headers more headers, as {@code Content-Type} and {@code Accept}
   * @param body the body's bytes; none if it is empty
   * @return the answer, if its status is below 400
   * @throws RnnLossException if there is no answer, or a problem
   */
  public Answer request(String method, String path, Map<String, String> headers, byte[] body) {
    List<Part> parts = body.length == 0 ? List.of() : List.of(Part.of(body));
    return send(call(method, path, headers, parts));
  }

  private Answer post(
      String path, LossRequest request, Claims claims, Tolerance tolerance, String accept) {
    Map<String, String> types =
        Map.of("Content-Type", request.encoding().mediaType(), "Accept", accept);
    return send(call("POST", path, types, Encoder.body(request, claims, tolerance)));
  }

  private Json get(String path) {
    Answer answer = send(call("GET", path, Map.of("Accept", JSON), List.of()));
    return answer.read(JSON, a -> JsonReader.read(a.body()));
  }

  private Answer send(Call call) {
    return transport.send(call, deadline()).orThrow();
  }

  private Call call(String method, String path, Map<String, String> more, List<Part> parts) {
    Map<String, String> all = new LinkedHashMap<>(headers);
    all.putAll(more);
    String id = requestId == null ? UUID.randomUUID().toString().replace("-", "") : requestId;
    return new Call(method, path, all, parts, id);
  }

  private Deadline deadline() {
    return new Deadline(timeout);
  }

  /** The settings of a client; for one thread at a time. */
  public static final class Builder {
    private static final String DEFAULT_URL = "http://127.0.0.1:8080";

    private List<String> endpoints = List.of(environment("RNNLOSS_URL", DEFAULT_URL).split(","));
    private String token = environment("RNNLOSS_TOKEN", "");
    private Path ca;
    private Path certificate;
    private Path key;
    private Duration timeout = Duration.ofSeconds(60);
    private Duration connectTimeout = Duration.ofSeconds(5);
    private int retries = 3;

    private Builder() {}

    private static String environment(String name, String otherwise) {
      String value = System.getenv(name);
      return value == null || value.isEmpty() ? otherwise : value;
    }

    /**
     * Sets where the daemons are; the default is {@code RNNLOSS_URL}, or {@code
     * http://127.0.0.1:8080}.
     *
     * @param endpoints one or more of {@code http://HOST:PORT} and {@code https://HOST:PORT}; unix
     *     sockets are beyond java.net.http
     * @return this
     */
    public Builder endpoints(String... endpoints) {
      this.endpoints = List.of(endpoints);
      return this;
    }

    /**
     * Sets the token to send; the default is {@code RNNLOSS_TOKEN}, or none.
     *
     * @param token the token, or an empty string for none
     * @return this
     */
    public Builder token(String token) {
      this.token = Objects.requireNonNull(token);
      return this;
    }

    /**
     * Sets whom to trust; by default the certificate authorities of the Java runtime.
     *
     * @param ca a PEM file of certificates
     * @return this
     */
    public Builder ca(Path ca) {
      this.ca = Objects.requireNonNull(ca);
      return this;
    }

    /**
     * Sets what to show to a daemon that asks for a certificate; by default nothing.
     *
     * @param certificate a PEM file of the client's certificate, and of those between it and a CA
     * @param key a PEM file of its private key, EC or RSA, PKCS #8 without a password
     * @return this
     */
    public Builder certificate(Path certificate, Path key) {
      this.certificate = Objects.requireNonNull(certificate);
      this.key = Objects.requireNonNull(key);
      return this;
    }

    /**
     * Sets the time of a call as a whole, its retries included; the default is a minute.
     *
     * @param timeout more than 0
     * @return this
     */
    public Builder timeout(Duration timeout) {
      this.timeout = Objects.requireNonNull(timeout);
      return this;
    }

    /**
     * Sets the time to open one connection in; the default is five seconds.
     *
     * @param connectTimeout more than 0
     * @return this
     */
    public Builder connectTimeout(Duration connectTimeout) {
      this.connectTimeout = Objects.requireNonNull(connectTimeout);
      return this;
    }

    /**
     * Sets how often to try again after the first attempt; the default is 3.
     *
     * @param retries 0 or more
     * @return this
     */
    public Builder retries(int retries) {
      this.retries = retries;
      return this;
    }

    /**
     * Makes the client, without connecting yet.
     *
     * @return a new client
     * @throws IllegalArgumentException if an endpoint, the token or a file can't be used
     */
    public RnnLossClient build() {
      List<Endpoint> all = new ArrayList<>();
      for (String address : endpoints) {
        all.add(new Endpoint(address));
      }
      if (all.isEmpty() || retries < 0) {
        throw new IllegalArgumentException("no endpoints, or a negative number of retries");
      }
      HttpClient http =
          HttpClient.newBuilder()
              .version(HttpClient.Version.HTTP_1_1)
              .followRedirects(HttpClient.Redirect.NEVER)
              .proxy(HttpClient.Builder.NO_PROXY)
              .connectTimeout(connectTimeout)
              .sslContext(Tls.context(ca, certificate, key))
              .build();
      return new RnnLossClient(
          new Transport(http, all, retries), headers(all.get(0)), timeout, null);
    }

    private Map<String, String> headers(Endpoint any) {
      Map<String, String> headers = new LinkedHashMap<>();
      headers.put("User-Agent", USER_AGENT);
      if (!token.isEmpty()) {
        headers.put("Authorization", "Bearer " + token);
      }
      HttpRequest.Builder tried = HttpRequest.newBuilder(any.uri("/"));
      headers.forEach(tried::header); // a token that is no header shall fail here
      return headers;
    }
  }
}
