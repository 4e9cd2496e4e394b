package rnnloss;

import java.net.URI;
import java.net.URISyntaxException;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicInteger;

/** An address of a rnnlossd, and how many connections to it may be kept open at most. */
final class Endpoint {
  private final String address;
  private final URI root;
  private final AtomicInteger kept = new AtomicInteger();

  Endpoint(String address) {
    this.address = address.strip();
    if (this.address.startsWith("unix:")) {
      throw new IllegalArgumentException(
          this.address + ": java.net.http can't connect to unix sockets");
    }
    root = parse(this.address.replaceAll("/+$", ""));
  }

  private static URI parse(String address) {
    try {
      URI uri = new URI(address);
      String scheme = uri.getScheme() == null ? "" : uri.getScheme().toLowerCase(Locale.ROOT);
      if (uri.getHost() != null && (scheme.equals("http") || scheme.equals("https"))) {
        return uri;
      }
    } catch (URISyntaxException e) {
      throw new IllegalArgumentException("no endpoint: " + address, e);
    }
    throw new IllegalArgumentException("no endpoint: " + address + "; say http://HOST:PORT");
  }

  /** The address as it was given. */
  String address() {
    return address;
  }

  URI uri(String path) {
    return URI.create(root + path);
  }

  /** Notes that a connection may be kept from now on. */
  void keep() {
    kept.incrementAndGet();
  }

  /** Notes that a request goes out; whether it may go by a kept connection. */
  boolean takeKept() {
    return kept.getAndUpdate(count -> Math.max(0, count - 1)) > 0;
  }
}
