/* texts.h - UTF-8, JSON, base64, queries, media types; see server.h */
#ifndef SERVER_TEXTS_H
#define SERVER_TEXTS_H

#include "problem.h"

/* ---- utf8.c: sequences of bytes that are one character ------------------------------------------- */

size_t utf8_sequence(const char *at, const char *end); /* length of the valid one at at < end; 0: there is none */
size_t utf8_length(unsigned char lead);                /* length of the one that it begins; 0: it begins none */
/* May bytes[index] stand where it is, after the valid ones before it? */
bool utf8_follows(const unsigned char *bytes, size_t index);
size_t utf8_encode(uint32_t code, char out[4]); /* returns its length */

/* ---- json_parser.c: the strict push parser ------------------------------------------------------ */

enum json_event {
  JSON_OBJECT_BEGIN,
  JSON_OBJECT_END,
  JSON_ARRAY_BEGIN,
  JSON_ARRAY_END,
  JSON_KEY,        /* the whole key, unescaped (one over 4,096 bytes: its first 4,096) */
  JSON_STRING,     /* a piece of a string value, unescaped; any number of them, none for "" .. */
  JSON_STRING_END, /* .. and its end, without text */
  JSON_NUMBER,     /* the whole text of a number, valid */
  JSON_TRUE,
  JSON_FALSE,
  JSON_NULL
};
/* text is valid during the call only, not terminated, NULL where there is none. Returning false
 * says that the value is of no more use: events stop, but the text is checked to its end. */
typedef bool json_handler(void *context, enum json_event event, const char *text, size_t length);

/* A short cut, where a number begins in an array: takes, of the text from at to end, numbers of this array (and, over
 * their brackets, of the arrays that follow it side by side), as many as it likes, and returns the end of the last one;
 * at: none. It never fails: what it doesn't take comes as events. */
typedef const char *json_run(void *context, const char *at, const char *end);

#define JSON_DEPTH_MAX 64
#define JSON_TOKEN_MAX 4096

struct json_parser {
  json_handler *handler;
  json_run *run; /* may be set after json_begin; NULL: all comes as events */
  void *context;
  const char *error; /* a static phrase once the text is malformed, e.g. "a comma was expected" */
  uint64_t offset;   /* bytes consumed: with an error, the offset of the byte that is wrong */
  bool muted;        /* the handler has returned false */
  unsigned state, depth;
  unsigned char containers[JSON_DEPTH_MAX]; /* '{' or '[' of each open one */
  unsigned phase;                           /* how far the present token has come */
  bool in_key;                              /* the present string is a key */
  uint32_t unit, high;                      /* \uXXXX so far; the high surrogate before it, or 0 */
  unsigned char scratch[4];                 /* a UTF-8 sequence that a piece's end has cut */
  size_t token_length;
  char token[JSON_TOKEN_MAX];
};
void json_begin(struct json_parser *parser, json_handler *handler, void *context);
bool json_feed(struct json_parser *parser, const char *bytes, size_t length); /* false: error is set */
bool json_end(struct json_parser *parser);                                    /* false: ended too early */
bool json_is_number(const char *text, size_t length);                         /* is it a number by JSON's grammar? */

/* ---- base64.c: RFC 4648 section 4, padded, strict, in pieces ------------------------------------ */

struct base64_decoder {
  uint32_t bits;
  unsigned count; /* characters of the present group of four */
  unsigned padding;
};
/* Decodes length characters to at most 3 * (length / 4 + 1) bytes at out; false: not base64. */
bool base64_decode(struct base64_decoder *decoder, const char *text, size_t length, unsigned char *out,
                   size_t *written);
bool base64_decode_end(const struct base64_decoder *decoder); /* false: it ended within a group */
/* Encodes length bytes to 4 * ((length + 2) / 3) characters; returns their number. */
size_t base64_encode(const unsigned char *bytes, size_t length, char *out);

/* ---- json_text.c: whole documents; the only file that knows cJSON ------------------------------- */

/* Builds a document of objects, arrays, strings and small numbers. Running out of memory anywhere
 * makes document_print return NULL; the functions take NULL nodes in their stride. */
struct document;
struct document *document_create(void);
void *document_root(struct document *document); /* the root object */
void *document_object(struct document *document, void *node,
                      const char *key); /* a new object in node; key NULL: node is an array */
void *document_array(struct document *document, void *node, const char *key);
void document_string(struct document *document, void *node, const char *key, const char *value);
void document_integer(struct document *document, void *node, const char *key, uint64_t value); /* below 2^53 */
void document_boolean(struct document *document, void *node, const char *key, bool value);
char *document_print(struct document *document, bool pretty, struct arena *arena,
                     size_t *length);             /* a line's end added; NULL: no memory */
void document_release(struct document *document); /* NULL is fine */
void document_setup(void);                        /* once, before threads: cJSON allocates by memory_allocate */

/* ---- query.c, media.c: what a URL and the negotiation headers say ------------------------------- */

/* Calls visit for each name=value of a raw query, percent-decoded, into NUL-terminated text ('+' stays '+'). */
typedef bool query_visitor(void *context, const char *name, const char *value);
bool query_each(const char *query, struct arena *arena, struct problem *problem, query_visitor *visit, void *context);

/* Does the header value name this media type (parameters ignored, any case)? */
bool media_type_is(const char *header, const char *type);
/* The quality in thousandths that an Accept header gives type, 0 if none; 1000 if accept is NULL. */
unsigned media_quality(const char *accept, const char *type);

#endif
