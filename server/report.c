/* report.c - the verdicts as JSON */
#include <math.h>
#include <string.h>

#include "validate.h"

static const char *const verdict_names[] = {
    [RNN_PASS] = "pass", [RNN_FAIL] = "fail", [RNN_INCONCLUSIVE] = "inconclusive"};

static void number(struct text *text, const char *opening, double value) {
  text_string(text, opening);
  text_json_number(text, value);
}

static void string(struct text *text, const char *opening, const char *value) {
  text_string(text, opening);
  text_json_string(text, value);
}

static void count(struct text *text, const char *opening, uint64_t value) {
  text_string(text, opening);
  text_unsigned(text, value);
}

/* "claimed":0.1,"claimed_hex":"0x1.999999999999ap-4" */
static void both_forms(struct text *text, const char *decimal, const char *hexadecimal, double value) {
  number(text, decimal, value);
  text_string(text, hexadecimal);
  char *to = text_room(text, NUMBER_TEXT_MAX);
  if (to) text->length += number_write_hex(value, to);
}

static void tolerance(struct text *text, const struct rnn_tolerance *tolerance) {
  string(text, "\"tolerance\":{\"dtype\":", rnnloss_dtype_name(tolerance->dtype));
  if (tolerance->by_ulps) {
    number(text, ",\"ulps\":", tolerance->ulps);
  } else {
    number(text, ",\"rtol\":", tolerance->rtol);
    number(text, ",\"atol\":", tolerance->atol);
  }
}

static void place(struct text *text, const struct verdict *verdict, const char *opening,
                  const struct rnn_extreme *extreme) {
  uint64_t index[RANK_MAX] = {0}, rest = extreme->index;
  const struct tensor *tensor = verdict->claimed;
  const unsigned rank = tensor ? tensor->rank : 0;
  for (unsigned i = rank; i-- > 0; rest /= tensor->shape[i]) index[i] = rest % tensor->shape[i];
  number(text, opening, extreme->value);
  text_string(text, ",\"index\":[");
  for (unsigned i = 0; i < rank; i++) count(text, i ? "," : "", index[i]);
  text_string(text, "]");
  if (tensor) { /* those of a number stand beside */
    both_forms(text, ",\"claimed\":", ",\"claimed_hex\":", extreme->x);
    both_forms(text, ",\"canonical\":", ",\"canonical_hex\":", extreme->y);
  }
  text_string(text, "}");
}

static void differences(struct text *text, const struct verdict *verdict) {
  const struct rnn_judge *judge = &verdict->judge;
  place(text, verdict, ",\"largest\":{\"absolute\":{\"difference\":", &judge->absolute);
  place(text, verdict, ",\"relative\":{\"difference\":", &judge->relative);
  place(text, verdict, ",\"ulps\":{\"difference\":", &judge->ulps);
  text_string(text, "}");
  if (judge->mismatched) place(text, verdict, ",\"first_mismatch\":{\"difference\":", &judge->first);
  count(text, ",\"mismatched\":", judge->mismatched);
  count(text, ",\"elements\":", judge->count);
  count(text, ",\"nonfinite\":", judge->nonfinite);
}

static void releases(struct text *text, unsigned profiles) {
  const char *separator = ",\"releases\":[";
  for (size_t i = 0; i < rnn_profile_count; i++) {
    if (!(profiles >> i & 1)) continue;
    string(text, separator, rnn_profiles[i].id);
    separator = ",";
  }
  if (profiles) text_string(text, "]");
}

static void diagnosis(struct text *text, const struct verdict *verdict) {
  text_string(text, ",\"diagnosis\":[");
  for (size_t i = 0; i < verdict->findings; i++) {
    const struct finding *finding = &verdict->finding[i];
    string(text, i ? ",{\"id\":" : "{\"id\":", finding->id);
    string(text, ",\"title\":", finding->title);
    string(text, ",\"relation\":", finding->relation);
    string(text, ",\"fix\":", finding->fix);
    number(text, ",\"value\":", finding->value);
    releases(text, finding->profiles);
    text_string(text, finding->weak ? ",\"weak\":true}" : "}");
  }
  text_string(text, "]");
}

/* A shape as it is in JSON. */
static void shape(struct text *text, const char *opening, const struct tensor *tensor) {
  text_string(text, opening);
  for (unsigned i = 0; i < tensor->rank; i++) count(text, i ? "," : "[", tensor->shape[i]);
  text_string(text, "]");
}

static void claim(struct text *text, const struct verdict *verdict) {
  text_json_string(text, verdict->path);
  string(text, ":{\"verdict\":", verdict_names[verdict->verdict]);
  if (verdict->claim) {
    both_forms(text, ",\"claimed\":", ",\"claimed_hex\":", verdict->x);
    both_forms(text, ",\"canonical\":", ",\"canonical_hex\":", verdict->canonical);
  }
  text_string(text, ",");
  tolerance(text, &verdict->judge.tolerance);
  text_string(text, "}");
  differences(text, verdict);
  if (!verdict->claim) {
    if (verdict->misshapen) {
      shape(text, ",\"shape\":", verdict->claimed);
      shape(text, ",\"canonical_shape\":", verdict->own);
      string(text, ",\"message\":", verdict_misshapen());
    }
    number(text, ",\"cosine\":", rnn_judge_cosine(&verdict->judge));
    number(text, ",\"scale\":", rnn_judge_scale(&verdict->judge));
  }
  if (verdict->verdict == RNN_FAIL) diagnosis(text, verdict);
  text_string(text, "}");
}

enum rnn_verdict validation_verdict(const struct validation *validation) {
  enum rnn_verdict all = RNN_PASS;
  for (size_t i = 0; i < validation->count; i++) {
    if (validation->verdict[i].verdict == RNN_FAIL) return RNN_FAIL;
    if (validation->verdict[i].verdict != RNN_PASS) all = RNN_INCONCLUSIVE;
  }
  return all;
}

char *report_json(const struct validation *validation, const char *inputs_sha256, size_t *length) {
  static const char *const valid[] = {[RNN_PASS] = "true", [RNN_FAIL] = "false", [RNN_INCONCLUSIVE] = "null"};
  struct text text = {.arena = validation->request->arena};
  text_string(&text, "{\"valid\":");
  text_string(&text, valid[validation_verdict(validation)]);
  count(&text, ",\"contract\":", RNNLOSS_CONTRACT);
  string(&text, ",\"version\":", SERVER_VERSION);
  string(&text, ",\"inputs_sha256\":", inputs_sha256);
  text_string(&text, ",");
  tolerance(&text, &validation->tolerance);
  text_string(&text, ",\"source\":\"");
  text_string(&text, validation->stated ? "request" : "torch.testing.assert_close, ");
  if (!validation->stated) text_string(&text, rnnloss_dtype_name(validation->tolerance.dtype));
  text_string(&text, "\"},\"claims\":{");
  for (size_t i = 0; i < validation->count; i++) {
    if (i) text_string(&text, ",");
    claim(&text, &validation->verdict[i]);
  }
  text_string(&text, "}}\n");
  *length = text.length;
  return text.failed ? NULL : text.bytes;
}
