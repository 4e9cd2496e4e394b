/* wire_load.c - measurements: many small requests, one large one, and what they are held against */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "wire.h"

#define CONNECTIONS 8
#define TRIES 5
#define SHARE_WANTED 0.9
#define RECEIVE_BYTES ((size_t)256 << 10)

double rate_seconds = 0.6;
static double least = 1;

/* ---- small requests ---- */

struct lane {
  struct connection connection;
  struct answer answer;
};

/* What a process has had of the processors, all its threads together. */
static double processor_seconds(pid_t pid) {
  clockid_t clock;
  struct timespec t = {0};
  if (clock_getcpuclockid(pid, &clock) == 0) clock_gettime(clock, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double load_least(void) {
  return least;
}

static void ask(struct lane *lane, const struct request *request) {
  lane->answer.head_length = 0;
  lane->answer.has_head = false;
  lane->answer.length = lane->answer.left = 0;
  errno = 0;
  if (connection_send(&lane->connection, request->bytes, request->length) != request->length)
    die("a small request does not fit");
}

/* Reads what has come; whether that was the rest of the answer. */
static bool hear(struct lane *lane) {
  static char bytes[1 << 16];
  size_t got = connection_receive(&lane->connection, bytes, sizeof bytes);
  return got > 0 && answer_take(&lane->answer, bytes, got);
}

/* It looks again and again rather than sleeps: a sleeper must be woken, at the expense of the server that answers it,
 * which costs a slower one more than one that keeps the generator busy. */
static uint64_t drive(struct lane *lanes, const struct request *request, double until) {
  struct pollfd wanted[CONNECTIONS];
  uint64_t count = 0;
  for (int i = 0; i < CONNECTIONS; i++) {
    wanted[i] = (struct pollfd){.fd = lanes[i].connection.fd, .events = POLLIN};
    ask(&lanes[i], request);
  }
  do {
    errno = 0;
    if (poll(wanted, CONNECTIONS, 0) < 0) die("poll");
    for (int i = 0; i < CONNECTIONS; i++) {
      if (!wanted[i].revents || !hear(&lanes[i])) continue;
      count++;
      ask(&lanes[i], request);
    }
  } while (now() < until);
  errno = 0;
  if (count == 0) die("no answer");
  return count;
}

/* Requests a second, and the share of a processor that the server had meanwhile. */
static double try_rate(const struct subject *subject, double *share) {
  static struct lane lanes[CONNECTIONS];
  for (int i = 0; i < CONNECTIONS; i++) lanes[i].connection = connection_open(subject->peer);
  double began = now(), spent = processor_seconds(subject->peer->process.pid);
  uint64_t count = drive(lanes, subject->request, began + rate_seconds);
  double took = now() - began;
  *share = (processor_seconds(subject->peer->process.pid) - spent) / took;
  for (int i = 0; i < CONNECTIONS; i++) connection_close(&lanes[i].connection);
  return (double)count / took;
}

/* What else the machine does may take the processor away: then it is tried again, and the best share counts. */
double measure_rate(struct subject *subject) {
  double rate = 0, share = 0;
  for (int i = 0; i < TRIES && share < SHARE_WANTED; i++) {
    double its_share = 0, its_rate = try_rate(subject, &its_share);
    if (its_share <= share && i > 0) continue;
    rate = its_rate;
    share = its_share;
    subject->cost = 1e6 * share / rate;
  }
  if (share < least) least = share;
  return rate;
}

/* ---- one request: sends and reads at the same time ---- */

static void exchange(struct connection *connection, const struct request *request, struct answer *answer) {
  static char bytes[RECEIVE_BYTES];
  size_t sent = 0;
  for (bool whole = false; !whole;) {
    size_t went = 0, came = 0;
    if (sent < request->length) {
      went = connection_send(connection, request->bytes + sent, request->length - sent);
      sent += went;
    }
    if (went == 0) came = connection_receive(connection, bytes, sizeof bytes);
    if (came > 0) whole = answer_take(answer, bytes, came);
    if (went == 0 && came == 0) connection_wait(connection, sent < request->length);
  }
}

double measure_exchange(struct subject *subject) {
  struct answer answer = {.head_length = 0};
  double began = now();
  exchange(&subject->connection, subject->request, &answer);
  return 1e3 * (now() - began);
}

double measure_server(struct subject *subject) {
  struct answer answer = {.head_length = 0};
  exchange(&subject->connection, subject->request, &answer);
  return answer_server_ms(&answer);
}

size_t exchange_keep(const struct peer *peer, const struct request *request, char *body, size_t room) {
  struct answer answer = {.room = room};
  answer.keep = body;
  struct connection connection = connection_open(peer);
  exchange(&connection, request, &answer);
  connection_close(&connection);
  errno = 0;
  if (answer.kept != answer.length) die("the answer is longer than expected");
  return answer.length;
}

/* ---- what they are held against: where the servers run, for this may be the busier processor ---- */

double measure_torch(struct subject *subject) {
  char line[64];
  fprintf(subject->torch->to, "%zu %zu\n", subject->rows, subject->units);
  fflush(subject->torch->to);
  errno = 0;
  if (!process_line(subject->torch, line, sizeof line)) die("PyTorch has ended");
  return strtod(line, NULL);
}

static void read_numbers(struct subject *subject) {
  errno = 0;
  if (text_read(request_body(subject->request), subject->request->body, subject->numbers, subject->count + 3) <
      subject->count)
    die("from_chars reads fewer numbers than there are");
}

double measure_read(struct subject *subject) {
  processors_borrow();
  double began = now();
  read_numbers(subject);
  double took = now() - began;
  processors_own();
  return 1e3 * took;
}

double measure_read_write(struct subject *subject) {
  processors_borrow();
  double began = now();
  read_numbers(subject);
  subject->written = text_write(subject->numbers + subject->count + 3, subject->count, subject->text);
  double took = now() - began;
  processors_own();
  return 1e3 * took;
}
