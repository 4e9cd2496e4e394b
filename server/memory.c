/* memory.c - the one door to the heap */
#include <malloc.h>
#include <stdlib.h>

#include "server.h"

struct memory_probe *memory_probe;

static bool must_fail(struct memory_probe *probe) {
  atomic_fetch_add(&probe->total, 1);
  if (atomic_load(&probe->fail_at) <= 0) return false;
  return atomic_fetch_sub(&probe->fail_at, 1) == 1;
}

void *memory_allocate(size_t size) {
  if (memory_probe && must_fail(memory_probe)) return NULL;
  void *memory = malloc(size ? size : 1);
  if (memory && memory_probe) atomic_fetch_add(&memory_probe->live, 1);
  return memory;
}

void memory_release(void *memory) {
  if (memory && memory_probe) atomic_fetch_sub(&memory_probe->live, 1);
  free(memory);
}

/* Blocks of a tensor are taken and returned with each request. Mapping them anew each time would
 * cost as much as moving the bytes does, so up to 64 MiB of free memory stay with the process. */
void memory_setup(void) {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, 4 << 20);
  mallopt(M_TRIM_THRESHOLD, 64 << 20);
#endif
  document_setup();
}
