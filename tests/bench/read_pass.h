/* The pass that the library is held against. */
#ifndef RNN_BENCH_READ_PASS_H
#define RNN_BENCH_READ_PASS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* What reading costs: the bytes are only ORed together, with AVX2 loads where there are such. */
#if defined(__AVX2__)
#include <immintrin.h>
static uint64_t read_from(const unsigned char *from, size_t bytes) {
  __m256i any[4] = {_mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256()};
  for (const unsigned char *x = from, *end = from + bytes; x < end; x += sizeof any)
    for (int k = 0; k < 4; k++)
      any[k] = _mm256_or_si256(any[k], _mm256_loadu_si256((const __m256i *)(const void *)x + k));
  __m256i all = _mm256_or_si256(_mm256_or_si256(any[0], any[1]), _mm256_or_si256(any[2], any[3]));
  return (uint64_t)(_mm256_extract_epi64(all, 0) | _mm256_extract_epi64(all, 3));
}
#else
static uint64_t read_from(const unsigned char *from, size_t bytes) {
  uint64_t any[8] = {0};
  for (size_t i = 0; i < bytes; i += sizeof any) {
    uint64_t at[8];
    memcpy(at, from + i, sizeof at);
    for (int k = 0; k < 8; k++) any[k] |= at[k];
  }
  return any[0] | any[1] | any[2] | any[3] | any[4] | any[5] | any[6] | any[7];
}
#endif

#endif
