/* Problems for the digest: all dtypes and mixtures of them, magnitudes from subnormal to huge, equal, sparse and
 * non-finite elements, a few tensors that are large enough for every fast path. */
#include "problems.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t made_random(uint64_t *state) { /* splitmix64 */
  uint64_t z = *state += 0x9E3779B97F4A7C15U;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
  return z ^ (z >> 31);
}

static uint64_t below(uint64_t *state, uint64_t bound) {
  return made_random(state) % bound;
}

void *made_memory(size_t size) {
  void *memory = malloc(size != 0 ? size : 1);
  if (memory == NULL) {
    fputs("digest: out of memory\n", stderr);
    exit(2);
  }
  return memory;
}

enum kind { KIND_NORMAL, KIND_POSITIVE, KIND_ANY_EXPONENT, KIND_TINY, KIND_EQUAL, KIND_SPARSE, KIND_NEAR, KINDS };

/* Binary64 bits of one element. Sums of four uniform integers look normal enough. */
static uint64_t element_bits(uint64_t *state, enum kind kind, rnnloss_dtype dtype, uint64_t base) {
  static const int least[RNNLOSS_DTYPES] = {-24, -133, -149, -1074}, most[RNNLOSS_DTYPES] = {15, 127, 127, 1023};
  uint64_t random = made_random(state), sign = random >> 63 << 63, fraction = random & 0xFFFFFFFFFFFFFU;
  int64_t sum = 0;
  double value;
  uint64_t bits;
  switch (kind) {
  case KIND_ANY_EXPONENT:
    return sign |
           (uint64_t)(least[dtype] < -1022
                          ? 1 + below(state, 2046)
                          : 1023 + (uint64_t)least[dtype] + below(state, (uint64_t)(most[dtype] - least[dtype])))
               << 52 |
           fraction;
  case KIND_TINY:
    return sign |
           (dtype == RNNLOSS_F64 ? fraction : (uint64_t)(1023 + least[dtype] + (int)below(state, 12)) << 52 | fraction);
  case KIND_EQUAL:
    return base;
  case KIND_NEAR:
    return base + below(state, 3);
  case KIND_SPARSE:
    if (below(state, 8) != 0) return sign;
    break;
  case KIND_NORMAL:
  case KIND_POSITIVE:
  default:
    break;
  }
  for (int i = 0; i < 4; i++) sum += (int64_t)(made_random(state) >> 16) - ((int64_t)1 << 47);
  value = (double)sum * 0x1p-48;
  memcpy(&bits, &value, sizeof bits);
  return kind == KIND_POSITIVE ? bits & ~((uint64_t)1 << 63) : bits;
}

static void fill(struct made *made, int t, uint64_t *state) {
  rnnloss_view *view = &made->batch.tensor[t];
  size_t size = rnnloss_dtype_size(view->dtype), count = (size_t)(view->rows * view->units);
  enum kind kind = (enum kind)below(state, KINDS);
  uint64_t base = element_bits(state, KIND_NORMAL, view->dtype, 0);
  unsigned char *memory = made_memory(size * count + 16);
  unsigned char *data = memory + below(state, 9); /* tensors need no alignment */
  bool poisoned = below(state, 24) == 0;
  for (size_t i = 0; i < count; i++) {
    uint64_t bits = element_bits(state, kind, view->dtype, base);
    if (poisoned && below(state, 50) == 0) bits = 0x7FF0000000000000U | below(state, 2) << 63 | below(state, 2);
    double value;
    memcpy(&value, &bits, sizeof value);
    rnnloss_store(view->dtype, value, data + i * size);
  }
  made->owned[t] = memory;
  view->data = data;
}

static double lambda(uint64_t *state) {
  static const double some[] = {0, 0, 1, 1, 0.1, 0x1p-1074, 1e-8, 3e5, 0x1p300, 0.7};
  return some[below(state, sizeof some / sizeof *some)];
}

void made_begin(struct made *made, uint64_t index) {
  uint64_t state = index * 0x632BE59BD9B4E019U + 2026;
  bool large = index % 16 == 0;
  uint64_t rows = 1 + below(&state, large ? 300 : 9), outputs = 1 + below(&state, large ? 64 : 4);
  uint64_t hidden = 1 + below(&state, large ? 200 : 9), inputs = 1 + below(&state, large ? 64 : 4);
  if (below(&state, 4) == 0) hidden = 1 + below(&state, 3);
  const uint64_t shape[RNNLOSS_TENSORS][2] = {{rows, outputs},  {rows, outputs},  {rows, hidden},
                                              {hidden, inputs}, {hidden, hidden}, {outputs, hidden}};
  bool mixed = below(&state, 3) == 0;
  rnnloss_dtype dtype = (rnnloss_dtype)below(&state, RNNLOSS_DTYPES);
  memset(made, 0, sizeof *made);
  for (int k = 0; k < RNNLOSS_TERMS; k++) made->batch.lambda[k] = lambda(&state);
  for (int t = 0; t < RNNLOSS_TENSORS; t++) {
    rnnloss_view *view = &made->batch.tensor[t];
    *view = (rnnloss_view){.rows = shape[t][0], .units = shape[t][1]};
    view->dtype = mixed ? (rnnloss_dtype)below(&state, RNNLOSS_DTYPES) : dtype;
    fill(made, t, &state);
    rnnloss_dtype own = below(&state, 3) != 0 ? view->dtype : (rnnloss_dtype)below(&state, RNNLOSS_DTYPES);
    made->gradients[t] = made_memory((size_t)(view->rows * view->units) * 8);
    made->batch.gradient[t] = (rnnloss_output){.data = made->gradients[t], .dtype = own};
  }
}

void made_end(struct made *made) {
  for (int t = 0; t < RNNLOSS_TENSORS; t++) {
    free(made->owned[t]);
    free(made->gradients[t]);
  }
}

uint64_t made_elements(const struct made *made, int t) {
  return made->batch.tensor[t].rows * made->batch.tensor[t].units;
}
