#include "keeper/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#define NAME_SIZE 24

static const char *
name_of(uint64_t iid, char out[NAME_SIZE])
{
	snprintf(out, NAME_SIZE, "%016" PRIx64 ".lock", iid);
	return out;
}

int
lock_take(const struct dirs *d, uint64_t iid, struct err *err)
{
	char name[NAME_SIZE];
	name_of(iid, name);
	unlinkat(d->instances, name, 0);
	int fd = openat(d->instances, name,
		O_RDONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(err, -errno, "%s/instances/%s",
			d->options->conf.node.run_dir, name);
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	int rc = err_sys(err, -errno, "%s/instances/%s",
		d->options->conf.node.run_dir, name);
	close(fd);
	return rc;
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

void
lock_remove(const struct dirs *d, uint64_t iid)
{
	char name[NAME_SIZE];
	unlinkat(d->instances, name_of(iid, name), 0);
}
