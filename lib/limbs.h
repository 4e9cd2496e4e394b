/* The superaccumulator: an integer as 64-bit signed limbs of 32 bits each.
 *
 * Invariants. The value is sum of limb[i] 2^(32 i). Canonical form: limbs but the last in [0, 2^32).
 * An addition changes each limb by less than 2^32 (so additions need no carries), and limbs are made
 * canonical before RNN_LOOSE_MAX of them: |limb| < 2^32 + 2^30 2^32 < 2^63. */
#ifndef RNN_LIMBS_H
#define RNN_LIMBS_H

#include "number.h"

#define RNN_LOOSE_MAX ((uint64_t)1 << 30)
#define RNN_SQUARE_ORIGIN 2176 /* units of 2^-2176 */
#define RNN_NARROW_ORIGIN 160
#define RNN_WIDE_ORIGIN 1088
#define RNN_NARROW_IN_WIDE ((RNN_WIDE_ORIGIN - RNN_NARROW_ORIGIN) / 32) /* narrow limb i is wide limb i + 29 */

/* A true sum of fewer than 2^53 elements leaves 8 bits free in its top limb's 32. Larger ones can only
 * come from limbs that a caller has filled. */
#define RNN_TOP_MAX (INT64_C(1) << 31)

/* The limbs in use are few: a sum spans far fewer exponents than doubles have. So zeros are passed over by eights. */
RNN_INLINE bool rnn_limbs_all_zero(const int64_t *limb) {
  return (limb[0] | limb[1] | limb[2] | limb[3] | limb[4] | limb[5] | limb[6] | limb[7]) == 0;
}

/* The first of n limbs that isn't 0; n if all are. */
RNN_INLINE size_t rnn_limbs_low(const int64_t *limb, size_t n) {
  size_t i = 0;
  while (n - i >= 8 && rnn_limbs_all_zero(limb + i)) i += 8;
  while (i < n && limb[i] == 0) i++;
  return i;
}

/* One past the last of n limbs that isn't 0; 0 if all are. */
RNN_INLINE size_t rnn_limbs_high(const int64_t *limb, size_t n) {
  while (n >= 8 && rnn_limbs_all_zero(limb + n - 8)) n -= 8;
  while (n > 0 && limb[n - 1] == 0) n--;
  return n;
}

/* Makes n limbs canonical. Any content is taken: carries can't overflow but in the last limb, which wraps. */
RNN_INLINE void rnn_limbs_settle(int64_t *limb, size_t n) {
  int64_t carry = 0;
  size_t high = rnn_limbs_high(limb, n);
  for (size_t i = rnn_limbs_low(limb, high); i + 1 < n && (i < high || carry != 0); i++) {
    int64_t low = (limb[i] & INT64_C(0xFFFFFFFF)) + carry; /* |carry| <= 2^31 + 1 */
    carry = (limb[i] >> 32) + (low >> 32);
    limb[i] = low & INT64_C(0xFFFFFFFF);
  }
  limb[n - 1] = (int64_t)((uint64_t)limb[n - 1] + (uint64_t)carry);
}

/* Adds (negative ? -1 : 1) value 2^position, in five pieces. */
RNN_INLINE void rnn_limbs_add(int64_t *limb, rnn_u128 value, unsigned position, bool negative) {
  unsigned shift = position & 31;
  int64_t sign = negative ? -1 : 1;
  int64_t *at = limb + (position >> 5);
  rnn_u128 low = value << shift;
  at[0] += sign * (int64_t)(uint32_t)low;
  at[1] += sign * (int64_t)(uint32_t)(low >> 32);
  at[2] += sign * (int64_t)(uint32_t)(low >> 64);
  at[3] += sign * (int64_t)(uint32_t)(low >> 96);
  at[4] += sign * (int64_t)(uint32_t)((value >> 96) >> (32 - shift));
}

#endif
