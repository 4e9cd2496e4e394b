/* limits.c - how much memory this process may use, as the system tells */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "server.h"

static uint64_t least(uint64_t a, uint64_t b) {
  return a < b ? a : b;
}

/* The number in a file; UINT64_MAX if there is no such file, or it says that there is no limit ("max"). */
static uint64_t read_limit(const char *path) {
  char text[32] = "";
  FILE *file = fopen(path, "re");
  if (!file) return UINT64_MAX;
  bool number = fgets(text, sizeof text, file) && text[0] >= '0' && text[0] <= '9';
  fclose(file);
  return number ? strtoull(text, NULL, 10) : UINT64_MAX;
}

/* Of a control group of the second version and of all above it: path is "/a/b", as /proc/self/cgroup has it. */
static uint64_t group_limit(char *path) {
  uint64_t limit = UINT64_MAX;
  for (char *end = path + strlen(path); end; end = strrchr(path, '/')) {
    char name[4200];
    *end = '\0';
    int length = snprintf(name, sizeof name, "/sys/fs/cgroup%s/memory.max", path);
    if (length > 0 && (size_t)length < sizeof name) limit = least(limit, read_limit(name));
  }
  return limit;
}

static uint64_t groups_limit(void) {
  uint64_t limit = read_limit("/sys/fs/cgroup/memory/memory.limit_in_bytes"); /* the first version, in a container */
  char line[4096];
  FILE *file = fopen("/proc/self/cgroup", "re");
  while (file && fgets(line, sizeof line, file)) {
    line[strcspn(line, "\n")] = '\0';
    if (strncmp(line, "0::/", 4) == 0) limit = least(limit, group_limit(line + 3));
  }
  if (file) fclose(file);
  return limit;
}

static uint64_t resource_limit(void) {
  struct rlimit space;
  bool limited = getrlimit(RLIMIT_AS, &space) == 0 && space.rlim_cur != RLIM_INFINITY;
  return limited ? space.rlim_cur : UINT64_MAX;
}

uint64_t limits_memory(void) {
  long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
  uint64_t physical = pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size : UINT64_MAX;
  return least(physical, least(groups_limit(), resource_limit()));
}
