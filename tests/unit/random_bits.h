/* random_bits.h - the same numbers in every run, from one seed: xorshift64* */
#ifndef RANDOM_BITS_H
#define RANDOM_BITS_H

#include <stdint.h>

static inline uint64_t random_bits(void) {
  static uint64_t seed = 88172645463325252U;
  seed ^= seed << 13;
  seed ^= seed >> 7;
  seed ^= seed << 17;
  return seed * 0x2545F4914F6CDD1DU;
}

#endif
