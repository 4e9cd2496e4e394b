/* server.c - the daemon's life, from start to end */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "server.h"

#define SECOND_NS ((uint64_t)1000000000)

/* ---- Signals: blocked in all threads, and waited for -------------------------------------------------- */

static sigset_t signal_set(const int *numbers, size_t count) {
  sigset_t set;
  sigemptyset(&set);
  for (size_t i = 0; i < count; i++) sigaddset(&set, numbers[i]);
  return set;
}
static const int all[] = {SIGHUP, SIGTERM, SIGINT};
#define SIGNALS_ALL signal_set(all, 3)
#define SIGNALS_RELOAD signal_set(all, 1)
#define SIGNALS_END signal_set(all + 1, 2)

void server_prepare(void) {
  sigset_t signals = SIGNALS_ALL;
  pthread_sigmask(SIG_BLOCK, &signals, NULL);
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN); /* of a log that may grow no more: its write fails, that is all */
  process_standard_descriptors();
}

/* Waits for one of the signals, and reloads meanwhile as often as it is told to; 0: the moment has come (0: none). */
static int signal_wait(struct server *server, sigset_t signals, uint64_t until_ns) {
  for (;;) {
    uint64_t now = clock_ns(), pause = 3600 * SECOND_NS;
    if (until_ns && now >= until_ns) return 0;
    if (until_ns && until_ns - now < pause) pause = until_ns - now;
    if (server->systemd.watchdog_ns && server->systemd.watchdog_ns / 3 < pause) pause = server->systemd.watchdog_ns / 3;
    struct timespec limit = {.tv_sec = (time_t)(pause / SECOND_NS), .tv_nsec = (long)(pause % SECOND_NS)};
    watchdog_tick(server);
    int number = sigtimedwait(&signals, NULL, &limit);
    if (number == SIGHUP) server_reload(server);
    if (number > 0 && number != SIGHUP) return number;
  }
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
  sigset_t ends = SIGNALS_END;
  pthread_sigmask(SIG_UNBLOCK, &ends, NULL);
}

/* ---- Listeners ---------------------------------------------------------------------------------------- */

static void listeners_close(struct server *server) {
  while (server->listener_count > 0) listener_close(&server->listeners[--server->listener_count]);
}

static bool may_listen(const struct server *server, const struct listener *listener, const char *address) {
  const struct config *config = &server->config;
  if (config->allow_anonymous || access_asks(config) || listener_is_local(listener)) return true;
  fprintf(stderr,
          "rnnlossd: --listen: \"%s\" is not loopback, and anybody who reaches it could call: "
          "give --tokens FILE, or --tls-client-ca FILE, or say --allow-anonymous if that is meant\n",
          address);
  return false;
}

/* The sockets that the service manager has opened. */
static bool listeners_adopt(struct server *server) {
  char error[200];
  if (server->systemd.sockets > LISTEN_MAX) {
    fprintf(stderr, "rnnlossd: more than %d sockets are passed\n", LISTEN_MAX);
    return false;
  }
  for (size_t i = 0; i < server->systemd.sockets; i++) {
    struct listener *listener = &server->listeners[i];
    int fd = SYSTEMD_FIRST_SOCKET + (int)i;
    if (!listener_adopt(listener, fd, &server->config, error, sizeof error)) {
      fprintf(stderr, "rnnlossd: descriptor %d, a passed socket: %s\n", fd, error);
      return false;
    }
    server->listener_count++;
    if (!may_listen(server, listener, listener->name)) return false;
  }
  return true;
}

static bool listeners_open(struct server *server) {
  const struct config *config = &server->config;
  if (server->systemd.sockets > 0 && !config->listen_given) return true;
  for (size_t i = 0; i < config->listen_count; i++) {
    char error[200] = "with the passed sockets these are too many addresses";
    struct listener *listener = &server->listeners[server->listener_count];
    if (server->listener_count == LISTEN_MAX ||
        !listener_open(listener, config->listen[i], config, error, sizeof error)) {
      fprintf(stderr, "rnnlossd: --listen: \"%s\": %s\n", config->listen[i], error);
      return false;
    }
    server->listener_count++;
    if (!may_listen(server, listener, config->listen[i])) return false;
  }
  return true;
}

static void announce_all(const struct server *server, void (*announce)(void *, const char *), void *context) {
  for (size_t i = 0; i < server->listener_count; i++) {
    log_line(LOG_INFO, "listening", "%s", server->listeners[i].name);
    if (announce) announce(context, server->listeners[i].name);
  }
}

/* ---- Start, reload, end ------------------------------------------------------------------------------- */

static uint64_t wall_clock_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

void server_reload(struct server *server) {
  bool leaving = atomic_load(&server->leaving); /* which was told, and stays so */
  if (!leaving) systemd_reloading(&server->systemd);
  log_line(LOG_INFO, "reload", "%s", strsignal(SIGHUP));
  access_reload(server);
  if (!leaving) systemd_ready(&server->systemd, server->listeners, server->listener_count);
}

/* For --drain-delay seconds only /readyz knows: load balancers shall see it before the door closes. */
static void leave(struct server *server, int number) {
  unsigned delay = server->config.drain_delay;
  atomic_store(&server->leaving, true);
  systemd_stopping(&server->systemd);
  signals_unblock();
  if (delay > 0) {
    log_line(LOG_INFO, "leave", "%s: /readyz says so; in %u s the door closes", strsignal(number), delay);
    signal_wait(server, SIGNALS_RELOAD, clock_ns() + delay * SECOND_NS);
  }
  log_line(LOG_INFO, "drain", "%s: no new connections, at most %u s for requests in flight", strsignal(number),
           server->config.drain_seconds);
  drain(server);
}

int server_run(const struct config *config, void (*announce)(void *context, const char *address), void *context) {
  struct server server = {.config = *config, .started_ns = wall_clock_ns(), .budget.limit = config->max_memory};
  server_prepare();
  systemd_begin(&server.systemd);
  memory_setup();
  log_setup(config->log_level, config->log_format);
  selftest_run(&server.selftest, vectors_suite, (size_t)vectors_suite_length);
  process_allow_descriptors((uint64_t)config->max_connections + CONNECTIONS_SPARE + DESCRIPTORS_OTHER);
  if (!access_setup(&server) || !listeners_adopt(&server) || !listeners_open(&server) || !http_start(&server)) {
    listeners_close(&server);
    access_end(&server);
    return 1;
  }
  log_line(LOG_INFO, "start", "rnnlossd %s, kernel %s, %u loops", SERVER_VERSION, rnnloss_kernel(), config->threads);
  access_warn(&server);
  announce_all(&server, announce, context);
  systemd_ready(&server.systemd, server.listeners, server.listener_count);

  leave(&server, signal_wait(&server, SIGNALS_ALL, 0));
  listeners_close(&server);
  access_end(&server);
  log_line(LOG_INFO, "end", "ended");
  return 0;
}
