/* client.c - an HTTP client for tests */
#include <curl/curl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <cmocka.h>

#include "client.h"

#define TRANSFER_SECONDS 120L

struct client {
  CURL *curl;
  char address[200];
};

struct buffer {
  char *bytes;
  size_t length, capacity;
};

static size_t gather(char *bytes, size_t size, size_t count, void *context) {
  struct buffer *buffer = context;
  size_t length = size * count;
  if (buffer->length + length + 1 > buffer->capacity) {
    buffer->capacity = 2 * (buffer->length + length) + 1024;
    buffer->bytes = realloc(buffer->bytes, buffer->capacity);
    assert_non_null(buffer->bytes);
  }
  if (length) memcpy(buffer->bytes + buffer->length, bytes, length);
  buffer->length += length;
  buffer->bytes[buffer->length] = '\0';
  return length;
}

struct upload {
  const char *bytes;
  size_t length, chunk;
};

static size_t give(char *out, size_t size, size_t count, void *context) {
  struct upload *upload = context;
  size_t length = size * count < upload->chunk ? size * count : upload->chunk;
  if (length > upload->length) length = upload->length;
  if (length) memcpy(out, upload->bytes, length);
  upload->bytes += length;
  upload->length -= length;
  return length;
}

struct client *client_create(const char *address, const char *unix_path) {
  struct client *client = calloc(1, sizeof *client);
  assert_non_null(client);
  client->curl = curl_easy_init();
  assert_non_null(client->curl);
  snprintf(client->address, sizeof client->address, "%s", address);
  curl_easy_setopt(client->curl, CURLOPT_TIMEOUT, TRANSFER_SECONDS);
  curl_easy_setopt(client->curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(client->curl, CURLOPT_NOPROXY, "*");
  curl_easy_setopt(client->curl, CURLOPT_PATH_AS_IS, 1L);
  if (unix_path) curl_easy_setopt(client->curl, CURLOPT_UNIX_SOCKET_PATH, unix_path);
  return client;
}

void client_release(struct client *client) {
  curl_easy_cleanup(client->curl);
  free(client);
}

void client_trust(struct client *client, const char *ca, const char *certificate, const char *key) {
  curl_easy_setopt(client->curl, CURLOPT_CAINFO, ca);
  curl_easy_setopt(client->curl, CURLOPT_CAPATH, NULL);
  curl_easy_setopt(client->curl, CURLOPT_SSLCERT, certificate);
  curl_easy_setopt(client->curl, CURLOPT_SSLKEY, key);
}

static struct curl_slist *add_header(struct curl_slist *list, const char *name, const char *value) {
  char line[2000];
  snprintf(line, sizeof line, value ? "%s: %s" : "%s:", name, value); /* "Name:" takes curl's own away */
  return curl_slist_append(list, line);
}

static void set_method(CURL *curl, const struct call *call, struct upload *upload) {
  bool post = call->body || call->chunk > 0;
  curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
  curl_easy_setopt(curl, CURLOPT_NOBODY, 0L);
  curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, NULL);
  if (post) {
    curl_easy_setopt(curl, CURLOPT_POST, 1L);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, call->chunk ? NULL : call->body);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, call->chunk ? (curl_off_t)-1 : (curl_off_t)call->length);
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, give);
    curl_easy_setopt(curl, CURLOPT_READDATA, upload);
  }
  if (!call->method) return;
  if (strcmp(call->method, "HEAD") == 0) {
    curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
  } else {
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, call->method);
  }
}

struct reply client_try(struct client *client, const struct call *call) {
  char url[4000];
  struct buffer body = {NULL, 0, 0}, headers = {NULL, 0, 0};
  struct upload upload = {call->body, call->length, call->chunk};
  struct reply reply = {.status = 0};
  snprintf(url, sizeof url, "%s%s", client->address, call->path ? call->path : "/loss");
  struct curl_slist *list = add_header(NULL, "Content-Type", call->type);
  list = add_header(list, "Accept", call->accept);
  if (call->header) list = curl_slist_append(list, call->header);
  if (call->chunk) list = add_header(list, "Transfer-Encoding", "chunked");
  set_method(client->curl, call, &upload);
  curl_easy_setopt(client->curl, CURLOPT_URL, url);
  curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, list);
  curl_easy_setopt(client->curl, CURLOPT_WRITEFUNCTION, gather);
  curl_easy_setopt(client->curl, CURLOPT_WRITEDATA, &body);
  curl_easy_setopt(client->curl, CURLOPT_HEADERFUNCTION, gather);
  curl_easy_setopt(client->curl, CURLOPT_HEADERDATA, &headers);
  gather(NULL, 0, 0, &body);
  gather(NULL, 0, 0, &headers);
  reply.error = (int)curl_easy_perform(client->curl);
  curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &reply.status);
  curl_easy_getinfo(client->curl, CURLINFO_NUM_CONNECTS, &reply.connects);
  curl_slist_free_all(list);
  reply.body = body.bytes;
  reply.length = body.length;
  reply.headers = headers.bytes;
  return reply;
}

struct reply client_send(struct client *client, const struct call *call) {
  struct reply reply = client_try(client, call);
  if (reply.error) {
    fail_msg("%s: no answer: %s", call->path ? call->path : "/loss", curl_easy_strerror((CURLcode)reply.error));
  }
  return reply;
}

struct reply client_get(struct client *client, const char *path) {
  return client_send(client, &(struct call){.path = path});
}

struct reply client_json(struct client *client, const char *text) {
  return client_send(client, &(struct call){.type = "application/json", .body = text, .length = strlen(text)});
}

void reply_release(struct reply *reply) {
  free(reply->body);
  free(reply->headers);
  reply->body = reply->headers = NULL;
}

/* The last block counts: a `100 Continue` may precede it. */
static const char *last_block(const char *headers) {
  const char *block = headers;
  for (const char *at = headers; (at = strstr(at, "\r\nHTTP/1.1 ")) != NULL; at += 2) block = at + 2;
  return block;
}

const char *reply_header(const struct reply *reply, const char *name) {
  static char value[1000];
  size_t length = strlen(name);
  for (const char *line = last_block(reply->headers); line; line = strchr(line, '\n')) {
    if (*line == '\n') line++;
    if (strncasecmp(line, name, length) != 0 || line[length] != ':') continue;
    line += length + 1;
    line += strspn(line, " ");
    snprintf(value, sizeof value, "%.*s", (int)strcspn(line, "\r\n"), line);
    return value;
  }
  return NULL;
}

static cJSON *parse(const struct reply *reply) {
  const char *end = NULL;
  assert_int_equal(strlen(reply->body), reply->length);
  cJSON *root = cJSON_ParseWithOpts(reply->body, &end, true);
  if (!root) fail_msg("not JSON: %.200s", reply->body);
  return root;
}

cJSON *reply_json(const struct reply *reply) {
  const char *type = reply_header(reply, "Content-Type");
  if (reply->status != 200) fail_msg("status %ld: %.400s", reply->status, reply->body);
  assert_non_null(type);
  assert_string_equal(type, "application/json");
  return parse(reply);
}

static const cJSON *find(const cJSON *root, const char *path) {
  char name[100];
  while (root && *path) {
    size_t length = strcspn(path, ".");
    snprintf(name, sizeof name, "%.*s", (int)length, path);
    root = cJSON_IsArray(root) ? cJSON_GetArrayItem(root, (int)strtol(name, NULL, 10))
                               : cJSON_GetObjectItemCaseSensitive(root, name);
    path += length + (path[length] == '.');
  }
  return root;
}

bool json_has(const cJSON *root, const char *path) {
  return find(root, path) != NULL;
}

const cJSON *json_at(const cJSON *root, const char *path) {
  const cJSON *node = find(root, path);
  if (!node) {
    char *text = cJSON_PrintUnformatted(root);
    print_error("no \"%s\" in %.600s\n", path, text);
    cJSON_free(text);
    fail();
  }
  return node;
}

void assert_number(const cJSON *root, const char *path, double value) {
  const cJSON *node = json_at(root, path);
  uint64_t bits, expected;
  if (!cJSON_IsNumber(node)) fail_msg("%s is no number", path);
  memcpy(&bits, &node->valuedouble, sizeof bits);
  memcpy(&expected, &value, sizeof expected);
  if (bits != expected) fail_msg("%s is %.17g, not %.17g", path, node->valuedouble, value);
}

void assert_text(const cJSON *root, const char *path, const char *value) {
  const cJSON *node = json_at(root, path);
  if (!cJSON_IsString(node)) fail_msg("%s is no string", path);
  assert_string_equal(node->valuestring, value);
}

cJSON *assert_problem(const struct reply *reply, long status, const char *type) {
  if (reply->status != status) fail_msg("status %ld, not %ld: %.400s", reply->status, status, reply->body);
  const char *header = reply_header(reply, "Content-Type");
  assert_non_null(header);
  assert_string_equal(header, "application/problem+json");
  cJSON *problem = parse(reply);
  if (type) {
    char uri[80];
    snprintf(uri, sizeof uri, "#%s", type);
    assert_text(problem, "type", uri);
  }
  assert_number(problem, "status", (double)status);
  assert_true(strlen(json_at(problem, "type")->valuestring) > 1);
  assert_true(strlen(json_at(problem, "title")->valuestring) > 0);
  assert_true(strlen(json_at(problem, "detail")->valuestring) > 0);
  assert_true(cJSON_IsString(json_at(problem, "request_id")));
  header = reply_header(reply, "Server");
  assert_non_null(header);
  assert_true(strncmp(header, "rnnlossd/", 9) == 0);
  header = reply_header(reply, status == 503 ? "Retry-After" : "X-Request-Id");
  assert_non_null(header);
  /* The answer that is built beforehand, for want of memory, cannot know the id. */
  if (status != 503) assert_text(problem, "request_id", header);
  return problem;
}
