/* The caller's floating-point environment is put aside while binary64 arithmetic runs: its rounding mode,
 * flush-to-zero, denormals-are-zero and unmasked exceptions would change results or trap. It comes back as it
 * was, exception flags included. Arithmetic between begin and end must work on memory that an unknown function
 * could see (all of ours does), so that the compiler can't move it across them. */
#ifndef RNN_FENV_GUARD_H
#define RNN_FENV_GUARD_H

#include <fenv.h>
#include "number.h"

RNN_INLINE void rnn_fenv_begin(fenv_t *saved) {
  feholdexcept(saved);
  fesetenv(FE_DFL_ENV); /* also clears x86's FTZ and DAZ, and AArch64's FZ */
}

RNN_INLINE void rnn_fenv_end(const fenv_t *saved) {
  fesetenv(saved);
}

#endif
