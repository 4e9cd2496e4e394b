/* assets.c - files that are built in (embedded.S): GET /openapi.json */
#include <stdio.h>
#include <string.h>

#include "server.h"

extern const char asset_openapi[];
extern const uint64_t asset_openapi_length;

static const struct asset {
  const char *path, *type, *bytes;
  const uint64_t *length;
} assets[] = {
    {"/openapi.json", "application/json", asset_openapi, &asset_openapi_length},
};

/* Has the client named this tag, in If-None-Match? Tags are quoted, so that none is a part of another. */
static bool is_known(const struct exchange *exchange, const char *tag) {
  const char *known = exchange->head.if_none_match;
  return known && (strcmp(known, "*") == 0 || strstr(known, tag));
}

enum step asset_answer(struct exchange *exchange, const char *type, const char *bytes, size_t length) {
  char hash[SHA256_HEX], *tag = arena_allocate(&exchange->arena, SHA256_HEX);
  if (!bytes || !tag || !sha256_hex(bytes, length, hash)) {
    problem_out_of_memory(&exchange->problem);
    return STEP_FAILED;
  }
  snprintf(tag, SHA256_HEX, "\"%.32s\"", hash);
  if (is_known(exchange, tag)) {
    exchange_answer(exchange, 304, NULL, "", 0);
  } else {
    exchange_answer(exchange, 200, type, bytes, length);
  }
  answer_header(&exchange->answer, "ETag", tag);
  answer_header(&exchange->answer, "Cache-Control", "no-cache");
  answer_header(&exchange->answer, "Vary", "Accept");
  return STEP_DONE;
}

enum step asset_finish(struct exchange *exchange) {
  size_t i = 0;
  while (strcmp(assets[i].path, exchange->path) != 0) i++; /* the table of routes has no other path for this handler */
  return asset_answer(exchange, assets[i].type, assets[i].bytes, (size_t)*assets[i].length);
}
