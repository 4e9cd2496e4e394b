/* info.c - requests of the caller's own making, and the routes that only answer */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

/* ---- bytes ---- */

struct draft_response {
  rnnloss_client_response response; /* first: it is what the caller sees */
  struct pool pool;
};

rnnloss_client_response *response_make(struct exchange *exchange, rnnloss_client_error *error) {
  struct draft_response *draft = calloc(1, sizeof *draft);
  rnnloss_client_response *response = draft ? &draft->response : NULL;
  if (response) {
    response->status = exchange->status;
    response->content_type = pool_text(&draft->pool, exchange->content_type, strlen(exchange->content_type));
    response->request_id = pool_text(&draft->pool, exchange->request_id, strlen(exchange->request_id));
    response->body = exchange->block ? exchange->body : pool_text(&draft->pool, "", 0);
    response->length = exchange->length;
  }
  if (!response || !response->content_type || !response->request_id || !response->body) {
    rnnloss_client_response_free(response);
    exchange_free(exchange);
    error_memory(error);
    return NULL;
  }
  if (exchange->block) pool_adopt(&draft->pool, exchange->block);
  return response;
}

void rnnloss_client_response_free(rnnloss_client_response *response) {
  struct draft_response *draft = (struct draft_response *)response;
  if (!draft) return;
  pool_free(&draft->pool);
  free(draft);
}

bool rnnloss_client_send(rnnloss_client *client, const rnnloss_client_request *request,
                         rnnloss_client_response **response, rnnloss_client_error *error) {
  struct exchange exchange = {0};
  *response = NULL;
  if (!request->path || request->path[0] != '/') return error_argument(error, "a path begins with '/'");
  if (request->length && !request->body) return error_argument(error, "the request has a length, but no body");
  const struct segment segment = {request->body, request->length};
  const struct call call = {.path = request->path,
                            .post = request->post,
                            .content_type = request->content_type,
                            .accept = request->accept,
                            .segments = &segment,
                            .count = 1,
                            .request_id = request->request_id};
  if (!call_make(client, &call, &exchange, error)) return false;
  if (exchange.status >= 200 && exchange.status < 300) {
    *response = response_make(&exchange, error);
    return *response != NULL;
  }
  error_of_answer(error, &exchange);
  exchange_free(&exchange);
  return false;
}

/* ---- the routes ---- */

/* The answer must be a JSON object: a proxy's page is none. */
static bool get(rnnloss_client *client, const char *path, rnnloss_client_response **response,
                rnnloss_client_error *error) {
  const rnnloss_client_request request = {.path = path, .accept = JSON};
  rnnloss_client_response *given = NULL;
  *response = NULL;
  if (!rnnloss_client_send(client, &request, &given, error) || !given) return false;
  const struct slice text = {given->body, given->body + given->length};
  struct slice inside;
  if (slice_valid(text) && slice_inside(text, '{', &inside)) {
    *response = given;
    return true;
  }
  struct exchange exchange = {.status = given->status, .length = given->length};
  struct text body = {0}; /* a copy that may be written to, for the error's sake */
  text_add(&body, given->body, given->length);
  exchange.body = body.bytes;
  if (body.failed) exchange.length = 0;
  error_unexpected(error, &exchange, "no JSON object");
  free(body.bytes);
  rnnloss_client_response_free(given);
  return false;
}

bool rnnloss_client_terms(rnnloss_client *client, rnnloss_client_response **response, rnnloss_client_error *error) {
  return get(client, "/terms", response, error);
}

bool rnnloss_client_vectors(rnnloss_client *client, rnnloss_client_response **response, rnnloss_client_error *error) {
  return get(client, "/vectors", response, error);
}

bool rnnloss_client_vector(rnnloss_client *client, const char *name, const char *form,
                           rnnloss_client_response **response, rnnloss_client_error *error) {
  struct text path = {0};
  *response = NULL;
  if (!name) return error_argument(error, "a vector has a name");
  text_string(&path, "/vectors/");
  text_escaped(&path, name);
  if (form) text_string(&path, "?form=");
  if (form) text_escaped(&path, form);
  bool well = false;
  if (path.failed)
    error_memory(error);
  else if (!form)
    well = get(client, path.bytes, response, error);
  else
    well = rnnloss_client_send(client, &(rnnloss_client_request){.path = path.bytes}, response, error);
  free(path.bytes);
  return well;
}

/* ---- version ---- */

struct draft_version {
  rnnloss_client_version version; /* first: it is what the caller sees */
  struct pool pool;
  rnnloss_client_response *response;
};

static bool read_version(struct draft_version *draft, const cJSON *root, bool *failed) {
  rnnloss_client_version *version = &draft->version;
  const struct {
    const char *name, **to;
  } members[] = {{"version", &version->version},
                 {"commit", &version->commit},
                 {"kernel", &version->kernel},
                 {"vectors_sha256", &version->vectors_sha256}};
  for (size_t i = 0; i < RNNLOSS_CLIENT_COUNT(members); i++) {
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(root, members[i].name));
    if (!text) return false;
    *members[i].to = pool_text(&draft->pool, text, strlen(text));
    *failed |= !*members[i].to;
  }
  const cJSON *contract = cJSON_GetObjectItemCaseSensitive(root, "contract");
  version->contract = cJSON_IsNumber(contract) ? contract->valueint : 0;
  version->json = draft->response->body;
  return cJSON_IsNumber(contract);
}

bool rnnloss_client_get_version(rnnloss_client *client, rnnloss_client_version **version, rnnloss_client_error *error) {
  rnnloss_client_response *response = NULL;
  bool failed = false;
  *version = NULL;
  if (!get(client, "/version", &response, error) || !response) return false;
  struct draft_version *draft = calloc(1, sizeof *draft);
  if (!draft) {
    rnnloss_client_response_free(response);
    return error_memory(error);
  }
  draft->response = response;
  cJSON *root = cJSON_ParseWithLength(response->body, response->length);
  const bool well = read_version(draft, root, &failed);
  cJSON_Delete(root);
  if (well && !failed) {
    *version = &draft->version;
    return true;
  }
  if (failed)
    error_memory(error);
  else
    error_set(error, "unexpected-answer", "The answer is none of a rnnlossd", "no answer of /version");
  if (error && !failed) error->status = response->status;
  rnnloss_client_version_free(&draft->version);
  return false;
}

void rnnloss_client_version_free(rnnloss_client_version *version) {
  struct draft_version *draft = (struct draft_version *)version;
  if (!draft) return;
  rnnloss_client_response_free(draft->response);
  pool_free(&draft->pool);
  free(draft);
}

/* ---- health ---- */

const char *rnnloss_client_health(rnnloss_client *client, size_t index) {
  struct exchange exchange = {0};
  rnnloss_client_error error;
  char id[ID_MAX + 1];
  random_id(id);
  const struct call call = {.path = "/readyz", .accept = JSON, .request_id = id};
  if (index >= client->endpoint_count || !call_once(client, index, &call, &exchange)) {
    exchange_free(&exchange);
    return "unreachable";
  }
  const int status = exchange.status;
  error_of_answer(&error, &exchange);
  exchange_free(&exchange);
  if (status == 200) return "ready";
  if (strcmp(error.type, "unexpected-answer") == 0) return "unreachable"; /* somebody else answers there */
  return strcmp(error.type, "draining") == 0 ? "draining" : "not-ready";
}
