/* Small files whole: /proc, records, environment files. */
#ifndef SKEP_KEEPER_FILE_H
#define SKEP_KEEPER_FILE_H

#include <stddef.h>

#include "base/cursor.h"
#include "sys/err.h"

/* Reads the open file 'fd' to its end into a new NUL-terminated text, the
 * caller's to free.  -EFBIG when it is longer than 'size_max'. */
int file_read_fd(int fd, size_t size_max, char **out);

/* As file_read_fd, for what may hold NULs: 'out->data' is the caller's. */
int file_read_bytes(int fd, size_t size_max, struct bytes *out);

/* As file_read_fd, by path; 'err' names the path. */
int file_read_all(
	const char *path, size_t size_max, char **out, struct err *err);

/* Replaces 'name' in the directory 'dir_fd' by 'text', mode 0600; a crash
 * leaves the old or the new, never half. */
int file_replace_at(int dir_fd, const char *name, const char *text);
int file_replace_bytes_at(int dir_fd, const char *name, struct bytes bytes);

#endif
