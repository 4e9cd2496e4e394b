/* linger.c - lets a refused client finish sending, so that it reads the refusal
 *
 * A request refused before its body is answered at once, and its connection ends. But a socket that
 * is closed while its peer still sends is reset, and the reset takes the answer with it. So here a
 * thread holds such sockets open and throws away what comes until the peer is done.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server.h"

#define STACK_BYTES ((size_t)256 << 10)
#define SOCKETS_MAX 256
#define IDLE_NS ((uint64_t)2000000000)
#define CHUNK ((size_t)64 << 10)
#define CHUNKS_A_TURN 16 /* of one socket, before the others have theirs */

struct lingering {
  int fd;
  uint64_t until_ns; /* unless something comes by then */
  uint64_t bytes;    /* thrown away */
};

struct lingerer {
  pthread_t thread;
  int wake;                              /* an eventfd: sockets have come, or it is to stop */
  struct lingering sockets[SOCKETS_MAX]; /* the thread's own */
  size_t count;
  pthread_mutex_t lock; /* of what follows */
  int incoming[SOCKETS_MAX];
  size_t incoming_count;
  bool stopping;
  char scratch[CHUNK];
};

/* False: the peer is done, or has had enough of our patience. */
static bool discard(struct lingerer *lingerer, struct lingering *socket, bool readable, uint64_t now) {
  for (int i = 0; readable && i < CHUNKS_A_TURN; i++) {
    ssize_t got = recv(socket->fd, lingerer->scratch, CHUNK, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) break;
    if (got <= 0) return false;
    socket->bytes += (uint64_t)got;
    socket->until_ns = now + IDLE_NS;
  }
  return socket->bytes < LINGER_BYTES && now < socket->until_ns;
}

/* Takes over the sockets that came; returns whether to stop. */
static bool take_incoming(struct lingerer *lingerer, uint64_t now) {
  eventfd_t events;
  (void)eventfd_read(lingerer->wake, &events);
  pthread_mutex_lock(&lingerer->lock);
  for (size_t i = 0; i < lingerer->incoming_count; i++) {
    if (lingerer->count < SOCKETS_MAX) {
      lingerer->sockets[lingerer->count++] = (struct lingering){.fd = lingerer->incoming[i], .until_ns = now + IDLE_NS};
    } else {
      close(lingerer->incoming[i]);
    }
  }
  lingerer->incoming_count = 0;
  bool stopping = lingerer->stopping;
  pthread_mutex_unlock(&lingerer->lock);
  return stopping;
}

static int milliseconds_left(const struct lingerer *lingerer, uint64_t now) {
  uint64_t left = UINT64_MAX;
  for (size_t i = 0; i < lingerer->count; i++) {
    uint64_t until = lingerer->sockets[i].until_ns;
    uint64_t mine = until > now ? until - now : 0;
    if (mine < left) left = mine;
  }
  return left == UINT64_MAX ? -1 : (int)(left / 1000000) + 1;
}

static void *linger_on(void *argument) {
  struct lingerer *lingerer = argument;
  struct pollfd wanted[SOCKETS_MAX + 1];
  uint64_t stop_ns = UINT64_MAX;
  for (;;) {
    uint64_t now = clock_ns();
    if (take_incoming(lingerer, now) && stop_ns == UINT64_MAX) stop_ns = now + IDLE_NS;
    if (stop_ns != UINT64_MAX && (lingerer->count == 0 || now >= stop_ns)) break;

    size_t count = lingerer->count;
    wanted[0] = (struct pollfd){.fd = lingerer->wake, .events = POLLIN};
    for (size_t i = 0; i < count; i++) wanted[i + 1] = (struct pollfd){.fd = lingerer->sockets[i].fd, .events = POLLIN};
    if (poll(wanted, count + 1, milliseconds_left(lingerer, now)) < 0 && errno != EINTR) break;

    now = clock_ns();
    for (size_t i = count; i-- > 0;) {
      if (discard(lingerer, &lingerer->sockets[i], wanted[i + 1].revents != 0, now)) continue;
      close(lingerer->sockets[i].fd);
      lingerer->sockets[i] = lingerer->sockets[--lingerer->count];
    }
  }
  for (size_t i = 0; i < lingerer->count; i++) close(lingerer->sockets[i].fd);
  return NULL;
}

struct lingerer *lingerer_start(void) {
  struct lingerer *lingerer = memory_allocate(sizeof *lingerer);
  if (!lingerer) return NULL;
  lingerer->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  lingerer->count = lingerer->incoming_count = 0;
  lingerer->stopping = false;
  pthread_mutex_init(&lingerer->lock, NULL);
  if (lingerer->wake >= 0 && thread_start(&lingerer->thread, STACK_BYTES, linger_on, lingerer)) return lingerer;
  if (lingerer->wake >= 0) close(lingerer->wake);
  pthread_mutex_destroy(&lingerer->lock);
  memory_release(lingerer);
  return NULL;
}

void lingerer_add(struct lingerer *lingerer, int fd) {
  if (fd < 0) return;
  shutdown(fd, SHUT_WR); /* the answer ends here */
  pthread_mutex_lock(&lingerer->lock);
  bool room = lingerer->incoming_count < SOCKETS_MAX && !lingerer->stopping;
  if (room) lingerer->incoming[lingerer->incoming_count++] = fd;
  pthread_mutex_unlock(&lingerer->lock);
  if (room) {
    eventfd_write(lingerer->wake, 1);
  } else {
    close(fd);
  }
}

void lingerer_stop(struct lingerer *lingerer) {
  if (!lingerer) return;
  pthread_mutex_lock(&lingerer->lock);
  lingerer->stopping = true;
  pthread_mutex_unlock(&lingerer->lock);
  eventfd_write(lingerer->wake, 1);
  pthread_join(lingerer->thread, NULL);
  close(lingerer->wake);
  pthread_mutex_destroy(&lingerer->lock);
  memory_release(lingerer);
}
