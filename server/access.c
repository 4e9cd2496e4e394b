/* access.c - who may call: what is asked of a request before its body is read, and the files that say so */
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "server.h"

#define CHALLENGE "Bearer realm=\"rnnlossd\""
#define EXPIRY_SECONDS ((int64_t)14 * 86400)
#define ERROR_SIZE 600

/* ---- A request ---------------------------------------------------------------------------------------- */

static bool is_exempt(const struct exchange *exchange) {
  const struct config *config = &exchange->server->config;
  if (exchange->head.method == METHOD_OPTIONS || exchange->route < 0) return true;
  enum access access = routes[exchange->route].access;
  return access == ACCESS_OPEN || (access == ACCESS_METRICS && config->metrics_anonymous);
}

/* A unix socket has no TLS, and its file's permissions say who may connect. */
static bool check_certificate(struct exchange *exchange) {
  const char *why = NULL;
  if (!exchange->server->config.tls_client_ca || !exchange->head.tls_session) return true;
  if (tls_client(exchange->head.tls_session, &exchange->token_name, &why)) return true;
  return problem_set(&exchange->problem, PROBLEM_FORBIDDEN, "", "%s", why);
}

/* The word after "Bearer", or NULL. */
static const char *bearer_token(const char *header) {
  if (!header || strncasecmp(header, "Bearer", 6) != 0 || header[6] != ' ') return NULL;
  header += 6;
  return header + strspn(header, " ");
}

static bool check_token(struct exchange *exchange) {
  const struct server *server = exchange->server;
  if (!server->tokens) return true;
  const char *token = bearer_token(exchange->head.authorization);
  if (!token) {
    exchange->challenge = CHALLENGE;
    return problem_set(&exchange->problem, PROBLEM_UNAUTHORIZED, "", "send a token: Authorization: Bearer TOKEN");
  }
  unsigned most = server->config.max_requests_per_token;
  switch (tokens_enter(server->tokens, token, most, &exchange->holder)) {
  case TOKEN_GOOD:
    /* A copy: the holder may be gone before the request is logged. */
    exchange->token_name = arena_text(&exchange->arena, exchange->holder->name, strlen(exchange->holder->name));
    return true;
  case TOKEN_BUSY:
    return problem_set(&exchange->problem, PROBLEM_RATE_LIMITED, "",
                       "%u requests with tokens of this name are in flight (--max-requests-per-token)", most);
  case TOKEN_WRONG:
    break;
  }
  exchange->challenge = CHALLENGE ", error=\"invalid_token\"";
  return problem_set(&exchange->problem, PROBLEM_UNAUTHORIZED, "", "the token is not one that is known here");
}

bool access_check(struct exchange *exchange) {
  return is_exempt(exchange) || (check_certificate(exchange) && check_token(exchange));
}

bool access_asks(const struct config *config) {
  return config->tokens || config->tls_client_ca;
}

/* ---- The files ------------------------------------------------------------------------------------------ */

static void tell_tokens(struct server *server) {
  size_t count, names;
  tokens_count(server->tokens, &count, &names);
  log_line(LOG_INFO, "tokens", "%zu tokens of %zu names, from %s", count, names, server->config.tokens);
}

static void tell_certificate(struct server *server) {
  time_t until = (time_t)tls_not_after(server->tls), left = until - time(NULL);
  struct tm utc;
  char text[40] = "?";
  if (gmtime_r(&until, &utc)) strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  log_line(left < EXPIRY_SECONDS ? LOG_WARNING : LOG_INFO, "certificate", "%s: %s %s", server->config.tls_cert,
           left < 0 ? "expired at" : "valid until", text);
}

static void tell_client_ca(struct server *server) {
  log_line(LOG_INFO, "client-ca", "%zu client CAs, from %s", tls_client_cas(server->tls), server->config.tls_client_ca);
}

static bool load_tokens(struct server *server, char *error, size_t size) {
  return tokens_load(server->tokens, error, size);
}
static bool load_certificate(struct server *server, char *error, size_t size) {
  return tls_load_certificate(server->tls, error, size);
}
static bool load_client_ca(struct server *server, char *error, size_t size) {
  return tls_load_client_ca(server->tls, error, size);
}

static const struct part {
  const char *flag;
  size_t path; /* in struct config: NULL there: not wanted */
  bool (*load)(struct server *server, char *error, size_t size);
  void (*tell)(struct server *server);
} parts[] = {
    {"--tokens", offsetof(struct config, tokens), load_tokens, tell_tokens},
    {"--tls-cert", offsetof(struct config, tls_cert), load_certificate, tell_certificate},
    {"--tls-client-ca", offsetof(struct config, tls_client_ca), load_client_ca, tell_client_ca},
};
#define PARTS (sizeof parts / sizeof *parts)

static bool is_wanted(const struct server *server, const struct part *part) {
  const char *path;
  memcpy(&path, (const char *)&server->config + part->path, sizeof path);
  return path != NULL;
}

bool access_setup(struct server *server) {
  const struct config *config = &server->config;
  char error[ERROR_SIZE] = "no memory";
  if (config->tokens) server->tokens = tokens_create(config->tokens);
  if (config->tls_cert) server->tls = tls_create(config);
  bool created = (!config->tokens || server->tokens) && (!config->tls_cert || server->tls);
  for (size_t i = 0; i < PARTS; i++) {
    if (!is_wanted(server, &parts[i])) continue;
    if (!created || !parts[i].load(server, error, sizeof error)) {
      fprintf(stderr, "rnnlossd: %s: %s\n", parts[i].flag, error);
      return false;
    }
    parts[i].tell(server);
  }
  return true;
}

void access_warn(const struct server *server) {
  for (size_t i = 0; server->tokens && i < server->listener_count; i++) {
    const struct listener *listener = &server->listeners[i];
    if (listener->tls || listener_is_local(listener)) continue;
    log_line(LOG_WARNING, "tokens", "%s: tokens travel in clear text; --tls-cert and --tls-key would hide them",
             listener->name);
  }
}

void access_end(struct server *server) {
  tokens_release(server->tokens);
  tls_release(server->tls);
  server->tokens = NULL;
  server->tls = NULL;
}

void access_reload(struct server *server) {
  char error[ERROR_SIZE];
  for (size_t i = 0; i < PARTS; i++) {
    if (!is_wanted(server, &parts[i])) continue;
    if (parts[i].load(server, error, sizeof error)) {
      parts[i].tell(server);
    } else {
      log_line(LOG_ERROR, "reload", "%s: %s; what was read before stays in force", parts[i].flag, error);
    }
  }
}
