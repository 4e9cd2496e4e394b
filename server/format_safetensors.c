/* format_safetensors.c - safetensors requests: 8 bytes of header length, the header, then the data */
#include <string.h>

#include "validate.h"

#define HEADER_MAX 100000000 /* as the reference reader has it */

struct safetensors_decoder {
  struct request *request;
  unsigned length_bytes; /* of the header's length, come so far */
  unsigned char length[8];
  uint64_t header_left; /* bytes of the header still to come */
  bool in_data;
  size_t entry;      /* the one that data is arriving for */
  uint64_t position; /* in the data */
  struct safetensors_header header;
  struct json_parser parser;
};

static void *decode_begin(struct request *request) {
  struct safetensors_decoder *decoder = arena_allocate(request->arena, sizeof *decoder);
  if (!decoder) {
    problem_out_of_memory(request->problem);
    return NULL;
  }
  decoder->request = request;
  decoder->length_bytes = 0;
  decoder->in_data = false;
  decoder->entry = 0;
  decoder->position = 0;
  if (!safetensors_header_begin(&decoder->header, request)) return NULL;
  json_begin(&decoder->parser, safetensors_header_event, &decoder->header);
  return decoder;
}

static bool malformed(struct safetensors_decoder *decoder, const char *detail) {
  return safetensors_malformed(decoder->request, NULL, detail);
}

static bool bad_json(struct safetensors_decoder *decoder) {
  return problem_set(decoder->request->problem, PROBLEM_MALFORMED_SAFETENSORS, "",
                     "the header is not JSON: %s, at its byte %llu", decoder->parser.error,
                     (unsigned long long)decoder->parser.offset);
}

/* Each take_... consumes what it can of the bytes. */
static bool take_length(struct safetensors_decoder *decoder, const char **bytes, size_t *length) {
  while (decoder->length_bytes < 8 && *length) {
    decoder->length[decoder->length_bytes++] = (unsigned char)*(*bytes)++;
    --*length;
  }
  if (decoder->length_bytes < 8) return true;
  memcpy(&decoder->header_left, decoder->length, 8); /* little-endian, as this machine is */
  if (decoder->header_left > HEADER_MAX) return malformed(decoder, "the header is longer than 100,000,000 bytes");
  return decoder->header_left || malformed(decoder, "the header is empty");
}

/* Once the header is whole, all options are known and reduction may start. */
static bool header_done(struct safetensors_decoder *decoder) {
  if (!json_end(&decoder->parser)) return bad_json(decoder);
  if (decoder->request->problem->type != PROBLEM_NONE) return false;
  decoder->in_data = true;
  decoder->request->options_final = true;
  return safetensors_header_end(&decoder->header);
}

static bool take_header(struct safetensors_decoder *decoder, const char **bytes, size_t *length) {
  size_t piece = decoder->header_left < *length ? (size_t)decoder->header_left : *length;
  if (!json_feed(&decoder->parser, *bytes, piece)) return bad_json(decoder);
  if (decoder->request->problem->type == PROBLEM_OVERLOADED) return false;
  *bytes += piece;
  *length -= piece;
  decoder->header_left -= piece;
  return decoder->header_left || header_done(decoder);
}

static bool take_data(struct safetensors_decoder *decoder, const char **bytes, size_t *length) {
  const struct safetensors_header *header = &decoder->header;
  if (decoder->entry == header->count) return malformed(decoder, "there are bytes after the last tensor");
  const struct safetensors_entry *entry = &header->entries[decoder->entry];
  uint64_t left = entry->end - decoder->position;
  size_t piece = left < *length ? (size_t)left : *length;
  if (entry->claim) {
    claim_bytes(entry->claim, (size_t)(decoder->position - entry->begin), *bytes, piece);
  } else if (!tensor_bytes(entry->owner, entry->t, *bytes, piece)) {
    return false;
  }
  decoder->position += piece;
  *bytes += piece;
  *length -= piece;
  if (decoder->position < entry->end) return true;
  decoder->entry++;
  return entry->claim || tensor_end(entry->owner, entry->t);
}

static bool decode(void *state, const char *bytes, size_t length) {
  struct safetensors_decoder *decoder = state;
  while (length) {
    bool ok = decoder->length_bytes < 8 ? take_length(decoder, &bytes, &length)
              : decoder->in_data        ? take_data(decoder, &bytes, &length)
                                        : take_header(decoder, &bytes, &length);
    if (!ok) return false;
  }
  return true;
}

static bool decode_end(void *state) {
  struct safetensors_decoder *decoder = state;
  if (decoder->length_bytes < 8)
    return malformed(decoder, "the body is shorter than the 8 bytes of the header's length");
  if (!decoder->in_data) return malformed(decoder, "the body ends within the header");
  return decoder->entry == decoder->header.count || malformed(decoder, "the body ends within the tensors' data");
}

static const char *const media_types[] = {"application/vnd.safetensors", "application/octet-stream", NULL};

const struct format format_safetensors = {"safetensors", media_types, decode_begin,
                                          decode,        decode_end,  safetensors_encode};
