/* json_text.c - whole JSON documents, through cJSON: objects, arrays, strings and whole numbers
 *
 * cJSON's own printing of numbers loses bits: integers go in as text, and element data never comes here.
 */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "server.h"

struct document {
  cJSON *root;
  bool failed; /* something is missing: memory had run out */
};

void document_setup(void) {
  cJSON_InitHooks(&(cJSON_Hooks){memory_allocate, memory_release});
}

struct document *document_create(void) {
  struct document *document = memory_allocate(sizeof *document);
  if (!document) return NULL;
  document->root = cJSON_CreateObject();
  document->failed = !document->root;
  return document;
}

void *document_root(struct document *document) {
  return document ? document->root : NULL;
}

/* Adds item to node: to an object under key, to an array without one. Returns item, NULL if it failed. */
static cJSON *attach(struct document *document, void *node, const char *key, cJSON *item) {
  if (document && node && item && (key ? cJSON_AddItemToObject(node, key, item) : cJSON_AddItemToArray(node, item)))
    return item;
  cJSON_Delete(item);
  if (document) document->failed = true;
  return NULL;
}

void *document_object(struct document *document, void *node, const char *key) {
  return attach(document, node, key, cJSON_CreateObject());
}

void *document_array(struct document *document, void *node, const char *key) {
  return attach(document, node, key, cJSON_CreateArray());
}

void document_string(struct document *document, void *node, const char *key, const char *value) {
  attach(document, node, key, cJSON_CreateString(value));
}

void document_integer(struct document *document, void *node, const char *key, uint64_t value) {
  char text[24];
  snprintf(text, sizeof text, "%llu", (unsigned long long)value);
  attach(document, node, key, cJSON_CreateRaw(text));
}

void document_boolean(struct document *document, void *node, const char *key, bool value) {
  attach(document, node, key, cJSON_CreateBool(value));
}

char *document_print(struct document *document, bool pretty, struct arena *arena, size_t *length) {
  if (!document || document->failed) return NULL;
  char *printed = pretty ? cJSON_Print(document->root) : cJSON_PrintUnformatted(document->root);
  if (!printed) return NULL;
  struct text text = {.arena = arena};
  text_string(&text, printed);
  text_bytes(&text, "\n", sizeof "\n");
  cJSON_free(printed);
  *length = text.length - 1;
  return text.failed ? NULL : text.bytes;
}

void document_release(struct document *document) {
  if (!document) return;
  cJSON_Delete(document->root);
  memory_release(document);
}
