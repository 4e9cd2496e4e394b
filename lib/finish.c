/* Rounds (p + sign sqrt(x))/r. Doubles >= 0 in ascending order have ascending bits, so the search runs over
 * bits k; the doubles' successor of DBL_MAX is 2^1024, whose bits are those of infinity. All that is asked is
 * whether V lies above a double or a midpoint, and that needs only multiply, add and compare. */
#include "finish.h"

/* The sign of |V| - m 2^exponent, with m > 0. `negative` is that of V. */
static int against(const struct rnn_surd *v, bool negative, uint64_t m, int32_t exponent,
                   struct rnn_finish_scratch *s) {
  rnn_big_mul_u64(&s->a, v->r, m);
  s->a.exponent += exponent;
  if (v->root) {
    rnn_big_mul_u64(&s->a, &s->a, m);
    s->a.exponent += exponent;
    s->broken |= s->a.broken;
    return rnn_big_compare(v->x, &s->a);
  }
  /* T + S with T = |p| or -|p| less m r, and S = +- sqrt(x). */
  rnn_big_add(&s->b, v->p, &s->a, negative ? 1 : -1);
  s->broken |= s->b.broken;
  int t = negative ? -s->b.sign : s->b.sign, root = v->x->sign * (negative ? -v->sign : v->sign);
  if (t == 0 || root == 0 || t == root) return t != 0 ? t : root;
  rnn_big_mul(&s->a, &s->b, &s->b);
  s->broken |= s->a.broken;
  return t * rnn_big_compare(&s->a, v->x);
}

static int sign_of(const struct rnn_surd *v, struct rnn_finish_scratch *s) {
  int root = v->x->sign * v->sign;
  if (v->root || v->p->sign == 0 || v->p->sign == root) return root;
  if (root == 0) return v->p->sign;
  rnn_big_mul(&s->a, v->p, v->p);
  s->broken |= s->a.broken;
  return v->p->sign * rnn_big_compare(&s->a, v->x);
}

/* A search for the largest k whose double is not above |V|. */
struct search {
  const struct rnn_surd *v;
  struct rnn_finish_scratch *scratch;
  bool negative;
};

static int against_double(const struct search *s, uint64_t k) {
  unsigned field = (unsigned)(k >> 52);
  uint64_t m = (k & ((UINT64_C(1) << 52) - 1)) | (uint64_t)(field != 0) << 52;
  return against(s->v, s->negative, m, (int32_t)field - (field != 0) - 1074, s->scratch);
}

static int against_midpoint(const struct search *s, uint64_t k) { /* of k and k + 1 */
  unsigned field = (unsigned)(k >> 52);
  uint64_t m = (k & ((UINT64_C(1) << 52) - 1)) | (uint64_t)(field != 0) << 52;
  return against(s->v, s->negative, 2 * m + 1, (int32_t)field - (field != 0) - 1075, s->scratch);
}

static uint64_t search_floor(const struct search *s, uint64_t guess) {
  uint64_t low = 0, high = RNN_INF_BITS + 1, step = 1; /* low <= |V| < high, as far as known */
  if (guess > RNN_INF_BITS) guess = RNN_INF_BITS;
  while (high - low > 1) { /* gallop away from the guess, then bisect */
    uint64_t k;
    if (low == 0 && high > RNN_INF_BITS)
      k = guess;
    else if (high > RNN_INF_BITS)
      k = step < RNN_INF_BITS - low ? low + step : RNN_INF_BITS;
    else if (low == 0)
      k = step < high ? high - step : high / 2;
    else
      k = low + (high - low) / 2;
    if (k == 0) k = 1;
    if (against_double(s, k) >= 0)
      low = k;
    else
      high = k;
    step = step < RNN_INF_BITS ? 2 * step : step;
  }
  return low;
}

rnnloss_status rnn_finish(const struct rnn_surd *v, uint64_t guess, struct rnn_finish_scratch *scratch, double *out) {
  if ((!v->root && v->p->broken) || v->r->broken || v->x->broken || v->r->sign <= 0) return RNNLOSS_E_INTERNAL;
  scratch->broken = false;
  int sign = sign_of(v, scratch);
  struct search s = {v, scratch, sign < 0};
  uint64_t k = 0;
  if (sign != 0) {
    k = search_floor(&s, guess);
    int middle = k < RNN_INF_BITS ? against_midpoint(&s, k) : 0;
    k += middle > 0 || (middle == 0 && (k & 1) != 0);
  }
  if (scratch->broken) return RNNLOSS_E_INTERNAL;
  if (k >= RNN_INF_BITS) return RNNLOSS_E_OVERFLOW;
  *out = rnn_double_of(k | (uint64_t)(sign < 0) << 63);
  return RNNLOSS_OK;
}
