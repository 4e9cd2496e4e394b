/* test_listen.c - listening sockets from addresses */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "server.h"

#include <cmocka.h>

static char folder[] = "/tmp/test_listen.XXXXXX";
static struct config config;

static int make_folder(void **state) {
  (void)state;
  return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
  (void)state;
  return rmdir(folder);
}

static void open_at(struct listener *listener, const char *address) {
  char error[200];
  if (!listener_open(listener, address, &config, error, sizeof error)) fail_msg("%s: %s", address, error);
  assert_true(fcntl(listener->fd, F_GETFL) & O_NONBLOCK);
  assert_true(fcntl(listener->fd, F_GETFD) & FD_CLOEXEC);
}

static void refuse(const char *address, const char *reason) {
  struct listener listener;
  char error[200] = "";
  assert_false(listener_open(&listener, address, &config, error, sizeof error));
  assert_int_equal(listener.fd, -1);
  if (!strstr(error, reason)) fail_msg("%s: %s", address, error);
}

static unsigned port_of(const struct listener *listener) {
  return (unsigned)strtoul(strrchr(listener->name, ':') + 1, NULL, 10);
}

static void tcp(void **state) {
  (void)state;
  struct listener listener;
  open_at(&listener, "127.0.0.1:0");
  assert_memory_equal(listener.name, "http://127.0.0.1:", 17);
  assert_in_range(port_of(&listener), 1, 65535);
  assert_true(listener_is_local(&listener));
  assert_string_equal(listener.path, "");

  struct sockaddr_in at = {.sin_family = AF_INET,
                           .sin_port = htons((uint16_t)port_of(&listener)),
                           .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
  close(fd);

  char taken[64];
  snprintf(taken, sizeof taken, "127.0.0.1:%u", port_of(&listener));
  refuse(taken, "in use");
  listener_close(&listener);
  assert_int_equal(listener.fd, -1);
  listener_close(&listener); /* once more is harmless */
  open_at(&listener, taken); /* free again at once */
  listener_close(&listener);
}

static void names(void **state) {
  (void)state;
  struct listener listener;
  open_at(&listener, "localhost:0");
  assert_true(listener_is_local(&listener));
  listener_close(&listener);
  open_at(&listener, "0.0.0.0:0");
  assert_memory_equal(listener.name, "http://0.0.0.0:", 15);
  assert_false(listener_is_local(&listener));
  listener_close(&listener);
  open_at(&listener, "127.1.2.3:0");
  assert_true(listener_is_local(&listener));
  listener_close(&listener);
}

static void ipv6(void **state) {
  (void)state;
  struct sockaddr_in6 at = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
  int fd = socket(AF_INET6, SOCK_STREAM, 0);
  bool here = fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0;
  if (fd >= 0) close(fd);
  if (!here) skip();
  struct listener listener;
  open_at(&listener, "[::1]:0");
  assert_memory_equal(listener.name, "http://[::1]:", 13);
  assert_true(listener_is_local(&listener));
  listener_close(&listener);
  open_at(&listener, "[::]:0");
  assert_memory_equal(listener.name, "http://[::]:", 12);
  assert_false(listener_is_local(&listener));
  listener_close(&listener);
  open_at(&listener, "[::ffff:127.0.0.1]:0");
  assert_true(listener_is_local(&listener));
  listener_close(&listener);
}

static void malformed(void **state) {
  (void)state;
  refuse("", "expected");
  refuse("8080", "expected");
  refuse("127.0.0.1", "expected");
  refuse(":8080", "host is missing");
  refuse("127.0.0.1:", "port");
  refuse("127.0.0.1:65536", "port");
  refuse("127.0.0.1:-1", "port");
  refuse("127.0.0.1:+80", "port");
  refuse("127.0.0.1: 80", "port");
  refuse("127.0.0.1:http", "port");
  refuse("127.0.0.1:000080", "port");
  refuse("::1:8080", "brackets");
  refuse("[::1]", "expected");
  refuse("[::1]8080", "expected");
  refuse("[::1:8080", "expected");
  refuse("[]:8080", "host is missing");
  refuse("[127.0.0.1]:0", "");
  refuse("[localhost]:0", "");
  refuse("http://127.0.0.1:80", "brackets");
  refuse("unix:", "path is missing");
  refuse("unix:/nowhere/at/all", "No such file");
  refuse("203.0.113.1:0", "");
  char path[300] = "unix:/";
  memset(path + 6, 'x', 200);
  refuse(path, "longer than");
  memset(path, 'x', 290);
  memcpy(path + 290, ":80", 4);
  refuse(path, "too long");
}

static void unix_socket(void **state) {
  (void)state;
  char address[128];
  snprintf(address, sizeof address, "unix:%s/s", folder);
  struct listener listener;
  open_at(&listener, address);
  assert_string_equal(listener.name, address);
  assert_string_equal(listener.path, address + 5);
  assert_true(listener_is_local(&listener));
  refuse(address, "in use"); /* somebody answers there */

  close(listener.fd); /* as a daemon that was killed leaves it */
  struct stat status;
  assert_int_equal(stat(address + 5, &status), 0);
  open_at(&listener, address);
  listener_close(&listener);
  assert_int_not_equal(stat(address + 5, &status), 0);
}

/* The permissions are those asked for, whatever the umask is. */
static void unix_mode(void **state) {
  (void)state;
  static const unsigned modes[] = {0660, 0600, 0777, 0222, 0001};
  char address[128];
  snprintf(address, sizeof address, "unix:%s/m", folder);
  mode_t old = umask(027);
  for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
    struct listener listener;
    struct stat status;
    config.unix_mode = modes[i];
    open_at(&listener, address);
    assert_int_equal(stat(address + 5, &status), 0);
    assert_int_equal(status.st_mode & 07777, modes[i]);
    listener_close(&listener);
    config.unix_mode = 0;
    open_at(&listener, address);
    assert_int_equal(stat(address + 5, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0750);
    listener_close(&listener);
  }
  assert_int_equal(umask(old), 027); /* it is as it was */
}

/* With a certificate every address but a unix socket is one of https. */
static void tls(void **state) {
  (void)state;
  struct listener listener;
  char address[128];
  snprintf(address, sizeof address, "unix:%s/t", folder);
  config.tls_cert = "cert.pem";
  open_at(&listener, "127.0.0.1:0");
  assert_true(listener.tls);
  assert_memory_equal(listener.name, "https://127.0.0.1:", 18);
  listener_close(&listener);
  open_at(&listener, address);
  assert_false(listener.tls);
  assert_string_equal(listener.name, address);
  listener_close(&listener);
  config.tls_cert = NULL;
}

static void other_files_stay(void **state) {
  (void)state;
  char address[128];
  snprintf(address, sizeof address, "unix:%s/file", folder);
  int fd = open(address + 5, O_CREAT | O_WRONLY, 0600);
  assert_true(fd >= 0);
  close(fd);
  refuse(address, "in use");
  struct stat status;
  assert_int_equal(stat(address + 5, &status), 0);
  unlink(address + 5);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(tcp),         cmocka_unit_test(names),
                                     cmocka_unit_test(ipv6),        cmocka_unit_test(malformed),
                                     cmocka_unit_test(unix_socket), cmocka_unit_test(unix_mode),
                                     cmocka_unit_test(tls),         cmocka_unit_test(other_files_stay)};
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
