/* e2e_encodings.c - the same problem through every encoding and dtype, in and out, gives the same bits */
#include <stdio.h>
#include <string.h>

#include "fixture.h"

struct case_row {
  char name[80];
  enum sample_form form;
  rnnloss_dtype dtype;
  const char *accept; /* NULL: the answer comes in the encoding of the request */
  bool chunked, unstated;
};

static void test_row(void **state) {
  const struct case_row *row = *state;
  struct blob body = sample_body(row->form, row->dtype, "");
  struct reply reply = client_send(client, &(struct call){.type = row->unstated ? NULL : sample_type(row->form),
                                                          .accept = row->accept,
                                                          .body = body.bytes,
                                                          .length = body.length,
                                                          .chunk = row->chunked ? 100 : 0});
  const char *expected = row->accept ? row->accept : sample_type(row->form);
  assert_string_equal(reply_header(&reply, "Content-Type"), expected);
  assert_sample(&reply, row->dtype);
  reply_release(&reply);
  blob_release(&body);
}

static const char *const form_names[] = {"nested", "data", "base64", "safetensors"};
static const char *const accepts[] = {NULL, "application/json", "application/vnd.safetensors"};
#define ROWS_MAX (SAMPLE_FORMS * RNNLOSS_DTYPES * 3 * 4)
static struct case_row rows[ROWS_MAX];
static struct CMUnitTest tests[ROWS_MAX];

static size_t make_rows(void) {
  size_t n = 0;
  for (int form = 0; form < SAMPLE_FORMS; form++) {
    for (int dtype = 0; dtype < RNNLOSS_DTYPES; dtype++) {
      if (form == SAMPLE_NESTED && dtype != RNNLOSS_F64) continue;
      for (unsigned variant = 0; variant < 12; variant++) {
        struct case_row *row = &rows[n];
        *row = (struct case_row){.form = (enum sample_form)form, .dtype = (rnnloss_dtype)dtype};
        row->accept = accepts[variant % 3];
        row->chunked = variant / 3 % 2;
        row->unstated = variant / 6;
        snprintf(row->name, sizeof row->name, "%s %s -> %s%s%s", form_names[form], rnnloss_dtype_name(row->dtype),
                 row->accept ? row->accept : "same", row->chunked ? ", chunked" : "",
                 row->unstated ? ", type not stated" : "");
        tests[n++] = (struct CMUnitTest){row->name, test_row, NULL, NULL, row};
      }
    }
  }
  return n;
}

int main(void) {
  return fixture_run("encodings", tests, make_rows(), NULL);
}
