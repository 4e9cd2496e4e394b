/* random.c - request ids, and the jitter of waits: nothing here is a secret */
#define _GNU_SOURCE /* getentropy */
#include <stdio.h>
#include <unistd.h>
#ifdef __APPLE__
#include <sys/random.h>
#endif

#include "internal.h"

/* Without entropy the clock and an address must do: ids may then repeat, which only makes a log harder to read. */
static uint64_t random_bits(void) {
  uint64_t bits = 0;
  if (getentropy(&bits, sizeof bits) != 0) {
    const double now = clock_now();
    bits = (uint64_t)(now * 1e9) * 0x9e3779b97f4a7c15u ^ (uint64_t)(uintptr_t)&now;
  }
  return bits;
}

double random_fraction(void) {
  return (double)(random_bits() >> 11) * 0x1p-53;
}

void random_id(char out[ID_MAX + 1]) {
  snprintf(out, ID_MAX + 1, "%016llx", (unsigned long long)random_bits());
}
