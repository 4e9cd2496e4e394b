/* sha256.c - the digest of a request's inputs: what an auditor can file
 *
 * SHA-256 over, for each tensor sent, in tensor order: its name NUL, its dtype NUL, rank and dimensions as 64-bit
 * little-endian numbers, the SHA-256 of its data; then the seven weights as doubles.
 */
#include <gnutls/crypto.h>
#include <string.h>

#include "server.h"

static bool begin(void **hash) {
  gnutls_hash_hd_t handle = NULL;
  if (gnutls_hash_init(&handle, GNUTLS_DIG_SHA256) < 0) return false;
  *hash = handle;
  return true;
}

static bool add(void *hash, const void *bytes, size_t length) {
  return !length || gnutls_hash(hash, bytes, length) == 0;
}

static void end(void **hash, unsigned char *value) {
  gnutls_hash_deinit(*hash, value);
  *hash = NULL;
}

void digest_release(struct digest *digest) {
  unsigned char value[SHA256_BYTES];
  if (digest->inner) end(&digest->inner, value);
  if (digest->outer) end(&digest->outer, value);
}

/* Name, dtype and shape; its data follows in slices. */
static bool begin_tensor(struct digest *digest, const struct tensor *tensor) {
  const char *name = tensor_name((rnnloss_tensor)digest->tensor), *dtype = rnnloss_dtype_name(tensor->dtype);
  const uint64_t rank = tensor->rank;
  digest->cursor = store_start(&tensor->store);
  digest->left = tensor->store.length;
  return add(digest->outer, name, strlen(name) + 1) && add(digest->outer, dtype, strlen(dtype) + 1) &&
         add(digest->outer, &rank, sizeof rank) && add(digest->outer, tensor->shape, rank * sizeof *tensor->shape) &&
         begin(&digest->inner);
}

static bool add_data(struct digest *digest) {
  const unsigned char *bytes = NULL;
  const size_t length = cursor_span(&digest->cursor, STORE_BLOCK, &bytes);
  if (!length || !add(digest->inner, bytes, length)) return false;
  cursor_advance(&digest->cursor, length);
  digest->left -= length;
  return true;
}

static bool end_tensor(struct digest *digest) {
  end(&digest->inner, digest->value);
  digest->tensor++;
  return add(digest->outer, digest->value, sizeof digest->value);
}

static bool finish(struct digest *digest, const double *lambda) {
  static const char hex[] = "0123456789abcdef";
  if (!add(digest->outer, lambda, RNNLOSS_TERMS * sizeof *lambda)) return false;
  end(&digest->outer, digest->value);
  for (size_t i = 0; i < SHA256_BYTES; i++) {
    digest->text[2 * i] = hex[digest->value[i] >> 4];
    digest->text[2 * i + 1] = hex[digest->value[i] & 15];
  }
  return true;
}

static enum step failed(struct request *request) {
  problem_out_of_memory(request->problem); /* nothing else can go wrong with a hash */
  return STEP_FAILED;
}

enum step digest_step(struct digest *digest, struct request *request) {
  if (digest->text[0]) return STEP_DONE;
  if (!digest->outer && !begin(&digest->outer)) return failed(request);
  while (digest->tensor < RNNLOSS_TENSORS) {
    const struct tensor *tensor = &request->tensor[digest->tensor];
    if (!tensor->present) {
      digest->tensor++;
      continue;
    }
    if (!digest->inner && !begin_tensor(digest, tensor)) return failed(request);
    if (digest->left) return add_data(digest) ? STEP_MORE : failed(request);
    if (!end_tensor(digest)) return failed(request);
  }
  return finish(digest, request->options.lambda) ? STEP_DONE : failed(request);
}
