/* The kernels for AArch64, whose NEON is always there. */
#include "kernels.h"

#if RNN_AARCH64

#define RNN_NEON 1
#define RNN_VARIANT "neon"
#define RNN_TABLE rnn_kernels_neon
#include "kernels_template.h"

#endif
