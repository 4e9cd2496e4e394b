/* vectors.c - COMMAND once for each vector, some of them at once */
#define _GNU_SOURCE /* isatty */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"

#define SECONDS 10 /* of one run, unless --timeout says otherwise */

struct work {
  const struct options *options;
  const struct suite *suite;
  cJSON **verdicts; /* NULL: left out by --only or --skip */
  pthread_mutex_t lock;
  size_t next, done, failed, chosen;
  bool terminal;
};

/* ---- which ones ---- */

static bool any_matches(const struct vector *vector, const char *const *words, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (vector_matches(vector, words[i])) return true;
  }
  return false;
}

/* The flag for which plain floating point, however honest, can't be expected to pass; NULL: it can. */
static const char *beyond_floats(const struct vector *vector) {
  static const char *const names[] = {"cancellation", "large-numbers", "overflow", "rounding-border", "subnormal"};
  for (size_t i = 0; i < RNNLOSS_CLIENT_COUNT(names); i++) {
    if (vector_flagged(vector, names[i])) return names[i];
  }
  return NULL;
}

/* Who names a vector, or the flag itself, means it. */
static bool asked_for(const struct options *options, const struct vector *vector, const char *flag) {
  for (size_t i = 0; i < options->only_count; i++) {
    if (strcmp(options->only[i], vector->id) == 0 || strcmp(options->only[i], flag) == 0) return true;
  }
  return false;
}

static void choose(struct work *work, size_t i) {
  const struct options *options = work->options;
  const struct vector *vector = &work->suite->vectors[i];
  if (options->only_count && !any_matches(vector, options->only, options->only_count)) return;
  if (any_matches(vector, options->skip, options->skip_count)) return;
  cJSON *verdict = work->verdicts[i] = verdict_new(vector);
  const char *flag = options->exact || options->all ? NULL : beyond_floats(vector);
  if (!vector->body)
    verdict_set(verdict, "skipped", "a defect that only safetensors can have");
  else if (flag && !asked_for(options, vector, flag))
    verdict_set(verdict, "skipped", "beyond plain floating point: %s", flag);
  work->chosen++;
}

/* ---- one after the other ---- */

static void show_progress(const struct work *work, const char *id) {
  if (!work->terminal) return;
  fprintf(stderr, "\r%zu of %zu, %zu failed  %.50s\033[K", work->done, work->chosen, work->failed, id);
  fflush(stderr);
}

/* The next vector that has no outcome yet; the count of all: there is none. */
static size_t take(struct work *work) {
  pthread_mutex_lock(&work->lock);
  size_t i = work->next;
  for (; i < work->suite->count; i++) {
    const cJSON *verdict = work->verdicts[i];
    if (verdict && !cJSON_HasObjectItem(verdict, "outcome")) break;
    work->done += verdict != NULL;
  }
  work->next = i + 1;
  pthread_mutex_unlock(&work->lock);
  return i;
}

static void put(struct work *work, size_t i) {
  const char *outcome = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(work->verdicts[i], "outcome"));
  pthread_mutex_lock(&work->lock);
  work->done++;
  work->failed += outcome && strcmp(outcome, "failed") == 0;
  show_progress(work, work->suite->vectors[i].id);
  pthread_mutex_unlock(&work->lock);
}

static void try_vector(rnnloss_client *client, const struct work *work, size_t i) {
  const struct options *options = work->options;
  const struct vector *vector = &work->suite->vectors[i];
  struct text request = {0};
  struct run run = {0};
  if (!vector_request(vector, &request)) die("the vector %s is not as it must be", vector->id);
  const double seconds = options->timeout > 0 ? options->timeout : SECONDS;
  if (!run_command(options->command, request.bytes, request.length, seconds, &run))
    die("%s can't be started: %s", options->command[0], strerror(errno));
  const struct slice body = {request.bytes, request.bytes + request.length};
  if (!run.stopped) verdict_judge(client, options, vector, body, &run, work->verdicts[i]);
  run_free(&run);
  free(request.bytes);
}

static void *work_on(void *context) {
  struct work *work = context;
  rnnloss_client *client = options_client(work->options); /* a handle serves one thread */
  size_t i = 0;
  while (!stop_wanted() && (i = take(work)) < work->suite->count) {
    try_vector(client, work, i);
    put(work, i);
  }
  rnnloss_client_free(client);
  return NULL;
}

static void work_on_all(struct work *work) {
  const unsigned jobs = work->options->jobs;
  pthread_t *threads = checked(calloc(jobs, sizeof *threads));
  for (unsigned i = 0; i < jobs; i++) {
    if (pthread_create(&threads[i], NULL, work_on, work) != 0) die("no thread can be started");
  }
  for (unsigned i = 0; i < jobs; i++) pthread_join(threads[i], NULL);
  free(threads);
  if (work->terminal) fputs("\r\033[K", stderr);
  if (stop_wanted()) die("stopped");
}

int check_vectors(rnnloss_client *client, const struct options *options) {
  struct suite suite;
  stop_on_signals();
  suite_fetch(client, &suite);
  struct work work = {.options = options,
                      .suite = &suite,
                      .verdicts = checked(calloc(suite.count, sizeof(cJSON *))),
                      .lock = PTHREAD_MUTEX_INITIALIZER,
                      .terminal = isatty(STDERR_FILENO)};
  for (size_t i = 0; i < suite.count; i++) choose(&work, i);
  if (!work.chosen) die("no vector is chosen by --only and --skip");
  work_on_all(&work);
  const int status = summary_print(options, &suite, work.verdicts);
  for (size_t i = 0; i < suite.count; i++) cJSON_Delete(work.verdicts[i]);
  free(work.verdicts);
  suite_free(&suite);
  return status;
}
