/* query.c - the query of a URL, percent-decoded strictly. ('+' is no space: RFC 3986, not HTML forms.) */
#include <string.h>

#include "server.h"

static int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

static bool is_utf8(const char *at, const char *end) {
  while (at < end) {
    const size_t length = utf8_sequence(at, end);
    if (!length) return false;
    at += length;
  }
  return true;
}

static bool malformed(struct problem *problem, const char *what) {
  return problem_set(problem, PROBLEM_MALFORMED_HTTP, "", "the query has %s", what);
}

/* The text from at to end, decoded; NULL: problem set. */
static const char *decode(const char *at, const char *end, struct arena *arena, struct problem *problem) {
  char *const text = arena_allocate(arena, (size_t)(end - at) + 1), *to = text;
  if (!text) {
    problem_out_of_memory(problem);
    return NULL;
  }
  while (at < end) {
    if (*at != '%') {
      *to++ = *at++;
      continue;
    }
    const int high = end - at > 1 ? hex_digit(at[1]) : -1, low = end - at > 2 ? hex_digit(at[2]) : -1;
    if (high < 0 || low < 0) {
      malformed(problem, "a % that two hexadecimal digits don't follow");
      return NULL;
    }
    if (!high && !low) {
      malformed(problem, "the byte %00, which is not taken");
      return NULL;
    }
    *to++ = (char)(high << 4 | low);
    at += 3;
  }
  *to = 0;
  if (is_utf8(text, to)) return text;
  malformed(problem, "text that is not UTF-8");
  return NULL;
}

bool query_each(const char *query, struct arena *arena, struct problem *problem, query_visitor *visit, void *context) {
  if (!query) return true;
  while (*query) {
    const char *const end = query + strcspn(query, "&"), *const mark = memchr(query, '=', (size_t)(end - query));
    if (end > query) {
      const char *const name = decode(query, mark ? mark : end, arena, problem);
      const char *const value = name ? decode(mark ? mark + 1 : end, end, arena, problem) : NULL;
      if (!value || !visit(context, name, value)) return false;
    }
    query = *end ? end + 1 : end;
  }
  return true;
}
