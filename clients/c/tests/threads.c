/* threads.c - many threads, a handle each; and large tensors, whose sending and receiving overlap */
#include <pthread.h>

#include "support.h"

#define THREADS 8
#define CALLS 40

static void *work(void *context) {
  size_t *well = context;
  rnnloss_client_settings settings;
  rnnloss_client_settings_init(&settings);
  settings.endpoints = getenv("RNNLOSS_TEST_URL");
  rnnloss_client *client = rnnloss_client_new(&settings, NULL);
  for (int i = 0; client && i < CALLS; i++) {
    rnnloss_client_answer *answer = NULL;
    rnnloss_client_problem problem = small;
    problem.encoding = (rnnloss_client_encoding)(i % 2);
    if (rnnloss_client_loss(client, &problem, &answer, NULL) && answer->loss == 1.25) ++*well;
    rnnloss_client_answer_free(answer);
  }
  rnnloss_client_free(client);
  return NULL;
}

static void at_once(void **state) {
  (void)state;
  pthread_t threads[THREADS];
  size_t well[THREADS] = {0};
  for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_create(&threads[i], NULL, work, &well[i]), 0);
  for (int i = 0; i < THREADS; i++) {
    pthread_join(threads[i], NULL);
    assert_int_equal(well[i], CALLS);
  }
}

/* 32 MB, and several handles at once in one thread. */
static void large(void **state) {
  (void)state;
  const size_t rows = 4000, columns = 2000;
  const size_t shape[] = {rows, columns};
  float *elements = malloc(rows * columns * sizeof *elements);
  assert_non_null(elements);
  for (size_t i = 0; i < rows * columns; i++) elements[i] = (float)(i % 1000) - 500;
  const rnnloss_client_tensor tensor = {"fr", RNNLOSS_CLIENT_F32, 2, shape, elements};
  const rnnloss_client_weight weight = {"lambda_fr", (double)(rows * columns) / 2};
  const rnnloss_client_problem problem = {.weights = &weight, .weight_count = 1, .tensors = &tensor, .tensor_count = 1};
  const char *const urls[] = {variable("RNNLOSS_TEST_URL"), variable("RNNLOSS_TEST_UNIX")};
  for (size_t i = 0; i < RNNLOSS_CLIENT_COUNT(urls); i++) {
    rnnloss_client *client = client_of(urls[i]);
    rnnloss_client_answer *answer = NULL;
    rnnloss_client_error error = {0};
    if (!rnnloss_client_loss(client, &problem, &answer, &error)) fail_msg("%s: %s", error.type, error.detail);
    assert_memory_equal(answer->gradients.items[0].data, elements, rows * columns * sizeof *elements);
    rnnloss_client_answer_free(answer);
    rnnloss_client_free(client);
  }
  free(elements);
}

int test_threads(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(at_once), cmocka_unit_test(large)};
  return cmocka_run_group_tests_name("threads", tests, NULL, NULL);
}
