package rnnloss;

import java.io.IOException;
import java.net.http.HttpResponse.BodySubscriber;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Flow;

/** Collects an answer's body in one array, into which gradients are views later. */
final class BodyCollector implements BodySubscriber<ByteBuffer> {
  /** An answer is larger than an array can be. */
  static final class TooLarge extends IOException {
    private static final long serialVersionUID = 1L;

    TooLarge() {
      super("an answer of more than 2 GiB");
    }
  }

  private static final int LARGEST = Integer.MAX_VALUE - 8;

  /** What is believed of a length without having seen the bytes. */
  private static final int TRUSTED = 1 << 26;

  private final CompletableFuture<ByteBuffer> whole = new CompletableFuture<>();
  private final long announced;
  private byte[] bytes;
  private int length;
  private volatile Flow.Subscription subscription;

  /**
   * Collects a body.
   *
   * @param announced how long it will be, 0 if that is not known
   */
  BodyCollector(long announced) {
    this.announced = announced;
    bytes = new byte[(int) Math.max(0, Math.min(announced, TRUSTED))];
  }

  @Override
  public CompletionStage<ByteBuffer> getBody() {
    return whole;
  }

  @Override
  public void onSubscribe(Flow.Subscription newSubscription) {
    subscription = newSubscription;
    if (announced > LARGEST) {
      refuse();
    } else {
      subscription.request(Long.MAX_VALUE);
    }
  }

  @Override
  public void onNext(List<ByteBuffer> pieces) {
    for (ByteBuffer piece : pieces) {
      if (piece.remaining() > LARGEST - length) {
        refuse();
        return;
      }
      append(piece);
    }
  }

  private void append(ByteBuffer piece) {
    int end = length + piece.remaining();
    if (end > bytes.length) {
      long doubled = Math.min(LARGEST, Math.max(1024L, 2L * bytes.length));
      bytes = Arrays.copyOf(bytes, (int) Math.max(end, doubled));
    }
    piece.get(bytes, length, piece.remaining());
    length = end;
  }

  /** Asks for no more, if anything has been asked for. */
  void cancel() {
    Flow.Subscription current = subscription;
    if (current != null) {
      current.cancel();
    }
  }

  private void refuse() {
    subscription.cancel();
    whole.completeExceptionally(new TooLarge());
  }

  @Override
  public void onError(Throwable error) {
    whole.completeExceptionally(error);
  }

  @Override
  public void onComplete() {
    whole.complete(ByteBuffer.wrap(bytes, 0, length));
  }
}
