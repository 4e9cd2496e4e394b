/* hostile.c - answers that lie, or are broken: refused, never believed, never a crash */
#include "support.h"

/* ---- whole answers, over the wire ---- */

static void check_strange(const char *answer, size_t length, rnnloss_client_encoding encoding) {
  struct fake fake;
  rnnloss_client_problem problem = small;
  rnnloss_client_answer *given = NULL;
  rnnloss_client_error error = {0};
  rnnloss_client_settings settings;
  fake_start(&fake, answer, length);
  rnnloss_client_settings_init(&settings);
  settings.endpoints = fake.url;
  settings.timeout = 5;
  settings.retries = 0;
  rnnloss_client *client = client_with(&settings);
  problem.encoding = encoding;
  if (rnnloss_client_loss(client, &problem, &given, &error)) fail_msg("believed: %.100s", answer);
  if (strcmp(error.type, "unexpected-answer") != 0) fail_msg("%s: %s: %.200s", error.type, error.detail, answer);
  rnnloss_client_free(client);
  fake_stop(&fake);
}

static void strange_http(void **state) {
  (void)state;
  static const char *const answers[] = {
      "SSH-2.0-OpenSSH_9.2\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
      "HTTP/1.1 204 No Content\r\n\r\n",
      "HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
      "HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nnot found",
      "HTTP/1.1 422 No\r\nContent-Type: application/problem+json\r\nContent-Length: 8\r\n\r\n{\"type\":",
      "HTTP/1.1 422 No\r\nContent-Type: application/problem+json\r\nContent-Length: 10\r\n\r\n{\"type\":5}",
      "HTTP/1.1 422 No\r\nContent-Type: application/problem+json\r\nContent-Length: "
      "23\r\n\r\n{\"type\":\"about:blank\"}  ",
      "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.safetensors\r\nContent-Length: 3\r\n\r\nabc",
      "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.safetensors\r\nContent-Length: "
      "10\r\n\r\n\xff\xff\xff\xff\xff\xff\xff\xff{}",
      "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.safetensorsx\r\nContent-Length: 3\r\n\r\nabc"};
  for (size_t i = 0; i < RNNLOSS_CLIENT_COUNT(answers); i++)
    check_strange(answers[i], strlen(answers[i]), RNNLOSS_CLIENT_SAFETENSORS);
}

/* ---- bodies ---- */

static char *make_safetensors(const char *header, size_t data, size_t *length) {
  const uint64_t size = strlen(header);
  *length = sizeof size + (size_t)size + data;
  char *body = calloc(1, *length + 1);
  assert_non_null(body);
  memcpy(body, &size, sizeof size);
  memcpy(body + sizeof size, header, (size_t)size);
  return body;
}

static const char *decode(const rnnloss_client_problem *problem, const char *body, size_t length, bool *gradient) {
  struct draft *draft = calloc(1, sizeof *draft);
  char *own = malloc(length + 1); /* of this length, so that a sanitizer sees what is read behind it */
  assert_non_null(draft);
  assert_non_null(own);
  memcpy(own, body, length);
  own[length] = '\0';
  const char *why = problem->encoding == RNNLOSS_CLIENT_JSON ? decode_json(draft, problem, own, length)
                                                             : decode_safetensors(draft, problem, own, length);
  if (gradient) *gradient = draft->answer.gradients.count > 0;
  double sum = 0; /* reads all that a caller may read */
  for (size_t i = 0; !why && i < draft->answer.gradients.count; i++) {
    const rnnloss_client_tensor *item = &draft->answer.gradients.items[i];
    for (size_t j = 0; j < rnnloss_client_elements(item); j++) sum += ((const double *)item->data)[j];
  }
  if (sum > 1e300) printf("%g\n", sum);
  free(own);
  rnnloss_client_answer_free(&draft->answer);
  return why;
}

#define META "\"__metadata__\":{\"contract\":\"1\",\"lambda_mse\":\"1.0\",\"unused\":\"\",\"warnings\":\"\"}"
#define LOSS "\"loss\":{\"dtype\":\"F64\",\"shape\":[],\"data_offsets\":[0,8]}"
#define MSE                                                                                                            \
  "\"terms.mse.loss\":{\"dtype\":\"F64\",\"shape\":[],\"data_offsets\":[8,16]},"                                       \
  "\"terms.mse.unweighted\":{\"dtype\":\"F64\",\"shape\":[],\"data_offsets\":[16,24]}"
#define PRED(dtype, shape, offsets)                                                                                    \
  "\"gradients.pred\":{\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":" offsets "}"
#define WITH(pred) "{" META "," LOSS "," MSE "," pred "}"

static void safetensors_headers(void **state) {
  (void)state;
  static const char *const good[] = {WITH(PRED("\"F64\"", "[2,2]", "[24,56]")), "{" META "," LOSS "}",
                                     "{" META "," LOSS
                                     ",\"new\":{\"dtype\":\"I64\",\"shape\":[7],\"data_offsets\":[0,56]}}",
                                     WITH("\"gradients.new\":{\"dtype\":\"F8\",\"shape\":[1],\"data_offsets\":[0,1]}")};
  static const char *const bad[] = {
      "",
      "{",
      "[]",
      "null",
      "{}",
      "{" META "}",
      "{" LOSS "}",
      "{\"__metadata__\":5," LOSS "}",
      "{\"__metadata__\":{}," LOSS "}",
      "{" META ",\"loss\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,8]}}",
      "{" META ",\"loss\":{\"dtype\":\"F64\",\"shape\":[1],\"data_offsets\":[0,8]}}",
      "{" META ",\"loss\":{\"dtype\":\"F64\",\"shape\":[],\"data_offsets\":[0,4]}}",
      "{" META ",\"loss\":{\"dtype\":\"F64\",\"shape\":[],\"data_offsets\":[52,60]}}",
      "{" META ",\"loss\":{\"dtype\":\"F64\",\"shape\":[],\"data_offsets\":[8,0]}}",
      "{" META ",\"loss\":{\"dtype\":\"F64\",\"shape\":[],\"data_offsets\":[-8,0]}}",
      "{" META ",\"loss\":{\"dtype\":\"F64\",\"shape\":[],\"data_offsets\":[0.5,8.5]}}",
      "{" META ",\"loss\":{\"dtype\":\"F64\",\"shape\":[],\"data_offsets\":[0,8,8]}}",
      "{" META
      ",\"loss\":{\"dtype\":\"F64\",\"shape\":[],\"data_offsets\":[18446744073709551608,18446744073709551616]}}",
      "{" META ",\"loss\":{\"dtype\":5,\"shape\":[],\"data_offsets\":[0,8]}}",
      "{" META ",\"loss\":{\"dtype\":\"F64\",\"data_offsets\":[0,8]}}",
      "{" META ",\"loss\":5}",
      "{" META "," LOSS ",\"terms.mse.loss\":{\"dtype\":\"F64\",\"shape\":[],\"data_offsets\":[8,16]}}",
      "{" META "," LOSS ",\"terms.mse.unweighted\":{\"dtype\":\"F64\",\"shape\":[],\"data_offsets\":[8,16]}}",
      "{" META "," LOSS ",\"terms.fr.loss\":{\"dtype\":\"F64\",\"shape\":[],\"data_offsets\":[8,16]},"
      "\"terms.fr.unweighted\":{\"dtype\":\"F64\",\"shape\":[],\"data_offsets\":[8,16]}}", /* its weight is missing */
      WITH(PRED("\"F32\"", "[2,2]", "[24,40]")),
      WITH(PRED("\"F64\"", "[4]", "[24,56]")),
      WITH(PRED("\"F64\"", "[2,2,1]", "[24,56]")),
      WITH(PRED("\"F64\"", "[2]", "[24,40]")),
      WITH(PRED("\"F64\"", "[2,2]", "[24,48]")),
      WITH(PRED("\"F64\"", "[2,2]", "[24,57]")),
      WITH(PRED("\"F64\"", "[2,1e400]", "[24,56]")),
      WITH(PRED("\"F64\"", "[2,\"2\"]", "[24,56]")),
      WITH(PRED("\"F64\"", "[2,2]", "[24,56]") "," PRED("\"F64\"", "[2,2]", "[24,56]"))};
  size_t length = 0;
  for (size_t i = 0; i < RNNLOSS_CLIENT_COUNT(good); i++) {
    char *body = make_safetensors(good[i], 56, &length);
    const char *why = decode(&small, body, length, NULL);
    if (why) fail_msg("%s: %s", good[i], why);
    free(body);
  }
  for (size_t i = 0; i < RNNLOSS_CLIENT_COUNT(bad); i++) {
    char *body = make_safetensors(bad[i], 56, &length);
    if (!decode(&small, body, length, NULL)) fail_msg("believed: %s", bad[i]);
    free(body);
  }
}

/* Data that lie askew in the buffer are moved to where they are aligned. */
static void unaligned(void **state) {
  (void)state;
  size_t length = 0;
  bool gradient = false;
  for (int i = 0; i < 8; i++) {
    char header[600];
    snprintf(header, sizeof header, "%s%*s", WITH(PRED("\"F64\"", "[2,2]", "[24,56]")), i, "");
    char *body = make_safetensors(header, 56, &length);
    assert_null(decode(&small, body, length, &gradient));
    assert_true(gradient);
    free(body);
  }
}

static const char good_json[] =
    "{\"loss\":1.25,\"terms\":{\"mse\":{\"lambda\":1.0,\"loss\":1.25,\"unweighted\":1.25}},\"unused\":[\"fr\"],"
    "\"warnings\":[],\"contract\":1,\"gradients\":{\"pred\":{\"dtype\":\"F64\",\"shape\":[2,2],\"data\":[0.5,0.0,0.0,1."
    "0]}}}";

/* Whatever one byte becomes, and wherever it is cut. */
static void changed(const rnnloss_client_problem *problem, const char *body, size_t length) {
  char *copy = malloc(length);
  assert_non_null(copy);
  for (size_t i = 0; i <= length; i++) decode(problem, body, i, NULL);
  for (size_t i = 0; i < length; i++) {
    memcpy(copy, body, length);
    static const char bytes[] = "\0\xff\"\\[]{}:,0-9e.aN \x80";
    for (size_t j = 0; j < sizeof bytes - 1; j++) {
      copy[i] = bytes[j];
      decode(problem, copy, length, NULL);
    }
  }
  free(copy);
}

static void changed_bytes(void **state) {
  (void)state;
  size_t length = 0;
  rnnloss_client_problem problem = small;
  char *body = make_safetensors(WITH(PRED("\"F64\"", "[2,2]", "[24,56]")), 56, &length);
  changed(&problem, body, length);
  free(body);
  problem.encoding = RNNLOSS_CLIENT_JSON;
  assert_null(decode(&problem, good_json, sizeof good_json - 1, NULL));
  changed(&problem, good_json, sizeof good_json - 1);
}

static void json_answers(void **state) {
  (void)state;
  static const char *const bad[] = {"{}",
                                    "[]",
                                    "5",
                                    "",
                                    "{\"loss\":1.25}",
                                    "{\"loss\":\"1.25\",\"terms\":{},\"contract\":1}",
                                    "{\"loss\":1,\"terms\":[],\"contract\":1}",
                                    "{\"loss\":1,\"terms\":{\"mse\":1},\"contract\":1}",
                                    "{\"loss\":1,\"terms\":{},\"contract\":1,\"gradients\":[]}",
                                    "{\"loss\":1,\"terms\":{},\"contract\":1,\"gradients\":{\"pred\":[1,2]}}",
                                    "{\"loss\":1,\"terms\":{},\"contract\":1,\"gradients\":{\"pred\":{\"dtype\":"
                                    "\"F64\",\"shape\":[2,2],\"data\":[1,2,3]}}}",
                                    "{\"loss\":1,\"terms\":{},\"contract\":1,\"gradients\":{\"pred\":{\"dtype\":"
                                    "\"F64\",\"shape\":[2,2],\"data\":[1,2,3,4,5]}}}",
                                    "{\"loss\":1,\"terms\":{},\"contract\":1,\"gradients\":{\"pred\":{\"dtype\":"
                                    "\"F64\",\"shape\":[2,2],\"data\":[1,2,3,null]}}}",
                                    "{\"loss\":1,\"terms\":{},\"contract\":1,\"gradients\":{\"pred\":{\"dtype\":"
                                    "\"F64\",\"shape\":[4],\"data\":[1,2,3,4]}}}",
                                    "{\"loss\":1,\"terms\":{},\"contract\":1,\"gradients\":{\"pred\":{\"dtype\":"
                                    "\"F32\",\"shape\":[2,2],\"data\":[1,2,3,4]}}}",
                                    "{\"loss\":1,\"terms\":{},\"contract\":1,\"unused\":[5]}",
                                    "{\"loss\":1,\"terms\":{},\"contract\":1}x",
                                    "{\"loss\":1,\"terms\":{}}"};
  rnnloss_client_problem problem = small;
  problem.encoding = RNNLOSS_CLIENT_JSON;
  for (size_t i = 0; i < RNNLOSS_CLIENT_COUNT(bad); i++) {
    if (!decode(&problem, bad[i], strlen(bad[i]), NULL)) fail_msg("believed: %s", bad[i]);
  }
  char deep[1000];
  memset(deep, '[', sizeof deep);
  assert_non_null(decode(&problem, deep, sizeof deep, NULL));
}

static void strange_reports(void **state) {
  (void)state;
  static const char *const bodies[] = {"{}",
                                       "[]",
                                       "{\"valid\":true,\"contract\":1,\"claims\":{\"loss\":{}}}",
                                       "{\"valid\":true,\"contract\":1,\"claims\":[]}",
                                       "null",
                                       "<html>"};
  const double value = 1;
  const rnnloss_client_tensor claim = {"loss", RNNLOSS_CLIENT_F64, 0, NULL, &value};
  rnnloss_client_problem problem = small;
  problem.claims = &claim;
  problem.claim_count = 1;
  for (size_t i = 0; i < RNNLOSS_CLIENT_COUNT(bodies); i++) {
    char answer[400];
    struct fake fake;
    rnnloss_client_report *report = NULL;
    rnnloss_client_response *response = NULL;
    rnnloss_client_version *version = NULL;
    rnnloss_client_error error = {0};
    snprintf(answer, sizeof answer,
             "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", strlen(bodies[i]),
             bodies[i]);
    fake_start(&fake, answer, strlen(answer));
    rnnloss_client *client = client_of(fake.url);
    assert_false(rnnloss_client_validate(client, &problem, &report, &error));
    check_error(&error, "unexpected-answer", 200);
    assert_false(rnnloss_client_validate_text(client, &problem, &response, &error));
    check_error(&error, "unexpected-answer", 200);
    assert_false(rnnloss_client_get_version(client, &version, &error));
    check_error(&error, "unexpected-answer", 200);
    if (bodies[i][0] != '{') {
      assert_false(rnnloss_client_terms(client, &response, &error));
      check_error(&error, "unexpected-answer", 200);
    }
    rnnloss_client_free(client);
    fake_stop(&fake);
  }
}

int test_hostile(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(strange_http), cmocka_unit_test(safetensors_headers),
                                     cmocka_unit_test(unaligned),    cmocka_unit_test(changed_bytes),
                                     cmocka_unit_test(json_answers), cmocka_unit_test(strange_reports)};
  return cmocka_run_group_tests_name("hostile", tests, NULL, NULL);
}
