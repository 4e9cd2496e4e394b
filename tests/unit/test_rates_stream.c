/* Column sums that are kept between calls (lib/columns.c) hold what one-by-one integer sums hold: whatever the calls,
 * and whichever way each goes; however the exponents drift; with slices settled and sums merged at any time. */
#include <fenv.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "columns.h"
#include "random_bits.h"

#define LONGEST ((size_t)1 << 19) /* elements of a stream */

static unsigned char x[8 * LONGEST];

struct sum {
  rnnloss_rates rates;
  size_t bytes;
  void *memory;
};

static struct sum new_sum(rnnloss_dtype class, size_t neurons) {
  struct sum sum = {.bytes = rnnloss_rates_size(class, neurons)};
  sum.memory = malloc(sum.bytes);
  memset(sum.memory, 0x5A, sum.bytes); /* nothing may be read before it was written */
  assert_int_equal(rnnloss_rates_begin(&sum.rates, class, neurons, sum.memory, sum.bytes), RNNLOSS_OK);
  return sum;
}

static void add(struct sum *sum, rnnloss_dtype d, const unsigned char *at, size_t n) {
  assert_int_equal(rnnloss_rates_add(&sum->rates, NULL, NULL, d, at, n), RNNLOSS_OK);
}

/* Calls of so few elements go by integers, and open no window. */
static struct sum integer_sum(rnnloss_dtype class, size_t neurons, rnnloss_dtype d, size_t n) {
  struct sum sum = new_sum(class, neurons);
  for (size_t done = 0, part; done < n; done += part) {
    part = n - done < RNN_COLUMNS_FEW - 1 ? n - done : RNN_COLUMNS_FEW - 1;
    add(&sum, d, x + done * rnn_width(d), part);
  }
  assert_int_equal(sum.rates.window.parts, 0);
  return sum;
}

static void assert_same(struct sum *a, struct sum *b) {
  rnnloss_rates_settle(&a->rates, 0, a->rates.neurons);
  rnnloss_rates_settle(&b->rates, 0, b->rates.neurons);
  assert_true(a->rates.count == b->rates.count);
  assert_memory_equal(&a->rates.nonfinite, &b->rates.nonfinite, sizeof a->rates.nonfinite);
  assert_memory_equal(a->memory, b->memory, a->bytes); /* columns too: they are 0 */
}

/* Exponents drift: stretches of up to some rounds, each with a magnitude and a spread of its own, some with elements
 * that no window takes. */
static void drift(rnnloss_dtype d, size_t n, size_t neurons) {
  const struct rnn_layout l = rnn_layout(d);
  const unsigned most = (unsigned)l.field;
  for (size_t i = 0; i < n;) {
    size_t stretch = 1 + random_bits() % (4 * neurons);
    unsigned spread = 1 + (unsigned)(random_bits() % (d == RNNLOSS_F64 ? 60 : 24));
    unsigned base = 1 + (unsigned)(random_bits() % (most - 1));
    uint64_t odd = random_bits() % 4 == 0 ? 200 : UINT64_MAX;
    for (; stretch > 0 && i < n; stretch--, i++) {
      uint64_t field = base + random_bits() % spread;
      if (random_bits() % odd == 0) field = random_bits() % (most + 1); /* subnormal, or not finite, at times */
      if (field > most) field = most - 1;
      uint64_t bits = (random_bits() & ((UINT64_C(1) << l.stored) - 1)) | field << l.stored;
      if (random_bits() % 16 == 0) bits = 0;
      rnn_put_bits(d, bits | (random_bits() & 1) << (8 * rnn_width(d) - 1), x + i * rnn_width(d));
    }
  }
}

static size_t call_length(size_t neurons) {
  switch (random_bits() % 8) {
  case 0:
    return 1 + random_bits() % (RNN_COLUMNS_FEW - 1);
  case 1:
    return 1 + random_bits() % (140 * neurons); /* some of them go by tiles of their own */
  case 2:
    return neurons;
  default:
    return 1 + random_bits() % (3 * neurons);
  }
}

/* Streams n elements of d into a sum of class, in any rounding mode; now and then settles a slice, or goes on in
 * another sum, to be merged.
 */
static void check(rnnloss_dtype class, rnnloss_dtype d, size_t neurons, size_t n, bool merges) {
  struct sum expected = integer_sum(class, neurons, d, n), sum = new_sum(class, neurons),
             rest = new_sum(class, neurons);
  for (size_t done = 0, part; done < n; done += part) {
    part = call_length(neurons);
    if (merges && random_bits() % 4 == 0) part += neurons - (done + part) % neurons; /* to the end of a row */
    if (part > n - done) part = n - done;
    add(&sum, d, x + done * rnn_width(d), part);
    if (random_bits() % 8 == 0) rnnloss_rates_settle(&sum.rates, random_bits() % neurons, random_bits() % neurons);
    if (merges && (done + part) % neurons == 0 && random_bits() % 2 == 0) {
      struct sum other = sum;
      sum = rest;
      rest = other;
    }
    if (merges && sum.rates.count % neurons == 0 && rest.rates.count % neurons == 0 && random_bits() % 4 == 0) {
      assert_int_equal(rnnloss_rates_merge(&sum.rates, &rest.rates), RNNLOSS_OK);
      assert_int_equal(rnnloss_rates_begin(&rest.rates, class, neurons, rest.memory, rest.bytes), RNNLOSS_OK);
    }
  }
  if (merges) assert_int_equal(rnnloss_rates_merge(&sum.rates, &rest.rates), RNNLOSS_OK);
  assert_same(&expected, &sum);
  fesetround(FE_TONEAREST);
  free(expected.memory);
  free(sum.memory);
  free(rest.memory);
}

static void streams(void **state) {
  (void)state;
  static const size_t neurons[] = {256, 300, 1000, 4099, 30000};
  for (unsigned round = 0; round < 120; round++) {
    rnnloss_dtype d = (rnnloss_dtype)(round % RNNLOSS_DTYPES);
    rnnloss_dtype class = round % 12 < 4 ? RNNLOSS_F64 : d;
    size_t width = neurons[round % 5], n = (10 + random_bits() % 40) * width * (width < 1000 ? 10 : 1);
    if (n > LONGEST) n = LONGEST / width * width;
    drift(d, n, width);
    check(class, d, width, n, false);
    check(class, d, width, n, true);
  }
}

/* Other dtypes come to a window of F32, and F64 to one of its own. */
static void dtypes_mixed(void **state) {
  (void)state;
  const size_t neurons = 300, n = 20 * neurons;
  for (unsigned round = 0; round < 40; round++) {
    struct sum sum = new_sum(RNNLOSS_F64, neurons), expected = new_sum(RNNLOSS_F64, neurons);
    for (unsigned k = 0; k < 8; k++) {
      rnnloss_dtype d = (rnnloss_dtype)(random_bits() % RNNLOSS_DTYPES);
      drift(d, n, neurons);
      for (size_t done = 0, part; done < n; done += part) {
        part = n - done < 777 ? n - done : 777;
        add(&sum, d, x + done * rnn_width(d), part);
      }
      for (size_t i = 0; i < n; i += 100) add(&expected, d, x + i * rnn_width(d), 100);
    }
    assert_same(&sum, &expected);
    free(sum.memory);
    free(expected.memory);
  }
}

/* Windows filled to the brim: the largest magnitudes all along, of one sign, then odd multiples of the unit `width`
 * binades below. A sum that a window kept for longer than it may would lose these. */
static void brim(void **state) {
  (void)state;
  const size_t neurons = 256, n = LONGEST;
  for (unsigned width = 1; width <= 100; width++) {
    rnnloss_dtype d = width % 2 ? RNNLOSS_F32 : RNNLOSS_F64;
    const struct rnn_layout l = rnn_layout(d);
    const uint64_t top = l.field * 3 / 4, small = top - (d == RNNLOSS_F32 ? width / 4 : width / 2);
    for (size_t i = 0; i < n; i++) {
      uint64_t bits = top << l.stored | ((UINT64_C(1) << l.stored) - 1);
      if (i % 1000 == 77) bits = small << l.stored | 1;
      rnn_put_bits(d, bits, x + i * rnn_width(d));
    }
    struct sum sum = new_sum(d, neurons), expected = integer_sum(d, neurons, d, n);
    for (size_t done = 0, part; done < n; done += part) {
      part = n - done < 3000 ? n - done : 3000;
      add(&sum, d, x + done * rnn_width(d), part);
    }
    assert_int_not_equal(sum.rates.window.parts, 0);
    assert_same(&sum, &expected);
    free(sum.memory);
    free(expected.memory);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(streams),
      cmocka_unit_test(dtypes_mixed),
      cmocka_unit_test(brim),
  };
  return cmocka_run_group_tests_name("rates_stream", tests, NULL, NULL);
}
