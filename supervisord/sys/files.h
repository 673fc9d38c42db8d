/* Files written so that a power cut leaves the old or the new, never half.
 *
 * Small helpers over the kernel's calls, for state that must be durable and
 * for paths that somebody else may have planted something at.  Nothing here
 * remembers anything.
 *
 * Errors: 0 (or a descriptor) or -errno, with a sentence in 'err' that names
 * the path.
 */
#ifndef SKEP_SYS_FILES_H
#define SKEP_SYS_FILES_H

#include <stddef.h>
#include <sys/types.h>

#include "base/cursor.h"
#include "sys/err.h"

/* Makes the directory 'path' and those above it that are missing, each with
 * 'mode' (less the umask).  A directory that exists is left as it is;
 * anything else in its place is -ENOTDIR. */
int files_mkdir_p(const char *path, mode_t mode, struct err *err);

/* Puts 'bytes' at 'path': written to "PATH.tmp" beside it, synced, renamed,
 * and the directory synced.  One writer at a time per path. */
int files_write_atomic(
	const char *path, struct bytes bytes, mode_t mode, struct err *err);

/* Makes renames and new names in the directory 'path' durable. */
int files_fsync_dir(const char *path, struct err *err);

/* Reads all of 'path' into memory that the caller frees with free(3); a NUL
 * follows the last byte and is not counted.  -EFBIG when there is more than
 * 'size_max'.  Works for files whose size the kernel does not tell (/proc).
 * On error '*data_out' is NULL. */
int files_read_all(const char *path, size_t size_max, char **data_out,
	size_t *size_out, struct err *err);

/* Opens 'name' below the directory 'dir' and never outside it: no link of
 * any kind is followed on the way, the last component included.  'flags' as
 * open(2), O_CLOEXEC is added; 'mode' counts with O_CREAT only.  Returns the
 * descriptor; -ELOOP for a link, -EXDEV for a way out. */
int files_open_beneath(
	int dir, const char *name, int flags, mode_t mode, struct err *err);

/* Writes all 'bytes' to 'fd', and waits when it is non-blocking and full.
 * The sentence does not know the file's name: wrap it. */
int files_write_all(int fd, struct bytes bytes, struct err *err);

#endif
