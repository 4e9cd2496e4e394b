/* decode_json.c - an answer in JSON, checked before anything in it is used */
#include <string.h>

#include "internal.h"

struct reader {
  struct draft *draft;
  const rnnloss_client_problem *problem;
};

static const char *read_number(struct slice value, double *out) {
  return slice_number(value, RNNLOSS_CLIENT_F64, out) ? NULL : "a value is no number";
}

static bool shape_is(struct slice shape, const rnnloss_client_tensor *tensor) {
  struct slice list, item;
  size_t i = 0;
  if (!slice_inside(shape, '[', &list)) return false;
  for (; slice_next(&list, &item); i++) {
    double size = -1;
    if (i >= tensor->rank || !slice_number(item, RNNLOSS_CLIENT_F64, &size) || size != (double)tensor->shape[i])
      return false;
  }
  return i == tensor->rank;
}

/* As the request's tensors were objects with data, so are their gradients. */
static const char *read_gradient(struct reader *reader, rnnloss_client_gradients *gradients, const char *name,
                                 struct slice value) {
  struct slice dtype, shape, data;
  rnnloss_client_tensor *item = NULL;
  size_t bytes = 0;
  if (!slice_find(value, "dtype", &dtype) || !slice_string(dtype, &dtype) || !slice_find(value, "shape", &shape) ||
      !slice_find(value, "data", &data))
    return "a gradient lacks dtype, shape or data";
  const int kind = dtype_find(dtype.at, (size_t)(dtype.end - dtype.at));
  const char *why = draft_gradient(reader->draft, reader->problem, gradients, name, kind, &item);
  if (why || !item) return why;
  if (!shape_is(shape, item)) return "a gradient has another shape than its tensor";
  if (!shape_bytes(item->shape, item->rank, item->dtype, &bytes)) return no_memory;
  void *elements = pool_take(&reader->draft->pool, bytes, 1);
  if (!elements) return no_memory;
  const size_t count = rnnloss_client_elements(item);
  if (slice_numbers(data, item->dtype, elements, count) != count) return "a gradient does not fill its shape";
  item->data = elements;
  gradients->count++;
  return NULL;
}

static const char *read_gradients(struct reader *reader, rnnloss_client_gradients *gradients, struct slice value) {
  struct slice list, name;
  const char *why = NULL;
  if (!slice_inside(value, '{', &list)) return "gradients are no object";
  while (!why && slice_member(&list, &name, &value)) {
    char *copy = pool_text(&reader->draft->pool, name.at, (size_t)(name.end - name.at));
    why = copy ? read_gradient(reader, gradients, copy, value) : no_memory;
  }
  return why;
}

static const char *read_term(struct reader *reader, struct slice name, struct slice value) {
  struct slice lambda, loss, unweighted, gradients;
  rnnloss_client_term *term = draft_term(reader->draft, name.at, (size_t)(name.end - name.at));
  if (!term) return no_memory;
  if (!slice_find(value, "lambda", &lambda) || !slice_find(value, "loss", &loss) ||
      !slice_find(value, "unweighted", &unweighted))
    return "a term lacks its weight or a value";
  const char *why = read_number(lambda, &term->lambda);
  if (!why) why = read_number(loss, &term->loss);
  if (!why) why = read_number(unweighted, &term->unweighted);
  if (why || !slice_find(value, "gradients", &gradients)) return why;
  return read_gradients(reader, &term->gradients, gradients);
}

static const char *read_terms(struct reader *reader, struct slice value) {
  struct slice list, name, counted;
  struct draft *draft = reader->draft;
  const char *why = NULL;
  if (!slice_inside(value, '{', &list)) return "terms are no object";
  for (counted = list; slice_member(&counted, &name, &value);) draft->term_room++;
  if (draft->term_room > NAMES_MAX) return "it has more terms than there are";
  draft->terms = pool_take(&draft->pool, draft->term_room, sizeof *draft->terms);
  if (!draft->terms) return no_memory;
  draft->answer.terms = draft->terms;
  while (!why && slice_member(&list, &name, &value)) why = read_term(reader, name, value);
  return why;
}

static const char *read_words(struct draft *draft, struct slice value, const char *const **words, size_t *count) {
  struct slice list, word;
  const char *why = NULL;
  if (!slice_inside(value, '[', &list)) return "a list of names is none";
  while (!why && slice_next(&list, &value)) {
    why = slice_string(value, &word) ? draft_word(draft, words, count, word.at, (size_t)(word.end - word.at))
                                     : "a list of names has something else in it";
  }
  return why;
}

static const char *read_rest(struct reader *reader, struct slice root) {
  rnnloss_client_answer *answer = &reader->draft->answer;
  struct slice value;
  double contract = 0;
  const char *why = NULL;
  if (!slice_find(root, "contract", &value) || !slice_number(value, RNNLOSS_CLIENT_F64, &contract) ||
      !(contract >= 0 && contract < 1e6))
    return "it has no contract";
  answer->contract = (int)contract;
  if (slice_find(root, "unused", &value))
    why = read_words(reader->draft, value, &answer->unused, &answer->unused_count);
  if (!why && slice_find(root, "warnings", &value))
    why = read_words(reader->draft, value, &answer->warnings, &answer->warning_count);
  if (why || !slice_find(root, "inputs_sha256", &value) || !slice_string(value, &value)) return why;
  answer->inputs_sha256 = pool_text(&reader->draft->pool, value.at, (size_t)(value.end - value.at));
  return answer->inputs_sha256 ? NULL : no_memory;
}

const char *decode_json(struct draft *draft, const rnnloss_client_problem *problem, const char *body, size_t length) {
  struct reader reader = {draft, problem};
  const struct slice root = {body, body + length};
  struct slice value;
  if (!slice_valid(root)) return "it is no JSON";
  if (!slice_find(root, "loss", &value)) return "it has no loss";
  const char *why = read_number(value, &draft->answer.loss);
  if (!why) why = slice_find(root, "terms", &value) ? read_terms(&reader, value) : "it has no terms";
  if (!why && slice_find(root, "gradients", &value)) why = read_gradients(&reader, &draft->answer.gradients, value);
  return why ? why : read_rest(&reader, root);
}
