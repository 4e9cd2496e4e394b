/* number_text.h - decimal text of numbers, exact both ways (C++17's charconv behind a C interface)
 *
 * Thread-safe, allocates nothing, ignores the locale and never throws. Text is never terminated by NUL.
 */
#ifndef NUMBER_TEXT_H
#define NUMBER_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "rnnloss.h"

#ifdef __cplusplus
extern "C" {
#endif

#define NUMBER_TEXT_MAX 32 /* bytes that number_write writes at most */

/* Reads the text of one number, valid by JSON's grammar, into an element of dtype at out, rounded
 * once from the decimal, ties to even; below the range it becomes a subnormal or a zero (sign kept).
 * False if it rounds beyond the largest finite value; *out is then an infinity. */
bool number_read(rnnloss_dtype dtype, const char *text, size_t length, void *out);

/* The same to F64, of text that isn't known to be a number: returns its end if it is one by JSON's grammar, short, and
 * followed by something before end; else NULL, and out holds anything. */
const char *number_read_short(const char *text, const char *end, void *out);

/* A decimal as the nearest double, and where the decimal itself lies: side -1 below it, 0 it is
 * exact, +1 above. (For numbers whose dtype isn't known yet.) False beyond the doubles. */
bool number_read_side(const char *text, size_t length, double *value, signed char *side);

/* The same number rounded once to dtype: number_round(number_read_side(text)) = number_read(text). */
bool number_round(rnnloss_dtype dtype, double value, signed char side, void *out);

/* Writes the shortest decimal that reads back to the element's bits in its dtype, always with a
 * fraction or an exponent (1.0, -0.0, 1e+22, 5e-324); non-finite ones as the JSON strings "NaN",
 * "Infinity", "-Infinity", quotes included. Returns the bytes written. */
size_t number_write(rnnloss_dtype dtype, const void *element, char out[NUMBER_TEXT_MAX]);

/* Writes a double as C's hexadecimal floating-point text, a JSON string with its quotes: "0x1.8p+0". */
size_t number_write_hex(double value, char out[NUMBER_TEXT_MAX]);

#ifdef __cplusplus
}
#endif
#endif
