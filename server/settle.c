/* settle.c - numbers that came before their dtype become elements of it
 *
 * Each was kept as the nearest double and the side on which the decimal itself lies, so it is still
 * rounded once, from the decimal.
 */
#include <stdio.h>
#include <string.h>

#include "server.h"

#define LOOSE_SIZE 9

static bool overflows(struct request *request, rnnloss_tensor t, uint64_t index) {
  char member[40], pointer[POINTER_MAX];
  const struct tensor *tensor = &request->tensor[t];
  snprintf(member, sizeof member, "/data/%llu", (unsigned long long)index);
  return problem_set(request->problem, PROBLEM_INVALID_DATA, tensor_pointer(tensor, t, member, pointer),
                     "%s: number %llu is beyond the largest %s", tensor_name(t), (unsigned long long)index,
                     rnnloss_dtype_name(tensor->dtype));
}

static bool settle_one(rnnloss_dtype dtype, const unsigned char *loose, void *out) {
  double value;
  signed char side;
  memcpy(&value, loose, sizeof value);
  memcpy(&side, loose + sizeof value, 1);
  if (value - value == 0) return number_round(dtype, value, side, out);
  rnnloss_store(dtype, value, out); /* "NaN", "Infinity": as they were written */
  return true;
}

static bool settle_slice(struct request *request, rnnloss_tensor t, const unsigned char *loose, size_t numbers) {
  struct evaluation *evaluation = request->evaluation;
  rnnloss_dtype dtype = request->tensor[t].dtype;
  size_t size = rnnloss_dtype_size(dtype);
  for (size_t i = 0; i < numbers; i++) {
    unsigned char element[8];
    uint64_t index = evaluation->settled.length / size;
    if (!settle_one(dtype, loose + i * LOOSE_SIZE, element)) return overflows(request, t, index);
    if (!store_append(&evaluation->settled, element, size, request->tensor[t].elements * size)) {
      return problem_out_of_memory(request->problem);
    }
  }
  return true;
}

/* One block a slice; each is returned once it is settled, so that both forms never exist in whole. */
bool settle_step(struct request *request, rnnloss_tensor t) {
  struct evaluation *evaluation = request->evaluation;
  struct tensor *tensor = &request->tensor[t];
  const struct store_block *block = tensor->store.first;
  if (block) {
    if (!settle_slice(request, t, block->bytes, block->used / LOOSE_SIZE)) return false;
    evaluation->work += (unsigned)block->used * 4;
    store_drop_first(&tensor->store);
    return true;
  }
  tensor->store = evaluation->settled;
  tensor->received = tensor->store.length;
  tensor->loose = false;
  evaluation->settled = (struct store){.arena = request->arena};
  return true;
}
