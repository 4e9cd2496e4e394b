/* errors.h - tables of requests that must be refused: a row a test */
#ifndef ERRORS_H
#define ERRORS_H

#include <stddef.h>

struct error_row {
  const char *name;
  const char *method, *path; /* NULL: POST /loss; a path may hold a query */
  const char *type;          /* Content-Type; NULL: none */
  const char *header;        /* one more */
  const char *accept;
  const char *body;    /* JSON text, or the header of a safetensors file .. */
  int data;            /* .. that so many zero bytes follow; NO_DATA: the body as it is */
  long status;         /* what must come back */
  const char *id;      /* of the problem's type; NULL: any */
  const char *pointer; /* NULL: any or none; "": none; "/x*": begins so */
  const char *detail;  /* a part of the detail; NULL: any. Several are separated by '|' */
};
#define NO_DATA (-1)
#define SAFETENSORS "application/vnd.safetensors"

/* Runs the rows as a group of tests against one daemon with --max-body 10000 --max-neurons 100, which must live on and
 * answer a good request in the end. */
int errors_run(const char *group, const struct error_row *rows, size_t count);

/* Rows of JSON bodies, of safetensors bodies, of queries (with the body {}), of bare requests. */
#define JSON(text, status, id, pointer, detail)                                                                        \
  { #text, NULL, NULL, "application/json", NULL, NULL, text, NO_DATA, status, id, pointer, detail }
#define TENSORS(header, data, status, id, pointer, detail)                                                             \
  { #header, NULL, NULL, SAFETENSORS, NULL, NULL, header, data, status, id, pointer, detail }
#define QUERY(query, status, id, pointer, detail)                                                                      \
  { query, NULL, "/loss?" query, "application/json", NULL, NULL, "{}", NO_DATA, status, id, pointer, detail }
#define BARE(method, path, status, id)                                                                                 \
  { method " " path, method, path, NULL, NULL, NULL, NULL, NO_DATA, status, id, "", NULL }

#endif
