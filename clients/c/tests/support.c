/* support.c - what the tests have in common */
#define _GNU_SOURCE
#include "support.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

const char *variable(const char *name) {
  const char *value = getenv(name);
  if (!value) fail_msg("%s is not set: run this by tests/clients/run", name);
  return value;
}

rnnloss_client *client_with(const rnnloss_client_settings *settings) {
  rnnloss_client_error error = {0};
  rnnloss_client *client = rnnloss_client_new(settings, &error);
  if (!client) fail_msg("%s: %s", error.type, error.detail);
  return client;
}

rnnloss_client *client_of(const char *endpoints) {
  rnnloss_client_settings settings;
  rnnloss_client_settings_init(&settings);
  settings.endpoints = endpoints;
  return client_with(&settings);
}

static const double pred[] = {1, 2, 3, 4}, target[] = {0, 2, 3, 2};
static const size_t shape[] = {2, 2};
static const rnnloss_client_weight weights[] = {{"lambda_mse", 1.0}};
static const rnnloss_client_tensor tensors[] = {{"pred", RNNLOSS_CLIENT_F64, 2, shape, pred},
                                                {"target", RNNLOSS_CLIENT_F64, 2, shape, target}};
const rnnloss_client_problem small = {.weights = weights, .weight_count = 1, .tensors = tensors, .tensor_count = 2};

rnnloss_client_problem small_with_id(const char *id) {
  rnnloss_client_problem problem = small;
  problem.request_id = id;
  return problem;
}

void check_small(const rnnloss_client_answer *answer) {
  static const double expected[] = {0.5, 0, 0, 1};
  assert_non_null(answer);
  assert_true(answer->loss == 1.25);
  assert_int_equal(answer->term_count, 1);
  assert_string_equal(answer->terms[0].name, "mse");
  assert_true(answer->terms[0].lambda == 1 && answer->terms[0].loss == 1.25 && answer->terms[0].unweighted == 1.25);
  assert_int_equal(answer->gradients.count, 1);
  const rnnloss_client_tensor *gradient = rnnloss_client_find_gradient(&answer->gradients, "pred");
  assert_non_null(gradient);
  assert_memory_equal(gradient->data, expected, sizeof expected);
}

void check_error(const rnnloss_client_error *error, const char *type, int status) {
  if (strcmp(error->type, type) != 0 || error->status != status)
    fail_msg("%s (%d) instead of %s (%d): %s", error->type, error->status, type, status, error->detail);
}

static int count_of(const char *id, const char *member) {
  char path[128];
  rnnloss_client *client = client_of(variable("RNNLOSS_TEST_FAULTS"));
  rnnloss_client_response *response = NULL;
  struct slice value;
  double count = -1;
  snprintf(path, sizeof path, "/attempts/%s", id);
  assert_true(rnnloss_client_send(client, &(rnnloss_client_request){.path = path}, &response, NULL));
  assert_true(slice_find((struct slice){response->body, response->body + response->length}, member, &value));
  assert_true(slice_number(value, RNNLOSS_CLIENT_F64, &count));
  rnnloss_client_response_free(response);
  rnnloss_client_free(client);
  return (int)count;
}

int attempts(const char *id) {
  return count_of(id, "attempts");
}

int connections(const char *id) {
  return count_of(id, "connections");
}

/* ---- a server that answers what it is told ---- */

static bool read_request(int socket) {
  char bytes[65536];
  size_t length = 0, body = 0;
  const char *end = NULL;
  while (!end && length < sizeof bytes - 1) {
    const ssize_t more = recv(socket, bytes + length, sizeof bytes - 1 - length, 0);
    if (more <= 0) return false;
    length += (size_t)more;
    bytes[length] = '\0';
    end = memmem(bytes, length, "\r\n\r\n", 4);
  }
  const char *header = end ? strcasestr(bytes, "content-length:") : NULL;
  if (header) body = strtoul(header + strlen("content-length:"), NULL, 10);
  size_t left = end ? body - (length - (size_t)(end + 4 - bytes)) : 0;
  while (left) {
    const ssize_t more = recv(socket, bytes, left < sizeof bytes ? left : sizeof bytes, 0);
    if (more <= 0) return false;
    left -= (size_t)more;
  }
  return true;
}

static void *serve(void *context) {
  struct fake *fake = context;
  for (int socket = 0; (socket = accept(fake->listener, NULL, NULL)) >= 0;) {
    if (read_request(socket)) {
      fake->requests++;
      for (size_t sent = 0; sent < fake->length;) {
        const ssize_t more = send(socket, fake->answer + sent, fake->length - sent, MSG_NOSIGNAL);
        if (more <= 0) break;
        sent += (size_t)more;
      }
    }
    close(socket);
  }
  return NULL;
}

void fake_start(struct fake *fake, const char *answer, size_t length) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  *fake = (struct fake){.answer = answer, .length = length};
  fake->listener = socket(AF_INET, SOCK_STREAM, 0);
  assert_true(fake->listener >= 0);
  union {
    struct sockaddr_in *in;
    struct sockaddr *any;
  } name = {&address};
  assert_int_equal(bind(fake->listener, name.any, size), 0);
  assert_int_equal(listen(fake->listener, 16), 0);
  assert_int_equal(getsockname(fake->listener, name.any, &size), 0);
  snprintf(fake->url, sizeof fake->url, "http://127.0.0.1:%d", ntohs(address.sin_port));
  assert_int_equal(pthread_create(&fake->thread, NULL, serve, fake), 0);
}

void fake_stop(struct fake *fake) {
  shutdown(fake->listener, SHUT_RDWR);
  pthread_join(fake->thread, NULL);
  close(fake->listener);
}
