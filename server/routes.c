/* routes.c - the table of routes */
#include <string.h>

#include "server.h"

const struct route routes[] = {
    {.path = "/loss",
     .post = true,
     .begin = loss_begin,
     .receive = loss_receive,
     .finish = loss_finish,
     .release = loss_release},
    {.path = "/validate",
     .post = true,
     .begin = validate_begin,
     .receive = validate_receive,
     .finish = validate_finish,
     .release = validate_release},
    {.path = "/terms", .finish = terms_finish},
    {.path = "/vectors", .finish = vectors_finish},
    {.path = "/vectors/{name}", .finish = vector_finish},
    {.path = "/openapi.json", .finish = asset_finish},
    {.path = "/", .access = ACCESS_OPEN, .finish = page_finish},
    {.path = "/page/{name}", .access = ACCESS_OPEN, .finish = page_finish},
    {.path = "/version", .finish = version_finish},
    {.path = "/healthz", .access = ACCESS_OPEN, .finish = live_finish},
    {.path = "/livez", .access = ACCESS_OPEN, .finish = live_finish},
    {.path = "/readyz", .access = ACCESS_OPEN, .finish = ready_finish},
    {.path = "/metrics", .access = ACCESS_METRICS, .finish = metrics_finish},
    {.path = NULL},
};

/* The length of a route's path before its parameter, or of all of it. */
static size_t fixed_length(const struct route *route) {
  return strcspn(route->path, "{");
}

const struct route *route_of(const struct exchange *exchange) {
  return exchange->route >= 0 ? &routes[exchange->route] : NULL;
}

int route_find(const char *path) {
  for (int i = 0; routes[i].path; i++) {
    size_t fixed = fixed_length(&routes[i]);
    if (strncmp(path, routes[i].path, fixed) != 0) continue;
    if (routes[i].path[fixed] ? path[fixed] != '\0' : path[fixed] == '\0') return i;
  }
  return -1;
}

const char *route_parameter(const struct exchange *exchange) {
  return exchange->path + fixed_length(&routes[exchange->route]);
}
