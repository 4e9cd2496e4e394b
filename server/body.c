/* body.c - an answer's body, made while it is sent
 *
 * An encoding lays out pieces: bytes, and gradients in some form. Nothing of a gradient exists before
 * it is read; each read makes the next elements from the kept input.
 */
#include <string.h>

#include "server.h"

#define RAW_STEP ((size_t)6144)                                  /* bytes of elements that become text at once */
#define GROUP ((size_t)24)                                       /* bytes: whole elements of any dtype, and .. */
#define GROUP_TEXT (GROUP / 3 * 4)                               /* .. whole groups of base64 */
#define NUMBER_ROOM (NUMBER_TEXT_MAX + 3 * (size_t)RANK_MAX + 1) /* a number with its brackets and comma */

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

/* How many of the inner axes begin at this index. */
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

/* Each number with what stands before it, and the brackets that end with the last one. Flat ones are one axis. */
static size_t write_numbers(struct body *body, const struct piece *piece, char *out, size_t count) {
  const struct tensor *tensor = tensor_of(body, piece->gradient);
  const struct tensor flat = {.rank = 1, .shape = {tensor->elements}};
  const struct tensor *shape = piece->kind == PIECE_NESTED ? tensor : &flat;
  const size_t element = rnnloss_dtype_size(piece->gradient->dtype);
  const uint64_t row = shape->shape[shape->rank - 1];
  unsigned char raw[RAW_STEP];
  char *to = out;
  uint64_t index = body->position, left = index % row ? row - index % row : 0; /* of the present row */
  if (count > RAW_STEP / element) count = RAW_STEP / element;
  count = make(body, piece->gradient, raw, count * element) / element;
  for (size_t i = 0; i < count; i++, index++, left--) {
    if (left == 0) {
      const unsigned begin = edges(shape, index);
      if (index) to = put(put(to, ']', begin), ',', 1);
      to = put(to, '[', index ? begin : shape->rank);
      left = row;
    } else {
      *to++ = ',';
    }
    to += number_write(piece->gradient->dtype, raw + i * element, to);
  }
  if (index == tensor->elements) to = put(to, ']', shape->rank);
  return (size_t)(to - out);
}

static size_t write_base64(struct body *body, const struct piece *piece, char *out, size_t size) {
  unsigned char raw[RAW_STEP];
  return base64_encode(raw, make(body, piece->gradient, raw, size < RAW_STEP ? size : RAW_STEP), out);
}

/* The next elements in their form, as many as surely fit size bytes at out; 0: not even one may fit. */
static size_t write_elements(struct body *body, const struct piece *piece, char *out, size_t size) {
  size_t element = rnnloss_dtype_size(piece->gradient->dtype);
  if (piece->kind == PIECE_RAW) return size < element ? 0 : make(body, piece->gradient, (unsigned char *)out, size);
  if (piece->kind == PIECE_BASE64) return write_base64(body, piece, out, size / GROUP_TEXT * GROUP);
  return size < NUMBER_ROOM ? 0 : write_numbers(body, piece, out, size / NUMBER_ROOM);
}

static size_t take_spill(struct body *body, char *out, size_t size) {
  size_t left = body->spill_length - body->spill_offset;
  if (left > size) left = size;
  memcpy(out, body->spill + body->spill_offset, left);
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

/* Straight into out; where it ends within an element, by way of the spill. */
static size_t read_elements(struct body *body, const struct piece *piece, char *out, size_t size) {
  const size_t written = write_elements(body, piece, out, size);
  if (written) return written;
  body->spill_length = write_elements(body, piece, body->spill, sizeof body->spill);
  body->spill_offset = 0;
  return 0;
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
    } else {
      made += read_elements(body, piece, out + made, size - made);
    }
  }
  return made;
}
