/* media.c - media types in Content-Type and Accept, as RFC 9110 (sections 8.3 and 12.5.1) has them */
#include <string.h>

#include "server.h"

static char lower(char c) {
  return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_token(char c) {
  return (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9') || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static const char *skip_space(const char *at) {
  return at + strspn(at, " \t");
}

static const char *skip_token(const char *at) {
  while (is_token(*at)) at++;
  return at;
}

static bool equals(const char *at, size_t length, const char *name, size_t name_length) {
  if (length != name_length) return false;
  while (length && lower(at[length - 1]) == lower(name[length - 1])) length--;
  return length == 0;
}

bool media_type_is(const char *header, const char *type) {
  if (!header) return false;
  const char *const begin = skip_space(header), *end = begin + strcspn(begin, ";");
  while (end > begin && (end[-1] == ' ' || end[-1] == '\t')) end--;
  return equals(begin, (size_t)(end - begin), type, strlen(type));
}

/* One element of an Accept header. */
struct range {
  const char *type; /* not terminated */
  size_t length;    /* of type and subtype; of the type alone if any subtype fits; 0 if any type does */
  size_t slash;     /* the type's length */
  unsigned quality;
};

/* A quoted string's end (NULL: there is none). Its commas and semicolons separate nothing. */
static const char *skip_quoted(const char *at) {
  for (at++; *at && *at != '"'; at++)
    if (*at == '\\' && !*++at) return NULL;
  return *at ? at + 1 : NULL;
}

/* "0.8" in thousandths; -1: malformed. Beside the grammar, ".2" is taken: Java's HttpURLConnection sends it. */
static int quality(const char *at, size_t length) {
  const bool one = length && *at == '1';
  const char *const end = at + length;
  if (length && (*at == '0' || one)) at++;
  int value = one ? 1000 : 0;
  if (at == end) return length ? value : -1;
  if (*at++ != '.' || end - at > 3 || (length == 1)) return -1;
  for (int unit = 100; at < end; at++, unit /= 10) {
    if (*at < '0' || *at > (one ? '0' : '9')) return -1;
    value += unit * (*at - '0');
  }
  return value;
}

/* A parameter after its semicolon: returns its end, NULL if it is malformed. Sets *q if it is one of quality. */
static const char *parameter(const char *at, unsigned *q) {
  const char *const name = skip_space(at), *name_end = skip_token(name);
  if (name == name_end) return name; /* an empty one */
  if (*name_end != '=') return NULL;
  const char *const value = name_end + 1, *const end = *value == '"' ? skip_quoted(value) : skip_token(value);
  if (!end || end == value) return NULL;
  if (!equals(name, (size_t)(name_end - name), "q", 1)) return end;
  const int thousandths = quality(value, (size_t)(end - value));
  if (thousandths < 0) return NULL;
  *q = (unsigned)thousandths;
  return end;
}

/* Reads the element at at; false if it is malformed or there is none. */
static bool read_range(const char *at, struct range *range) {
  const char *const slash = skip_token(at);
  const char *end = *slash == '/' ? skip_token(slash + 1) : slash;
  const bool any = slash - at == 1 && *at == '*'; /* a lone * is an old spelling of any type */
  if (slash == at || end == slash + 1 || (end == slash && !any)) return false;
  const bool any_subtype = end == slash || (end - slash == 2 && slash[1] == '*');
  if (any && !any_subtype) return false;
  *range = (struct range){at, (size_t)(end - at), (size_t)(slash - at), 1000};
  if (any) {
    range->length = 0;
  } else if (any_subtype) {
    range->length = range->slash;
  }
  end = skip_space(end);
  while (end && *end == ';') {
    end = parameter(end + 1, &range->quality);
    if (end) end = skip_space(end);
  }
  return end && (*end == ',' || !*end);
}

/* How closely the range fits the type: 3 in both parts, 2 in the type, 1 as any type does, 0 not at all. */
static unsigned fit(const struct range *range, const char *type) {
  if (!range->length) return 1;
  if (range->length == range->slash) return equals(range->type, range->length, type, strcspn(type, "/")) ? 2 : 0;
  return equals(range->type, range->length, type, strlen(type)) ? 3 : 0;
}

/* The comma that ends the element, or the end of all. */
static const char *element_end(const char *at) {
  while (*at && *at != ',') {
    const char *const quoted = *at == '"' ? skip_quoted(at) : NULL;
    at = quoted ? quoted : at + 1;
  }
  return at;
}

unsigned media_quality(const char *accept, const char *type) {
  if (!accept || !accept[strspn(accept, " \t,")]) return 1000; /* an empty list asks for nothing */
  unsigned best_fit = 0, best = 0;
  for (const char *at = accept; *at; at += *at == ',') {
    struct range range;
    at = skip_space(at);
    if (read_range(at, &range)) {
      const unsigned closeness = fit(&range, type);
      if (closeness > best_fit || (closeness && closeness == best_fit && range.quality > best)) {
        best_fit = closeness;
        best = range.quality;
      }
    }
    at = element_end(at);
  }
  return best;
}
