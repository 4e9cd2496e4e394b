/* selftest.c - at the start: does this machine, with the kernels that were chosen, give the bits that it must?
 *
 * Each small vector of the suite goes the way of a request, in each of its forms, and what comes out is held
 * against what the suite says. Answers are encoded as safetensors: the digest of their data says all.
 */
#include <stdio.h>
#include <string.h>

#include "server.h"

#define NEURONS 131072 /* whatever --max-neurons says */

struct run {
  struct arena arena;
  struct problem problem;
  struct request request;
};

/* The bytes that follow the header of the answer; false: a problem is set. */
static bool answer_digest(struct run *run, const struct result *result, char hex[SHA256_HEX]) {
  struct body body;
  uint64_t header;
  size_t length = 0, made;
  body_begin(&body, &run->request);
  char *bytes = NULL;
  if (format_safetensors.encode(result, &body)) bytes = arena_allocate(&run->arena, (size_t)body.length);
  if (!bytes) return problem_out_of_memory(&run->problem);
  while ((made = body_read(&body, bytes + length, (size_t)body.length - length))) length += made;
  memcpy(&header, bytes, sizeof header); /* little-endian, as this machine is */
  header += sizeof header;
  return header <= length && sha256_hex(bytes + header, length - (size_t)header, hex);
}

static bool evaluate(struct run *run, const struct format *format, const char *bytes, size_t length,
                     char hex[SHA256_HEX]) {
  struct request *request = &run->request;
  struct result result;
  void *decoder = format->decode_begin(request);
  if (!decoder || !format->decode(decoder, bytes, length) || !format->decode_end(decoder)) return false;
  if (!request_check(request)) return false;
  enum step step;
  do step = evaluate_step(request, &result);
  while (step == STEP_MORE);
  return step == STEP_DONE && answer_digest(run, &result, hex);
}

/* Does a request end as the vector says? */
static bool check(const struct vector *vector, const struct format *format, const char *bytes, size_t length) {
  char hex[SHA256_HEX] = "";
  struct run run = {0};
  const char *problem = vector->text[VECTOR_PROBLEM].bytes, *expected = vector->text[VECTOR_DIGEST].bytes;
  request_begin(&run.request, &run.arena, &run.problem, NEURONS);
  bool given = bytes && evaluate(&run, format, bytes, length, hex);
  request_release(&run.request);
  arena_release(&run.arena);
  if (vector->present & 1U << VECTOR_PROBLEM) return !given && strcmp(problem_row(run.problem.type)->id, problem) == 0;
  return given && strcmp(hex, expected) == 0;
}

static bool fails(struct selftest *selftest, const struct vector *vector, const char *form) {
  const struct text *id = &vector->text[VECTOR_ID];
  snprintf(selftest->failed, sizeof selftest->failed, "%.80s (%s)", id->length ? id->bytes : "?", form);
  return false;
}

static bool check_line(struct selftest *selftest, const char *line, size_t length, struct arena *arena) {
  struct vector vector;
  if (!vector_read(&vector, line, length, arena)) return fails(selftest, &vector, "no vector");
  if (vector.ruled) return true;
  const struct text *json = &vector.text[VECTOR_JSON];
  bool has_json = vector.present & 1U << VECTOR_JSON, has_safetensors = vector.present & 1U << VECTOR_SAFETENSORS;
  if (!has_json && !has_safetensors) return fails(selftest, &vector, "no request");
  if (has_json && !check(&vector, &format_json, json->bytes, json->length)) return fails(selftest, &vector, "json");
  size_t size = 0;
  const char *bytes = has_safetensors ? vector_safetensors(&vector, arena, &size) : NULL;
  if (has_safetensors && !check(&vector, &format_safetensors, bytes, size)) {
    return fails(selftest, &vector, "safetensors");
  }
  selftest->count++;
  return true;
}

void selftest_run(struct selftest *selftest, const char *suite, size_t length) {
  const char *const end = suite + length;
  uint64_t start = clock_ns();
  *selftest = (struct selftest){.failed = "no vector"};
  bool right = sha256_hex(suite, length, selftest->digest);
  while (right && suite < end) {
    const char *stop = memchr(suite, '\n', (size_t)(end - suite));
    struct arena arena = {0};
    right = check_line(selftest, suite, (size_t)((stop ? stop : end) - suite), &arena);
    arena_release(&arena);
    suite = stop ? stop + 1 : end;
  }
  selftest->passed = right && selftest->count > 0;
  uint64_t milliseconds = (clock_ns() - start) / 1000000;
  struct log_record record;
  log_begin(&record, selftest->passed ? LOG_INFO : LOG_ERROR, "selftest");
  log_number(&record, "count", selftest->count);
  log_number(&record, "milliseconds", milliseconds);
  log_word(&record, "kernel", rnnloss_kernel());
  if (!selftest->passed) log_text(&record, "failed", selftest->failed);
  log_end(&record);
}
