/* systemd.c - what a service manager passes and wants to hear, by its documented protocols
 *
 * Sockets: LISTEN_PID says for whom, LISTEN_FDS how many, from descriptor 3 on. States: datagrams to
 * the socket that NOTIFY_SOCKET names. Without these variables nothing happens.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "server.h"

static unsigned long number_of(const char *variable) {
  const char *text = getenv(variable);
  return text && *text && strspn(text, "0123456789") == strlen(text) ? strtoul(text, NULL, 10) : 0;
}

int systemd_sockets(void) {
  unsigned long count = number_of("LISTEN_PID") == (unsigned long)getpid() ? number_of("LISTEN_FDS") : 0;
  unsetenv("LISTEN_PID"); /* they were for this process alone */
  unsetenv("LISTEN_FDS");
  unsetenv("LISTEN_FDNAMES");
  return count <= 4096 ? (int)count : 0;
}

void systemd_notify(const char *state) {
  const char *path = getenv("NOTIFY_SOCKET");
  struct sockaddr_un at = {.sun_family = AF_UNIX};
  size_t length = path ? strlen(path) : 0;
  if (length < 2 || length >= sizeof at.sun_path || (path[0] != '/' && path[0] != '@')) return;
  memcpy(at.sun_path, path, length);
  if (path[0] == '@') at.sun_path[0] = '\0'; /* an abstract name */
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
  if (sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&at, size) < 0) {
    log_line(LOG_WARNING, "notify", "the service manager could not be told: %s", strerror(errno));
  }
  close(fd);
}

void systemd_reloading(void) {
  char state[80];
  snprintf(state, sizeof state, "RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)(clock_ns() / 1000));
  systemd_notify(state);
}
