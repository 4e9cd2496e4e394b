/* systemd.c - what a service manager passes, and is told: sockets (sd_listen_fds(3)) and states (sd_notify(3))
 *
 * Both protocols are a few environment variables; without them nothing here does anything.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "server.h"

#define NOTIFY_SECONDS 2 /* that the manager may take to read; its own start must not depend on ours */

/* A whole number, or 0. */
static uint64_t number_of(const char *text) {
  if (!text || !*text || strspn(text, "0123456789") != strlen(text)) return 0;
  errno = 0;
  uint64_t number = strtoull(text, NULL, 10);
  return errno ? 0 : number;
}

/* Does the variable, which is a process id, name this one? */
static bool is_me(const char *variable) {
  return number_of(getenv(variable)) == (uint64_t)getpid();
}

void systemd_begin(struct systemd *systemd) {
  const char *path = getenv("NOTIFY_SOCKET");
  size_t length = path ? strlen(path) : 0;
  systemd->notify.sun_family = AF_UNIX;
  if (length > 1 && length < sizeof systemd->notify.sun_path && (path[0] == '/' || path[0] == '@')) {
    memcpy(systemd->notify.sun_path, path, length);
    /* An abstract name begins with a NUL, and ends where its length says. */
    if (path[0] == '@') systemd->notify.sun_path[0] = '\0';
    systemd->notify_length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (path[0] == '/' ? 1 : 0));
  }
  uint64_t watchdog = number_of(getenv("WATCHDOG_USEC"));
  bool mine = !getenv("WATCHDOG_PID") || is_me("WATCHDOG_PID");
  if (mine && systemd->notify_length && watchdog <= UINT64_MAX / 1000) systemd->watchdog_ns = watchdog * 1000;

  uint64_t sockets = is_me("LISTEN_PID") ? number_of(getenv("LISTEN_FDS")) : 0;
  systemd->sockets = sockets > LISTEN_MAX ? LISTEN_MAX + 1 : (size_t)sockets;
  static const char *const variables[] = {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID",
                                          "LISTEN_PID",    "LISTEN_FDS",    "LISTEN_FDNAMES"};
  for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) unsetenv(variables[i]);
}

/* ---- States ----------------------------------------------------------------------------------------- */

static void notify(const struct systemd *systemd, const char *text, size_t length) {
  if (!systemd->notify_length) return;
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  struct timeval patience = {.tv_sec = NOTIFY_SECONDS};
  if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) != 0 ||
      sendto(fd, text, length, MSG_NOSIGNAL, (const struct sockaddr *)&systemd->notify, systemd->notify_length) < 0) {
    log_line(LOG_WARNING, "notify", "the service manager can't be told: %s", strerror(errno));
  }
  if (fd >= 0) close(fd);
}

void systemd_ready(const struct systemd *systemd, const struct listener *listeners, size_t count) {
  char text[2048];
  int length = snprintf(text, sizeof text, "READY=1\nSTATUS=listening on ");
  for (size_t i = 0; i < count && length < (int)sizeof text; i++) {
    length += snprintf(text + length, sizeof text - (size_t)length, "%s%s", i ? ", " : "", listeners[i].name);
  }
  notify(systemd, text, length < (int)sizeof text ? (size_t)length : sizeof text - 1);
}

void systemd_reloading(const struct systemd *systemd) {
  char text[64];
  int length = snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)clock_ns() / 1000);
  notify(systemd, text, (size_t)length);
}

void systemd_stopping(const struct systemd *systemd) {
  static const char text[] = "STOPPING=1\nSTATUS=draining";
  notify(systemd, text, sizeof text - 1);
}

void systemd_alive(const struct systemd *systemd) {
  static const char text[] = "WATCHDOG=1";
  if (systemd->watchdog_ns) notify(systemd, text, sizeof text - 1);
}
