/* listen.c - from an address to a listening socket */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "server.h"

#define BACKLOG 4096 /* the kernel cuts it down to net.core.somaxconn */

static bool port_read(const char *text, char port[8]) {
  size_t length = strlen(text);
  if (length < 1 || length > 5 || strspn(text, "0123456789") != length || strtoul(text, NULL, 10) > 65535) return false;
  memcpy(port, text, length + 1);
  return true;
}

bool address_read(const char *text, struct address *address, char *error, size_t size) {
  const char *host = text, *end;
  address->bracketed = text[0] == '[';
  if (address->bracketed) {
    host = text + 1;
    end = strchr(host, ']');
    if (!end || end[1] != ':') return error_set(error, size, "expected [IPV6]:PORT");
    text = end + 2;
  } else {
    end = strrchr(text, ':');
    if (!end) return error_set(error, size, "expected HOST:PORT or unix:PATH");
    if (memchr(host, ':', (size_t)(end - host)))
      return error_set(error, size, "an IPv6 address stands in brackets, as [::1]:8080");
    text = end + 1;
  }
  size_t length = (size_t)(end - host);
  if (length == 0) return error_set(error, size, "the host is missing; 0.0.0.0 or [::] stand for every address");
  if (length >= sizeof address->host) return error_set(error, size, "the host is too long");
  memcpy(address->host, host, length);
  address->host[length] = '\0';
  if (!port_read(text, address->port)) return error_set(error, size, "the port must be a number from 0 to 65535");
  return true;
}

static void name_tcp(struct listener *listener) {
  struct sockaddr_storage bound = {0};
  socklen_t length = sizeof bound;
  char host[64] = "?", port[8] = "?";
  if (getsockname(listener->fd, (struct sockaddr *)&bound, &length) == 0) {
    getnameinfo((struct sockaddr *)&bound, length, host, sizeof host, port, sizeof port,
                NI_NUMERICHOST | NI_NUMERICSERV);
  }
  bool brackets = bound.ss_family == AF_INET6;
  snprintf(listener->name, sizeof listener->name, "%s://%s%s%s:%s", listener->tls ? "https" : "http",
           brackets ? "[" : "", host, brackets ? "]" : "", port);
}

/* A listening socket at one of the addresses that a name stands for, or -1 with errno. */
static int open_tcp_at(const struct addrinfo *at) {
  int on = 1, off = 0;
  int fd = socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  /* [::] serves IPv4 too, whatever the system's default is. */
  if (at->ai_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  if (bind(fd, at->ai_addr, at->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0) return fd;
  int reason = errno;
  close(fd);
  errno = reason;
  return -1;
}

static bool open_tcp(struct listener *listener, const char *text, char *error, size_t size) {
  struct address address;
  if (!address_read(text, &address, error, size)) return false;
  struct addrinfo hints = {.ai_family = address.bracketed ? AF_INET6 : AF_UNSPEC,
                           .ai_socktype = SOCK_STREAM,
                           .ai_flags = AI_PASSIVE | AI_NUMERICSERV | (address.bracketed ? AI_NUMERICHOST : 0)};
  struct addrinfo *found = NULL;
  int failure = getaddrinfo(address.host, address.port, &hints, &found);
  if (failure) return error_set(error, size, "%s", failure == EAI_SYSTEM ? strerror(errno) : gai_strerror(failure));
  for (const struct addrinfo *at = found; at && listener->fd < 0; at = at->ai_next) listener->fd = open_tcp_at(at);
  int reason = errno;
  freeaddrinfo(found);
  if (listener->fd < 0) return error_set(error, size, "%s", strerror(reason));
  name_tcp(listener);
  return true;
}

/* Is the file at the path a socket on which nobody answers, left behind by a daemon that was killed? */
static bool is_stale(const struct sockaddr_un *at) {
  struct stat status;
  if (lstat(at->sun_path, &status) != 0 || !S_ISSOCK(status.st_mode)) return false;
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  bool refused = connect(fd, (const struct sockaddr *)at, sizeof *at) != 0 && errno == ECONNREFUSED;
  close(fd);
  return refused;
}

/* The file never has more permissions than it shall have: they come of a full mask, less the umask. */
static bool bind_unix(int fd, const struct sockaddr_un *at, unsigned mode) {
  mode_t old = mode ? umask(0777 & ~(mode_t)mode) : 0;
  bool bound = bind(fd, (const struct sockaddr *)at, sizeof *at) == 0;
  int reason = errno;
  if (mode) umask(old);
  errno = reason;
  return bound;
}

static bool open_unix(struct listener *listener, const char *path, unsigned mode, char *error, size_t size) {
  struct sockaddr_un at = {.sun_family = AF_UNIX};
  size_t length = strlen(path);
  if (length == 0) return error_set(error, size, "the path is missing");
  if (length >= sizeof at.sun_path || length >= sizeof listener->path) {
    return error_set(error, size, "the path is longer than %zu bytes", sizeof at.sun_path - 1);
  }
  memcpy(at.sun_path, path, length + 1);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return error_set(error, size, "%s", strerror(errno));
  bool bound = bind_unix(fd, &at, mode);
  if (!bound && errno == EADDRINUSE && is_stale(&at)) {
    unlink(path);
    bound = bind_unix(fd, &at, mode);
  }
  if (!bound || listen(fd, BACKLOG) != 0) {
    error_set(error, size, "%s", strerror(errno));
    if (bound) unlink(path);
    close(fd);
    return false;
  }
  listener->fd = fd;
  memcpy(listener->path, path, length + 1);
  snprintf(listener->name, sizeof listener->name, "unix:%s", path);
  return true;
}

bool listener_open(struct listener *listener, const char *address, const struct config *config, char *error,
                   size_t size) {
  *listener = (struct listener){.fd = -1};
  if (strncmp(address, "unix:", 5) == 0) return open_unix(listener, address + 5, config->unix_mode, error, size);
  listener->tls = config->tls_cert != NULL;
  return open_tcp(listener, address, error, size);
}

static void name_unix(struct listener *listener, const struct sockaddr_un *at, socklen_t length) {
  size_t most = sizeof at->sun_path,
         named = length > offsetof(struct sockaddr_un, sun_path) ? length - offsetof(struct sockaddr_un, sun_path) : 0;
  bool abstract = named > 0 && !at->sun_path[0];
  const char *path = at->sun_path + abstract;
  snprintf(listener->name, sizeof listener->name, "unix:%s%.*s", abstract ? "@" : "",
           (int)((named < most ? named : most) - abstract), named ? path : "");
}

bool listener_adopt(struct listener *listener, int fd, const struct config *config, char *error, size_t size) {
  *listener = (struct listener){.fd = -1};
  struct sockaddr_storage bound = {0};
  socklen_t length = sizeof bound, type_size = sizeof(int), listens_size = sizeof(int);
  int type = 0, listens = 0;
  if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_size) != 0 ||
      getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &listens_size) != 0 ||
      getsockname(fd, (struct sockaddr *)&bound, &length) != 0) {
    return error_set(error, size, "%s", strerror(errno));
  }
  bool known = bound.ss_family == AF_INET || bound.ss_family == AF_INET6 || bound.ss_family == AF_UNIX;
  if (!known || type != SOCK_STREAM || !listens) {
    return error_set(error, size, "it is no listening stream socket (Accept= must be no)");
  }
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
    return error_set(error, size, "%s", strerror(errno));
  }
  listener->fd = fd;
  if (bound.ss_family != AF_UNIX) {
    listener->tls = config->tls_cert != NULL;
    name_tcp(listener);
  } else {
    struct sockaddr_un at;
    memcpy(&at, &bound, sizeof at);
    name_unix(listener, &at, length);
  }
  return true;
}

bool listener_is_local(const struct listener *listener) {
  struct sockaddr_storage bound = {0};
  socklen_t length = sizeof bound;
  if (getsockname(listener->fd, (struct sockaddr *)&bound, &length) != 0) return false;
  if (bound.ss_family == AF_UNIX) return true;
  if (bound.ss_family == AF_INET) {
    struct sockaddr_in at;
    memcpy(&at, &bound, sizeof at);
    return ntohl(at.sin_addr.s_addr) >> 24 == 127;
  }
  struct sockaddr_in6 at;
  memcpy(&at, &bound, sizeof at);
  if (IN6_IS_ADDR_V4MAPPED(&at.sin6_addr)) return at.sin6_addr.s6_addr[12] == 127;
  return IN6_IS_ADDR_LOOPBACK(&at.sin6_addr);
}

void listener_close(struct listener *listener) {
  if (listener->fd < 0) return;
  if (listener->path[0]) unlink(listener->path);
  close(listener->fd);
  listener->fd = -1;
}
