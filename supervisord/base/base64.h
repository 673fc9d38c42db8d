/* Bytes as text, three in four letters: base64 as in RFC 4648, section 4, with
 * the padding and in one line. */
#ifndef SKEP_BASE_BASE64_H
#define SKEP_BASE_BASE64_H

#include <stdbool.h>
#include <stddef.h>

/* Room for 'size' bytes as text, with the NUL; and for a text as bytes. */
#define BASE64_SIZE(size) (((size) + 2) / 3 * 4 + 1)
#define BASE64_ROOM(size) ((size) / 4 * 3)

/* Writes 'size' bytes at 'data' into BASE64_SIZE(size) at 'out'. */
void base64_write(const void *data, size_t size, char *out);

/* Reads a text of 'size' letters into BASE64_ROOM(size) bytes at 'out', of
 * which '*out_size' are used; false: it is no such text. */
bool base64_read(const char *text, size_t size, void *out, size_t *out_size);

#endif
