/* errors.c - running a table of requests that must be refused */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "errors.h"
#include "fixture.h"

#define DATA_MAX 4096

static void check_pointer(const cJSON *problem, const char *expected) {
  const char *pointer = json_has(problem, "pointer") ? json_at(problem, "pointer")->valuestring : "";
  size_t length = strlen(expected);
  bool prefix = length && expected[length - 1] == '*';
  if (prefix ? strncmp(pointer, expected, length - 1) != 0 : strcmp(pointer, expected) != 0) {
    fail_msg("pointer is \"%s\", not \"%s\"", pointer, expected);
  }
}

static void check_detail(const cJSON *problem, const char *expected) {
  const char *detail = json_at(problem, "detail")->valuestring;
  char part[200];
  while (*expected) {
    size_t length = strcspn(expected, "|");
    snprintf(part, sizeof part, "%.*s", (int)length, expected);
    if (!strstr(detail, part)) fail_msg("the detail lacks \"%s\": %s", part, detail);
    expected += length + (expected[length] == '|');
  }
}

static void test_row(void **state) {
  static const char zeros[DATA_MAX];
  const struct error_row *row = *state;
  struct blob blob = {NULL, 0};
  struct call call = {.method = row->method,
                      .path = row->path,
                      .type = row->type,
                      .accept = row->accept,
                      .header = row->header,
                      .body = row->body};
  if (row->body) call.length = strlen(row->body);
  if (row->data != NO_DATA) {
    assert_true(row->data <= DATA_MAX);
    blob = blob_safetensors(row->body, zeros, (size_t)row->data);
    call.body = blob.bytes;
    call.length = blob.length;
  }
  struct reply reply = client_send(client, &call);
  cJSON *problem = assert_problem(&reply, row->status, row->id);
  if (row->pointer) check_pointer(problem, row->pointer);
  if (row->detail) check_detail(problem, row->detail);
  if (row->status == 405) assert_non_null(reply_header(&reply, "Allow"));
  assert_true(daemon_lives(&daemon_here));
  cJSON_Delete(problem);
  reply_release(&reply);
  blob_release(&blob);
}

static void test_lives_on(void **state) {
  (void)state;
  struct blob body = sample_body(SAMPLE_SAFETENSORS, RNNLOSS_F32, "");
  struct reply reply =
      client_send(client, &(struct call){.type = SAFETENSORS, .body = body.bytes, .length = body.length});
  assert_sample(&reply, RNNLOSS_F32);
  reply_release(&reply);
  blob_release(&body);
}

int errors_run(const char *group, const struct error_row *rows, size_t count) {
  struct CMUnitTest *tests = calloc(count + 1, sizeof *tests);
  if (!tests) return 1;
  for (size_t i = 0; i < count; i++) {
    union {
      const struct error_row *row;
      void *state;
    } of = {.row = &rows[i]}; /* cmocka's state isn't const; the rows are */
    tests[i] = (struct CMUnitTest){rows[i].name, test_row, NULL, NULL, of.state};
  }
  tests[count] = (struct CMUnitTest){"the daemon lives on", test_lives_on, NULL, NULL, NULL};
  static const char *const arguments[] = {"--max-body", "10000", "--max-neurons", "100", NULL};
  int status = fixture_run(group, tests, count + 1, arguments);
  free(tests);
  return status;
}
