/* Prints one digest of everything that the library computes over a fixed set of problems, and the variant of the
 * kernels that computed it:
 *
 *     digest [PROBLEMS]  ->  3f1c... avx2
 *
 * Every build, for every machine, must print the same digest. Within the run each problem is also evaluated split
 * into 1 to 8 tasks run in any order, in threads, streamed in random pieces, in shards merged in any order, and with
 * its rows in another order (time-first for batch-first); a bit that differs is an error.
 *
 *     digest --threads       each problem on real threads as well
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "problems.h"

static uint64_t digest = 0xCBF29CE484222325U; /* FNV-1a */

static void hash(uint64_t value, int bytes) {
  for (int i = 0; i < bytes; i++) digest = (digest ^ (value >> (8 * i) & 0xFF)) * 0x100000001B3U;
}

static void hash_double(double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  hash(bits, 8);
}

static uint64_t element(const unsigned char *x, size_t size) { /* whatever the byte order */
  uint16_t two;
  uint32_t four;
  uint64_t eight;
  if (size == 2) return memcpy(&two, x, 2), two;
  if (size == 4) return memcpy(&four, x, 4), four;
  return memcpy(&eight, x, 8), eight;
}

/* ---- Teams ---- */

static void run_shuffled(void *context, size_t tasks, void (*task)(void *, size_t), void *argument) {
  size_t order[64], *state = context;
  for (size_t i = 0; i < tasks; i++) order[i] = i;
  for (size_t i = tasks; i-- > 1;) {
    uint64_t seed = *state;
    size_t j = (size_t)(made_random(&seed) % (i + 1)), swap = order[i];
    *state = (size_t)seed;
    order[i] = order[j];
    order[j] = swap;
  }
  for (size_t i = 0; i < tasks; i++) task(argument, order[i]);
}

struct job {
  void (*task)(void *, size_t);
  void *argument;
  size_t index;
};

static void *run_job(void *context) {
  struct job *job = context;
  job->task(job->argument, job->index);
  return NULL;
}

static void run_threads(void *context, size_t tasks, void (*task)(void *, size_t), void *argument) {
  pthread_t threads[64];
  struct job jobs[64];
  (void)context;
  for (size_t i = 0; i < tasks; i++) {
    jobs[i] = (struct job){task, argument, i};
    if (pthread_create(&threads[i], NULL, run_job, &jobs[i]) != 0) exit(2);
  }
  for (size_t i = 0; i < tasks; i++) pthread_join(threads[i], NULL);
}

/* ---- One evaluation ---- */

struct outcome {
  rnnloss_status status;
  rnnloss_term culprit;
  rnnloss_values values;
};

static struct outcome evaluate(const rnnloss_batch *batch, const rnnloss_team *team) {
  struct outcome outcome;
  memset(&outcome, 0, sizeof outcome);
  size_t size = rnnloss_evaluate_size(batch, team != NULL ? team->tasks : 1);
  void *memory = made_memory(size);
  memset(memory, 0xA5, size); /* any content */
  outcome.culprit = (rnnloss_term)RNNLOSS_TERMS;
  outcome.status = rnnloss_evaluate(batch, team, memory, size, &outcome.values, &outcome.culprit);
  if (outcome.status == RNNLOSS_OK) outcome.culprit = (rnnloss_term)RNNLOSS_TERMS;
  free(memory);
  return outcome;
}

static bool same_values(const struct outcome *a, const struct outcome *b) {
  const rnnloss_values *x = &a->values, *y = &b->values;
  return a->status == b->status && a->culprit == b->culprit && x->active == y->active &&
         memcmp(&x->loss, &y->loss, sizeof x->loss) == 0 &&
         memcmp(x->term_loss, y->term_loss, sizeof x->term_loss) == 0 &&
         memcmp(x->unweighted, y->unweighted, sizeof x->unweighted) == 0 &&
         memcmp(x->scale, y->scale, sizeof x->scale) == 0 && x->negative_mean == y->negative_mean;
}

static void differs(uint64_t index, const char *how) {
  printf("problem %llu: other bits when %s (%s)\n", (unsigned long long)index, how, rnnloss_kernel());
  exit(1);
}

/* The gradients of a problem, one after the other. */
static unsigned char *copy_gradients(const struct made *made) {
  size_t at = 0, total = 0;
  for (int t = 0; t < RNNLOSS_TENSORS; t++) total += (size_t)made_elements(made, t) * 8;
  unsigned char *copy = made_memory(total);
  for (int t = 0; t < RNNLOSS_TENSORS; t++) {
    size_t size = (size_t)made_elements(made, t) * rnnloss_dtype_size(made->batch.gradient[t].dtype);
    memcpy(copy + at, made->gradients[t], size);
    at += size;
  }
  return copy;
}

static bool same_gradients(const struct made *made, const unsigned char *copy) {
  for (int t = 0; t < RNNLOSS_TENSORS; t++) {
    size_t size = (size_t)made_elements(made, t) * rnnloss_dtype_size(made->batch.gradient[t].dtype);
    if (memcmp(copy, made->gradients[t], size) != 0) return false;
    copy += size;
  }
  return true;
}

static void hash_outcome(const struct made *made, const struct outcome *outcome) {
  hash((uint64_t)outcome->status, 1);
  if (outcome->status != RNNLOSS_OK) return;
  hash(outcome->values.active, 4);
  hash_double(outcome->values.loss);
  for (int k = 0; k < RNNLOSS_TERMS; k++) {
    hash_double(outcome->values.term_loss[k]);
    hash_double(outcome->values.unweighted[k]);
  }
  for (int t = 0; t < RNNLOSS_TENSORS; t++) {
    size_t size = rnnloss_dtype_size(made->batch.gradient[t].dtype);
    const unsigned char *g = made->gradients[t];
    for (uint64_t i = 0; i < made_elements(made, t); i++) hash(element(g + i * size, size), (int)size);
  }
}

/* ---- Other ways to the same bits ---- */

/* Sums of firing rates and of their squares in shards, each streamed in random pieces, merged in a random order. */
static void check_shards(uint64_t index, const struct made *made, uint64_t *state) {
  const rnnloss_view *fr = &made->batch.tensor[RNNLOSS_RATE];
  size_t neurons = (size_t)fr->units, size = rnnloss_rates_size(fr->dtype, neurons),
         width = rnnloss_dtype_size(fr->dtype);
  enum { SHARDS = 4 };
  static rnnloss_square squares[SHARDS + 1];
  rnnloss_rates rates[SHARDS + 1];
  void *limbs[SHARDS + 1], *scratch = made_memory(rnnloss_bins_size());
  rnnloss_bins *bins = rnnloss_bins_begin(scratch, rnnloss_bins_size());
  for (int i = 0; i <= SHARDS; i++) {
    limbs[i] = made_memory(size);
    rnnloss_square_begin(&squares[i]);
    rnnloss_rates_begin(&rates[i], fr->dtype, neurons, limbs[i], size);
  }
  rnnloss_rates_add(&rates[SHARDS], &squares[SHARDS], bins, fr->dtype, fr->data, (size_t)(fr->rows * fr->units));
  rnnloss_square_settle(&squares[SHARDS], bins);
  uint64_t row = 0;
  for (int i = 0; i < SHARDS; i++) {
    uint64_t end = i == SHARDS - 1 ? fr->rows : row + made_random(state) % (fr->rows - row + 1);
    size_t left = (size_t)((end - row) * fr->units);
    const unsigned char *x = (const unsigned char *)fr->data + row * fr->units * width;
    while (left > 0) {
      size_t piece = 1 + (size_t)(made_random(state) % left);
      rnnloss_rates_add(&rates[i], &squares[i], made_random(state) % 2 ? bins : NULL, fr->dtype, x, piece);
      x += piece * width;
      left -= piece;
    }
    rnnloss_square_settle(&squares[i], bins);
    row = end;
  }
  for (int left = SHARDS; left > 1; left--) { /* into a random one */
    int i = (int)(made_random(state) % (uint64_t)left), last = left - 1;
    if (i == last) i = 0;
    rnnloss_square_merge(&squares[i], &squares[last]);
    rnnloss_rates_merge(&rates[i], &rates[last]);
  }
  rnnloss_rates_settle(&rates[0], 0, neurons);
  rnnloss_rates_settle(&rates[SHARDS], 0, neurons);
  if (memcmp(limbs[0], limbs[SHARDS], size) != 0 ||
      memcmp(squares[0].limb, squares[SHARDS].limb, sizeof squares[0].limb) != 0 ||
      memcmp(&squares[0].nonfinite, &squares[SHARDS].nonfinite, sizeof(rnnloss_nonfinite)) != 0)
    differs(index, "sharded and merged");
  for (int i = 0; i <= SHARDS; i++) free(limbs[i]);
  free(scratch);
}

static void reverse_rows(const rnnloss_view *view, unsigned char *out) {
  size_t row = (size_t)view->units * rnnloss_dtype_size(view->dtype);
  for (uint64_t i = 0; i < view->rows; i++)
    memcpy(out + i * row, (const unsigned char *)view->data + (view->rows - 1 - i) * row, row);
}

/* Batch and time enter alike: rows in another order give the same values. */
static void check_row_order(uint64_t index, const struct made *made, const struct outcome *expected) {
  rnnloss_batch batch = made->batch;
  void *reversed[3];
  for (int t = 0; t < RNNLOSS_TENSORS; t++) batch.gradient[t].data = NULL;
  for (int t = 0; t <= RNNLOSS_RATE; t++) {
    reversed[t] = made_memory((size_t)made_elements(made, t) * 8);
    reverse_rows(&batch.tensor[t], reversed[t]);
    batch.tensor[t].data = reversed[t];
  }
  struct outcome outcome = evaluate(&batch, NULL);
  struct outcome plain = *expected;
  if (plain.status == RNNLOSS_OK && !same_values(&plain, &outcome)) differs(index, "its rows are in another order");
  for (int t = 0; t <= RNNLOSS_RATE; t++) free(reversed[t]);
}

static void check_teams(uint64_t index, const struct made *made, const struct outcome *expected, bool threads) {
  size_t state = (size_t)index;
  unsigned char *gradients = copy_gradients(made);
  for (size_t tasks = 2; tasks <= 8; tasks += index % 16 == 0 ? 1 : 3) {
    rnnloss_team team = {tasks, threads ? run_threads : run_shuffled, &state};
    struct outcome outcome = evaluate(&made->batch, &team);
    if (!same_values(expected, &outcome) || (outcome.status == RNNLOSS_OK && !same_gradients(made, gradients)))
      differs(index, "split into tasks");
  }
  free(gradients);
}

int main(int argc, char **argv) {
  bool threads = argc > 1 && strcmp(argv[1], "--threads") == 0;
  unsigned long problems = argc > 1 && !threads ? strtoul(argv[1], NULL, 10) : 1200;
  unsigned long good = 0;
  for (uint64_t index = 0; index < problems; index++) {
    struct made made;
    uint64_t state = index;
    made_begin(&made, index);
    struct outcome outcome = evaluate(&made.batch, NULL);
    good += outcome.status == RNNLOSS_OK;
    hash_outcome(&made, &outcome);
    check_teams(index, &made, &outcome, threads);
    check_shards(index, &made, &state);
    check_row_order(index, &made, &outcome);
    made_end(&made);
  }
  if (good * 2 < problems) { /* then it would say little */
    printf("only %lu of %lu problems have values\n", good, problems);
    return 1;
  }
  printf("%016llx %s\n", (unsigned long long)digest, rnnloss_kernel());
  return 0;
}
