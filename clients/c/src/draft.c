/* draft.c - an answer that is being put together, from either encoding */
#include <string.h>

#include "internal.h"

const char no_memory[] = "out of memory";

rnnloss_client_term *draft_term(struct draft *draft, const char *name, size_t length) {
  for (size_t i = 0; i < draft->answer.term_count; i++) {
    const char *known = draft->terms[i].name;
    if (strlen(known) == length && memcmp(known, name, length) == 0) return &draft->terms[i];
  }
  if (draft->answer.term_count == draft->term_room) return NULL;
  char *copy = pool_text(&draft->pool, name, length);
  if (!copy) return NULL;
  rnnloss_client_term *term = &draft->terms[draft->answer.term_count++];
  *term = (rnnloss_client_term){.name = copy};
  return term;
}

static int expected_dtype(const rnnloss_client_problem *problem, const rnnloss_client_tensor *tensor) {
  const char *wish = option_value(problem, "gradient_dtype");
  return wish ? dtype_find(wish, strlen(wish)) : (int)tensor->dtype;
}

/* Room for a gradient of each tensor sent, made with the first. */
static rnnloss_client_tensor *next_item(struct draft *draft, const rnnloss_client_problem *problem,
                                        rnnloss_client_gradients *gradients) {
  if (!gradients->items) gradients->items = pool_take(&draft->pool, problem->tensor_count, sizeof *gradients->items);
  if (!gradients->items) return NULL;
  union { /* the list is ours until the answer is the caller's */
    const rnnloss_client_tensor *given;
    rnnloss_client_tensor *own;
  } items = {gradients->items};
  return &items.own[gradients->count];
}

const char *draft_gradient(struct draft *draft, const rnnloss_client_problem *problem,
                           rnnloss_client_gradients *gradients, const char *name, int dtype,
                           rnnloss_client_tensor **out) {
  const rnnloss_client_tensor *sent = NULL;
  for (size_t i = 0; i < problem->tensor_count && !sent; i++) {
    if (strcmp(problem->tensors[i].name, name) == 0) sent = &problem->tensors[i];
  }
  *out = NULL;
  if (!sent) return NULL; /* something new: what is not known is ignored */
  if (rnnloss_client_find_gradient(gradients, name)) return "a gradient is given twice";
  if (dtype != expected_dtype(problem, sent)) return "a gradient has another dtype than its tensor asks for";
  rnnloss_client_tensor *item = next_item(draft, problem, gradients);
  size_t *shape = pool_take(&draft->pool, sent->rank, sizeof *shape);
  char *copy = pool_text(&draft->pool, name, strlen(name));
  if (!item || !shape || !copy) return no_memory;
  if (sent->rank) memcpy(shape, sent->shape, sent->rank * sizeof *shape);
  *item = (rnnloss_client_tensor){copy, (rnnloss_client_dtype)dtype, sent->rank, shape, NULL};
  *out = item;
  return NULL;
}

const char *draft_word(struct draft *draft, const char *const **words, size_t *count, const char *word, size_t length) {
  if (*count == NAMES_MAX) return "it names more than there is";
  char *copy = pool_text(&draft->pool, word, length);
  const char **longer = pool_take(&draft->pool, *count + 1, sizeof *longer);
  if (!copy || !longer) return no_memory;
  for (size_t i = 0; i < *count; i++) longer[i] = (*words)[i];
  longer[*count] = copy;
  *words = longer;
  ++*count;
  return NULL;
}
