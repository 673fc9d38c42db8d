/* Bytes as text: two hexadecimal digits each, in lower case. */
#ifndef SKEP_BASE_HEX_H
#define SKEP_BASE_HEX_H

#include <stddef.h>

/* Writes 'size' bytes at 'data' as 2 * 'size' digits and a NUL. */
void hex_write(const void *data, size_t size, char *out);

#endif
