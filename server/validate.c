/* validate.c - POST /validate: does a worker compute the same loss, and if not, what instead? */
#include <string.h>

#include "validate.h"

enum phase {
  PHASE_CHECK,
  PHASE_SETTLE,
  PHASE_EVALUATE,
  PHASE_DIGEST,
  PHASE_JUDGE,
  PHASE_MOMENTS,
  PHASE_DIAGNOSE,
  PHASE_REPORT
};

struct validate {
  struct intake intake;
  struct claims claims;
  struct result result;
  struct digest digest;
  enum phase phase;
  int encoding; /* of the answer */
  struct validation validation;
};

/* The answer's media types, those first that are chosen among equally good ones. */
static const char *const types[] = {"application/json", "text/plain", "text/html"};
static const char *const headers[] = {"application/json", "text/plain; charset=utf-8", "text/html; charset=utf-8"};
enum { AS_JSON, AS_PLAIN, AS_HTML, ENCODINGS };

static bool check_accept(struct exchange *exchange, struct validate *validate) {
  unsigned best = 0;
  for (int i = 0; i < ENCODINGS; i++) {
    const unsigned quality = media_quality(exchange->head.accept, types[i]);
    if (quality > best) validate->encoding = i;
    if (quality > best) best = quality;
  }
  if (best) return true;
  return problem_set(
      &exchange->problem, PROBLEM_NOT_ACCEPTABLE, "",
      "Accept names no encoding that there is; /validate answers application/json, text/plain and text/html");
}

bool validate_begin(struct exchange *exchange) {
  struct validate *validate = arena_allocate(&exchange->arena, sizeof *validate);
  if (!validate) return problem_out_of_memory(&exchange->problem);
  memset(validate, 0, sizeof *validate);
  claims_begin(&validate->claims);
  validate->intake.request.claims = &validate->claims;
  exchange->state = validate;
  return check_accept(exchange, validate) && intake_begin(exchange, &validate->intake);
}

bool validate_receive(struct exchange *exchange, const char *bytes, size_t length) {
  struct validate *validate = exchange->state;
  return intake_receive(exchange, &validate->intake, bytes, length);
}

void validate_release(struct exchange *exchange) {
  struct validate *validate = exchange->state;
  if (!validate) return;
  digest_release(&validate->digest);
  claims_release(&validate->claims);
  request_release(&validate->intake.request);
}

static enum step report(struct exchange *exchange, struct validate *validate) {
  size_t length = 0;
  const struct validation *validation = &validate->validation;
  const char *digest = validate->digest.text;
  const char *bytes = validate->encoding == AS_JSON
                          ? report_json(validation, digest, &length)
                          : report_text(validation, digest, validate->encoding == AS_HTML, &length);
  count_evaluations(exchange, validate->result.values->active);
  exchange_answer(exchange, 200, headers[validate->encoding], bytes, length);
  return STEP_DONE;
}

static enum step do_phase(struct exchange *exchange, struct validate *validate) {
  struct validation *validation = &validate->validation;
  struct request *request = &validate->intake.request;
  switch (validate->phase) {
  case PHASE_CHECK:
    return intake_end(exchange, &validate->intake) && validation_begin(validation, request) ? STEP_DONE : STEP_FAILED;
  case PHASE_SETTLE:
    return validation_settle(validation);
  case PHASE_EVALUATE:
    return evaluate_step(request, &validate->result);
  case PHASE_DIGEST:
    return digest_step(&validate->digest, request);
  case PHASE_JUDGE:
    return validation_judge(validation, &validate->result);
  case PHASE_MOMENTS:
    return moments_step(validation);
  case PHASE_DIAGNOSE:
    return diagnose_step(validation);
  default:
    return report(exchange, validate);
  }
}

enum step validate_finish(struct exchange *exchange) {
  struct validate *validate = exchange->state;
  for (;;) {
    const enum step step = do_phase(exchange, validate);
    if (step != STEP_DONE || validate->phase == PHASE_REPORT) return step;
    validate->phase++;
  }
}
