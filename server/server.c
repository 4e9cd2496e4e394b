/* server.c - the daemon's life, from start to end */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "server.h"

static void end_signals(sigset_t *signals) {
  sigemptyset(signals);
  sigaddset(signals, SIGTERM);
  sigaddset(signals, SIGINT);
  sigaddset(signals, SIGHUP);
}

/* Blocks the signals that end the daemon, here and in all threads to come: they are waited for. */
static void signals_block(void) {
  sigset_t ends;
  end_signals(&ends);
  pthread_sigmask(SIG_BLOCK, &ends, NULL);
  signal(SIGPIPE, SIG_IGN);
}

/* SIGHUP doesn't end it: what can be read anew is. */
static int signal_wait(struct server *server) {
  sigset_t ends;
  end_signals(&ends);
  int number = 0;
  while (sigwait(&ends, &number) != 0 || number == SIGHUP) {
    if (number == SIGHUP) access_reload(server);
    number = 0;
  }
  return number;
}

/* Not left to the default: the first process of a container has none. */
static void end_at_once(int number) {
  _exit(128 + number);
}

/* From here on a second signal ends the daemon whatever it is doing. */
static void signals_unblock(void) {
  struct sigaction action = {.sa_handler = end_at_once};
  sigaction(SIGTERM, &action, NULL);
  sigaction(SIGINT, &action, NULL);
  signal(SIGHUP, SIG_IGN);
  sigset_t ends;
  end_signals(&ends);
  pthread_sigmask(SIG_UNBLOCK, &ends, NULL);
}

static void listeners_close(struct server *server) {
  while (server->listener_count > 0) listener_close(&server->listeners[--server->listener_count]);
}

static bool listeners_open(struct server *server) {
  const struct config *config = &server->config;
  for (size_t i = 0; i < config->listen_count; i++) {
    struct listener *listener = &server->listeners[i];
    char error[200];
    if (!listener_open(listener, config->listen[i], config, error, sizeof error)) {
      fprintf(stderr, "rnnlossd: --listen: \"%s\": %s\n", config->listen[i], error);
      return false;
    }
    server->listener_count++;
    if (config->allow_anonymous || access_asks(config) || listener_is_local(listener)) continue;
    fprintf(stderr,
            "rnnlossd: --listen: \"%s\" is not loopback, and anybody who reaches it could call: "
            "give --tokens FILE, or --tls-client-ca FILE, or say --allow-anonymous if that is meant\n",
            config->listen[i]);
    return false;
  }
  return true;
}

static void announce_all(const struct server *server, void (*announce)(void *, const char *), void *context) {
  for (size_t i = 0; i < server->listener_count; i++) {
    log_line(LOG_INFO, "listening", "%s", server->listeners[i].name);
    if (announce) announce(context, server->listeners[i].name);
  }
}

static uint64_t wall_clock_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

int server_run(const struct config *config, void (*announce)(void *context, const char *address), void *context) {
  struct server server = {.config = *config, .started_ns = wall_clock_ns()};
  memory_setup();
  log_setup(config->log_level);
  signals_block();
  if (!access_setup(&server) || !listeners_open(&server) || !http_start(&server)) {
    listeners_close(&server);
    access_end(&server);
    return 1;
  }
  log_line(LOG_INFO, "start", "rnnlossd %s, kernel %s, %u loops", SERVER_VERSION, rnnloss_kernel(), config->threads);
  access_warn(&server);
  announce_all(&server, announce, context);

  int number = signal_wait(&server);
  log_line(LOG_INFO, "drain", "%s: no new connections, at most %u s for requests in flight", strsignal(number),
           config->drain_seconds);
  signals_unblock();
  http_drain(&server);
  listeners_close(&server);
  access_end(&server);
  log_line(LOG_INFO, "end", "ended");
  return 0;
}
