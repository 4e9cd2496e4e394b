/* process.c - what this process uses, as the kernel counts it */
#include <dirent.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "server.h"

static uint64_t resident_bytes(void) {
  unsigned long long size = 0, resident = 0;
  FILE *file = fopen("/proc/self/statm", "re");
  if (!file) return 0;
  if (fscanf(file, "%llu %llu", &size, &resident) != 2) resident = 0;
  fclose(file);
  return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t open_descriptors(void) {
  DIR *folder = opendir("/proc/self/fd");
  if (!folder) return 0;
  uint64_t count = 0;
  while (readdir(folder)) count++;
  closedir(folder);
  return count > 3 ? count - 3 : 0; /* "." and "..", and the folder's own */
}

static uint64_t nanoseconds(struct timeval time) {
  return (uint64_t)time.tv_sec * 1000000000U + (uint64_t)time.tv_usec * 1000U;
}

struct process_use process_measure(void) {
  struct rusage usage = {0};
  struct rlimit limit = {0};
  getrusage(RUSAGE_SELF, &usage);
  getrlimit(RLIMIT_NOFILE, &limit);
  return (struct process_use){.resident_bytes = resident_bytes(),
                              .open_descriptors = open_descriptors(),
                              .most_descriptors = limit.rlim_cur,
                              .cpu_ns = nanoseconds(usage.ru_utime) + nanoseconds(usage.ru_stime)};
}

bool process_raise_descriptors(uint64_t wanted) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return false;
  if (limit.rlim_cur >= wanted) return true;
  limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
  return setrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur >= wanted;
}
