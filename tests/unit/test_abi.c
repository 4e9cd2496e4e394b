/* What programs compiled against an older header rely on: numbers of the enums, sizes and places of public members.
 * A change here is a new SONAME. Sizes are those of LP64 machines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rnnloss.h"

static void enums(void **state) {
  (void)state;
  assert_int_equal(RNNLOSS_E_INTERNAL, 8);
  assert_int_equal(RNNLOSS_E_OVERFLOW, 7);
  assert_int_equal(RNNLOSS_F64, 3);
  assert_int_equal(RNNLOSS_W_OUT, 5);
  assert_int_equal(RNNLOSS_FR_CV, 6);
  assert_int_equal(RNNLOSS_CONTRACT, 1);
}

static void structs(void **state) {
  (void)state;
  if (sizeof(void *) != 8) skip();
  assert_int_equal(sizeof(rnnloss_nonfinite), 24);
  assert_int_equal(sizeof(rnnloss_square), 8 * RNNLOSS_SQUARE_LIMBS + 8 + 24 + 8);
  assert_int_equal(offsetof(rnnloss_square, count), 8 * RNNLOSS_SQUARE_LIMBS);
  assert_int_equal(sizeof(rnnloss_rates), 104);
  assert_int_equal(offsetof(rnnloss_rates, count), 24);
  assert_int_equal(sizeof(rnnloss_problem), 56 + 40 + 8);
  assert_int_equal(sizeof(rnnloss_values), 8 + 8 + 56 + 56 + 40 + 8);
  assert_int_equal(offsetof(rnnloss_values, scale), 128);
  assert_int_equal(sizeof(rnnloss_affine), 32);
  assert_int_equal(sizeof(rnnloss_view), 32);
  assert_int_equal(sizeof(rnnloss_output), 16);
  assert_int_equal(sizeof(rnnloss_batch), 56 + 6 * 32 + 6 * 16);
  assert_int_equal(sizeof(rnnloss_team), 24);
  assert_int_equal(sizeof(rnnloss_term_info), 48);
  assert_int_equal(sizeof(rnnloss_tensor_info), 24);
}

static void memory_sizes(void **state) {
  (void)state;
  assert_int_equal(rnnloss_rates_size(RNNLOSS_F32, 10), 960);
  assert_int_equal(rnnloss_rates_size(RNNLOSS_F64, 10), 5600);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(enums),
      cmocka_unit_test(structs),
      cmocka_unit_test(memory_sizes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
