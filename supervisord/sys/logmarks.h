/* When a byte of a log file was written, and by which epoch.
 *
 * Log files hold what the services print and nothing else.  Beside them
 * skep-logger keeps marks: "what stands from 'offset' on came at 'wall_ms' or
 * later, from epoch 'epoch'".  The marks of log_dir/NAME.log, and of each file
 * rotated from it, stand in log_dir/.times/NAME.log/INODE, with the log
 * file's own inode, so that a rotation need not touch them.
 *
 * A mark is written before the bytes behind it, when a second has passed since
 * the last one, or 100 ms and half a KiB of output; so times are right to a
 * second, and marks take a fraction of what they are about, or 24 bytes a
 * second.  They may be missing (a full disk, an older skep): then nothing is
 * known.  The form is that of the host's own processor; nobody else reads it.
 */
#ifndef SKEP_SYS_LOGMARKS_H
#define SKEP_SYS_LOGMARKS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define LOGMARKS_DIR	  ".times"
#define LOGMARKS_PATH_MAX 320

/* In 'epoch': the epoch has ended, all that it wrote stands before. */
#define LOGMARKS_END (UINT64_C(1) << 63)

/* One mark, as in the file. */
struct logmark {
	uint64_t offset;
	int64_t wall_ms;
	uint64_t epoch; /* 0: unknown; with LOGMARKS_END see there */
};

/* Writes the path, below log_dir, of the directory of 'name' ("NAME.log"), or
 * of the marks of its file with this inode if that is not 0. */
const char *logmarks_path(
	char out[LOGMARKS_PATH_MAX], const char *name, ino_t inode);

/* Reads at most 'count' marks from number 'first' on; how many there were. */
size_t logmarks_read(int fd, uint64_t first, struct logmark *out, size_t count);

/* How many there are. */
uint64_t logmarks_count(int fd);

#endif
