/* daemon.h - the daemon under test, forked on a free port, whose allocations the test watches and makes fail */
#ifndef DAEMON_H
#define DAEMON_H

#include <stdbool.h>
#include <sys/types.h>

#include "server.h"

#define DAEMON_ADDRESSES 4

struct daemon {
  pid_t pid;
  char address[DAEMON_ADDRESSES][160]; /* "http://127.0.0.1:40000", in the order of --listen */
  struct memory_probe *probe;          /* shared with the daemon */
};

/* Starts the daemon with these arguments (a list that ends with NULL, or NULL), by default on 127.0.0.1:0, and waits
 * until it accepts connections on every address. Fails the test if it doesn't. */
void daemon_start(struct daemon *daemon, const char *const *arguments);

/* Sends SIGTERM and waits: the exit status, 128 + n after signal n. */
int daemon_stop(struct daemon *daemon);

bool daemon_lives(const struct daemon *daemon);

#endif
