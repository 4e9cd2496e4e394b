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
    {.path = "/version", .finish = version_finish},
    {.path = "/healthz", .access = ACCESS_OPEN, .finish = live_finish},
    {.path = "/livez", .access = ACCESS_OPEN, .finish = live_finish},
    {.path = "/readyz", .access = ACCESS_OPEN, .finish = ready_finish},
    {.path = "/metrics", .access = ACCESS_METRICS, .finish = metrics_finish},
    {.path = NULL},
};

int route_find(const char *path) {
  for (int i = 0; routes[i].path; i++) {
    if (strcmp(path, routes[i].path) == 0) return i;
  }
  return -1;
}
