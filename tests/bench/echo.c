/* echo.c - the bare HTTP library: answers a POST with the bytes that it brought. What bench-wire measures against.
 *
 *   echo --listen ADDRESS [--threads N] [--log-level ..] [--tls-cert FILE --tls-key FILE]
 *
 * ADDRESS is 127.0.0.1:0 (a free port) or unix:PATH, as of the daemon. With X-Answer-Length: N the answer has N bytes.
 * It runs until it is killed.
 */
#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define CONNECTION_MEMORY ((size_t)64 << 10)
#define CREDENTIAL_MAX 16384
#define BACKLOG 128

struct call {
  char *bytes;
  size_t length, capacity, answer;
};

struct settings {
  const char *address, *certificate, *key;
  unsigned threads;
};

static size_t header_number(struct MHD_Connection *connection, const char *name, size_t standard) {
  const char *text = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
  return text ? strtoul(text, NULL, 10) : standard;
}

static struct call *begin(struct MHD_Connection *connection) {
  struct call *call = calloc(1, sizeof *call);
  if (!call) return NULL;
  call->capacity = header_number(connection, MHD_HTTP_HEADER_CONTENT_LENGTH, 0);
  call->answer = header_number(connection, "X-Answer-Length", call->capacity);
  size_t size = call->answer > call->capacity ? call->answer : call->capacity;
  call->bytes = malloc(size + 1);
  if (call->bytes) return call;
  free(call);
  return NULL;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url, const char *method,
                                  const char *version, const char *bytes, size_t *size, void **state) {
  (void)context, (void)url, (void)method, (void)version;
  struct call *call = *state;
  if (!call) {
    *state = call = begin(connection);
    return call ? MHD_YES : MHD_NO;
  }
  if (*size) {
    if (*size > call->capacity - call->length) return MHD_NO;
    memcpy(call->bytes + call->length, bytes, *size);
    call->length += *size;
    *size = 0;
    return MHD_YES;
  }
  struct MHD_Response *response = MHD_create_response_from_buffer(call->answer, call->bytes, MHD_RESPMEM_PERSISTENT);
  if (!response) return MHD_NO;
  enum MHD_Result queued = MHD_queue_response(connection, MHD_HTTP_OK, response);
  MHD_destroy_response(response);
  return queued;
}

static void on_completed(void *context, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode outcome) {
  (void)context, (void)connection, (void)outcome;
  struct call *call = *state;
  if (!call) return;
  free(call->bytes);
  free(call);
}

static char *read_file(const char *path) {
  char *text = calloc(1, CREDENTIAL_MAX);
  FILE *file = text ? fopen(path, "r") : NULL;
  if (!file) exit(1);
  size_t length = fread(text, 1, CREDENTIAL_MAX - 1, file);
  fclose(file);
  text[length] = '\0';
  return text;
}

static int listen_on(const char *address) {
  struct sockaddr_in tcp = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct sockaddr_un local = {.sun_family = AF_UNIX};
  bool is_local = strncmp(address, "unix:", 5) == 0;
  snprintf(local.sun_path, sizeof local.sun_path, "%s", is_local ? address + 5 : "");
  const struct sockaddr *at = is_local ? (const struct sockaddr *)&local : (const struct sockaddr *)&tcp;
  int fd = socket(at->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || bind(fd, at, is_local ? sizeof local : sizeof tcp) != 0 || listen(fd, BACKLOG) != 0) {
    perror("echo");
    exit(1);
  }
  return fd;
}

static void announce(int fd, const char *address) {
  struct sockaddr_in at = {0};
  socklen_t size = sizeof at;
  if (strncmp(address, "unix:", 5) == 0) {
    printf("listening on %s\n", address);
  } else if (getsockname(fd, (struct sockaddr *)&at, &size) == 0) {
    printf("listening on http://127.0.0.1:%u\n", ntohs(at.sin_port));
  }
  fflush(stdout);
}

static struct settings read_settings(int argc, char **argv) {
  struct settings settings = {.address = "127.0.0.1:0", .threads = 1};
  for (int i = 1; i + 1 < argc && argv[i + 1]; i += 2) {
    if (strcmp(argv[i], "--listen") == 0) settings.address = argv[i + 1];
    if (strcmp(argv[i], "--threads") == 0) settings.threads = (unsigned)strtoul(argv[i + 1], NULL, 10);
    if (strcmp(argv[i], "--tls-cert") == 0) settings.certificate = argv[i + 1];
    if (strcmp(argv[i], "--tls-key") == 0) settings.key = argv[i + 1];
  }
  return settings;
}

int main(int argc, char **argv) {
  struct settings settings = read_settings(argc, argv);
  unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_EPOLL;
  struct MHD_OptionItem more[4] = {{MHD_OPTION_END, 0, NULL}};
  size_t count = 0;
  if (settings.threads > 1)
    more[count++] = (struct MHD_OptionItem){MHD_OPTION_THREAD_POOL_SIZE, (intptr_t)settings.threads, NULL};
  if (settings.certificate && settings.key) {
    flags |= MHD_USE_TLS;
    more[count++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0, read_file(settings.certificate)};
    more[count++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0, read_file(settings.key)};
  }
  more[count] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
  signal(SIGPIPE, SIG_IGN);
  int fd = listen_on(settings.address);
  struct MHD_Daemon *daemon = MHD_start_daemon(
      flags, 0, NULL, NULL, on_request, NULL, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
      CONNECTION_MEMORY, MHD_OPTION_CONNECTION_MEMORY_INCREMENT, CONNECTION_MEMORY, MHD_OPTION_NOTIFY_COMPLETED,
      on_completed, NULL, MHD_OPTION_ARRAY, more, MHD_OPTION_END);
  if (!daemon) return 1;
  announce(fd, settings.address);
  for (;;) pause();
}
