/* daemon.c - the daemon under test: the real server_run, in a child process */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "daemon.h"

#define ARGUMENTS_MAX 32
#define STOP_SECONDS 60 /* sanitizers look for leaks at the end */

struct arguments {
  const char *list[ARGUMENTS_MAX + 1];
  int count, addresses, levels;
};

static void add(struct arguments *arguments, const char *argument) {
  assert_true(arguments->count < ARGUMENTS_MAX);
  if (strcmp(argument, "--listen") == 0) arguments->addresses++;
  if (strcmp(argument, "--log-level") == 0) arguments->levels++;
  arguments->list[arguments->count++] = argument;
}

static void gather(struct arguments *arguments, const char *const *more) {
  *arguments = (struct arguments){.count = 0};
  add(arguments, "rnnlossd");
  for (; more && *more; more++) add(arguments, *more);
  if (arguments->addresses == 0) {
    add(arguments, "--listen");
    add(arguments, "127.0.0.1:0");
  }
  if (arguments->levels > 0) return;
  add(arguments, "--log-level");
  add(arguments, "error");
}

static void announce(void *context, const char *address) {
  int fd = *(int *)context;
  char line[200];
  int length = snprintf(line, sizeof line, "%s\n", address);
  if (write(fd, line, (size_t)length) != length) _exit(99);
}

/* The child: exit() and not _exit(), so that leak checkers and coverage get to report. */
static void serve(const struct arguments *arguments, int fd, struct memory_probe *probe) {
  static char *no_environment[] = {NULL};
  char *argv[ARGUMENTS_MAX + 1] = {NULL};
  for (int i = 0; i < arguments->count; i++) argv[i] = strdup(arguments->list[i]);
  prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that crashes leaves no daemon behind */
  memory_probe = probe;
  struct config config;
  int status = 98;
  if (config_read(&config, arguments->count, argv, no_environment) == CONFIG_RUN) {
    status = server_run(&config, announce, &fd);
  }
  for (int i = 0; i < arguments->count; i++) free(argv[i]);
  exit(status);
}

static void read_addresses(struct daemon *daemon, int fd, int count) {
  FILE *lines = fdopen(fd, "r");
  assert_non_null(lines);
  assert_true(count <= DAEMON_ADDRESSES);
  for (int i = 0; i < count; i++) {
    if (!fgets(daemon->address[i], sizeof daemon->address[i], lines)) fail_msg("the daemon did not start");
    daemon->address[i][strcspn(daemon->address[i], "\n")] = '\0';
  }
  fclose(lines);
}

void daemon_start(struct daemon *daemon, const char *const *arguments) {
  struct arguments all;
  int ends[2];
  gather(&all, arguments);
  memset(daemon, 0, sizeof *daemon);
  void *shared = mmap(NULL, sizeof *daemon->probe, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  assert_true(shared != MAP_FAILED);
  daemon->probe = shared;
  assert_int_equal(pipe(ends), 0);
  fflush(NULL); /* else the child would print the buffered text again */
  daemon->pid = fork();
  assert_true(daemon->pid >= 0);
  if (daemon->pid == 0) {
    close(ends[0]);
    serve(&all, ends[1], daemon->probe);
  }
  close(ends[1]);
  read_addresses(daemon, ends[0], all.addresses);
}

int daemon_stop(struct daemon *daemon) {
  int status = 0;
  pid_t ended = 0;
  kill(daemon->pid, SIGTERM);
  for (int tenths = 0; tenths < STOP_SECONDS * 10 && ended == 0; tenths++) {
    ended = waitpid(daemon->pid, &status, WNOHANG);
    if (ended == 0) nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
  }
  if (ended == 0) {
    kill(daemon->pid, SIGKILL);
    waitpid(daemon->pid, &status, 0);
  }
  munmap(daemon->probe, sizeof *daemon->probe);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool daemon_lives(const struct daemon *daemon) {
  return waitpid(daemon->pid, NULL, WNOHANG) == 0;
}
