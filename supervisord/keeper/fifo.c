#include "keeper/fifo.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static int
open_as(const struct dirs *d, uint64_t iid, int mode)
{
	char name[17];
	struct stat st;
	snprintf(name, sizeof name, "%016" PRIx64, iid);
	int fd = openat(
		d->fifo, name, mode | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || !S_ISFIFO(st.st_mode)) {
		close(fd);
		return -EEXIST;
	}
	return fd;
}

int
fifo_open(const struct dirs *d, uint64_t iid, struct err *err)
{
	char name[17];
	snprintf(name, sizeof name, "%016" PRIx64, iid);
	if (mkfifoat(d->fifo, name, 0600) < 0 && errno != EEXIST)
		return err_sys(err, -errno, "%s/fifo/%s",
			d->options->conf.node.run_dir, name);
	int fd = open_as(d, iid, O_RDWR);
	if (fd < 0)
		return err_sys(err, fd, "%s/fifo/%s",
			d->options->conf.node.run_dir, name);
	return fd;
}

int
fifo_open_reader(const struct dirs *d, uint64_t iid)
{
	return open_as(d, iid, O_RDONLY);
}

void
fifo_remove(const struct dirs *d, uint64_t iid)
{
	char name[17];
	snprintf(name, sizeof name, "%016" PRIx64, iid);
	unlinkat(d->fifo, name, 0);
}
