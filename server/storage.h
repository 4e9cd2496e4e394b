/* storage.h - memory, its bound, and what is kept in it: arenas, texts, tensors in blocks; see server.h */
#ifndef SERVER_STORAGE_H
#define SERVER_STORAGE_H

#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "number_text.h"
#include "rnnloss.h"

#define SERVER_VERSION RNNLOSS_VERSION
#define PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))

struct exchange;
struct server;

/* ---- memory.c: the one door to the heap; tests make it fail ---------------------------------- */

void *memory_allocate(size_t size); /* NULL if there is none; aligned like malloc's */
void memory_release(void *memory);  /* NULL is fine */
void memory_setup(void);            /* once, before threads: routes cJSON and malloc's tuning through here */

/* What a test watches and steers; in memory shared with the daemon that it forked. */
struct memory_probe {
  _Atomic long fail_at; /* the n-th allocation from now fails (1: the next one); 0: none does */
  _Atomic long live;    /* allocations not yet released */
  _Atomic long total;   /* allocations asked for */
};
extern struct memory_probe *memory_probe; /* NULL unless a test sets it */

/* ---- budget.c, limits.c: one bound for the memory of all that is in flight ---------------------- */

struct budget {
  uint64_t limit; /* --max-memory */
  _Atomic uint64_t reserved;
};
bool budget_take(struct budget *budget, uint64_t bytes); /* false: it is not there */
void budget_give(struct budget *budget, uint64_t bytes);

/* What one request has reserved of it, and uses. Its functions but account_reserve take NULL: nothing is counted. */
struct account {
  struct budget *budget;
  uint64_t reserved, used;
};
bool account_reserve(struct account *account, uint64_t bytes); /* so many in all; false: they are not there */
bool account_take(struct account *account, uint64_t bytes);    /* before an allocation: reserves more if it must */
void account_give(struct account *account, uint64_t bytes);    /* after a release: they stay reserved */
void account_trim(struct account *account, uint64_t bytes);    /* so many will not be needed after all */
void account_close(struct account *account);                   /* gives back all */

uint64_t limits_memory(void); /* bytes that this process may use: of the machine, its control groups, its limits */

/* ---- arena.c: memory that lives as long as a request ----------------------------------------- */

struct arena {
  struct arena_block *blocks;
  char *next, *end;
  struct account *account; /* NULL: not counted */
};
void *arena_allocate(struct arena *arena, size_t size);                 /* aligned to 16; NULL if there is none */
char *arena_text(struct arena *arena, const char *text, size_t length); /* a copy, NUL added */
void arena_release(struct arena *arena);                                /* all of it; the arena is empty again */

/* ---- text.c: growing text in an arena -------------------------------------------------------- */

struct text {
  struct arena *arena;
  char *bytes;
  size_t length, capacity;
  bool failed; /* out of memory once: the text is incomplete */
};
bool text_grow(struct text *text, size_t size); /* by so many bytes at least; false: it has failed */
/* So many bytes to fill and add to length; NULL: the text has failed. */
static inline char *text_room(struct text *text, size_t size) {
  if (size > text->capacity - text->length && !text_grow(text, size)) return NULL;
  return text->bytes + text->length;
}
static inline void text_bytes(struct text *text, const char *bytes, size_t length) {
  char *to = length ? text_room(text, length) : NULL;
  if (!to) return;
  memcpy(to, bytes, length);
  text->length += length;
}
void text_json_string(struct text *text, const char *string); /* quoted and escaped */
void text_json_number(struct text *text, double value);
void text_unsigned(struct text *text, uint64_t value);
static inline void text_string(struct text *text, const char *string) { /* as it is; the length of literals is known */
  text_bytes(text, string, strlen(string));
}

/* ---- store.c: the bytes of a tensor, in blocks that never move -------------------------------- */

/* A store is empty once its arena is set. Blocks hold a multiple of 72 bytes, so that elements of 2, 4, 8 and 9 bytes
 * never straddle two. */
#define STORE_BLOCK (72 * 3640) /* 256 KiB: the largest block, and the largest chunk of work */

struct store_block {
  struct store_block *next;
  size_t used, capacity;
  bool lent; /* by the arena */
  unsigned char *bytes;
};
struct store {
  struct store_block *first, *last;
  uint64_t length; /* bytes appended */
  struct arena *arena;
};
struct cursor {
  const struct store_block *block;
  size_t offset;
};
bool store_append(struct store *store, const void *bytes, size_t length, uint64_t expected); /* false: out of memory */
void *store_extend(struct store *store, size_t size, uint64_t expected,
                   size_t *room);                      /* room >= size bytes to fill .. */
void store_filled(struct store *store, size_t length); /* .. of which so many were */
void store_release(struct store *store);
void store_drop_first(struct store *store); /* releases the first block; length stays what was appended */
struct cursor store_start(const struct store *store);
/* The bytes at the cursor that lie side by side, at most limit; 0 at the end. Moves nothing. */
size_t cursor_span(struct cursor *cursor, size_t limit, const unsigned char **bytes);
void cursor_advance(struct cursor *cursor, size_t length);

#endif
