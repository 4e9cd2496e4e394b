/* access.h - who may call; see server.h */
#ifndef SERVER_ACCESS_H
#define SERVER_ACCESS_H

#include "config.h"
#include "exchange.h"

/* ---- tokens.c: who may call, by bearer token ----------------------------------------------------------- */

#define HOLDER_NAME_MAX 64
/* Everybody whose tokens have the same name; lives until no table and no request has it. */
struct holder {
  struct holder *next;
  _Atomic unsigned in_flight; /* requests */
  bool named;                 /* in the present table */
  char name[HOLDER_NAME_MAX + 1];
};
struct tokens;
struct tokens *tokens_create(const char *path);                    /* empty; NULL: out of memory */
bool tokens_load(struct tokens *tokens, char *error, size_t size); /* false: error says why, the old ones stay */
void tokens_count(struct tokens *tokens, size_t *count, size_t *names);
void tokens_release(struct tokens *tokens); /* NULL is fine */
enum token_verdict { TOKEN_GOOD, TOKEN_WRONG, TOKEN_BUSY };
/* GOOD: *holder has one more request in flight, until holder_leave; BUSY: it has most (0: any number) already. */
enum token_verdict tokens_enter(struct tokens *tokens, const char *token, unsigned most, struct holder **holder);
void holder_leave(struct holder *holder); /* NULL is fine */

/* ---- tls.c: certificates and sessions; a session is the library's, opaque here ---------------------------- */

struct tls;
struct tls *tls_create(const struct config *config); /* nothing loaded; NULL: out of memory */
void tls_release(struct tls *tls);                   /* NULL is fine */
/* Each reads its files anew; false: error says why, and what was there stays. */
bool tls_load_certificate(struct tls *tls, char *error, size_t size);
bool tls_load_client_ca(struct tls *tls, char *error, size_t size);
uint64_t tls_not_after(struct tls *tls); /* when the certificate expires, seconds since 1970 */
size_t tls_client_cas(struct tls *tls);  /* how many there are */

/* For the HTTP library: a gnutls_certificate_retrieve_function3, the priorities, the first client CAs. */
typedef void tls_function(void);
tls_function *tls_retriever(void);
const char *tls_priorities(void);
const char *tls_first_client_ca(const struct tls *tls); /* PEM; NULL: no certificate is asked for */
/* A connection's session begins, before its handshake, and ends. */
void tls_begin(struct tls *tls, void *session);
void tls_end(void *session);
/* Has the client shown a certificate that a client CA has signed? *name is its name, or *why what is wrong with it;
 * both live as long as the connection. */
bool tls_client(void *session, const char **name, const char **why);
/* The other side of a connection, for check.c: sends the request over a socket and reads the answer, to its end or as
 * much of it as there is room for. Any certificate will do. */
struct heard {
  size_t length;
  char bytes[4096];
};
bool tls_ask(int fd, const char *request, struct heard *answer, char *error, size_t size);

/* ---- check.c: rnnlossd --check -------------------------------------------------------------------------------- */

int check_run(const struct config *config); /* the exit status: 0 ready, 1 not, and why on standard error */

/* ---- access.c: who may call --------------------------------------------------------------------------------- */

bool access_setup(struct server *server); /* reads the files; false: said on standard error */
void access_end(struct server *server);
void access_warn(const struct server *server); /* in the log: tokens that travel in clear text */
void access_reload(struct server *server);     /* reads them again; what is wrong stays as it was, and is logged */
/* Client certificate, token, the token's share. Called once the route is known. */
bool access_check(struct exchange *exchange);
/* Would strangers be asked who they are? */
bool access_asks(const struct config *config);

#endif
