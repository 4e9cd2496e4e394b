/* echo.c - the bare HTTP library: answers a POST with the bytes that it brought. What bench-wire measures against.
 *
 *   echo [LOOPS]    listens on a free port of the loopback until it is killed
 */
#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONNECTION_MEMORY ((size_t)64 << 10)

struct call {
  char *bytes;
  size_t length, capacity;
};

static struct call *begin(struct MHD_Connection *connection) {
  struct call *call = calloc(1, sizeof *call);
  const char *length = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
  if (!call) return NULL;
  call->capacity = length ? strtoul(length, NULL, 10) : 0;
  call->bytes = malloc(call->capacity + 1);
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
  struct MHD_Response *response = MHD_create_response_from_buffer(call->length, call->bytes, MHD_RESPMEM_PERSISTENT);
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

int main(int argc, char **argv) {
  unsigned loops = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 1;
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct MHD_OptionItem pool[] = {{MHD_OPTION_THREAD_POOL_SIZE, (intptr_t)loops, NULL}, {MHD_OPTION_END, 0, NULL}};
  if (loops < 2) pool[0].option = MHD_OPTION_END;
  signal(SIGPIPE, SIG_IGN);
  struct MHD_Daemon *daemon = MHD_start_daemon(
      MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_EPOLL, 0, NULL, NULL, on_request, NULL, MHD_OPTION_SOCK_ADDR, &at,
      MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY, MHD_OPTION_CONNECTION_MEMORY_INCREMENT, CONNECTION_MEMORY,
      MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_ARRAY, pool, MHD_OPTION_END);
  if (!daemon) return 1;
  const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT);
  printf("listening on http://127.0.0.1:%u\n", info ? (unsigned)info->port : 0);
  fflush(stdout);
  for (;;) pause();
}
