/* process.c - the process: its standard descriptors, its limits, what it uses */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "server.h"

/* open() takes the lowest descriptor that is free. */
void process_standard_descriptors(void) {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
    if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
    int null = open("/dev/null", O_RDWR);
    if (null > STDERR_FILENO) close(null); /* can't be: they are filled from below */
  }
}

void process_allow_descriptors(uint64_t needed) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  if (limit.rlim_cur < needed && limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max < needed ? limit.rlim_max : (rlim_t)needed;
    setrlimit(RLIMIT_NOFILE, &limit);
    getrlimit(RLIMIT_NOFILE, &limit);
  }
  if (limit.rlim_cur >= needed) return;
  log_line(LOG_WARNING, "limit", "%llu descriptors are too few for as many connections as may come, which need %llu",
           (unsigned long long)limit.rlim_cur, (unsigned long long)needed);
}

/* Pages: the whole address space, and what of it is in memory. */
static void read_memory(struct process_use *use) {
  char text[128];
  int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  ssize_t length = read(fd, text, sizeof text - 1);
  close(fd);
  if (length <= 0) return;
  text[length] = '\0';
  char *rest = text;
  uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), whole = strtoull(text, &rest, 10);
  use->virtual_bytes = whole * page;
  use->resident_bytes = strtoull(rest, NULL, 10) * page;
}

/* Since Linux 6.2 the folder's size is their number; before that they are counted. */
static void count_descriptors(struct process_use *use) {
  struct stat status;
  if (stat("/proc/self/fd", &status) == 0 && status.st_size > 0) {
    use->descriptors = (uint64_t)status.st_size;
    return;
  }
  DIR *folder = opendir("/proc/self/fd");
  if (!folder) return;
  for (const struct dirent *entry; (entry = readdir(folder));) use->descriptors += entry->d_name[0] != '.';
  closedir(folder);
  use->descriptors--; /* the folder's own */
}

void process_measure(struct process_use *use) {
  struct timespec spent = {0};
  struct rlimit limit = {0};
  *use = (struct process_use){0};
  read_memory(use);
  count_descriptors(use);
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
  use->cpu_ns = (uint64_t)spent.tv_sec * 1000000000U + (uint64_t)spent.tv_nsec;
  getrlimit(RLIMIT_NOFILE, &limit);
  use->descriptors_max = limit.rlim_cur;
}
