/* wire_process.c - children: started, heard, ended by their id */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "wire.h"

static cpu_set_t allowed; /* the processors that this program was started with */
static size_t first, last;
static bool known;

static void look_up_processors(void) {
  if (known) return;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) die("sched_getaffinity");
  for (size_t i = 0; i < CPU_SETSIZE; i++) {
    if (!CPU_ISSET(i, &allowed)) continue;
    if (!known) first = i;
    last = i;
    known = true;
  }
}

static void settle_on(size_t processor) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(processor, &one);
  sched_setaffinity(0, sizeof one, &one);
}

void processors_own(void) {
  look_up_processors();
  settle_on(first);
}

void processors_borrow(void) {
  settle_on(last);
}

void process_settle(const struct process *process, bool own_processor) {
  cpu_set_t set = allowed;
  if (process->pid <= 0) return;
  if (own_processor) {
    CPU_ZERO(&set);
    CPU_SET(last, &set);
  }
  sched_setaffinity(process->pid, sizeof set, &set);
}

static _Noreturn void become(const char *const *argv, bool own_processor, const int *in, const int *out) {
  prctl(PR_SET_PDEATHSIG, SIGKILL); /* it doesn't outlive a bench that dies */
  dup2(in[0], STDIN_FILENO);
  dup2(out[1], STDOUT_FILENO);
  if (own_processor) {
    settle_on(last);
  } else {
    sched_setaffinity(0, sizeof allowed, &allowed);
  }
  execvp(argv[0], (char *const *)(uintptr_t)argv);
  _exit(127);
}

struct process process_start(const char *const *argv, bool own_processor) {
  int in[2], out[2];
  look_up_processors();
  if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0) die("pipe");
  pid_t pid = fork();
  if (pid < 0) die("fork");
  if (pid == 0) become(argv, own_processor, in, out);
  close(in[0]);
  close(out[1]);
  struct process process = {.pid = pid, .from = fdopen(out[0], "r"), .to = fdopen(in[1], "w")};
  if (!process.from || !process.to) die("fdopen");
  return process;
}

bool process_line(struct process *process, char *line, size_t size) {
  if (!fgets(line, (int)size, process->from)) return false;
  line[strcspn(line, "\n")] = '\0';
  return true;
}

static int end(struct process *process, int signal) {
  int status = -1;
  fclose(process->to);
  if (signal) kill(process->pid, signal);
  fclose(process->from);
  while (waitpid(process->pid, &status, 0) < 0 && errno == EINTR) {
  }
  process->pid = 0;
  return status;
}

void process_stop(struct process *process) {
  if (process->pid > 0) end(process, SIGTERM);
}

bool process_run(const char *const *argv, char *output, size_t size) {
  struct process process = process_start(argv, false);
  size_t length = fread(output, 1, size - 1, process.from);
  output[length] = '\0';
  return end(&process, 0) == 0;
}
