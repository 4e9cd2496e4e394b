/* problem.c - a problem on its way: checked, encoded, sent */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

/* What would make encoding impossible; all else is the daemon's to judge. */
static bool check(const rnnloss_client_problem *problem, rnnloss_client_error *error) {
  for (size_t i = 0; i < problem->weight_count; i++) {
    if (!problem->weights[i].name) return error_argument(error, "a weight has no name");
  }
  for (size_t i = 0; i < problem->option_count; i++) {
    if (!problem->options[i].name) return error_argument(error, "an option has no name");
    if (!problem->options[i].value)
      return error_argument(error, "the option %s has no value", problem->options[i].name);
  }
  return true;
}

void body_free(struct body *body) {
  free(body->segments);
  free(body->head.bytes);
  free(body->query.bytes);
}

static bool send_body(rnnloss_client *client, const char *route, const struct body *body, const char *accept,
                      const char *request_id, struct exchange *exchange, rnnloss_client_error *error) {
  struct text path = {0};
  text_string(&path, route);
  if (body->query.length) text_add(&path, body->query.bytes, body->query.length);
  const struct call call = {.path = path.bytes,
                            .post = true,
                            .content_type = body->content_type,
                            .accept = accept ? accept : body->content_type,
                            .segments = body->segments,
                            .count = body->count,
                            .request_id = request_id};
  const bool well = path.failed ? error_memory(error) : call_make(client, &call, exchange, error);
  free(path.bytes);
  return well;
}

bool problem_send(rnnloss_client *client, const char *route, const rnnloss_client_problem *problem, const char *accept,
                  struct exchange *exchange, rnnloss_client_error *error) {
  const bool claims = strcmp(route, "/validate") == 0;
  struct body body = {0};
  if (!check(problem, error)) return false;
  const bool well = (problem->encoding == RNNLOSS_CLIENT_JSON ? encode_json(problem, claims, &body, error)
                                                              : encode_safetensors(problem, claims, &body, error)) &&
                    send_body(client, route, &body, accept, problem->request_id, exchange, error);
  body_free(&body);
  if (well && exchange->status >= 400) {
    error_of_answer(error, exchange);
    exchange_free(exchange);
    return false;
  }
  return well;
}
