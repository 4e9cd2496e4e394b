/* budget.c - one bound for the memory of all that is in flight (--max-memory)
 *
 * What a request will need is reserved as soon as it is known, before its body is asked for; what
 * cannot be known beforehand is reserved in steps. So a request is refused before it has cost
 * anything, or it has what it needs.
 */
#include "server.h"

#define STEP ((uint64_t)256 << 10) /* few enough calls, and little that is reserved for nothing */

bool budget_take(struct budget *budget, uint64_t bytes) {
  uint64_t reserved = atomic_load_explicit(&budget->reserved, memory_order_relaxed);
  do {
    if (bytes > budget->limit || reserved > budget->limit - bytes) return false;
  } while (!atomic_compare_exchange_weak_explicit(&budget->reserved, &reserved, reserved + bytes, memory_order_relaxed,
                                                  memory_order_relaxed));
  return true;
}

void budget_give(struct budget *budget, uint64_t bytes) {
  atomic_fetch_sub_explicit(&budget->reserved, bytes, memory_order_relaxed);
}

bool account_reserve(struct account *account, uint64_t bytes) {
  if (bytes <= account->reserved) return true;
  if (!budget_take(account->budget, bytes - account->reserved)) return false;
  account->reserved = bytes;
  return true;
}

bool account_take(struct account *account, uint64_t bytes) {
  if (!account) return true;
  uint64_t used;
  if (__builtin_add_overflow(account->used, bytes, &used) || used > UINT64_MAX - STEP) return false;
  if (used > account->reserved && !account_reserve(account, used + STEP) && !account_reserve(account, used)) {
    return false;
  }
  account->used = used;
  return true;
}

void account_give(struct account *account, uint64_t bytes) {
  if (account) account->used -= bytes;
}

void account_trim(struct account *account, uint64_t bytes) {
  if (!account) return;
  uint64_t spare = account->reserved - account->used;
  if (bytes > spare) bytes = spare;
  budget_give(account->budget, bytes);
  account->reserved -= bytes;
}

void account_close(struct account *account) {
  if (account->reserved) budget_give(account->budget, account->reserved);
  account->reserved = account->used = 0;
}
