package rnnloss;

import java.net.URI;
import java.net.http.HttpRequest;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/** A request as it goes out, the same at each attempt. */
final class Call {
  private final String method;
  private final String path;
  private final Map<String, String> headers;
  private final List<Part> parts;
  private final String requestId;

  Call(String method, String path, Map<String, String> headers, List<Part> parts, String id) {
    this.method = method;
    this.path = path;
    this.headers = headers;
    this.parts = parts;
    this.requestId = id;
  }

  String path() {
    return path;
  }

  String requestId() {
    return requestId;
  }

  Body body() {
    return new Body(parts);
  }

  HttpRequest request(URI uri, Body body, Deadline deadline) {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(uri)
            .method(method, body)
            .timeout(Duration.ofNanos(Math.max(1, deadline.remaining())));
    headers.forEach(request::setHeader);
    return request.setHeader("X-Request-Id", requestId).build();
  }
}
