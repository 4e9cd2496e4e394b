/* info.c - what the daemon says about itself: GET /terms, /version, /livez, /readyz */
#include "server.h"

/* Prints and releases the document, and answers with it. */
static enum step finish(struct exchange *exchange, struct document *document, bool pretty) {
  size_t length = 0;
  char *bytes = document_print(document, pretty, &exchange->arena, &length);
  document_release(document);
  exchange_answer(exchange, 200, "application/json", bytes, length);
  return STEP_DONE;
}

/* ---- GET /terms ------------------------------------------------------------------------------------- */

static void add_formula(struct document *document, void *node, const char *key, const char *latex, const char *mathml) {
  void *formula = document_object(document, node, key);
  document_string(document, formula, "latex", latex);
  document_string(document, formula, "mathml", mathml);
}

static void add_term(struct document *document, void *list, rnnloss_term term) {
  const rnnloss_term_info *info = rnnloss_term_describe(term);
  void *node = document_object(document, list, NULL);
  document_string(document, node, "name", info->name);
  document_string(document, node, "lambda", info->lambda_key);
  document_string(document, node, "title", info->title);
  void *tensors = document_array(document, node, "tensors");
  for (int t = 0; t < RNNLOSS_TENSORS; t++) {
    if (info->tensors >> t & 1U)
      document_string(document, tensors, NULL, rnnloss_tensor_describe((rnnloss_tensor)t)->name);
  }
  add_formula(document, node, "formula", info->formula, formulas[term].value);
  add_formula(document, node, "gradient", info->gradient, formulas[term].gradient);
  void *conventions = document_array(document, node, "conventions");
  for (const char *const *words = formulas[term].conventions; *words; words++) {
    document_string(document, conventions, NULL, *words);
  }
}

static void add_tensor(struct document *document, void *list, rnnloss_tensor tensor) {
  const rnnloss_tensor_info *info = rnnloss_tensor_describe(tensor);
  void *node = document_object(document, list, NULL);
  document_string(document, node, "name", info->name);
  document_string(document, node, "shape", info->axes);
  document_string(document, node, "meaning", info->meaning);
}

enum step terms_finish(struct exchange *exchange) {
  static const char *const conventions[] = {
      "The loss is the sum of the terms whose lambda is not 0; every lambda is 0 unless given.",
      "A term whose lambda is 0 is not computed, not reported, and adds no gradient.",
      "Batch and time enter every term in the same way: time-first tensors give the same values.",
      "Every value is the real value of its formula on the numbers sent, rounded once to a double.", NULL};
  struct document *document = document_create();
  void *root = document_root(document);
  document_integer(document, root, "contract", RNNLOSS_CONTRACT);
  document_string(document, root, "version", SERVER_VERSION);
  void *terms = document_array(document, root, "terms");
  for (int k = 0; k < RNNLOSS_TERMS; k++) add_term(document, terms, (rnnloss_term)k);
  void *tensors = document_array(document, root, "tensors");
  for (int t = 0; t < RNNLOSS_TENSORS; t++) add_tensor(document, tensors, (rnnloss_tensor)t);
  void *dtypes = document_array(document, root, "dtypes");
  for (int d = 0; d < RNNLOSS_DTYPES; d++)
    document_string(document, dtypes, NULL, rnnloss_dtype_name((rnnloss_dtype)d));
  void *list = document_array(document, root, "conventions");
  for (const char *const *words = conventions; *words; words++) document_string(document, list, NULL, *words);
  return finish(exchange, document, true);
}

/* ---- GET /version ----------------------------------------------------------------------------------- */

struct limits {
  struct document *document;
  void *node;
};

static void add_limit(void *context, const char *name, uint64_t value) {
  struct limits *limits = context;
  document_integer(limits->document, limits->node, name, value);
}

enum step version_finish(struct exchange *exchange) {
  struct document *document = document_create();
  void *root = document_root(document);
  document_integer(document, root, "contract", RNNLOSS_CONTRACT);
  document_string(document, root, "version", SERVER_VERSION);
  document_string(document, root, "commit", server_commit);
  document_string(document, root, "kernel", rnnloss_kernel());
  document_string(document, root, "vectors_sha256", exchange->server->selftest.digest);
  struct limits limits = {.document = document, .node = document_object(document, root, "limits")};
  config_each(&exchange->server->config, add_limit, &limits);
  return finish(exchange, document, true);
}

/* ---- GET /livez, /healthz, /readyz ------------------------------------------------------------------ */

static enum step answer_state(struct exchange *exchange, const char *state) {
  struct document *document = document_create();
  void *root = document_root(document);
  document_integer(document, root, "contract", RNNLOSS_CONTRACT);
  document_string(document, root, "status", state);
  return finish(exchange, document, false);
}

enum step live_finish(struct exchange *exchange) {
  return answer_state(exchange, "alive");
}

enum step ready_finish(struct exchange *exchange) {
  const struct server *server = exchange->server;
  if (!server->selftest.passed) {
    problem_set(&exchange->problem, PROBLEM_NOT_READY, "",
                "the self-test has failed, at the vector %s: values of this daemon may be wrong",
                server->selftest.failed);
    return STEP_FAILED;
  }
  if (!atomic_load(&server->leaving)) return answer_state(exchange, "ready");
  problem_set(&exchange->problem, PROBLEM_DRAINING, "", "requests in flight are answered, new ones belong elsewhere");
  return STEP_FAILED;
}
