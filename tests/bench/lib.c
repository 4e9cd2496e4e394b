/* Times the library: each reduction and gradient, each dtype, in cache (64 KiB) and in memory (64 MB), beside a
 * pass that only reads the same bytes (for gradients: memcpy) and beside a naive loop in double, in the same run.
 * Then what a second thread brings, beside what it brings a pass that only reads. QUICK=1 takes fewer runs. FORMAT=json
 * prints {"name", "ratio", "goal"} a line. The ratio is bytes a second to the pass's bytes a second. */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "read_pass.h"
#include "rnnloss.h"

#define MEMORY ((size_t)64 << 20)
#define CACHE ((size_t)64 << 10)
#define NEURONS 1024
#define MANY 32768 /* neurons */
#define RUNS 7
#define QUICK_RUNS 3

static struct bench {
  unsigned char *x, *y, *out;
  double *c, *naive_sums;
  rnnloss_bins *bins;
  int64_t *limbs;
  rnnloss_square square;
  volatile double sink;
  bool json;
  int runs; /* at most RUNS */
} b;

typedef void work(rnnloss_dtype dtype, size_t bytes);

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int ascending(const void *a, const void *b_) {
  double x = *(const double *)a, y = *(const double *)b_;
  return (x > y) - (x < y);
}

/* Seconds of one call, over as many as make a run at least 4 ms long. */
static double once(work *f, rnnloss_dtype dtype, size_t bytes) {
  size_t calls = bytes < MEMORY ? MEMORY / 16 / bytes : 1;
  double start = now();
  for (size_t i = 0; i < calls; i++) f(dtype, bytes);
  return (now() - start) / (double)calls;
}

static double median(double *run) {
  qsort(run, (size_t)b.runs, sizeof run[0], ascending);
  return run[b.runs / 2];
}

/* ---- The library ---- */

static size_t elements(rnnloss_dtype dtype, size_t bytes) {
  return bytes / rnnloss_dtype_size(dtype);
}

static void squares(rnnloss_dtype dtype, size_t bytes) {
  rnnloss_square_begin(&b.square);
  rnnloss_square_add(&b.square, b.bins, dtype, b.x, elements(dtype, bytes));
  rnnloss_square_settle(&b.square, b.bins);
}

/* Two inputs of half the bytes each. */
static void differences(rnnloss_dtype dtype, size_t bytes) {
  rnnloss_square_begin(&b.square);
  rnnloss_square_add_difference(&b.square, b.bins, dtype, b.x, dtype, b.y, elements(dtype, bytes / 2));
  rnnloss_square_settle(&b.square, b.bins);
}

static void rates_of(rnnloss_dtype dtype, size_t bytes, rnnloss_square *square) {
  rnnloss_rates rates;
  rnnloss_rates_begin(&rates, dtype, NEURONS, b.limbs, rnnloss_rates_size(RNNLOSS_F64, NEURONS));
  rnnloss_rates_add(&rates, square, b.bins, dtype, b.x, elements(dtype, bytes));
  rnnloss_rates_settle(&rates, 0, NEURONS);
}

/* As they come from a network: in calls of 64 KiB, none of which has a row of F32. */
static void rates_streamed(rnnloss_dtype dtype, size_t bytes) {
  rnnloss_rates rates;
  rnnloss_rates_begin(&rates, dtype, MANY, b.limbs, rnnloss_rates_size(RNNLOSS_F64, MANY));
  for (size_t at = 0; at < bytes; at += CACHE)
    rnnloss_rates_add(&rates, NULL, b.bins, dtype, b.x + at, elements(dtype, CACHE));
  rnnloss_rates_settle(&rates, 0, MANY);
}

static void rates(rnnloss_dtype dtype, size_t bytes) {
  rates_of(dtype, bytes, NULL);
}

static void rates_and_squares(rnnloss_dtype dtype, size_t bytes) {
  rnnloss_square_begin(&b.square);
  rates_of(dtype, bytes, &b.square);
  rnnloss_square_settle(&b.square, b.bins);
}

static void gradient_scaled(rnnloss_dtype dtype, size_t bytes) {
  rnnloss_affine affine = {.scaled = true, .a = 1e-3};
  rnnloss_gradient(&affine, 0, elements(dtype, bytes), dtype, b.x, dtype, b.out);
}

static void gradient_fr(rnnloss_dtype dtype, size_t bytes) {
  rnnloss_affine affine = {.scaled = true, .a = 1e-3, .c = b.c, .neurons = NEURONS};
  rnnloss_gradient(&affine, 0, elements(dtype, bytes), dtype, b.x, dtype, b.out);
}

static void gradient_mse(rnnloss_dtype dtype, size_t bytes) {
  rnnloss_gradient_difference(1e-3, false, elements(dtype, bytes / 2), dtype, b.x, dtype, b.y, dtype, b.out);
}

/* ---- What they are held against ---- */

static void read_pass(rnnloss_dtype dtype, size_t bytes) {
  (void)dtype;
  b.sink = (double)read_from(b.x, bytes);
}

static void copy(rnnloss_dtype dtype, size_t bytes) {
  (void)dtype;
  memcpy(b.out, b.x, bytes);
}

/* Naive loops, for the two dtypes that C has. */
#define NAIVE(type)                                                                                                    \
  static void naive_squares_##type(size_t n) {                                                                         \
    const type *x = (const void *)b.x;                                                                                 \
    double sum = 0;                                                                                                    \
    for (size_t i = 0; i < n; i++) sum += (double)x[i] * (double)x[i];                                                 \
    b.sink = sum;                                                                                                      \
  }                                                                                                                    \
  static void naive_differences_##type(size_t n) {                                                                     \
    const type *x = (const void *)b.x, *y = (const void *)b.y;                                                         \
    double sum = 0;                                                                                                    \
    for (size_t i = 0; i < n; i++) sum += ((double)x[i] - (double)y[i]) * ((double)x[i] - (double)y[i]);               \
    b.sink = sum;                                                                                                      \
  }                                                                                                                    \
  static void naive_rates_##type(size_t n) {                                                                           \
    const type *x = (const void *)b.x;                                                                                 \
    memset(b.naive_sums, 0, NEURONS * sizeof(double));                                                                 \
    for (size_t i = 0; i < n; i += NEURONS)                                                                            \
      for (size_t k = 0; k < NEURONS; k++) b.naive_sums[k] += (double)x[i + k];                                        \
    b.sink = b.naive_sums[7];                                                                                          \
  }                                                                                                                    \
  static void naive_fr_##type(size_t n) {                                                                              \
    const type *x = (const void *)b.x;                                                                                 \
    type *out = (void *)b.out;                                                                                         \
    for (size_t i = 0; i < n; i++) out[i] = (type)(1e-3 * (double)x[i] + b.c[i % NEURONS]);                            \
  }

NAIVE(float)
NAIVE(double)

#define NAIVE_OF(name, inputs)                                                                                         \
  static void name(rnnloss_dtype dtype, size_t bytes) {                                                                \
    if (dtype == RNNLOSS_F32)                                                                                          \
      name##_float(bytes / inputs / sizeof(float));                                                                    \
    else                                                                                                               \
      name##_double(bytes / inputs / sizeof(double));                                                                  \
  }

NAIVE_OF(naive_squares, 1)
NAIVE_OF(naive_differences, 2)
NAIVE_OF(naive_rates, 1)
NAIVE_OF(naive_fr, 1)

/* ---- Data and rows ---- */

static double normal(void) {
  double u = ((double)random() + 1) / ((double)RAND_MAX + 2), v = (double)random() / (double)RAND_MAX;
  return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

/* A million numbers, repeated. */
static void fill(rnnloss_dtype dtype, bool adversarial) {
  const size_t period = (size_t)1 << 20, width = rnnloss_dtype_size(dtype);
  for (int which = 0; which < 2; which++) {
    unsigned char *to = which == 0 ? b.x : b.y;
    for (size_t i = 0; i < period; i++) {
      double wide = ldexp(1 + (double)random() / RAND_MAX,
                          (int)(random() % (dtype == RNNLOSS_F64 ? 2046 : 254)) - (dtype == RNNLOSS_F64 ? 1022 : 126));
      rnnloss_store(dtype, adversarial ? wide : normal(), to + i * width);
    }
    for (size_t at = period * width; at < MEMORY; at += period * width) memcpy(to + at, to, period * width);
  }
}

struct times {
  double mine, pass, naive; /* seconds of mine; medians of the others' ratios to it */
};

/* In turn, so that a machine whose speed drifts is as fast for each. */
static struct times measure(work *f, work *pass, work *naive, rnnloss_dtype dtype, size_t bytes) {
  double mine[RUNS], passes[RUNS], naives[RUNS] = {0};
  f(dtype, bytes);
  pass(dtype, bytes);
  for (int r = 0; r < b.runs; r++) {
    mine[r] = once(f, dtype, bytes);
    passes[r] = once(pass, dtype, bytes) / mine[r];
    if (naive != NULL) naives[r] = once(naive, dtype, bytes) / mine[r];
  }
  return (struct times){median(mine), median(passes), median(naives)};
}

static void json_row(const char *name, double ratio, double goal) {
  char wanted[16] = "null";
  if (goal > 0) snprintf(wanted, sizeof wanted, "%.2f", goal);
  printf("{\"name\": \"%s\", \"ratio\": %.4f, \"goal\": %s}\n", name, ratio, wanted);
}

static void row(const char *name, work *f, work *pass, work *naive, rnnloss_dtype dtype, size_t bytes, double goal) {
  bool has_naive = naive != NULL && (dtype == RNNLOSS_F32 || dtype == RNNLOSS_F64);
  struct times times = measure(f, pass, has_naive ? naive : NULL, dtype, bytes);
  char full[80];
  snprintf(full, sizeof full, "%s %s %s", name, rnnloss_dtype_name(dtype), bytes == CACHE ? "64 KiB" : "64 MB");
  if (b.json) {
    json_row(full, times.pass, goal);
    return;
  }
  printf("%-38s %7.2f GB/s %7.3f", full, (double)bytes / times.mine * 1e-9, times.pass);
  if (has_naive)
    printf("%8.2f", times.naive);
  else
    printf("%8s", "");
  if (goal > 0) printf("%7.2f", goal);
  putchar('\n');
  fflush(stdout);
}

static void rows(rnnloss_dtype d, size_t bytes) {
  bool memory = bytes == MEMORY, f32 = memory && d == RNNLOSS_F32, wide = f32 || (memory && d == RNNLOSS_F64);
  double square_goal = wide ? 0.5 : memory ? 0.35 : 0;
  row("sum of squares", squares, read_pass, naive_squares, d, bytes, square_goal);
  row("sum of squared differences", differences, read_pass, naive_differences, d, bytes, f32 ? 0.45 : 0);
  row("neuron sums", rates, read_pass, naive_rates, d, bytes, f32 ? 0.4 : 0);
  if (memory) row("streamed neuron sums, 32768", rates_streamed, read_pass, NULL, d, bytes, 0);
  row("neuron sums and squares", rates_and_squares, read_pass, NULL, d, bytes, f32 ? 0.3 : 0);
  row("gradient a x", gradient_scaled, copy, NULL, d, bytes, 0);
  row("gradient a x + c[n]", gradient_fr, copy, naive_fr, d, bytes, f32 ? 0.7 : 0);
  row("gradient a (p - t)", gradient_mse, copy, NULL, d, bytes, 0);
}

/* Microseconds of a whole evaluation of fr_sd and fr_cv with offsets, or of seven terms, for `neurons`. */
static void evaluation(const char *name, size_t neurons, size_t rows_, bool all, int repeats) {
  static double c[NEURONS];
  static rnnloss_square sums[RNNLOSS_MEAN_SQUARES];
  void *memory = malloc(rnnloss_terms_size());
  double run[RUNS];
  for (int r = 0; r < b.runs; r++) {
    double start = now();
    for (int i = 0; i < repeats; i++) {
      rnnloss_rates rates_;
      rnnloss_problem p = {.lambda = {0, 0, 0, 0, 0, 1, 1}, .rates = &rates_};
      rnnloss_terms *terms;
      rnnloss_rates_begin(&rates_, RNNLOSS_F32, neurons, b.limbs, rnnloss_rates_size(RNNLOSS_F32, neurons));
      rnnloss_rates_add(&rates_, NULL, NULL, RNNLOSS_F32, b.x, neurons * rows_);
      for (int k = 0; all && k < RNNLOSS_MEAN_SQUARES; k++) {
        p.lambda[k] = 0.1;
        p.square[k] = &sums[k];
        rnnloss_square_begin(&sums[k]);
        rnnloss_square_add(&sums[k], NULL, RNNLOSS_F32, b.x, 4);
      }
      rnnloss_terms_begin(memory, rnnloss_terms_size(), &p, &terms, NULL);
      while (rnnloss_terms_step(terms, 1000, NULL) == RNNLOSS_MORE)
        ;
      rnnloss_terms_offsets(terms, true, true, 0, neurons, c);
    }
    run[r] = (now() - start) / repeats;
  }
  qsort(run, (size_t)b.runs, sizeof run[0], ascending);
  if (!b.json) printf("%-38s %7.2f us\n", name, run[b.runs / 2] * 1e6);
  free(memory);
}

/* ---- Two threads ---- */

struct job {
  void (*task)(void *argument, size_t index);
  void *argument;
  size_t index;
};

static void *start_job(void *job_) {
  const struct job *job = job_;
  job->task(job->argument, job->index);
  return NULL;
}

/* Task 0 here, task 1 on a thread that is started for it. */
static void run_pair(void *context, size_t tasks, void (*task)(void *, size_t), void *argument) {
  pthread_t thread;
  struct job second = {task, argument, 1};
  (void)context;
  if (tasks == 2 && pthread_create(&thread, NULL, start_job, &second) != 0) exit(1);
  task(argument, 0);
  if (tasks == 2) pthread_join(thread, NULL);
}

static struct {
  rnnloss_batch batch;
  unsigned char *memory;
  size_t bytes, passes; /* of reading alone */
  volatile uint64_t sink[2];
} pair;

static void read_part(void *argument, size_t index) {
  const rnnloss_team *team = argument;
  size_t part = pair.bytes / team->tasks;
  for (size_t i = 0; i < pair.passes; i++) pair.sink[index] = read_from(b.x + index * part, part);
}

static void read_all(rnnloss_team *team) {
  run_pair(NULL, team->tasks, read_part, team);
}

static void evaluate(rnnloss_team *team) {
  rnnloss_values values;
  size_t size = rnnloss_evaluate_size(&pair.batch, 2);
  if (rnnloss_evaluate(&pair.batch, team, pair.memory, size, &values, NULL) != RNNLOSS_OK) exit(1);
}

static void pair_row(const char *name, void (*f)(rnnloss_team *team), double goal) {
  rnnloss_team teams[2] = {{.tasks = 1, .run = run_pair}, {.tasks = 2, .run = run_pair}};
  double gain[RUNS];
  for (int r = -1; r < b.runs; r++) { /* the first one warms up */
    double start = now();
    f(&teams[0]);
    double middle = now();
    f(&teams[1]);
    if (r >= 0) gain[r] = (middle - start) / (now() - middle);
  }
  double ratio = median(gain);
  if (b.json)
    json_row(name, ratio, goal);
  else
    printf(goal > 0 ? "%-51s %7.3f%15.2f\n" : "%-51s %7.3f\n", name, ratio, goal);
}

/* How many times faster two threads are than one. */
static void pairs(void) {
  pair.batch = (rnnloss_batch){.lambda = {[RNNLOSS_FR] = 1, [RNNLOSS_FR_SD] = 1, [RNNLOSS_FR_CV] = 1}};
  pair.batch.tensor[RNNLOSS_RATE] = (rnnloss_view){b.x, RNNLOSS_F32, 6400, NEURONS};
  pair.batch.gradient[RNNLOSS_RATE] = (rnnloss_output){b.out, RNNLOSS_F32};
  pair.memory = malloc(rnnloss_evaluate_size(&pair.batch, 2));
  pair_row("2 threads: fr, fr_sd, fr_cv, gradient F32 26 MB", evaluate, 1.8);
  pair.batch = (rnnloss_batch){.lambda = {[RNNLOSS_HID] = 1}};
  pair.batch.tensor[RNNLOSS_W_HID] = (rnnloss_view){b.x, RNNLOSS_F32, 4096, 4096};
  pair_row("2 threads: sum of squares F32 64 MB", evaluate, 1.8);
  pair.bytes = MEMORY, pair.passes = 1;
  pair_row("2 threads: a pass that only reads 64 MB", read_all, 0); /* what memory permits */
  pair.bytes = 2 * CACHE, pair.passes = MEMORY / pair.bytes * 4;
  pair_row("2 threads: passes that only read 128 KiB", read_all, 0); /* whether there are two processors */
  free(pair.memory);
}

int main(void) {
  const char *format = getenv("FORMAT");
  b.json = format != NULL && strcmp(format, "json") == 0;
  b.runs = getenv("QUICK") != NULL ? QUICK_RUNS : RUNS;
  b.x = malloc(MEMORY), b.y = malloc(MEMORY), b.out = malloc(MEMORY);
  b.c = calloc(NEURONS, sizeof(double)), b.naive_sums = calloc(NEURONS, sizeof(double));
  b.limbs = malloc(rnnloss_rates_size(RNNLOSS_F64, MANY));
  b.bins = rnnloss_bins_begin(malloc(rnnloss_bins_size()), rnnloss_bins_size());
  if (b.x == NULL || b.y == NULL || b.out == NULL || b.c == NULL || b.naive_sums == NULL || b.limbs == NULL ||
      b.bins == NULL)
    return 1;
  if (!b.json) printf("kernels: %s\n%-38s %12s %7s %7s %6s\n", rnnloss_kernel(), "", "", "ratio", "naive", "goal");
  for (int d = 0; d < RNNLOSS_DTYPES; d++) {
    fill((rnnloss_dtype)d, false);
    rows((rnnloss_dtype)d, CACHE);
    rows((rnnloss_dtype)d, MEMORY);
  }
  for (int d = RNNLOSS_F32; d <= RNNLOSS_F64; d++) {
    fill((rnnloss_dtype)d, true);
    row("adversarial sum of squares", squares, read_pass, naive_squares, (rnnloss_dtype)d, MEMORY, 0.1);
    row("adversarial differences", differences, read_pass, naive_differences, (rnnloss_dtype)d, MEMORY, 0.04);
    row("adversarial neuron sums", rates, read_pass, naive_rates, (rnnloss_dtype)d, MEMORY, 0.04);
  }
  fill(RNNLOSS_F32, false);
  pairs();
  evaluation("fr_sd, fr_cv, c[n]; 1024 neurons", NEURONS, 4, false, 100);
  evaluation("seven terms, 4 elements each", 4, 1, true, 10000);
  return 0;
}
