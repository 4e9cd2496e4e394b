package rnnloss;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.http.HttpRequest;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.concurrent.Flow;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The body of one attempt, handed to the connection piece by piece as it asks for them.
 *
 * <p>java.net.http sends a GET again by itself if the connection breaks, once, without a word. As
 * attempts must be counted this body refuses to be sent twice: its length is asked for whenever a
 * request is about to be written, on a connection that is open by then.
 */
final class Body implements HttpRequest.BodyPublisher {
  private final List<Part> parts;
  private final AtomicInteger sendings = new AtomicInteger();

  Body(List<Part> parts) {
    this.parts = parts;
  }

  /** Whether a connection was there to send it by. */
  boolean begun() {
    return sendings.get() > 0;
  }

  @Override
  public long contentLength() {
    if (sendings.getAndIncrement() > 0) {
      throw new UncheckedIOException(new IOException("the connection broke before the answer"));
    }
    return parts.stream().mapToLong(Part::length).sum();
  }

  @Override
  public void subscribe(Flow.Subscriber<? super ByteBuffer> subscriber) {
    subscriber.onSubscribe(new Pieces(subscriber));
  }

  private static long saturatedSum(long a, long b) {
    return a + b < 0 ? Long.MAX_VALUE : a + b;
  }

  /** Hands out pieces: one thread at a time does, whichever raised the demand from 0. */
  private final class Pieces implements Flow.Subscription {
    private final Flow.Subscriber<? super ByteBuffer> subscriber;
    private final AtomicLong demand = new AtomicLong();
    private volatile boolean ended;
    private int part;
    private long offset;

    Pieces(Flow.Subscriber<? super ByteBuffer> subscriber) {
      this.subscriber = subscriber;
    }

    @Override
    public void request(long n) {
      if (n <= 0) {
        cancel();
        subscriber.onError(new IllegalArgumentException("a demand of " + n));
      } else if (demand.getAndAccumulate(n, Body::saturatedSum) == 0) {
        do {
          next();
        } while (demand.decrementAndGet() > 0 && !ended);
      }
    }

    private void next() {
      skipFinished();
      if (!ended && part < parts.size()) {
        ByteBuffer piece = parts.get(part).piece(offset);
        offset += piece.remaining();
        subscriber.onNext(piece);
        skipFinished();
      }
      if (!ended && part == parts.size()) {
        ended = true;
        subscriber.onComplete();
      }
    }

    private void skipFinished() {
      while (part < parts.size() && offset == parts.get(part).length()) {
        part++;
        offset = 0;
      }
    }

    @Override
    public void cancel() {
      ended = true;
    }
  }
}
