/* config_values.h - private to config.c and config_values.c: a row of the option table, and the reading of its value */
#ifndef CONFIG_VALUES_H
#define CONFIG_VALUES_H

#include "server.h"

enum kind {
  KIND_LISTEN,
  KIND_BYTES,
  KIND_LARGE,
  KIND_SMALL,
  KIND_ORIGIN,
  KIND_BOOLEAN,
  KIND_FORMAT,
  KIND_LEVEL,
  KIND_FILE,
  KIND_MODE
};

struct option {
  const char *flag; /* without its dashes; the variable and the name in /version are made of it */
  enum kind kind;
  const char *argument; /* its name in --help; NULL: the flag stands alone */
  const char *standard; /* the default, as it would be written; NULL: none, or found at the start */
  size_t offset;        /* in struct config */
  uint64_t least, most; /* of a number */
  const char *help;
};

/* A value that is being read: its readers say what they expected, and return false, if the text is not that. */
struct reading {
  struct config *config;
  const struct option *option;
  char expected[128];
};

bool value_expect(struct reading *reading, const char *format, ...) PRINTF_LIKE(2, 3);
bool value_listen(struct reading *reading, const char *address); /* one more */
bool value_set(struct reading *reading, const char *text);       /* into the member that the option is for */

#endif
