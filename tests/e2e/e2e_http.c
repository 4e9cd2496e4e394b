/* e2e_http.c - what surrounds the losses: connections, headers, the other routes, addresses, limits */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"

static const char *const paths_of_get[] = {"/",      "/page/page.css", "/terms",   "/version", "/healthz",
                                           "/livez", "/readyz",        "/metrics", "/vectors", "/vectors/fr-by-hand"};
#define ROUTES (sizeof paths_of_get / sizeof *paths_of_get)

static void assert_header(const struct reply *reply, const char *name, const char *value) {
  const char *header = reply_header(reply, name);
  if (!header) fail_msg("no %s", name);
  if (value) assert_string_equal(header, value);
}

static void test_keep_alive(void **state) {
  (void)state;
  struct reply reply = client_get(client, "/livez");
  reply_release(&reply);
  static const char *const bodies[] = {"{}", "{", "[]", "{}"};
  for (size_t i = 0; i < 4; i++) { /* a refused body doesn't cost the connection */
    reply = client_json(client, bodies[i]);
    assert_int_equal(reply.connects, 0);
    reply_release(&reply);
  }
}

static void test_head(void **state) {
  (void)state;
  for (size_t i = 0; i < ROUTES; i++) {
    struct reply get = client_get(client, paths_of_get[i]);
    struct reply head = client_send(client, &(struct call){.method = "HEAD", .path = paths_of_get[i]});
    assert_int_equal(get.status, 200);
    assert_int_equal(head.status, 200);
    assert_int_equal(head.length, 0);
    char type[100];
    snprintf(type, sizeof type, "%s", reply_header(&get, "Content-Type"));
    assert_header(&head, "Content-Type", type);
    assert_header(&head, "Content-Length", NULL);
    reply_release(&get);
    reply_release(&head);
  }
}

static void test_options(void **state) {
  (void)state;
  struct reply reply = client_send(client, &(struct call){.method = "OPTIONS", .path = "/loss"});
  assert_true(reply.status == 200 || reply.status == 204);
  assert_header(&reply, "Allow", NULL);
  assert_non_null(strstr(reply_header(&reply, "Allow"), "POST"));
  assert_null(reply_header(&reply, "Access-Control-Allow-Origin"));
  reply_release(&reply);
  reply = client_send(client, &(struct call){.method = "OPTIONS", .path = "/terms"});
  assert_non_null(strstr(reply_header(&reply, "Allow"), "HEAD"));
  reply_release(&reply);
}

static struct reply with_header(const char *header) {
  return client_send(client, &(struct call){.path = "/version", .header = header});
}

static void test_request_id(void **state) {
  (void)state;
  char first[200];
  struct reply reply = with_header("X-Request-Id: run-7.step_41");
  assert_header(&reply, "X-Request-Id", "run-7.step_41");
  reply_release(&reply);
  reply = with_header(NULL);
  snprintf(first, sizeof first, "%s", reply_header(&reply, "X-Request-Id"));
  assert_true(strlen(first) >= 8);
  reply_release(&reply);
  reply = with_header(NULL);
  assert_string_not_equal(reply_header(&reply, "X-Request-Id"), first);
  reply_release(&reply);
  static const char *const insane[] = {
      "X-Request-Id: a b",
      "X-Request-Id: a\"b",
      "X-Request-Id: <script>",
      "X-Request-Id: \xc3\xa4",
      "X-Request-Id;",
      "X-Request-Id: "
      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
      "aaaaaa"};
  for (size_t i = 0; i < sizeof insane / sizeof *insane; i++) {
    reply = with_header(insane[i]);
    const char *id = reply_header(&reply, "X-Request-Id");
    assert_non_null(id);
    if (strlen(id) < 8 || strlen(id) > 72 || strpbrk(id, " \"<\xc3") || strstr(id, "aaaa"))
      fail_msg("%s -> %s", insane[i], id);
    reply_release(&reply);
  }
}

static void test_headers(void **state) {
  (void)state;
  struct reply reply = client_json(client, "{}");
  assert_header(&reply, "Server", "rnnlossd/" RNNLOSS_VERSION);
  assert_header(&reply, "X-Request-Id", NULL);
  assert_header(&reply, "Server-Timing", NULL);
  assert_header(&reply, "Content-Length", NULL);
  reply_release(&reply);
  reply = with_header("traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
  assert_int_equal(reply.status, 200);
  reply_release(&reply);
}

static void test_terms(void **state) {
  (void)state;
  struct reply reply = client_get(client, "/terms");
  cJSON *root = reply_json(&reply);
  assert_number(root, "contract", 1);
  assert_int_equal(cJSON_GetArraySize(json_at(root, "terms")), RNNLOSS_TERMS);
  for (int k = 0; k < RNNLOSS_TERMS; k++) {
    char path[60];
    const rnnloss_term_info *info = rnnloss_term_describe((rnnloss_term)k);
    const cJSON *term = cJSON_GetArrayItem(json_at(root, "terms"), k);
    assert_text(term, "lambda", info->lambda_key);
    snprintf(path, sizeof path, "lambda_%s", info->name);
    assert_string_equal(path, info->lambda_key);
    assert_true(json_has(term, "formula") && json_has(term, "gradient") && json_has(term, "tensors"));
  }
  cJSON_Delete(root);
  reply_release(&reply);
}

/* The page may load nothing from elsewhere, be in no other page, and is asked for again only if it has changed. */
static void test_page(void **state) {
  (void)state;
  static const struct {
    const char *path, *type;
  } files[] = {
      {"/", "text/html; charset=utf-8"},
      {"/page/page.css", "text/css; charset=utf-8"},
      {"/page/main.js", "text/javascript; charset=utf-8"},
      {"/page/worker.js", "text/javascript; charset=utf-8"},
  };
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    struct reply reply = client_get(client, files[i].path);
    assert_int_equal(reply.status, 200);
    assert_header(&reply, "Content-Type", files[i].type);
    assert_header(&reply, "Content-Security-Policy",
                  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src "
                  "'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
    assert_header(&reply, "X-Content-Type-Options", "nosniff");
    assert_header(&reply, "Referrer-Policy", "no-referrer");
    assert_header(&reply, "Cache-Control", "no-cache");
    char header[100];
    snprintf(header, sizeof header, "If-None-Match: %s", reply_header(&reply, "ETag"));
    reply_release(&reply);
    reply = client_send(client, &(struct call){.path = files[i].path, .header = header});
    assert_int_equal(reply.status, 304);
    assert_int_equal(reply.length, 0);
    assert_header(&reply, "X-Content-Type-Options", "nosniff");
    reply_release(&reply);
  }
}

static void test_version(void **state) {
  (void)state;
  struct reply reply = client_get(client, "/version");
  cJSON *root = reply_json(&reply);
  assert_text(root, "version", RNNLOSS_VERSION);
  assert_number(root, "contract", 1);
  assert_true(cJSON_IsString(json_at(root, "commit")));
  assert_text(root, "kernel", rnnloss_kernel());
  if (!strstr(reply.body, "3000") || !strstr(reply.body, "100")) fail_msg("no limits in %s", reply.body);
  cJSON_Delete(root);
  reply_release(&reply);
}

static void test_health(void **state) {
  (void)state;
  static const char *const paths[] = {"/healthz", "/livez", "/readyz", "/healthz?verbose"};
  for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
    struct reply reply = client_get(client, paths[i]);
    assert_int_equal(reply.status, 200);
    reply_release(&reply);
  }
}

static void test_metrics(void **state) {
  (void)state;
  struct reply reply = client_json(client, "{\"lambdas\":{\"lambda_fr\":1},\"tensors\":{\"fr\":[1]}}");
  reply_release(&reply);
  reply = client_get(client, "/metrics");
  assert_int_equal(reply.status, 200);
  assert_true(strncmp(reply_header(&reply, "Content-Type"), "text/plain", 10) == 0);
  static const char *const parts[] = {"# TYPE rnnlossd_", "# HELP rnnlossd_", "/loss",    "\"200\"",
                                      "\"fr\"",           RNNLOSS_VERSION,    "_bucket{", "le=\"+Inf\""};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    if (!strstr(reply.body, parts[i])) fail_msg("no %s in %s", parts[i], reply.body);
  }
  assert_int_equal(reply.body[reply.length - 1], '\n');
  reply_release(&reply);
}

/* A body of JSON with so many bytes. */
static struct reply padded(size_t length, size_t chunk) {
  char *text = malloc(length);
  assert_non_null(text);
  memset(text, ' ', length);
  memcpy(text + length - 2, "{}", 2);
  struct reply reply =
      client_send(client, &(struct call){.type = "application/json", .body = text, .length = length, .chunk = chunk});
  free(text);
  return reply;
}

static void test_max_body(void **state) {
  (void)state;
  for (size_t chunk = 0; chunk <= 1000; chunk += 500) {
    struct reply reply = padded(3000, chunk);
    assert_int_equal(reply.status, 200);
    reply_release(&reply);
    reply = padded(3001, chunk);
    cJSON_Delete(assert_problem(&reply, 413, "too-large"));
    reply_release(&reply);
  }
}

static struct reply neurons(const char *tensor, const char *shape, size_t count) {
  char header[300], query[100];
  static const unsigned char zeros[2 * 101];
  snprintf(header, sizeof header, "{\"%s\":{\"dtype\":\"F16\",\"shape\":[%s],\"data_offsets\":[0,%zu]}}", tensor, shape,
           2 * count);
  snprintf(query, sizeof query, "/loss?lambda_%s=1", tensor);
  struct blob body = blob_safetensors(header, zeros, 2 * count);
  struct reply reply = client_send(
      client,
      &(struct call){.path = query, .type = "application/vnd.safetensors", .body = body.bytes, .length = body.length});
  blob_release(&body);
  return reply;
}

static void test_max_neurons(void **state) {
  (void)state;
  struct reply reply = neurons("fr", "1,100", 100);
  assert_int_equal(reply.status, 200);
  reply_release(&reply);
  reply = neurons("fr", "1,101", 101);
  cJSON_Delete(assert_problem(&reply, 422, "invalid-shape"));
  reply_release(&reply);
  reply = neurons("fr", "101,1", 101); /* 101 time steps of one neuron */
  assert_int_equal(reply.status, 200);
  reply_release(&reply);
}

/* Several addresses, one a unix socket; CORS for the origin that was named. */
static void test_addresses(void **state) {
  (void)state;
  char path[100], listen[110];
  snprintf(path, sizeof path, "/tmp/rnnlossd-test-%d.sock", (int)getpid());
  snprintf(listen, sizeof listen, "unix:%s", path);
  const char *arguments[] = {"--listen", listen, "--listen", "127.0.0.1:0", "--allow-origin", "https://lab.example",
                             NULL};
  struct daemon daemon;
  daemon_start(&daemon, arguments);
  assert_string_equal(daemon.address[0], listen);
  assert_true(strncmp(daemon.address[1], "http://127.0.0.1:", 17) == 0);
  struct client *clients[] = {client_create("http://localhost", path), client_create(daemon.address[1], NULL)};
  for (int i = 0; i < 2; i++) {
    struct blob body = sample_body(SAMPLE_SAFETENSORS, RNNLOSS_F32, "");
    struct reply reply = client_send(clients[i], &(struct call){.type = "application/vnd.safetensors",
                                                                .header = "Origin: https://lab.example",
                                                                .body = body.bytes,
                                                                .length = body.length});
    assert_sample(&reply, RNNLOSS_F32);
    assert_header(&reply, "Access-Control-Allow-Origin", "https://lab.example");
    reply_release(&reply);
    reply = client_send(clients[i], &(struct call){.method = "OPTIONS", .header = "Origin: https://lab.example"});
    assert_header(&reply, "Access-Control-Allow-Methods", NULL);
    reply_release(&reply);
    blob_release(&body);
    client_release(clients[i]);
  }
  assert_int_equal(daemon_stop(&daemon), 0);
  assert_int_not_equal(access(path, F_OK), 0); /* the socket is gone */
}

/* SIGTERM while a connection is held open and idle. */
static void test_stop(void **state) {
  (void)state;
  struct daemon daemon;
  daemon_start(&daemon, NULL);
  struct client *held = client_create(daemon.address[0], NULL);
  struct reply reply = client_get(held, "/livez");
  reply_release(&reply);
  assert_int_equal(daemon_stop(&daemon), 0);
  client_release(held);
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_keep_alive), cmocka_unit_test(test_head),     cmocka_unit_test(test_options),
      cmocka_unit_test(test_request_id), cmocka_unit_test(test_headers),  cmocka_unit_test(test_terms),
      cmocka_unit_test(test_page),       cmocka_unit_test(test_version),  cmocka_unit_test(test_health),
      cmocka_unit_test(test_metrics),    cmocka_unit_test(test_max_body), cmocka_unit_test(test_max_neurons),
      cmocka_unit_test(test_addresses),  cmocka_unit_test(test_stop),
  };
  static const char *const arguments[] = {"--max-body", "3000", "--max-neurons", "100", NULL};
  return FIXTURE_RUN("HTTP", tests, arguments);
}
