/* log.c - lines on standard error, logfmt or JSON, each one write(2)
 *
 * A log that can't be written must not hold up a request: a line that the reader of a pipe leaves
 * no room for, or that fails, is dropped and counted.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "server.h"

#define DETAIL_MAX 1024

static _Atomic int chosen_level = LOG_INFO;
static _Atomic bool chosen_json;
static _Atomic uint64_t dropped;

void log_setup(enum log_level level, bool json) {
  atomic_store(&chosen_level, (int)level);
  atomic_store(&chosen_json, json);
}

bool log_wanted(enum log_level level) {
  return (int)level <= atomic_load_explicit(&chosen_level, memory_order_relaxed);
}

uint64_t log_dropped(void) {
  return atomic_load_explicit(&dropped, memory_order_relaxed);
}

/* ---- One record: a field after the other; what doesn't fit is cut, but the line stays whole ---- */

static void put(struct log_record *record, const char *bytes, size_t length) {
  size_t room = LOG_RECORD_MAX - LOG_RECORD_END - record->length;
  if (length > room) length = room;
  memcpy(record->text + record->length, bytes, length);
  record->length += length;
}

static void put_key(struct log_record *record, const char *key) {
  if (record->length > record->json) put(record, record->json ? "," : " ", 1);
  if (record->json) put(record, "\"", 1);
  put(record, key, strlen(key));
  put(record, record->json ? "\":" : "=", record->json ? 2 : 1);
}

/* Nothing that came from a peer can end the line, add a field, or make a text that is no UTF-8. */
static void put_quoted(struct log_record *record, const char *text) {
  static const char hex[] = "0123456789abcdef";
  const char *end = text + strlen(text);
  while (text < end && record->length + 8 < LOG_RECORD_MAX - LOG_RECORD_END) {
    unsigned char byte = (unsigned char)*text;
    size_t length = utf8_sequence(text, end);
    if (byte == '"' || byte == '\\') {
      put(record, (char[]){'\\', *text}, 2);
    } else if (byte < 0x20 || byte == 0x7f) {
      put(record, (char[]){'\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 15]}, 6);
    } else {
      put(record, length ? text : "?", length ? length : 1);
    }
    text += length ? length : 1;
  }
}

void log_text(struct log_record *record, const char *key, const char *value) {
  if (record->length + strlen(key) + 8 > LOG_RECORD_MAX - LOG_RECORD_END) return;
  put_key(record, key);
  put(record, "\"", 1);
  put_quoted(record, value);
  put(record, "\"", 1);
}

/* A value of ours, a plain word: logfmt needs no quotes. */
void log_word(struct log_record *record, const char *key, const char *value) {
  put_key(record, key);
  if (record->json) put(record, "\"", 1);
  put(record, value, strlen(value));
  if (record->json) put(record, "\"", 1);
}

void log_number(struct log_record *record, const char *key, uint64_t value) {
  char digits[20];
  size_t at = sizeof digits;
  do digits[--at] = (char)('0' + value % 10);
  while (value /= 10);
  put_key(record, key);
  put(record, digits + at, sizeof digits - at);
}

/* "2026-11-24T16:30:20.123Z"; the date is made once a second. */
static void add_time(struct log_record *record) {
  static _Thread_local time_t made_at;
  static _Thread_local char made[32];
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (now.tv_sec != made_at || !made[0]) {
    struct tm utc;
    gmtime_r(&now.tv_sec, &utc);
    strftime(made, sizeof made, "%Y-%m-%dT%H:%M:%S.000Z", &utc);
    made_at = now.tv_sec;
  }
  unsigned ms = (unsigned)(now.tv_nsec / 1000000);
  made[20] = (char)('0' + ms / 100);
  made[21] = (char)('0' + ms / 10 % 10);
  made[22] = (char)('0' + ms % 10);
  log_word(record, "time", made);
}

void log_begin(struct log_record *record, enum log_level level, const char *event) {
  static const char *const names[] = {"error", "warning", "info", "debug"};
  record->length = 0;
  record->json = atomic_load_explicit(&chosen_json, memory_order_relaxed);
  if (record->json) put(record, "{", 1);
  add_time(record);
  log_word(record, "level", names[level]);
  log_word(record, "event", event);
}

void log_end(struct log_record *record) {
  if (record->json) record->text[record->length++] = '}';
  record->text[record->length++] = '\n';
  struct pollfd standard_error = {.fd = STDERR_FILENO, .events = POLLOUT};
  bool room = poll(&standard_error, 1, 0) == 1 && (standard_error.revents & POLLOUT);
  if (room && write(STDERR_FILENO, record->text, record->length) == (ssize_t)record->length) return;
  atomic_fetch_add_explicit(&dropped, 1, memory_order_relaxed);
}

void log_line(enum log_level level, const char *event, const char *detail, ...) {
  if (!log_wanted(level)) return;
  char text[DETAIL_MAX];
  struct log_record record;
  va_list arguments;
  va_start(arguments, detail);
  int formatted = vsnprintf(text, sizeof text, detail, arguments);
  va_end(arguments);
  log_begin(&record, level, event);
  if (formatted > 0) log_text(&record, "detail", text);
  log_end(&record);
}
