/* The names of rotated files: NAME.log.1 is the youngest, up to a count; a
 * compressed one is NAME.log.1.gz.
 *
 * A rotation is a chain of renames, each of them atomic; a crash between two
 * leaves a gap in the numbers and never loses a file.  The next rotation
 * ends its shifting at the lowest gap, and so repairs it.  Where a number has
 * both forms, a crash came between the compressed file's rename and the
 * removal of the plain one: both hold the same, and the plain one counts.
 *
 * Threads: what renames has the lock of 'rotate_lock'.  All work in one
 * directory, where the kernel would make them wait for each other too.
 */
#ifndef SKEP_LOGGER_ROTATE_H
#define SKEP_LOGGER_ROTATE_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "sys/err.h"

/* The form of a rotated file. */
enum rotate_form { ROTATE_PLAIN, ROTATE_PACKED, ROTATE_FORM_COUNT };

/* Renames 'name' in the directory 'dir' to NAME.1, what was NAME.1 to
 * NAME.2, and so on; at most 'files_max' rotated files are left, the oldest
 * is replaced.  With 0, 'name' is removed.  When it fails, 'name' is still
 * where it was. */
int rotate_files(
	int dir, const char *name, uint32_t files_max, struct err *err);

/* While it is held no file of a log changes its name. */
void rotate_lock(void);
void rotate_unlock(void);

/* Writes the name of the rotated file with this number and form. */
const char *rotate_name(char text[NAME_MAX + 1], const char *name,
	uint32_t number, enum rotate_form form);

/* The highest number up to 'files_max' whose file is plain; 0: none. */
uint32_t rotate_find_plain(int dir, const char *name, uint32_t files_max);

/* Puts 'packed', the compressed form of the plain rotated file with this
 * device and inode, in its place, whatever its number is by now.  -ENOENT when
 * the plain one is gone.  The caller holds the lock. */
int rotate_replace(int dir, const char *name, uint32_t files_max, dev_t device,
	ino_t inode, const char *packed, struct err *err);

#endif
