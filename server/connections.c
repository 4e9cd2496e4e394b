/* connections.c - which connections there are, which loop has each, and until when it may take
 *
 * The HTTP library's timeouts are of inactivity only: a peer that sends a byte now and then would
 * stay for ever. So each connection has a deadline for what it is at, and one that is past it is
 * shut down from here; its loop notices that, and closes it. Who is at what changes without a lock,
 * several times in a request: stage and deadline are one word.
 *
 * A connection that the library drops for want of memory, before it has begun, is never reported
 * as closed. So each is kept by its descriptor: when that comes again, the old one is gone.
 */
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "server.h"

#define STAGE_BITS 3
#define BATCH 256 /* connections that are looked at under one lock */

static uint64_t word_of(enum stage stage, uint64_t deadline_ns) {
  return (deadline_ns / 1000000) << STAGE_BITS | (uint64_t)stage;
}

static enum stage stage_of(uint64_t word) {
  return (enum stage)(word & ((1U << STAGE_BITS) - 1));
}

static bool is_past(uint64_t word, uint64_t now_ns) {
  uint64_t deadline_ms = word >> STAGE_BITS;
  return deadline_ms && now_ns / 1000000 > deadline_ms;
}

bool connections_setup(struct connections *connections, const struct config *config, size_t loops,
                       struct budget *budget) {
  *connections = (struct connections){.loops = loops, .most = config->max_connections, .budget = budget};
  connections->slot_count = connections->most + CONNECTIONS_SPARE + DESCRIPTORS_OTHER;
  size_t size = connections->slot_count * sizeof *connections->slots;
  connections->slots = memory_allocate(size);
  if (!connections->slots) return false;
  memset(connections->slots, 0, size);
  return pthread_mutex_init(&connections->lock, NULL) == 0;
}

void connections_end(struct connections *connections) {
  if (!connections->slots) return;
  pthread_mutex_destroy(&connections->lock);
  memory_release(connections->slots);
  connections->slots = NULL;
}

static void forget(struct connections *connections, struct connection *connection) {
  if (!connection->owner) return;
  connections->count[connection->owner - 1]--;
  connections->open--;
  if (connection->charged) budget_give(connections->budget, CONNECTION_BYTES);
  connection->owner = 0;
  atomic_store(&connection->word, 0);
}

static int least_loaded(const struct connections *connections, const struct loop_range *range) {
  size_t fewest = range->first;
  for (size_t i = range->first + 1; i < range->first + range->count; i++) {
    if (connections->count[i] < connections->count[fewest]) fewest = i;
  }
  return (int)fewest;
}

int connections_open(struct connections *connections, int fd, const struct loop_range *range, uint64_t deadline_ns) {
  if (fd < 0 || (size_t)fd >= connections->slot_count) return -1;
  int loop = -1;
  pthread_mutex_lock(&connections->lock);
  struct connection *connection = &connections->slots[fd];
  forget(connections, connection);
  bool charged = connections->open < connections->most && budget_take(connections->budget, CONNECTION_BYTES);
  if (charged || connections->open < connections->most + CONNECTIONS_SPARE) {
    loop = least_loaded(connections, range);
    connection->owner = (uint16_t)(loop + 1);
    connection->charged = charged;
    connection->crowded = !charged;
    connection->secure = range->secure;
    atomic_store(&connection->word, word_of(STAGE_OPEN, deadline_ns));
    connections->count[loop]++;
    connections->open++;
    if ((size_t)fd >= connections->top) connections->top = (size_t)fd + 1;
  }
  pthread_mutex_unlock(&connections->lock);
  return loop;
}

void connections_close(struct connections *connections, int fd) {
  if (fd < 0 || (size_t)fd >= connections->slot_count) return;
  pthread_mutex_lock(&connections->lock);
  forget(connections, &connections->slots[fd]);
  pthread_mutex_unlock(&connections->lock);
}

struct connection *connections_find(struct connections *connections, int fd) {
  return fd >= 0 && (size_t)fd < connections->slot_count ? &connections->slots[fd] : NULL;
}

bool connection_enter(struct connection *connection, enum stage stage, uint64_t deadline_ns) {
  uint64_t old = atomic_load_explicit(&connection->word, memory_order_relaxed), new;
  do {
    if (stage_of(old) == STAGE_CUT) return false;
    /* What is left for the first request's headers is not made longer by its first line. */
    bool keeps = stage == STAGE_HEAD && stage_of(old) == STAGE_OPEN;
    new = keeps ? (old & ~word_of(STAGE_CUT, 0)) | (uint64_t)stage : word_of(stage, deadline_ns);
  } while (!atomic_compare_exchange_weak(&connection->word, &old, new));
  return true;
}

bool connection_is_cut(const struct connection *connection) {
  return stage_of(atomic_load(&connection->word)) == STAGE_CUT;
}

uint64_t transfer_deadline(const struct config *config, uint64_t start_ns, uint64_t bytes) {
  uint64_t pace = bytes / config->min_rate, longest = (uint64_t)1 << 31; /* seconds */
  return start_ns + (config->transfer_seconds + (pace < longest ? pace : longest)) * 1000000000U;
}

static bool cut(struct connection *connection, int fd, uint64_t word) {
  enum stage stage = stage_of(word);
  if (!atomic_compare_exchange_strong(&connection->word, &word, word_of(STAGE_CUT, 0))) return false;
  /* A request whose answer hasn't begun is told why. */
  if (stage <= STAGE_BODY && !connection->secure) {
    bare_answer(fd, PROBLEM_TIMEOUT,
                "the request did not arrive within its time (--header-timeout, --transfer-timeout, --min-rate)");
  }
  shutdown(fd, SHUT_RDWR);
  return stage != STAGE_IDLE;
}

/* No descriptor that is found here can be closed meanwhile: its loop would wait for the lock first. */
static size_t check_batch(struct connections *connections, size_t from, uint64_t now_ns) {
  struct pollfd watched[BATCH];
  nfds_t count = 0;
  size_t late = 0;
  pthread_mutex_lock(&connections->lock);
  for (size_t fd = from; fd < connections->top && fd < from + BATCH; fd++) {
    struct connection *connection = &connections->slots[fd];
    if (!connection->owner) continue;
    uint64_t word = atomic_load(&connection->word);
    if (is_past(word, now_ns)) {
      late += cut(connection, (int)fd, word);
    } else {
      watched[count++] = (struct pollfd){.fd = (int)fd, .events = POLLRDHUP};
    }
  }
  if (count > 0 && poll(watched, count, 0) > 0) {
    for (nfds_t i = 0; i < count; i++) {
      if (watched[i].revents & POLLRDHUP) shutdown(watched[i].fd, SHUT_RD);
    }
  }
  pthread_mutex_unlock(&connections->lock);
  return late;
}

size_t connections_check(struct connections *connections) {
  size_t late = 0;
  uint64_t now_ns = clock_ns();
  for (size_t from = 0; from < connections->top; from += BATCH) late += check_batch(connections, from, now_ns);
  return late;
}
