/* check.c - rnnlossd --check: asks a daemon whether it is ready, where there is no other program that could
 *
 * One request on one connection; whoever it is that answers must speak HTTP and close it. An alarm
 * bounds all of it, names that have to be looked up included.
 */
#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "server.h"

#define SECONDS 5
#define ROUTE "/readyz"

struct target {
  bool tls;
  struct address address; /* of TCP */
  struct sockaddr_un at;  /* with a path: a unix socket instead */
  char request[1024];
};

static char late[512]; /* what the alarm says */

static void alarm_rings(int number) {
  (void)number;
  ssize_t written = write(STDERR_FILENO, late, strlen(late));
  (void)written;
  _exit(1);
}

/* ---- Where to, and what for --------------------------------------------------------------------------- */

static bool request_make(struct target *target, const char *host, size_t host_length, const char *route, char *error,
                         size_t size) {
  for (const char *c = route; *c; c++) {
    if (*c <= ' ' || *c > '~') return error_set(error, size, "the URL has a character that must be percent-encoded");
  }
  int length =
      snprintf(target->request, sizeof target->request,
               "GET %s HTTP/1.1\r\nHost: %.*s\r\nUser-Agent: rnnlossd/" SERVER_VERSION "\r\nConnection: close\r\n\r\n",
               route, (int)host_length, host);
  return (size_t)length < sizeof target->request || error_set(error, size, "the URL is too long");
}

static bool target_unix(struct target *target, const char *path, char *error, size_t size) {
  size_t length = strlen(path);
  if (length == 0 || length >= sizeof target->at.sun_path) {
    return error_set(error, size, "expected a path of 1 to %zu bytes", sizeof target->at.sun_path - 1);
  }
  target->at.sun_family = AF_UNIX;
  memcpy(target->at.sun_path, path, length + 1);
  return request_make(target, "localhost", 9, ROUTE, error, size);
}

static bool target_read(struct target *target, const char *url, char *error, size_t size) {
  *target = (struct target){.tls = strncmp(url, "https://", 8) == 0};
  if (strncmp(url, "unix:", 5) == 0) return target_unix(target, url + 5, error, size);
  if (!target->tls && strncmp(url, "http://", 7) != 0) {
    return error_set(error, size, "expected http://HOST:PORT, https://HOST:PORT or unix:PATH");
  }
  const char *host = url + (target->tls ? 8 : 7);
  size_t length = strcspn(host, "/?");
  char text[300];
  if (length >= sizeof text) return error_set(error, size, "the host is too long");
  snprintf(text, sizeof text, "%.*s", (int)length, host);
  const char *route = host + length;
  return address_read(text, &target->address, error, size) &&
         (strcmp(target->address.port, "0") != 0 || error_set(error, size, "port 0 is another one at each start")) &&
         request_make(target, host, length, *route == '/' ? route : ROUTE, error, size);
}

/* ---- There, and back ---------------------------------------------------------------------------------- */

static int try_connect(int family, const struct sockaddr *at, socklen_t length) {
  int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || connect(fd, at, length) == 0) return fd;
  int reason = errno;
  close(fd);
  errno = reason;
  return -1;
}

static int target_connect(const struct target *target, char *error, size_t size) {
  int fd = -1;
  if (target->at.sun_path[0]) {
    fd = try_connect(AF_UNIX, (const struct sockaddr *)&target->at, sizeof target->at);
  } else {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV}, *found = NULL;
    int failure = getaddrinfo(target->address.host, target->address.port, &hints, &found);
    if (failure) {
      error_set(error, size, "%s", failure == EAI_SYSTEM ? strerror(errno) : gai_strerror(failure));
      return -1;
    }
    for (const struct addrinfo *at = found; at && fd < 0; at = at->ai_next) {
      fd = try_connect(at->ai_family, at->ai_addr, at->ai_addrlen);
    }
    int reason = errno;
    freeaddrinfo(found);
    errno = reason;
  }
  if (fd < 0) error_set(error, size, "%s", strerror(errno));
  return fd;
}

static bool ask_plain(int fd, const char *request, struct heard *answer, char *error, size_t size) {
  size_t asked = strlen(request);
  if (send(fd, request, asked, MSG_NOSIGNAL) != (ssize_t)asked) return error_set(error, size, "%s", strerror(errno));
  ssize_t length = 1;
  while (length > 0 && answer->length < sizeof answer->bytes - 1) {
    length = recv(fd, answer->bytes + answer->length, sizeof answer->bytes - 1 - answer->length, 0);
    if (length > 0) answer->length += (size_t)length;
  }
  return length >= 0 || error_set(error, size, "%s", strerror(errno));
}

/* ---- What it says ------------------------------------------------------------------------------------- */

static bool is_status_line(const char *text) {
  return strncmp(text, "HTTP/1.", 7) == 0 && (text[7] == '0' || text[7] == '1') && text[8] == ' ' && text[9] >= '1' &&
         text[9] <= '5' && strspn(text + 10, "0123456789") == 2 && (text[12] == ' ' || text[12] == '\r');
}

/* 2xx. Of another answer the status and the first line of its body are told, as far as they can be printed. */
static bool answer_is_good(struct heard *answer, char *error, size_t size) {
  answer->bytes[answer->length] = '\0';
  const char *end = strstr(answer->bytes, "\r\n\r\n");
  if (!is_status_line(answer->bytes) || !end) return error_set(error, size, "the answer is no HTTP, or not whole");
  if (answer->bytes[9] == '2') return true;
  char said[300];
  size_t length = strcspn(end + 4, "\r\n");
  if (length >= sizeof said) length = sizeof said - 1;
  for (size_t i = 0; i < length; i++) said[i] = (char)(end[4 + i] >= ' ' && end[4 + i] <= '~' ? end[4 + i] : '?');
  said[length] = '\0';
  return error_set(error, size, "%.3s %s", answer->bytes + 9, said);
}

static bool check(const char *url, char *error, size_t size) {
  struct target target;
  struct heard answer = {.length = 0};
  if (!target_read(&target, url, error, size)) return false;
  int fd = target_connect(&target, error, size);
  bool good = fd >= 0 &&
              (target.tls ? tls_ask(fd, target.request, &answer, error, size)
                          : ask_plain(fd, target.request, &answer, error, size)) &&
              answer_is_good(&answer, error, size);
  if (fd >= 0) close(fd);
  return good;
}

int check_run(const struct config *config) {
  char own[300], error[400];
  const char *url = config->check;
  if (!*url) { /* an address that stands for every one is reached by the loopback */
    const char *listen = config->listen[0];
    bool is_unix = strncmp(listen, "unix:", 5) == 0;
    snprintf(own, sizeof own, "%s%s", is_unix ? "" : config->tls_cert ? "https://" : "http://", listen);
    url = own;
  }
  snprintf(late, sizeof late, "rnnlossd: --check: %.400s: no answer within %d s\n", url, SECONDS);
  signal(SIGALRM, alarm_rings);
  alarm(SECONDS);
  if (check(url, error, sizeof error)) return 0;
  alarm(0);
  fprintf(stderr, "rnnlossd: --check: %s: %s\n", url, error);
  return 1;
}
