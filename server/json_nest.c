/* json_nest.c - the shape that nested arrays turn out to have */
#include <stdio.h>

#include "server.h"

static const char ragged[] = "the arrays are ragged";

const char *json_nest_open(struct json_nest *nest) {
  if (nest->leaf && nest->depth >= nest->leaf) return ragged;
  if (nest->depth == RANK_MAX) return "the arrays are nested more than 8 deep";
  if (nest->depth) nest->count[nest->depth - 1]++;
  nest->count[nest->depth++] = 0;
  if (nest->depth > nest->deepest) nest->deepest = nest->depth;
  return NULL;
}

const char *json_nest_number(struct json_nest *nest) {
  if (!nest->leaf) nest->leaf = nest->depth;
  if (nest->leaf != nest->depth || nest->deepest != nest->depth) return ragged;
  nest->count[nest->depth - 1]++;
  return NULL;
}

const char *json_nest_close(struct json_nest *nest) {
  unsigned axis = --nest->depth;
  if (nest->closed[axis] && nest->length[axis] != nest->count[axis]) {
    nest->depth++;
    return ragged;
  }
  nest->closed[axis] = true;
  nest->length[axis] = nest->count[axis];
  return NULL;
}

void json_nest_where(const struct json_nest *nest, bool counted, char *out, size_t size) {
  size_t used = (size_t)snprintf(out, size, "[");
  for (unsigned i = 0; i < nest->depth && used < size; i++) {
    bool before = counted || i + 1 < nest->depth; /* its count includes the present one */
    uint64_t index = nest->count[i] - (before && nest->count[i] ? 1 : 0);
    used += (size_t)snprintf(out + used, size - used, "%s%llu", i ? ", " : "", (unsigned long long)index);
  }
  if (used < size) snprintf(out + used, size - used, "]");
}
