/* sha256.h - SHA-256 of bytes (FIPS 180-4), for the vectors whose elements are given by their digest */
#ifndef SHA256_H
#define SHA256_H

#include <stddef.h>

#define SHA256_HEX 65 /* characters, NUL included */

void sha256_hex(const void *bytes, size_t length, char hex[SHA256_HEX]);

#endif
