/* formats.h - encodings of requests and answers; see server.h */
#ifndef SERVER_FORMATS_H
#define SERVER_FORMATS_H

#include "request.h"

/* ---- json_tensor.c, json_nest.c: one tensor of a JSON request ------------------------------------------- */

/* The shape that nested arrays turn out to have. */
struct json_nest {
  unsigned depth, deepest, leaf; /* open arrays; the most there were; how many hold the numbers (0: none seen) */
  bool closed[RANK_MAX];         /* the length of this axis is known */
  uint64_t length[RANK_MAX], count[RANK_MAX];
};
/* Each returns NULL, or a phrase that says what is wrong: "the arrays are ragged". */
const char *json_nest_open(struct json_nest *nest);
const char *json_nest_number(struct json_nest *nest);
const char *json_nest_close(struct json_nest *nest);
/* The present position, "[1, 0, 2]"; counted: the number there was taken already. */
void json_nest_where(const struct json_nest *nest, bool counted, char *out, size_t size);

#define JSON_STAGE 512 /* numbers that are handed on together */

struct json_tensor {
  struct request *request;
  rnnloss_tensor t;
  bool begun, done; /* its first, its last event has come */
  bool fresh;       /* a key has come, and nothing of its value yet */
  bool object;      /* {"dtype", "shape", "data"}; else nested arrays */
  unsigned members; /* bit: this member of the object has come */
  int member;       /* the one being read, -1: none */
  struct json_nest nest;
  unsigned rank; /* of "shape" */
  uint64_t shape[RANK_MAX];
  struct base64_decoder base64;
  char word[64]; /* a short string value */
  size_t word_length;
  size_t staged, staged_numbers; /* bytes, numbers in stage */
  unsigned char stage[JSON_STAGE * 9];
};
void json_tensor_begin(struct json_tensor *reader, struct request *request, rnnloss_tensor t);
const char *json_tensor_run(struct json_tensor *reader, const char *at, const char *end); /* as json_run */
bool json_tensor_event(struct json_tensor *reader, enum json_event event, const char *text, size_t length);

/* ---- safetensors_header.c: the JSON header of a safetensors request ------------------------------------- */

struct safetensors_entry {
  struct request *owner; /* the request, or the claims, that it is a tensor of .. */
  rnnloss_tensor t;
  struct claim_scalar *claim; /* .. or, if not NULL, a claimed number */
  uint64_t begin, end;        /* of its data, after the header */
};
struct safetensors_header {
  struct request *request;
  int place;
  bool metadata;                             /* __metadata__ has come */
  int option;                                /* the option whose value comes next; -1: one to be passed over */
  struct safetensors_entry *entries, *entry; /* memory of the arena; the present one */
  size_t count;
  unsigned members, member; /* of the entry: those that have come, the present one */
  unsigned skipped;         /* open containers of a member that is passed over */
  unsigned numbers;         /* read of the present list */
  unsigned rank;
  uint64_t shape[RANK_MAX];
  char dtype[60];
  size_t dtype_length, word_length;
  char word[JSON_TOKEN_MAX + 1];
};
bool safetensors_header_begin(struct safetensors_header *header, struct request *request); /* false: no memory */
json_handler safetensors_header_event;                                                     /* context: the header */
/* Sorts the entries by position; false unless their data is one gapless run of the right sizes. */
bool safetensors_header_end(struct safetensors_header *header);
/* entry NULL: it is about none */
bool safetensors_malformed(struct request *request, const struct safetensors_entry *entry, const char *detail);

/* ---- format.c, format_*.c: a table of encodings, one file each --------------------------------------- */

struct format {
  const char *name;
  const char *const *media_types;                 /* ends with NULL; answers carry the first */
  void *(*decode_begin)(struct request *request); /* NULL: problem set */
  bool (*decode)(void *decoder, const char *bytes, size_t length);
  bool (*decode_end)(void *decoder);
  bool (*encode)(const struct result *result, struct body *body); /* false: out of memory */
};
bool json_encode(const struct result *result, struct body *body);        /* json_encode.c */
bool safetensors_encode(const struct result *result, struct body *body); /* safetensors_encode.c */
extern const struct format format_json, format_safetensors;
extern const struct format *const formats[];                         /* ends with NULL */
const struct format *format_of_type(const char *content_type);       /* NULL: none takes it */
bool format_is_unstated(const char *content_type);                   /* missing, or curl's default: the bytes decide */
const struct format *format_sniff(const char *bytes, size_t length); /* by the first 8 bytes of a body */
/* The encoding of an answer, given that of the request; NULL: none is acceptable. */
const struct format *format_accepted(const char *accept, const struct format *of_request);

#endif
