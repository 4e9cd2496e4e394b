/* failing_malloc.c - preloaded: makes the n-th allocation of the whole process fail, libraries included
 *
 * The file that FAILING_MALLOC names holds two counters, in memory that is shared with the test: how
 * many allocations from now the one that fails is (0: none), and how many there were.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct counters {
  _Atomic long fail_at, total;
};

static struct counters *_Atomic counters;
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);

__attribute__((constructor)) static void setup(void) {
  const char *path = getenv("FAILING_MALLOC");
  int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
  if (fd < 0) return;
  void *shared = mmap(NULL, sizeof(struct counters), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (shared != MAP_FAILED) atomic_store(&counters, shared);
}

static int fails(void) {
  struct counters *shared = atomic_load(&counters);
  if (!shared) return 0;
  atomic_fetch_add(&shared->total, 1);
  if (atomic_load(&shared->fail_at) <= 0 || atomic_fetch_sub(&shared->fail_at, 1) != 1) return 0;
  errno = ENOMEM;
  return 1;
}

/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): those of the C library are reserved names */
void *malloc(size_t size) {
  return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
  return fails() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size) {
  return fails() ? NULL : __libc_realloc(memory, size);
}
/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */
