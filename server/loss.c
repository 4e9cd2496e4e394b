/* loss.c - POST /loss: decode while the body arrives, evaluate, lay out the answer */
#include <string.h>

#include "server.h"

#define SMALL_ANSWER ((uint64_t)32 * 1024) /* up to here an answer is made at once, with its length */

struct loss {
  struct intake intake;
  struct result result;
  bool evaluated;
  struct digest digest;
  struct body body;
};

bool loss_begin(struct exchange *exchange) {
  struct loss *loss = arena_allocate(&exchange->arena, sizeof *loss);
  if (!loss) return problem_out_of_memory(&exchange->problem);
  memset(loss, 0, sizeof *loss);
  loss->intake.answers_alike = true;
  exchange->state = loss;
  return intake_begin(exchange, &loss->intake);
}

void loss_release(struct exchange *exchange) {
  struct loss *loss = exchange->state;
  if (!loss) return;
  digest_release(&loss->digest);
  request_release(&loss->intake.request);
}

bool loss_receive(struct exchange *exchange, const char *bytes, size_t length) {
  struct loss *loss = exchange->state;
  return intake_receive(exchange, &loss->intake, bytes, length);
}

/* A small answer is made now, so that its length can be said; a large one while it is sent. */
static void answer(struct exchange *exchange, struct loss *loss) {
  struct body *body = &loss->body;
  const char *type = loss->intake.answer_format->media_types[0];
  if (body->length > SMALL_ANSWER) {
    exchange_answer_body(exchange, type, body);
    return;
  }
  size_t length = 0, made;
  char *bytes = arena_allocate(&exchange->arena, (size_t)body->length);
  while (bytes && (made = body_read(body, bytes + length, (size_t)body->length - length))) length += made;
  exchange_answer(exchange, 200, type, bytes, length);
}

static enum step evaluate(struct loss *loss) {
  struct request *request = &loss->intake.request;
  if (!loss->evaluated) {
    const enum step step = evaluate_step(request, &loss->result);
    if (step != STEP_DONE) return step;
    loss->evaluated = true;
  }
  if (!request->options.digest) return STEP_DONE;
  loss->result.inputs_sha256 = loss->digest.text;
  return digest_step(&loss->digest, request);
}

enum step loss_finish(struct exchange *exchange) {
  struct loss *loss = exchange->state;
  if (!intake_end(exchange, &loss->intake)) return STEP_FAILED;
  const enum step step = evaluate(loss);
  if (step != STEP_DONE) return step;
  body_begin(&loss->body, &loss->intake.request);
  if (!loss->intake.answer_format->encode(&loss->result, &loss->body)) {
    problem_out_of_memory(&exchange->problem);
    return STEP_FAILED;
  }
  count_evaluations(exchange, loss->result.values->active);
  answer(exchange, loss);
  return STEP_DONE;
}
