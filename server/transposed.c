/* transposed.c - matrices read by their columns */
#include <string.h>

#include "validate.h"

#define SLICE_ROWS ((uint64_t)8192)

bool is_transposed_shape(const struct tensor *tensor, const struct tensor *own) {
  return own->rank == 2 && tensor->rank == 2 && tensor->shape[0] == own->shape[1] && tensor->shape[1] == own->shape[0];
}

void cursor_skip(struct cursor *cursor, uint64_t bytes) {
  const unsigned char *unused;
  while (bytes) {
    const size_t span = cursor_span(cursor, bytes < SIZE_MAX ? (size_t)bytes : SIZE_MAX, &unused);
    if (!span) return;
    cursor_advance(cursor, span);
    bytes -= span;
  }
}

enum step columns_make(struct columns *columns, struct request *request, const struct tensor *tensor) {
  const uint64_t bytes = tensor->shape[1] * rnnloss_dtype_size(tensor->dtype);
  if (columns->tensor != tensor) {
    *columns = (struct columns){.tensor = tensor, .count = tensor->shape[0]};
    columns->row = arena_allocate(request->arena, (size_t)columns->count * sizeof *columns->row);
    if (!columns->row) {
      problem_out_of_memory(request->problem);
      return STEP_FAILED;
    }
    columns->row[0] = store_start(&tensor->store);
    columns->made = 1;
  }
  for (uint64_t i = 0; i < SLICE_ROWS && columns->made < columns->count; i++) {
    struct cursor at = columns->row[columns->made - 1];
    cursor_skip(&at, bytes);
    columns->row[columns->made++] = at;
  }
  return columns->made == columns->count ? STEP_DONE : STEP_MORE;
}

void columns_read(const struct columns *columns, uint64_t first, size_t n, unsigned char *out) {
  const size_t width = rnnloss_dtype_size(columns->tensor->dtype);
  uint64_t row = first % columns->count, column = first / columns->count;
  for (size_t i = 0; i < n; i++) {
    struct cursor at = columns->row[row];
    const unsigned char *element = NULL;
    cursor_skip(&at, column * width);
    if (cursor_span(&at, width, &element) == width) memcpy(out + i * width, element, width);
    if (++row < columns->count) continue;
    row = 0;
    column++;
  }
}
