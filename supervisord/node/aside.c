#include "node/aside.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUFFIX	  ".skep-stale-" /* MOVER_STALE_SUFFIX */
#define DEPTH_MAX 32

/* --- How large a folder is --- */

/* Adds the files below 'parent'/'name'; false: too many, or not to be read. */
static bool count_folder(int parent, const char *name, int depth,
	unsigned *files, int64_t *size);

static bool
count_entry(
	int dir, const char *name, int depth, unsigned *files, int64_t *size)
{
	struct stat st;
	if (++*files > ASIDE_FILES_MAX)
		return false;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT;
	if (S_ISDIR(st.st_mode))
		return count_folder(dir, name, depth + 1, files, size);
	*size += S_ISREG(st.st_mode) ? (int64_t)st.st_size : 0;
	return true;
}

static bool
count_folder(
	int parent, const char *name, int depth, unsigned *files, int64_t *size)
{
	int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int fd = depth > DEPTH_MAX ? -1 : openat(parent, name, flags);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	bool is_ok = true;
	for (struct dirent *e; is_ok && (e = readdir(dir));)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			is_ok = count_entry(fd, e->d_name, depth, files, size);
	closedir(dir);
	return is_ok;
}

/* --- The copies --- */

/* Whether 'file' is an older state of 'name': NAME.skep-stale-EPOCH, with
 * "-NUMBER" behind it where that was taken. */
static bool
is_copy(const char *file, const char *name, uint64_t *epoch)
{
	size_t length = strlen(name);
	char *end;
	if (strncmp(file, name, length) != 0 ||
		strncmp(file + length, SUFFIX, strlen(SUFFIX)) != 0)
		return false;
	const char *at = file + length + strlen(SUFFIX);
	if (*at < '0' || *at > '9')
		return false;
	*epoch = strtoull(at, &end, 10);
	if (*end == '-')
		end += 1 + strspn(end + 1, "0123456789");
	return *end == '\0';
}

static void
tell_copy(DIR *dir, const char *folder, const char *file, uint64_t epoch,
	aside_each_fn *each, void *context)
{
	char path[PATH_MAX];
	struct stat st;
	unsigned files = 0;
	int64_t size = 0;
	if (fstatat(dirfd(dir), file, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return; /* it was removed just now */
	int n = snprintf(path, sizeof path, "%s/%s", folder, file);
	if (n < 0 || (size_t)n >= sizeof path)
		return;
	struct aside_item item = {
		.path = path,
		.epoch = epoch,
		.is_folder = S_ISDIR(st.st_mode),
		.size = (int64_t)st.st_size,
		/* A new name is a change of what a file is, not of its bytes.
		 */
		.wall_ms = (int64_t)st.st_ctim.tv_sec * 1000 +
			   st.st_ctim.tv_nsec / 1000000,
	};
	if (item.is_folder)
		item.size = count_folder(dirfd(dir), file, 0, &files, &size)
				    ? size
				    : -1;
	each(context, &item);
}

void
aside_walk(const char *state_path, aside_each_fn *each, void *context)
{
	char folder[PATH_MAX], error[160];
	const char *slash = strrchr(state_path, '/');
	if (!slash || strlen(state_path) >= sizeof folder)
		return;
	snprintf(folder, sizeof folder, "%.*s", (int)(slash - state_path),
		state_path);
	DIR *dir = opendir(*folder ? folder : "/");
	if (!dir && errno != ENOENT && errno != ENOTDIR) {
		snprintf(error, sizeof error,
			"skep-node cannot look beside it: %s", strerror(errno));
		struct aside_item item = {
			.path = state_path, .size = -1, .error = error};
		each(context, &item);
	}
	if (!dir)
		return;
	uint64_t epoch;
	unsigned told = 0;
	for (struct dirent *e; told < ASIDE_TOLD_MAX && (e = readdir(dir));) {
		if (!is_copy(e->d_name, slash + 1, &epoch))
			continue;
		tell_copy(dir, folder, e->d_name, epoch, each, context);
		told++;
	}
	closedir(dir);
}
