/* A few elements of any dtype as F64 in registers, in the instruction set of the variant that includes this:
 *
 *   LANES                     how many
 *   lanes_load, lanes_store   from and to memory of any alignment; stores round once and make NaNs canonical
 *   lanes_all, lanes_mul, lanes_sub, lanes_fma (a x + c), lanes_negate
 *   lanes_canonical           NaNs become the canonical one
 *   lanes_nonfinite           whether any of the LANES_BLOCK bytes of elements at x is Inf or NaN
 *
 * THE ROUNDING to F16 and BF16. There is no instruction from F64; by way of F32 it would be twice. It is done in two
 * steps of which the first rounds *to odd*: what is not exact takes, of its two neighbours, the one whose last place
 * is odd. AVX: lanes_odd keeps 16 significant bits of v and sets the last of them if anything is cut off; the result
 * is converted to F32, then rounded to nearest even. That is RN(v):
 *
 *   1. Let t be a finite F16 (BF16), or the midpoint of two neighbours, or the one from which on numbers overflow.
 *      t has at most 12 (9) significant bits, so among numbers of 16 significant bits its last place is even. If v is
 *      inexact, the odd one o chosen for it is therefore none of the t, and no t lies between v and o, which would
 *      be a number of 16 bits strictly between v and its neighbour. Thus v and o compare alike with every t: RN(v) =
 * RN(o).
 *   2. The conversion of o to F32 is exact if 2^-134 <= |o| < 2^128: 16 bits fit into 24, and the last place is at
 *      least 2^(-134-15) = 2^-149, F32's smallest subnormal.
 *   3. |o| < 2^-134 becomes at most 2^-134 in F32, which rounds to a zero of v's sign, as v does: to F16 at once, to
 *      BF16 because 2^-134 is the midpoint of 0 and the smallest subnormal, and 0 is even.
 *   4. |o| >= 2^128 becomes Inf, as v does. Inf and NaN stay what they are (a NaN's cut-off payload sets the bit).
 *
 * AArch64 has an instruction that rounds F64 to F32 to odd, subnormals included. Every t is in F32 a number with an
 * even last place (24 bits, or the unit 2^-149, against t's multiples of 2^-134), so 1. holds as it stands. What
 * overflows becomes F32's largest number, which is odd and becomes Inf in the second step.
 *
 * From F32 to BF16, in integers: half a place less one, and one more if the last place is odd, are added; then the
 * low 16 bits are cut off. A carry moves on into the exponent as it should, to infinity too. */
#ifndef RNN_LANES_H
#define RNN_LANES_H

#include "number.h"

#if defined(RNN_AVX512)
#include "lanes_avx512.h"
#elif defined(RNN_AVX2)
#include "lanes_avx2.h"
#elif defined(RNN_NEON)
#include "lanes_neon.h"
#endif

#endif
