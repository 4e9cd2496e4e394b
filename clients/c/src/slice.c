/* slice.c - JSON read in place: checked once as a whole, then walked without copies
 *
 * cJSON keeps every number as a double in a node of its own; a gradient's text is read from here instead, straight into
 * elements of its dtype.
 */
#include <string.h>

#include "internal.h"

#define DEPTH_MAX 64

static void skip_space(struct slice *text) {
  while (text->at < text->end && strchr(" \t\r\n", *text->at) && *text->at) text->at++;
}

static bool take(struct slice *text, char c) {
  if (text->at == text->end || *text->at != c) return false;
  text->at++;
  return true;
}

static bool skip_word(struct slice *text, const char *word) {
  const size_t length = strlen(word);
  if ((size_t)(text->end - text->at) < length || memcmp(text->at, word, length) != 0) return false;
  text->at += length;
  return true;
}

static size_t skip_digits(struct slice *text) {
  const char *begin = text->at;
  while (text->at < text->end && *text->at >= '0' && *text->at <= '9') text->at++;
  return (size_t)(text->at - begin);
}

static bool skip_number(struct slice *text) {
  take(text, '-');
  if (!take(text, '0') && !skip_digits(text)) return false;
  if (take(text, '.') && !skip_digits(text)) return false;
  if (take(text, 'e') || take(text, 'E')) {
    if (!take(text, '+')) take(text, '-');
    return skip_digits(text) > 0;
  }
  return true;
}

static bool skip_string(struct slice *text) {
  if (!take(text, '"')) return false;
  while (text->at < text->end && *text->at != '"') {
    if ((unsigned char)*text->at < 0x20) return false;
    if (take(text, '\\') && text->at == text->end) return false;
    text->at++;
  }
  return take(text, '"');
}

static bool skip_value(struct slice *text, int depth);

static bool skip_list(struct slice *text, bool object, int depth) {
  const char close = object ? '}' : ']';
  text->at++;
  skip_space(text);
  if (take(text, close)) return true;
  do {
    skip_space(text);
    if (object) {
      if (!skip_string(text)) return false;
      skip_space(text);
      if (!take(text, ':')) return false;
    }
    if (!skip_value(text, depth)) return false;
    skip_space(text);
  } while (take(text, ','));
  return take(text, close);
}

/* White space before it is skipped, too. */
static bool skip_value(struct slice *text, int depth) {
  skip_space(text);
  if (text->at == text->end) return false;
  switch (*text->at) {
  case '{':
  case '[':
    return depth > 0 && skip_list(text, *text->at == '{', depth - 1);
  case '"':
    return skip_string(text);
  case 't':
    return skip_word(text, "true");
  case 'f':
    return skip_word(text, "false");
  case 'n':
    return skip_word(text, "null");
  default:
    return skip_number(text);
  }
}

bool slice_valid(struct slice text) {
  if (!skip_value(&text, DEPTH_MAX)) return false;
  skip_space(&text);
  return text.at == text.end;
}

bool slice_next(struct slice *list, struct slice *value) {
  skip_space(list);
  if (list->at == list->end) return false;
  value->at = list->at;
  if (!skip_value(list, DEPTH_MAX)) return false;
  value->end = list->at;
  skip_space(list);
  take(list, ',');
  return true;
}

bool slice_member(struct slice *list, struct slice *name, struct slice *value) {
  skip_space(list);
  struct slice string = {list->at, list->end};
  if (!skip_string(list)) return false;
  string.end = list->at;
  skip_space(list);
  take(list, ':');
  *name = (struct slice){string.at + 1, string.end - 1};
  return slice_next(list, value);
}

bool slice_inside(struct slice value, char bracket, struct slice *list) {
  skip_space(&value);
  if (value.at == value.end || *value.at != bracket) return false;
  while (value.end > value.at && strchr(" \t\r\n", value.end[-1])) value.end--;
  *list = (struct slice){value.at + 1, value.end - 1};
  return true;
}

bool slice_find(struct slice object, const char *name, struct slice *value) {
  struct slice list, key;
  if (!slice_inside(object, '{', &list)) return false;
  while (slice_member(&list, &key, value)) {
    if (slice_is(key, name)) return true;
  }
  return false;
}

bool slice_is(struct slice value, const char *text) {
  const size_t length = strlen(text);
  return (size_t)(value.end - value.at) == length && memcmp(value.at, text, length) == 0;
}

bool slice_string(struct slice value, struct slice *text) {
  if (value.at == value.end || *value.at != '"') return false;
  *text = (struct slice){value.at + 1, value.end - 1};
  return !memchr(text->at, '\\', (size_t)(text->end - text->at));
}

bool slice_number(struct slice value, rnnloss_client_dtype dtype, void *element) {
  struct slice word;
  if (slice_string(value, &word)) return number_word(dtype, word.at, (size_t)(word.end - word.at), element);
  if (value.at == value.end || !(*value.at == '-' || (*value.at >= '0' && *value.at <= '9'))) return false;
  number_read_as(dtype, value.at, element); /* which ends where the number does: the text has been checked */
  return true;
}

size_t slice_numbers(struct slice value, rnnloss_client_dtype dtype, void *elements, size_t count) {
  struct slice list, item;
  unsigned char element[sizeof(double)];
  const size_t size = rnnloss_client_dtype_size(dtype);
  size_t found = 0;
  if (!slice_inside(value, '[', &list)) return SIZE_MAX;
  while (slice_next(&list, &item)) {
    const size_t room = found < count ? count - found : 0;
    unsigned char *to = room ? (unsigned char *)elements + found * size : element;
    size_t more = 1;
    if (*item.at == '[')
      more = slice_numbers(item, dtype, to, room);
    else if (!slice_number(item, dtype, to))
      return SIZE_MAX;
    if (more == SIZE_MAX) return SIZE_MAX;
    found += more;
  }
  return found;
}
