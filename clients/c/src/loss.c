/* loss.c - POST /loss: a problem out, an answer in */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

static bool media_type_is(const struct exchange *exchange, const char *type) {
  const size_t length = strlen(type);
  return strncmp(exchange->content_type, type, length) == 0 &&
         (!exchange->content_type[length] || strchr("; ", exchange->content_type[length]));
}

static const char *decode(struct draft *draft, const rnnloss_client_problem *problem, struct exchange *exchange) {
  const bool json = problem->encoding == RNNLOSS_CLIENT_JSON;
  if (exchange->status != 200 || !media_type_is(exchange, json ? JSON : SAFETENSORS)) return "no answer of /loss";
  draft->answer.request_id = pool_text(&draft->pool, exchange->request_id, strlen(exchange->request_id));
  if (!draft->answer.request_id) return no_memory;
  return json ? decode_json(draft, problem, exchange->body, exchange->length)
              : decode_safetensors(draft, problem, exchange->body, exchange->length);
}

bool rnnloss_client_loss(rnnloss_client *client, const rnnloss_client_problem *problem, rnnloss_client_answer **answer,
                         rnnloss_client_error *error) {
  struct exchange exchange = {0};
  *answer = NULL;
  if (!problem_send(client, "/loss", problem, NULL, &exchange, error)) return false;
  struct draft *draft = calloc(1, sizeof *draft);
  const char *why = !draft ? no_memory : exchange.body ? decode(draft, problem, &exchange) : "it is empty";
  if (why) {
    if (why == no_memory)
      error_memory(error);
    else
      error_unexpected(error, &exchange, why);
    if (draft) rnnloss_client_answer_free(&draft->answer);
    exchange_free(&exchange);
    return false;
  }
  pool_adopt(&draft->pool, exchange.block); /* the gradients lie in it */
  *answer = &draft->answer;
  return true;
}

void rnnloss_client_answer_free(rnnloss_client_answer *answer) {
  struct draft *draft = (struct draft *)answer;
  if (!draft) return;
  pool_free(&draft->pool);
  free(draft);
}

const rnnloss_client_term *rnnloss_client_find_term(const rnnloss_client_answer *answer, const char *name) {
  for (size_t i = 0; i < answer->term_count; i++) {
    if (strcmp(answer->terms[i].name, name) == 0) return &answer->terms[i];
  }
  return NULL;
}

const rnnloss_client_tensor *rnnloss_client_find_gradient(const rnnloss_client_gradients *gradients, const char *name) {
  for (size_t i = 0; i < gradients->count; i++) {
    if (strcmp(gradients->items[i].name, name) == 0) return &gradients->items[i];
  }
  return NULL;
}
