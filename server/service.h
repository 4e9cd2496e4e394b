/* service.h - sockets, connections, loops, the service manager, and all of it together; see server.h */
#ifndef SERVER_SERVICE_H
#define SERVER_SERVICE_H

#include "access.h"
#include "sight.h"

/* ---- systemd.c: what a service manager passes, and is told ---------------------------------------------- */

struct listener;
#define SYSTEMD_FIRST_SOCKET 3
struct systemd {
  struct sockaddr_un notify;
  socklen_t notify_length; /* 0: nobody wants to be told */
  uint64_t watchdog_ns;    /* it wants to hear something that often; 0: it doesn't */
  uint64_t alive_ns;       /* when it last did */
  size_t sockets;          /* that were passed, from descriptor 3 on; LISTEN_MAX + 1: too many */
};
void systemd_begin(struct systemd *systemd); /* reads the environment, and cleans it: before there are threads */
void systemd_ready(const struct systemd *systemd, const struct listener *listeners, size_t count);
void systemd_reloading(const struct systemd *systemd);
void systemd_stopping(const struct systemd *systemd);
void systemd_alive(const struct systemd *systemd);

/* ---- watchdog.c: proves to the service manager that every loop lives ------------------------------------ */

void watchdog_tick(struct server *server); /* from the main thread, several times in watchdog_ns; may take a third */

/* ---- listen.c, acceptor.c, linger.c, http.c, main.c: from a socket to an exchange ------------------------- */

struct address {
  char host[256], port[8];
  bool bracketed; /* an IPv6 address */
};
/* Of HOST:PORT or [IPV6]:PORT. False: error says why. */
bool address_read(const char *text, struct address *address, char *error, size_t size);

struct listener {
  int fd;
  bool tls;
  char name[160]; /* "https://127.0.0.1:8080", "unix:/run/rnnlossd.sock" */
  char path[112]; /* of a unix socket, to be removed at the end; else empty */
};
/* config: TLS or not, permissions. False: error says why. */
bool listener_open(struct listener *listener, const char *address, const struct config *config, char *error,
                   size_t size);
bool listener_adopt(struct listener *listener, int fd, const struct config *config, char *error,
                    size_t size);                        /* one that was passed */
bool listener_is_local(const struct listener *listener); /* a unix socket, or an address of the loopback */
void listener_close(struct listener *listener);

/* pthread_create with a stack of that size. */
bool thread_start(pthread_t *thread, size_t stack_bytes, void *(*run)(void *), void *argument);

/* One thread that accepts connections of all listeners, and gives each (and its ownership) to take. */
struct acceptor;
typedef void acceptor_taker(void *context, const struct listener *listener, int fd, const struct sockaddr *peer,
                            socklen_t length);
typedef void acceptor_ticker(void *context); /* called about once a second, from the same thread */
struct acceptor *acceptor_start(const struct listener *listeners, size_t count, acceptor_taker *take,
                                acceptor_ticker *tick, void *context);
void acceptor_stop(struct acceptor *acceptor); /* takes what has queued up still; NULL is fine */

/* ---- connections.c: who is there, at what, and until when ----------------------------------------------- */

#define LOOPS_MAX 256
#define DESCRIPTORS_OTHER 512 /* files, listeners, loops, sockets that linger */
#define CONNECTIONS_SPARE 64  /* beyond --max-connections: there health and metrics are answered still */
/* What a connection and a small request on it cost; more is the request's own (struct account). */
#define CONNECTION_BYTES ((uint64_t)160 << 10)

enum stage { STAGE_OPEN, STAGE_HEAD, STAGE_BODY, STAGE_WORK, STAGE_ANSWER, STAGE_IDLE, STAGE_CUT };

struct connection {
  _Atomic uint64_t word; /* stage and deadline */
  uint16_t owner;        /* the loop that has it, plus one; 0: none */
  bool charged;          /* its memory is reserved */
  bool crowded;          /* it is a spare one */
  bool secure;           /* TLS: nothing is written to it in plain */
};
struct connections { /* threads may call at once */
  pthread_mutex_t lock;
  size_t loops, most, open;
  unsigned count[LOOPS_MAX];
  struct budget *budget;
  struct connection *slots; /* by descriptor */
  size_t slot_count, top;   /* top: no connection has had a descriptor from here on */
};
bool connections_setup(struct connections *connections, const struct config *config, size_t loops,
                       struct budget *budget);
void connections_end(struct connections *connections);
/* The one with the fewest of these loops, which now has it; -1: full. */
struct loop_range {
  size_t first, count;
  bool secure; /* they speak TLS */
};
int connections_open(struct connections *connections, int fd, const struct loop_range *range, uint64_t deadline_ns);
void connections_close(struct connections *connections, int fd); /* before the descriptor is closed */
struct connection *connections_find(struct connections *connections, int fd);
/* Its loop says what it is at now, and until when (0: as long as it takes); false: it has been shut down. */
bool connection_enter(struct connection *connection, enum stage stage, uint64_t deadline_ns);
bool connection_is_cut(const struct connection *connection);
/* When a body, or an answer, of so many bytes that begins to move now must have arrived. */
uint64_t transfer_deadline(const struct config *config, uint64_t start_ns, uint64_t bytes);
/* Shuts down those that are past their deadlines; returns how many of them were at a request. Once a second.
 * Also: the HTTP library waits for edges, and misses the end of a peer's stream that came together with
 * its last data: a peer that died within its request would be waited for. Shutting down the reading
 * side, which has ended anyway, makes another edge. */
size_t connections_check(struct connections *connections);

/* bare.c: a problem answered on a socket beside the HTTP library: what isn't read at once is lost. */
void bare_answer(int fd, enum problem_type type, const char *detail);

/* One thread that reads on from sockets whose answer is sent, so that their peers get to read it. */
#define LINGER_BYTES ((uint64_t)256 << 20) /* of one peer, at most */
struct lingerer;
struct lingerer *lingerer_start(void);                /* NULL: no memory, descriptor or thread */
void lingerer_add(struct lingerer *lingerer, int fd); /* takes over fd (-1 is fine) and ends its sending side */
void lingerer_stop(struct lingerer *lingerer);        /* waits up to 2 s for them; NULL is fine */

struct server {
  struct config config;
  struct metrics metrics;
  _Atomic bool leaving;  /* the end was asked for: /readyz says 503 */
  _Atomic bool draining; /* .. and has begun: connections end with their answer */
  struct budget budget;
  struct failures failures;
  struct systemd systemd;
  struct selftest selftest;
  uint64_t started_ns; /* since 1970 */
  struct listener listeners[LISTEN_MAX];
  size_t listener_count;
  struct http *http;
  struct tokens *tokens; /* NULL: none are asked for */
  struct tls *tls;       /* NULL: all is plain */
};
/* The loops and the acceptor. http.c is the only file that knows libmicrohttpd. */
bool http_start(struct server *server); /* false: said on standard error */
size_t http_loops(const struct server *server);
/* Gives a loop a connection from nowhere, and its ownership; false: there is no memory for it. */
bool http_join(struct server *server, size_t loop, int fd);
void http_close_door(struct server *server);    /* nothing is accepted any more */
void http_begin_no_more(struct server *server); /* a request that comes now is not answered: it may be sent elsewhere */
void http_check(struct server *server);         /* connections_check; from time to time */
void http_end(struct server *server);           /* the loops end, whatever they are at */
void drain(struct server *server);              /* drain.c: all of these; may take --drain-timeout */

uint64_t clock_ns(void); /* monotonic */

/* First of all, before the options are read: no signal is lost or fatal from here on. Calling it again is harmless. */
void server_prepare(void);
void server_reload(struct server *server); /* SIGHUP: reads anew what can change */
/* All of the daemon but main(): returns the exit status. announce (may be NULL) gets each address once it accepts. */
int server_run(const struct config *config, void (*announce)(void *context, const char *address), void *context);

#endif
