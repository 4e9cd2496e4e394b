package rnnloss;

import java.time.Duration;

/** The time of a call, its retries included. */
final class Deadline {
  private final long end;
  private final Duration timeout;

  Deadline(Duration timeout) {
    this.timeout = timeout;
    end = System.nanoTime() + timeout.toNanos();
  }

  /** Nanoseconds that are left, none or more. */
  long remaining() {
    return Math.max(0, end - System.nanoTime());
  }

  boolean passed() {
    return remaining() == 0;
  }

  RnnLossException exception(String requestId) {
    return RnnLossException.timeout("no answer within " + timeout.toMillis() + " ms", requestId);
  }
}
