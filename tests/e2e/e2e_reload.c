/* e2e_reload.c - SIGHUP: tokens, certificate and client CAs are read anew, and nothing that is under way minds */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "fixture.h"
#include "raw.h"

#define BEARER "Authorization: Bearer "
#define OLD "ann-0123456789-secret"
#define NEW "ann-9876543210-secret"

static size_t log_count(const char *text) {
  char *log = scratch_read("log");
  size_t count = 0;
  for (const char *at = log; (at = strstr(at, text)) != NULL; at++) count++;
  free(log);
  return count;
}

/* Sends SIGHUP, and waits until all that is read last is: the client CAs, or else the certificate, or else the tokens.
 */
static void reload(const struct daemon *daemon, const char *last) {
  char good[40], bad[40];
  snprintf(good, sizeof good, "event=%s", last);
  const char *flag = strcmp(last, "client-ca") == 0 ? "--tls-client-ca"
                     : strcmp(last, "certificate")  ? "--tokens"
                                                    : "--tls-cert";
  snprintf(bad, sizeof bad, "event=reload detail=\"%s:", flag);
  size_t before = log_count(good) + log_count(bad);
  assert_int_equal(kill(daemon->pid, SIGHUP), 0);
  for (int i = 0; i < 1000 && log_count(good) + log_count(bad) == before; i++) {
    nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
  }
  assert_int_equal(log_count(good) + log_count(bad), before + 1);
}

static void copy(const char *from, const char *to) {
  char *text = scratch_read(from);
  scratch_write(to, text, 0600);
  free(text);
}

static void start_logged(struct daemon *daemon, const char *const *arguments) {
  scratch_catch("log");
  daemon_start(daemon, arguments);
  scratch_catch(NULL);
}

static void assert_status(struct client *asked, const char *header, long status, bool fresh) {
  struct reply reply = client_send(asked, &(struct call){.path = "/terms", .header = header});
  if (reply.status != status) fail_msg("status %ld, not %ld: %.300s", reply.status, status, reply.body);
  assert_int_equal(reply.connects, fresh);
  reply_release(&reply);
}

static void test_tokens(void **state) {
  (void)state;
  struct daemon daemon;
  scratch_write("tokens", "ann " OLD "\n", 0600);
  const char *arguments[] = {"--tokens", scratch_path("tokens"), "--log-level", "info", NULL};
  start_logged(&daemon, arguments);
  struct client *held = client_create(daemon.address[0], NULL);
  assert_status(held, BEARER OLD, 200, true);
  assert_status(held, BEARER NEW, 401, false);
  scratch_write("tokens", "ann " OLD "\nann " NEW "\n", 0600);
  assert_status(held, BEARER NEW, 401, false); /* not before it is told */
  reload(&daemon, "tokens");
  assert_status(held, BEARER OLD, 200, false);
  assert_status(held, BEARER NEW, 200, false);

  scratch_write("tokens", "ann " NEW "\nann short-secret\n", 0600); /* the old ones stay in force */
  reload(&daemon, "tokens");
  assert_status(held, BEARER OLD, 200, false);
  assert_status(held, BEARER NEW, 200, false);
  assert_int_equal(log_count("level=error"), 1);
  assert_int_equal(log_count("line 2: the token is shorter"), 1);
  assert_int_equal(unlink(scratch_path("tokens")), 0);
  reload(&daemon, "tokens");
  assert_status(held, BEARER OLD, 200, false);
  assert_int_equal(log_count("level=error"), 2);

  scratch_write("tokens", "ann " NEW "\n", 0600);
  reload(&daemon, "tokens");
  assert_status(held, BEARER OLD, 401, false);
  assert_status(held, BEARER NEW, 200, false);
  assert_int_equal(log_count("secret"), 0);
  client_release(held);
  assert_int_equal(daemon_stop(&daemon), 0);
}

static struct client *trusting(const struct daemon *daemon, const char *ca, const char *own) {
  char certificate[40], key[40];
  struct client *made = client_create(daemon->address[0], NULL);
  snprintf(certificate, sizeof certificate, "%s.pem", own);
  snprintf(key, sizeof key, "%s.key", own);
  client_trust(made, scratch_path(ca), scratch_path(certificate), scratch_path(key));
  return made;
}

static void assert_server_of(const struct daemon *daemon, const char *ca, const char *own, bool right) {
  struct client *made = trusting(daemon, ca, own);
  struct reply reply = client_try(made, &(struct call){.path = "/livez"});
  if ((reply.error == 0) != right) fail_msg("%s: %d", ca, reply.error);
  reply_release(&reply);
  client_release(made);
}

static void test_certificates(void **state) {
  (void)state;
  struct daemon daemon;
  copy("server.pem", "used.pem");
  copy("server.key", "used.key");
  copy("ca.pem", "used-ca.pem");
  const char *arguments[] = {"--tls-cert",
                             scratch_path("used.pem"),
                             "--tls-key",
                             scratch_path("used.key"),
                             "--tls-client-ca",
                             scratch_path("used-ca.pem"),
                             "--log-level",
                             "info",
                             NULL};
  start_logged(&daemon, arguments);
  int first, half = raw_hello(daemon.address[0], 2, &first); /* a handshake that waits for its client */
  assert_int_equal(first, 22);
  struct client *held = trusting(&daemon, "ca.pem", "client"), *stranger = trusting(&daemon, "ca.pem", "stranger");
  assert_status(held, NULL, 200, true);
  assert_status(stranger, NULL, 403, true);
  assert_int_equal(log_count("level=warning"), 0);

  copy("server2.pem", "used.pem"); /* a certificate that isn't its key's */
  reload(&daemon, "client-ca");
  assert_int_equal(log_count("used.key: is not the key of the certificate in"), 1);
  assert_server_of(&daemon, "ca.pem", "client", true);
  copy("server2.key", "used.key");
  reload(&daemon, "client-ca");
  assert_int_equal(log_count("level=warning event=certificate"), 1); /* it ends in 5 days */
  assert_server_of(&daemon, "other.pem", "client", true);
  assert_server_of(&daemon, "ca.pem", "client", false);
  assert_status(held, NULL, 200, false);

  scratch_write("used-ca.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", 0600);
  reload(&daemon, "client-ca");
  assert_status(held, NULL, 200, false);
  copy("other.pem", "used-ca.pem"); /* who is trusted changes, for open connections, too */
  reload(&daemon, "client-ca");
  assert_status(held, NULL, 403, false);
  assert_status(stranger, NULL, 200, false);
  for (int i = 0; i < 20; i++) {
    copy(i % 2 ? "server2.pem" : "server.pem", "used.pem");
    copy(i % 2 ? "server2.key" : "server.key", "used.key");
    reload(&daemon, "client-ca");
    assert_server_of(&daemon, i % 2 ? "other.pem" : "ca.pem", "client", true);
  }
  assert_status(stranger, NULL, 200, false);
  unsigned char exchange[75] = {22, 3, 3, 0, 70, 16, 0, 0, 66, 65, 4, 1}; /* it goes on, though not well */
  raw_send(half, exchange, sizeof exchange);
  while (recv(half, exchange, sizeof exchange, 0) > 0) {
  }
  close(half);
  assert_server_of(&daemon, "other.pem", "client", true);
  client_release(held);
  client_release(stranger);
  assert_int_equal(daemon_stop(&daemon), 0);
}

/* Without any files there is nothing to read: it lives on. */
static void test_nothing(void **state) {
  (void)state;
  struct daemon daemon;
  daemon_start(&daemon, NULL);
  struct client *held = client_create(daemon.address[0], NULL);
  assert_status(held, NULL, 200, true);
  for (int i = 0; i < 3; i++) {
    kill(daemon.pid, SIGHUP);
    assert_status(held, NULL, 200, false);
  }
  assert_true(daemon_lives(&daemon));
  client_release(held);
  assert_int_equal(daemon_stop(&daemon), 0);
}

static int start(void **state) {
  (void)state;
  scratch_make();
  scratch_certificates();
  return 0;
}

static int end(void **state) {
  (void)state;
  scratch_remove();
  return 0;
}

int main(void) {
  static const struct CMUnitTest tests[] = {cmocka_unit_test(test_tokens), cmocka_unit_test(test_certificates),
                                            cmocka_unit_test(test_nothing)};
  return cmocka_run_group_tests_name("SIGHUP", tests, start, end);
}
