/* acceptor.c - one thread that owns every listening socket and hands on what it accepts
 *
 * Loops that shared a listening socket would balance badly, and the HTTP library spins when the
 * process is out of descriptors; here it is one poll, and a pause.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server.h"

#define STACK_BYTES ((size_t)256 << 10)
#define PAUSE_MS 50                          /* before trying again, when descriptors or memory have run out */
#define WARN_EVERY_NS ((uint64_t)5000000000) /* about it, at most */
#define TICK_MS 1000
#define ACCEPTS_A_TURN 64 /* of one socket, before the others have theirs */

struct acceptor {
  pthread_t thread;
  int wake; /* an eventfd: readable once the acceptor is to stop */
  const struct listener *listeners;
  size_t listener_count;
  acceptor_taker *take;
  acceptor_ticker *tick;
  void *context;
  uint64_t warned_ns, ticked_ns;
};

bool thread_start(pthread_t *thread, size_t stack_bytes, void *(*run)(void *), void *argument) {
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) return false;
  bool started = pthread_attr_setstacksize(&attributes, stack_bytes) == 0 &&
                 pthread_create(thread, &attributes, run, argument) == 0;
  pthread_attr_destroy(&attributes);
  return started;
}

enum accepted { ACCEPTED_ONE, ACCEPTED_NONE, ACCEPTED_EXHAUSTED };

static enum accepted accept_one(struct acceptor *acceptor, const struct listener *listener) {
  struct sockaddr_storage peer = {0};
  socklen_t length = sizeof peer;
  int fd = accept4(listener->fd, (struct sockaddr *)&peer, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd >= 0) {
    acceptor->take(acceptor->context, listener, fd, (const struct sockaddr *)&peer, length);
    return ACCEPTED_ONE;
  }
  switch (errno) {
  case EAGAIN:
    return ACCEPTED_NONE;
  case EMFILE:
  case ENFILE:
  case ENOBUFS:
  case ENOMEM: {
    uint64_t now = clock_ns();
    if (!acceptor->warned_ns || now - acceptor->warned_ns > WARN_EVERY_NS) {
      acceptor->warned_ns = now;
      log_line(LOG_WARNING, "accept", "%s: connections wait until there is room", strerror(errno));
    }
    return ACCEPTED_EXHAUSTED;
  }
  default:
    return ACCEPTED_ONE; /* that one peer has gone away, or its packet was refused: the next one, please */
  }
}

/* Accepts what has queued up; false if descriptors or memory have run out. */
static bool accept_some(struct acceptor *acceptor, const struct listener *listener) {
  for (int i = 0; i < ACCEPTS_A_TURN; i++) {
    enum accepted accepted = accept_one(acceptor, listener);
    if (accepted != ACCEPTED_ONE) return accepted == ACCEPTED_NONE;
  }
  return true;
}

static void tick_if_due(struct acceptor *acceptor) {
  uint64_t now = clock_ns();
  if (now - acceptor->ticked_ns < (uint64_t)TICK_MS * 1000000) return;
  acceptor->ticked_ns = now;
  acceptor->tick(acceptor->context);
}

static void *accept_all(void *argument) {
  struct acceptor *acceptor = argument;
  struct pollfd wanted[LISTEN_MAX + 1] = {{.fd = acceptor->wake, .events = POLLIN}};
  for (size_t i = 0; i < acceptor->listener_count; i++) {
    wanted[i + 1] = (struct pollfd){.fd = acceptor->listeners[i].fd, .events = POLLIN};
  }
  bool exhausted = false;
  for (;;) {
    /* While exhausted only the wish to stop is of interest: a ready socket would make poll spin. */
    int ready = poll(wanted, exhausted ? 1 : acceptor->listener_count + 1, exhausted ? PAUSE_MS : TICK_MS);
    bool stopping = wanted[0].revents != 0;
    if (ready < 0 && errno != EINTR) stopping = true; /* can't be: but never spin */
    bool all = exhausted || stopping;
    exhausted = false;
    for (size_t i = 1; i <= acceptor->listener_count; i++) {
      if ((all || wanted[i].revents) && !accept_some(acceptor, &acceptor->listeners[i - 1])) exhausted = true;
    }
    tick_if_due(acceptor);
    if (stopping) return NULL; /* those whose connection the kernel had made were taken still */
  }
}

struct acceptor *acceptor_start(const struct listener *listeners, size_t count, acceptor_taker *take,
                                acceptor_ticker *tick, void *context) {
  struct acceptor *acceptor = memory_allocate(sizeof *acceptor);
  if (!acceptor) return NULL;
  *acceptor = (struct acceptor){.listeners = listeners,
                                .listener_count = count,
                                .take = take,
                                .tick = tick,
                                .context = context,
                                .wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  if (acceptor->wake >= 0 && thread_start(&acceptor->thread, STACK_BYTES, accept_all, acceptor)) return acceptor;
  if (acceptor->wake >= 0) close(acceptor->wake);
  memory_release(acceptor);
  return NULL;
}

void acceptor_stop(struct acceptor *acceptor) {
  if (!acceptor) return;
  eventfd_write(acceptor->wake, 1);
  pthread_join(acceptor->thread, NULL);
  close(acceptor->wake);
  memory_release(acceptor);
}
