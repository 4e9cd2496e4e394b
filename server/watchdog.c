/* watchdog.c - proves to the service manager that every event loop lives: each one answers a request */
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server.h"

/* (A loop that speaks TLS takes it for a broken handshake, and hangs up: it lives, too.) */
static const char request[] = "GET /livez HTTP/1.1\r\nHost: watchdog\r\nX-Request-Id: watchdog\r\n"
                              "Connection: close\r\n\r\n";

/* Has the loop answered, and closed the connection? */
static bool has_ended(int fd) {
  char answer[2048];
  ssize_t length;
  while ((length = recv(fd, answer, sizeof answer, MSG_DONTWAIT)) > 0) {
  }
  return length == 0;
}

static bool all_end(const int *fds, size_t count, uint64_t until_ns) {
  struct pollfd waiting[LOOPS_MAX];
  size_t open = count;
  for (size_t i = 0; i < count; i++) waiting[i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
  while (open > 0) {
    uint64_t now = clock_ns();
    if (now >= until_ns || poll(waiting, count, (int)((until_ns - now) / 1000000) + 1) < 0) return false;
    for (size_t i = 0; i < count; i++) {
      if (waiting[i].fd < 0 || !waiting[i].revents || !has_ended(waiting[i].fd)) continue;
      waiting[i].fd = -1; /* poll() passes over it */
      open--;
    }
  }
  return true;
}

/* A connection to each loop. */
static size_t connect_all(struct server *server, int *fds) {
  size_t count = 0;
  for (size_t loop = 0; loop < http_loops(server); loop++) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) continue; /* it can't be told */
    if (http_join(server, loop, ends[0])) {
      fds[count++] = ends[1];
    } else {
      close(ends[1]);
    }
  }
  return count;
}

static bool loops_live(struct server *server, uint64_t patience_ns) {
  int fds[LOOPS_MAX];
  size_t count = connect_all(server, fds);
  for (size_t i = 0; i < count; i++) {
    ssize_t sent = send(fds[i], request, sizeof request - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    (void)sent; /* if it wasn't, no answer will come */
  }
  bool live = all_end(fds, count, clock_ns() + patience_ns);
  for (size_t i = 0; i < count; i++) close(fds[i]);
  return live;
}

/* A third of the time between two looks, a third to wait for answers: the manager hears of it in time. */
void watchdog_tick(struct server *server) {
  struct systemd *systemd = &server->systemd;
  uint64_t third = systemd->watchdog_ns / 3;
  if (!third || clock_ns() - systemd->alive_ns < third) return;
  if (loops_live(server, third)) {
    systemd_alive(systemd);
  } else {
    log_line(LOG_ERROR, "watchdog", "an event loop does not answer");
  }
  systemd->alive_ns = clock_ns();
}
