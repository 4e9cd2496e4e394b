/* arena.c - memory that lives as long as a request, released once */
#include <string.h>

#include "server.h"

#define ARENA_ALIGN ((size_t)16)
#define ARENA_BLOCK ((size_t)65536 - 64) /* a small request needs no second one */

struct arena_block {
  struct arena_block *next;
  size_t size; /* keeps what follows aligned to 16 */
};

static bool arena_grow(struct arena *arena, size_t size) {
  size_t room = size > ARENA_BLOCK ? size : ARENA_BLOCK;
  if (!account_take(arena->account, sizeof(struct arena_block) + room)) return false;
  struct arena_block *block = memory_allocate(sizeof *block + room);
  if (!block) return false;
  block->next = arena->blocks;
  block->size = room;
  arena->blocks = block;
  arena->next = (char *)(block + 1);
  arena->end = arena->next + room;
  return true;
}

void *arena_allocate(struct arena *arena, size_t size) {
  if (size > SIZE_MAX / 2) return NULL;
  size = (size + ARENA_ALIGN - 1) & ~(ARENA_ALIGN - 1);
  if ((size_t)(arena->end - arena->next) < size && !arena_grow(arena, size)) return NULL;
  void *memory = arena->next;
  arena->next += size;
  return memory;
}

char *arena_text(struct arena *arena, const char *text, size_t length) {
  char *copy = arena_allocate(arena, length + 1);
  if (!copy) return NULL;
  memcpy(copy, text, length);
  copy[length] = '\0';
  return copy;
}

/* The arena itself may lie in one of its blocks. */
void arena_release(struct arena *arena) {
  struct arena_block *blocks = arena->blocks;
  *arena = (struct arena){.account = arena->account};
  for (struct arena_block *block = blocks, *next; block; block = next) {
    next = block->next;
    memory_release(block);
  }
}
