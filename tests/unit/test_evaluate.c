/* The call that does it all at once gives what the stages give, for any number of tasks, and says what is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rnnloss.h"

static rnnloss_status run(const rnnloss_batch *batch, const rnnloss_team *team, rnnloss_values *values,
                          rnnloss_term *culprit) {
  size_t size = rnnloss_evaluate_size(batch, team != NULL ? team->tasks : 1);
  void *memory = malloc(size + 1);
  rnnloss_status status = rnnloss_evaluate(batch, team, memory, size, values, culprit);
  free(memory);
  return status;
}

/* 3, 4 away from the target: 12.5; the gradient is 2/2 of the difference. */
static void mean_square_by_hand(void **state) {
  (void)state;
  const double pred[] = {3, 5}, target[] = {0, 1};
  double d_pred[2], d_target[2];
  rnnloss_values values;
  rnnloss_batch batch = {.lambda = {[RNNLOSS_MSE] = 1}};
  batch.tensor[RNNLOSS_PRED] = (rnnloss_view){pred, RNNLOSS_F64, 1, 2};
  batch.tensor[RNNLOSS_TARGET] = (rnnloss_view){target, RNNLOSS_F64, 1, 2};
  batch.gradient[RNNLOSS_PRED] = (rnnloss_output){d_pred, RNNLOSS_F64};
  batch.gradient[RNNLOSS_TARGET] = (rnnloss_output){d_target, RNNLOSS_F64};
  assert_int_equal(run(&batch, NULL, &values, NULL), RNNLOSS_OK);
  assert_true(values.loss == 12.5 && values.active == 1u << RNNLOSS_MSE);
  assert_true(d_pred[0] == 3 && d_pred[1] == 4 && d_target[0] == -3 && d_target[1] == -4);
}

/* Means 1 and 3: mu 2, sigma 1, in F32; all three terms of fr. */
static void rates_by_hand(void **state) {
  (void)state;
  const float fr[] = {0, 3, 2, 3};
  float gradient[4];
  rnnloss_values values;
  rnnloss_batch batch = {.lambda = {[RNNLOSS_FR] = 2, [RNNLOSS_FR_SD] = 4, [RNNLOSS_FR_CV] = 8}};
  batch.tensor[RNNLOSS_RATE] = (rnnloss_view){fr, RNNLOSS_F32, 2, 2};
  batch.gradient[RNNLOSS_RATE] = (rnnloss_output){gradient, RNNLOSS_F32};
  assert_int_equal(run(&batch, NULL, &values, NULL), RNNLOSS_OK);
  assert_true(values.unweighted[RNNLOSS_FR] == 5.5 && values.unweighted[RNNLOSS_FR_SD] == 1);
  assert_true(values.unweighted[RNNLOSS_FR_CV] == 0.5 && values.loss == 11 + 4 + 4);
  /* a = 4/4; c = 4 (m - 2)/4 + 8/4 ((m - 2)/2 - 1/4) = 2 (m - 2) - 1/2 */
  assert_true(gradient[0] == -2.5f && gradient[1] == 4.5f && gradient[2] == -0.5f && gradient[3] == 4.5f);
}

static void unused_gradients_are_zero(void **state) {
  (void)state;
  double gradient[3] = {1, 1, 1};
  rnnloss_values values;
  rnnloss_batch batch = {{0}, {{0}}, {{0}}};
  batch.tensor[RNNLOSS_W_IN] = (rnnloss_view){NULL, RNNLOSS_F64, 1, 3};
  batch.gradient[RNNLOSS_W_IN] = (rnnloss_output){gradient, RNNLOSS_F64};
  assert_int_equal(run(&batch, NULL, &values, NULL), RNNLOSS_OK);
  assert_true(values.loss == 0 && values.active == 0 && gradient[0] == 0 && gradient[2] == 0);
}

static void run_backwards(void *context, size_t tasks, void (*task)(void *, size_t), void *argument) {
  (void)context;
  while (tasks-- > 0) task(argument, tasks);
}

static void more_tasks_than_rows(void **state) {
  (void)state;
  const double fr[] = {0.1, 0.7, 0.2};
  double alone[3], split[3];
  rnnloss_values one, many;
  rnnloss_team team = {7, run_backwards, NULL};
  rnnloss_batch batch = {.lambda = {[RNNLOSS_FR] = 0.3, [RNNLOSS_FR_SD] = 1}};
  batch.tensor[RNNLOSS_RATE] = (rnnloss_view){fr, RNNLOSS_F64, 1, 3};
  batch.gradient[RNNLOSS_RATE] = (rnnloss_output){alone, RNNLOSS_F64};
  assert_int_equal(run(&batch, NULL, &one, NULL), RNNLOSS_OK);
  batch.gradient[RNNLOSS_RATE].data = split;
  assert_int_equal(run(&batch, &team, &many, NULL), RNNLOSS_OK);
  assert_memory_equal(&one.loss, &many.loss, sizeof one.loss);
  assert_memory_equal(alone, split, sizeof alone);
}

static void in_place(void **state) {
  (void)state;
  double w[] = {1, -2};
  rnnloss_values values;
  rnnloss_batch batch = {.lambda = {[RNNLOSS_OUT] = 3}};
  batch.tensor[RNNLOSS_W_OUT] = (rnnloss_view){w, RNNLOSS_F64, 1, 2};
  batch.gradient[RNNLOSS_W_OUT] = (rnnloss_output){w, RNNLOSS_F64};
  assert_int_equal(run(&batch, NULL, &values, NULL), RNNLOSS_OK);
  assert_true(values.loss == 7.5 && w[0] == 3 && w[1] == -6);
}

/* ---- What is refused ---- */

static rnnloss_batch good_batch(void) {
  static const double x[4] = {1, 2, 3, 4};
  rnnloss_batch batch = {.lambda = {[RNNLOSS_MSE] = 1, [RNNLOSS_FR_CV] = 1}};
  for (int t = 0; t <= RNNLOSS_RATE; t++) batch.tensor[t] = (rnnloss_view){x, RNNLOSS_F64, 2, 2};
  return batch;
}

static void expect(rnnloss_batch *batch, rnnloss_status status, rnnloss_term culprit) {
  rnnloss_values values;
  rnnloss_term found = (rnnloss_term)RNNLOSS_TERMS;
  char memory[1];
  assert_int_equal(rnnloss_evaluate_size(batch, 1), 0);
  assert_int_equal(rnnloss_evaluate(batch, NULL, memory, sizeof memory, &values, &found), status);
  assert_int_equal(found, culprit);
  *batch = good_batch();
}

static void refuses_invalid_batches(void **state) {
  (void)state;
  rnnloss_batch batch = good_batch();
  batch.lambda[RNNLOSS_FR] = -1;
  expect(&batch, RNNLOSS_E_LAMBDA, RNNLOSS_FR);
  batch.tensor[RNNLOSS_TARGET].data = NULL;
  expect(&batch, RNNLOSS_E_MISSING, RNNLOSS_MSE);
  batch.tensor[RNNLOSS_TARGET].units = 3;
  expect(&batch, RNNLOSS_E_ARGUMENT, RNNLOSS_MSE);
  batch.tensor[RNNLOSS_PRED].dtype = (rnnloss_dtype)9;
  expect(&batch, RNNLOSS_E_ARGUMENT, RNNLOSS_MSE);
  batch.tensor[RNNLOSS_RATE].rows = 0;
  expect(&batch, RNNLOSS_E_LIMIT, RNNLOSS_FR_CV);
  batch.tensor[RNNLOSS_RATE].rows = UINT64_MAX / 2;
  expect(&batch, RNNLOSS_E_LIMIT, RNNLOSS_FR_CV);
  batch.tensor[RNNLOSS_RATE].units = RNNLOSS_MAX_NEURONS + 1;
  expect(&batch, RNNLOSS_E_LIMIT, RNNLOSS_FR_CV);
  assert_int_equal(rnnloss_evaluate_size(&batch, SIZE_MAX / 2), 0);
  assert_int_equal(rnnloss_evaluate_size(&batch, 0), 0);
  assert_int_equal(rnnloss_evaluate_size(NULL, 1), 0);
}

static void says_what_has_no_value(void **state) {
  (void)state;
  const double zero[] = {1, -1}, huge[] = {1e200, 1e200};
  double gradient[2];
  rnnloss_values values;
  rnnloss_term culprit;
  rnnloss_batch batch = {.lambda = {[RNNLOSS_FR_CV] = 1}};
  batch.tensor[RNNLOSS_RATE] = (rnnloss_view){zero, RNNLOSS_F64, 1, 2};
  assert_int_equal(run(&batch, NULL, &values, &culprit), RNNLOSS_E_UNDEFINED);
  assert_int_equal(culprit, RNNLOSS_FR_CV);
  batch = (rnnloss_batch){.lambda = {[RNNLOSS_IN] = 1}};
  batch.tensor[RNNLOSS_W_IN] = (rnnloss_view){huge, RNNLOSS_F64, 2, 1};
  assert_int_equal(run(&batch, NULL, &values, &culprit), RNNLOSS_E_OVERFLOW);
  assert_int_equal(culprit, RNNLOSS_IN);
  const double tiny[] = {0x1p-600}; /* the value is there, the coefficient 2 lambda isn't */
  batch.lambda[RNNLOSS_IN] = 1.5e308;
  batch.tensor[RNNLOSS_W_IN] = (rnnloss_view){tiny, RNNLOSS_F64, 1, 1};
  assert_int_equal(run(&batch, NULL, &values, &culprit), RNNLOSS_OK);
  batch.gradient[RNNLOSS_W_IN] = (rnnloss_output){gradient, RNNLOSS_F64};
  assert_int_equal(run(&batch, NULL, &values, &culprit), RNNLOSS_E_OVERFLOW);
  assert_int_equal(culprit, RNNLOSS_IN);
}

static void refuses_invalid_calls(void **state) {
  (void)state;
  rnnloss_batch batch = good_batch();
  rnnloss_values values;
  rnnloss_team idle = {0, run_backwards, NULL}, nobody = {2, NULL, NULL};
  size_t size = rnnloss_evaluate_size(&batch, 2);
  void *memory = malloc(size);
  assert_true(size > 0);
  assert_int_equal(rnnloss_evaluate(NULL, NULL, memory, size, &values, NULL), RNNLOSS_E_ARGUMENT);
  assert_int_equal(rnnloss_evaluate(&batch, NULL, NULL, size, &values, NULL), RNNLOSS_E_ARGUMENT);
  assert_int_equal(rnnloss_evaluate(&batch, NULL, memory, size, NULL, NULL), RNNLOSS_E_ARGUMENT);
  assert_int_equal(rnnloss_evaluate(&batch, NULL, memory, 64, &values, NULL), RNNLOSS_E_ARGUMENT);
  assert_int_equal(rnnloss_evaluate(&batch, &idle, memory, size, &values, NULL), RNNLOSS_E_ARGUMENT);
  assert_int_equal(rnnloss_evaluate(&batch, &nobody, memory, size, &values, NULL), RNNLOSS_E_ARGUMENT);
  assert_int_equal(rnnloss_evaluate(&batch, NULL, memory, size, &values, NULL), RNNLOSS_OK);
  free(memory);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(mean_square_by_hand),
      cmocka_unit_test(rates_by_hand),
      cmocka_unit_test(unused_gradients_are_zero),
      cmocka_unit_test(more_tasks_than_rows),
      cmocka_unit_test(in_place),
      cmocka_unit_test(refuses_invalid_batches),
      cmocka_unit_test(says_what_has_no_value),
      cmocka_unit_test(refuses_invalid_calls),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
