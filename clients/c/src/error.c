/* error.c - the one type of error: filled by the client, or from the daemon's problem */
#include <cjson/cJSON.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "internal.h"

#define BEGINNING 160 /* characters of an answer that is none */

__attribute__((format(printf, 4, 0))) static bool fill(rnnloss_client_error *error, const char *type, const char *title,
                                                       const char *format, va_list arguments) {
  if (!error) return false;
  *error = (rnnloss_client_error){0};
  snprintf(error->type, sizeof error->type, "%s", type);
  snprintf(error->title, sizeof error->title, "%s", title);
  vsnprintf(error->detail, sizeof error->detail, format, arguments);
  return false;
}

bool error_set(rnnloss_client_error *error, const char *type, const char *title, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fill(error, type, title, format, arguments);
  va_end(arguments);
  return false;
}

bool error_argument(rnnloss_client_error *error, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fill(error, "invalid-argument", "This cannot be sent", format, arguments);
  va_end(arguments);
  return false;
}

bool error_memory(rnnloss_client_error *error) {
  return error_set(error, "out-of-memory", "There is no memory left", "this process could not get the memory it needs");
}

bool error_unexpected(rnnloss_client_error *error, const struct exchange *exchange, const char *why) {
  char beginning[BEGINNING + 1];
  size_t length = exchange->length < BEGINNING ? exchange->length : BEGINNING;
  for (size_t i = 0; i < length; i++) { /* no byte of a stranger's that a terminal would obey */
    const char c = exchange->body[i];
    beginning[i] = c >= ' ' && c <= '~' ? c : '.';
  }
  beginning[length] = '\0';
  error_set(error, "unexpected-answer", "The answer is none of a rnnlossd", "%s: HTTP %d%s%s, %zu bytes: %s", why,
            exchange->status, exchange->content_type[0] ? ", " : "", exchange->content_type, exchange->length,
            beginning);
  if (error) {
    error->status = exchange->status;
    snprintf(error->request_id, sizeof error->request_id, "%s", exchange->request_id);
  }
  return false;
}

static void copy_member(const cJSON *problem, const char *name, char *to, size_t room) {
  const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(problem, name));
  if (text) snprintf(to, room, "%s", text);
}

/* A rnnlossd's problem has a type that begins with '#'; a stranger's has a URL. */
bool error_of_answer(rnnloss_client_error *error, const struct exchange *exchange) {
  cJSON *problem = exchange->length ? cJSON_ParseWithLength(exchange->body, exchange->length) : NULL;
  const char *type = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(problem, "type"));
  if (!type || type[0] != '#') {
    cJSON_Delete(problem);
    return error_unexpected(error, exchange, "no problem as a rnnlossd describes it");
  }
  if (error) {
    *error = (rnnloss_client_error){.status = exchange->status};
    snprintf(error->type, sizeof error->type, "%s", type + 1);
    copy_member(problem, "title", error->title, sizeof error->title);
    copy_member(problem, "detail", error->detail, sizeof error->detail);
    copy_member(problem, "pointer", error->pointer, sizeof error->pointer);
    snprintf(error->request_id, sizeof error->request_id, "%s", exchange->request_id);
    copy_member(problem, "request_id", error->request_id, sizeof error->request_id);
  }
  cJSON_Delete(problem);
  return false;
}
