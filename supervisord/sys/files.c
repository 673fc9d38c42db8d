#include "sys/files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Makes one directory; one that exists is as good. */
static int
make_dir(const char *path, mode_t mode, struct err *err)
{
	struct stat st;
	if (mkdir(path, mode) == 0)
		return 0;
	int code = -errno;
	if (stat(path, &st) < 0)
		return err_sys(err, code, "%s: cannot be made", path);
	if (!S_ISDIR(st.st_mode))
		return err_sys(err, -ENOTDIR, "%s: cannot be made", path);
	return 0;
}

int
files_mkdir_p(const char *path, mode_t mode, struct err *err)
{
	char part[PATH_MAX];
	size_t length = strlen(path);
	if (length == 0 || length >= sizeof part)
		return err_sys(err, length ? -ENAMETOOLONG : -ENOENT,
			"\"%.80s\": cannot be made", path);
	memcpy(part, path, length + 1);
	for (size_t i = 1; i < length; i++) {
		if (part[i] != '/' || part[i - 1] == '/')
			continue;
		part[i] = '\0';
		int r = make_dir(part, mode, err);
		part[i] = '/';
		if (r < 0)
			return r;
	}
	return make_dir(part, mode, err);
}

int
files_write_all(int fd, struct bytes bytes, struct err *err)
{
	const char *at = bytes.data;
	size_t left = bytes.size;
	while (left > 0) {
		ssize_t n = write(fd, at, left);
		if (n >= 0) {
			at += n;
			left -= (size_t)n;
		} else if (errno == EAGAIN) {
			struct pollfd p = {.fd = fd, .events = POLLOUT};
			poll(&p, 1, -1);
		} else if (errno != EINTR) {
			return err_sys(err, -errno, "cannot be written");
		}
	}
	return 0;
}

/* Writes 'bytes' to a new file 'path' and syncs it. */
static int
write_synced(const char *path, struct bytes bytes, mode_t mode, struct err *err)
{
	int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	if (unlink(path) < 0 && errno != ENOENT)
		return err_sys(err, -errno, "%s: cannot be replaced", path);
	int fd = open(path, flags, mode);
	if (fd < 0)
		return err_sys(err, -errno, "%s: cannot be made", path);
	int r = files_write_all(fd, bytes, err);
	if (r < 0)
		err_wrap(err, r, "%s", path);
	else if (fsync(fd) < 0)
		r = err_sys(err, -errno, "%s: cannot be synced", path);
	close(fd);
	return r;
}

/* Syncs the directory that holds 'path'. */
static int
sync_parent(const char *path, struct err *err)
{
	char parent[PATH_MAX];
	const char *slash = strrchr(path, '/');
	if (!slash)
		return files_fsync_dir(".", err);
	size_t length = slash == path ? 1 : (size_t)(slash - path);
	memcpy(parent, path, length);
	parent[length] = '\0';
	return files_fsync_dir(parent, err);
}

int
files_write_atomic(
	const char *path, struct bytes bytes, mode_t mode, struct err *err)
{
	char beside[PATH_MAX];
	int n = snprintf(beside, sizeof beside, "%s.tmp", path);
	if (n < 0 || (size_t)n >= sizeof beside)
		return err_sys(err, -ENAMETOOLONG, "%.80s...", path);
	int r = write_synced(beside, bytes, mode, err);
	if (r == 0 && rename(beside, path) < 0)
		r = err_sys(err, -errno, "%s: cannot be renamed to", path);
	if (r < 0) {
		unlink(beside);
		return r;
	}
	return sync_parent(path, err);
}

int
files_fsync_dir(const char *path, struct err *err)
{
	int r = 0;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, -errno, "%s: cannot be opened", path);
	if (fsync(fd) < 0)
		r = err_sys(err, -errno, "%s: cannot be synced", path);
	close(fd);
	return r;
}

/* Reads 'fd' to its end into '*data', which grows to 'size_max' + 1 bytes. */
static int
read_to_end(int fd, size_t size_max, char **data, size_t *size)
{
	size_t room = 4096;
	*data = malloc(room);
	for (*size = 0; *data;) {
		ssize_t n = read(fd, *data + *size, room - 1 - *size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		*size += (size_t)n;
		if (*size > size_max)
			return -EFBIG;
		if (n == 0)
			return 0;
		if (*size < room - 1)
			continue;
		room *= 2;
		char *more = realloc(*data, room);
		if (!more)
			return -ENOMEM;
		*data = more;
	}
	return -ENOMEM;
}

int
files_read_all(const char *path, size_t size_max, char **data_out,
	size_t *size_out, struct err *err)
{
	*data_out = NULL;
	*size_out = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, -errno, "%s: cannot be opened", path);
	int r = read_to_end(fd, size_max, data_out, size_out);
	close(fd);
	if (r == 0) {
		(*data_out)[*size_out] = '\0';
		return 0;
	}
	free(*data_out);
	*data_out = NULL;
	*size_out = 0;
	if (r == -EFBIG)
		return err_set(
			err, r, "%s: larger than %zu bytes", path, size_max);
	return err_sys(err, r, "%s: cannot be read", path);
}

int
files_open_beneath(
	int dir, const char *name, int flags, mode_t mode, struct err *err)
{
	struct open_how how = {
		.flags = (unsigned)(flags | O_CLOEXEC),
		.mode = flags & O_CREAT ? mode : 0,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
			   RESOLVE_NO_MAGICLINKS,
	};
	long fd;
	do {
		fd = syscall(SYS_openat2, dir, name, &how, sizeof how);
	} while (fd < 0 && errno == EINTR);
	if (fd < 0 && errno == ELOOP)
		return err_set(err, -ELOOP,
			"%s: is a link, and links are not followed here", name);
	if (fd < 0)
		return err_sys(err, -errno, "%s: cannot be opened", name);
	return (int)fd;
}
