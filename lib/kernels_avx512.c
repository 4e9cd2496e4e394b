/* The kernels for x86-64 with AVX-512 F, BW, DQ and VL. */
#include "kernels.h"

#if RNN_X86_64
#include <immintrin.h> /* before functions get a target */

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c"))),              \
                             apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")
#endif
#define RNN_AVX512 1
#define RNN_VARIANT "avx512"
#define RNN_TABLE rnn_kernels_avx512
#include "kernels_template.h"
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
