/* call.c - a call: attempts at one endpoint after the other, until there is an answer or no use in going on */
#define _GNU_SOURCE /* nanosleep, clock_gettime */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "internal.h"

#define STEP 0.1 /* seconds: the longest wait before round n is STEP * 2^n */
#define WAIT_MAX 2.0

double clock_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void rest(double seconds) {
  const double until = clock_now() + seconds;
  double left = seconds;
  while (left > 0) { /* a signal may wake it early */
    const struct timespec span = {(time_t)left, (long)((left - floor(left)) * 1e9)};
    nanosleep(&span, NULL);
    left = until - clock_now();
  }
}

static bool asks_for_more(const struct exchange *exchange) {
  if (exchange->outcome == OUTCOME_BROKEN) return true;
  return exchange->outcome == OUTCOME_ANSWER && (exchange->status == 429 || exchange->status == 503);
}

static bool fail(const struct exchange *exchange, const char *endpoint, const struct call *call, double timeout,
                 rnnloss_client_error *error) {
  switch (exchange->outcome) {
  case OUTCOME_ANSWER:
    return error_of_answer(error, exchange);
  case OUTCOME_GARBAGE:
    error_unexpected(error, exchange, exchange->detail);
    break;
  case OUTCOME_LATE:
    error_set(error, "timeout", "The time of the call was up", "%s: no answer within %g s", endpoint, timeout);
    break;
  case OUTCOME_NO_MEMORY:
    return error_memory(error);
  default:
    error_set(error, "unreachable", "No daemon could be reached", "%s: %s", endpoint, exchange->detail);
  }
  if (error) snprintf(error->request_id, sizeof error->request_id, "%s", call->request_id);
  return false;
}

/* Characters that would end a header, and begin another. */
bool breaks_header(const char *text) {
  for (; text && *text; text++) {
    if ((unsigned char)*text < ' ' || *text == 0x7f) return true;
  }
  return false;
}

/* A round asks every endpoint once. */
struct rounds {
  size_t asked;
  int number;
  double retry_after; /* the longest that the daemons of this round have asked for */
};

/* How long to wait before the next attempt. */
static double pause_before(struct rounds *rounds, const rnnloss_client *client, const struct exchange *exchange) {
  rounds->retry_after = fmax(rounds->retry_after, exchange->retry_after);
  if (++rounds->asked < client->endpoint_count) return 0;
  rounds->number++;
  const double jitter = random_fraction() * fmin(WAIT_MAX, ldexp(STEP, rounds->number < 30 ? rounds->number : 30));
  const double wait = fmax(jitter, rounds->retry_after);
  rounds->asked = 0;
  rounds->retry_after = 0;
  return wait;
}

static bool attempt(rnnloss_client *client, size_t at, const struct call *call, double deadline,
                    struct exchange *exchange) {
  exchange_free(exchange);
  const double left = deadline - clock_now();
  if (left <= 0) {
    exchange->outcome = OUTCOME_LATE;
    return false;
  }
  transport_exchange(client->transport, client->endpoints[at], call, client->connect_timeout, left, exchange);
  return exchange->outcome == OUTCOME_ANSWER && !asks_for_more(exchange);
}

bool call_make(rnnloss_client *client, const struct call *given, struct exchange *exchange,
               rnnloss_client_error *error) {
  char id[ID_MAX + 1];
  struct call call = *given;
  if (breaks_header(call.request_id) || breaks_header(call.content_type) || breaks_header(call.accept))
    return error_argument(error, "a header has a control character in it");
  if (call.request_id && strlen(call.request_id) > ID_MAX)
    return error_argument(error, "the request id is longer than %d characters", ID_MAX);
  if (!call.request_id) { /* one for all attempts, so that a log shows them together */
    random_id(id);
    call.request_id = id;
  }
  const double deadline = clock_now() + client->timeout;
  struct rounds rounds = {0};
  size_t at = client->sticky;
  *exchange = (struct exchange){0};
  for (unsigned attempts = 0;; attempts++) {
    if (attempt(client, at, &call, deadline, exchange)) {
      client->sticky = at;
      return true;
    }
    if (!asks_for_more(exchange) || attempts == client->retries) break;
    const double wait = pause_before(&rounds, client, exchange);
    if (clock_now() + wait >= deadline) break;
    rest(wait);
    at = (at + 1) % client->endpoint_count;
  }
  fail(exchange, client->endpoints[at], &call, client->timeout, error);
  exchange_free(exchange);
  return false;
}

bool call_once(rnnloss_client *client, size_t endpoint, const struct call *call, struct exchange *exchange) {
  *exchange = (struct exchange){0};
  const double limit = fmin(client->timeout, client->connect_timeout);
  transport_exchange(client->transport, client->endpoints[endpoint], call, limit, limit, exchange);
  return exchange->outcome == OUTCOME_ANSWER;
}
