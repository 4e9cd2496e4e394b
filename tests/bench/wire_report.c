/* wire_report.c - lines for people and for programs, and small helps */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "wire.h"

void die(const char *what) {
  fprintf(stderr, "wire: %s: %s\n", what, errno ? strerror(errno) : "failed");
  exit(1);
}

void note(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("wire: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
}

void *allocate(size_t size) {
  void *memory = malloc(size ? size : 1);
  if (!memory) die("malloc");
  return memory;
}

bool environment_is(const char *name, const char *value) {
  const char *text = getenv(name);
  if (!text || !*text) return false;
  return value ? strcmp(text, value) == 0 : strcmp(text, "0") != 0;
}

double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

double median(const double *values, int count) {
  double sorted[ROUNDS_MAX];
  memcpy(sorted, values, (size_t)count * sizeof *sorted);
  qsort(sorted, (size_t)count, sizeof *sorted, ascending);
  return count % 2 ? sorted[count / 2] : 0.5 * (sorted[count / 2 - 1] + sorted[count / 2]);
}

void report_row(const char *name, double ratio, enum sense sense, double goal) {
  static const char *const senses[] = {[AT_LEAST] = "at least", [AT_MOST] = "at most"};
  if (environment_is("FORMAT", "json")) {
    printf("{\"name\": \"%s\", \"ratio\": %.4f, \"goal\": ", name, ratio);
    if (sense == NO_GOAL) {
      printf("null}\n");
    } else {
      printf("%.4g, \"sense\": \"%s\"}\n", goal, senses[sense]);
    }
  } else if (sense == NO_GOAL) {
    printf("%-64s %9.3f\n", name, ratio);
  } else {
    bool met = sense == AT_LEAST ? ratio >= goal : ratio <= goal;
    printf("%-64s %9.3f   %s %g%s\n", name, ratio, senses[sense], goal, met ? "" : "   MISSED");
  }
  fflush(stdout);
}

void report_time(const char *name, const char *unit, double value) {
  if (environment_is("FORMAT", "json")) return;
  printf("  %-50s %11.*f %s\n", name, value < 1000 ? 2 : 0, value, unit);
}

/* On a terminal the line is written over; elsewhere there is one at the begin of each. */
void progress(const char *title, int done, int of) {
  static bool known, terminal;
  if (!known) terminal = isatty(STDERR_FILENO) == 1;
  known = true;
  if (terminal) {
    fprintf(stderr, "\r\033[K");
    if (done < of) fprintf(stderr, "%s: %d/%d", title, done, of);
    fflush(stderr);
  } else if (done == 0) {
    fprintf(stderr, "wire: measuring %s, %d times each\n", title, of);
  }
}
