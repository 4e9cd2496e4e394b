/* json_encode.c - a result as JSON: the envelope as text, the gradients made while it is sent */
#include <string.h>

#include "server.h"

struct encoder {
  const struct result *result;
  struct body *body;
  struct text text; /* laid out, but not handed to the body yet */
};

/* What follows is laid out behind it, in the same memory. */
static bool hand_on(struct encoder *encoder) {
  struct text *text = &encoder->text;
  if (text->failed || !body_bytes(encoder->body, text->bytes, text->length)) return false;
  text->bytes += text->length;
  text->capacity -= text->length;
  text->length = 0;
  return true;
}

/* Of a member; names of the tables need no escapes. */
static void key(struct encoder *encoder, const char *name) {
  text_string(&encoder->text, "\"");
  text_string(&encoder->text, name);
  text_string(&encoder->text, "\":");
}

static bool gradient_object(struct encoder *encoder, const struct gradient *gradient, const struct tensor *tensor) {
  struct text *text = &encoder->text;
  bool data = tensor->form == FORM_DATA;
  text_string(text, "{\"dtype\":");
  text_json_string(text, rnnloss_dtype_name(gradient->dtype));
  text_string(text, ",\"shape\":[");
  for (unsigned i = 0; i < tensor->rank; i++) {
    if (i) text_string(text, ",");
    text_unsigned(text, tensor->shape[i]);
  }
  text_string(text, data ? "],\"data\":" : "],\"data_base64\":\"");
  if (!hand_on(encoder) || !body_gradient(encoder->body, gradient, data ? PIECE_NUMBERS : PIECE_BASE64)) return false;
  text_string(text, data ? "}" : "\"}");
  return true;
}

static bool gradient_value(struct encoder *encoder, const struct gradient *gradient) {
  const struct tensor *tensor = &encoder->result->request->tensor[gradient->tensor];
  if (tensor->form != FORM_NESTED) return gradient_object(encoder, gradient, tensor);
  return hand_on(encoder) && body_gradient(encoder->body, gradient, PIECE_NESTED);
}

/* "gradients":{..}, those of one term (or of the total: -1). */
static bool gradients(struct encoder *encoder, int term) {
  const struct result *result = encoder->result;
  const char *separator = "";
  text_string(&encoder->text, ",\"gradients\":{");
  for (size_t i = 0; i < result->gradient_count; i++) {
    if (result->gradients[i].term != term) continue;
    text_string(&encoder->text, separator);
    key(encoder, tensor_name(result->gradients[i].tensor));
    if (!gradient_value(encoder, &result->gradients[i])) return false;
    separator = ",";
  }
  text_string(&encoder->text, "}");
  return true;
}

/* opening: what stands before the number, its key included */
static void number(struct encoder *encoder, const char *opening, double value) {
  text_string(&encoder->text, opening);
  text_json_number(&encoder->text, value);
}

static bool term(struct encoder *encoder, rnnloss_term k) {
  const struct result *result = encoder->result;
  key(encoder, rnnloss_term_describe(k)->name);
  number(encoder, "{\"lambda\":", result->request->options.lambda[k]);
  number(encoder, ",\"loss\":", result->values->term_loss[k]);
  number(encoder, ",\"unweighted\":", result->values->unweighted[k]);
  if (result->request->options.gradients == GRADIENTS_PER_TERM && !gradients(encoder, (int)k)) return false;
  text_string(&encoder->text, "}");
  return true;
}

static bool terms(struct encoder *encoder) {
  const char *separator = "";
  text_string(&encoder->text, ",\"terms\":{");
  for (int k = 0; k < RNNLOSS_TERMS; k++) {
    if (!(encoder->result->values->active & 1u << k)) continue;
    text_string(&encoder->text, separator);
    if (!term(encoder, (rnnloss_term)k)) return false;
    separator = ",";
  }
  text_string(&encoder->text, "}");
  return true;
}

static void names(struct encoder *encoder, const char *opening, unsigned mask, unsigned count, bool tensors) {
  const char *separator = "";
  text_string(&encoder->text, opening);
  for (unsigned i = 0; i < count; i++) {
    if (!(mask & 1u << i)) continue;
    text_string(&encoder->text, separator);
    text_json_string(&encoder->text, tensors ? tensor_name((rnnloss_tensor)i) : warning_names[i]);
    separator = ",";
  }
  text_string(&encoder->text, "]");
}

bool json_encode(const struct result *result, struct body *body) {
  struct encoder encoder = {.result = result, .body = body, .text = {.arena = body->arena}};
  number(&encoder, "{\"loss\":", result->values->loss);
  if (!terms(&encoder)) return false;
  names(&encoder, ",\"unused\":[", result->unused, RNNLOSS_TENSORS, true);
  names(&encoder, ",\"warnings\":[", result->warnings, WARNINGS, false);
  text_string(&encoder.text, ",\"contract\":");
  text_unsigned(&encoder.text, RNNLOSS_CONTRACT);
  if (result->inputs_sha256) {
    text_string(&encoder.text, ",\"inputs_sha256\":");
    text_json_string(&encoder.text, result->inputs_sha256);
  }
  if (result->has_gradients && !gradients(&encoder, -1)) return false;
  text_string(&encoder.text, "}\n");
  return hand_on(&encoder);
}
