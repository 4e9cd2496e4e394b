/* calls.c - each call, its options, and errors that name their place */
#define _GNU_SOURCE
#include <math.h>

#include "support.h"

static rnnloss_client *client;

static int begin(void **state) {
  (void)state;
  client = client_of(variable("RNNLOSS_TEST_URL"));
  return 0;
}

static int end(void **state) {
  (void)state;
  rnnloss_client_free(client);
  return 0;
}

static const float rates[] = {0.1f, 0.2f, 0.3f, 0.5f, 0.3f, 0.2f, 0.1f, 0.6f};
static const float weights_in[] = {1, 2, 3, 4};
static const rnnloss_client_tensor tensors[] = {{"fr", RNNLOSS_CLIENT_F32, 3, (const size_t[]){1, 2, 4}, rates},
                                                {"w_out", RNNLOSS_CLIENT_F32, 2, (const size_t[]){1, 4}, weights_in}};
static const rnnloss_client_weight weights[] = {{"lambda_fr", 0.5}, {"lambda_fr_sd", 0.1}};

static rnnloss_client_problem problem_with(const rnnloss_client_option *options, size_t count,
                                           rnnloss_client_encoding encoding) {
  return (rnnloss_client_problem){.weights = weights,
                                  .weight_count = 2,
                                  .tensors = tensors,
                                  .tensor_count = 2,
                                  .options = options,
                                  .option_count = count,
                                  .encoding = encoding};
}

static rnnloss_client_answer *ask(const rnnloss_client_problem *problem) {
  rnnloss_client_answer *answer = NULL;
  rnnloss_client_error error = {0};
  if (!rnnloss_client_loss(client, problem, &answer, &error)) fail_msg("%s: %s", error.type, error.detail);
  return answer;
}

static void per_term(void **state) {
  (void)state;
  const rnnloss_client_option options[] = {{"gradients", "per_term"}};
  for (int encoding = 0; encoding < 2; encoding++) {
    const rnnloss_client_problem problem = problem_with(options, 1, (rnnloss_client_encoding)encoding);
    rnnloss_client_answer *answer = ask(&problem);
    assert_int_equal(answer->term_count, 2);
    const rnnloss_client_term *fr = rnnloss_client_find_term(answer, "fr");
    const rnnloss_client_term *sd = rnnloss_client_find_term(answer, "fr_sd");
    assert_non_null(fr);
    assert_non_null(sd);
    assert_null(rnnloss_client_find_term(answer, "mse"));
    assert_int_equal(fr->gradients.count, 1);
    const float *own = fr->gradients.items[0].data;
    assert_true(own[0] == 0.125f * rates[0] && own[7] == 0.125f * rates[7]); /* 2 * 0.5 / 8 */
    assert_int_equal(sd->gradients.count, 1);
    assert_int_equal(answer->gradients.count, 1);
    assert_int_equal(answer->unused_count, 1);
    assert_string_equal(answer->unused[0], "w_out");
    assert_int_equal(answer->contract, 1);
    assert_null(answer->inputs_sha256);
    rnnloss_client_answer_free(answer);
  }
}

static void wrt(void **state) {
  (void)state;
  const rnnloss_client_option none[] = {{"gradients", "none"}}, some[] = {{"wrt", "w_out,fr"}}, empty[] = {{"wrt", ""}};
  for (int encoding = 0; encoding < 2; encoding++) {
    rnnloss_client_problem problem = problem_with(none, 1, (rnnloss_client_encoding)encoding);
    rnnloss_client_answer *answer = ask(&problem);
    assert_int_equal(answer->gradients.count, 0);
    assert_null(rnnloss_client_find_gradient(&answer->gradients, "fr"));
    rnnloss_client_answer_free(answer);
    problem.options = empty;
    answer = ask(&problem);
    assert_int_equal(answer->gradients.count, 0);
    rnnloss_client_answer_free(answer);
    problem.options = some;
    answer = ask(&problem);
    const rnnloss_client_tensor *zeros = rnnloss_client_find_gradient(&answer->gradients, "w_out");
    assert_non_null(zeros);
    assert_int_equal(zeros->rank, 2);
    assert_memory_equal(zeros->data, ((const float[4]){0}), 4 * sizeof(float));
    rnnloss_client_answer_free(answer);
  }
}

static void gradient_dtype_and_digest(void **state) {
  (void)state;
  const rnnloss_client_option options[] = {{"gradient_dtype", "F64"}, {"digest", "1"}, {"contract", "1"}};
  char digest[65] = "";
  for (int encoding = 0; encoding < 2; encoding++) {
    const rnnloss_client_problem problem = problem_with(options, 3, (rnnloss_client_encoding)encoding);
    rnnloss_client_answer *answer = ask(&problem);
    assert_int_equal(answer->gradients.items[0].dtype, RNNLOSS_CLIENT_F64);
    assert_int_equal(strlen(answer->inputs_sha256), 64);
    if (encoding) assert_string_equal(answer->inputs_sha256, digest);
    strcpy(digest, answer->inputs_sha256);
    rnnloss_client_answer_free(answer);
  }
}

static void propagate(void **state) {
  (void)state;
  const double bad[] = {(double)NAN, 2}, zero[] = {0, -(double)INFINITY};
  const rnnloss_client_tensor pair[] = {{"pred", RNNLOSS_CLIENT_F64, 1, (const size_t[]){2}, bad},
                                        {"target", RNNLOSS_CLIENT_F64, 1, (const size_t[]){2}, zero}};
  const rnnloss_client_option options[] = {{"nonfinite", "propagate"}};
  for (int encoding = 0; encoding < 2; encoding++) {
    rnnloss_client_problem problem = {.weights = small.weights,
                                      .weight_count = 1,
                                      .tensors = pair,
                                      .tensor_count = 2,
                                      .options = options,
                                      .option_count = 1,
                                      .encoding = (rnnloss_client_encoding)encoding};
    rnnloss_client_answer *answer = ask(&problem);
    const double *gradient = answer->gradients.items[0].data;
    assert_true(isnan(answer->loss) && isnan(gradient[0]) && isinf(gradient[1]));
    rnnloss_client_answer_free(answer);
    rnnloss_client_error error = {0};
    problem.option_count = 0;
    assert_false(rnnloss_client_loss(client, &problem, &answer, &error));
    assert_null(answer);
    check_error(&error, "non-finite", 422);
  }
}

static void errors(void **state) {
  (void)state;
  rnnloss_client_error error = {0};
  rnnloss_client_answer *answer = NULL;
  rnnloss_client_weight negative[] = {{"lambda_fr", -1}};
  rnnloss_client_problem problem = problem_with(NULL, 0, RNNLOSS_CLIENT_SAFETENSORS);
  problem.weights = negative;
  problem.weight_count = 1;
  problem.request_id = "c-errors";
  assert_false(rnnloss_client_loss(client, &problem, &answer, &error));
  check_error(&error, "invalid-lambda", 422);
  assert_string_equal(error.pointer, "/lambdas/lambda_fr");
  assert_string_equal(error.request_id, "c-errors");
  assert_true(error.title[0] && error.detail[0]);
  negative[0] = (rnnloss_client_weight){"lambda_fr_vc", 1};
  assert_false(rnnloss_client_loss(client, &problem, &answer, NULL)); /* nobody wants to know */
  problem.encoding = RNNLOSS_CLIENT_JSON;
  assert_false(rnnloss_client_loss(client, &problem, &answer, &error));
  check_error(&error, "unknown-lambda", 422);
  const rnnloss_client_option odd[] = {{"gradients", "all & more"}};
  problem = problem_with(odd, 1, RNNLOSS_CLIENT_JSON);
  assert_false(rnnloss_client_loss(client, &problem, &answer, &error));
  check_error(&error, "invalid-request", 422);
  assert_non_null(strstr(error.detail, "all & more"));
}

static void arguments(void **state) {
  (void)state;
  rnnloss_client_error error = {0};
  rnnloss_client_answer *answer = NULL;
  rnnloss_client_settings settings;
  rnnloss_client_settings_init(&settings);
  static const char *const bad[] = {"ftp://127.0.0.1", "", "http://127.0.0.1:1,,", "127.0.0.1:8080"};
  for (size_t i = 0; i < RNNLOSS_CLIENT_COUNT(bad); i++) {
    settings.endpoints = bad[i];
    assert_null(rnnloss_client_new(&settings, &error));
    check_error(&error, "invalid-argument", 0);
  }
  settings.endpoints = NULL;
  settings.token = "a\r\nb: c";
  assert_null(rnnloss_client_new(&settings, &error));
  check_error(&error, "invalid-argument", 0);
  const rnnloss_client_tensor odd[] = {{"fr", (rnnloss_client_dtype)9, 1, (const size_t[]){1}, rates},
                                       {NULL, RNNLOSS_CLIENT_F32, 1, (const size_t[]){1}, rates},
                                       {"fr", RNNLOSS_CLIENT_F32, 1, (const size_t[]){1}, NULL},
                                       {"fr", RNNLOSS_CLIENT_F32, 2, (const size_t[]){SIZE_MAX / 2, 9}, rates},
                                       {"fr", RNNLOSS_CLIENT_F32, 1, NULL, rates}};
  for (size_t i = 0; i < 2 * RNNLOSS_CLIENT_COUNT(odd); i++) {
    const rnnloss_client_problem problem = {
        .tensors = &odd[i / 2], .tensor_count = 1, .encoding = (rnnloss_client_encoding)(i % 2)};
    assert_false(rnnloss_client_loss(client, &problem, &answer, &error));
    check_error(&error, "invalid-argument", 0);
  }
  const rnnloss_client_problem split = small_with_id("a\nb");
  assert_false(rnnloss_client_loss(client, &split, &answer, &error));
  check_error(&error, "invalid-argument", 0);
}

static void validate(void **state) {
  (void)state;
  const double fr = 0.055625, sd = 0.0175;
  float gradient[8];
  for (size_t i = 0; i < 8; i++) gradient[i] = 0.25f * rates[i]; /* twice the right one */
  const rnnloss_client_tensor claims[] = {{"terms.fr.loss", RNNLOSS_CLIENT_F64, 0, NULL, &fr},
                                          {"terms.fr_sd.loss", RNNLOSS_CLIENT_F64, 0, NULL, &sd},
                                          {"terms.fr.gradients.fr", RNNLOSS_CLIENT_F32, 3, tensors[0].shape, gradient}};
  const rnnloss_client_option options[] = {{"tolerance_dtype", "F32"}};
  for (int encoding = 0; encoding < 2; encoding++) {
    rnnloss_client_problem problem = problem_with(options, 1, (rnnloss_client_encoding)encoding);
    problem.claims = claims;
    problem.claim_count = 3;
    rnnloss_client_report *report = NULL;
    rnnloss_client_error error = {0};
    if (!rnnloss_client_validate(client, &problem, &report, &error)) fail_msg("%s: %s", error.type, error.detail);
    assert_int_equal(report->verdict, RNNLOSS_CLIENT_FAIL);
    assert_int_equal(report->claim_count, 3);
    assert_string_equal(report->tolerance_dtype, "F32");
    assert_true(report->rtol == 1.3e-6 && report->atol == 1e-5 && isnan(report->ulps));
    assert_int_equal(report->contract, 1);
    assert_int_equal(strlen(report->inputs_sha256), 64);
    assert_int_equal(rnnloss_client_find_claim(report, "terms.fr.loss")->verdict, RNNLOSS_CLIENT_PASS);
    const rnnloss_client_judgement *sample = rnnloss_client_find_claim(report, "terms.fr_sd.loss");
    assert_int_equal(sample->verdict, RNNLOSS_CLIENT_FAIL);
    assert_true(sample->is_number && sample->claimed == sd && sample->relative.difference > 0.1);
    assert_int_equal(sample->finding_count, 1);
    assert_string_equal(sample->diagnosis[0].id, "sample-sd");
    assert_non_null(strstr(sample->diagnosis[0].fix, "unbiased=False"));
    assert_int_equal(sample->diagnosis[0].release_count, 1);
    const rnnloss_client_judgement *twice = rnnloss_client_find_claim(report, "terms.fr.gradients.fr");
    assert_true(!twice->is_number && twice->elements == 8 && twice->mismatched == 8 && twice->scale > 1.9);
    assert_int_equal(twice->relative.rank, 3);
    assert_non_null(strstr(report->json, "\"verdict\""));
    assert_null(rnnloss_client_find_claim(report, "loss"));
    rnnloss_client_report_free(report);
    rnnloss_client_response *text = NULL;
    assert_true(rnnloss_client_validate_text(client, &problem, &text, &error));
    assert_memory_equal(text->body, "not valid\n", 10);
    rnnloss_client_response_free(text);
  }
  rnnloss_client_report *report = NULL;
  rnnloss_client_error error = {0};
  assert_false(rnnloss_client_validate(client, &small, &report, &error));
  check_error(&error, "invalid-claim", 422);
}

static void routes(void **state) {
  (void)state;
  rnnloss_client_response *response = NULL;
  rnnloss_client_version *version = NULL;
  rnnloss_client_error error = {0};
  assert_true(rnnloss_client_terms(client, &response, &error));
  assert_non_null(strstr(response->body, "lambda_fr_cv"));
  rnnloss_client_response_free(response);
  assert_true(rnnloss_client_vector(client, "fr_sd-by-hand", "json", &response, &error));
  assert_memory_equal(response->body, "{\"lambdas\"", 10);
  rnnloss_client_response_free(response);
  assert_false(rnnloss_client_vector(client, "no such?/../", NULL, &response, &error));
  check_error(&error, "not-found", 404);
  assert_true(rnnloss_client_get_version(client, &version, &error));
  assert_int_equal(version->contract, 1);
  assert_int_equal(strlen(version->vectors_sha256), 64);
  assert_true(version->version[0] && version->kernel[0] && version->commit[0]);
  rnnloss_client_version_free(version);
}

static void health(void **state) {
  (void)state;
  char endpoints[400];
  snprintf(endpoints, sizeof endpoints, "%s,%s", variable("RNNLOSS_TEST_CLOSED"), variable("RNNLOSS_TEST_URL"));
  rnnloss_client *both = client_of(endpoints);
  assert_int_equal(rnnloss_client_endpoint_count(both), 2);
  assert_string_equal(rnnloss_client_endpoint(both, 1), variable("RNNLOSS_TEST_URL"));
  assert_null(rnnloss_client_endpoint(both, 2));
  assert_string_equal(rnnloss_client_health(both, 0), "unreachable");
  assert_string_equal(rnnloss_client_health(both, 1), "ready");
  assert_string_equal(rnnloss_client_health(both, 2), "unreachable");
  rnnloss_client_free(both);
}

static void from_environment(void **state) {
  (void)state;
  rnnloss_client_answer *answer = NULL;
  setenv("RNNLOSS_URL", variable("RNNLOSS_TEST_UNIX"), 1);
  setenv("http_proxy", variable("RNNLOSS_TEST_CLOSED"), 1); /* which is not asked */
  rnnloss_client *own = client_with(NULL);
  assert_string_equal(rnnloss_client_endpoint(own, 0), variable("RNNLOSS_TEST_UNIX"));
  assert_true(rnnloss_client_loss(own, &small, &answer, NULL));
  check_small(answer);
  rnnloss_client_free(own);
  check_small(answer); /* outlives the handle */
  rnnloss_client_answer_free(answer);
  own = client_of(variable("RNNLOSS_TEST_URL"));
  assert_true(rnnloss_client_loss(own, &small, &answer, NULL));
  rnnloss_client_answer_free(answer);
  rnnloss_client_free(own);
  unsetenv("http_proxy");
  unsetenv("RNNLOSS_URL");
  own = client_with(NULL);
  assert_string_equal(rnnloss_client_endpoint(own, 0), "http://127.0.0.1:8080");
  rnnloss_client_free(own);
}

static void nothing(void **state) {
  (void)state;
  const rnnloss_client_problem problem = {0}; /* no weights, no tensors: a loss of 0 */
  rnnloss_client_answer *answer = ask(&problem);
  assert_true(answer->loss == 0 && answer->term_count == 0);
  rnnloss_client_answer_free(answer);
  rnnloss_client_answer_free(NULL);
  rnnloss_client_report_free(NULL);
  rnnloss_client_response_free(NULL);
  rnnloss_client_version_free(NULL);
  rnnloss_client_free(NULL);
}

int test_calls(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(per_term),
                                     cmocka_unit_test(wrt),
                                     cmocka_unit_test(gradient_dtype_and_digest),
                                     cmocka_unit_test(propagate),
                                     cmocka_unit_test(errors),
                                     cmocka_unit_test(arguments),
                                     cmocka_unit_test(validate),
                                     cmocka_unit_test(routes),
                                     cmocka_unit_test(health),
                                     cmocka_unit_test(nothing),
                                     cmocka_unit_test(from_environment)};
  return cmocka_run_group_tests_name("calls", tests, begin, end);
}
