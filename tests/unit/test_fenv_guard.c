/* Whatever floating-point environment the caller has, results are the same, and it is as it was afterwards: rounding
 * modes, flush to zero, unmasked exceptions, flags. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include "kernels.h"

#include <cmocka.h>

static const struct kernels *variants[3];
static size_t variant_count;

static int find_variants(void **state) {
  (void)state;
  variants[variant_count++] = &rnn_kernels_portable;
#if RNN_X86_64
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) variants[variant_count++] = &rnn_kernels_avx2;
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl"))
    variants[variant_count++] = &rnn_kernels_avx512;
#endif
#if RNN_AARCH64
  variants[variant_count++] = &rnn_kernels_neon;
#endif
  return 0;
}

#if RNN_X86_64
#include <immintrin.h>
#define DEFAULT_MODES 0x1F80U
static const unsigned modes[] = {0x1F80, 0x3F80, 0x5F80, 0x7F80, 0x9F80, 0x1FC0,
                                 0x9FC0, 0xFFC0, 0x0000, 0x8040, 0x1F00};
static const unsigned flags[] = {0x00, 0x20, 0x3F, 0x05};
static void set_environment(unsigned mode, unsigned flag) {
  _mm_setcsr(mode | flag);
}
static bool take_environment(unsigned mode, unsigned flag) { /* and go back to the default one */
  unsigned now = _mm_getcsr();
  _mm_setcsr(DEFAULT_MODES);
  return now == (mode | flag);
}
#elif RNN_AARCH64
#define DEFAULT_MODES 0U
static const unsigned modes[] = {0, 1U << 22, 2U << 22, 3U << 22, 1U << 24, 1U << 25, 1U << 26, 7U << 24};
static const unsigned flags[] = {0x00, 0x10, 0x9F, 0x05};
static void set_environment(unsigned mode, unsigned flag) {
  __asm__ volatile("msr fpcr, %0\n\tmsr fpsr, %1" ::"r"((uint64_t)mode), "r"((uint64_t)flag) : "memory");
}
static bool take_environment(unsigned mode, unsigned flag) {
  uint64_t control, status;
  __asm__ volatile("mrs %0, fpcr\n\tmrs %1, fpsr" : "=r"(control), "=r"(status)::"memory");
  __asm__ volatile("msr fpcr, %0" ::"r"(UINT64_C(0)));
  return control == mode && status == flag;
}
#else
#include <fenv.h>
#define DEFAULT_MODES FE_TONEAREST
static const int modes[] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
static const int flags[] = {0, FE_INEXACT, FE_ALL_EXCEPT};
static void set_environment(int mode, int flag) {
  feclearexcept(FE_ALL_EXCEPT);
  if (flag != 0) feraiseexcept(flag);
  fesetround(mode);
}
static bool take_environment(int mode, int flag) {
  bool same = fegetround() == mode && (fetestexcept(FE_ALL_EXCEPT) & ~FE_INEXACT) == (flag & ~FE_INEXACT);
  fesetround(FE_TONEAREST);
  return same;
}
#endif

#define FEW 100
struct answers {
  unsigned char gradient[4][4][FEW * 8], residual[4][4][FEW * 8], wide[3][4][FEW * 8];
};

/* Any bits: subnormals, infinities and NaNs, signalling ones too, are among them. */
static void fill(unsigned char *x, size_t bytes) {
  uint64_t seed = 1;
  for (size_t i = 0; i < bytes; i += 8) {
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    uint64_t bits = seed ^ seed >> 29, some = UINT64_C(0x800F800F800F800F);
    if (i % 3 == 0) bits &= i % 2 == 0 ? some | 0xFFFFFFFF : some;
    memcpy(x + i, &bits, sizeof bits);
  }
}

static void answer(unsigned char x[4][FEW * 8], struct answers *a) {
  static const double c[] = {0x1p-140, 1e-310, -7};
  const rnnloss_affine affine = {.scaled = true, .a = 0.7, .c = c, .neurons = 3};
  for (int d = 0; d < RNNLOSS_DTYPES; d++) {
    for (int o = 0; o < RNNLOSS_DTYPES; o++) {
      rnnloss_gradient(&affine, 0, FEW, (rnnloss_dtype)d, x[d], (rnnloss_dtype)o, a->gradient[d][o]);
      rnnloss_gradient_difference(0x1p-30, true, FEW, (rnnloss_dtype)d, x[d], (rnnloss_dtype)o, x[o], (rnnloss_dtype)o,
                                  a->residual[d][o]);
    }
    for (size_t v = 0; v < variant_count; v++) variants[v]->widen[d](x[d], (void *)a->wide[v][d], FEW);
  }
}

static void environment(void **state) {
  (void)state;
  static unsigned char x[4][FEW * 8];
  static struct answers wanted, got;
  for (int d = 0; d < RNNLOSS_DTYPES; d++) fill(x[d], sizeof x[d]);
  answer(x, &wanted);
  for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
    for (size_t k = 0; k < sizeof flags / sizeof flags[0]; k++) {
      memset(&got, 0, sizeof got);
      set_environment(modes[i], flags[k]);
      answer(x, &got);
      bool kept = take_environment(modes[i], flags[k]);
      if (!kept) fail_msg("modes %x, flags %x were not kept", (unsigned)modes[i], (unsigned)flags[k]);
      if (memcmp(&got, &wanted, sizeof got) != 0) fail_msg("modes %x change results", (unsigned)modes[i]);
    }
  }
  set_environment(DEFAULT_MODES, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(environment)};
  return cmocka_run_group_tests_name("environment", tests, find_variants, NULL);
}
