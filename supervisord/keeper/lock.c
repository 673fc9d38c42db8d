#include "keeper/lock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_SIZE 24

static const char *
name_of(uint64_t iid, char out[NAME_SIZE])
{
	snprintf(out, NAME_SIZE, "%016" PRIx64 ".lock", iid);
	return out;
}

/* The locked file of that name, made if it is not there; -EWOULDBLOCK when a
 * process of an earlier start still has it. */
static int
open_locked(int dir, const char *name)
{
	int fd = openat(
		dir, name, O_RDONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	int rc = -errno;
	close(fd);
	return rc;
}

int
lock_take(const struct dirs *d, uint64_t iid, struct err *err)
{
	char name[NAME_SIZE];
	name_of(iid, name);
	int fd = open_locked(d->instances, name);
	if (fd == -EWOULDBLOCK) {
		unlinkat(d->instances, name, 0);
		fd = open_locked(d->instances, name);
	}
	return fd < 0 ? err_sys(err, fd, "%s/instances/%s",
				d->options->conf.node.run_dir, name)
		      : fd;
}

void
lock_pass_on(int fd)
{
	if (fcntl(fd, F_DUPFD, LOCK_FD_MIN) < 0)
		fcntl(fd, F_SETFD, 0);
}

bool
lock_is_held(const struct dirs *d, uint64_t iid)
{
	char name[NAME_SIZE];
	int fd = openat(d->instances, name_of(iid, name),
		O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return false;
	bool is_held = flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK;
	close(fd);
	return is_held;
}

/* Whether one of the process' descriptors is that file. */
static bool
has_open(pid_t pid, const struct stat *file)
{
	char path[64];
	struct dirent *e;
	bool is_found = false;
	snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
	DIR *dir = opendir(path);
	while (dir && !is_found && (e = readdir(dir))) {
		struct stat st;
		is_found = e->d_name[0] != '.' &&
			   fstatat(dirfd(dir), e->d_name, &st, 0) == 0 &&
			   st.st_dev == file->st_dev &&
			   st.st_ino == file->st_ino;
	}
	if (dir)
		closedir(dir);
	return is_found;
}

bool
lock_is_in_group(const struct dirs *d, uint64_t iid, pid_t group)
{
	char name[NAME_SIZE];
	struct stat file;
	struct dirent *e;
	bool is_found = false;
	if (group <= 0 || fstatat(d->instances, name_of(iid, name), &file,
				  AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	DIR *dir = opendir("/proc");
	while (dir && !is_found && (e = readdir(dir))) {
		pid_t pid = (pid_t)strtol(e->d_name, NULL, 10);
		is_found = pid > 0 && getpgid(pid) == group &&
			   has_open(pid, &file);
	}
	if (dir)
		closedir(dir);
	return is_found;
}

void
lock_remove(const struct dirs *d, uint64_t iid)
{
	char name[NAME_SIZE];
	unlinkat(d->instances, name_of(iid, name), 0);
}
