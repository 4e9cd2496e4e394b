/* rule.c - element i is ((z >> (64 - bits)) - subtract) 2^exponent, z the i-th output of SplitMix64 */
#include "rule.h"

#include <math.h>

static uint64_t splitmix64(uint64_t seed, uint64_t i) {
  uint64_t z = seed + (i + 1) * 0x9e3779b97f4a7c15;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

static bool member(const cJSON *rule, const char *name, double least, double most, int64_t *out) {
  const cJSON *item = cJSON_GetObjectItemCaseSensitive(rule, name);
  if (!cJSON_IsNumber(item) || !(item->valuedouble >= least && item->valuedouble <= most)) return false;
  *out = (int64_t)item->valuedouble;
  return true;
}

bool rule_fill(const cJSON *rule, rnnloss_client_dtype dtype, size_t count, void *elements) {
  int64_t seed = 0, bits = 0, subtract = 0, exponent = 0;
  if (!member(rule, "seed", 0, 0x1p53, &seed) || !member(rule, "bits", 1, 53, &bits) ||
      !member(rule, "subtract", 0, 0x1p53, &subtract) || !member(rule, "exponent", -2000, 2000, &exponent))
    return false;
  char *to = elements;
  for (size_t i = 0; i < count; i++, to += rnnloss_client_dtype_size(dtype)) {
    const int64_t whole = (int64_t)(splitmix64((uint64_t)seed, i) >> (64 - bits)) - subtract;
    number_store(dtype, ldexp((double)whole, (int)exponent), to);
  }
  return true;
}
