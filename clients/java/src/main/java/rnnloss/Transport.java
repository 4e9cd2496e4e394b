package rnnloss;

import java.io.IOException;
import java.net.http.HttpClient;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Gets each call an answer: tries endpoints in turn, waits between rounds, keeps to the timeout.
 */
final class Transport {
  private static final double FIRST_WAIT = 0.1;
  private static final double LONGEST_WAIT = 2;

  private final HttpClient http;
  private final List<Endpoint> endpoints;
  private final int retries;
  private final AtomicInteger answeredLast = new AtomicInteger();

  Transport(HttpClient http, List<Endpoint> endpoints, int retries) {
    this.http = http;
    this.endpoints = endpoints;
    this.retries = retries;
  }

  /** An answer that does not ask to be retried; the problem of the last one if all do. */
  Answer send(Call call, Deadline deadline) {
    int first = answeredLast.get();
    RnnLossException failure = null;
    Duration asked = Duration.ZERO;
    for (int attempt = 0; attempt <= retries; attempt++) {
      if (attempt > 0 && attempt % endpoints.size() == 0) {
        pause(attempt / endpoints.size(), asked, deadline, failure);
        asked = Duration.ZERO;
      }
      int index = (first + attempt) % endpoints.size();
      Endpoint endpoint = endpoints.get(index);
      try {
        Answer answer = new Attempt(http, endpoint, call, deadline).await();
        if (!answer.asksToRetry()) {
          answeredLast.set(index);
          return answer;
        }
        failure = answer.problem();
        asked = answer.retryAfter().compareTo(asked) > 0 ? answer.retryAfter() : asked;
      } catch (IOException e) {
        if (failure == null || failure.status() == 0) {
          failure = RnnLossException.unreachable(e, endpoint.address(), call.requestId());
        }
      }
    }
    throw failure;
  }

  /** How many nanoseconds to wait before a round, of which the first is 0. */
  static long wait(int round, Duration asked) {
    double longest = Math.min(LONGEST_WAIT, FIRST_WAIT * Math.pow(2, round));
    double seconds = ThreadLocalRandom.current().nextDouble() * longest;
    return Math.max((long) (seconds * 1e9), asked.toNanos());
  }

  /** Waits before another round of the endpoints; fails at once if there isn't the time. */
  private static void pause(
      int round, Duration asked, Deadline deadline, RnnLossException failure) {
    long nanos = wait(round, asked);
    if (nanos >= deadline.remaining()) {
      throw failure;
    }
    try {
      Thread.sleep(nanos / 1_000_000, (int) (nanos % 1_000_000));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw RnnLossException.timeout("the thread was interrupted", failure.requestId());
    }
  }

  /** How every endpoint is, asked all at once and not more than once. */
  Map<String, Health> health(Call call, Deadline deadline) {
    List<Attempt> attempts = new ArrayList<>();
    for (Endpoint endpoint : endpoints) {
      attempts.add(new Attempt(http, endpoint, call, deadline));
    }
    Map<String, Health> health = new LinkedHashMap<>();
    for (int i = 0; i < attempts.size(); i++) {
      health.put(endpoints.get(i).address(), attempts.get(i).health());
    }
    return health;
  }
}
