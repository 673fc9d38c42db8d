#include "logger/marks.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "logger/rotate.h"
#include "sys/clock.h"
#include "sys/logmarks.h"

/* Whether these are marks of an older file that had the inode of the empty
 * file whose marks are asked for: that one wrote something, or they live on as
 * those of its compressed copy. */
static bool
is_older_life(int fd)
{
	struct logmark last;
	struct stat st;
	uint64_t count = logmarks_count(fd);
	if (fstat(fd, &st) < 0 || st.st_nlink > 1)
		return true;
	return count > 0 &&
	       (logmarks_read(fd, count - 1, &last, 1) < 1 || last.offset > 0);
}

/* Opens the marks of the file, and makes the directories on the way. */
static int
open_marks(const struct logfile *f)
{
	char path[LOGMARKS_PATH_MAX];
	int flags = O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC;
	int dir = f->dir->fd;
	logmarks_path(path, f->name, f->inode);
	int fd = openat(dir, path, flags, 0640);
	/* A reader may have those open that are this file's own. */
	if (fd >= 0 && f->size == 0 && is_older_life(fd)) {
		close(fd);
		unlinkat(dir, path, 0);
		fd = openat(dir, path, flags, 0640);
	}
	if (fd >= 0 || errno != ENOENT)
		return fd;
	mkdirat(dir, LOGMARKS_DIR, 0750);
	mkdirat(dir, logmarks_path(path, f->name, 0), 0750);
	return openat(dir, logmarks_path(path, f->name, f->inode), flags, 0640);
}

/* Appends a mark, whole or not at all. */
static void
append(const struct logfile *f, uint64_t offset, uint64_t epoch)
{
	struct logmark mark = {offset, clock_wall_ms(), epoch};
	int fd = open_marks(f);
	if (fd < 0)
		return;
	ssize_t n = write(fd, &mark, sizeof mark);
	if (n > 0 && n < (ssize_t)sizeof mark) {
		off_t end = lseek(fd, 0, SEEK_CUR);
		(void)!ftruncate(fd, end - n);
	}
	close(fd);
}

static void
mark(struct marks *m, const struct logfile *f, uint64_t offset, mono now)
{
	append(f, offset, m->epoch);
	m->opening = f->opening;
	m->offset = f->size;
	m->at = now;
	m->is_due = false;
}

void
marks_begin(struct marks *m, uint64_t epoch)
{
	m->epoch = epoch;
	m->is_due = true;
}

void
marks_end(struct marks *m, const struct logfile *f, mono now)
{
	m->epoch |= LOGMARKS_END;
	mark(m, f, f->size, now);
	m->end_opening = f->opening;
	m->end = f->size;
}

void
marks_note(struct marks *m, const struct logfile *f, mono now)
{
	int64_t passed = mono_diff(now, m->at);
	bool is_new = m->is_due || f->opening != m->opening;
	if (!is_new && passed < MARKS_LATEST_MS &&
		(passed < MARKS_SOON_MS ||
			f->size < m->offset + MARKS_SOON_SIZE))
		return;
	/* What came since the end of the last epoch is of this one. */
	bool is_behind =
		m->is_due && m->end_opening == f->opening && m->end <= f->size;
	mark(m, f, is_behind ? m->end : f->size, now);
}

void
marks_link(int dir, const char *name, ino_t inode, ino_t copy)
{
	char from[LOGMARKS_PATH_MAX];
	char to[LOGMARKS_PATH_MAX];
	logmarks_path(from, name, inode);
	logmarks_path(to, name, copy);
	unlinkat(dir, to, 0);
	if (linkat(dir, from, dir, to, 0) < 0)
		return; /* then its times are unknown */
}

/* The inodes of all files of 'name', 0 where there is none; 2 * ('files_max' +
 * 1) of them. */
static ino_t *
list_files(int dir, const char *name, uint32_t files_max)
{
	char text[NAME_MAX + 1];
	struct stat st;
	size_t count = 2 * ((size_t)files_max + 1);
	ino_t *inodes = calloc(count, sizeof *inodes);
	for (size_t i = 0; inodes && i < count; i++) {
		enum rotate_form form = i % 2 ? ROTATE_PACKED : ROTATE_PLAIN;
		rotate_name(text, name, (uint32_t)(i / 2), form);
		if (fstatat(dir, text, &st, AT_SYMLINK_NOFOLLOW) == 0)
			inodes[i] = st.st_ino;
	}
	return inodes;
}

static bool
has_inode(const ino_t *inodes, uint32_t files_max, ino_t inode)
{
	for (size_t i = 0; i < 2 * ((size_t)files_max + 1); i++) {
		if (inodes[i] == inode)
			return true;
	}
	return false;
}

void
marks_sweep(int dir, const char *name, uint32_t files_max)
{
	char path[LOGMARKS_PATH_MAX];
	int fd = openat(dir, logmarks_path(path, name, 0),
		O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	rotate_lock();
	ino_t *inodes = d ? list_files(dir, name, files_max) : NULL;
	struct dirent *e;
	while (inodes && (e = readdir(d))) {
		ino_t inode = (ino_t)strtoull(e->d_name, NULL, 10);
		if (inode && !has_inode(inodes, files_max, inode))
			unlinkat(fd, e->d_name, 0);
	}
	rotate_unlock();
	free(inodes);
	if (d)
		closedir(d);
	else if (fd >= 0)
		close(fd);
}
