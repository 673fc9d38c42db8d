#include "sys/logmarks.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

const char *
logmarks_path(char out[LOGMARKS_PATH_MAX], const char *name, ino_t inode)
{
	if (inode)
		snprintf(out, LOGMARKS_PATH_MAX, LOGMARKS_DIR "/%.255s/%llu",
			name, (unsigned long long)inode);
	else
		snprintf(out, LOGMARKS_PATH_MAX, LOGMARKS_DIR "/%.255s", name);
	return out;
}

size_t
logmarks_read(int fd, uint64_t first, struct logmark *out, size_t count)
{
	ssize_t n = pread(
		fd, out, count * sizeof *out, (off_t)(first * sizeof *out));
	return n < 0 ? 0 : (size_t)n / sizeof *out;
}

uint64_t
logmarks_count(int fd)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return 0;
	return (uint64_t)st.st_size / sizeof(struct logmark);
}
