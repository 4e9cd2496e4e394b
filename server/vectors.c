/* vectors.c - GET /vectors and /vectors/{name}: the conformance vectors, which are built in (embedded.S)
 *
 * The suite is a vector a line, as tests/vectors/make.py writes it: a JSON object whose first member is its id.
 */
#include <stdio.h>
#include <string.h>

#include "server.h"

#define LINE_START "{\"id\":\""
#define ID_CHARACTERS "abcdefghijklmnopqrstuvwxyz0123456789_-"

/* ---- A line of the suite ------------------------------------------------------------------------------- */

/* The texts that are taken out of a vector: members, or members of members. */
static const struct field {
  const char *member, *inner;
} fields[VECTOR_TEXTS] = {
    [VECTOR_ID] = {"id", NULL},
    [VECTOR_JSON] = {"json", NULL},
    [VECTOR_SAFETENSORS] = {"safetensors", NULL},
    [VECTOR_PROBLEM] = {"problem", "type"},
    [VECTOR_DIGEST] = {"expect", "data_sha256"},
};

struct line_reader {
  struct vector *vector;
  unsigned depth; /* of open containers */
  char key[2][24];
};

static int field_find(const struct line_reader *reader) {
  for (int i = 0; i < VECTOR_TEXTS; i++) {
    const struct field *field = &fields[i];
    if (reader->depth != (field->inner ? 2 : 1) || strcmp(reader->key[0], field->member) != 0) continue;
    if (!field->inner || strcmp(reader->key[1], field->inner) == 0) return i;
  }
  return -1;
}

static bool on_event(void *context, enum json_event event, const char *text, size_t length) {
  struct line_reader *reader = context;
  int field;
  switch (event) {
  case JSON_OBJECT_BEGIN:
  case JSON_ARRAY_BEGIN:
    reader->depth++;
    if (reader->depth == 2) reader->key[1][0] = '\0';
    break;
  case JSON_OBJECT_END:
  case JSON_ARRAY_END:
    reader->depth--;
    break;
  case JSON_KEY:
    if (reader->depth > 2) break;
    snprintf(reader->key[reader->depth - 1], sizeof reader->key[0], "%.*s", (int)length, text);
    if (reader->depth == 1 && strcmp(reader->key[0], "sha256") == 0) reader->vector->ruled = true;
    break;
  case JSON_STRING:
  case JSON_STRING_END:
    field = field_find(reader);
    if (field < 0) break;
    reader->vector->present |= 1U << field;
    if (text) text_bytes(&reader->vector->text[field], text, length);
    break;
  default:
    break;
  }
  return true;
}

bool vector_read(struct vector *vector, const char *line, size_t length, struct arena *arena) {
  struct line_reader reader = {.vector = vector};
  struct json_parser *parser = arena_allocate(arena, sizeof *parser);
  *vector = (struct vector){0};
  if (!parser) return false;
  for (int i = 0; i < VECTOR_TEXTS; i++) vector->text[i].arena = arena;
  json_begin(parser, on_event, &reader);
  bool whole = json_feed(parser, line, length) && json_end(parser);
  for (int i = 0; i < VECTOR_TEXTS; i++) {
    text_bytes(&vector->text[i], "", 1); /* its end; length is without it */
    whole = whole && !vector->text[i].failed;
    vector->text[i].length--;
  }
  return whole && vector->text[VECTOR_ID].length > 0;
}

char *vector_safetensors(const struct vector *vector, struct arena *arena, size_t *length) {
  const struct text *text = &vector->text[VECTOR_SAFETENSORS];
  struct base64_decoder decoder = {0};
  char *bytes = arena_allocate(arena, 3 * (text->length / 4 + 1));
  bool valid = bytes && base64_decode(&decoder, text->bytes, text->length, (unsigned char *)bytes, length) &&
               base64_decode_end(&decoder);
  return valid ? bytes : NULL;
}

/* The line of the vector of this name, with its end; NULL: there is none. */
static const char *find(const char *name, size_t *length) {
  const char *line = vectors_suite, *const end = vectors_suite + vectors_suite_length;
  const size_t start = sizeof LINE_START - 1, size = strlen(name);
  if (strspn(name, ID_CHARACTERS) != size) return NULL;
  for (; line < end; line += *length) {
    const char *stop = memchr(line, '\n', (size_t)(end - line));
    *length = (size_t)((stop ? stop + 1 : end) - line);
    if (*length > start + size && memcmp(line + start, name, size) == 0 && line[start + size] == '"') return line;
  }
  return NULL;
}

/* ---- The list ----------------------------------------------------------------------------------------- */

enum step vectors_finish(struct exchange *exchange) {
  return asset_answer(exchange, "application/json", vectors_list, (size_t)vectors_list_length);
}

/* ---- One vector: itself, or the request that it describes ------------------------------------------------ */

struct choice {
  struct problem *problem;
  const struct format *form; /* of the request; NULL: the vector itself */
};

static bool query_form(void *context, const char *name, const char *value) {
  struct choice *choice = context;
  char quoted[64];
  if (strcmp(name, "form") != 0) {
    names_quote(name, strlen(name), quoted);
    return problem_set(choice->problem, PROBLEM_INVALID_REQUEST, "", "unknown option \"%s\"; known: form", quoted);
  }
  if (choice->form) return problem_set(choice->problem, PROBLEM_DUPLICATE, "", "form is given twice");
  for (int i = 0; formats[i]; i++) {
    if (strcmp(value, formats[i]->name) == 0) choice->form = formats[i];
  }
  if (choice->form) return true;
  names_quote(value, strlen(value), quoted);
  return problem_set(choice->problem, PROBLEM_INVALID_REQUEST, "", "form is json or safetensors, not \"%s\"", quoted);
}

static bool choose(struct exchange *exchange, struct choice *choice) {
  if (!query_each(exchange->query, &exchange->arena, &exchange->problem, query_form, choice)) return false;
  if (choice->form) return true;
  const struct format *accepted = format_accepted(exchange->head.accept, &format_json);
  if (accepted == &format_safetensors) choice->form = accepted;
  return accepted ||
         problem_set(&exchange->problem, PROBLEM_NOT_ACCEPTABLE, "", "a vector is JSON, its request safetensors, too");
}

static enum step answer_form(struct exchange *exchange, const char *line, size_t length, const struct format *form) {
  struct vector vector;
  if (!vector_read(&vector, line, length, &exchange->arena)) {
    problem_out_of_memory(&exchange->problem);
    return STEP_FAILED;
  }
  int field = form == &format_json ? VECTOR_JSON : VECTOR_SAFETENSORS;
  if (vector.ruled || !(vector.present & 1U << field)) {
    problem_set(&exchange->problem, PROBLEM_NOT_FOUND, "",
                vector.ruled ? "the tensors of vector %s are given by a rule: see GET /vectors/%s"
                             : "what is wrong with vector %s can't be said in %s",
                vector.text[VECTOR_ID].bytes, vector.ruled ? vector.text[VECTOR_ID].bytes : form->name);
    return STEP_FAILED;
  }
  const char *bytes = vector.text[field].bytes;
  length = vector.text[field].length;
  if (field == VECTOR_SAFETENSORS) bytes = vector_safetensors(&vector, &exchange->arena, &length);
  return asset_answer(exchange, form->media_types[0], bytes, length);
}

enum step vector_finish(struct exchange *exchange) {
  struct choice choice = {.problem = &exchange->problem};
  const char *name = route_parameter(exchange);
  size_t length = 0;
  const char *line = find(name, &length);
  if (!line) {
    char quoted[64];
    names_quote(name, strlen(name), quoted);
    problem_set(&exchange->problem, PROBLEM_NOT_FOUND, "", "there is no vector \"%s\"; GET /vectors lists them",
                quoted);
    return STEP_FAILED;
  }
  if (!choose(exchange, &choice)) return STEP_FAILED;
  if (!choice.form) return asset_answer(exchange, "application/json", line, length);
  return answer_form(exchange, line, length, choice.form);
}
