/* raw.c - bare sockets, scratch files and certificates for tests */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "raw.h"

int raw_connect(const char *address) {
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  at.sin_port = htons((uint16_t)strtoul(strrchr(address, ':') + 1, NULL, 10));
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_true(fd >= 0);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){.tv_sec = 20}, sizeof(struct timeval));
  assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
  return fd;
}

void raw_send(int fd, const void *bytes, size_t length) {
  assert_int_equal(send(fd, bytes, length, MSG_NOSIGNAL), length);
}

void raw_text(int fd, const char *text) {
  raw_send(fd, text, strlen(text));
}

size_t raw_read(int fd, const char *until, char *out, size_t size) {
  size_t length = 0;
  ssize_t got = 1;
  out[0] = '\0';
  while (got > 0 && length + 1 < size && !(until && strstr(out, until))) {
    got = recv(fd, out + length, size - length - 1, 0);
    if (got > 0) length += (size_t)got;
    out[length] = '\0';
  }
  if (until && !strstr(out, until)) fail_msg("no \"%s\" in \"%s\"", until, out);
  return length;
}

int raw_hello(const char *address, unsigned char minor, int *first) {
  unsigned char bytes[70] = {22, 3, 1, 0, 65, 1, 0, 0, 61, 3};
  static const unsigned char rest[] = {0, 0,  4, 0xc0, 0x2b, 0xc0, 9,     /* session; ECDHE-ECDSA-AES128, GCM, SHA */
                                       1, 0,  0, 16,                      /* no compression; extensions */
                                       0, 10, 0, 4,    0,    2,    0, 23, /* groups: secp256r1 */
                                       0, 13, 0, 4,    0,    2,    4, 3}; /* signatures: ECDSA, SHA-256 */
  unsigned char answer[4096] = {0};
  bytes[10] = (unsigned char)(minor + 1);
  memset(bytes + 11, 0x55, 32);
  memcpy(bytes + 43, rest, sizeof rest);
  assert_int_equal(43 + sizeof rest, sizeof bytes);
  int fd = raw_connect(address);
  raw_send(fd, bytes, sizeof bytes);
  ssize_t length = recv(fd, answer, sizeof answer, 0);
  *first = length > 0 ? answer[0] : 0;
  return fd;
}

/* ---- Files ---- */

static char folder[] = "/tmp/rnnlossd-test.XXXXXX";

const char *scratch_make(void) {
  assert_non_null(mkdtemp(folder));
  return folder;
}

int shell(const char *command) {
  int status = -1;
  fflush(NULL);
  pid_t pid = fork();
  assert_true(pid >= 0);
  if (pid == 0) {
    execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(127);
  }
  assert_int_equal(waitpid(pid, &status, 0), pid);
  return status;
}

static void run(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void run(const char *format, ...) {
  char command[6000];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(command, sizeof command, format, arguments);
  va_end(arguments);
  if (shell(command) != 0) fail_msg("failed: %s", command);
}

void scratch_remove(void) {
  run("rm -rf %s", folder);
}

const char *scratch_path(const char *name) {
  static char paths[32][128];
  static unsigned next;
  char *path = paths[next++ % 32];
  snprintf(path, sizeof paths[0], "%s/%s", folder, name);
  return path;
}

void scratch_write(const char *name, const char *text, unsigned mode) {
  char path[128], fresh[140];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  snprintf(fresh, sizeof fresh, "%s.new", path);
  int fd = open(fresh, O_CREAT | O_TRUNC | O_WRONLY, 0600);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, text, strlen(text)), strlen(text));
  assert_int_equal(fchmod(fd, mode), 0);
  close(fd);
  assert_int_equal(rename(fresh, path), 0);
}

char *scratch_read(const char *name) {
  FILE *file = fopen(scratch_path(name), "r");
  assert_non_null(file);
  fseek(file, 0, SEEK_END);
  size_t length = (size_t)ftell(file);
  char *text = malloc(length + 1);
  assert_non_null(text);
  rewind(file);
  text[fread(text, 1, length, file)] = '\0';
  fclose(file);
  return text;
}

void scratch_catch(const char *name) {
  static int kept = -1;
  fflush(stderr);
  if (name) {
    if (kept < 0) kept = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
    int fd = open(scratch_path(name), O_CREAT | O_TRUNC | O_WRONLY | O_APPEND, 0600);
    assert_true(fd >= 0 && kept >= 0);
    dup2(fd, STDERR_FILENO);
    close(fd);
  } else if (kept >= 0) {
    dup2(kept, STDERR_FILENO);
  }
}

/* ---- Certificates ---- */

void scratch_certificates(void) {
  static const char script[] =
      "set -e; cd %s; curve='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'\n"
      "ca() { openssl req -x509 $curve -days 30 -keyout $1.key -out $1.pem -subj /CN=$1 "
      "-addext basicConstraints=critical,CA:TRUE; }\n"
      "leaf() { openssl req $curve -keyout $1.key -out $1.csr -subj /CN=$1\n"
      "printf 'subjectAltName=IP:127.0.0.1,DNS:localhost\\nextendedKeyUsage=%%s\\n' $3 >$1.ext\n"
      "openssl x509 -req -in $1.csr -CA $2.pem -CAkey $2.key -CAcreateserial -days $4 -extfile $1.ext -out $1.pem; }\n"
      "{ ca ca; ca other; leaf server ca serverAuth 30; leaf server2 other serverAuth 5\n"
      "leaf client ca clientAuth 30; leaf stranger other clientAuth 30; leaf expired ca clientAuth -1\n"
      "} >openssl.log 2>&1 || { cat openssl.log; false; }";
  run(script, folder);
}
