/* body.c - an answer's body, made while it is sent
 *
 * An encoding lays out pieces: bytes, and gradients in some form. Nothing of a gradient exists before
 * it is read; each read makes the next elements from the kept input.
 */
#include <string.h>

#include "server.h"

#define RAW_STEP ((size_t)6144) /* bytes: whole elements of any dtype, and whole groups of base64 */
#define SPILL (RAW_STEP / 3 * 4)
#define NUMBERS_STEP (SPILL / (NUMBER_TEXT_MAX + 2 * RANK_MAX + 1))

void body_begin(struct body *body, const struct request *request) {
  *body = (struct body){.arena = request->arena, .request = request, .sized = true};
}

static struct piece *add_piece(struct body *body, enum piece_kind kind) {
  struct piece *piece = arena_allocate(body->arena, sizeof *piece);
  if (!piece) return NULL;
  *piece = (struct piece){.kind = kind};
  if (body->last) {
    body->last->next = piece;
  } else {
    body->first = body->now = piece;
  }
  body->last = piece;
  return piece;
}

bool body_bytes(struct body *body, const char *bytes, size_t length) {
  struct piece *piece = add_piece(body, PIECE_BYTES);
  if (!piece) return false;
  piece->bytes = bytes;
  piece->length = length;
  body->length += length;
  return true;
}

static const struct tensor *tensor_of(const struct body *body, const struct gradient *gradient) {
  return &body->request->tensor[gradient->tensor];
}

bool body_gradient(struct body *body, const struct gradient *gradient, enum piece_kind kind) {
  const struct tensor *tensor = tensor_of(body, gradient);
  uint64_t bytes = tensor->elements * rnnloss_dtype_size(gradient->dtype);
  struct piece *piece = add_piece(body, kind);
  if (!piece) return false;
  piece->gradient = gradient;
  if (!body->spill && kind != PIECE_RAW && !(body->spill = arena_allocate(body->arena, SPILL))) return false;
  switch (kind) {
  case PIECE_RAW:
    body->length += bytes;
    break;
  case PIECE_BASE64:
    body->length += (bytes + 2) / 3 * 4;
    break;
  default:
    body->length += tensor->elements * (NUMBER_TEXT_MAX + 2 * tensor->rank) + 2;
    body->sized = false;
  }
  return true;
}

/* ---- elements ---- */

static void start_gradient(struct body *body, const struct gradient *gradient) {
  const struct tensor *tensors = body->request->tensor;
  bool pair = gradient->difference;
  body->x = store_start(&tensors[pair ? RNNLOSS_PRED : gradient->tensor].store);
  body->y = store_start(&tensors[RNNLOSS_TARGET].store);
}

/* The elements at a cursor that lie side by side, at most count. */
static size_t span(struct cursor *cursor, const struct tensor *tensor, size_t count, const unsigned char **bytes) {
  size_t size = rnnloss_dtype_size(tensor->dtype);
  return cursor_span(cursor, count * size, bytes) / size;
}

static size_t make_difference(struct body *body, const struct gradient *gradient, size_t count, unsigned char *out) {
  const struct tensor *pred = &body->request->tensor[RNNLOSS_PRED], *target = &body->request->tensor[RNNLOSS_TARGET];
  const unsigned char *p = NULL, *t = NULL;
  count = span(&body->x, pred, count, &p);
  count = span(&body->y, target, count, &t);
  rnnloss_gradient_difference(gradient->affine.a, gradient->tensor == RNNLOSS_TARGET, count, pred->dtype, p,
                              target->dtype, t, gradient->dtype, out);
  cursor_advance(&body->x, count * rnnloss_dtype_size(pred->dtype));
  cursor_advance(&body->y, count * rnnloss_dtype_size(target->dtype));
  return count;
}

static size_t make_affine(struct body *body, const struct gradient *gradient, size_t count, unsigned char *out) {
  const struct tensor *tensor = tensor_of(body, gradient);
  const unsigned char *x = NULL;
  if (gradient->affine.scaled) count = span(&body->x, tensor, count, &x);
  rnnloss_gradient(&gradient->affine, body->position, count, tensor->dtype, x, gradient->dtype, out);
  if (gradient->affine.scaled) cursor_advance(&body->x, count * rnnloss_dtype_size(tensor->dtype));
  return count;
}

/* The next elements, at most size bytes of them, at most to the gradient's end. Returns the bytes made. */
static size_t make(struct body *body, const struct gradient *gradient, unsigned char *out, size_t size) {
  size_t element = rnnloss_dtype_size(gradient->dtype), made = 0;
  uint64_t left = tensor_of(body, gradient)->elements - body->position;
  size_t wanted = size / element < left ? size / element : (size_t)left;
  if (body->position == 0) start_gradient(body, gradient);
  while (made < wanted) {
    size_t count = gradient->difference ? make_difference(body, gradient, wanted - made, out + made * element)
                                        : make_affine(body, gradient, wanted - made, out + made * element);
    if (!count) break; /* cannot be: the data was kept for this */
    body->position += count;
    made += count;
  }
  return made * element;
}

/* ---- forms ---- */

static char *put(char *to, char c, unsigned times) {
  memset(to, c, times);
  return to + times;
}

/* How many of the inner axes begin (or, for the index after an element, end) at this index. */
static unsigned edges(const struct tensor *tensor, uint64_t index) {
  unsigned axes = 0;
  uint64_t stride = 1;
  while (axes < tensor->rank) {
    stride *= tensor->shape[tensor->rank - 1 - axes];
    if (index % stride) break;
    axes++;
  }
  return axes;
}

static size_t spill_numbers(struct body *body, const struct piece *piece) {
  const struct tensor *tensor = tensor_of(body, piece->gradient);
  size_t element = rnnloss_dtype_size(piece->gradient->dtype);
  bool nested = piece->kind == PIECE_NESTED;
  unsigned char raw[NUMBERS_STEP * 8];
  uint64_t index = body->position;
  size_t count = make(body, piece->gradient, raw, NUMBERS_STEP * element) / element;
  char *to = body->spill;
  for (size_t i = 0; i < count; i++, index++) {
    if (index) *to++ = ',';
    to = put(to, '[', nested ? edges(tensor, index) : index == 0);
    to += number_write(piece->gradient->dtype, raw + i * element, to);
    to = put(to, ']', nested ? edges(tensor, index + 1) : index + 1 == tensor->elements);
  }
  return (size_t)(to - body->spill);
}

static size_t spill_base64(struct body *body, const struct piece *piece) {
  unsigned char raw[RAW_STEP];
  return base64_encode(raw, make(body, piece->gradient, raw, RAW_STEP), body->spill);
}

static size_t take_spill(struct body *body, char *out, size_t size) {
  size_t left = body->spill_length - body->spill_offset;
  if (left > size) left = size;
  const char *from = body->carrying ? (const char *)body->carry : body->spill;
  memcpy(out, from + body->spill_offset, left);
  body->spill_offset += left;
  return left;
}

static size_t read_bytes(struct body *body, const struct piece *piece, char *out, size_t size) {
  size_t left = piece->length - (size_t)body->position;
  if (left > size) left = size;
  if (left) memcpy(out, piece->bytes + body->position, left);
  body->position += left;
  return left;
}

/* Elements straight into out; where it ends within one, by way of the spill. */
static size_t read_raw(struct body *body, const struct piece *piece, char *out, size_t size) {
  size_t element = rnnloss_dtype_size(piece->gradient->dtype);
  if (size >= element) return make(body, piece->gradient, (unsigned char *)out, size);
  body->spill_length = make(body, piece->gradient, body->carry, element);
  body->spill_offset = 0;
  body->carrying = true;
  return 0;
}

static void spill(struct body *body, const struct piece *piece) {
  body->spill_offset = 0;
  body->carrying = false;
  body->spill_length = piece->kind == PIECE_BASE64 ? spill_base64(body, piece) : spill_numbers(body, piece);
}

static bool at_end(const struct body *body, const struct piece *piece) {
  if (body->spill_offset < body->spill_length) return false;
  return body->position == (piece->kind == PIECE_BYTES ? piece->length : tensor_of(body, piece->gradient)->elements);
}

size_t body_read(struct body *body, char *out, size_t size) {
  size_t made = 0;
  while (body->now && made < size) {
    const struct piece *piece = body->now;
    if (body->spill_offset < body->spill_length) {
      made += take_spill(body, out + made, size - made);
    } else if (at_end(body, piece)) {
      body->now = piece->next;
      body->position = 0;
    } else if (piece->kind == PIECE_BYTES) {
      made += read_bytes(body, piece, out + made, size - made);
    } else if (piece->kind == PIECE_RAW) {
      made += read_raw(body, piece, out + made, size - made);
    } else {
      spill(body, piece);
    }
  }
  return made;
}
