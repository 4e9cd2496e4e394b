/* Which variant of the kernels runs: chosen once, kept in an atomic pointer.
 *
 * In test builds (RNN_TEST_FEATURES) the variable RNNLOSS_DISABLE removes features, named by commas: avx512,
 * avx2, neon. An unknown name aborts, so that a test can't pass with a variant that it did not mean. */
#include <stdatomic.h>
#include "kernels.h"

#if defined(RNN_TEST_FEATURES)
#include <stdlib.h>

static bool enabled(const char *feature) {
  static const char *const known[] = {"avx512", "avx2", "neon"};
  const char *list = getenv("RNNLOSS_DISABLE");
  bool found = false;
  while (list != NULL && *list != '\0') {
    size_t length = strcspn(list, ","), i = 0;
    while (i < 3 && (strlen(known[i]) != length || strncmp(known[i], list, length) != 0)) i++;
    if (i == 3) abort();
    found |= strcmp(known[i], feature) == 0;
    list += length + (list[length] == ',');
  }
  return !found;
}
#else
static bool enabled(const char *feature) {
  (void)feature;
  return true;
}
#endif

#if RNN_X86_64
#include <cpuid.h>

static bool has_f16c(void) { /* clang 14's __builtin_cpu_supports doesn't know it */
  unsigned eax, ebx, ecx, edx;
  return __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & bit_F16C) != 0;
}
#endif

static const struct kernels *choose(void) {
#if RNN_X86_64
  __builtin_cpu_init();
  bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
  bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  if (avx512 && enabled("avx512") && enabled("avx2")) return &rnn_kernels_avx512;
  if (avx2 && enabled("avx2")) return &rnn_kernels_avx2;
#endif
#if RNN_AARCH64
  if (enabled("neon")) return &rnn_kernels_neon;
#endif
  return &rnn_kernels_portable;
}

const struct kernels *rnn_kernels(void) {
  static _Atomic(const struct kernels *) chosen;
  const struct kernels *kernels = atomic_load_explicit(&chosen, memory_order_relaxed);
  if (__builtin_expect(kernels != NULL, 1)) return kernels;
  kernels = choose(); /* always the same: who comes second may as well choose again */
  atomic_store_explicit(&chosen, kernels, memory_order_relaxed);
  return kernels;
}

const char *rnnloss_kernel(void) {
  return rnn_kernels()->name;
}
