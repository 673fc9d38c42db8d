#include "keeper/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* As file_read_fd, with the size. */
static int
read_sized(int fd, size_t size_max, char **out, size_t *size_out)
{
	size_t size = 0, capacity = 4096;
	char *text = malloc(capacity + 1);
	int rc = text ? 0 : -ENOMEM;
	while (rc == 0) {
		ssize_t n = read(fd, text + size, capacity - size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			rc = -errno;
		if (n <= 0)
			break;
		size += (size_t)n;
		if (size > size_max)
			rc = -EFBIG;
		if (size == capacity) {
			capacity *= 2;
			char *more = realloc(text, capacity + 1);
			if (!more)
				rc = -ENOMEM;
			else
				text = more;
		}
	}
	if (rc < 0) {
		free(text);
		return rc;
	}
	text[size] = 0;
	*out = text;
	*size_out = size;
	return 0;
}

int
file_read_fd(int fd, size_t size_max, char **out)
{
	size_t size;
	return read_sized(fd, size_max, out, &size);
}

int
file_read_bytes(int fd, size_t size_max, struct bytes *out)
{
	char *text;
	int rc = read_sized(fd, size_max, &text, &out->size);
	if (rc == 0)
		out->data = text;
	return rc;
}

int
file_read_all(const char *path, size_t size_max, char **out, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, -errno, "%s", path);
	int rc = file_read_fd(fd, size_max, out);
	close(fd);
	return rc < 0 ? err_sys(err, rc, "%s", path) : 0;
}

static int
write_all(int fd, struct bytes bytes)
{
	const char *text = bytes.data;
	size_t left = bytes.size;
	while (left > 0) {
		ssize_t n = write(fd, text, left);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		left -= (size_t)n;
	}
	return 0;
}

int
file_replace_at(int dir_fd, const char *name, const char *text)
{
	return file_replace_bytes_at(
		dir_fd, name, (struct bytes){text, strlen(text)});
}

/* Makes a new file, in the place of what a crash may have left there. */
static int
create_at(int dir_fd, const char *name)
{
	int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
	int fd = openat(dir_fd, name, flags, 0600);
	if (fd >= 0 || errno != EEXIST)
		return fd;
	unlinkat(dir_fd, name, 0);
	return openat(dir_fd, name, flags, 0600);
}

int
file_replace_bytes_at(int dir_fd, const char *name, struct bytes bytes)
{
	char aside[NAME_MAX + 1];
	if (snprintf(aside, sizeof aside, "%s.new", name) >= NAME_MAX)
		return -ENAMETOOLONG;
	int fd = create_at(dir_fd, aside);
	if (fd < 0)
		return -errno;
	int rc = write_all(fd, bytes);
	close(fd);
	if (rc == 0 && renameat(dir_fd, aside, dir_fd, name) < 0)
		rc = -errno;
	if (rc < 0)
		unlinkat(dir_fd, aside, 0);
	return rc;
}
