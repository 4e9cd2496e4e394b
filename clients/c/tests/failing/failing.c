/* failing.c - each allocation of a call fails once: the call says so, or does without; nothing leaks, nothing crashes
 *
 * The linker sends the library's malloc, calloc and realloc here (-Wl,--wrap), cJSON is told to.
 */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../rnnloss_client.h"

static long left = -1; /* allocations until one fails; below 0: none does */

static bool fails(void) {
  return left >= 0 && left-- == 0;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);

void *__wrap_malloc(size_t size) {
  return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size) {
  return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size) {
  return fails() ? NULL : __real_realloc(memory, size);
}

static const double pred[] = {1, 2, 3, 4}, target[] = {0, 2, 3, 2}, loss = 5;
static const size_t shape[] = {2, 2};
static const rnnloss_client_weight weights[] = {{"lambda_mse", 1.0}};
static const rnnloss_client_tensor tensors[] = {{"pred", RNNLOSS_CLIENT_F64, 2, shape, pred},
                                                {"target", RNNLOSS_CLIENT_F64, 2, shape, target}};
static const rnnloss_client_tensor claims[] = {{"terms.mse.loss", RNNLOSS_CLIENT_F64, 0, NULL, &loss}};
static const rnnloss_client_option options[] = {{"gradients", "per_term"}, {"digest", "1"}};
static rnnloss_client_problem problem = {weights, 1, tensors, 2, options, 2, claims, 1, RNNLOSS_CLIENT_SAFETENSORS,
                                         NULL};

static bool call_loss(rnnloss_client *client, rnnloss_client_error *error) {
  rnnloss_client_answer *answer = NULL;
  const bool well = rnnloss_client_loss(client, &problem, &answer, error);
  if (well != (answer != NULL) || (well && answer->loss != 1.25)) abort();
  rnnloss_client_answer_free(answer);
  return well;
}

static bool call_validate(rnnloss_client *client, rnnloss_client_error *error) {
  rnnloss_client_report *report = NULL;
  const bool well = rnnloss_client_validate(client, &problem, &report, error);
  if (well != (report != NULL) || (well && report->verdict != RNNLOSS_CLIENT_FAIL)) abort();
  rnnloss_client_report_free(report);
  return well;
}

static bool call_vector(rnnloss_client *client, rnnloss_client_error *error) {
  rnnloss_client_response *response = NULL;
  const bool well = rnnloss_client_vector(client, "fr_sd-by-hand", NULL, &response, error);
  rnnloss_client_response_free(response);
  return well;
}

static bool call_version(rnnloss_client *client, rnnloss_client_error *error) {
  rnnloss_client_version *version = NULL;
  const bool well = rnnloss_client_get_version(client, &version, error);
  rnnloss_client_version_free(version);
  return well;
}

static bool call_new(rnnloss_client *client, rnnloss_client_error *error) {
  rnnloss_client_settings settings;
  (void)client;
  rnnloss_client_settings_init(&settings);
  settings.endpoints = "http://127.0.0.1:1,http://127.0.0.1:2";
  settings.token = "token";
  settings.ca = settings.certificate = settings.key = "file.pem";
  rnnloss_client *other = rnnloss_client_new(&settings, error);
  rnnloss_client_free(other);
  return other != NULL;
}

typedef bool call(rnnloss_client *client, rnnloss_client_error *error);

/* Until a call gets through without any failing. */
static int fail_each(rnnloss_client *client, const char *name, call *function) {
  for (long n = 0;; n++) {
    rnnloss_client_error error = {0};
    left = n;
    const bool well = function(client, &error), reached = left < 0;
    left = -1;
    if (well && !reached) {
      printf("%s: %ld allocations\n", name, n);
      return n == 0; /* then nothing was tried */
    }
    if (!well && strcmp(error.type, "out-of-memory") != 0 && strcmp(error.type, "unexpected-answer") != 0) {
      printf("%s: allocation %ld: %s: %s\n", name, n, error.type, error.detail);
      return 1;
    }
  }
}

int main(void) {
  cJSON_Hooks hooks = {__wrap_malloc, free};
  rnnloss_client_settings settings;
  rnnloss_client_settings_init(&settings);
  settings.endpoints = getenv("RNNLOSS_TEST_URL");
  cJSON_InitHooks(&hooks);
  rnnloss_client *client = rnnloss_client_new(&settings, NULL);
  int failed = client == NULL;
  for (int encoding = 0; encoding < 2 && !failed; encoding++) {
    problem.encoding = (rnnloss_client_encoding)encoding;
    failed |= fail_each(client, "loss", call_loss);
    failed |= fail_each(client, "validate", call_validate);
  }
  if (!failed) failed |= fail_each(client, "vector", call_vector);
  if (!failed) failed |= fail_each(client, "version", call_version);
  failed |= fail_each(client, "new", call_new);
  rnnloss_client_free(client);
  return failed;
}
