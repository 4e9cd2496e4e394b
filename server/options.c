/* options.c - what a request may ask for, one row each; the same in JSON, metadata and query */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "server.h"

typedef bool option_parser(struct request *request, int option, const char *text);

static option_parser parse_lambda, parse_gradients, parse_gradient_dtype, parse_wrt, parse_nonfinite, parse_contract,
    parse_digest, parse_tolerance, parse_tolerance_dtype;

static const struct option {
  const char *pointer;
  option_parser *parse;
} table[] = {
    {"/lambdas/lambda_mse", parse_lambda},
    {"/lambdas/lambda_in", parse_lambda},
    {"/lambdas/lambda_hid", parse_lambda},
    {"/lambdas/lambda_out", parse_lambda},
    {"/lambdas/lambda_fr", parse_lambda},
    {"/lambdas/lambda_fr_sd", parse_lambda},
    {"/lambdas/lambda_fr_cv", parse_lambda},
    [OPTION_GRADIENTS] = {"/gradients", parse_gradients},
    [OPTION_GRADIENT_DTYPE] = {"/gradient_dtype", parse_gradient_dtype},
    [OPTION_WRT] = {"/wrt", parse_wrt},
    [OPTION_NONFINITE] = {"/nonfinite", parse_nonfinite},
    [OPTION_CONTRACT] = {"/contract", parse_contract},
    [OPTION_DIGEST] = {"/digest", parse_digest},
    [OPTION_RTOL] = {"/tolerance/rtol", parse_tolerance},
    [OPTION_ATOL] = {"/tolerance/atol", parse_tolerance},
    [OPTION_ULPS] = {"/tolerance/ulps", parse_tolerance},
    [OPTION_TOLERANCE_DTYPE] = {"/tolerance/dtype", parse_tolerance_dtype},
};

const char *const option_names[] = {"lambda_mse",   "lambda_in",       "lambda_hid", "lambda_out",     "lambda_fr",
                                    "lambda_fr_sd", "lambda_fr_cv",    "gradients",  "gradient_dtype", "wrt",
                                    "nonfinite",    "contract",        "digest",     "rtol",           "atol",
                                    "ulps",         "tolerance_dtype", NULL};

/* Those that /loss takes. */
static const char *const loss_options[] = {
    "lambda_mse", "lambda_in",      "lambda_hid", "lambda_out", "lambda_fr", "lambda_fr_sd", "lambda_fr_cv",
    "gradients",  "gradient_dtype", "wrt",        "nonfinite",  "contract",  "digest",       NULL};

int option_find(const char *name, size_t length) {
  return names_find(name, length, option_names);
}

const char *option_pointer(int option) {
  return table[option].pointer;
}

bool option_given(struct request *request, enum source source, int option) {
  uint32_t bit = UINT32_C(1) << option;
  if (request->options.given[source] & bit) {
    return problem_set(request->problem, PROBLEM_DUPLICATE, option_pointer(option), "%s is given twice",
                       option_names[option]);
  }
  request->options.given[source] |= bit;
  if (request->options.given[!source] & bit) {
    return problem_set(request->problem, PROBLEM_INVALID_REQUEST, option_pointer(option),
                       "%s is given both in the query and in the body", option_names[option]);
  }
  return true;
}

bool option_is_given(const struct request *request, int option) {
  return ((request->options.given[SOURCE_QUERY] | request->options.given[SOURCE_BODY]) >> option & 1) != 0;
}

bool option_set(struct request *request, enum source source, int option, const char *text) {
  const char *name = option_names[option];
  if (option >= OPTION_RTOL && !request->claims) return option_unknown(request, name, strlen(name), "/");
  return option_given(request, source, option) && table[option].parse(request, option, text);
}

bool option_unknown(struct request *request, const char *given, size_t length, const char *parent) {
  static const char *const synonyms[] = {"mse",        "lambda_mse",   "in",         "lambda_in",    "hid",
                                         "lambda_hid", "out",          "lambda_out", "fr",           "lambda_fr",
                                         "fr_sd",      "lambda_fr_sd", "fr_cv",      "lambda_fr_cv", NULL};
  char hint[300], name[64], token[128], pointer[160];
  names_quote(given, length, name);
  bool lambda = strcmp(parent, "/lambdas/") == 0 || strncmp(name, "lambda", 6) == 0;
  if (lambda) {
    const char *keys[RNNLOSS_TERMS + 1];
    memcpy(keys, option_names, sizeof keys);
    keys[RNNLOSS_TERMS] = NULL;
    names_suggest(name, keys, synonyms, hint, sizeof hint);
  } else {
    names_suggest(name, request->claims ? option_names : loss_options, NULL, hint, sizeof hint);
  }
  snprintf(pointer, sizeof pointer, "%s%s", lambda ? "/lambdas/" : parent, problem_token(name, token));
  return problem_set(request->problem, lambda ? PROBLEM_UNKNOWN_LAMBDA : PROBLEM_INVALID_REQUEST, pointer,
                     "unknown %s \"%s\"%s", lambda ? "weight" : "option", name, hint);
}

/* "lambda_fr must " before text after */
static bool invalid_lambda(struct request *request, int option, const char *before, const char *text,
                           const char *after) {
  char quoted[64];
  names_quote(text, strlen(text), quoted);
  return problem_set(request->problem, PROBLEM_INVALID_LAMBDA, option_pointer(option), "%s must %s%s%s",
                     option_names[option], before, quoted, after);
}

static bool parse_lambda(struct request *request, int option, const char *text) {
  struct options *options = &request->options;
  const size_t length = strlen(text);
  double value = 0;
  if (number_read_short(text, text + length + 1, &value) != text + length) {
    if (!json_is_number(text, length)) return invalid_lambda(request, option, "be a number, not \"", text, "\"");
    if (!number_read(RNNLOSS_F64, text, length, &value))
      return invalid_lambda(request, option, "be finite: ", text, " is beyond the largest double");
  }
  if (value < 0) return invalid_lambda(request, option, "not be negative: ", text, "");
  options->lambda[option] = fabs(value); /* -0 is 0 */
  if (value > 0) options->active |= 1u << option;
  if (value > 0) options->used |= rnnloss_term_describe((rnnloss_term)option)->tensors;
  return true;
}

/* Index of text in names; -1 with a problem that lists them. */
static int parse_choice(struct request *request, int option, const char *text, const char *const *names) {
  int choice = names_find(text, strlen(text), names);
  if (choice >= 0) return choice;
  char hint[300], quoted[64];
  names_quote(text, strlen(text), quoted);
  names_choices(text, names, NULL, hint, sizeof hint);
  problem_set(request->problem, PROBLEM_INVALID_REQUEST, option_pointer(option), "%s cannot be \"%s\"%s",
              option_names[option], quoted, hint);
  return -1;
}

static bool parse_gradients(struct request *request, int option, const char *text) {
  static const char *const names[] = {"total", "per_term", "none", NULL};
  int choice = parse_choice(request, option, text, names);
  if (choice < 0) return false;
  request->options.gradients = (enum gradients)choice;
  return true;
}

static bool parse_gradient_dtype(struct request *request, int option, const char *text) {
  static const char *const names[] = {"F32", "F64", NULL};
  int choice = parse_choice(request, option, text, names);
  if (choice < 0) return false;
  request->options.has_gradient_dtype = true;
  request->options.gradient_dtype = choice ? RNNLOSS_F64 : RNNLOSS_F32;
  return true;
}

static bool parse_nonfinite(struct request *request, int option, const char *text) {
  static const char *const names[] = {"error", "propagate", NULL};
  int choice = parse_choice(request, option, text, names);
  if (choice < 0) return false;
  request->options.propagate = choice == 1;
  return true;
}

static bool parse_contract(struct request *request, int option, const char *text) {
  char quoted[64];
  double value;
  if (json_is_number(text, strlen(text)) && number_read(RNNLOSS_F64, text, strlen(text), &value) &&
      value >= RNNLOSS_CONTRACT && value <= RNNLOSS_CONTRACT) {
    return true;
  }
  names_quote(text, strlen(text), quoted);
  return problem_set(request->problem, PROBLEM_UNKNOWN_CONTRACT, option_pointer(option),
                     "contract \"%s\" is not served; this server has contract %d", quoted, RNNLOSS_CONTRACT);
}

/* Data that has passed by cannot be hashed any more. */
static bool parse_digest(struct request *request, int option, const char *text) {
  static const char *const names[] = {"0", "1", NULL};
  const int choice = parse_choice(request, option, text, names);
  if (choice < 0) return false;
  request->options.digest = choice == 1;
  for (int t = 0; t < RNNLOSS_TENSORS && choice == 1; t++) {
    const struct tensor *tensor = &request->tensor[t];
    if (tensor->received && !tensor->keep)
      return problem_set(request->problem, PROBLEM_INVALID_REQUEST, option_pointer(option),
                         "digest must come before the tensors, or in the query: the data of %s has not been kept",
                         tensor_name((rnnloss_tensor)t));
  }
  if (choice == 1) request->keep_all = true;
  return true;
}

static bool parse_tolerance(struct request *request, int option, const char *text) {
  struct options *options = &request->options;
  double *const values[] = {&options->rtol, &options->atol, &options->ulps};
  double *value = values[option - OPTION_RTOL];
  char quoted[64];
  if (json_is_number(text, strlen(text)) && number_read(RNNLOSS_F64, text, strlen(text), value) && *value >= 0) {
    return true;
  }
  names_quote(text, strlen(text), quoted);
  return problem_set(request->problem, PROBLEM_INVALID_REQUEST, option_pointer(option),
                     "%s must be a number, finite and not negative, not \"%s\"", option_names[option], quoted);
}

static bool parse_tolerance_dtype(struct request *request, int option, const char *text) {
  static const char *const names[] = {"F16", "BF16", "F32", "F64", NULL};
  const int choice = parse_choice(request, option, text, names);
  if (choice < 0) return false;
  request->options.tolerance_dtype = (rnnloss_dtype)choice;
  return true;
}

bool option_wrt(struct request *request, const char *name) {
  char quoted[64];
  const char *pointer = option_pointer(OPTION_WRT);
  int t = tensor_find(name, strlen(name));
  if (t < 0) {
    names_quote(name, strlen(name), quoted);
    return problem_set(request->problem, PROBLEM_INVALID_REQUEST, pointer, "wrt names an unknown tensor \"%s\"",
                       quoted);
  }
  if (request->options.wrt & 1u << t) {
    return problem_set(request->problem, PROBLEM_INVALID_REQUEST, pointer, "wrt names %s twice", name);
  }
  request->options.wrt |= 1u << t;
  return true;
}

/* "pred,fr"; "" is the empty list. */
static bool parse_wrt(struct request *request, int option, const char *text) {
  (void)option;
  request->options.has_wrt = true;
  while (*text) {
    char name[64];
    size_t length = strcspn(text, ",");
    snprintf(name, sizeof name, "%.*s", (int)(length < sizeof name ? length : sizeof name - 1), text);
    if (!option_wrt(request, name)) return false;
    text += length;
    if (*text == ',' && !*++text) return option_wrt(request, "");
  }
  return true;
}
