#include "keeper/dirs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* One directory to be had. */
struct want {
	int parent; /* AT_FDCWD for a whole path */
	const char *path;
	mode_t mode; /* as root */
	uid_t uid;   /* as root */
	gid_t gid;
};

/* Makes the missing parents of 'path', as "mkdir -p" does. */
static int
make_parents(const char *path, struct err *err)
{
	char part[PATH_MAX];
	snprintf(part, sizeof part, "%s", path);
	for (char *at = strchr(part + 1, '/'); at; at = strchr(at + 1, '/')) {
		*at = 0;
		if (mkdir(part, 0755) < 0 && errno != EEXIST)
			return err_sys(err, -errno, "%s cannot be made", part);
		*at = '/';
	}
	return 0;
}

/* Whether an open directory may be ours. */
static int
check_owner(int fd, const struct want *w, struct err *err)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return err_sys(err, -errno, "%s", w->path);
	if (st.st_uid != geteuid() && st.st_uid != w->uid)
		return err_set(err, -EPERM,
			"%s belongs to uid %u: give it to uid %u or name "
			"another directory in skep.conf",
			w->path, (unsigned)st.st_uid, (unsigned)w->uid);
	if (st.st_mode & S_IWOTH)
		return err_set(err, -EPERM,
			"%s is writable by everybody: name a directory of its "
			"own in skep.conf",
			w->path);
	return 0;
}

/* Makes and opens one; returns its descriptor. */
static int
open_one(const struct want *w, struct err *err)
{
	if (mkdirat(w->parent, w->path, 0700) < 0 && errno != EEXIST)
		return err_sys(err, -errno, "%s cannot be made", w->path);
	int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
	/* What is given away was another's before: where its parent is
	 * theirs too, a link could make it any directory of the host. */
	bool is_given = geteuid() == 0 && w->uid != 0;
	if (w->parent != AT_FDCWD || is_given)
		flags |= O_NOFOLLOW;
	int fd = openat(w->parent, w->path, flags);
	if (fd < 0 && errno == ENOTDIR && is_given)
		return err_set(err, -ENOTDIR,
			"%s is not a directory: name the directory itself in "
			"skep.conf, not a link to it",
			w->path);
	if (fd < 0)
		return err_sys(err, -errno, "%s", w->path);
	int rc = check_owner(fd, w, err);
	if (rc == 0 && geteuid() == 0) {
		if (fchown(fd, w->uid, w->gid) < 0 || fchmod(fd, w->mode) < 0)
			rc = err_sys(err, -errno, "%s", w->path);
	}
	if (rc < 0) {
		close(fd);
		return rc;
	}
	return fd;
}

static int
open_top(const char *path, mode_t mode, uid_t uid, gid_t gid, struct err *err)
{
	int rc = make_parents(path, err);
	if (rc < 0)
		return rc;
	struct want w = {AT_FDCWD, path, mode, uid, gid};
	return open_one(&w, err);
}

static int
open_beneath(int parent, const char *name, mode_t mode, struct err *err)
{
	struct want w = {parent, name, mode, geteuid(), getegid()};
	return open_one(&w, err);
}

int
dirs_open(struct dirs *d, const struct options *o, const struct ids *helpers,
	struct err *err)
{
	*d = (struct dirs){o, -1, -1, -1, -1, -1, -1};
	uid_t own = geteuid();
	gid_t theirs = helpers->gid;
	int log = -1;
	if ((d->run = open_top(o->conf.node.run_dir, 01775, own, theirs, err)) <
			0 ||
		(d->fifo = open_beneath(d->run, "fifo", 0711, err)) < 0 ||
		(d->instances = open_beneath(d->run, "instances", 0700, err)) <
			0 ||
		(d->notify = open_beneath(d->run, "notify", 0711, err)) < 0 ||
		(d->state = open_top(o->conf.node.state_dir, 01771, own, theirs,
			 err)) < 0 ||
		(d->work = open_beneath(d->state, "work", 0711, err)) < 0 ||
		(log = open_top(o->conf.node.log_dir, 0750, helpers->uid,
			 theirs, err)) < 0) {
		dirs_close(d);
		return -EPERM;
	}
	close(log);
	return 0;
}

void
dirs_close(struct dirs *d)
{
	int fds[] = {
		d->run, d->fifo, d->instances, d->notify, d->state, d->work};
	for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	d->run = d->fifo = d->instances = d->notify = d->state = d->work = -1;
}
