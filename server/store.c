/* store.c - the bytes of a tensor, in blocks that never move
 *
 * A tensor whose size isn't known beforehand grows without being copied, and what is kept of it
 * exceeds its bytes by less than one block.
 */
#include <string.h>

#include "server.h"

#define STORE_UNIT ((size_t)72)    /* of a block's capacity: the least common multiple of 2, 4, 8 and 9 */
#define STORE_SMALL ((size_t)2048) /* a block up to here is the arena's */

static size_t block_capacity(const struct store *store, uint64_t expected) {
  uint64_t wanted = store->last ? 2 * (uint64_t)store->last->capacity : 14 * STORE_UNIT;
  if (expected > store->length) wanted = expected - store->length;
  if (wanted >= STORE_BLOCK) return STORE_BLOCK;
  return (size_t)((wanted + STORE_UNIT - 1) / STORE_UNIT * STORE_UNIT);
}

static struct store_block *block_allocate(struct store *store, size_t size) {
  bool lent = size <= STORE_SMALL;
  struct account *account = store->arena->account;
  if (!lent && !account_take(account, size)) return NULL;
  struct store_block *block = lent ? arena_allocate(store->arena, size) : memory_allocate(size);
  if (block) *block = (struct store_block){.lent = lent};
  return block;
}

static void block_release(struct store *store, struct store_block *block) {
  if (block->lent) return;
  account_give(store->arena->account, sizeof *block + block->capacity);
  memory_release(block);
}

static bool store_grow(struct store *store, uint64_t expected) {
  size_t capacity = block_capacity(store, expected);
  struct store_block *block = block_allocate(store, sizeof *block + capacity);
  if (!block) return false;
  block->capacity = capacity;
  block->bytes = (unsigned char *)(block + 1);
  if (store->last) {
    store->last->next = block;
  } else {
    store->first = block;
  }
  store->last = block;
  return true;
}

void *store_extend(struct store *store, size_t size, uint64_t expected, size_t *room) {
  struct store_block *block = store->last;
  if (!block || block->capacity - block->used < size) {
    if (!store_grow(store, expected)) return NULL;
    block = store->last;
  }
  *room = block->capacity - block->used;
  return block->bytes + block->used;
}

void store_filled(struct store *store, size_t length) {
  store->last->used += length;
  store->length += length;
}

bool store_append(struct store *store, const void *bytes, size_t length, uint64_t expected) {
  const unsigned char *from = bytes;
  while (length) {
    size_t room;
    void *to = store_extend(store, 1, expected, &room);
    if (!to) return false;
    if (room > length) room = length;
    memcpy(to, from, room);
    store_filled(store, room);
    from += room;
    length -= room;
  }
  return true;
}

void store_release(struct store *store) {
  for (struct store_block *block = store->first, *next; block; block = next) {
    next = block->next;
    block_release(store, block);
  }
  *store = (struct store){.arena = store->arena};
}

void store_drop_first(struct store *store) {
  struct store_block *block = store->first;
  store->first = block->next;
  if (!store->first) store->last = NULL;
  block_release(store, block);
}

struct cursor store_start(const struct store *store) {
  return (struct cursor){.block = store->first};
}

size_t cursor_span(struct cursor *cursor, size_t limit, const unsigned char **bytes) {
  while (cursor->block && cursor->offset == cursor->block->used && cursor->block->next) {
    cursor->block = cursor->block->next;
    cursor->offset = 0;
  }
  if (!cursor->block) return 0;
  size_t length = cursor->block->used - cursor->offset;
  *bytes = cursor->block->bytes + cursor->offset;
  return length < limit ? length : limit;
}

void cursor_advance(struct cursor *cursor, size_t length) {
  cursor->offset += length;
}
