/* e2e_loss.c - what can be asked of /loss, and what the answer then holds */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"

static cJSON *ask(const char *text) {
  struct reply reply = client_json(client, text);
  cJSON *root = reply_json(&reply);
  reply_release(&reply);
  return root;
}

/* Asserts that the answer, without white space, holds each of the parts (a list that ends with NULL). */
static void assert_parts(const char *request, const char *const *parts) {
  struct reply reply = client_json(client, request);
  cJSON *root = reply_json(&reply);
  cJSON_Minify(reply.body);
  for (; *parts; parts++) {
    if (!strstr(reply.body, *parts)) fail_msg("no %s in %s", *parts, reply.body);
  }
  cJSON_Delete(root);
  reply_release(&reply);
}

static struct reply send_sample(enum sample_form form, rnnloss_dtype dtype, const char *more, const char *path) {
  struct blob body = sample_body(form, dtype, more);
  struct reply reply = client_send(
      client, &(struct call){.path = path, .type = sample_type(form), .body = body.bytes, .length = body.length});
  blob_release(&body);
  return reply;
}

static void test_nothing_asked(void **state) {
  (void)state;
  static const char *const requests[] = {"{}", " \n{ }\t", "{\"lambdas\":{}}", "{\"lambdas\":{\"lambda_mse\":0}}",
                                         "{\"lambdas\":{\"lambda_mse\":-0.0,\"lambda_fr_cv\":-0}}"};
  for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
    cJSON *root = ask(requests[i]);
    assert_number(root, "loss", 0.0);
    assert_number(root, "contract", 1);
    assert_int_equal(cJSON_GetArraySize(json_at(root, "terms")), 0);
    assert_int_equal(cJSON_GetArraySize(json_at(root, "gradients")), 0);
    assert_int_equal(cJSON_GetArraySize(json_at(root, "unused")), 0);
    assert_int_equal(cJSON_GetArraySize(json_at(root, "warnings")), 0);
    cJSON_Delete(root);
  }
}

static void test_gradients_none(void **state) {
  (void)state;
  struct reply reply = send_sample(SAMPLE_NESTED, RNNLOSS_F64, ",\"gradients\":\"none\"", NULL);
  cJSON *root = reply_json(&reply);
  assert_number(root, "loss", SAMPLE_LOSS);
  assert_false(json_has(root, "gradients"));
  assert_false(json_has(root, "terms.mse.gradients"));
  cJSON_Delete(root);
  reply_release(&reply);
}

static void check_per_term(const struct reply *reply, rnnloss_dtype dtype) {
  static const struct {
    const char *name;
    unsigned count;
    double gradient[2]; /* the first elements */
  } expected[] = {
      {"terms.mse.gradients.pred", 4, {0.5, 0}},
      {"terms.in.gradients.w_in", 6, {1, 1}},
      {"terms.hid.gradients.w_hid", 4, {1, 2}},
      {"terms.out.gradients.w_out", 4, {0.25, 0.25}},
      {"terms.fr.gradients.fr", 4, {0, 1}},
      {"terms.fr_sd.gradients.fr", 4, {-0.125, 0.125}},
      {"terms.fr_cv.gradients.fr", 4, {-0.1875, 0.0625}},
  };
  assert_sample(reply, dtype); /* the total's gradients are there too */
  struct outcome outcome = outcome_read(reply);
  for (size_t k = 0; k < sizeof expected / sizeof *expected; k++) {
    for (unsigned i = 0; i < 2; i++) {
      double value = outcome_element(&outcome, expected[k].name, dtype, expected[k].count, i);
      if (value != expected[k].gradient[i]) fail_msg("%s[%u] is %.17g", expected[k].name, i, value);
    }
  }
  assert_false(outcome_has(&outcome, "terms.mse.gradients.fr"));
  assert_false(outcome_has(&outcome, "terms.mse.gradients.target"));
  outcome_release(&outcome);
}

static void test_gradients_per_term(void **state) {
  (void)state;
  struct reply reply = send_sample(SAMPLE_NESTED, RNNLOSS_F64, ",\"gradients\":\"per_term\"", NULL);
  check_per_term(&reply, RNNLOSS_F64);
  reply_release(&reply);
  reply = send_sample(SAMPLE_BASE64, RNNLOSS_BF16, ",\"gradients\":\"per_term\"", NULL);
  check_per_term(&reply, RNNLOSS_BF16);
  reply_release(&reply);
  reply = send_sample(SAMPLE_SAFETENSORS, RNNLOSS_F16, ",\"gradients\":\"per_term\"", NULL);
  check_per_term(&reply, RNNLOSS_F16);
  reply_release(&reply);
  reply = send_sample(SAMPLE_SAFETENSORS, RNNLOSS_F32, "", "/loss?gradients=per_term");
  check_per_term(&reply, RNNLOSS_F32);
  reply_release(&reply);
}

#define MSE "\"lambdas\":{\"lambda_mse\":1},\"tensors\":{\"pred\":[1,2],\"target\":[0,2],\"fr\":[5,6]}"

static void test_wrt(void **state) {
  (void)state;
  cJSON *root = ask("{" MSE ",\"wrt\":[\"target\"]}");
  assert_int_equal(cJSON_GetArraySize(json_at(root, "gradients")), 1);
  assert_number(root, "gradients.target.0", -1.0);
  assert_number(root, "gradients.target.1", -0.0);
  cJSON_Delete(root);
  root = ask("{" MSE ",\"wrt\":[\"fr\",\"pred\"]}"); /* fr was sent, but no active term uses it: zeros */
  assert_int_equal(cJSON_GetArraySize(json_at(root, "gradients")), 2);
  assert_number(root, "gradients.pred.0", 1.0);
  assert_number(root, "gradients.fr.0", 0.0);
  assert_number(root, "gradients.fr.1", 0.0);
  assert_text(root, "unused.0", "fr");
  cJSON_Delete(root);
  root = ask("{" MSE ",\"wrt\":[]}");
  assert_true(cJSON_IsObject(json_at(root, "gradients")));
  assert_int_equal(cJSON_GetArraySize(json_at(root, "gradients")), 0);
  cJSON_Delete(root);
  root = ask("{" MSE "}");
  assert_int_equal(cJSON_GetArraySize(json_at(root, "gradients")), 1);
  cJSON_Delete(root);
}

static void test_unused(void **state) {
  (void)state;
  cJSON *root = ask("{\"tensors\":{\"w_out\":[[1]],\"fr\":[1],\"pred\":[1]}}");
  assert_int_equal(cJSON_GetArraySize(json_at(root, "unused")), 3);
  assert_text(root, "unused.0", "pred");
  assert_text(root, "unused.1", "fr");
  assert_text(root, "unused.2", "w_out");
  cJSON_Delete(root);
  struct reply reply = send_sample(SAMPLE_SAFETENSORS, RNNLOSS_F32, "", NULL);
  struct outcome outcome = outcome_read(&reply);
  assert_text(outcome.root, "__metadata__.lambda_mse", "1.0");
  assert_text(outcome.root, "__metadata__.lambda_in", "1.5");
  outcome_release(&outcome);
  reply_release(&reply);
}

static void test_nonfinite(void **state) {
  (void)state;
  cJSON *root = ask("{\"nonfinite\":\"propagate\",\"lambdas\":{\"lambda_mse\":1},"
                    "\"tensors\":{\"pred\":[\"NaN\",1],\"target\":[0,0]}}");
  assert_text(root, "loss", "NaN");
  assert_text(root, "terms.mse.loss", "NaN");
  assert_text(root, "gradients.pred.0", "NaN");
  assert_number(root, "gradients.pred.1", 1.0);
  cJSON_Delete(root);
  root = ask("{\"nonfinite\":\"propagate\",\"lambdas\":{\"lambda_fr\":1,\"lambda_in\":1},"
             "\"tensors\":{\"fr\":[\"-Infinity\",1],\"w_in\":[[1,1]]}}");
  assert_text(root, "loss", "Infinity");
  assert_text(root, "terms.fr.loss", "Infinity");
  assert_number(root, "terms.in.loss", 1.0);
  assert_text(root, "gradients.fr.0", "-Infinity");
  assert_number(root, "gradients.fr.1", 1.0);
  cJSON_Delete(root);
  root = ask("{\"nonfinite\":\"propagate\",\"lambdas\":{\"lambda_fr\":1,\"lambda_fr_sd\":1},"
             "\"tensors\":{\"fr\":[\"Infinity\",1]}}");
  assert_text(root, "loss", "NaN"); /* NaN if any term is NaN */
  assert_text(root, "terms.fr.loss", "Infinity");
  assert_text(root, "terms.fr_sd.loss", "NaN");
  assert_text(root, "gradients.fr.1", "NaN");
  cJSON_Delete(root);
}

static void test_warnings(void **state) {
  (void)state;
  cJSON *root = ask("{\"lambdas\":{\"lambda_fr_cv\":1},\"tensors\":{\"fr\":[-1,-3]}}");
  assert_number(root, "loss", -0.5);
  assert_text(root, "warnings.0", "negative-mean-rate");
  cJSON_Delete(root);
  root = ask("{\"lambdas\":{\"lambda_fr\":1e-10},"
             "\"tensors\":{\"fr\":{\"dtype\":\"F16\",\"shape\":[1],\"data\":[1]}}}");
  assert_text(root, "warnings.0", "underflow");
  assert_number(root, "gradients.fr.data.0", 0.0);
  cJSON_Delete(root);
}

static void test_gradient_dtype(void **state) {
  (void)state;
  for (int form = 0; form < SAMPLE_FORMS; form++) {
    for (int dtype = 0; dtype < RNNLOSS_DTYPES; dtype++) {
      if (form == SAMPLE_NESTED && dtype != RNNLOSS_F64) continue;
      struct reply reply = send_sample((enum sample_form)form, (rnnloss_dtype)dtype, "", "/loss?gradient_dtype=F64");
      assert_sample(&reply, RNNLOSS_F64);
      reply_release(&reply);
      reply = send_sample((enum sample_form)form, (rnnloss_dtype)dtype, ",\"gradient_dtype\":\"F32\"", NULL);
      assert_sample(&reply, RNNLOSS_F32);
      reply_release(&reply);
    }
  }
}

/* A gradient comes back in the form of its tensor. */
static void test_gradient_form(void **state) {
  (void)state;
  cJSON *root = ask("{\"lambdas\":{\"lambda_mse\":1,\"lambda_fr\":1,\"lambda_hid\":1},\"tensors\":{"
                    "\"pred\":[[[1],[2]]],\"target\":[[[1],[2]]],"
                    "\"fr\":{\"dtype\":\"F32\",\"shape\":[2,1],\"data\":[[1],[2]]},"
                    "\"w_hid\":{\"dtype\":\"F16\",\"shape\":[1,1],\"data_base64\":\"ADw=\"}}}");
  assert_true(cJSON_IsArray(json_at(root, "gradients.pred.0.1")));
  assert_number(root, "gradients.pred.0.1.0", 0.0);
  assert_text(root, "gradients.fr.dtype", "F32");
  assert_number(root, "gradients.fr.shape.0", 2);
  assert_number(root, "gradients.fr.shape.1", 1);
  assert_number(root, "gradients.fr.data.0", 1.0);
  assert_number(root, "gradients.fr.data.1", 2.0);
  assert_text(root, "gradients.w_hid.data_base64", "AEA="); /* 2 x 1.0 */
  assert_false(json_has(root, "gradients.w_hid.data"));
  cJSON_Delete(root);
}

static void test_number_text(void **state) {
  (void)state;
  assert_parts("{}", (const char *const[]){"\"loss\":0.0", NULL});
  assert_parts(
      "{\"lambdas\":{\"lambda_mse\":1},\"tensors\":{\"pred\":[3],\"target\":[3]},\"wrt\":[\"target\",\"pred\"]}",
      (const char *const[]){"\"lambda\":1.0", "\"pred\":[0.0]", "\"target\":[-0.0]", NULL});
  assert_parts("{\"lambdas\":{\"lambda_fr\":1},\"tensors\":{\"fr\":[1e11]}}",
               (const char *const[]){"\"loss\":1e+22", "\"fr\":[2e+11]", NULL});
  assert_parts("{\"lambdas\":{\"lambda_fr\":1},\"tensors\":{\"fr\":[2.2227587494850775e-162]}}",
               (const char *const[]){"\"loss\":5e-324", NULL});
  assert_parts("{\"lambdas\":{\"lambda_fr\":0.5},\"tensors\":{\"fr\":"
               "{\"dtype\":\"F32\",\"shape\":[3],\"data\":[0.3,0.6,1.5e-45]}},\"gradient_dtype\":\"F32\"}",
               (const char *const[]){"\"lambda\":0.5", "[0.1,0.2,", NULL});
  /* A double that 15 digits don't hold. */
  assert_parts("{\"lambdas\":{\"lambda_fr\":0.30000000000000004},\"tensors\":{\"fr\":[1]}}",
               (const char *const[]){"\"loss\":0.30000000000000004", NULL});
  /* Beyond the range of the gradient's dtype. */
  assert_parts("{\"lambdas\":{\"lambda_fr\":1e6},\"tensors\":{\"fr\":{\"dtype\":\"F16\",\"shape\":[1],\"data\":[-1]}}}",
               (const char *const[]){"\"data\":[\"-Infinity\"]", NULL});
}

static void test_member_order(void **state) {
  (void)state;
  static const char *const requests[] = {
      "{\"lambdas\":{\"lambda_fr\":1},\"gradients\":\"per_term\",\"tensors\":{\"fr\":"
      "{\"dtype\":\"F32\",\"shape\":[2,2],\"data\":[0.1,0.2,16777217,0.4]}}}",
      "{\"tensors\":{\"fr\":{\"data\":[0.1,0.2,16777217,0.4],\"shape\":[2,2],\"dtype\":\"F32\"}},"
      "\"gradients\":\"per_term\",\"lambdas\":{\"lambda_fr\":1}}",
      "{\"tensors\":{\"fr\":{\"shape\":[2,2],\"data\":[[0.1,0.2],[16777217,0.4]],\"dtype\":\"F32\"}},"
      "\"lambdas\":{\"lambda_fr\":1},\"gradients\":\"per_term\"}",
      "{ \"tensors\" : { \"f\\u0072\" : { \"data\" : [ [ 1e-1 , 20E-2 ] , [ 16777217.0 , 0.4 ] ] , "
      "\"dtype\" : \"F32\" , \"shape\" : [ 2 , 2 ] } } , \"gradients\" : \"per_term\" , \"lambdas\" : { \"lambda_fr\" "
      ": 1 } }",
  };
  struct reply first = client_json(client, requests[0]);
  assert_int_equal(first.status, 200);
  for (size_t i = 1; i < sizeof requests / sizeof *requests; i++) {
    struct reply reply = client_json(client, requests[i]);
    assert_string_equal(reply.body, first.body);
    reply_release(&reply);
  }
  reply_release(&first);
}

static void test_query(void **state) {
  (void)state;
  static const char path[] =
      "/loss?lambda_mse=1&lambda_in=1.5&lambda_hid=2&lambda_out=0.5&lambda_fr=1&lambda_fr_sd=5e-1"
      "&lambda_fr_cv=1.0&gradients=total&wrt=pred,fr,w_in,w_hid,w_out&nonfinite=error&contract=1";
  struct blob body = sample_body(SAMPLE_NESTED, RNNLOSS_F64, "");
  const char *tensors = strstr(body.bytes, "\"tensors\"") - 1; /* the body without its λs */
  char *text = strdup(tensors);
  text[0] = '{';
  struct reply reply = client_send(
      client, &(struct call){.path = path, .type = "application/json", .body = text, .length = strlen(text)});
  assert_sample(&reply, RNNLOSS_F64);
  reply_release(&reply);
  free(text);
  blob_release(&body);
  reply = send_sample(SAMPLE_SAFETENSORS, RNNLOSS_F16, "", "/loss?wrt=");
  struct outcome outcome = outcome_read(&reply);
  assert_false(outcome_has(&outcome, "gradients.pred"));
  assert_true(outcome_scalar(&outcome, "loss") == SAMPLE_LOSS);
  outcome_release(&outcome);
  reply_release(&reply);
}

/* Weights may come the other way round; leading axes may be any. */
static void test_shapes(void **state) {
  (void)state;
  cJSON *root = ask("{\"lambdas\":{\"lambda_in\":3,\"lambda_out\":3},\"tensors\":{\"fr\":[[[[1,2]]]],\"pred\":[1,2,3],"
                    "\"w_in\":[[1,2],[3,4],[5,6]],\"w_out\":[[1,2,3],[4,5,6]]}}");
  assert_number(root, "terms.in.unweighted", 91.0 / 6);
  assert_number(root, "terms.in.loss", 45.5);
  assert_number(root, "gradients.w_in.2.1", 6.0);
  assert_number(root, "gradients.w_out.1.2", 6.0);
  cJSON_Delete(root);
  root = ask("{\"lambdas\":{\"lambda_fr\":1},\"tensors\":{\"fr\":[[[[[[[[1]]]]]]]]}}"); /* 8 axes */
  assert_number(root, "gradients.fr.0.0.0.0.0.0.0.0", 2.0);
  cJSON_Delete(root);
  /* One unit: its standard deviation, and the gradient of that, are 0. */
  root = ask("{\"lambdas\":{\"lambda_fr_sd\":1,\"lambda_fr_cv\":1},\"tensors\":{\"fr\":[[1],[2]]}}");
  assert_number(root, "loss", 0.0);
  assert_number(root, "gradients.fr.0.0", 0.0);
  cJSON_Delete(root);
}

/* A coefficient beyond the doubles is an error only where it is needed. */
static void test_coefficient(void **state) {
  (void)state;
  cJSON *root = ask("{\"lambdas\":{\"lambda_mse\":1.7e308},\"tensors\":{\"pred\":[1],\"target\":[1]},"
                    "\"gradients\":\"none\"}");
  assert_number(root, "loss", 0.0);
  cJSON_Delete(root);
  root = ask("{\"lambdas\":{\"lambda_mse\":1.7e308},\"tensors\":{\"pred\":[1],\"target\":[1]},\"wrt\":[]}");
  assert_number(root, "loss", 0.0);
  cJSON_Delete(root);
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_nothing_asked),
      cmocka_unit_test(test_gradients_none),
      cmocka_unit_test(test_gradients_per_term),
      cmocka_unit_test(test_wrt),
      cmocka_unit_test(test_unused),
      cmocka_unit_test(test_nonfinite),
      cmocka_unit_test(test_warnings),
      cmocka_unit_test(test_gradient_dtype),
      cmocka_unit_test(test_gradient_form),
      cmocka_unit_test(test_number_text),
      cmocka_unit_test(test_member_order),
      cmocka_unit_test(test_query),
      cmocka_unit_test(test_shapes),
      cmocka_unit_test(test_coefficient),
  };
  return FIXTURE_RUN("loss", tests, NULL);
}
