/* The names of rotated files: NAME.log.1 is the youngest, up to a count.
 *
 * A rotation is a chain of renames, each of them atomic; a crash between two
 * leaves a gap in the numbers and never loses a file.  The next rotation
 * ends its shifting at the lowest gap, and so repairs it.
 */
#ifndef SKEP_LOGGER_ROTATE_H
#define SKEP_LOGGER_ROTATE_H

#include <stdint.h>

#include "sys/err.h"

/* Renames 'name' in the directory 'dir' to NAME.1, what was NAME.1 to
 * NAME.2, and so on; at most 'files_max' rotated files are left, the oldest
 * is replaced.  With 0, 'name' is removed.  When it fails, 'name' is still
 * where it was. */
int rotate_files(
	int dir, const char *name, uint32_t files_max, struct err *err);

#endif
