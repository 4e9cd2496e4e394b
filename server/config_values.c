/* config_values.c - from the text of an option's value to the member of struct config */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_values.h"

bool value_expect(struct reading *reading, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(reading->expected, sizeof reading->expected, format, arguments);
  va_end(arguments);
  return false;
}

/* digits of text, times unit. */
static bool read_number(struct reading *reading, const char *text, size_t digits, uint64_t unit, uint64_t *value) {
  const struct option *option = reading->option;
  errno = 0;
  uint64_t number = strtoull(text, NULL, 10);
  if (digits == 0 || digits != strspn(text, "0123456789") || errno || number > UINT64_MAX / unit ||
      number * unit < option->least || number * unit > option->most) {
    return value_expect(reading, "a whole number from %llu to %llu", (unsigned long long)option->least,
                        (unsigned long long)option->most);
  }
  *value = number * unit;
  return true;
}

static bool read_bytes(struct reading *reading, const char *text, uint64_t *value) {
  static const struct unit {
    const char *binary, *short_binary, *decimal;
    uint64_t binary_bytes, decimal_bytes;
  } units[] = {{"", "", "", 1, 1},
               {"KiB", "K", "kB", (uint64_t)1 << 10, 1000},
               {"MiB", "M", "MB", (uint64_t)1 << 20, 1000000},
               {"GiB", "G", "GB", (uint64_t)1 << 30, 1000000000},
               {"TiB", "T", "TB", (uint64_t)1 << 40, 1000000000000}};
  size_t digits = strspn(text, "0123456789");
  const char *written = text + digits;
  for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
    const struct unit *unit = &units[i];
    bool binary = strcmp(written, unit->binary) == 0 || strcmp(written, unit->short_binary) == 0;
    if (!binary && strcmp(written, unit->decimal) != 0) continue;
    return read_number(reading, text, digits, binary ? unit->binary_bytes : unit->decimal_bytes, value);
  }
  return value_expect(reading, "bytes, as 1048576, 512M or 1GiB");
}

static bool read_boolean(struct reading *reading, const char *text, bool *value) {
  bool yes = strcmp(text, "1") == 0 || strcmp(text, "true") == 0;
  bool no = strcmp(text, "0") == 0 || strcmp(text, "false") == 0;
  if (!yes && !no) return value_expect(reading, "1, 0, true or false");
  *value = yes;
  return true;
}

/* One of the names: its index. */
static bool read_choice(struct reading *reading, const char *text, const char *const *names, int *value) {
  for (*value = 0; names[*value]; ++*value) {
    if (strcmp(text, names[*value]) == 0) return true;
  }
  return value_expect(reading, "%s", reading->option->help);
}

static bool read_level(struct reading *reading, const char *text, enum log_level *value) {
  static const char *const names[] = {"error", "warning", "info", "debug", NULL};
  int choice = 0;
  if (!read_choice(reading, text, names, &choice)) return false;
  *value = (enum log_level)choice;
  return true;
}

static bool read_format(struct reading *reading, const char *text, enum log_format *value) {
  static const char *const names[] = {"logfmt", "json", NULL};
  int choice = 0;
  if (!read_choice(reading, text, names, &choice)) return false;
  *value = (enum log_format)choice;
  return true;
}

/* It will be the value of a header as it is: visible ASCII, and an origin, not a URL with a path. */
static bool read_origin(struct reading *reading, const char *text, const char **value) {
  const char *host = strstr(text, "://");
  bool fits = strcmp(text, "*") == 0 || (host && host > text && host[3] && !strpbrk(host + 3, "/?#@,"));
  for (const char *c = text; *c; c++) fits = fits && *c > ' ' && *c < 0x7f;
  if (!fits) return value_expect(reading, "* or one origin, as https://example.org");
  *value = text;
  return true;
}

static bool read_mode(struct reading *reading, const char *text, unsigned *value) {
  size_t digits = strspn(text, "01234567");
  unsigned long mode = strtoul(text, NULL, 8);
  if (digits == 0 || digits > 5 || text[digits] || mode < reading->option->least || mode > reading->option->most) {
    return value_expect(reading, "permissions in octal, as 0660");
  }
  *value = (unsigned)mode;
  return true;
}

static bool read_file_name(struct reading *reading, const char *text, const char **value) {
  if (!*text) return value_expect(reading, "the name of a file");
  *value = text;
  return true;
}

bool value_listen(struct reading *reading, const char *address) {
  struct config *config = reading->config;
  if (!*address) return value_expect(reading, "HOST:PORT or unix:PATH");
  if (config->listen_count == LISTEN_MAX) return value_expect(reading, "at most %d addresses", LISTEN_MAX);
  config->listen[config->listen_count++] = address;
  return true;
}

bool value_set(struct reading *reading, const char *text) {
  void *member = (char *)reading->config + reading->option->offset;
  uint64_t number = 0;
  switch (reading->option->kind) {
  case KIND_LISTEN:
    return value_listen(reading, text);
  case KIND_BYTES:
    return read_bytes(reading, text, member);
  case KIND_LARGE:
    return read_number(reading, text, strlen(text), 1, member);
  case KIND_SMALL:
    if (!read_number(reading, text, strlen(text), 1, &number)) return false;
    *(unsigned *)member = (unsigned)number;
    return true;
  case KIND_ORIGIN:
    return read_origin(reading, text, member);
  case KIND_BOOLEAN:
    return read_boolean(reading, text, member);
  case KIND_FORMAT:
    return read_format(reading, text, member);
  case KIND_LEVEL:
    return read_level(reading, text, member);
  case KIND_FILE:
    return read_file_name(reading, text, member);
  case KIND_MODE:
    return read_mode(reading, text, member);
  }
  return value_expect(reading, "another option");
}
