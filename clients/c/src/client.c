/* client.c - the handle: its settings, checked and copied */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

void rnnloss_client_settings_init(rnnloss_client_settings *settings) {
  *settings = (rnnloss_client_settings){.timeout = 60, .connect_timeout = 5, .retries = 3};
}

static bool begins(const char *text, const char *prefix) {
  return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool add_endpoint(rnnloss_client *client, const char *text, size_t length, rnnloss_client_error *error) {
  while (length && strchr(" \t", *text)) text++, length--;
  while (length && strchr(" \t", text[length - 1])) length--;
  if (!begins(text, "unix:")) {
    while (length && text[length - 1] == '/') length--;
  }
  char *endpoint = pool_text(&client->pool, text, length);
  if (!endpoint) return error_memory(error);
  if (!begins(endpoint, "http://") && !begins(endpoint, "https://") && !begins(endpoint, "unix:"))
    return error_argument(error, "endpoint \"%s\": it must be http://HOST:PORT, https://HOST:PORT or unix:PATH",
                          endpoint);
  client->endpoints[client->endpoint_count++] = endpoint;
  return true;
}

static bool add_endpoints(rnnloss_client *client, const char *list, rnnloss_client_error *error) {
  size_t count = 1;
  for (const char *at = list; *at; at++) count += *at == ',';
  client->endpoints = pool_take(&client->pool, count, sizeof *client->endpoints);
  if (!client->endpoints) return error_memory(error);
  for (;;) {
    const size_t length = strcspn(list, ",");
    if (!add_endpoint(client, list, length, error)) return false;
    if (!list[length]) return true;
    list += length + 1;
  }
}

static const char *or_environment(const char *given, const char *variable, const char *otherwise) {
  if (given) return given;
  const char *value = getenv(variable);
  return value && *value ? value : otherwise;
}

static bool set_up(rnnloss_client *client, const rnnloss_client_settings *settings, rnnloss_client_error *error) {
  if (!(settings->timeout > 0) || !(settings->connect_timeout > 0))
    return error_argument(error, "timeouts must be longer than 0 s");
  client->timeout = fmin(settings->timeout, 1e6);
  client->connect_timeout = fmin(settings->connect_timeout, 1e6);
  client->retries = settings->retries;
  if (!add_endpoints(client, or_environment(settings->endpoints, "RNNLOSS_URL", "http://127.0.0.1:8080"), error))
    return false;
  const char *token = or_environment(settings->token, "RNNLOSS_TOKEN", "");
  if (breaks_header(token)) return error_argument(error, "the token has a control character in it");
  client->transport = transport_new(settings, token);
  return client->transport || error_memory(error);
}

rnnloss_client *rnnloss_client_new(const rnnloss_client_settings *settings, rnnloss_client_error *error) {
  rnnloss_client_settings defaults;
  rnnloss_client_settings_init(&defaults);
  rnnloss_client *client = calloc(1, sizeof *client);
  if (!client) {
    error_memory(error);
    return NULL;
  }
  if (!set_up(client, settings ? settings : &defaults, error)) {
    rnnloss_client_free(client);
    return NULL;
  }
  return client;
}

void rnnloss_client_free(rnnloss_client *client) {
  if (!client) return;
  transport_free(client->transport);
  pool_free(&client->pool);
  free(client);
}

size_t rnnloss_client_endpoint_count(const rnnloss_client *client) {
  return client->endpoint_count;
}

const char *rnnloss_client_endpoint(const rnnloss_client *client, size_t index) {
  return index < client->endpoint_count ? client->endpoints[index] : NULL;
}
