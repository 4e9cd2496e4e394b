/* drain.c - the end of the daemon: what is in flight is answered, nothing new is begun */
#include <time.h>

#include "server.h"

/* Waits until no request is in flight, or until a moment has come; false: some still are. */
static bool wait_until_idle(struct server *server, uint64_t until_ns) {
  for (unsigned turn = 0; atomic_load(&server->metrics.in_flight) > 0; turn++) {
    if (clock_ns() >= until_ns) return false;
    if (turn % 64 == 0) http_check(server);
    nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
  }
  return true;
}

void drain(struct server *server) {
  uint64_t until_ns = clock_ns() + (uint64_t)server->config.drain_seconds * 1000000000U;
  atomic_store(&server->draining, true);
  http_close_door(server);
  for (size_t i = 0; i < server->listener_count; i++) listener_close(&server->listeners[i]);
  bool idle = wait_until_idle(server, until_ns);
  /* A request that begins now is not answered at all; one that began a moment ago still is. */
  http_begin_no_more(server);
  if (!idle || !wait_until_idle(server, until_ns)) {
    log_line(LOG_WARNING, "drain", "%u s have passed: %llu requests are left unanswered", server->config.drain_seconds,
             (unsigned long long)atomic_load(&server->metrics.in_flight));
  }
  http_end(server);
}
