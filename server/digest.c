/* digest.c - SHA-256, as GnuTLS has it */
#include <gnutls/crypto.h>

#include "server.h"

bool digest_sha256(const void *bytes, size_t length, char hex[DIGEST_HEX]) {
  unsigned char hash[32];
  if (gnutls_hash_fast(GNUTLS_DIG_SHA256, bytes, length, hash) != 0) return false;
  for (size_t i = 0; i < sizeof hash; i++) {
    hex[2 * i] = "0123456789abcdef"[hash[i] >> 4];
    hex[2 * i + 1] = "0123456789abcdef"[hash[i] & 15];
  }
  hex[2 * sizeof hash] = '\0';
  return true;
}
