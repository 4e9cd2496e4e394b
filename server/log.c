/* log.c - logfmt lines on standard error, each one write(2)
 *
 * A log that can't be written must not hold up a request: a line that the reader of a pipe leaves
 * no room for, or that fails, is dropped.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "server.h"

#define DETAIL_MAX 1024
#define LINE_MAX_BYTES 3072 /* below PIPE_BUF: lines of several threads don't mix */

static _Atomic int chosen_level = LOG_INFO;

void log_setup(enum log_level level) {
  atomic_store(&chosen_level, (int)level);
}

bool log_wanted(enum log_level level) {
  return (int)level <= atomic_load_explicit(&chosen_level, memory_order_relaxed);
}

static size_t add_time(char *line, size_t size) {
  struct timespec now;
  struct tm utc;
  clock_gettime(CLOCK_REALTIME, &now);
  gmtime_r(&now.tv_sec, &utc);
  size_t length = strftime(line, size, "time=%Y-%m-%dT%H:%M:%S", &utc);
  return length + (size_t)snprintf(line + length, size - length, ".%03uZ", (unsigned)(now.tv_nsec / 1000000) % 1000);
}

/* Quotes text, so that nothing that came from a peer can end the line or add a field. */
static size_t add_quoted(char *line, size_t size, const char *text) {
  static const char hex[] = "0123456789abcdef";
  size_t length = 0;
  line[length++] = '"';
  for (const char *c = text; *c && length + 6 < size; c++) {
    unsigned char byte = (unsigned char)*c;
    if (byte == '"' || byte == '\\') {
      line[length++] = '\\';
      line[length++] = *c;
    } else if (byte < 0x20 || byte == 0x7f) {
      memcpy(line + length, (char[]){'\\', 'x', hex[byte >> 4], hex[byte & 15]}, 4);
      length += 4;
    } else {
      line[length++] = *c;
    }
  }
  line[length++] = '"';
  return length;
}

static void put(const char *line, size_t length) {
  struct pollfd standard_error = {.fd = STDERR_FILENO, .events = POLLOUT};
  if (poll(&standard_error, 1, 0) != 1 || !(standard_error.revents & POLLOUT)) return;
  ssize_t written = write(STDERR_FILENO, line, length);
  (void)written; /* there is nobody left to tell */
}

void log_line(enum log_level level, const char *event, const char *detail, ...) {
  static const char *const names[] = {"error", "warning", "info", "debug"};
  if (!log_wanted(level)) return;

  char text[DETAIL_MAX], line[LINE_MAX_BYTES];
  va_list arguments;
  va_start(arguments, detail);
  int formatted = vsnprintf(text, sizeof text, detail, arguments);
  va_end(arguments);

  size_t length = add_time(line, sizeof line);
  length += (size_t)snprintf(line + length, 128, " level=%s event=%.64s", names[level], event);
  if (formatted > 0) {
    memcpy(line + length, " detail=", 8);
    length += 8;
    length += add_quoted(line + length, sizeof line - length - 1, text);
  }
  line[length++] = '\n';
  put(line, length);
}
