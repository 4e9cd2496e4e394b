/* The kernels for x86-64 with AVX2, FMA and F16C. */
#include "kernels.h"

#if RNN_X86_64
#include <immintrin.h> /* before functions get a target */

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma,f16c")
#endif
#define RNN_AVX2 1
#define RNN_VARIANT "avx2"
#define RNN_TABLE rnn_kernels_avx2
#include "kernels_template.h"
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
