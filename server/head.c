/* head.c - reads a request's headers, and refuses what two readers could read differently
 *
 * Request smuggling lives on two servers that disagree about where a request ends or what it says.
 * The HTTP library reads on where it is in doubt; so the doubtful is found here.
 */
#include <string.h>
#include <strings.h>

#include "server.h"

#define HIDDEN "a header that is folded or holds a NUL byte"

static void defect(struct head_reader *reader, const char *phrase) {
  if (!reader->head->defect) reader->head->defect = phrase;
}

/* The library cuts lines at a NUL and joins folded ones in a way of its own, silently. But it hands
 * out pointers into the bytes as they came: whatever it has hidden shows as a gap between them. */
static void check_gap(struct head_reader *reader, const char *next, size_t least, size_t most, const char *phrase) {
  if (!reader->contiguous) return;
  size_t gap = (size_t)((uintptr_t)next - (uintptr_t)reader->reached);
  if (gap < least || gap > most) defect(reader, phrase);
}

static enum method method_of(const char *name) {
  static const char *const names[] = {"GET", "HEAD", "POST", "OPTIONS"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    if (strcmp(name, names[i]) == 0) return (enum method)i;
  }
  return METHOD_OTHER;
}

static bool is_token(const char *name, size_t size) {
  static const char others[] = "!#$%&'*+-.^_`|~";
  for (size_t i = 0; i < size; i++) {
    char c = name[i];
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!letter && (c == '\0' || !strchr(others, c))) return false;
  }
  return size > 0;
}

static bool has_control(const char *value, size_t size) {
  for (size_t i = 0; i < size; i++) {
    unsigned char c = (unsigned char)value[i];
    if ((c < 0x20 && c != '\t') || c == 0x7f) return true;
  }
  return false;
}

static void check_target(struct head_reader *reader, const char *target, size_t size) {
  for (size_t i = 0; i < size; i++) {
    unsigned char c = (unsigned char)target[i];
    if (c <= 0x20 || c == 0x7f) defect(reader, "white space or a control character in the URL");
  }
  if (strstr(target, "%00")) defect(reader, "a NUL byte, %00, in the URL");
}

void head_begin(struct head_reader *reader, const struct request_line *line) {
  *reader->head = (struct head){.method = method_of(line->method)};
  reader->old = strcmp(line->version, "HTTP/1.0") == 0;
  check_target(reader, line->target, strlen(line->target));
  reader->reached = line->method + strlen(line->method);
  check_gap(reader, line->raw_target, 1, 1,
            "more than the method, one space, the URL, one space and the version in the first line");
  reader->reached = line->raw_target + line->raw_target_size;
  check_gap(reader, line->version, 1, 1,
            "more than the method, one space, the URL, one space and the version in the first line");
  reader->reached = line->version + strlen(line->version);
}

static void read_length(struct head_reader *reader, const char *value, size_t size) {
  struct head *head = reader->head;
  bool number = size > 0;
  head->has_length = true;
  head->length = 0;
  for (size_t i = 0; i < size && number; i++) {
    uint64_t digit = (uint64_t)(unsigned char)value[i] - '0';
    number = digit <= 9 && head->length <= (UINT64_MAX - digit) / 10;
    if (number) head->length = 10 * head->length + digit;
  }
  if (!number) defect(reader, "a Content-Length that is no number");
}

static void once(struct head_reader *reader, const char **member, const char *value, const char *phrase) {
  if (*member) defect(reader, phrase);
  *member = value;
}

/* A list may be spread over several headers. */
static void join(struct head_reader *reader, const char **member, const char *value) {
  if (*member) {
    struct text text = {.arena = reader->arena};
    text_string(&text, *member);
    text_string(&text, ", ");
    text_bytes(&text, value, strlen(value) + 1);
    value = text.failed ? *member : text.bytes;
  }
  *member = value;
}

void head_line(struct head_reader *reader, const char *name, size_t name_size, const char *value, size_t value_size) {
  struct head *head = reader->head;
  if (!is_token(name, name_size)) {
    bool space = name_size > 0 && (name[name_size - 1] == ' ' || name[name_size - 1] == '\t');
    defect(reader, space ? "white space before a header's colon" : "a header whose name is not a token");
  }
  if (has_control(value, value_size)) defect(reader, "a control character in a header");
  check_gap(reader, name, 1, 2, HIDDEN); /* LF or CRLF */
  reader->reached = value + value_size;

  if (strcasecmp(name, "Host") == 0) {
    if (++reader->hosts > 1) defect(reader, "two Host headers");
  } else if (strcasecmp(name, "Content-Length") == 0) {
    if (++reader->lengths > 1) defect(reader, "two Content-Length headers");
    read_length(reader, value, value_size);
  } else if (strcasecmp(name, "Transfer-Encoding") == 0) {
    head->chunked = strcasecmp(value, "chunked") == 0;
    if (++reader->codings > 1 || !head->chunked) defect(reader, "a transfer coding other than chunked");
  } else if (strcasecmp(name, "Content-Type") == 0) {
    once(reader, &head->content_type, value, "two Content-Type headers");
  } else if (strcasecmp(name, "Content-Encoding") == 0) {
    once(reader, &head->content_encoding, value, "two Content-Encoding headers");
  } else if (strcasecmp(name, "Accept") == 0) {
    join(reader, &head->accept, value);
  } else if (strcasecmp(name, "Authorization") == 0) {
    once(reader, &head->authorization, value, "two Authorization headers");
  } else if (strcasecmp(name, "If-None-Match") == 0) {
    join(reader, &head->if_none_match, value);
  } else if (strcasecmp(name, "X-Request-Id") == 0) {
    head->request_id = value;
  } else if (strcasecmp(name, "traceparent") == 0) {
    head->traceparent = value;
  }
}

void head_end(struct head_reader *reader, const char *end) {
  if (end) check_gap(reader, end, 2, 4, HIDDEN); /* this line's end and the empty line */
  if (reader->lengths && reader->codings) defect(reader, "Content-Length and Transfer-Encoding together");
  if (reader->old && reader->codings) defect(reader, "Transfer-Encoding in HTTP/1.0");
  if (!reader->old && !reader->hosts) defect(reader, "no Host header");
}
