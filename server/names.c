/* names.c - what a misspelt name may have meant, and how to show it */
#include <stdio.h>
#include <string.h>

#include "server.h"

#define NAME_MAX_LENGTH 64 /* longer ones resemble none of ours */
#define DISTANCE_MAX 2
#define QUOTE_MAX 48

static char lower(char c) {
  return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool same(const char *a, const char *b) {
  while (*a && lower(*a) == lower(*b)) a++, b++;
  return lower(*a) == lower(*b);
}

static unsigned least(unsigned a, unsigned b) {
  return a < b ? a : b;
}

/* Damerau and Levenshtein's distance, letter case aside: insertions, deletions, substitutions, and swaps
 * of neighbours (none of them edited again). Beyond DISTANCE_MAX it may be any larger number. */
static unsigned distance(const char *a, const char *b) {
  const size_t m = strlen(a), n = strlen(b);
  if (m > NAME_MAX_LENGTH || n > NAME_MAX_LENGTH) return DISTANCE_MAX + 1;
  unsigned rows[3][NAME_MAX_LENGTH + 1], *before = rows[0], *last = rows[1], *row = rows[2];
  for (size_t j = 0; j <= n; j++) last[j] = before[j] = (unsigned)j;
  for (size_t i = 1; i <= m; i++) {
    row[0] = (unsigned)i;
    for (size_t j = 1; j <= n; j++) {
      const char x = lower(a[i - 1]), y = lower(b[j - 1]);
      row[j] = least(least(last[j], row[j - 1]) + 1, last[j - 1] + (x != y));
      if (i > 1 && j > 1 && x == lower(b[j - 2]) && y == lower(a[i - 2])) row[j] = least(row[j], before[j - 2] + 1);
    }
    unsigned *const spare = before;
    before = last;
    last = row;
    row = spare;
  }
  return last[n];
}

/* The nearest name within DISTANCE_MAX that has something left of name: of two letters both may not differ. */
static const char *nearest(const char *name, const char *const *names) {
  const char *found = NULL;
  unsigned best = DISTANCE_MAX + 1;
  for (; *names; names++) {
    const unsigned d = distance(name, *names);
    const size_t length = strlen(name) > strlen(*names) ? strlen(name) : strlen(*names);
    if (d < best && d < length) {
      best = d;
      found = *names;
    }
  }
  return found;
}

static void list(const char *const *names, char *out, size_t size) {
  const char *separator = "; known: ";
  size_t length = 0;
  for (; *names && length < size; names++, separator = ", ")
    length += (size_t)snprintf(out + length, size - length, "%s%s", separator, *names);
}

static void suggest(const char *meant, const char *const *names, char *out, size_t size) {
  if (size) *out = 0;
  if (meant) {
    snprintf(out, size, "; did you mean \"%s\"?", meant);
  } else {
    list(names, out, size);
  }
}

static const char *synonym_of(const char *name, const char *const *synonyms) {
  for (; synonyms && *synonyms; synonyms += 2)
    if (same(name, synonyms[0])) return synonyms[1];
  return NULL;
}

void names_suggest(const char *name, const char *const *names, const char *const *synonyms, char *out, size_t size) {
  const char *meant = synonym_of(name, synonyms);
  suggest(meant ? meant : nearest(name, names), names, out, size);
}

void names_choices(const char *name, const char *const *names, const char *const *synonyms, char *out, size_t size) {
  suggest(synonym_of(name, synonyms), names, out, size);
}

int names_find(const char *name, size_t length, const char *const *names) {
  for (int i = 0; length && names[i]; i++) {
    if (*names[i] == *name && strlen(names[i]) == length && memcmp(name, names[i], length) == 0) return i;
  }
  return -1;
}

const char *names_quote(const char *name, size_t length, char out[64]) {
  const char *const end = name + length;
  size_t used = 0;
  while (name < end) {
    const size_t sequence = utf8_sequence(name, end);
    if (used + (sequence ? sequence : 1) > QUOTE_MAX) {
      memcpy(out + used, "...", 3);
      used += 3;
      break;
    }
    if (sequence > 1 || (sequence == 1 && (unsigned char)*name >= 0x20 && *name != 0x7F)) {
      memcpy(out + used, name, sequence);
      used += sequence;
    } else {
      out[used++] = '?';
    }
    name += sequence ? sequence : 1;
  }
  out[used] = 0;
  return out;
}
