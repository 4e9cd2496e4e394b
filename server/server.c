/* server.c - the daemon's life, from start to end */
#include <errno.h>
#include <fcntl.h>
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

/* Blocks the signals that end the daemon or make it read its files again, here and in all threads to come: they are
 * waited for. */
static void signals_block(void) {
  sigset_t waited;
  end_signals(&waited);
  sigaddset(&waited, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &waited, NULL);
  signal(SIGPIPE, SIG_IGN);
}

/* Reads again what may change while the daemon runs. */
static void server_reload(struct server *server) {
  systemd_reloading();
  log_line(LOG_INFO, "reload", "reading again what may change");
  access_reload(server);
  systemd_notify("READY=1");
}

/* Waits for a signal that ends the daemon. */
static int signal_wait(struct server *server) {
  sigset_t waited;
  end_signals(&waited);
  sigaddset(&waited, SIGHUP);
  for (;;) {
    int number = 0;
    if (sigwait(&waited, &number) != 0) continue;
    if (number != SIGHUP) return number;
    server_reload(server);
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
  signal(SIGHUP, SIG_IGN);
  sigset_t ends;
  end_signals(&ends);
  pthread_sigmask(SIG_UNBLOCK, &ends, NULL);
}

static void listeners_close(struct server *server) {
  while (server->listener_count > 0) listener_close(&server->listeners[--server->listener_count]);
}

static bool may_listen(const struct server *server, const struct listener *listener) {
  const struct config *config = &server->config;
  if (config->allow_anonymous || access_asks(config) || listener_is_local(listener)) return true;
  fprintf(stderr,
          "rnnlossd: --listen: \"%s\" is not loopback, and anybody who reaches it could call: "
          "give --tokens FILE, or --tls-client-ca FILE, or say --allow-anonymous if that is meant\n",
          listener->name);
  return false;
}

static bool listen_refused(const char *address, const char *error) {
  fprintf(stderr, "rnnlossd: --listen: \"%s\": %s\n", address, error);
  return false;
}

/* Sockets that a service manager passes take the place of the default address. */
static bool listeners_adopt(struct server *server) {
  int passed = systemd_sockets();
  for (int i = 0; i < passed; i++) {
    char error[200], name[40];
    snprintf(name, sizeof name, "passed descriptor %d", 3 + i);
    if (server->listener_count == LISTEN_MAX) return listen_refused(name, "too many addresses");
    struct listener *listener = &server->listeners[server->listener_count];
    if (!listener_adopt(listener, 3 + i, &server->config, error, sizeof error)) return listen_refused(name, error);
    server->listener_count++;
    if (!may_listen(server, listener)) return false;
  }
  return true;
}

static bool listeners_open(struct server *server) {
  const struct config *config = &server->config;
  if (!listeners_adopt(server)) return false;
  bool enough = server->listener_count > 0 && !config->listen_given;
  for (size_t i = 0; !enough && i < config->listen_count; i++) {
    char error[200];
    if (server->listener_count == LISTEN_MAX) return listen_refused(config->listen[i], "too many addresses");
    struct listener *listener = &server->listeners[server->listener_count];
    if (!listener_open(listener, config->listen[i], config, error, sizeof error)) {
      return listen_refused(config->listen[i], error);
    }
    server->listener_count++;
    if (!may_listen(server, listener)) return false;
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

/* Descriptors that are closed at the start would be taken by sockets, and logs written to these. */
static void standard_descriptors(void) {
  int fd = open("/dev/null", O_RDWR);
  while (fd >= 0 && fd <= STDERR_FILENO) fd = dup(fd);
  if (fd >= 0) close(fd);
}

static void descriptors_want(const struct config *config) {
  uint64_t wanted = (uint64_t)config->max_connections + CONNECTIONS_SPARE + DESCRIPTORS_OTHER;
  if (process_raise_descriptors(wanted)) return;
  log_line(LOG_WARNING, "descriptors", "%llu may be had, and %u connections (--max-connections) would need %llu",
           (unsigned long long)process_measure().most_descriptors, config->max_connections, (unsigned long long)wanted);
}

/* Balancers are given time to see that it is going before its door closes. */
static void delay(const struct server *server) {
  struct timespec left = {.tv_sec = server->config.delay_seconds};
  while (nanosleep(&left, &left) != 0 && errno == EINTR) {
  }
}

static void drain(struct server *server, int number) {
  const struct config *config = &server->config;
  atomic_store(&server->draining, true);
  systemd_notify("STOPPING=1");
  log_line(LOG_INFO, "drain", "%s: after %u s no new connections, then at most %u s for requests in flight",
           strsignal(number), config->delay_seconds, config->drain_seconds);
  signals_unblock();
  delay(server);
  http_drain(server);
}

int server_run(const struct config *config, void (*announce)(void *context, const char *address), void *context) {
  struct server server = {.config = *config, .started_ns = wall_clock_ns(), .budget.limit = config->max_memory};
  standard_descriptors();
  memory_setup();
  log_setup(config->log_level, config->log_json);
  signals_block();
  descriptors_want(config);
  if (!access_setup(&server) || !listeners_open(&server) || !http_start(&server)) {
    listeners_close(&server);
    access_end(&server);
    return 1;
  }
  log_line(LOG_INFO, "start", "rnnlossd %s, kernel %s, %u loops", SERVER_VERSION, rnnloss_kernel(), config->threads);
  access_warn(&server);
  announce_all(&server, announce, context);
  systemd_notify("READY=1");

  drain(&server, signal_wait(&server));
  listeners_close(&server);
  access_end(&server);
  log_line(LOG_INFO, "end", "ended");
  return 0;
}
