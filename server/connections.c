/* connections.c - which connections there are, and which loop has each
 *
 * A connection that the HTTP library drops for want of memory, before it has begun, is never
 * reported as closed. So each is kept by its descriptor: when that comes again, the old one is gone.
 */
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "server.h"

bool connections_setup(struct connections *connections, size_t loops) {
  memset(connections, 0, sizeof *connections);
  connections->loops = loops;
  return pthread_mutex_init(&connections->lock, NULL) == 0;
}

void connections_end(struct connections *connections) {
  pthread_mutex_destroy(&connections->lock);
}

int connections_open(struct connections *connections, int fd, size_t first, size_t count) {
  if (fd < 0 || fd >= CONNECTION_FDS) return -1;
  int fewest = -1;
  size_t total = 0;
  pthread_mutex_lock(&connections->lock);
  uint16_t *owner = &connections->owner[fd];
  if (*owner) connections->count[*owner - 1]--;
  *owner = 0;
  for (size_t i = 0; i < connections->loops; i++) {
    total += connections->count[i];
    if (i < first || i >= first + count) continue;
    if (fewest < 0 || connections->count[i] < connections->count[fewest]) fewest = (int)i;
  }
  if (total >= CONNECTIONS_MAX) fewest = -1;
  if (fewest >= 0) {
    connections->count[fewest]++;
    *owner = (uint16_t)(fewest + 1);
  }
  pthread_mutex_unlock(&connections->lock);
  return fewest;
}

void connections_close(struct connections *connections, int fd) {
  if (fd < 0 || fd >= CONNECTION_FDS) return;
  pthread_mutex_lock(&connections->lock);
  uint16_t *owner = &connections->owner[fd];
  if (*owner) connections->count[*owner - 1]--;
  *owner = 0;
  pthread_mutex_unlock(&connections->lock);
}

/* No descriptor that is found here can be closed meanwhile: its loop would wait for the lock first. */
void connections_wake_ended(struct connections *connections) {
  nfds_t count = 0;
  struct pollfd *watched = connections->watched;
  pthread_mutex_lock(&connections->lock);
  for (int fd = 0; fd < CONNECTION_FDS && count < CONNECTIONS_MAX; fd++) {
    if (connections->owner[fd]) watched[count++] = (struct pollfd){.fd = fd, .events = POLLRDHUP};
  }
  if (count > 0 && poll(watched, count, 0) > 0) {
    for (nfds_t i = 0; i < count; i++) {
      if (watched[i].revents & POLLRDHUP) shutdown(watched[i].fd, SHUT_RD);
    }
  }
  pthread_mutex_unlock(&connections->lock);
}
