/* wire_answer.c - the answer as it comes: its head is kept, its body counted, or kept where there is room for it */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "wire.h"

/* Where in what stands between chunks: after one's data, in the next one's size, behind it, after the last one. */
enum { LINE_NONE, LINE_BEFORE, LINE_SIZE, LINE_REST, LINE_END };

static void read_head(struct answer *answer) {
  if (strncmp(answer->head, "HTTP/1.1 200 ", 13) != 0) {
    fprintf(stderr, "wire: an answer that is no success:\n%.600s\n", answer->head);
    exit(1);
  }
  const char *length = strcasestr(answer->head, "\r\nContent-Length:");
  answer->has_head = true;
  answer->chunked = !length;
  answer->line = length ? LINE_NONE : LINE_SIZE;
  answer->left = length ? strtoull(length + 17, NULL, 10) : 0;
}

/* Takes the head's part of the bytes: how many those were. */
static size_t take_head(struct answer *answer, const char *bytes, size_t length) {
  size_t room = sizeof answer->head - 1 - answer->head_length, take = length < room ? length : room;
  size_t before = answer->head_length, from = before > 3 ? before - 3 : 0;
  errno = 0;
  if (take == 0) die("a head that is too long");
  memcpy(answer->head + before, bytes, take);
  const char *end = memmem(answer->head + from, before + take - from, "\r\n\r\n", 4);
  answer->head_length = end ? (size_t)(end + 4 - answer->head) : before + take;
  answer->head[answer->head_length] = '\0';
  if (end) read_head(answer);
  return answer->head_length - before;
}

static void take_body(struct answer *answer, const char *bytes, size_t length) {
  if (answer->keep && length <= answer->room - answer->kept) {
    memcpy(answer->keep + answer->kept, bytes, length);
    answer->kept += length;
  }
  answer->length += length;
  answer->left -= length;
}

static uint64_t digit(char byte) {
  return (uint64_t)(byte <= '9' ? byte - '0' : (byte | 32) - 'a' + 10);
}

/* A byte between chunks; true after the last one. */
static bool between(struct answer *answer, char byte) {
  switch (answer->line) {
  case LINE_NONE:
  case LINE_BEFORE:
    answer->line = byte == '\n' ? LINE_SIZE : LINE_BEFORE;
    return false;
  case LINE_SIZE:
    if (byte == '\r') answer->line = LINE_REST;
    if (byte != '\r') answer->left = answer->left * 16 + digit(byte);
    return false;
  case LINE_REST:
    if (byte == '\n') answer->line = answer->left ? LINE_NONE : LINE_END;
    return false;
  default:
    return byte == '\n';
  }
}

bool answer_take(struct answer *answer, const char *bytes, size_t length) {
  const char *end = bytes + length;
  while (!answer->has_head && bytes < end) bytes += take_head(answer, bytes, (size_t)(end - bytes));
  while (answer->has_head && bytes < end) {
    if (answer->left > 0 && answer->line == LINE_NONE) {
      size_t take = (uint64_t)(end - bytes) < answer->left ? (size_t)(end - bytes) : (size_t)answer->left;
      take_body(answer, bytes, take);
      bytes += take;
    } else if (!answer->chunked || between(answer, *bytes++)) {
      return true;
    }
  }
  return answer->has_head && !answer->chunked && answer->left == 0;
}

static double part(const char *timing, const char *name) {
  const char *found = strstr(timing, name);
  return found ? strtod(found + strlen(name), NULL) : 0;
}

double answer_server_ms(const struct answer *answer) {
  const char *timing = strstr(answer->head, "Server-Timing:");
  errno = 0;
  if (!timing) die("an answer without Server-Timing");
  return part(timing, "reduce;dur=") + part(timing, "terms;dur=");
}
