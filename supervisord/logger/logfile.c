#include "logger/logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "logger/peek.h"
#include "logger/rotate.h"
#include "sys/clock.h"
#include "sys/files.h"

int
logdir_open(struct logdir *d, struct err *err)
{
	struct stat st;
	if (d->fd >= 0 && fstat(d->fd, &st) == 0 && st.st_nlink > 0)
		return 0;
	if (d->fd >= 0)
		close(d->fd);
	d->fd = -1;
	int r = files_mkdir_p(d->path, 0750, err);
	if (r < 0)
		return err_wrap(err, r, "log_dir");
	d->fd = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (d->fd < 0)
		return err_sys(err, -errno, "log_dir %s", d->path);
	return 0;
}

void
logfile_init(struct logfile *f, struct logdir *dir, const char *name,
	uint64_t size_max, uint32_t files_max)
{
	*f = (struct logfile){
		.dir = dir,
		.name = name,
		.size_max = size_max,
		.files_max = files_max,
		.fd = -1,
	};
}

/* Takes what the kernel says about the file just opened or looked at. */
static void
note_stat(struct logfile *f, const struct stat *st)
{
	f->size = (uint64_t)st->st_size;
	f->device = st->st_dev;
	f->inode = st->st_ino;
}

/* How long ago the open file was made. */
static int64_t
read_age(const struct logfile *f)
{
	struct statx st;
	if (statx(f->fd, "", AT_EMPTY_PATH, STATX_BTIME, &st) < 0 ||
		!(st.stx_mask & STATX_BTIME))
		return 0;
	int64_t age = clock_wall_ms() - st.stx_btime.tv_sec * INT64_C(1000) -
		      st.stx_btime.tv_nsec / 1000000;
	return age > 0 ? age : 0;
}

/* Checks and locks the file just opened. */
static int
claim(struct logfile *f, struct err *err)
{
	struct stat st;
	if (flock(f->fd, LOCK_EX | LOCK_NB) < 0)
		return err_set(err, -EBUSY, "%s: is written by somebody else",
			f->name);
	if (fstat(f->fd, &st) < 0)
		return err_sys(err, -errno, "%s: cannot be examined", f->name);
	if (!S_ISREG(st.st_mode))
		return err_set(
			err, -EINVAL, "%s: is not a regular file", f->name);
	note_stat(f, &st);
	f->opening++;
	f->age_ms = read_age(f);
	return 0;
}

/* Whether the open file still has its name; its size is noted again. */
static bool
is_in_place(struct logfile *f)
{
	struct stat st;
	if (fstatat(f->dir->fd, f->name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		st.st_dev != f->device || st.st_ino != f->inode)
		return false;
	note_stat(f, &st);
	return true;
}

int
logfile_open(struct logfile *f, struct err *err)
{
	int r = logdir_open(f->dir, err);
	if (r == 0 && f->fd >= 0 && is_in_place(f))
		return 0;
	logfile_close(f);
	if (r < 0)
		return r;
	/* Readable for its last byte, non-blocking for a planted FIFO. */
	int flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
	f->fd = files_open_beneath(f->dir->fd, f->name, flags, 0640, err);
	if (f->fd < 0) {
		r = f->fd == -EAGAIN ? -EBUSY : f->fd;
		f->fd = -1;
		return r;
	}
	r = claim(f, err);
	if (r < 0)
		logfile_close(f);
	return r;
}

void
logfile_close(struct logfile *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
}

/* Bytes up to 'limit' that the file can still take. */
static uint64_t
room_up_to(const struct logfile *f, uint64_t limit)
{
	return limit > f->size ? limit - f->size : 0;
}

bool
logfile_has_room(const struct logfile *f, size_t size)
{
	return f->size_max == 0 ||
	       room_up_to(f, f->size_max) >= (uint64_t)size + PEEK_MAX;
}

bool
logfile_is_at_line_start(const struct logfile *f)
{
	char last = 0;
	if (f->size == 0)
		return true;
	return pread(f->fd, &last, 1, (off_t)f->size - 1) == 1 && last == '\n';
}

static uint64_t
least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

struct logfile_cut
logfile_plan(const struct logfile *f, struct bytes ahead)
{
	CHECK(ahead.size > 0);
	uint64_t room = room_up_to(f, f->size_max);
	if (f->size_max == 0 || ahead.size <= room)
		return (struct logfile_cut){.move = ahead.size};
	const char *start = ahead.data;
	const char *end = room ? memrchr(start, '\n', room) : NULL;
	if (end)
		return (struct logfile_cut){.move = (size_t)(end - start) + 1};
	if (f->size > 0 && logfile_is_at_line_start(f))
		return (struct logfile_cut){.rotate = true};
	/* Inside a line that does not fit: up to its end, within the bound. */
	end = memchr(start, '\n', ahead.size);
	uint64_t line = end ? (uint64_t)(end - start) + 1 : ahead.size;
	uint64_t bound = f->size_max > UINT64_MAX / LOGFILE_OVERSHOOT
				 ? UINT64_MAX
				 : f->size_max * LOGFILE_OVERSHOOT;
	uint64_t move = least(line, room_up_to(f, bound));
	return (struct logfile_cut){.rotate = move == 0, .move = (size_t)move};
}

struct logfile_cut
logfile_plan_old(const struct logfile *f, struct bytes ahead)
{
	struct logfile_cut cut = logfile_plan(f, ahead);
	if (cut.rotate || f->size == 0)
		return cut;
	if (logfile_is_at_line_start(f))
		return (struct logfile_cut){.rotate = true};
	const char *end = memchr(ahead.data, '\n', cut.move);
	if (end)
		cut.move = (size_t)(end - (const char *)ahead.data) + 1;
	return cut;
}

ssize_t
logfile_splice(struct logfile *f, int fifo, size_t size, struct err *err)
{
	off_t at = (off_t)f->size;
	ssize_t n;
	do {
		n = splice(fifo, NULL, f->fd, &at, size, SPLICE_F_NONBLOCK);
	} while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return -EAGAIN;
	if (n < 0)
		return err_sys(err, -errno, "%s: cannot be written", f->name);
	f->size += (uint64_t)n;
	return n;
}

int
logfile_rotate(struct logfile *f, struct err *err)
{
	int r = rotate_files(f->dir->fd, f->name, f->files_max, err);
	if (r == 0)
		logfile_close(f);
	return r;
}

int
logfile_add_line(struct logfile *f, const char *text, struct err *err)
{
	char line[512];
	const char *before = logfile_is_at_line_start(f) ? "" : "\n";
	int length = snprintf(line, sizeof line, "%s%s\n", before, text);
	CHECK(length > 0 && (size_t)length < sizeof line);
	ssize_t n = pwrite(f->fd, line, (size_t)length, (off_t)f->size);
	if (n == length) {
		f->size += (uint64_t)n;
		return 0;
	}
	int code = n < 0 ? -errno : -ENOSPC;
	if (n > 0 && ftruncate(f->fd, (off_t)f->size) < 0)
		f->size += (uint64_t)n;
	return err_sys(err, code, "%s: cannot be written", f->name);
}
