/* intake.c - from the body of a POST to a request: its encoding, its options in the query, the decoder */
#include <string.h>

#include "server.h"

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

static bool choose_format(struct exchange *exchange, struct intake *intake, const struct format *format) {
  intake->format = format;
  if (intake->answers_alike) intake->answer_format = format_accepted(exchange->head.accept, format);
  if (intake->answers_alike && !intake->answer_format)
    return list_types(exchange, PROBLEM_NOT_ACCEPTABLE, "Accept names no encoding that there is");
  intake->decoder = format->decode_begin(&intake->request);
  return intake->decoder != NULL;
}

static bool check_encoding(struct exchange *exchange) {
  const char *encoding = exchange->head.content_encoding;
  if (!encoding || media_type_is(encoding, "identity")) return true;
  return problem_set(&exchange->problem, PROBLEM_UNSUPPORTED_MEDIA_TYPE, "",
                     "Content-Encoding must be identity: compressed bodies are not taken");
}

bool intake_begin(struct exchange *exchange, struct intake *intake) {
  struct claims *claims = intake->request.claims;
  request_begin(&intake->request, &exchange->arena, &exchange->problem, exchange->server->config.max_neurons);
  intake->request.claims = claims;
  intake->request.keep_all = claims != NULL;
  if (!check_encoding(exchange)) return false;
  if (exchange->query &&
      !query_each(exchange->query, &exchange->arena, &exchange->problem, query_option, &intake->request)) {
    return false;
  }
  const char *type = exchange->head.content_type;
  if (format_is_unstated(type)) return true;
  const struct format *format = format_of_type(type);
  if (!format) return list_types(exchange, PROBLEM_UNSUPPORTED_MEDIA_TYPE, "the Content-Type is not taken");
  return choose_format(exchange, intake, format);
}

/* ---- the body ---- */

static bool sniff(struct exchange *exchange, struct intake *intake, const char **bytes, size_t *length) {
  while (intake->sniffed < sizeof intake->first && *length) {
    intake->first[intake->sniffed++] = *(*bytes)++;
    --*length;
  }
  if (intake->sniffed < sizeof intake->first) return true;
  return choose_format(exchange, intake, format_sniff(intake->first, intake->sniffed)) &&
         intake->format->decode(intake->decoder, intake->first, intake->sniffed);
}

bool intake_receive(struct exchange *exchange, struct intake *intake, const char *bytes, size_t length) {
  if (!intake->format && !sniff(exchange, intake, &bytes, &length)) return false;
  return !length || intake->format->decode(intake->decoder, bytes, length);
}

/* ---- after the body ---- */

bool intake_end(struct exchange *exchange, struct intake *intake) {
  if (intake->checked) return true;
  intake->checked = true;
  if (!intake->format) { /* fewer than eight bytes */
    if (!choose_format(exchange, intake, &format_json)) return false;
    if (intake->sniffed && !intake->format->decode(intake->decoder, intake->first, intake->sniffed)) return false;
  }
  return intake->format->decode_end(intake->decoder) && request_check(&intake->request);
}

void count_evaluations(struct exchange *exchange, unsigned active) {
  exchange->terms = active;
  for (int k = 0; k < RNNLOSS_TERMS; k++) {
    if (active & 1u << k) atomic_fetch_add_explicit(&exchange->server->metrics.evaluations[k], 1, memory_order_relaxed);
  }
}
