/* The caller's floating-point environment is put aside while binary64 arithmetic runs: its rounding mode,
 * flush-to-zero, denormals-are-zero and unmasked exceptions would change results or trap. It comes back as it
 * was, exception flags included. Arithmetic between begin and end must work on memory that an unknown function
 * could see (all of ours does), so that the compiler can't move it across them.
 *
 * On x86-64 all our arithmetic is in SSE registers, so the environment is the one word MXCSR; the x87 unit, whose
 * state makes fegetenv and fesetenv slow, is never used (nor are functions of libm that might). Reading the word
 * is cheap, writing it waits for all arithmetic: it is written only if it differs. So a caller with the default
 * environment, who has ever rounded anything, pays for two reads. AArch64 alike: FPCR the modes, FPSR the flags. */
#ifndef RNN_FENV_GUARD_H
#define RNN_FENV_GUARD_H

#include "number.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>

typedef unsigned rnn_fenv; /* MXCSR */

#define RNN_MXCSR_FLAGS 0x003FU   /* which exceptions have happened */
#define RNN_MXCSR_DEFAULT 0x1F80U /* all exceptions masked, to nearest, subnormals kept */

RNN_INLINE void rnn_fenv_begin(rnn_fenv *saved) {
  *saved = _mm_getcsr();
  if ((*saved & ~RNN_MXCSR_FLAGS) != RNN_MXCSR_DEFAULT) _mm_setcsr(RNN_MXCSR_DEFAULT | (*saved & RNN_MXCSR_FLAGS));
  __asm__ volatile("" ::: "memory"); /* the unknown function */
}

RNN_INLINE void rnn_fenv_end(const rnn_fenv *saved) {
  __asm__ volatile("" ::: "memory");
  if (_mm_getcsr() != *saved) _mm_setcsr(*saved);
}

#elif defined(__aarch64__) && defined(__GNUC__)

typedef struct rnn_fenv {
  uint64_t control, flags; /* FPCR, whose default is 0, and FPSR */
} rnn_fenv;

RNN_INLINE void rnn_fenv_begin(rnn_fenv *saved) {
  __asm__ volatile("mrs %0, fpcr" : "=r"(saved->control));
  __asm__ volatile("mrs %0, fpsr" : "=r"(saved->flags));
  if (saved->control != 0) __asm__ volatile("msr fpcr, %0" ::"r"(UINT64_C(0)));
  __asm__ volatile("" ::: "memory"); /* the unknown function */
}

RNN_INLINE void rnn_fenv_end(const rnn_fenv *saved) {
  uint64_t flags;
  __asm__ volatile("" ::: "memory");
  if (saved->control != 0) __asm__ volatile("msr fpcr, %0" ::"r"(saved->control));
  __asm__ volatile("mrs %0, fpsr" : "=r"(flags));
  if (flags != saved->flags) __asm__ volatile("msr fpsr, %0" ::"r"(saved->flags));
}

#else
#include <fenv.h>

typedef fenv_t rnn_fenv;

RNN_INLINE void rnn_fenv_begin(rnn_fenv *saved) {
  feholdexcept(saved);
  fesetenv(FE_DFL_ENV);
}

RNN_INLINE void rnn_fenv_end(const rnn_fenv *saved) {
  fesetenv(saved);
}

#endif
#endif
