/* run.c - one run of a command that is not trusted to read, to write, or to end */
#define _GNU_SOURCE /* pipe2, environ */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

#define OUTPUT_MAX ((size_t)1 << 30)
#define ERRORS_MAX ((size_t)4096)
#define TICK 100 /* ms: how long a wish to stop may go unnoticed */

static volatile sig_atomic_t stop;

static void on_signal(int number) {
  stop = number;
}

void stop_on_signals(void) {
  const struct sigaction action = {.sa_handler = on_signal};
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
}

bool stop_wanted(void) {
  return stop != 0;
}

/* ---- the start ---- */

enum { IN, OUT, ERR, STREAMS };

struct pipes {
  int ours[STREAMS], theirs[STREAMS];
};

static void shut(int *descriptor) {
  if (*descriptor >= 0) close(*descriptor);
  *descriptor = -1;
}

static bool open_pipes(struct pipes *pipes) {
  for (int i = 0; i < STREAMS; i++) pipes->ours[i] = pipes->theirs[i] = -1;
  for (int i = 0; i < STREAMS; i++) {
    int ends[2]; /* closed in other commands that start meanwhile, which would keep them open */
    if (pipe2(ends, O_CLOEXEC) != 0) return false;
    pipes->ours[i] = ends[i == IN];
    pipes->theirs[i] = ends[i != IN];
    fcntl(pipes->ours[i], F_SETFL, O_NONBLOCK);
  }
  return true;
}

static int spawn(char **command, const struct pipes *pipes, pid_t *child) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  sigset_t defaults, none;
  sigemptyset(&none);
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGPIPE);
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  for (int i = 0; i < STREAMS; i++) posix_spawn_file_actions_adddup2(&actions, pipes->theirs[i], i);
  /* A group of its own, so that whatever it starts can be ended with it. */
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setsigmask(&attributes, &none);
  const int failed = posix_spawnp(child, command[0], &actions, &attributes, command, environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  return failed;
}

/* ---- its streams ---- */

static void feed(struct pipes *pipes, struct slice *input) {
  const ssize_t written = write(pipes->ours[IN], input->at, (size_t)(input->end - input->at));
  if (written > 0) input->at += written;
  if (written < 0 && errno != EAGAIN && errno != EINTR) input->at = input->end; /* it does not want to read */
  if (input->at == input->end) shut(&pipes->ours[IN]);
}

static void drain(int *descriptor, struct text *to, size_t most, bool *flooded) {
  char bytes[65536];
  const ssize_t length = read(*descriptor, bytes, sizeof bytes);
  if (length < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (length <= 0) {
    shut(descriptor);
    return;
  }
  const size_t room = most - to->length, kept = (size_t)length < room ? (size_t)length : room;
  text_add(to, bytes, kept);
  if (to->failed) die("out of memory");
  if (kept < (size_t)length && flooded) *flooded = true;
}

/* Waits so many milliseconds for something to read or write; false: there was nothing. */
static bool stream(struct pipes *pipes, struct slice *input, struct run *run, int wait) {
  struct pollfd polled[STREAMS];
  for (int i = 0; i < STREAMS; i++)
    polled[i] = (struct pollfd){.fd = pipes->ours[i], .events = i == IN ? POLLOUT : POLLIN};
  if (poll(polled, STREAMS, wait) <= 0) return false;
  if (polled[IN].revents) feed(pipes, input);
  if (polled[OUT].revents) drain(&pipes->ours[OUT], &run->output, OUTPUT_MAX, &run->flooded);
  if (polled[ERR].revents) drain(&pipes->ours[ERR], &run->errors, ERRORS_MAX, NULL);
  return true;
}

/* ---- its end ---- */

/* It stays a zombie, so that its number, which is its group's, can't be another's before the group is ended. */
static bool has_ended(pid_t child) {
  siginfo_t info = {0};
  return waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == child;
}

static void reap(pid_t child, struct run *run) {
  int status = 0;
  kill(-child, SIGKILL); /* and what it has left behind */
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  run->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  run->status = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
}

/* Until it has ended and all that it wrote is read. What its children hold open is not waited for. */
static void attend(pid_t child, struct pipes *pipes, struct slice *input, double seconds, struct run *run) {
  const double deadline = clock_now() + seconds;
  bool ended = false, more = true;
  while (!run->flooded && (more || !ended)) {
    const double left = 1000 * (deadline - clock_now());
    const bool silent = pipes->ours[OUT] < 0 && pipes->ours[ERR] < 0; /* only its end is left to wait for */
    const int wait = silent ? 1 : left < TICK ? (int)left + 1 : TICK;
    run->late = left <= 0;
    run->stopped = stop_wanted();
    if (run->late || run->stopped) break;
    ended = has_ended(child); /* before reading: what comes afterwards is not its own */
    more = stream(pipes, input, run, ended ? 0 : wait);
  }
  reap(child, run);
}

bool run_command(char **command, const char *input, size_t length, double seconds, struct run *run) {
  struct pipes pipes;
  struct slice rest = {input, input + length};
  pid_t child = 0;
  *run = (struct run){0};
  int failed = open_pipes(&pipes) ? spawn(command, &pipes, &child) : errno;
  for (int i = 0; i < STREAMS; i++) shut(&pipes.theirs[i]);
  if (!failed) attend(child, &pipes, &rest, seconds, run);
  for (int i = 0; i < STREAMS; i++) shut(&pipes.ours[i]);
  text_add(&run->output, "", 0);
  text_add(&run->errors, "", 0);
  if (run->output.failed || run->errors.failed) die("out of memory");
  errno = failed;
  return !failed;
}

void run_free(struct run *run) {
  free(run->output.bytes);
  free(run->errors.bytes);
}
