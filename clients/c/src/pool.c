/* pool.c - memory that belongs to one answer and is freed with it; growing text */
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

struct pool_block {
  struct pool_block *next;
  alignas(max_align_t) char bytes[];
};

struct pool_block *pool_block_grow(struct pool_block *block, size_t size) {
  if (size > SIZE_MAX - sizeof(struct pool_block)) return NULL;
  struct pool_block *grown = realloc(block, sizeof(struct pool_block) + size);
  if (grown && !block) grown->next = NULL;
  return grown;
}

char *pool_block_bytes(struct pool_block *block) {
  return block->bytes;
}

void pool_block_free(struct pool_block *block) {
  free(block);
}

void pool_adopt(struct pool *pool, struct pool_block *block) {
  block->next = pool->blocks;
  pool->blocks = block;
}

void *pool_take(struct pool *pool, size_t count, size_t size) {
  if (size && count > (SIZE_MAX - sizeof(struct pool_block)) / size) return NULL;
  struct pool_block *block = calloc(1, sizeof(struct pool_block) + count * size);
  if (!block) return NULL;
  pool_adopt(pool, block);
  return block->bytes;
}

char *pool_text(struct pool *pool, const char *text, size_t length) {
  char *copy = length < SIZE_MAX ? pool_take(pool, length + 1, 1) : NULL;
  if (copy && length) memcpy(copy, text, length);
  return copy;
}

void pool_free(struct pool *pool) {
  while (pool->blocks) {
    struct pool_block *next = pool->blocks->next;
    free(pool->blocks);
    pool->blocks = next;
  }
}

void text_add(struct text *text, const char *bytes, size_t length) {
  if (text->failed) return;
  if (length >= text->room - text->length) { /* room for a NUL */
    const size_t most = SIZE_MAX / 2;
    const size_t needed = length < most - text->length ? text->length + length + 1 : 0;
    size_t room = text->room ? text->room : 256;
    while (room < needed) room *= 2;
    char *grown = needed ? realloc(text->bytes, room) : NULL;
    if (!grown) {
      text->failed = true;
      return;
    }
    text->bytes = grown;
    text->room = room;
  }
  if (length) memcpy(text->bytes + text->length, bytes, length);
  text->length += length;
  text->bytes[text->length] = '\0';
}

void text_string(struct text *text, const char *string) {
  text_add(text, string, strlen(string));
}

void text_size(struct text *text, size_t number) {
  char digits[24];
  text_add(text, digits, (size_t)snprintf(digits, sizeof digits, "%zu", number));
}

void text_escaped(struct text *text, const char *string) {
  static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~,";
  static const char digits[] = "0123456789ABCDEF";
  for (; *string; string++) {
    const unsigned char c = (unsigned char)*string;
    if (strchr(plain, c))
      text_add(text, string, 1);
    else
      text_add(text, (const char[]){'%', digits[c >> 4], digits[c & 15]}, 3);
  }
}
