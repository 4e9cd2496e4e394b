/* security.c - TLS, tokens, certificates: who is let in, and whom a client talks to */
#define _GNU_SOURCE /* setenv */
#include "support.h"

static rnnloss_client_settings settings_of_tls(void) {
  rnnloss_client_settings settings;
  rnnloss_client_settings_init(&settings);
  settings.endpoints = variable("RNNLOSS_TEST_TLS_URL");
  settings.token = variable("RNNLOSS_TEST_TOKEN");
  settings.ca = variable("RNNLOSS_TEST_CA");
  settings.certificate = variable("RNNLOSS_TEST_CERT");
  settings.key = variable("RNNLOSS_TEST_KEY");
  return settings;
}

static bool ask(const rnnloss_client_settings *settings, rnnloss_client_error *error) {
  rnnloss_client *client = client_with(settings);
  rnnloss_client_answer *answer = NULL;
  const bool well = rnnloss_client_loss(client, &small, &answer, error);
  if (well) check_small(answer);
  rnnloss_client_answer_free(answer);
  rnnloss_client_free(client);
  return well;
}

static void check_refused(const rnnloss_client_settings *settings, const char *type, int status) {
  rnnloss_client_error error = {0};
  const double began = clock_now();
  assert_false(ask(settings, &error));
  check_error(&error, type, status);
  assert_true(clock_now() - began < 1.5);
}

static void all_is_well(void **state) {
  (void)state;
  rnnloss_client_error error = {0};
  rnnloss_client_settings settings = settings_of_tls();
  if (!ask(&settings, &error)) fail_msg("%s: %s", error.type, error.detail);
  setenv("RNNLOSS_TOKEN", settings.token, 1);
  settings.token = NULL;
  assert_true(ask(&settings, &error));
  settings.token = ""; /* none, in spite of the environment */
  check_refused(&settings, "unauthorized", 401);
  unsetenv("RNNLOSS_TOKEN");
}

static void wrong_token(void **state) {
  (void)state;
  rnnloss_client_settings settings = settings_of_tls();
  settings.token = NULL;
  check_refused(&settings, "unauthorized", 401);
  settings.token = "clients-test-token-9999999999";
  check_refused(&settings, "unauthorized", 401);
}

static void no_certificate(void **state) {
  (void)state;
  rnnloss_client_settings settings = settings_of_tls();
  settings.certificate = settings.key = NULL;
  check_refused(&settings, "forbidden", 403);
}

/* A daemon that nobody vouches for is not talked to, and not again. Its log would show each attempt; the time does,
 * too: three retries would wait. */
static void wrong_ca(void **state) {
  (void)state;
  rnnloss_client_settings settings = settings_of_tls();
  settings.ca = NULL; /* the system's, which do not know the test's */
  settings.retries = 30;
  check_refused(&settings, "unreachable", 0);
  settings.ca = settings.certificate; /* some certificate, but not the CA's */
  check_refused(&settings, "unreachable", 0);
  settings.ca = "/nowhere/ca.pem";
  check_refused(&settings, "unreachable", 0);
}

/* The right daemon, by a name that its certificate does not have. */
static void wrong_host(void **state) {
  (void)state;
  char url[200];
  rnnloss_client_settings settings = settings_of_tls();
  snprintf(url, sizeof url, "https://other.localhost%s",
           strrchr(settings.endpoints, ':')); /* libcurl knows where that is */
  settings.endpoints = url;
  settings.retries = 30;
  rnnloss_client_error error = {0};
  assert_false(ask(&settings, &error));
  check_error(&error, "unreachable", 0);
  if (!strstr(error.detail, "SSL")) fail_msg("%s", error.detail);
}

static void unix_socket(void **state) {
  (void)state;
  rnnloss_client_error error = {0};
  rnnloss_client_settings settings;
  rnnloss_client_settings_init(&settings);
  settings.endpoints = variable("RNNLOSS_TEST_UNIX");
  if (!ask(&settings, &error)) fail_msg("%s: %s", error.type, error.detail);
  settings.endpoints = "unix:/nowhere/socket";
  settings.retries = 1;
  check_refused(&settings, "unreachable", 0);
}

int test_security(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(all_is_well),    cmocka_unit_test(wrong_token),
                                     cmocka_unit_test(no_certificate), cmocka_unit_test(wrong_ca),
                                     cmocka_unit_test(wrong_host),     cmocka_unit_test(unix_socket)};
  return cmocka_run_group_tests_name("security", tests, NULL, NULL);
}
