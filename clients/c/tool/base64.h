/* base64.h - RFC 4648 section 4, with padding */
#ifndef BASE64_H
#define BASE64_H

#include <stdbool.h>
#include <stddef.h>

#define BASE64_LENGTH(length) (((length) + 2) / 3 * 4)

void base64_encode(const void *bytes, size_t length, char *out); /* BASE64_LENGTH(length) characters, no NUL */

/* The bytes' count in *written, at most length / 4 * 3; false: it is no base64. */
bool base64_decode(const char *text, size_t length, void *out, size_t *written);

#endif
