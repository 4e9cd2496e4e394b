/* format_json.c - JSON requests: the envelope around the tensors
 *
 *   {"lambdas": {..}, "tensors": {..}, "gradients": "total", "wrt": [..], ..}   members in any order
 */
#include <stdio.h>
#include <string.h>

#include "validate.h"

enum place { AT_START, IN_ROOT, IN_LAMBDAS, IN_TENSORS, IN_TENSOR, IN_OPTION, IN_WRT, IN_CLAIMS, IN_TOLERANCE, AT_END };

struct json_decoder {
  struct request *request;
  enum place place;
  bool opening; /* a key has come: the next event begins its value */
  bool seen_lambdas, seen_tensors, seen_claims, seen_tolerance;
  int option; /* IN_OPTION: its index */
  size_t word_length;
  char word[JSON_TOKEN_MAX + 1]; /* the text of an option's value */
  struct json_tensor tensor;     /* the one being read: an input, or a claim's */
  struct json_claims claims;
  struct json_parser parser;
};

static bool invalid(struct json_decoder *decoder, const char *pointer, const char *detail) {
  return problem_set(decoder->request->problem, PROBLEM_INVALID_REQUEST, pointer, "%s", detail);
}

/* ---- option values ---- */

static bool add_word(struct json_decoder *decoder, const char *text, size_t length) {
  if (length > JSON_TOKEN_MAX - decoder->word_length) {
    return problem_set(decoder->request->problem, PROBLEM_INVALID_REQUEST, option_pointer(decoder->option),
                       "the value of %s is too long", option_names[decoder->option]);
  }
  memcpy(decoder->word + decoder->word_length, text, length);
  decoder->word_length += length;
  decoder->word[decoder->word_length] = '\0';
  return true;
}

static bool is_lambda(int option) {
  return option < RNNLOSS_TERMS;
}

static bool takes_number(int option) {
  return is_lambda(option) || (option >= OPTION_CONTRACT && option <= OPTION_ULPS);
}

static bool wrong_kind(struct json_decoder *decoder) {
  int option = decoder->option;
  return problem_set(decoder->request->problem, is_lambda(option) ? PROBLEM_INVALID_LAMBDA : PROBLEM_INVALID_REQUEST,
                     option_pointer(option), "%s must be a %s", option_names[option],
                     takes_number(option) ? "number" : "string");
}

static bool option_done(struct json_decoder *decoder) {
  decoder->place = is_lambda(decoder->option) ? IN_LAMBDAS : decoder->option >= OPTION_RTOL ? IN_TOLERANCE : IN_ROOT;
  if (memchr(decoder->word, '\0', decoder->word_length)) return wrong_kind(decoder);
  return option_set(decoder->request, SOURCE_BODY, decoder->option, decoder->word);
}

static bool on_option(struct json_decoder *decoder, enum json_event event, const char *text, size_t length) {
  bool number = takes_number(decoder->option);
  if (event == JSON_NUMBER && number) return add_word(decoder, text, length) && option_done(decoder);
  if (event == JSON_STRING && !number) return add_word(decoder, text, length);
  if (event == JSON_STRING_END && !number) return option_done(decoder);
  return wrong_kind(decoder);
}

static bool on_wrt(struct json_decoder *decoder, enum json_event event, const char *text, size_t length) {
  struct request *request = decoder->request;
  if (decoder->opening) {
    decoder->opening = false;
    if (event != JSON_ARRAY_BEGIN) return invalid(decoder, "/wrt", "wrt must be an array of tensor names");
    request->options.has_wrt = true;
    return option_given(request, SOURCE_BODY, decoder->option);
  }
  if (event == JSON_STRING) return add_word(decoder, text, length);
  if (event == JSON_STRING_END) {
    size_t name_length = decoder->word_length;
    decoder->word_length = 0;
    if (!name_length) decoder->word[0] = '\0';
    return option_wrt(request, decoder->word);
  }
  if (event != JSON_ARRAY_END) return invalid(decoder, "/wrt", "wrt must be an array of tensor names");
  decoder->place = IN_ROOT;
  return true;
}

static void begin_option(struct json_decoder *decoder, int option) {
  decoder->option = option;
  decoder->word_length = 0;
  decoder->word[0] = '\0';
  decoder->place = option == OPTION_WRT ? IN_WRT : IN_OPTION;
}

/* ---- the objects ---- */

static bool given_twice(struct json_decoder *decoder, const char *name, const char *pointer) {
  return problem_set(decoder->request->problem, PROBLEM_DUPLICATE, pointer, "%s is given twice", name);
}

static bool unknown_member(struct json_decoder *decoder, const char *text, size_t length) {
  static const char *const names[] = {"claims", "tolerance", "lambdas",  "tensors", "gradients", "gradient_dtype",
                                      "wrt",    "nonfinite", "contract", "digest",  NULL};
  char hint[200], name[64], token[128], pointer[160];
  names_quote(text, length, name);
  if (option_find(text, length) >= 0 || strncmp(name, "lambda_", 7) == 0) {
    snprintf(hint, sizeof hint, "; weights belong in the object \"lambdas\"");
  } else if (tensor_find(text, length) >= 0) {
    snprintf(hint, sizeof hint, "; tensors belong in the object \"tensors\"");
  } else {
    names_suggest(name, decoder->request->claims ? names : names + 2, NULL, hint, sizeof hint);
  }
  snprintf(pointer, sizeof pointer, "/%s", problem_token(name, token));
  return problem_set(decoder->request->problem, PROBLEM_INVALID_REQUEST, pointer, "unknown member \"%s\"%s", name,
                     hint);
}

/* An object of the root, for which place comes: the first one of its name. */
static bool root_object(struct json_decoder *decoder, bool *seen, enum place place, const char *pointer) {
  if (*seen) return given_twice(decoder, pointer + 1, pointer);
  *seen = true;
  decoder->place = place;
  return true;
}

static bool root_key(struct json_decoder *decoder, const char *text, size_t length) {
  static const char *const objects[] = {"lambdas", "tensors", "claims", "tolerance", NULL};
  decoder->opening = true;
  const int object = names_find(text, length, objects);
  if (object >= 2 && !decoder->request->claims) return unknown_member(decoder, text, length);
  if (object == 2) return root_object(decoder, &decoder->seen_claims, IN_CLAIMS, "/claims");
  if (object == 3) return root_object(decoder, &decoder->seen_tolerance, IN_TOLERANCE, "/tolerance");
  if (object == 0) return root_object(decoder, &decoder->seen_lambdas, IN_LAMBDAS, "/lambdas");
  if (object == 1) return root_object(decoder, &decoder->seen_tensors, IN_TENSORS, "/tensors");
  int option = option_find(text, length);
  if (option < RNNLOSS_TERMS || option >= OPTION_RTOL) return unknown_member(decoder, text, length);
  begin_option(decoder, option);
  return true;
}

static bool on_root(struct json_decoder *decoder, enum json_event event, const char *text, size_t length) {
  if (event != JSON_OBJECT_END) return root_key(decoder, text, length);
  decoder->place = AT_END;
  return true;
}

static bool lambda_key(struct json_decoder *decoder, const char *text, size_t length) {
  int option = option_find(text, length);
  if (option < 0 || !is_lambda(option)) return option_unknown(decoder->request, text, length, "/lambdas/");
  begin_option(decoder, option);
  return true;
}

static bool on_lambdas(struct json_decoder *decoder, enum json_event event, const char *text, size_t length) {
  if (decoder->opening) {
    decoder->opening = false;
    return event == JSON_OBJECT_BEGIN || invalid(decoder, "/lambdas", "lambdas must be an object");
  }
  if (event == JSON_KEY) return lambda_key(decoder, text, length);
  decoder->place = IN_ROOT;
  decoder->request->options_final = true; /* all that reduction depends on */
  return true;
}

static bool on_tolerance(struct json_decoder *decoder, enum json_event event, const char *text, size_t length) {
  static const char *const names[] = {"rtol", "atol", "ulps", "dtype", NULL};
  char name[64], hint[120], token[128], pointer[160];
  if (decoder->opening) {
    decoder->opening = false;
    return event == JSON_OBJECT_BEGIN || invalid(decoder, "/tolerance", "tolerance must be an object");
  }
  if (event == JSON_OBJECT_END) {
    decoder->place = IN_ROOT;
    return true;
  }
  const int found = names_find(text, length, names);
  if (found >= 0) {
    begin_option(decoder, OPTION_RTOL + found);
    return true;
  }
  names_choices(names_quote(text, length, name), names, NULL, hint, sizeof hint);
  snprintf(pointer, sizeof pointer, "/tolerance/%s", problem_token(name, token));
  return problem_set(decoder->request->problem, PROBLEM_INVALID_REQUEST, pointer, "unknown member \"%s\"%s", name,
                     hint);
}

static bool on_claims(struct json_decoder *decoder, enum json_event event, const char *text, size_t length) {
  if (decoder->opening) {
    decoder->opening = false;
    json_claims_begin(&decoder->claims, decoder->request, &decoder->tensor);
    return event == JSON_OBJECT_BEGIN || invalid(decoder, "/claims", "claims must be an object");
  }
  if (!json_claims_event(&decoder->claims, event, text, length)) return false;
  if (decoder->claims.done) decoder->place = IN_ROOT;
  return true;
}

static bool on_tensors(struct json_decoder *decoder, enum json_event event, const char *text, size_t length) {
  if (decoder->opening) {
    decoder->opening = false;
    return event == JSON_OBJECT_BEGIN || invalid(decoder, "/tensors", "tensors must be an object");
  }
  if (event == JSON_OBJECT_END) {
    decoder->place = IN_ROOT;
    return true;
  }
  int t = tensor_find(text, length);
  if (t < 0) return tensor_unknown(decoder->request, text, length);
  json_tensor_begin(&decoder->tensor, decoder->request, (rnnloss_tensor)t);
  decoder->place = IN_TENSOR;
  return true;
}

static bool on_tensor(struct json_decoder *decoder, enum json_event event, const char *text, size_t length) {
  if (!json_tensor_event(&decoder->tensor, event, text, length)) return false;
  if (decoder->tensor.done) decoder->place = IN_TENSORS;
  return true;
}

static bool on_event(void *context, enum json_event event, const char *text, size_t length) {
  struct json_decoder *decoder = context;
  switch (decoder->place) {
  case AT_START:
    decoder->place = IN_ROOT;
    return event == JSON_OBJECT_BEGIN || invalid(decoder, "", "the request must be a JSON object");
  case IN_ROOT:
    return on_root(decoder, event, text, length);
  case IN_LAMBDAS:
    return on_lambdas(decoder, event, text, length);
  case IN_TENSORS:
    return on_tensors(decoder, event, text, length);
  case IN_TENSOR:
    return on_tensor(decoder, event, text, length);
  case IN_OPTION:
    decoder->opening = false;
    return on_option(decoder, event, text, length);
  case IN_WRT:
    return on_wrt(decoder, event, text, length);
  case IN_CLAIMS:
    return on_claims(decoder, event, text, length);
  case IN_TOLERANCE:
    return on_tolerance(decoder, event, text, length);
  default:
    return true;
  }
}

static const char *on_run(void *context, const char *at, const char *end) {
  struct json_decoder *decoder = context;
  const bool in_tensor = decoder->place == IN_TENSOR || (decoder->place == IN_CLAIMS && decoder->claims.in_tensor);
  return in_tensor ? json_tensor_run(&decoder->tensor, at, end) : at;
}

/* ---- the decoder ---- */

static void *decode_begin(struct request *request) {
  struct json_decoder *decoder = arena_allocate(request->arena, sizeof *decoder);
  if (!decoder) {
    problem_out_of_memory(request->problem);
    return NULL;
  }
  decoder->request = request;
  decoder->place = AT_START;
  decoder->opening = decoder->seen_lambdas = decoder->seen_tensors = decoder->seen_claims = decoder->seen_tolerance =
      false;
  decoder->claims.in_tensor = false;
  decoder->word_length = 0;
  json_begin(&decoder->parser, on_event, decoder);
  decoder->parser.run = on_run;
  return decoder;
}

static bool malformed(struct json_decoder *decoder) {
  return problem_set(decoder->request->problem, PROBLEM_MALFORMED_JSON, "", "%s, at byte %llu", decoder->parser.error,
                     (unsigned long long)decoder->parser.offset);
}

/* After a request that is well-formed but not valid the text is still read to its end: were it
 * malformed, that would be the answer. */
static bool decode(void *state, const char *bytes, size_t length) {
  struct json_decoder *decoder = state;
  if (!json_feed(&decoder->parser, bytes, length)) return malformed(decoder);
  return decoder->request->problem->type != PROBLEM_OVERLOADED;
}

static bool decode_end(void *state) {
  struct json_decoder *decoder = state;
  if (!json_end(&decoder->parser)) return malformed(decoder);
  return decoder->request->problem->type == PROBLEM_NONE;
}

static const char *const media_types[] = {"application/json", NULL};

const struct format format_json = {"json", media_types, decode_begin, decode, decode_end, json_encode};
