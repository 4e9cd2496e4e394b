/* bare.c - answers on sockets that the HTTP library doesn't have, or is stuck with */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "server.h"

static const char *reason_of(unsigned status) {
  return status == 408 ? "Request Timeout" : "Service Unavailable";
}

void bare_answer(int fd, enum problem_type type, const char *detail) {
  const struct problem_row *row = problem_row(type);
  char body[512], text[1024];
  int length = snprintf(body, sizeof body,
                        "{\"type\":\"#%s\",\"title\":\"%s\",\"status\":%u,\"detail\":\"%s\",\"request_id\":\"\"}\n",
                        row->id, row->title, row->status, detail);
  length = snprintf(text, sizeof text,
                    "HTTP/1.1 %u %s\r\nServer: rnnlossd/" SERVER_VERSION "\r\nConnection: close\r\n"
                    "Content-Type: application/problem+json\r\n%sContent-Length: %d\r\n\r\n%s",
                    row->status, reason_of(row->status), row->status == 503 ? "Retry-After: 1\r\n" : "", length, body);
  if (length <= 0 || (size_t)length >= sizeof text) return;
  ssize_t sent = send(fd, text, (size_t)length, MSG_NOSIGNAL | MSG_DONTWAIT);
  (void)sent; /* it was worth a try */
}
