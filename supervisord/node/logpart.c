#include "node/logpart.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRIES 8 /* rotations in a row that get in the way */

static void
file_name(char out[LOGPART_NAME_MAX], const char *name, unsigned number,
	bool is_packed)
{
	if (number == 0)
		snprintf(out, LOGPART_NAME_MAX, "%.240s", name);
	else
		snprintf(out, LOGPART_NAME_MAX, "%.240s.%u%s", name, number,
			is_packed ? ".gz" : "");
}

bool
logpart_has_marks(struct logpart *p)
{
	char path[LOGMARKS_PATH_MAX];
	struct stat st;
	if (p->marks >= 0)
		return true;
	logmarks_path(path, p->name, p->inode);
	p->marks = openat(p->dir, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (p->marks >= 0 && fstat(p->marks, &st) == 0)
		p->marks_inode = st.st_ino;
	return p->marks >= 0;
}

uint64_t
logpart_id(struct logpart *p)
{
	return logpart_has_marks(p) ? p->marks_inode : p->inode;
}

static int
open_form(struct logpart *p, unsigned number, bool is_packed)
{
	char name[LOGPART_NAME_MAX];
	struct stat st;
	int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
	file_name(name, p->name, number, is_packed);
	p->fd = openat(p->dir, name, flags);
	if (p->fd < 0)
		return -errno;
	int own = -1;
	if (fstat(p->fd, &st) < 0 || !S_ISREG(st.st_mode))
		goto bad;
	if (is_packed) {
		own = dup(p->fd);
		p->packed = own < 0 ? NULL : gzdopen(own, "rb");
		if (!p->packed)
			goto bad;
	}
	p->inode = st.st_ino;
	logpart_has_marks(p);
	return 0;
bad:
	if (own >= 0)
		close(own);
	logpart_close(p);
	return -EINVAL;
}

int
logpart_open(struct logpart *p, int dir, const char *name, unsigned number)
{
	*p = (struct logpart){.dir = dir, .name = name, .fd = -1, .marks = -1};
	int r = open_form(p, number, false);
	if (r == -ENOENT && number > 0)
		r = open_form(p, number, true);
	return r;
}

void
logpart_close(struct logpart *p)
{
	if (p->packed)
		gzclose(p->packed);
	if (p->fd >= 0)
		close(p->fd);
	if (p->marks >= 0)
		close(p->marks);
	p->packed = NULL;
	p->fd = p->marks = -1;
}

ssize_t
logpart_read(struct logpart *p, void *buffer, size_t size)
{
	ssize_t n;
	if (p->packed)
		n = gzread(p->packed, buffer, (unsigned)size);
	else
		n = pread(p->fd, buffer, size, (off_t)p->at);
	if (n < 0)
		return p->packed ? -EIO : -errno;
	p->at += (uint64_t)n;
	return n;
}

int
logpart_seek(struct logpart *p, uint64_t at)
{
	char skipped[4096];
	uint64_t size = logpart_size(p);
	if (!p->packed) {
		p->at = at < size ? at : size;
		return 0;
	}
	if (at < p->at && gzrewind(p->packed) < 0)
		return -EIO;
	if (at < p->at)
		p->at = 0;
	while (p->at < at) {
		uint64_t left = at - p->at;
		ssize_t n = logpart_read(p, skipped,
			left < sizeof skipped ? (size_t)left : sizeof skipped);
		if (n <= 0)
			return (int)n;
	}
	return 0;
}

uint64_t
logpart_size(const struct logpart *p)
{
	struct stat st;
	if (p->packed)
		return UINT64_MAX;
	return fstat(p->fd, &st) == 0 ? (uint64_t)st.st_size : 0;
}

/* Looks at the file with this number; false: there is none. */
static bool
look(const struct logpart *p, unsigned number, struct stat *st)
{
	char name[LOGPART_NAME_MAX];
	file_name(name, p->name, number, false);
	if (fstatat(p->dir, name, st, AT_SYMLINK_NOFOLLOW) == 0)
		return true;
	file_name(name, p->name, number, true);
	return number > 0 &&
	       fstatat(p->dir, name, st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Whether the file that was looked at is this part's. */
static bool
is_same(const struct logpart *p, const struct stat *st)
{
	char path[LOGMARKS_PATH_MAX];
	struct stat marks;
	if (st->st_ino == p->inode)
		return true;
	if (!p->marks_inode)
		return false;
	logmarks_path(path, p->name, st->st_ino);
	return fstatat(p->dir, path, &marks, AT_SYMLINK_NOFOLLOW) == 0 &&
	       marks.st_ino == p->marks_inode;
}

/* The number of the part's file now; -1: it is gone. */
static int
find_number(const struct logpart *p)
{
	struct stat st;
	unsigned gaps = 0;
	for (unsigned i = 0; i < LOGPARTS_MAX && gaps < LOGPART_GAPS_MAX; i++) {
		bool is_there = look(p, i, &st);
		gaps = is_there ? 0 : gaps + 1;
		if (is_there && is_same(p, &st))
			return (int)i;
	}
	return -1;
}

bool
logpart_is_done(const struct logpart *p)
{
	struct stat st;
	return p->packed || !look(p, 0, &st) || st.st_ino != p->inode;
}

static bool
is_later(struct timespec a, struct timespec b)
{
	return a.tv_sec != b.tv_sec ? a.tv_sec > b.tv_sec
				    : a.tv_nsec > b.tv_nsec;
}

/* The number of the oldest file that was written to after this one, which is
 * gone. */
static unsigned
find_after(const struct logpart *p)
{
	struct stat own, st;
	unsigned found = 0, gaps = 0;
	if (fstat(p->fd, &own) < 0)
		return 0;
	for (unsigned i = 1; i < LOGPARTS_MAX && gaps < LOGPART_GAPS_MAX; i++) {
		bool is_there = look(p, i, &st);
		gaps = is_there ? 0 : gaps + 1;
		if (is_there && is_later(st.st_mtim, own.st_mtim))
			found = i;
	}
	return found;
}

int
logpart_next(struct logpart *p)
{
	for (int tries = 0; tries < TRIES; tries++) {
		struct logpart next;
		int number = find_number(p);
		if (number == 0)
			return -EAGAIN;
		unsigned wanted =
			number > 0 ? (unsigned)number - 1 : find_after(p);
		int r = logpart_open(&next, p->dir, p->name, wanted);
		if (r == -ENOENT)
			return -EAGAIN;
		if (r < 0)
			return r;
		/* The oldest is renamed first: if this one still has its
		 * number, the other had the right one. */
		if (find_number(p) == number) {
			logpart_close(p);
			*p = next;
			return 0;
		}
		logpart_close(&next);
	}
	return -EAGAIN;
}
