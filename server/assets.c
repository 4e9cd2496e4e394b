/* assets.c - files that are built in (embedded.S): GET /openapi.json, the page */
#include <stdio.h>
#include <string.h>

#include "server.h"

extern const char asset_openapi[];
extern const uint64_t asset_openapi_length;

#define PAGE_FILE(symbol, path, name, kind)                                                                            \
  extern const char symbol[];                                                                                          \
  extern const uint64_t symbol##_length;
#include "page/files.h"
#undef PAGE_FILE

#define HTML "text/html; charset=utf-8"
#define CSS "text/css; charset=utf-8"
#define SCRIPT "text/javascript; charset=utf-8"

static const struct asset {
  const char *path, *type, *bytes;
  const uint64_t *length;
} assets[] = {
    {"/openapi.json", "application/json", asset_openapi, &asset_openapi_length},
#define PAGE_FILE(symbol, path, name, kind) {path, kind, symbol, &symbol##_length},
#include "page/files.h"
#undef PAGE_FILE
    {NULL, NULL, NULL, NULL},
};

/* The page needs nothing from elsewhere, and nobody may put it into theirs. Pictures are saved as blobs. */
static const struct header page_headers[] = {
    {"Content-Security-Policy",
     "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
     "worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
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

static const struct asset *asset_find(const char *path) {
  for (const struct asset *asset = assets; asset->path; asset++) {
    if (strcmp(asset->path, path) == 0) return asset;
  }
  return NULL;
}

enum step asset_finish(struct exchange *exchange) {
  const struct asset *asset = asset_find(exchange->path);
  if (asset) return asset_answer(exchange, asset->type, asset->bytes, (size_t)*asset->length);
  problem_set(&exchange->problem, PROBLEM_NOT_FOUND, "", "the page has no such file"); /* other paths are all there */
  return STEP_FAILED;
}

enum step page_finish(struct exchange *exchange) {
  enum step step = asset_finish(exchange);
  for (size_t i = 0; step == STEP_DONE && i < sizeof page_headers / sizeof *page_headers; i++) {
    answer_header(&exchange->answer, page_headers[i].name, page_headers[i].value);
  }
  return step;
}
