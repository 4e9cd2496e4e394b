/* config.h - the options, and small files; see server.h */
#ifndef SERVER_CONFIG_H
#define SERVER_CONFIG_H

#include "storage.h"

/* ---- config.c: one option table: flag, environment, help ------------------------------------------- */

#define LISTEN_MAX 16
struct config {
  const char *listen[LISTEN_MAX]; /* "127.0.0.1:8080", "[::1]:0", "unix:/run/rnnlossd.sock" */
  size_t listen_count;
  bool listen_given;         /* they were named, and are not the default */
  uint64_t max_body;         /* bytes */
  uint64_t max_memory;       /* bytes, of all requests and connections together */
  uint64_t max_neurons;      /* N_hid at most */
  uint64_t min_rate;         /* bytes a second that a peer must send or take .. */
  unsigned transfer_seconds; /* .. after so long */
  unsigned header_seconds;   /* that a request's headers may take */
  unsigned idle_seconds;     /* that a connection may be silent */
  unsigned max_connections;
  unsigned threads;         /* event loops */
  const char *allow_origin; /* CORS; NULL: none */
  bool allow_anonymous;     /* may listen beyond loopback without asking who is there */
  const char *tokens;       /* files; NULL: none */
  const char *tls_cert, *tls_key, *tls_client_ca;
  unsigned max_requests_per_token; /* in flight; 0: any number */
  bool metrics_anonymous;          /* /metrics asks nobody */
  unsigned unix_mode;              /* permissions of unix sockets; 0: by the umask */
  unsigned drain_seconds;          /* how long a drain may take */
  unsigned drain_delay;            /* seconds before it, in which only /readyz says that it comes */
  enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG } log_level;
  enum log_format { LOG_LOGFMT, LOG_JSON } log_format;
  bool access_log;        /* a line for each request */
  char listen_text[2048]; /* RNNLOSSD_LISTEN, cut at its commas */
  const char *check;      /* the URL of --check; empty: the first address of these; NULL: not asked for */
};
/* Go on; check instead; --help or --version was served; refused. */
enum config_outcome { CONFIG_RUN, CONFIG_CHECK, CONFIG_EXIT, CONFIG_WRONG };
/* Fills *config; strings point into argv, the environment and *config. Refusals are on standard error, with the name.
 */
enum config_outcome config_read(struct config *config, int argc, char **argv, char **environment);
/* Calls visit for every option's name and configured value: for /version. */
void config_each(const struct config *config, void (*visit)(void *context, const char *name, uint64_t value),
                 void *context);

/* ---- file.c: small files, whole ------------------------------------------------------------------------ */

struct file {
  char *bytes; /* NUL-terminated beyond length */
  size_t length;
  bool open_to_all; /* anybody on this machine may read it */
};
bool file_read(struct file *file, const char *path, size_t limit, char *error, size_t size); /* false: error says why */
void file_release(struct file *file);                                                        /* its memory is wiped */

#endif
