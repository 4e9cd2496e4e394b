/* wire_text.h - the bare loops over text that JSON is held against: in C++ */
#ifndef WIRE_TEXT_H
#define WIRE_TEXT_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif
/* Every number in the text, by from_chars, at most so many: how many there were. */
size_t text_read(const char *text, size_t length, double *numbers, size_t room);
/* to_chars and a comma each, 25 bytes a number at most: how many bytes. */
size_t text_write(const double *numbers, size_t count, char *text);
#ifdef __cplusplus
}
#endif

#endif
