/* admission.c - what is refused before its body is read: more than there is room for
 *
 * A body is kept in memory unless no gradient is asked for, and then only the query can say so
 * before it comes. JSON is kept as numbers; its text is about as long, and what it needs beyond
 * that is reserved in steps, as everything is whose length isn't said.
 */
#include <string.h>

#include "server.h"

static bool check_crowd(struct exchange *exchange) {
  if (!exchange->head.crowded) return true;
  return problem_set(
      &exchange->problem, PROBLEM_OVERLOADED, "",
      "%u connections (--max-connections), or as many as memory allows (--max-memory), are there already",
      exchange->server->config.max_connections);
}

bool admission_too_large(struct exchange *exchange) {
  return problem_set(&exchange->problem, PROBLEM_TOO_LARGE, "", "the body is larger than %llu bytes (--max-body)",
                     (unsigned long long)exchange->server->config.max_body);
}

static bool check_length(struct exchange *exchange) {
  const struct head *head = &exchange->head;
  return !head->has_length || head->length <= exchange->server->config.max_body || admission_too_large(exchange);
}

/* Does the query say that no gradient will be asked for? Then the body may pass by. */
static bool passes_by(const struct exchange *exchange) {
  static const char option[] = "gradients=none";
  const char *at = exchange->query;
  while (at) {
    if (strncmp(at, option, sizeof option - 1) == 0 && strchr("&", at[sizeof option - 1])) return true;
    at = strchr(at, '&');
    if (at) at++;
  }
  return false;
}

static bool reserve(struct exchange *exchange) {
  uint64_t length = exchange->head.length, most = exchange->server->budget.limit;
  if (!exchange->head.has_length || length < CONNECTION_BYTES / 4 || passes_by(exchange)) return true;
  if (account_reserve(&exchange->account, length)) return true;
  if (length <= most) {
    return problem_set(&exchange->problem, PROBLEM_OVERLOADED, "",
                       "other requests have the memory that this one needs, %llu bytes of the %llu there are "
                       "(--max-memory); try again",
                       (unsigned long long)length, (unsigned long long)most);
  }
  return problem_set(&exchange->problem, PROBLEM_TOO_LARGE, "",
                     "the body is larger than the %llu bytes that there are for all requests (--max-memory); "
                     "with gradients=none in the query it would not be kept",
                     (unsigned long long)most);
}

bool admission_check(struct exchange *exchange) {
  const struct route *route = route_of(exchange);
  if (!route || route->access != ACCESS_GUARDED || exchange->head.method == METHOD_OPTIONS) return true;
  return check_crowd(exchange) && check_length(exchange) && reserve(exchange);
}
