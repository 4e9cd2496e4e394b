/* e2e_bytes.c - bodies that are cut or changed at every byte get a clean answer, and the daemon lives on */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"

static const rnnloss_dtype dtypes[SAMPLE_FORMS] = {RNNLOSS_F64, RNNLOSS_F32, RNNLOSS_F16, RNNLOSS_BF16};

struct subject {
  const char *path;
  enum sample_form form;
  struct blob (*body)(enum sample_form form);
  void (*assert_right)(const struct reply *reply, enum sample_form form); /* the answer to that body */
  void (*assert_whole)(const struct reply *reply);                        /* any answer with status 200 */
};

static struct reply post(const struct subject *subject, const char *bytes, size_t length, size_t chunk) {
  return client_send(
      client,
      &(struct call){
          .path = subject->path, .type = sample_type(subject->form), .body = bytes, .length = length, .chunk = chunk});
}

/* ---- POST /loss ---- */

static struct blob loss_body(enum sample_form form) {
  return sample_body(form, dtypes[form], "");
}

static void assert_loss_right(const struct reply *reply, enum sample_form form) {
  assert_sample(reply, dtypes[form]);
}

static void assert_loss_whole(const struct reply *reply) {
  struct outcome outcome = outcome_read(reply);
  outcome_release(&outcome);
}

/* ---- POST /validate: right claims, and some that are diagnosed ---- */

/* Of w_hid the transpose; half of w_in's, which is given as its transpose, [3, 2]. */
static struct blob claims_json(enum sample_form form) {
  return sample_body(
      form, dtypes[form],
      ",\"tolerance\":{\"rtol\":0.001},\"claims\":{\"loss\":29.75,\"terms\":{\"in\":12,\"fr\":{\"loss\":6,"
      "\"unweighted\":\"NaN\",\"gradients\":{\"fr\":[[[0,1],[1,2]]]}}},\"gradients\":{\"w_hid\":[[1,3],[2,4]],"
      "\"w_in\":{\"dtype\":\"F32\",\"shape\":[3,2],\"data\":[0.5,0.5,0.5,0.5,0.5,0.5]}}}");
}

static struct blob claims_safetensors(enum sample_form form) {
  static const struct {
    const char *name, *shape;
    unsigned count;
    float x[6];
  } claims[] = {{"loss", "", 1, {29.75F}},
                {"terms.in.loss", "", 1, {12}},
                {"terms.fr.gradients.fr", "1,2,2", 4, {0, 1, 1, 2}},
                {"gradients.w_hid", "2,2", 4, {1, 3, 2, 4}},
                {"gradients.w_in", "3,2", 6, {0.5F, 0.5F, 0.5F, 0.5F, 0.5F, 0.5F}}};
  struct blob sample = sample_body(form, dtypes[form], ",\"rtol\":\"0.001\"");
  const size_t header = (unsigned char)sample.bytes[0] | (size_t)(unsigned char)sample.bytes[1] << 8;
  size_t length = sample.length - 8 - header, written = 8 + header;
  char text[4000];
  unsigned char data[1000];
  while (sample.bytes[written - 1] == ' ') written--;
  memcpy(data, sample.bytes + 8 + header, length);
  int end = snprintf(text, sizeof text, "%.*s", (int)(written - 8 - 1), sample.bytes + 8); /* but for the last brace */
  for (size_t i = 0; i < sizeof claims / sizeof *claims; i++) {
    const size_t size = claims[i].count * sizeof(float);
    end += snprintf(text + end, sizeof text - (size_t)end,
                    ",\"claims.%s\":{\"dtype\":\"F32\",\"shape\":[%s],\"data_offsets\":[%zu,%zu]}", claims[i].name,
                    claims[i].shape, length, length + size);
    memcpy(data + length, claims[i].x, size);
    length += size;
  }
  snprintf(text + end, sizeof text - (size_t)end, "}");
  blob_release(&sample);
  return blob_safetensors(text, data, length);
}

static void assert_claim(const cJSON *root, const char *path, const char *verdict, const char *id) {
  const cJSON *claim = cJSON_GetObjectItemCaseSensitive(json_at(root, "claims"), path);
  assert_non_null(claim);
  assert_text(claim, "verdict", verdict);
  if (id) assert_text(claim, "diagnosis.0.id", id);
}

static void assert_verdicts_right(const struct reply *reply, enum sample_form form) {
  (void)form;
  if (reply->status != 200) fail_msg("status %ld: %.400s", reply->status, reply->body);
  cJSON *root = reply_json(reply);
  assert_true(cJSON_IsFalse(json_at(root, "valid")));
  assert_claim(root, "loss", "pass", NULL);
  assert_claim(root, "terms.in.loss", "fail", "double");
  assert_claim(root, "terms.fr.gradients.fr", "pass", NULL);
  assert_claim(root, "gradients.w_hid", "fail", "transposed");
  assert_claim(root, "gradients.w_in", "fail", form == SAMPLE_SAFETENSORS ? NULL : "transposed+half");
  cJSON_Delete(root);
}

static void assert_verdicts_whole(const struct reply *reply) {
  cJSON *root = reply_json(reply);
  const cJSON *valid = json_at(root, "valid");
  assert_true(cJSON_IsBool(valid) || cJSON_IsNull(valid));
  assert_number(root, "contract", 1);
  assert_true(cJSON_GetArraySize(json_at(root, "claims")) > 0);
  cJSON_Delete(root);
}

/* ---- what is done to each ---- */

/* 200 with a whole answer, or 4xx with a whole problem. */
static long assert_clean(const struct subject *subject, const struct reply *reply) {
  if (reply->status == 200) {
    subject->assert_whole(reply);
  } else {
    if (reply->status < 400 || reply->status > 499) fail_msg("status %ld: %.400s", reply->status, reply->body);
    cJSON_Delete(assert_problem(reply, reply->status, NULL));
  }
  return reply->status;
}

static void assert_lives_on(const struct subject *subject, const struct blob *body) {
  struct reply reply = post(subject, body->bytes, body->length, 0);
  subject->assert_right(&reply, subject->form);
  reply_release(&reply);
  assert_true(daemon_lives(&daemon_here));
}

static void check_cuts(const struct subject *subject, const struct blob *body) {
  for (size_t length = 0; length < body->length; length++) {
    struct reply reply = post(subject, body->bytes, length, 0);
    if (assert_clean(subject, &reply) == 200)
      fail_msg("cut to %zu of %zu bytes, it is still taken", length, body->length);
    reply_release(&reply);
  }
}

static void check_changes(const struct subject *subject, struct blob *body) {
  static const unsigned char others[] = {0x00, 0xff, '"', '{', '}', ',', '9', '-', 0x80};
  unsigned char *bytes = (unsigned char *)body->bytes;
  for (size_t i = 0; i < body->length; i++) {
    unsigned char old = bytes[i];
    for (size_t k = 0; k < sizeof others + 8; k++) {
      unsigned char new = (unsigned char)(k < 8 ? old ^ 1u << k : others[k - 8]);
      if (new == old) continue;
      bytes[i] = new;
      struct reply reply = post(subject, body->bytes, body->length, 0);
      assert_clean(subject, &reply);
      reply_release(&reply);
    }
    bytes[i] = old;
  }
}

/* A byte more at any place. */
static void check_insertions(const struct subject *subject, const struct blob *body) {
  char *longer = malloc(body->length + 1);
  assert_non_null(longer);
  for (size_t i = 0; i <= body->length; i++) {
    memcpy(longer, body->bytes, i);
    longer[i] = i % 2 ? '0' : ']';
    memcpy(longer + i + 1, body->bytes + i, body->length - i);
    struct reply reply = post(subject, longer, body->length + 1, 0);
    assert_clean(subject, &reply);
    reply_release(&reply);
  }
  free(longer);
}

/* However the body is cut into pieces on its way, the answer is the same. */
static void check_pieces(const struct subject *subject, const struct blob *body) {
  for (size_t chunk = 1; chunk < 40; chunk++) {
    struct reply reply = post(subject, body->bytes, body->length, chunk);
    subject->assert_right(&reply, subject->form);
    reply_release(&reply);
  }
}

static void test_bytes(void **state) {
  const struct subject *subject = *state;
  struct blob body = subject->body(subject->form);
  assert_lives_on(subject, &body);
  check_pieces(subject, &body);
  check_cuts(subject, &body);
  assert_lives_on(subject, &body);
  check_changes(subject, &body);
  assert_lives_on(subject, &body);
  check_insertions(subject, &body);
  assert_lives_on(subject, &body);
  blob_release(&body);
}

#define LOSS(form)                                                                                                     \
  { "/loss", form, loss_body, assert_loss_right, assert_loss_whole }
#define CLAIMS(form, body)                                                                                             \
  { "/validate", form, body, assert_verdicts_right, assert_verdicts_whole }

int main(void) {
  static struct subject subjects[] = {
      LOSS(SAMPLE_NESTED),
      LOSS(SAMPLE_DATA),
      LOSS(SAMPLE_BASE64),
      LOSS(SAMPLE_SAFETENSORS),
      CLAIMS(SAMPLE_NESTED, claims_json),
      CLAIMS(SAMPLE_DATA, claims_json),
      CLAIMS(SAMPLE_SAFETENSORS, claims_safetensors),
  };
  static const struct CMUnitTest tests[] = {
      {"nested arrays", test_bytes, NULL, NULL, &subjects[0]},
      {"objects with data", test_bytes, NULL, NULL, &subjects[1]},
      {"objects with data_base64", test_bytes, NULL, NULL, &subjects[2]},
      {"safetensors", test_bytes, NULL, NULL, &subjects[3]},
      {"claims in nested arrays", test_bytes, NULL, NULL, &subjects[4]},
      {"claims in objects", test_bytes, NULL, NULL, &subjects[5]},
      {"claims in safetensors", test_bytes, NULL, NULL, &subjects[6]},
  };
  return FIXTURE_RUN("bytes", tests, NULL);
}
