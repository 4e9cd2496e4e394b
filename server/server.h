/* server.h - the map of rnnlossd: every room, what it takes and what it gives
 *
 *   bytes -> format.decode -> struct request -> evaluate (librnnloss) -> struct result -> format.encode -> struct body
 * -> bytes
 *
 * Each header knows those above it:
 *
 *   storage.h    memory, its bound, and what is kept in it: arenas, texts, tensors in blocks
 *   problem.h    what can go wrong, and what was probably meant
 *   texts.h      UTF-8, JSON, base64, queries, media types
 *   request.h    the one request type, its evaluation, the one result type, and bodies of answers
 *   formats.h    encodings of requests and answers
 *   config.h     the options, and small files
 *   exchange.h   one HTTP request and its answer, without the HTTP library; what its handlers need
 *   access.h     who may call
 *   sight.h      what is to be seen of it: log lines, metrics, the process
 *   service.h    sockets, connections, loops, the service manager, and all of it together
 *
 * The rooms behind POST /validate are in validate.h.
 *
 * Conventions. A function that returns bool returns false on failure, and has then described the
 * failure in the struct problem at hand; running out of memory is the problem PROBLEM_OVERLOADED.
 * Whatever belongs to a request is allocated from its arena and released with it, once. One request
 * is handled by one thread; struct server is shared and, once started, read-only but for its atomics.
 */
#ifndef SERVER_H
#define SERVER_H

#include "service.h"

#endif
