/* table.c - aligned columns, and colours where a terminal shows them */
#define _GNU_SOURCE /* isatty */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"

#define GAP 2

struct cell {
  char *text;
  enum tone tone;
};

void table_cell(struct table *table, enum tone tone, const char *format, ...) {
  va_list arguments;
  if (table->count == table->room) {
    table->room = table->room ? 2 * table->room : 64;
    table->cells = checked(realloc(table->cells, table->room * sizeof *table->cells));
  }
  va_start(arguments, format);
  char *text = NULL;
  if (vasprintf(&text, format, arguments) < 0) die("out of memory");
  va_end(arguments);
  table->cells[table->count++] = (struct cell){text, tone};
}

/* Characters, not bytes: those of UTF-8 that go on with one are none. */
static size_t width_of(const char *text) {
  size_t width = 0;
  for (; *text; text++) width += ((unsigned char)*text & 0xc0) != 0x80;
  return width;
}

static size_t column_width(const struct table *table, size_t column) {
  size_t widest = 0;
  for (size_t i = column; i < table->count; i += table->columns) {
    const size_t width = width_of(table->cells[i].text);
    if (width > widest) widest = width;
  }
  return widest;
}

void tone_text(enum tone tone, bool color, const char *text) {
  static const char *const codes[] = {
      [TONE_PLAIN] = "", [TONE_HEAD] = "1", [TONE_GOOD] = "32", [TONE_BAD] = "1;31", [TONE_DOUBT] = "33"};
  if (color && *codes[tone])
    printf("\033[%sm%s\033[0m", codes[tone], text);
  else
    fputs(text, stdout);
}

/* Spaces are written before the next cell, so that no line ends with one. */
static void print_row(const struct table *table, size_t row, bool color) {
  size_t spaces = 0;
  for (size_t column = 0; column < table->columns; column++) {
    const struct cell *cell = &table->cells[row * table->columns + column];
    if (*cell->text) {
      printf("%*s", (int)spaces, "");
      tone_text(cell->tone, color, cell->text);
      spaces = 0;
    }
    spaces += column_width(table, column) - width_of(cell->text) + GAP;
  }
  putchar('\n');
}

void table_print(const struct table *table, bool color) {
  for (size_t row = 0; row < table->count / table->columns; row++) print_row(table, row, color);
}

void table_free(struct table *table) {
  for (size_t i = 0; i < table->count; i++) free(table->cells[i].text);
  free(table->cells);
}

bool color_wanted(enum color color) {
  const char *terminal = getenv("TERM"), *none = getenv("NO_COLOR");
  if (color != COLOR_AUTO) return color == COLOR_ALWAYS;
  return isatty(STDOUT_FILENO) && !(none && *none) && terminal && strcmp(terminal, "dumb") != 0;
}
