/* format.c - the table of encodings, and which one a request and its answer are in */
#include <string.h>

#include "server.h"

const struct format *const formats[] = {&format_json, &format_safetensors, NULL};

const struct format *format_of_type(const char *content_type) {
  for (int i = 0; formats[i]; i++) {
    for (int j = 0; formats[i]->media_types[j]; j++) {
      if (media_type_is(content_type, formats[i]->media_types[j])) return formats[i];
    }
  }
  return NULL;
}

bool format_is_unstated(const char *content_type) {
  return !content_type || media_type_is(content_type, "application/x-www-form-urlencoded");
}

/* Offsets 4 to 7 are the upper half of a safetensors header's length, which is below 2^32; JSON text has no NUL. */
const struct format *format_sniff(const char *bytes, size_t length) {
  bool binary = length >= 8 && memcmp(bytes + 4, "\0\0\0", 4) == 0;
  return binary ? &format_safetensors : &format_json;
}

static unsigned quality(const char *accept, const struct format *format) {
  unsigned best = 0;
  for (int i = 0; format->media_types[i]; i++) {
    unsigned own = media_quality(accept, format->media_types[i]);
    if (own > best) best = own;
  }
  return best;
}

const struct format *format_accepted(const char *accept, const struct format *of_request) {
  const struct format *best = of_request;
  unsigned best_quality = quality(accept, of_request);
  for (int i = 0; formats[i]; i++) {
    unsigned own = quality(accept, formats[i]);
    if (own > best_quality) {
      best = formats[i];
      best_quality = own;
    }
  }
  return best_quality ? best : NULL;
}
