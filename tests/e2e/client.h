/* client.h - an HTTP client for tests, over libcurl: one request at a time on a connection that is kept alive */
#ifndef CLIENT_H
#define CLIENT_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

struct call {
  const char *method; /* NULL: POST if there is a body, else GET */
  const char *path;   /* with its query, as it is sent; NULL: /loss */
  const char *type;   /* Content-Type; NULL: none is sent */
  const char *accept; /* NULL: none is sent */
  const char *header; /* one more, "X-Request-Id: abc"; NULL: none */
  const void *body;
  size_t length;
  size_t chunk; /* not 0: Transfer-Encoding: chunked, in pieces of so many bytes */
};

struct reply {
  int error; /* of libcurl; 0: an answer came */
  long status;
  char *body; /* NUL-terminated beyond length */
  size_t length;
  char *headers; /* the header block, lower-case names as they came */
  long connects; /* new connections that were needed */
};

struct client;                                                            /* of one daemon */
struct client *client_create(const char *address, const char *unix_path); /* unix_path NULL: TCP */
void client_release(struct client *client);
/* For https: the file of the CA that is trusted, and of the client's own certificate and key (NULL: none). */
void client_trust(struct client *client, const char *ca, const char *certificate, const char *key);

/* Sends and waits; the reply must be released. Fails the test if no answer comes. */
struct reply client_send(struct client *client, const struct call *call);
struct reply client_try(struct client *client, const struct call *call); /* the same, but reply.error may be set */
struct reply client_get(struct client *client, const char *path);
struct reply client_json(struct client *client, const char *text); /* POST /loss */
void reply_release(struct reply *reply);

/* The value of a header (any case), NULL if there is none; valid until the next call. */
const char *reply_header(const struct reply *reply, const char *name);
/* The body as JSON, whose type and syntax are asserted. */
cJSON *reply_json(const struct reply *reply);

/* The node at a dotted path ("terms.mse.loss", "gradients.pred.0.1"), asserted to be there. */
const cJSON *json_at(const cJSON *root, const char *path);
bool json_has(const cJSON *root, const char *path);
/* Asserts that the node has exactly this value. */
void assert_number(const cJSON *root, const char *path, double value);
void assert_text(const cJSON *root, const char *path, const char *value);

/* Asserts that the answer is problem+json that says everything it must; the document. */
cJSON *assert_problem(const struct reply *reply, long status, const char *type);

#endif
