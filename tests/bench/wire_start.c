/* wire_start.c - the programs measured: each transport has a daemon and an echo of its own */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "wire.h"

#define SCRIPTS "tests/bench/"

const char *const transport_names[TRANSPORTS] = {"TCP", "unix socket", "TLS"};

/* Debian's python has Debian's FastAPI and PyTorch. */
static const char *python(void) {
  const char *chosen = getenv("PYTHON");
  if (chosen && *chosen) return chosen;
  return access("/usr/bin/python3", X_OK) == 0 ? "/usr/bin/python3" : "python3";
}

/* Reads "listening on ..". A line that says otherwise is passed on. */
static bool listen_to(struct peer *peer, const char *what) {
  char line[256] = "";
  if (!process_line(&peer->process, line, sizeof line) || strncmp(line, "listening on ", 13) != 0) {
    process_stop(&peer->process);
    note("%s did not start%s%s: its rows are left out", what, *line ? ": " : "", line);
    return false;
  }
  const char *colon = strrchr(line, ':');
  if (peer->transport != TRANSPORT_UNIX) peer->port = (uint16_t)strtoul(colon ? colon + 1 : "0", NULL, 10);
  return true;
}

static const char *in_folder(const struct programs *programs, const char *name, char *path, size_t size) {
  snprintf(path, size, "%s/%s", programs->folder, name);
  return path;
}

static bool make_certificate(const struct programs *programs) {
  char certificate[64], key[64], output[256];
  const char *const command[] = {
      "sh",
      "-c",
      "exec openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
      "-subj /CN=localhost -out \"$0\" -keyout \"$1\" 2>/dev/null",
      in_folder(programs, "cert.pem", certificate, sizeof certificate),
      in_folder(programs, "key.pem", key, sizeof key),
      NULL};
  if (process_run(command, output, sizeof output)) return true;
  note("openssl can't make a certificate (package openssl): the rows of TLS are left out");
  return false;
}

static bool knows_tls(const char *daemon) {
  static char help[1 << 14];
  const char *const command[] = {daemon, "--help", NULL};
  if (process_run(command, help, sizeof help) && strstr(help, "--tls-cert")) return true;
  note("rnnlossd --help does not list --tls-cert: its rows of TLS are left out");
  return false;
}

/* `daemon` and `echo` take the same options. */
static void start_server(struct programs *programs, struct peer *peer, const char *program, enum transport transport) {
  bool is_echo = peer >= programs->echo && peer < programs->echo + TRANSPORTS;
  char address[80] = "127.0.0.1:0", certificate[64], key[64];
  peer->transport = transport;
  if (transport == TRANSPORT_UNIX) {
    in_folder(programs, is_echo ? "echo" : "daemon", peer->path, sizeof peer->path);
    snprintf(address, sizeof address, "unix:%s", peer->path);
  }
  const char *argv[12] = {program, "--listen", address, "--threads", "1", "--log-level", "warning"};
  if (transport == TRANSPORT_TLS) {
    argv[7] = "--tls-cert";
    argv[8] = in_folder(programs, "cert.pem", certificate, sizeof certificate);
    argv[9] = "--tls-key";
    argv[10] = in_folder(programs, "key.pem", key, sizeof key);
  }
  peer->process = process_start(argv, true);
  peer->there = listen_to(peer, program);
}

static void start_service(struct programs *programs) {
  const char *const argv[] = {python(), SCRIPTS "service.py", NULL};
  programs->service = (struct peer){.process = process_start(argv, false), .transport = TRANSPORT_TCP};
  programs->service.there = listen_to(&programs->service, "the FastAPI service");
}

static void start_torch(struct programs *programs) {
  const char *const argv[] = {python(), SCRIPTS "torch_steps.py", NULL};
  char line[256] = "";
  programs->torch = process_start(argv, false);
  programs->has_torch = process_line(&programs->torch, line, sizeof line) && strcmp(line, "ready") == 0;
  if (programs->has_torch) return;
  process_stop(&programs->torch);
  note("PyTorch did not start%s%s: its rows are left out", *line ? ": " : "", line);
}

/* ---- the folder goes away however the program ends ---- */

static const char *folder;
static int folder_fd = -1;

static void remove_folder(void) {
  static const char *const names[] = {"cert.pem", "key.pem", "echo", "daemon"};
  for (size_t i = 0; folder && i < sizeof names / sizeof *names; i++) unlinkat(folder_fd, names[i], 0);
  if (folder) rmdir(folder);
  folder = NULL;
}

static _Noreturn void on_signal(int number) {
  remove_folder();
  _exit(128 + number); /* the kernel ends the children: wire_process.c has asked for it */
}

static void make_folder(struct programs *programs) {
  if (!mkdtemp(programs->folder)) die("mkdtemp");
  folder_fd = open(programs->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  folder = programs->folder;
  atexit(remove_folder);
  signal(SIGINT, on_signal);
  signal(SIGTERM, on_signal);
  signal(SIGPIPE, on_signal);
}

void programs_start(struct programs *programs, const char *daemon, const char *echo) {
  *programs = (struct programs){.folder = "/tmp/rnnloss-wire.XXXXXX"};
  make_folder(programs);
  bool certificate = make_certificate(programs);
  for (int i = 0; i < TRANSPORTS; i++) {
    if (i == TRANSPORT_TLS && !certificate) break;
    start_server(programs, &programs->echo[i], echo, (enum transport)i);
    if (i != TRANSPORT_TLS || knows_tls(daemon))
      start_server(programs, &programs->daemon[i], daemon, (enum transport)i);
  }
  start_service(programs);
  start_torch(programs);
}

void programs_stop(struct programs *programs) {
  for (int i = 0; i < TRANSPORTS; i++) {
    process_stop(&programs->daemon[i].process);
    process_stop(&programs->echo[i].process);
  }
  process_stop(&programs->service.process);
  process_stop(&programs->torch);
  remove_folder();
}
