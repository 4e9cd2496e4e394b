/* The library in a program of your own: a batch in memory, two threads, values and gradients at once.
 *
 *     cc embed.c $(pkg-config --cflags --libs rnnloss) -lpthread -o embed && ./embed
 */
#include <pthread.h>
#include <rnnloss.h>
#include <stdio.h>
#include <stdlib.h>

enum { BATCH = 2, TIME = 3, NEURONS = 4, THREADS = 2 };

struct job {
  void (*task)(void *argument, size_t index);
  void *argument;
  size_t index;
};

static void *work(void *context) {
  struct job *job = context;
  job->task(job->argument, job->index);
  return NULL;
}

/* A team is whatever your program has: a pool, OpenMP, or, as here, a thread a task. */
static void run(void *context, size_t tasks, void (*task)(void *argument, size_t index), void *argument) {
  pthread_t threads[THREADS];
  struct job jobs[THREADS];
  (void)context;
  for (size_t i = 0; i < tasks; i++) {
    jobs[i] = (struct job){task, argument, i};
    if (pthread_create(&threads[i], NULL, work, &jobs[i]) != 0) exit(1);
  }
  for (size_t i = 0; i < tasks; i++) pthread_join(threads[i], NULL);
}

int main(void) {
  float fr[BATCH][TIME][NEURONS], gradient[BATCH][TIME][NEURONS];
  for (int b = 0; b < BATCH; b++)
    for (int t = 0; t < TIME; t++)
      for (int n = 0; n < NEURONS; n++) fr[b][t][n] = 0.1f * (float)(n + 1) + 0.01f * (float)(b + t);

  rnnloss_batch batch = {.lambda = {[RNNLOSS_FR] = 0.1, [RNNLOSS_FR_SD] = 1.0, [RNNLOSS_FR_CV] = 0.5}};
  batch.tensor[RNNLOSS_RATE] = (rnnloss_view){fr, RNNLOSS_F32, BATCH * TIME, NEURONS};
  batch.gradient[RNNLOSS_RATE] = (rnnloss_output){gradient, RNNLOSS_F32};

  rnnloss_team team = {THREADS, run, NULL};
  rnnloss_values values;
  rnnloss_term culprit;
  size_t size = rnnloss_evaluate_size(&batch, THREADS);
  void *memory = malloc(size);
  rnnloss_status status =
      memory ? rnnloss_evaluate(&batch, &team, memory, size, &values, &culprit) : RNNLOSS_E_ARGUMENT;
  free(memory);
  if (status != RNNLOSS_OK) {
    fprintf(stderr, "embed: %s\n", rnnloss_strerror(status));
    return 1;
  }
  for (int k = RNNLOSS_FR; k < RNNLOSS_TERMS; k++)
    printf("%-6s %.17g\n", rnnloss_term_describe((rnnloss_term)k)->name, values.term_loss[k]);
  printf("total  %.17g\ngradient of the first row:", values.loss);
  for (int n = 0; n < NEURONS; n++) printf(" %.9g", (double)gradient[0][0][n]);
  printf("\n");
  return 0;
}
