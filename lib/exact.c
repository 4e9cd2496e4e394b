/* Exact scalar arithmetic; see exact.h for the invariants. */
#include "exact.h"
#include "limbs.h"

static void break_(struct rnn_big *x) {
  x->words = 0;
  x->sign = 0;
  x->exponent = 0;
  x->broken = true;
}

/* Drops zero words at both ends. */
static void trim(struct rnn_big *x, size_t words) {
  size_t low = 0;
  while (words > 0 && x->w[words - 1] == 0) words--;
  if (words == 0) {
    x->words = 0;
    x->sign = 0;
    x->exponent = 0;
    return;
  }
  while (x->w[low] == 0) low++;
  if (low > 0) memmove(x->w, x->w + low, (words - low) * sizeof x->w[0]);
  x->words = (uint16_t)(words - low);
  x->exponent += 64 * (int32_t)low;
}

void rnn_big_set(struct rnn_big *x, uint64_t value) {
  x->exponent = 0;
  x->broken = false;
  x->words = value != 0;
  x->sign = value != 0;
  x->w[0] = value;
}

void rnn_big_set_double(struct rnn_big *x, double value) {
  struct rnn_parts p = rnn_parts_of(RNNLOSS_F64, rnn_bits_of(value));
  rnn_big_set(x, p.m);
  if (p.m == 0) return;
  x->exponent = (int32_t)p.e - 1074;
  x->sign = p.negative ? -1 : 1;
}

void rnn_big_set_words(struct rnn_big *x, const uint64_t *w, size_t n, int32_t exponent, bool negative) {
  while (n > 0 && w[n - 1] == 0) n--;
  x->broken = false;
  if (n > RNN_BIG_WORDS) {
    break_(x);
    return;
  }
  memcpy(x->w, w, n * sizeof w[0]);
  x->exponent = exponent;
  x->sign = negative ? -1 : 1;
  trim(x, n);
}

bool rnn_limbs_magnitude(const int64_t *limb, size_t low, size_t limbs, size_t total, uint64_t *out) {
  bool negative = limb[total - 1] < 0;
  uint64_t flip = negative ? UINT32_MAX : 0, carry = negative;
  for (size_t i = 0; i < limbs; i += 2) {
    uint64_t pair = 0;
    for (size_t half = 0; half < 2; half++) {
      uint64_t piece = i + half < limbs ? (uint64_t)limb[low + i + half] & UINT32_MAX : negative ? UINT32_MAX : 0;
      piece = (piece ^ flip) + carry;
      carry = piece >> 32;
      pair |= (piece & UINT32_MAX) << (32 * half);
    }
    out[i / 2] = pair;
  }
  return negative;
}

void rnn_big_set_limbs(struct rnn_big *x, const int64_t *limb, size_t n, int32_t exponent) {
  size_t low = rnn_limbs_low(limb, n), high = limb[n - 1] < 0 ? n : rnn_limbs_high(limb, n);
  if (high < low) high = low; /* it is 0 */
  bool negative = rnn_limbs_magnitude(limb, low, high - low, n, x->w);
  x->broken = false;
  x->exponent = exponent + 32 * (int32_t)low;
  x->sign = negative ? -1 : 1;
  trim(x, (high - low + 1) / 2);
}

void rnn_big_copy(struct rnn_big *x, const struct rnn_big *y) {
  x->exponent = y->exponent;
  x->words = y->words;
  x->sign = y->sign;
  x->broken = y->broken;
  memcpy(x->w, y->w, y->words * sizeof y->w[0]);
}

void rnn_words_multiply_add(uint64_t *acc, size_t n, const uint64_t *x, size_t xn, const uint64_t *y, size_t yn) {
  for (size_t i = 0; i < xn; i++) {
    rnn_u128 carry = 0;
    size_t k = i;
    for (size_t j = 0; j < yn; j++, k++) {
      carry += (rnn_u128)x[i] * y[j] + acc[k]; /* at most (2^64 - 1)^2 + 2 (2^64 - 1) = 2^128 - 1 */
      acc[k] = (uint64_t)carry;
      carry >>= 64;
    }
    for (; carry != 0 && k < n; k++) {
      carry += acc[k];
      acc[k] = (uint64_t)carry;
      carry >>= 64;
    }
  }
}

void rnn_big_mul(struct rnn_big *out, const struct rnn_big *x, const struct rnn_big *y) {
  size_t words = (size_t)x->words + y->words;
  out->broken = x->broken || y->broken;
  if (out->broken || words > RNN_BIG_WORDS) {
    break_(out);
    return;
  }
  memset(out->w, 0, words * sizeof out->w[0]);
  rnn_words_multiply_add(out->w, words, x->w, x->words, y->w, y->words);
  out->exponent = x->exponent + y->exponent;
  out->sign = (int8_t)(x->sign * y->sign);
  trim(out, words);
}

void rnn_big_mul_u64(struct rnn_big *out, const struct rnn_big *x, uint64_t y) {
  if (x->broken || x->words == RNN_BIG_WORDS) {
    break_(out);
    return;
  }
  rnn_u128 carry = 0;
  size_t words = x->words;
  for (size_t i = 0; i < words; i++) {
    carry += (rnn_u128)x->w[i] * y;
    out->w[i] = (uint64_t)carry;
    carry >>= 64;
  }
  out->w[words] = (uint64_t)carry;
  out->broken = false;
  out->exponent = x->exponent;
  out->sign = x->sign;
  trim(out, words + 1);
}

/* The bits of |x| from 2^position on, as a word (position in the scale of x->exponent = 0). */
RNN_INLINE uint64_t word_at(const struct rnn_big *x, int64_t position) {
  int64_t offset = position - x->exponent;
  if (offset <= -64 || offset >= 64 * (int64_t)x->words) return 0;
  if (offset < 0) return x->w[0] << -offset;
  size_t i = (size_t)offset / 64;
  unsigned shift = (unsigned)offset % 64;
  uint64_t word = x->w[i] >> shift;
  return shift != 0 && i + 1 < x->words ? word | x->w[i + 1] << (64 - shift) : word;
}

/* The exponent of the highest bit of |x|, plus 1; x is not 0. */
static int64_t top(const struct rnn_big *x) {
  return x->exponent + 64 * (int64_t)x->words - __builtin_clzll(x->w[x->words - 1]);
}

int rnn_big_compare(const struct rnn_big *x, const struct rnn_big *y) {
  if (x->sign == 0 || y->sign == 0) return (x->sign != 0) - (y->sign != 0);
  int64_t high = top(x), low = x->exponent < y->exponent ? x->exponent : y->exponent;
  if (high != top(y)) return high > top(y) ? 1 : -1;
  for (int64_t at = high - 64; at > low - 64; at -= 64) {
    uint64_t a = word_at(x, at), b = word_at(y, at);
    if (a != b) return a > b ? 1 : -1;
  }
  return 0;
}

void rnn_big_add(struct rnn_big *out, const struct rnn_big *x, const struct rnn_big *y, int sign) {
  if (x->broken || y->broken) {
    break_(out);
    return;
  }
  int y_sign = y->sign * sign;
  if (x->sign == 0 || y_sign == 0) {
    rnn_big_copy(out, x->sign == 0 ? y : x);
    out->sign = (int8_t)(x->sign == 0 ? y_sign : x->sign);
    return;
  }
  int64_t high = top(x) > top(y) ? top(x) : top(y);
  int32_t low = x->exponent < y->exponent ? x->exponent : y->exponent;
  size_t words = (size_t)((high - low) / 64 + 1); /* with a bit for the carry */
  if (words > RNN_BIG_WORDS) {
    break_(out);
    return;
  }
  bool subtract = x->sign != y_sign, swap = subtract && rnn_big_compare(x, y) < 0;
  const struct rnn_big *big = swap ? y : x, *small = swap ? x : y;
  uint64_t flip = subtract ? UINT64_MAX : 0;
  rnn_u128 carry = subtract;
  for (size_t i = 0; i < words; i++) {
    int64_t at = low + 64 * (int64_t)i;
    carry += (rnn_u128)word_at(big, at) + (word_at(small, at) ^ flip);
    out->w[i] = (uint64_t)carry;
    carry >>= 64;
  }
  out->broken = false;
  out->exponent = low;
  out->sign = (int8_t)(swap ? y_sign : x->sign);
  trim(out, words);
}
