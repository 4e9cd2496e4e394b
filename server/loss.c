/* loss.c - POST /loss: decode while the body arrives, evaluate, lay out the answer */
#include <string.h>

#include "server.h"

#define SMALL_ANSWER ((uint64_t)32 * 1024) /* up to here an answer is made at once, with its length */

struct loss {
  struct request request;
  struct result result;
  struct body body;
  const struct format *format; /* of the request; NULL: its first bytes will tell */
  const struct format *answer_format;
  void *decoder;
  bool checked;
  size_t sniffed;
  char first[8]; /* bytes of a body whose type isn't stated */
};

/* ---- before the body ---- */

static bool query_option(void *context, const char *name, const char *value) {
  struct request *request = context;
  const size_t length = strlen(name);
  int option = option_find(name, length);
  if (option < 0) return option_unknown(request, name, length, "/");
  return option_set(request, SOURCE_QUERY, option, value);
}

static bool list_types(struct exchange *exchange, enum problem_type type, const char *what) {
  return problem_set(&exchange->problem, type, "", "%s; there are %s and %s", what, format_json.media_types[0],
                     format_safetensors.media_types[0]);
}

static bool choose_format(struct exchange *exchange, struct loss *loss, const struct format *format) {
  loss->format = format;
  loss->answer_format = format_accepted(exchange->head.accept, format);
  if (!loss->answer_format)
    return list_types(exchange, PROBLEM_NOT_ACCEPTABLE, "Accept names no encoding that there is");
  loss->decoder = format->decode_begin(&loss->request);
  return loss->decoder != NULL;
}

static bool check_encoding(struct exchange *exchange) {
  const char *encoding = exchange->head.content_encoding;
  if (!encoding || media_type_is(encoding, "identity")) return true;
  return problem_set(&exchange->problem, PROBLEM_UNSUPPORTED_MEDIA_TYPE, "",
                     "Content-Encoding must be identity: compressed bodies are not taken");
}

bool loss_begin(struct exchange *exchange) {
  struct loss *loss = arena_allocate(&exchange->arena, sizeof *loss);
  if (!loss) return problem_out_of_memory(&exchange->problem);
  memset(loss, 0, sizeof *loss);
  request_begin(&loss->request, &exchange->arena, &exchange->problem, exchange->server->config.max_neurons);
  exchange->state = loss;
  if (!check_encoding(exchange)) return false;
  if (exchange->query &&
      !query_each(exchange->query, &exchange->arena, &exchange->problem, query_option, &loss->request)) {
    return false;
  }
  const char *type = exchange->head.content_type;
  if (format_is_unstated(type)) return true;
  const struct format *format = format_of_type(type);
  if (!format) return list_types(exchange, PROBLEM_UNSUPPORTED_MEDIA_TYPE, "the Content-Type is not taken");
  return choose_format(exchange, loss, format);
}

void loss_release(struct exchange *exchange) {
  struct loss *loss = exchange->state;
  if (loss) request_release(&loss->request);
}

/* ---- the body ---- */

static bool sniff(struct exchange *exchange, struct loss *loss, const char **bytes, size_t *length) {
  while (loss->sniffed < sizeof loss->first && *length) {
    loss->first[loss->sniffed++] = *(*bytes)++;
    --*length;
  }
  if (loss->sniffed < sizeof loss->first) return true;
  return choose_format(exchange, loss, format_sniff(loss->first, loss->sniffed)) &&
         loss->format->decode(loss->decoder, loss->first, loss->sniffed);
}

bool loss_receive(struct exchange *exchange, const char *bytes, size_t length) {
  struct loss *loss = exchange->state;
  if (!loss->format && !sniff(exchange, loss, &bytes, &length)) return false;
  return !length || loss->format->decode(loss->decoder, bytes, length);
}

/* ---- after the body ---- */

static bool end_of_body(struct exchange *exchange, struct loss *loss) {
  if (!loss->format) { /* fewer than eight bytes */
    if (!choose_format(exchange, loss, &format_json)) return false;
    if (loss->sniffed && !loss->format->decode(loss->decoder, loss->first, loss->sniffed)) return false;
  }
  return loss->format->decode_end(loss->decoder) && request_check(&loss->request);
}

/* A small answer is made now, so that its length can be said; a large one while it is sent. */
static void answer(struct exchange *exchange, struct loss *loss) {
  struct body *body = &loss->body;
  const char *type = loss->answer_format->media_types[0];
  if (body->length > SMALL_ANSWER) {
    exchange_answer_body(exchange, type, body);
    return;
  }
  size_t length = 0, made;
  char *bytes = arena_allocate(&exchange->arena, (size_t)body->length);
  while (bytes && (made = body_read(body, bytes + length, (size_t)body->length - length))) length += made;
  exchange_answer(exchange, 200, type, bytes, length);
}

static void count_evaluations(struct exchange *exchange, unsigned active) {
  for (int k = 0; k < RNNLOSS_TERMS; k++) {
    if (active & 1u << k) atomic_fetch_add_explicit(&exchange->server->metrics.evaluations[k], 1, memory_order_relaxed);
  }
}

enum step loss_finish(struct exchange *exchange) {
  struct loss *loss = exchange->state;
  if (!loss->checked && !end_of_body(exchange, loss)) return STEP_FAILED;
  loss->checked = true;
  enum step step = evaluate_step(&loss->request, &loss->result);
  if (step != STEP_DONE) return step;
  body_begin(&loss->body, &loss->request);
  if (!loss->answer_format->encode(&loss->result, &loss->body)) {
    problem_out_of_memory(&exchange->problem);
    return STEP_FAILED;
  }
  exchange->terms = loss->result.values->active;
  count_evaluations(exchange, exchange->terms);
  answer(exchange, loss);
  return STEP_DONE;
}
