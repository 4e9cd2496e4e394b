/* The portable variant, and the reference of all others: integers only, but for the gradients. */
#define RNN_VARIANT "portable"
#define RNN_TABLE rnn_kernels_portable
#include "kernels_template.h"
