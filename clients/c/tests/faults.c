/* faults.c - bad days of daemons and networks: which are tried again, how often, when, and where */
#include "support.h"

static char id[80];

/* FAULT-COUNT-ANYTHING, anything being new each time. */
static const char *new_id(const char *fault) {
  static int number;
  char random[ID_MAX + 1];
  random_id(random);
  snprintf(id, sizeof id, "%s-c%d-%s", fault, number++, random);
  return id;
}

struct result {
  bool well;
  rnnloss_client_error error;
  double seconds;
};

static struct result ask(rnnloss_client *client, const char *fault) {
  const rnnloss_client_problem problem = small_with_id(new_id(fault));
  rnnloss_client_answer *answer = NULL;
  struct result result = {.seconds = -clock_now()};
  result.well = rnnloss_client_loss(client, &problem, &answer, &result.error);
  result.seconds += clock_now();
  if (result.well) check_small(answer);
  if (result.well) assert_string_equal(answer->request_id, id);
  rnnloss_client_answer_free(answer);
  return result;
}

static struct result ask_anew(const char *fault, unsigned retries, double timeout) {
  rnnloss_client_settings settings;
  rnnloss_client_settings_init(&settings);
  settings.endpoints = variable("RNNLOSS_TEST_FAULTS");
  settings.retries = retries;
  settings.timeout = timeout;
  rnnloss_client *client = client_with(&settings);
  const struct result result = ask(client, fault);
  rnnloss_client_free(client);
  return result;
}

static void check_well(const struct result *result, int expected) {
  if (!result->well) fail_msg("%s: %s: %s", id, result->error.type, result->error.detail);
  assert_int_equal(attempts(id), expected);
}

static void check_failed(const struct result *result, const char *type, int status, int expected) {
  assert_false(result->well);
  check_error(&result->error, type, status);
  assert_int_equal(attempts(id), expected);
  assert_string_equal(result->error.request_id, id);
}

static void broken_connections(void **state) {
  (void)state;
  static const char *const faults[] = {"reset", "close", "cut", "refuse"};
  for (size_t i = 0; i < RNNLOSS_CLIENT_COUNT(faults); i++) {
    char fault[32];
    snprintf(fault, sizeof fault, "%s-2", faults[i]);
    struct result result = ask_anew(fault, 3, 60);
    check_well(&result, 3);
    snprintf(fault, sizeof fault, "%s-9", faults[i]);
    result = ask_anew(fault, 3, 60);
    check_failed(&result, "unreachable", 0, 4);
    result = ask_anew(fault, 0, 60);
    check_failed(&result, "unreachable", 0, 1);
  }
}

static void asked_to_wait(void **state) {
  (void)state;
  struct result result = ask_anew("busy-1", 3, 60);
  check_well(&result, 2);
  assert_true(result.seconds >= 1 && result.seconds < 3);
  result = ask_anew("down-1", 3, 60);
  check_well(&result, 2);
  assert_true(result.seconds >= 1 && result.seconds < 3);
  result = ask_anew("draining-2", 3, 60);
  check_well(&result, 3);
  assert_true(result.seconds < 1);
  result = ask_anew("draining-9", 2, 60);
  check_failed(&result, "draining", 503, 3);
  assert_string_equal(result.error.title, "made to order");
  result = ask_anew("busy-9", 1, 60);
  check_failed(&result, "rate-limited", 429, 2);
}

static void no_use_in_waiting(void **state) {
  (void)state;
  const struct result result = ask_anew("later-1", 3, 60);
  check_failed(&result, "overloaded", 503, 1);
  assert_true(result.seconds < 1);
}

static void strange_answers(void **state) {
  (void)state;
  struct result result = ask_anew("page-1", 3, 60);
  check_failed(&result, "unexpected-answer", 502, 1);
  assert_non_null(strstr(result.error.detail, "<html><h1>Bad Gateway"));
  result = ask_anew("wrong-1", 3, 60);
  check_failed(&result, "unexpected-answer", 200, 1);
  assert_non_null(strstr(result.error.detail, "hello"));
}

static void never_again(void **state) {
  (void)state;
  rnnloss_client *client = client_of(variable("RNNLOSS_TEST_FAULTS"));
  rnnloss_client_problem problem = small_with_id(new_id("none-0"));
  rnnloss_client_answer *answer = NULL;
  rnnloss_client_error error = {0};
  problem.tensor_count = 1;
  assert_false(rnnloss_client_loss(client, &problem, &answer, &error));
  check_error(&error, "missing-tensor", 422);
  assert_int_equal(attempts(id), 1);
  rnnloss_client_free(client);
}

static void too_slow(void **state) {
  (void)state;
  const struct result result = ask_anew("slow-1", 3, 0.5);
  check_failed(&result, "timeout", 0, 1);
  assert_true(result.seconds >= 0.45 && result.seconds < 2);
}

static void late_because_of_retries(void **state) {
  (void)state;
  const struct result result = ask_anew("busy-9", 9, 1.5); /* one wait of 1 s fits, not two */
  check_failed(&result, "rate-limited", 429, 2);
  assert_true(result.seconds < 1.5);
}

static void stale_connection(void **state) {
  (void)state;
  rnnloss_client_settings settings;
  rnnloss_client_settings_init(&settings);
  settings.endpoints = variable("RNNLOSS_TEST_FAULTS");
  settings.retries = 0; /* replacing it is no attempt */
  rnnloss_client *client = client_with(&settings);
  for (int i = 0; i < 3; i++) {
    const struct result result = ask(client, "bye-1");
    check_well(&result, 1);
  }
  rnnloss_client_free(client);
}

/* One that seems open, and is reset when it is used: what a proxy does that has forgotten it. */
static void reset_when_used_again(void **state) {
  (void)state;
  rnnloss_client_settings settings;
  rnnloss_client_settings_init(&settings);
  settings.endpoints = variable("RNNLOSS_TEST_FAULTS");
  settings.retries = 0;
  rnnloss_client *client = client_with(&settings);
  struct result result = ask(client, "none-0");
  check_well(&result, 1);
  static const char *const faults[] = {"reset-1", "close-1", "refuse-1"};
  for (size_t i = 0; i < RNNLOSS_CLIENT_COUNT(faults); i++) {
    result = ask(client, faults[i]);
    check_well(&result, 2);
  }
  rnnloss_client_free(client);
}

/* The same in the middle of a body that is still being sent. Where libcurl notices by writing rather than by reading,
 * it does not begin anew by itself; which of them it is, is a matter of luck: hence the rounds. */
static void reset_while_sending(void **state) {
  (void)state;
  const size_t shape[] = {1000, 4000};
  float *rates = calloc(shape[0] * shape[1], sizeof *rates);
  assert_non_null(rates);
  const rnnloss_client_tensor tensor = {"fr", RNNLOSS_CLIENT_F32, 2, shape, rates};
  const rnnloss_client_option none = {"gradients", "none"};
  rnnloss_client_settings settings;
  rnnloss_client_settings_init(&settings);
  settings.endpoints = variable("RNNLOSS_TEST_FAULTS");
  settings.retries = 0;
  rnnloss_client *client = client_with(&settings);
  for (int round = 0; round < 40; round++) {
    const struct result result = ask(client, "none-0"); /* leaves a connection */
    check_well(&result, 1);
    const rnnloss_client_problem problem = {
        .tensors = &tensor, .tensor_count = 1, .options = &none, .option_count = 1, .request_id = new_id("refuse-1")};
    rnnloss_client_answer *answer = NULL;
    rnnloss_client_error error = {0};
    if (!rnnloss_client_loss(client, &problem, &answer, &error)) fail_msg("%s: %s", error.type, error.detail);
    assert_int_equal(attempts(id), 2);
    rnnloss_client_answer_free(answer);
  }
  rnnloss_client_free(client);
  free(rates);
}

static void connections_are_kept(void **state) {
  (void)state;
  rnnloss_client *client = client_of(variable("RNNLOSS_TEST_FAULTS"));
  const rnnloss_client_problem problem = small_with_id(new_id("none-0"));
  for (int i = 0; i < 5; i++) {
    rnnloss_client_answer *answer = NULL;
    assert_true(rnnloss_client_loss(client, &problem, &answer, NULL));
    rnnloss_client_answer_free(answer);
  }
  assert_int_equal(attempts(id), 5);
  assert_int_equal(connections(id), 1);
  rnnloss_client_free(client);
}

static void failover(void **state) {
  (void)state;
  char endpoints[400];
  struct fake fake;
  static const char busy[] = "HTTP/1.1 503 Busy\r\nContent-Type: application/problem+json\r\nContent-Length: 49\r\n"
                             "Connection: close\r\n\r\n{\"type\":\"#overloaded\",\"title\":\"t\",\"status\":503   }";
  fake_start(&fake, busy, sizeof busy - 1);
  snprintf(endpoints, sizeof endpoints, "%s,%s,%s", variable("RNNLOSS_TEST_CLOSED"), fake.url,
           variable("RNNLOSS_TEST_FAULTS"));
  rnnloss_client *client = client_of(endpoints);
  struct result result = ask(client, "none-0");
  check_well(&result, 1);
  assert_true(result.seconds < 0.1); /* at once */
  assert_int_equal(fake.requests, 1);
  for (int i = 0; i < 3; i++) { /* begins with the endpoint that answered last */
    result = ask(client, "none-0");
    check_well(&result, 1);
  }
  assert_int_equal(fake.requests, 1);
  result = ask(client, "draining-1"); /* then around: nobody, busy, and back */
  check_well(&result, 2);
  assert_int_equal(fake.requests, 2);
  rnnloss_client_free(client);
  fake_stop(&fake);
}

static void nobody(void **state) {
  (void)state;
  rnnloss_client *client = client_of(variable("RNNLOSS_TEST_CLOSED"));
  rnnloss_client_answer *answer = NULL;
  rnnloss_client_error error = {0};
  assert_false(rnnloss_client_loss(client, &small, &answer, &error));
  check_error(&error, "unreachable", 0);
  assert_true(error.request_id[0]);
  rnnloss_client_free(client);
}

static void health(void **state) {
  (void)state;
  static const struct {
    const char *answer, *expected;
  } cases[] = {{"HTTP/1.1 503 No\r\nContent-Length: 20\r\n\r\n{\"type\":\"#draining\"}", "draining"},
               {"HTTP/1.1 503 No\r\nContent-Length: 21\r\n\r\n{\"type\":\"#not-ready\"}", "not-ready"},
               {"HTTP/1.1 502 No\r\nContent-Length: 5\r\n\r\n<html", "unreachable"},
               {"garbage", "unreachable"},
               {"", "unreachable"}};
  for (size_t i = 0; i < RNNLOSS_CLIENT_COUNT(cases); i++) {
    struct fake fake;
    fake_start(&fake, cases[i].answer, strlen(cases[i].answer));
    rnnloss_client *client = client_of(fake.url);
    assert_string_equal(rnnloss_client_health(client, 0), cases[i].expected);
    assert_int_equal(fake.requests, 1);
    rnnloss_client_free(client);
    fake_stop(&fake);
  }
}

int test_faults(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(broken_connections),
                                     cmocka_unit_test(asked_to_wait),
                                     cmocka_unit_test(no_use_in_waiting),
                                     cmocka_unit_test(strange_answers),
                                     cmocka_unit_test(never_again),
                                     cmocka_unit_test(too_slow),
                                     cmocka_unit_test(late_because_of_retries),
                                     cmocka_unit_test(stale_connection),
                                     cmocka_unit_test(reset_when_used_again),
                                     cmocka_unit_test(reset_while_sending),
                                     cmocka_unit_test(connections_are_kept),
                                     cmocka_unit_test(failover),
                                     cmocka_unit_test(nobody),
                                     cmocka_unit_test(health)};
  return cmocka_run_group_tests_name("faults", tests, NULL, NULL);
}
