/* The arithmetic below the values: big numbers against identities, quick attempts against big numbers, and the
 * finish at its borders from any guess. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include "approx.h"
#include "finish.h"
#include "limbs.h"
#include "random_bits.h"

#include <cmocka.h>

static void random_big(struct rnn_big *x, size_t words) {
  uint64_t w[RNN_BIG_WORDS];
  for (size_t i = 0; i < words; i++)
    w[i] = random_bits() % 5 == 0 ? 0 : random_bits() % 5 == 1 ? UINT64_MAX : random_bits();
  rnn_big_set_words(x, w, words, (int32_t)(random_bits() % 400) - 200, random_bits() & 1);
}

static void assert_equal(const struct rnn_big *x, const struct rnn_big *y) {
  assert_false(x->broken || y->broken);
  assert_int_equal(x->sign, y->sign);
  assert_int_equal(rnn_big_compare(x, y), 0);
}

/* (x + y)^2 - (x - y)^2 = 4xy, and (x + y) - y = x */
static void identities(void **state) {
  (void)state;
  static struct rnn_big x, y, s, d, a, b, c;
  for (int i = 0; i < 20000; i++) {
    random_big(&x, random_bits() % 12);
    random_big(&y, random_bits() % 12);
    rnn_big_add(&s, &x, &y, 1);
    rnn_big_add(&d, &x, &y, -1);
    rnn_big_mul(&a, &s, &s);
    rnn_big_mul(&b, &d, &d);
    rnn_big_add(&c, &a, &b, -1);
    rnn_big_mul(&a, &x, &y);
    rnn_big_mul_u64(&a, &a, 4);
    assert_equal(&a, &c);
    rnn_big_add(&a, &s, &y, -1);
    assert_equal(&a, &x);
    int order = rnn_big_compare(&x, &y);
    assert_int_equal(rnn_big_compare(&y, &x), -order);
    rnn_big_add(&a, &x, &x, -1);
    assert_int_equal(a.sign, 0);
    assert_int_equal(a.words, 0);
  }
}

static void capacity(void **state) {
  (void)state;
  static struct rnn_big x, y, z;
  static uint64_t words[RNN_BIG_WORDS + 1];
  words[0] = words[RNN_BIG_WORDS - 1] = words[RNN_BIG_WORDS] = 1;
  rnn_big_set_words(&x, words, RNN_BIG_WORDS + 1, 0, false);
  assert_true(x.broken);
  rnn_big_set_words(&x, words, RNN_BIG_WORDS, 0, false);
  assert_false(x.broken);
  rnn_big_mul_u64(&y, &x, 2);
  assert_true(y.broken);
  rnn_big_mul(&z, &x, &x);
  assert_true(z.broken);
  rnn_big_add(&z, &x, &y, 1); /* of a broken one */
  assert_true(z.broken);
  rnn_big_mul(&z, &y, &y);
  assert_true(z.broken);
  rnn_big_set(&y, 1);
  y.exponent = 40000;
  rnn_big_add(&z, &x, &y, 1);
  assert_true(z.broken);
  assert_int_equal(rnn_big_compare(&x, &y), -1); /* far shifts need no room */
  double out;
  static struct rnn_finish_scratch scratch;
  rnn_big_set(&y, 0);
  struct rnn_surd v = {.p = &z, .r = &x, .x = &y};
  assert_int_equal(rnn_finish(&v, 0, &scratch, &out), RNNLOSS_E_INTERNAL);
  v.p = &x;
  assert_int_equal(rnn_finish(&v, 0, &scratch, &out), RNNLOSS_E_INTERNAL); /* m r is too wide */
}

static void limbs(void **state) {
  (void)state;
  static struct rnn_big x, y;
  for (int i = 0; i < 11 * 32 - 2; i++)
    for (int negative = 0; negative < 2; negative++) {
      int64_t limb[11 + 4] = {0};
      rnn_limbs_add(limb, 1, (unsigned)i, negative);
      rnn_limbs_settle(limb, 11);
      rnn_big_set_limbs(&x, limb, 11, 0);
      rnn_big_set(&y, 1);
      y.exponent = i;
      y.sign = negative ? -1 : 1;
      assert_equal(&x, &y);
    }
}

/* |x - near| <= error */
static void assert_contains(struct rnn_approx near, const struct rnn_big *x) {
  static struct rnn_big m, difference, error;
  assert_true(near.error != RNN_LOST);
  uint64_t w[2] = {(uint64_t)near.m, (uint64_t)(near.m >> 64)};
  rnn_big_set_words(&m, w, 2, near.exponent, near.sign < 0);
  rnn_big_add(&difference, x, &m, -1);
  rnn_big_set(&error, near.error);
  error.exponent = near.exponent;
  assert_true(rnn_big_compare(&difference, &error) <= 0);
}

static void approximations(void **state) {
  (void)state;
  static struct rnn_big x, y, z, product;
  for (int i = 0; i < 20000; i++) {
    random_big(&x, 1 + random_bits() % 6);
    random_big(&y, 1 + random_bits() % 6);
    if (i % 3 == 0) { /* neighbours: sums that cancel */
      rnn_big_set(&z, random_bits());
      z.exponent = x.exponent;
      rnn_big_add(&y, &x, &z, 1);
    }
    struct rnn_approx a = rnn_approx_big(&x), b = rnn_approx_big(&y);
    assert_contains(a, &x);
    rnn_big_mul(&z, &x, &y);
    assert_contains(rnn_approx_mul(a, b), &z);
    for (int sign = -1; sign <= 1; sign += 2) {
      struct rnn_approx c = b;
      c.sign = (int8_t)(sign * b.sign);
      struct rnn_approx sum = rnn_approx_add(a, c);
      rnn_big_add(&z, &x, &y, sign);
      if (sum.error != RNN_LOST)
        assert_contains(sum, &z);
      else
        assert_true(i % 3 == 0 || x.words == 0 || y.words == 0 || rnn_big_compare(&z, &x) < 0);
    }
    if (y.sign != 0) { /* q y = x up to the errors of both: check |q y - x| <= (error + 2) |y| */
      struct rnn_approx q = rnn_approx_div(a, b);
      uint64_t w[2] = {(uint64_t)q.m, (uint64_t)(q.m >> 64)};
      rnn_big_set_words(&z, w, 2, q.exponent, q.sign < 0);
      rnn_big_mul(&product, &z, &y);
      rnn_big_add(&z, &product, &x, -1);
      rnn_big_mul_u64(&product, &y, q.error);
      product.exponent += q.exponent;
      assert_true(rnn_big_compare(&z, &product) <= 0);
    }
    if (x.sign != 0) { /* (r - error)^2 <= x <= (r + error)^2 */
      x.sign = 1;
      struct rnn_approx r = rnn_approx_root(rnn_approx_big(&x));
      for (int sign = -1; sign <= 1; sign += 2) {
        rnn_u128 end = sign < 0 ? r.m - r.error : r.m + r.error;
        uint64_t w[3] = {(uint64_t)end, (uint64_t)(end >> 64), sign > 0 && end < r.m};
        rnn_big_set_words(&z, w, 3, r.exponent, false);
        rnn_big_mul(&product, &z, &z);
        assert_true(sign * rnn_big_compare(&product, &x) >= 0);
      }
    }
  }
}

static void approximate_zero_and_lost(void **state) {
  (void)state;
  struct rnn_approx zero = rnn_approx_u64(0), one = rnn_approx_u64(1), lost = rnn_approx_div(one, zero);
  double out = 1;
  assert_true(lost.error == RNN_LOST);
  assert_true(rnn_approx_round(&zero, &out) && out == 0);
  assert_false(rnn_approx_round(&lost, &out));
  assert_true(rnn_approx_mul(zero, lost).error == 0);
  assert_true(rnn_approx_mul(one, lost).error == RNN_LOST);
  assert_true(rnn_approx_add(one, lost).error == RNN_LOST);
  assert_true(rnn_approx_root(lost).error == RNN_LOST);
  assert_true(rnn_approx_root(zero).m == 0);
  assert_true(rnn_approx_div(zero, one).m == 0);
  assert_true(rnn_approx_guess(&lost) == rnn_bits_of(1));
  struct rnn_approx third = rnn_approx_div(one, rnn_approx_u64(3)), same = third;
  same.sign = -1;
  assert_true(rnn_approx_add(third, same).error == RNN_LOST); /* not known to be 0 */
  third.exponent = 5000;
  assert_true(rnn_approx_guess(&third) == RNN_INF_BITS);
  assert_false(rnn_approx_round(&third, &out));
  third.exponent = -5000;
  assert_true(rnn_approx_guess(&third) == 0);
  assert_false(rnn_approx_round(&third, &out));
}

/* Rounds sign m 2^exponent, as p/1, as 3p/3, as sqrt, and as 2p - sqrt(p^2), from many guesses. */
static void assert_finish(uint64_t m, int32_t exponent, rnnloss_status status, double wanted) {
  static struct rnn_big p, one, zero, square, twice, three, triple;
  static struct rnn_finish_scratch scratch;
  rnn_big_set(&p, m);
  p.exponent += exponent;
  rnn_big_set(&one, 1);
  rnn_big_set(&zero, 0);
  rnn_big_set(&three, 3);
  rnn_big_mul(&square, &p, &p);
  rnn_big_mul_u64(&twice, &p, 2);
  rnn_big_mul_u64(&triple, &p, 3);
  const struct rnn_surd forms[] = {{.p = &p, .r = &one, .x = &zero},
                                   {.p = &triple, .r = &three, .x = &zero},
                                   {.root = true, .sign = 1, .r = &one, .x = &square},
                                   {.p = &zero, .sign = 1, .r = &one, .x = &square},
                                   {.p = &twice, .sign = -1, .r = &one, .x = &square},
                                   {.p = &twice, .sign = 1, .r = &three, .x = &square}};
  const uint64_t guesses[] = {
      0, 1, rnn_bits_of(1), rnn_bits_of(wanted), RNN_INF_BITS - 1, RNN_INF_BITS, UINT64_MAX, random_bits()};
  for (size_t f = 0; f < sizeof forms / sizeof forms[0]; f++)
    for (size_t g = 0; g < sizeof guesses / sizeof guesses[0]; g++) {
      double out = -1;
      assert_int_equal(rnn_finish(&forms[f], guesses[g], &scratch, &out), status);
      if (status == RNNLOSS_OK) assert_true(rnn_bits_of(out) == rnn_bits_of(wanted));
    }
}

static void finish_borders(void **state) {
  (void)state;
  assert_finish(1, 0, RNNLOSS_OK, 1);
  assert_finish((UINT64_C(1) << 53) + 1, 0, RNNLOSS_OK, 0x1p53);     /* a tie, to even: down */
  assert_finish((UINT64_C(1) << 53) + 3, 0, RNNLOSS_OK, 0x1p53 + 4); /* up */
  assert_finish((UINT64_C(1) << 54) + 3, 0, RNNLOSS_OK, 0x1p54 + 4); /* above the midpoint */
  assert_finish((UINT64_C(1) << 54) - 1, 0, RNNLOSS_OK, 0x1p54);     /* into the next binade */
  assert_finish(1, -1074, RNNLOSS_OK, 0x1p-1074);
  assert_finish(1, -1075, RNNLOSS_OK, 0); /* half the smallest: to even */
  assert_finish((UINT64_C(1) << 60) + 1, -1135, RNNLOSS_OK, 0x1p-1074);
  assert_finish(3, -1075, RNNLOSS_OK, 0x1p-1073);
  assert_finish(5, -1075, RNNLOSS_OK, 0x1p-1073);
  assert_finish((UINT64_C(1) << 53) - 1, -1075, RNNLOSS_OK, 0x1p-1022); /* largest subnormal and a half */
  assert_finish((UINT64_C(1) << 53) - 1, 971, RNNLOSS_OK, 0x1.fffffffffffffp1023);
  assert_finish((UINT64_C(1) << 54) - 1, 970, RNNLOSS_E_OVERFLOW, 0); /* the tie beyond DBL_MAX */
  assert_finish((UINT64_C(1) << 60) - 65, 964, RNNLOSS_OK, 0x1.fffffffffffffp1023);
  assert_finish(1, 1024, RNNLOSS_E_OVERFLOW, 0);
  assert_finish(1, 2500, RNNLOSS_E_OVERFLOW, 0);
  assert_finish(1, -3000, RNNLOSS_OK, 0);
  assert_finish(0, 0, RNNLOSS_OK, 0);
}

static void finish_signs(void **state) {
  (void)state;
  static struct rnn_big p, r, x;
  static struct rnn_finish_scratch scratch;
  double out;
  rnn_big_set_double(&p, -3);
  rnn_big_set(&r, 2);
  rnn_big_set(&x, 4);
  struct rnn_surd v = {.p = &p, .sign = 1, .r = &r, .x = &x}; /* (-3 + 2)/2 */
  assert_int_equal(rnn_finish(&v, 0, &scratch, &out), RNNLOSS_OK);
  assert_true(out == -0.5);
  v.sign = -1; /* (-3 - 2)/2 */
  assert_int_equal(rnn_finish(&v, 0, &scratch, &out), RNNLOSS_OK);
  assert_true(out == -2.5);
  rnn_big_set(&x, 9);
  v.sign = 1; /* exactly 0 is +0 */
  assert_int_equal(rnn_finish(&v, 0, &scratch, &out), RNNLOSS_OK);
  assert_true(rnn_bits_of(out) == 0);
  rnn_big_set(&x, 2); /* (-3 + sqrt 2)/2 */
  assert_int_equal(rnn_finish(&v, 0, &scratch, &out), RNNLOSS_OK);
  assert_true(out == -0x1.95f619980c433p-1);
  p.exponent = -2000; /* -3 2^-2000 keeps its sign on underflow */
  rnn_big_set(&x, 0);
  assert_int_equal(rnn_finish(&v, 0, &scratch, &out), RNNLOSS_OK);
  assert_true(rnn_bits_of(out) == UINT64_C(1) << 63);
  r.sign = -1;
  assert_int_equal(rnn_finish(&v, 0, &scratch, &out), RNNLOSS_E_INTERNAL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(identities),
      cmocka_unit_test(capacity),
      cmocka_unit_test(limbs),
      cmocka_unit_test(approximations),
      cmocka_unit_test(approximate_zero_and_lost),
      cmocka_unit_test(finish_borders),
      cmocka_unit_test(finish_signs),
  };
  return cmocka_run_group_tests_name("exact", tests, NULL, NULL);
}
