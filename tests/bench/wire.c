/* wire.c - what the wire costs, and what rnnlossd costs beyond it
 *
 *   wire DAEMON    times DAEMON beside the echo of the same HTTP library (next to this program), in turn
 *
 * Environment: FORMAT=json for machines, LOOPS event loops of both (1), ROUNDS of each measurement (7).
 * The requests are small ones on eight kept-alive connections, and 26 MB on one.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS 8
#define SMALL_SECONDS 0.6 /* of one round */
#define ROUNDS_MAX 101
#define RECEIVE_BYTES ((size_t)256 << 10)

struct process {
  pid_t pid;
  uint16_t port;
};

struct request {
  char *bytes;
  size_t length;
};

struct measured {
  const char *name, *unit;
  bool more_is_better;
  double echo, daemon;
};

static _Noreturn void die(const char *what) {
  fprintf(stderr, "wire: %s: %s\n", what, errno ? strerror(errno) : "failed");
  exit(1);
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median(double *values, int n) {
  qsort(values, (size_t)n, sizeof *values, by_value);
  return n % 2 ? values[n / 2] : 0.5 * (values[n / 2 - 1] + values[n / 2]);
}

/* ---- Processes -------------------------------------------------------------------------------------- */

static struct process start(const char *const *arguments) {
  int out[2];
  if (pipe(out) != 0) die("pipe");
  pid_t pid = fork();
  if (pid < 0) die("fork");
  if (pid == 0) {
    dup2(out[1], STDOUT_FILENO);
    close(out[0]);
    close(out[1]);
    execv(arguments[0], (char *const *)(uintptr_t)arguments);
    die(arguments[0]);
  }
  close(out[1]);
  char line[256];
  FILE *said = fdopen(out[0], "r");
  if (!said || !fgets(line, sizeof line, said) || strncmp(line, "listening on ", 13) != 0) die(arguments[0]);
  fclose(said);
  return (struct process){.pid = pid, .port = (uint16_t)strtoul(strrchr(line, ':') + 1, NULL, 10)};
}

static void stop(struct process process) {
  kill(process.pid, SIGTERM);
  waitpid(process.pid, NULL, 0);
}

static int dial(struct process process) {
  struct sockaddr_in at = {
      .sin_family = AF_INET, .sin_port = htons(process.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
  if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof at) != 0) die("connect");
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

/* ---- Answers ---------------------------------------------------------------------------------------- */

/* What has come of an answer. Only its head is kept, and, if it has no length, its last bytes. */
struct answer {
  char head[2048];
  size_t head_length;
  bool has_head, sized;
  uint64_t left;
  char tail[7];
};

static void read_head(struct answer *answer) {
  if (strncmp(answer->head, "HTTP/1.1 200 ", 13) != 0) {
    fprintf(stderr, "wire: an answer that is no success:\n%.600s\n", answer->head);
    exit(1);
  }
  const char *length = strcasestr(answer->head, "\r\nContent-Length:");
  answer->has_head = true;
  answer->sized = length != NULL;
  answer->left = length ? strtoull(length + 17, NULL, 10) : 0;
}

static void keep_tail(struct answer *answer, const char *bytes, size_t length) {
  size_t size = sizeof answer->tail;
  if (length >= size) {
    memcpy(answer->tail, bytes + length - size, size);
  } else {
    memmove(answer->tail, answer->tail + length, size - length);
    memcpy(answer->tail + size - length, bytes, length);
  }
}

/* Takes bytes that came; true once the answer is whole. */
static bool take(struct answer *answer, const char *bytes, size_t length) {
  while (!answer->has_head && length > 0) {
    if (answer->head_length + 1 == sizeof answer->head) die("a head that is too long");
    answer->head[answer->head_length++] = *bytes++;
    length--;
    answer->head[answer->head_length] = '\0';
    if (answer->head_length >= 4 && memcmp(answer->head + answer->head_length - 4, "\r\n\r\n", 4) == 0)
      read_head(answer);
  }
  if (!answer->has_head) return false;
  if (answer->sized) {
    answer->left -= length < answer->left ? length : answer->left;
    return answer->left == 0;
  }
  keep_tail(answer, bytes, length);
  return memcmp(answer->tail, "\r\n0\r\n\r\n", 7) == 0;
}

static void send_all(int fd, const char *bytes, size_t length) {
  while (length > 0) {
    ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);
    if (sent < 0) die("send");
    bytes += sent;
    length -= (size_t)sent;
  }
}

/* ---- Measurements ----------------------------------------------------------------------------------- */

/* Requests a second, on kept-alive connections that each have one under way. */
static double many_small(struct process process, const struct request *request) {
  static struct answer answers[CONNECTIONS];
  static char bytes[1 << 16];
  struct pollfd wanted[CONNECTIONS];
  memset(answers, 0, sizeof answers);
  for (int i = 0; i < CONNECTIONS; i++) {
    wanted[i] = (struct pollfd){.fd = dial(process), .events = POLLIN};
    send_all(wanted[i].fd, request->bytes, request->length);
  }
  double began = now(), ended = began;
  uint64_t count = 0;
  while (ended - began < SMALL_SECONDS) {
    if (poll(wanted, CONNECTIONS, 5000) <= 0) die("no answer");
    for (int i = 0; i < CONNECTIONS; i++) {
      if (!wanted[i].revents) continue;
      ssize_t got = recv(wanted[i].fd, bytes, sizeof bytes, 0);
      if (got <= 0) die("the connection ended");
      if (!take(&answers[i], bytes, (size_t)got)) continue;
      count++;
      answers[i] = (struct answer){0};
      send_all(wanted[i].fd, request->bytes, request->length);
    }
    ended = now();
  }
  for (int i = 0; i < CONNECTIONS; i++) close(wanted[i].fd);
  return (double)count / (ended - began);
}

/* Milliseconds of one large request, from its first byte out to its last byte in. */
static double one_large(struct process process, const struct request *request) {
  static char bytes[RECEIVE_BYTES];
  struct answer answer = {0};
  int fd = dial(process);
  double began = now();
  send_all(fd, request->bytes, request->length);
  for (bool whole = false; !whole;) {
    ssize_t got = recv(fd, bytes, sizeof bytes, 0);
    if (got <= 0) die("the connection ended");
    whole = take(&answer, bytes, (size_t)got);
  }
  double took = now() - began;
  close(fd);
  return 1e3 * took;
}

typedef double measurement(struct process process, const struct request *request);

/* Medians of both, measured in turn, so that what else the machine does hits both. */
static struct measured compare(const char *name, const char *unit, bool more_is_better, measurement *measure,
                               struct process echo, struct process daemon, const struct request *request, int rounds) {
  double of_echo[ROUNDS_MAX], of_daemon[ROUNDS_MAX];
  measure(echo, request);
  measure(daemon, request); /* caches are warm, memory is there */
  for (int i = 0; i < rounds; i++) {
    of_echo[i] = measure(echo, request);
    of_daemon[i] = measure(daemon, request);
  }
  return (struct measured){name, unit, more_is_better, median(of_echo, rounds), median(of_daemon, rounds)};
}

/* ---- Requests --------------------------------------------------------------------------------------- */

static struct request post(const char *type, const char *body, size_t length) {
  char head[256];
  int size = snprintf(head, sizeof head,
                      "POST /loss HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n", type,
                      length);
  struct request request = {malloc((size_t)size + length), (size_t)size + length};
  if (!request.bytes) die("malloc");
  memcpy(request.bytes, head, (size_t)size);
  memcpy(request.bytes + size, body, length);
  return request;
}

static struct request post_file(const char *type, const char *path) {
  static char body[1 << 16];
  FILE *file = fopen(path, "rb");
  if (!file) die(path);
  size_t length = fread(body, 1, sizeof body, file);
  fclose(file);
  return post(type, body, length);
}

/* fr [64, 100, 1024] of F32 with three terms: 26 MB, and as much back. */
static struct request post_large(void) {
  static const char header[] =
      "{\"__metadata__\":{\"lambda_fr\":\"1\",\"lambda_fr_sd\":\"0.1\",\"lambda_fr_cv\":\"0.1\"},"
      "\"fr\":{\"dtype\":\"F32\",\"shape\":[64,100,1024],\"data_offsets\":[0,26214400]}}        ";
  const size_t elements = (size_t)64 * 100 * 1024;
  uint64_t header_length = (sizeof header - 1) / 8 * 8;
  size_t length = 8 + header_length + 4 * elements;
  char *body = malloc(length);
  if (!body) die("malloc");
  memcpy(body, &header_length, 8);
  memcpy(body + 8, header, header_length);
  uint32_t random = 1;
  for (size_t i = 0; i < elements; i++) {
    random = random * 1664525 + 1013904223;
    float rate = (float)(random >> 8) * 0x1p-24F;
    memcpy(body + 8 + header_length + 4 * i, &rate, 4);
  }
  struct request request = post("application/vnd.safetensors", body, length);
  free(body);
  return request;
}

/* ---- Results ---------------------------------------------------------------------------------------- */

static void print(const struct measured *rows, size_t n, bool json) {
  if (json) {
    printf("[");
    for (size_t i = 0; i < n; i++) {
      printf("%s\n  {\"name\": \"%s\", \"unit\": \"%s\", \"echo\": %.6g, \"rnnlossd\": %.6g, \"ratio\": %.4f}",
             i ? "," : "", rows[i].name, rows[i].unit, rows[i].echo, rows[i].daemon, rows[i].daemon / rows[i].echo);
    }
    printf("\n]\n");
    return;
  }
  printf("%-44s %12s %12s %8s\n", "", "echo", "rnnlossd", "ratio");
  for (size_t i = 0; i < n; i++) {
    char name[64];
    snprintf(name, sizeof name, "%s, %s", rows[i].name, rows[i].unit);
    int digits = rows[i].more_is_better ? 0 : 2;
    printf("%-44s %12.*f %12.*f %8.3f\n", name, digits, rows[i].echo, digits, rows[i].daemon,
           rows[i].daemon / rows[i].echo);
  }
}

static int environment_number(const char *name, int standard, int most) {
  const char *text = getenv(name);
  long number = text ? strtol(text, NULL, 10) : standard;
  return number < 1 ? 1 : number > most ? most : (int)number;
}

int main(int argc, char **argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: wire DAEMON\n");
    return 2;
  }
  int rounds = environment_number("ROUNDS", 7, ROUNDS_MAX);
  char loops[8], echo_path[4096];
  snprintf(loops, sizeof loops, "%d", environment_number("LOOPS", 1, 16));
  const char *slash = strrchr(argv[0], '/');
  snprintf(echo_path, sizeof echo_path, "%.*secho", slash ? (int)(slash - argv[0]) + 1 : 0, argv[0]);

  struct request json = post_file("application/json", "examples/loss.json");
  struct request small = post_file("application/vnd.safetensors", "examples/batch.safetensors");
  struct request large = post_large();
  struct process echo = start((const char *const[]){echo_path, loops, NULL});
  struct process daemon = start(
      (const char *const[]){argv[1], "--listen", "127.0.0.1:0", "--threads", loops, "--log-level", "warning", NULL});
  struct measured rows[] = {
      compare("small JSON, seven terms", "requests/s", true, many_small, echo, daemon, &json, rounds),
      compare("small safetensors", "requests/s", true, many_small, echo, daemon, &small, rounds),
      compare("26 MB F32 safetensors with gradient", "ms", false, one_large, echo, daemon, &large, 3 * rounds),
  };
  stop(echo);
  stop(daemon);
  const char *format = getenv("FORMAT");
  print(rows, sizeof rows / sizeof *rows, format && strcmp(format, "json") == 0);
  free(json.bytes);
  free(small.bytes);
  free(large.bytes);
  return 0;
}
