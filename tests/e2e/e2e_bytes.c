/* e2e_bytes.c - bodies that are cut or changed at every byte get a clean answer, and the daemon lives on */
#include <stdlib.h>
#include <string.h>

#include "fixture.h"

static const rnnloss_dtype dtypes[SAMPLE_FORMS] = {RNNLOSS_F64, RNNLOSS_F32, RNNLOSS_F16, RNNLOSS_BF16};

static struct reply post(enum sample_form form, const char *bytes, size_t length, size_t chunk) {
  return client_send(client,
                     &(struct call){.type = sample_type(form), .body = bytes, .length = length, .chunk = chunk});
}

/* 200 with a whole answer, or 4xx with a whole problem. */
static long assert_clean(const struct reply *reply) {
  if (reply->status == 200) {
    struct outcome outcome = outcome_read(reply);
    outcome_release(&outcome);
  } else {
    if (reply->status < 400 || reply->status > 499) fail_msg("status %ld: %.400s", reply->status, reply->body);
    cJSON_Delete(assert_problem(reply, reply->status, NULL));
  }
  return reply->status;
}

static void assert_lives_on(enum sample_form form, const struct blob *body) {
  struct reply reply = post(form, body->bytes, body->length, 0);
  assert_sample(&reply, dtypes[form]);
  reply_release(&reply);
  assert_true(daemon_lives(&daemon_here));
}

static void check_cuts(enum sample_form form, const struct blob *body) {
  for (size_t length = 0; length < body->length; length++) {
    struct reply reply = post(form, body->bytes, length, 0);
    if (assert_clean(&reply) == 200) fail_msg("cut to %zu of %zu bytes, it is still taken", length, body->length);
    reply_release(&reply);
  }
}

static void check_changes(enum sample_form form, struct blob *body) {
  static const unsigned char others[] = {0x00, 0xff, '"', '{', '}', ',', '9', '-', 0x80};
  unsigned char *bytes = (unsigned char *)body->bytes;
  for (size_t i = 0; i < body->length; i++) {
    unsigned char old = bytes[i];
    for (size_t k = 0; k < sizeof others + 8; k++) {
      unsigned char new = (unsigned char)(k < 8 ? old ^ 1u << k : others[k - 8]);
      if (new == old) continue;
      bytes[i] = new;
      struct reply reply = post(form, body->bytes, body->length, 0);
      assert_clean(&reply);
      reply_release(&reply);
    }
    bytes[i] = old;
  }
}

/* A byte more at any place. */
static void check_insertions(enum sample_form form, const struct blob *body) {
  char *longer = malloc(body->length + 1);
  assert_non_null(longer);
  for (size_t i = 0; i <= body->length; i++) {
    memcpy(longer, body->bytes, i);
    longer[i] = i % 2 ? '0' : ']';
    memcpy(longer + i + 1, body->bytes + i, body->length - i);
    struct reply reply = post(form, longer, body->length + 1, 0);
    assert_clean(&reply);
    reply_release(&reply);
  }
  free(longer);
}

/* However the body is cut into pieces on its way, the answer is the same. */
static void check_pieces(enum sample_form form, const struct blob *body) {
  for (size_t chunk = 1; chunk < 40; chunk++) {
    struct reply reply = post(form, body->bytes, body->length, chunk);
    assert_sample(&reply, dtypes[form]);
    reply_release(&reply);
  }
}

static void test_form(void **state) {
  const enum sample_form form = *(const enum sample_form *)*state;
  struct blob body = sample_body(form, dtypes[form], "");
  assert_lives_on(form, &body);
  check_pieces(form, &body);
  check_cuts(form, &body);
  assert_lives_on(form, &body);
  check_changes(form, &body);
  assert_lives_on(form, &body);
  check_insertions(form, &body);
  assert_lives_on(form, &body);
  blob_release(&body);
}

int main(void) {
  static enum sample_form forms[] = {SAMPLE_NESTED, SAMPLE_DATA, SAMPLE_BASE64, SAMPLE_SAFETENSORS};
  static const struct CMUnitTest tests[] = {
      {"nested arrays", test_form, NULL, NULL, &forms[0]},
      {"objects with data", test_form, NULL, NULL, &forms[1]},
      {"objects with data_base64", test_form, NULL, NULL, &forms[2]},
      {"safetensors", test_form, NULL, NULL, &forms[3]},
  };
  return FIXTURE_RUN("bytes", tests, NULL);
}
