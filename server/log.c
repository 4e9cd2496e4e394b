/* log.c - lines on standard error, logfmt or JSON, each one write(2)
 *
 * A log that can't be written must not hold up a request: a line that the reader of a pipe leaves
 * no room for, or that fails, is dropped and counted.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "server.h"

#define DETAIL_MAX 1024
#define ENDING 4      /* bytes kept for a line's end */
#define NUMBER_MAX 20 /* digits of the largest uint64_t */
#define ESCAPE_MAX 6  /* bytes that one character, or one wrong byte, becomes at most */

/* Where the process's lines go. */
static struct {
  _Atomic int level;
  _Atomic uint64_t dropped;
  enum log_format format;
  int fd;
  bool is_socket;       /* MSG_DONTWAIT is possible */
  bool never_blocks;    /* O_NONBLOCK, or a file */
  pthread_mutex_t lock; /* between a poll that finds room and the write that fills it */
  bool torn;            /* the last line went out in part */
} output = {.level = LOG_INFO, .fd = STDERR_FILENO, .lock = PTHREAD_MUTEX_INITIALIZER};

/* O_NONBLOCK belongs to the open file, which other processes share: so the pipe or terminal is opened once more, for
 * this process alone. A file is not: its offset is shared, too, and must stay so. */
void log_setup(enum log_level level, enum log_format format) {
  struct stat status;
  atomic_store(&output.level, (int)level);
  output.format = format;
  if (output.fd != STDERR_FILENO || fstat(STDERR_FILENO, &status) != 0) return;
  output.is_socket = S_ISSOCK(status.st_mode);
  output.never_blocks = S_ISREG(status.st_mode);
  if (!S_ISFIFO(status.st_mode) && !S_ISCHR(status.st_mode)) return;
  int own = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (own < 0) return; /* another user's, or there is no /proc: poll() must do */
  output.fd = own;
  output.never_blocks = true;
}

bool log_wanted(enum log_level level) {
  return (int)level <= atomic_load_explicit(&output.level, memory_order_relaxed);
}

uint64_t log_dropped(void) {
  return atomic_load_explicit(&output.dropped, memory_order_relaxed);
}

/* ---- Writing ---------------------------------------------------------------------------------------- */

static bool has_room(void) {
  struct pollfd ready = {.fd = output.fd, .events = POLLOUT};
  return output.never_blocks || (poll(&ready, 1, 0) == 1 && (ready.revents & POLLOUT));
}

/* line[-1] is a line's end, for the case that the line before was cut. */
static void put(const char *line, size_t length) {
  pthread_mutex_lock(&output.lock);
  size_t before = output.torn ? 1 : 0, whole = length + before;
  ssize_t written = -1;
  if (output.is_socket) {
    written = send(output.fd, line - before, whole, MSG_DONTWAIT | MSG_NOSIGNAL);
  } else if (has_room()) {
    written = write(output.fd, line - before, whole);
  }
  if (written > 0) output.torn = (size_t)written < whole;
  pthread_mutex_unlock(&output.lock);
  if (written != (ssize_t)whole) atomic_fetch_add_explicit(&output.dropped, 1, memory_order_relaxed);
}

/* ---- Fields ----------------------------------------------------------------------------------------- */

static void add(struct log_record *record, const char *bytes, size_t length) {
  memcpy(record->bytes + record->length, bytes, length);
  record->length += length;
}

static size_t room(const struct log_record *record) {
  return sizeof record->bytes - ENDING - record->length;
}

/* The field's name, if it and so many bytes of value fit. */
static bool add_name(struct log_record *record, const char *name, size_t value) {
  size_t length = strlen(name);
  if (length + 4 + value > room(record)) return false;
  if (record->json) {
    add(record, ",\"", 2);
    add(record, name, length);
    add(record, "\":", 2);
  } else {
    add(record, " ", 1);
    add(record, name, length);
    add(record, "=", 1);
  }
  return true;
}

/* May it stand in a line as it is? Not what moves a terminal's cursor, or what some reader takes for a line's end:
 * control characters (also those of U+0080 to U+009F), U+2028, U+2029. */
static bool is_printable(const unsigned char *at, size_t length) {
  if (length == 1) return *at >= 0x20 && *at != 0x7f && *at != '"' && *at != '\\';
  if (length == 2) return at[0] != 0xc2 || at[1] >= 0xa0;
  return length != 3 || at[0] != 0xe2 || at[1] != 0x80 || (at[2] & 0xfe) != 0xa8;
}

/* What can't stand as it is becomes JSON's escape, which readers of logfmt know, too: \u and four digits; of a byte
 * that is no UTF-8, U+FFFD. */
static void add_escaped(struct log_record *record, const unsigned char *at, size_t length) {
  static const char hex[] = "0123456789abcdef";
  if (length == 1 && (*at == '"' || *at == '\\')) {
    add(record, (const char[]){'\\', (char)*at}, 2);
    return;
  }
  unsigned code = 0xfffd;
  if (length == 1) code = *at;
  if (length == 2) code = at[1];                 /* U+0080 to U+009F */
  if (length == 3) code = 0x2000 | (at[2] & 63); /* U+2028, U+2029 */
  const char escape[ESCAPE_MAX] = {'\\',          'u', hex[code >> 12], hex[code >> 8 & 15], hex[code >> 4 & 15],
                                   hex[code & 15]};
  add(record, escape, sizeof escape);
}

/* Quoted, so that nothing that came from a peer can end the line or add a field; cut where there is no room. */
void log_text(struct log_record *record, const char *name, const char *text) {
  if (!text || !add_name(record, name, 2 + ESCAPE_MAX)) return;
  const char *end = text + strlen(text);
  add(record, "\"", 1);
  while (text < end && room(record) > ESCAPE_MAX) {
    size_t length = utf8_sequence(text, end);
    const unsigned char *at = (const unsigned char *)text;
    if (length && is_printable(at, length)) {
      add(record, text, length);
    } else {
      add_escaped(record, at, length);
    }
    text += length ? length : 1;
  }
  add(record, "\"", 1);
}

/* As it is, if that is clear. */
void log_word(struct log_record *record, const char *name, const char *word) {
  if (!word) return;
  size_t length = 0;
  for (char c; (c = word[length]); length++) {
    bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '-' && c <= ':') || c == '_' || c == ',';
    if (!plain) break;
  }
  bool clear = length > 0 && !word[length];
  if (!clear) {
    log_text(record, name, word);
  } else if (add_name(record, name, length + 2)) {
    if (record->json) add(record, "\"", 1);
    add(record, word, length);
    if (record->json) add(record, "\"", 1);
  }
}

void log_number(struct log_record *record, const char *name, uint64_t value) {
  char digits[NUMBER_MAX];
  size_t first = sizeof digits;
  do digits[--first] = (char)('0' + value % 10);
  while (value /= 10);
  if (add_name(record, name, sizeof digits - first)) add(record, digits + first, sizeof digits - first);
}

void log_boolean(struct log_record *record, const char *name, bool value) {
  if (add_name(record, name, 5)) add(record, value ? "true" : "false", value ? 4 : 5);
}

void log_nothing(struct log_record *record, const char *name) {
  if (record->json && add_name(record, name, 4)) add(record, "null", 4);
}

/* ---- Lines ------------------------------------------------------------------------------------------ */

/* 2026-01-31T12:00:00.000Z; what comes before the point is made once a second by each thread. */
static void add_time(struct log_record *record) {
  static _Thread_local struct {
    time_t second;
    size_t length;
    char text[40];
  } date;
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (now.tv_sec != date.second || !date.length) {
    struct tm utc;
    gmtime_r(&now.tv_sec, &utc);
    date.length = strftime(date.text, sizeof date.text, "%Y-%m-%dT%H:%M:%S", &utc);
    date.second = now.tv_sec;
  }
  unsigned ms = (unsigned)(now.tv_nsec / 1000000) % 1000;
  add(record, date.text, date.length);
  add(record, (const char[]){'.', (char)('0' + ms / 100), (char)('0' + ms / 10 % 10), (char)('0' + ms % 10), 'Z'}, 5);
}

void log_begin(struct log_record *record, enum log_level level, const char *event) {
  static const char *const names[] = {"error", "warning", "info", "debug"};
  record->json = output.format == LOG_JSON;
  record->length = 0;
  if (record->json) {
    add(record, "\n{\"time\":\"", 10);
    add_time(record);
    add(record, "\"", 1);
  } else {
    add(record, "\ntime=", 6);
    add_time(record);
  }
  log_word(record, "level", names[level]);
  log_word(record, "event", event);
}

void log_end(struct log_record *record) {
  if (record->json) add(record, "}", 1);
  add(record, "\n", 1);
  put(record->bytes + 1, record->length - 1);
}

void log_line(enum log_level level, const char *event, const char *detail, ...) {
  if (!log_wanted(level)) return;
  char text[DETAIL_MAX];
  va_list arguments;
  va_start(arguments, detail);
  int formatted = vsnprintf(text, sizeof text, detail, arguments);
  va_end(arguments);

  struct log_record record;
  log_begin(&record, level, event);
  if (formatted > 0) log_text(&record, "detail", text);
  log_end(&record);
}
