/* wire_sizes.c - time over size, from 1 kB to 256 MB: the lines that plot.py reads */
#include <stdlib.h>

#include "wire.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))
#define SIZE_FIRST ((size_t)1 << 10)
#define SIZE_LAST ((size_t)256 << 20)
#define SIZE_LAST_QUICK ((size_t)16 << 20)
#define UNBEARABLE_MS 1500.0 /* what takes longer is not measured with four times the size */
#define JSON_DIGITS 8
#define JSON_BYTES 11 /* of a number: 0.12345678, */
#define SERIES (2 * TRANSPORTS + 2)

static int rounds_of(size_t size, bool quick) {
  int rounds = size <= (64 << 10) ? 101 : size <= (1 << 20) ? 31 : size <= (16 << 20) ? 15 : 7;
  return quick && rounds > 5 ? 5 : rounds;
}

static void print(const char *encoding, const struct subject *subject, size_t bytes) {
  if (environment_is("FORMAT", "json")) {
    printf("{\"encoding\": \"%s\", \"series\": \"%s\", \"bytes\": %zu, \"milliseconds\": %.5g}\n", encoding,
           subject->name, bytes, subject->median);
  } else {
    printf("%-12s %-22s %12zu bytes %12.3f ms\n", encoding, subject->name, bytes, subject->median);
  }
  fflush(stdout);
}

/* The series of an encoding. One whose last size took too long is absent from then on. */
static size_t list(struct subject *s, struct programs *programs, enum encoding encoding) {
  static const char *const daemons[] = {"rnnlossd, TCP", "rnnlossd, unix socket", "rnnlossd, TLS"};
  size_t count = 0;
  for (int i = 0; i < TRANSPORTS; i++)
    s[count++] = (struct subject){.name = daemons[i], .measure = measure_exchange, .peer = &programs->daemon[i]};
  s[count++] = (struct subject){.name = "bare echo, TCP", .measure = measure_exchange, .peer = &programs->echo[0]};
  s[count++] = (struct subject){.name = "FastAPI, TCP", .measure = measure_exchange, .peer = &programs->service};
  if (encoding == ENCODING_SAFETENSORS)
    s[count++] = (struct subject){.name = "PyTorch in-process",
                                  .measure = measure_torch,
                                  .torch = &programs->torch,
                                  .absent = !programs->has_torch};
  return count;
}

static void measure_size(struct programs *programs, struct subject *s, size_t count, enum encoding encoding,
                         size_t size, bool quick) {
  static const char *const encodings[] = {"JSON", "safetensors"};
  size_t numbers = encoding == ENCODING_JSON ? size / JSON_BYTES : size / 4;
  size_t units = numbers < 4096 ? 8 : numbers < 262144 ? 64 : 1024, rows = numbers / units;
  struct request request = request_rates(encoding, rows, units, JSON_DIGITS, true);
  struct request for_service = request_for_service(&request);
  char title[64];
  for (size_t i = 0; i < count; i++) {
    s[i].request = s[i].peer == &programs->service ? &for_service : &request;
    s[i].rows = rows;
    s[i].units = units;
  }
  snprintf(title, sizeof title, "%s of %zu kB", encodings[encoding], size >> 10);
  subjects_measure(title, s, count, rounds_of(size, quick));
  for (size_t i = 0; i < count; i++) {
    if (s[i].absent) continue;
    print(encodings[encoding], &s[i], request.body);
    if (s[i].median > UNBEARABLE_MS) s[i].absent = true;
  }
  request_release(&request);
  request_release(&for_service);
}

void sizes_measure(struct programs *programs, bool quick) {
  size_t most = quick ? SIZE_LAST_QUICK : SIZE_LAST;
  for (int encoding = ENCODING_SAFETENSORS; encoding >= ENCODING_JSON; encoding--) {
    static struct subject s[SERIES];
    size_t count = list(s, programs, (enum encoding)encoding);
    for (size_t size = SIZE_FIRST; size <= most; size *= 4)
      measure_size(programs, s, count, (enum encoding)encoding, size, quick);
  }
}
