/* wire.c - what the wire costs, and what rnnlossd costs beyond it
 *
 *   wire DAEMON    from the root of the sources; the echo of the same HTTP library is next to this program
 *
 * Environment: FORMAT=json a JSON object a line, QUICK=1 less time, SIZES=1 time over size (for plot.py) instead of
 * rows. wire.h says which file does what, README.md what is compared.
 */
#include <stdlib.h>
#include <string.h>

#include "wire.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))
#define SMALL_ROUNDS 9
#define LARGE_ROUNDS 21
#define TEXT_ROUNDS 15
#define QUICK_ROUNDS 3
#define JSON_ROWS 512
#define JSON_UNITS 1024

static bool quick;

static int rounds_of(int standard) {
  return quick ? QUICK_ROUNDS : standard;
}

/* One of which a side is absent is left out. */
static void row(const char *name, const struct subject *over, const struct subject *under, enum sense sense,
                double goal) {
  if (!over->absent && !under->absent) report_row(name, subjects_ratio(over, NULL, under), sense, goal);
}

static void times(const struct subject *subjects, size_t count, const char *unit) {
  for (size_t i = 0; i < count; i++)
    if (!subjects[i].absent) report_time(subjects[i].name, unit, subjects[i].median);
}

/* ---- small requests ---- */

static void small(struct programs *programs, enum encoding encoding, double goal) {
  static const char *const encodings[] = {"small JSON", "small safetensors"};
  struct request request = request_small(encoding), for_service = request_for_service(&request);
  struct subject s[] = {
      {.name = "echo", .measure = measure_rate, .peer = &programs->echo[TRANSPORT_TCP], .request = &request},
      {.name = "rnnlossd", .measure = measure_rate, .peer = &programs->daemon[TRANSPORT_TCP], .request = &request},
      {.name = "rnnlossd, unix socket",
       .measure = measure_rate,
       .peer = &programs->daemon[TRANSPORT_UNIX],
       .request = &request},
      {.name = "FastAPI", .measure = measure_rate, .peer = &programs->service, .request = &for_service},
  };
  char title[80], name[160];
  snprintf(title, sizeof title, "%s (%zu bytes, seven terms)", encodings[encoding], request.body);
  process_settle(&programs->service.process, true); /* a single thread, too */
  subjects_measure(title, s, LENGTH(s), rounds_of(SMALL_ROUNDS));
  process_settle(&programs->service.process, false);
  snprintf(name, sizeof name, "%s, requests/s over the echo's", title);
  row(name, &s[1], &s[0], AT_LEAST, goal);
  snprintf(name, sizeof name, "%s, the echo's processor time over rnnlossd's", encodings[encoding]);
  report_row(name, subjects_cost_ratio(&s[0], &s[1]), NO_GOAL, 0);
  snprintf(name, sizeof name, "%s, requests/s over FastAPI's", encodings[encoding]);
  row(name, &s[1], &s[3], AT_LEAST, 60);
  snprintf(name, sizeof name, "%s, requests/s by unix socket over TCP's", encodings[encoding]);
  row(name, &s[2], &s[1], AT_LEAST, 1);
  times(s, LENGTH(s), "requests/s");
  for (size_t i = 0; i < LENGTH(s); i++)
    if (!s[i].absent) report_time(s[i].name, "us of processor a request", median(s[i].costs, s[i].rounds));
  request_release(&request);
  request_release(&for_service);
}

/* ---- 26 MB ---- */

static void large(struct programs *programs) {
  struct request request = request_rates(ENCODING_SAFETENSORS, 6400, 1024, 0, true);
  struct request for_service = request_for_service(&request);
  struct subject s[2 * TRANSPORTS + 2] = {0};
  struct subject *service = &s[2 * TRANSPORTS], *torch = service + 1;
  char names[2 * TRANSPORTS][40], name[80];
  for (int i = 0; i < TRANSPORTS; i++) {
    snprintf(names[2 * i], sizeof names[0], "echo, %s", transport_names[i]);
    snprintf(names[2 * i + 1], sizeof names[0], "rnnlossd, %s", transport_names[i]);
    struct subject both = {.measure = measure_exchange, .request = &request};
    s[2 * i] = s[2 * i + 1] = both;
    s[2 * i].name = names[2 * i];
    s[2 * i].peer = &programs->echo[i];
    s[2 * i + 1].name = names[2 * i + 1];
    s[2 * i + 1].peer = &programs->daemon[i];
  }
  *service = (struct subject){
      .name = "FastAPI", .measure = measure_exchange, .peer = &programs->service, .request = &for_service};
  *torch = (struct subject){.name = "PyTorch in-process",
                            .measure = measure_torch,
                            .torch = &programs->torch,
                            .absent = !programs->has_torch,
                            .rows = 6400,
                            .units = 1024};
  subjects_measure("26 MB F32 safetensors with gradient", s, LENGTH(s), rounds_of(LARGE_ROUNDS));
  for (int i = 0; i < TRANSPORTS; i++) {
    snprintf(name, sizeof name, "26 MB safetensors, %s, time over the echo's", transport_names[i]);
    row(name, &s[2 * i + 1], &s[2 * i], AT_MOST, 1.35);
  }
  struct subject *tcp = &s[2 * TRANSPORT_TCP + 1], *local = &s[2 * TRANSPORT_UNIX + 1];
  row("26 MB safetensors, unix socket, time over TCP's", local, tcp, AT_MOST, 1);
  row("26 MB safetensors, PyTorch in-process over rnnlossd's time", torch, tcp, AT_LEAST, 2);
  row("26 MB safetensors, FastAPI over rnnlossd's time", service, tcp, NO_GOAL, 0);
  times(s, LENGTH(s), "ms");
  request_release(&request);
  request_release(&for_service);
}

/* ---- JSON of 524,288 doubles ---- */

static void json_value(struct programs *programs, int digits, enum sense sense) {
  size_t count = (size_t)JSON_ROWS * JSON_UNITS;
  struct request request = request_rates(ENCODING_JSON, JSON_ROWS, JSON_UNITS, digits, false);
  double *numbers = allocate((count + 3) * sizeof *numbers);
  struct subject s[] = {
      {.name = "rnnlossd, reduce and terms by Server-Timing",
       .measure = measure_server,
       .peer = &programs->daemon[TRANSPORT_TCP],
       .request = &request},
      {.name = "from_chars", .measure = measure_read, .request = &request, .numbers = numbers, .count = count},
  };
  char title[80], name[160];
  snprintf(title, sizeof title, "JSON of 524288 doubles of %d digits (%.1f MB)", digits, 1e-6 * (double)request.body);
  subjects_measure(title, s, LENGTH(s), rounds_of(TEXT_ROUNDS));
  snprintf(name, sizeof name, "%s, no gradient, over from_chars", title);
  row(name, &s[0], &s[1], sense, 3.3);
  times(s, LENGTH(s), "ms");
  free(numbers);
  request_release(&request);
}

/* The numbers of the gradient, behind room for those of the request; also how long the answer is. */
static double *gradient_of(const struct peer *daemon, const struct request *request, size_t count, size_t *length) {
  size_t room = 32 * count + 4096;
  double *numbers = allocate((2 * count + 3) * sizeof *numbers);
  char *body = allocate(room + 1);
  *length = exchange_keep(daemon, request, body, room);
  body[*length] = '\0';
  const char *gradients = strstr(body, "\"gradients\":");
  if (!gradients || text_read(gradients, *length - (size_t)(gradients - body), numbers + count + 3, count) != count)
    die("the gradient in the answer");
  free(body);
  return numbers;
}

static void json_gradient(struct programs *programs) {
  size_t count = (size_t)JSON_ROWS * JSON_UNITS, length = 0;
  const struct peer *daemon = &programs->daemon[TRANSPORT_TCP];
  struct request request = request_rates(ENCODING_JSON, JSON_ROWS, JSON_UNITS, 8, true);
  double *numbers = gradient_of(daemon, &request, count, &length);
  char *text = allocate(25 * count);
  struct request for_echo = request_for_echo(&request, length), for_service = request_for_service(&request);
  struct subject s[] = {
      {.name = "rnnlossd", .measure = measure_exchange, .peer = daemon, .request = &request},
      {.name = "echo, as many bytes each way",
       .measure = measure_exchange,
       .peer = &programs->echo[TRANSPORT_TCP],
       .request = &for_echo},
      {.name = "from_chars and to_chars",
       .measure = measure_read_write,
       .request = &request,
       .numbers = numbers,
       .text = text,
       .count = count},
  };
  struct subject with_service[] = {
      s[0], {.name = "FastAPI", .measure = measure_exchange, .peer = &programs->service, .request = &for_service}};
  subjects_measure("the same with JSON gradient", s, LENGTH(s), rounds_of(TEXT_ROUNDS));
  subjects_measure("FastAPI with JSON gradient", with_service, LENGTH(with_service), QUICK_ROUNDS);
  report_row("JSON with JSON gradient, time beyond the echo's over from/to_chars", subjects_ratio(&s[0], &s[1], &s[2]),
             AT_MOST, 3);
  row("JSON with JSON gradient, FastAPI over rnnlossd's time", &with_service[1], &with_service[0], NO_GOAL, 0);
  times(s, LENGTH(s), "ms");
  times(&with_service[1], 1, "ms");
  free(numbers);
  free(text);
  request_release(&request);
  request_release(&for_echo);
  request_release(&for_service);
}

static void rows(struct programs *programs) {
  small(programs, ENCODING_JSON, 0.65);
  small(programs, ENCODING_SAFETENSORS, 0.75);
  if (load_least() < 0.8)
    note("a server was busy only %.0f %% of the time: other work, or the generator, holds small requests up",
         100 * load_least());
  large(programs);
  json_value(programs, 8, AT_MOST);
  json_value(programs, 17, NO_GOAL);
  json_gradient(programs);
}

int main(int argc, char **argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: wire DAEMON\n");
    return 2;
  }
  quick = environment_is("QUICK", NULL);
  if (quick) rate_seconds = 0.2;
  char echo[4096];
  const char *slash = strrchr(argv[0], '/');
  snprintf(echo, sizeof echo, "%.*secho", slash ? (int)(slash - argv[0]) + 1 : 0, argv[0]);
  static struct programs programs;
  processors_own();
  programs_start(&programs, argv[1], echo);
  if (!programs.daemon[TRANSPORT_TCP].there || !programs.echo[TRANSPORT_TCP].there) {
    programs_stop(&programs);
    return 1;
  }
  if (environment_is("SIZES", NULL)) {
    sizes_measure(&programs, quick);
  } else {
    rows(&programs);
  }
  programs_stop(&programs);
  return 0;
}
