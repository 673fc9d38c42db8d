/* Whether a text can be a name that users give at run time.
 *
 * What 'register' takes, and 'group' and 'send': 1 to 255 bytes of UTF-8
 * without control characters, so that a name can be printed, logged and put
 * into a path of the API, and ends at its first NUL wherever it is kept.  Names
 * of services are narrower, and all of them are such names too.
 *
 * UTF-8 is that of RFC 3629: no form longer than it must be, no surrogates,
 * nothing above U+10FFFF.  Control characters are U+0000 to U+001F and U+007F
 * to U+009F.  Names are equal when their bytes are; nothing is normalised.
 */
#ifndef SKEP_BASE_NAME_H
#define SKEP_BASE_NAME_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cursor.h"
#include "base/limits.h"

/* NULL when 'name' (borrowed) is a good name of at most 'max' bytes; else what
 * is wrong with it, for people (static), and in '*at' the offset of the byte
 * where that begins. */
const char *name_fault(struct bytes name, size_t max, size_t *at);

/* The same in one word, for names of RUNTIME_NAME_MAX bytes. */
bool name_is_runtime(struct bytes name);

#endif
