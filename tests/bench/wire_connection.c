/* wire_connection.c - TCP, unix sockets and TLS, none of which waits */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "wire.h"

#define PATIENCE_MS 120000

static int dial(const struct peer *peer) {
  struct sockaddr_in tcp = {
      .sin_family = AF_INET, .sin_port = htons(peer->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct sockaddr_un local = {.sun_family = AF_UNIX};
  _Static_assert(sizeof peer->path <= sizeof local.sun_path, "a path fits");
  memcpy(local.sun_path, peer->path, sizeof peer->path);
  bool is_local = peer->transport == TRANSPORT_UNIX;
  int fd = socket(is_local ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
  int status = is_local ? connect(fd, (const struct sockaddr *)&local, sizeof local)
                        : connect(fd, (const struct sockaddr *)&tcp, sizeof tcp);
  if (fd < 0 || status != 0) die("connect");
  if (!is_local) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

/* The certificate is one of a moment ago, and not looked at. */
static gnutls_session_t shake_hands(int fd) {
  static gnutls_certificate_credentials_t credentials;
  gnutls_session_t session = NULL;
  if (!credentials && gnutls_certificate_allocate_credentials(&credentials) < 0) die("TLS credentials");
  if (gnutls_init(&session, GNUTLS_CLIENT) < 0 || gnutls_set_default_priority(session) < 0 ||
      gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials) < 0)
    die("TLS session");
  gnutls_transport_set_int(session, fd);
  int status = 0;
  do status = gnutls_handshake(session);
  while (status < 0 && gnutls_error_is_fatal(status) == 0);
  errno = 0;
  if (status < 0) die(gnutls_strerror(status));
  return session;
}

struct connection connection_open(const struct peer *peer) {
  struct connection connection = {.fd = dial(peer)};
  if (peer->transport == TRANSPORT_TLS) connection.session = shake_hands(connection.fd);
  if (fcntl(connection.fd, F_SETFL, O_NONBLOCK) != 0) die("fcntl");
  return connection;
}

void connection_close(struct connection *connection) {
  if (connection->session) gnutls_deinit(connection->session);
  close(connection->fd);
  *connection = (struct connection){.fd = -1};
}

/* What went or came, of what a call said: not now is none. */
static size_t moved(ssize_t status, bool receiving) {
  if (status > 0) return (size_t)status;
  if (status == 0 && receiving) {
    errno = ECONNRESET;
    die("the server has ended the connection");
  }
  if (status < 0 && errno != EAGAIN && errno != EINTR) die(receiving ? "receive" : "send");
  return 0;
}

static size_t moved_by_tls(ssize_t status) {
  if (status > 0) return (size_t)status;
  errno = 0;
  if (status == 0) die("the server has ended the connection");
  if (gnutls_error_is_fatal((int)status)) die(gnutls_strerror((int)status));
  return 0;
}

size_t connection_send(struct connection *connection, const char *bytes, size_t length) {
  if (!connection->session) return moved(send(connection->fd, bytes, length, MSG_NOSIGNAL), false);
  return moved_by_tls(gnutls_record_send(connection->session, bytes, length));
}

size_t connection_receive(struct connection *connection, char *bytes, size_t room) {
  if (!connection->session) return moved(recv(connection->fd, bytes, room, 0), true);
  return moved_by_tls(gnutls_record_recv(connection->session, bytes, room));
}

void connection_wait(const struct connection *connection, bool to_send) {
  if (connection->session && gnutls_record_check_pending(connection->session) > 0) return;
  struct pollfd wanted = {.fd = connection->fd, .events = (short)(POLLIN | (to_send ? POLLOUT : 0))};
  errno = 0;
  if (poll(&wanted, 1, PATIENCE_MS) == 0) die("no answer came");
}
