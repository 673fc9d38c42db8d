/* A state at its state_path, and what stood there before. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "mover/mover.h"
#include "mover/tree.h"
#include "sys/files.h"

#define ASIDE_TRIES  100
#define NAME_LONGEST 200 /* so that what is added fits */
/* The mark of a path that was emptied: stay, epoch. */
#define EMPTIED_WRITE "emptied %" PRIu64 " %" PRIu64
#define EMPTIED_READ  "emptied %" SCNu64 " %" SCNu64
#define COMPARE_BYTES 65536
#define MARK_MAX      130 /* digest in hex, and a newline */

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE (1 << 0)
#endif

/* A path on its way to hold the state. */
struct place {
	const struct mover_job *job;
	int dir;	  /* its directory */
	const char *name; /* its last part */
	char *said;	  /* for people: what was set aside */
	size_t said_size;
};

static int
place_open(struct place *p, const struct mover_job *job, char *said,
	size_t size, struct err *err)
{
	*p = (struct place){.job = job, .said = said, .said_size = size};
	said[0] = '\0';
	p->dir = mover_open_parent(job, &p->name, err);
	if (p->dir < 0)
		return err_wrap(err, p->dir, "%s", job->path);
	if (strlen(p->name) <= NAME_LONGEST)
		return 0;
	close(p->dir);
	return err_sys(err, -ENAMETOOLONG, "%s", job->path);
}

static int
rename_new(int dir, const char *from, const char *to)
{
	long r = syscall(
		SYS_renameat2, dir, from, dir, to, (long)RENAME_NOREPLACE);
	return r < 0 ? -errno : 0;
}

/* Whether anything stands there. */
static bool
is_taken(const struct place *p)
{
	struct stat st;
	return fstatat(p->dir, p->name, &st, AT_SYMLINK_NOFOLLOW) == 0 ||
	       errno != ENOENT;
}

/* Gives what stands there a name of its own; durable with the next sync of
 * the directory. */
static int
set_aside(struct place *p, struct err *err)
{
	char to[MOVER_NAME_MAX + 1];
	int r = -EEXIST;
	for (int i = 1; i <= ASIDE_TRIES && r == -EEXIST; i++) {
		char number[16] = "";
		if (i > 1)
			snprintf(number, sizeof number, "-%d", i);
		snprintf(to, sizeof to,
			"%.200s" MOVER_STALE_SUFFIX "%" PRIu64 "%s", p->name,
			p->job->epoch, number);
		r = rename_new(p->dir, p->name, to);
	}
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return err_sys(err, r, "%s: cannot be renamed to %s",
			p->job->path, to);
	snprintf(p->said, p->said_size,
		"an older state stood at %s; it is called %s now", p->job->path,
		to);
	return 0;
}

/* --- Whether it is there already --- */

static ssize_t
read_at(int fd, void *buffer, uint64_t at)
{
	ssize_t n;
	do {
		n = pread(fd, buffer, COMPARE_BYTES, (off_t)at);
	} while (n < 0 && errno == EINTR);
	return n;
}

/* Whether both hold the same 'size' bytes. */
static bool
is_same_content(int a, int b, uint64_t size)
{
	static unsigned char x[COMPARE_BYTES], y[COMPARE_BYTES];
	for (uint64_t at = 0; at < size;) {
		ssize_t n = read_at(a, x, at);
		if (n <= 0 || read_at(b, y, at) != n ||
			memcmp(x, y, (size_t)n) != 0)
			return false;
		at += (uint64_t)n;
	}
	return true;
}

/* Whether a file of ours holds the state in 'in'. */
static bool
is_same_file(const struct place *p, int fd, int in, uint64_t size)
{
	struct stat st;
	struct err ignored;
	return fstat(fd, &st) == 0 &&
	       mover_check_file(p->job, &st, &ignored) == 0 &&
	       (uint64_t)st.st_size == size && is_same_content(in, fd, size) &&
	       fsync(fd) == 0;
}

/* A directory that is packed beside the state that it may be. */
struct comparing {
	int in;
	uint64_t at;
};

static int
compare_bytes(void *context, struct bytes bytes, struct err *err)
{
	static unsigned char there[COMPARE_BYTES];
	struct comparing *c = context;
	const unsigned char *here = bytes.data;
	for (size_t done = 0; done < bytes.size;) {
		ssize_t n = read_at(c->in, there, c->at);
		size_t count = n > 0 ? (size_t)n : 0;
		if (count > bytes.size - done)
			count = bytes.size - done;
		if (count == 0 || memcmp(here + done, there, count) != 0)
			return err_set(err, -ESTALE, "is another");
		c->at += count;
		done += count;
	}
	return 0;
}

static bool
is_same_tree(int dir, int in, uint64_t size)
{
	struct comparing c = {.in = in};
	const struct tree_sink sink = {compare_bytes, &c};
	struct err ignored;
	return tree_pack(dir, false, &sink, &ignored) == 0 && c.at == size &&
	       syncfs(dir) == 0;
}

/* Whether what stands there is the state in 'in', of 'size' bytes. */
static bool
is_there(const struct place *p, int in, uint64_t size)
{
	struct stat st;
	struct err ignored;
	int fd = files_open_beneath(p->dir, p->name,
		O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0, &ignored);
	if (fd < 0)
		return false;
	bool is_dir = fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
	bool is_same = is_dir == tree_is_packed(in) &&
		       (is_dir ? is_same_tree(fd, in, size)
			       : is_same_file(p, fd, in, size));
	close(fd);
	return is_same;
}

/* --- The mark --- */

/* Reads it; "" for none. */
static void
read_mark(int dir, char mark[MARK_MAX + 1])
{
	struct err ignored;
	mark[0] = '\0';
	int fd = files_open_beneath(dir, MOVER_PLACED,
		O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0, &ignored);
	if (fd < 0)
		return;
	ssize_t n = read(fd, mark, MARK_MAX);
	close(fd);
	mark[n > 0 ? n : 0] = '\0';
}

/* Whether this very state was put there in this stay. */
static bool
is_marked(const struct mover_job *job, int dir)
{
	char mark[MARK_MAX + 1];
	read_mark(dir, mark);
	return job->root && strcmp(mark, job->root) == 0;
}

/* Whether a start here has emptied it, since it may have run elsewhere. */
static bool
is_emptied(const struct mover_job *job, int dir)
{
	char mark[MARK_MAX + 1];
	uint64_t stay, epoch;
	read_mark(dir, mark);
	return sscanf(mark, EMPTIED_READ, &stay, &epoch) == 2 && job->stay &&
	       stay == job->stay && epoch > job->before;
}

static int
set_mark(int dir, const char *mark, struct err *err)
{
	if (!mark)
		return 0;
	int fd = mover_make_file(dir, MOVER_PLACED, err);
	if (fd < 0)
		return fd;
	struct bytes text = {mark, strlen(mark)};
	int r = files_write_all(fd, text, err);
	if (r == 0 && (fsync(fd) < 0 || fsync(dir) < 0))
		r = err_sys(err, -errno, MOVER_PLACED);
	close(fd);
	return r;
}

/* --- Two states --- */

static const char *
side_name(const struct place *p, const char *side, char out[MOVER_NAME_MAX + 1])
{
	snprintf(out, MOVER_NAME_MAX + 1, "%.200s%s", p->name, side);
	return out;
}

/* Nothing was made of them, or it is in its place. */
static void
remove_sides(const struct place *p)
{
	static const char *const sides[] = {
		MOVER_MINE_SUFFIX, MOVER_THEIRS_SUFFIX, MOVER_JOINED_SUFFIX};
	char name[MOVER_NAME_MAX + 1];
	for (size_t i = 0; i < sizeof sides / sizeof *sides; i++)
		tree_remove(p->dir, side_name(p, sides[i], name), NULL);
}

/* --- All of it --- */

static int
write_file(const struct place *p, const char *name, int in, struct err *err)
{
	int file = mover_make_file(p->dir, name, err);
	if (file < 0)
		return file;
	int r = mover_take(p->job, in, file, err);
	if (r == 0 && fsync(file) < 0)
		r = err_sys(err, -errno, "%s", name);
	close(file);
	return r;
}

static int
write_tree(const struct place *p, const char *name, int in, uint64_t size,
	struct err *err)
{
	if (mkdirat(p->dir, name, 0700) < 0)
		return err_sys(err, -errno, "%s", name);
	int dir = files_open_beneath(
		p->dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, err);
	if (dir < 0)
		return dir;
	int r = tree_unpack(in, size, dir, err);
	close(dir);
	return r;
}

/* Writes the state beside its place; returns once it is durable. */
static int
write_beside(const struct place *p, const char *name, int in, uint64_t size,
	struct err *err)
{
	int r = tree_remove(p->dir, name, err);
	if (r < 0)
		return r;
	/* What has no path of its own is a file, whatever is in it. */
	r = p->job->path && tree_is_packed(in)
		    ? write_tree(p, name, in, size, err)
		    : write_file(p, name, in, err);
	if (r < 0)
		tree_remove(p->dir, name, NULL);
	return r;
}

/* The mark vouches for them. */
static int
sync_names(const struct place *p, struct err *err)
{
	return fsync(p->dir) < 0 ? err_sys(err, -errno, "its directory") : 0;
}

static int
replace(struct place *p, int in, uint64_t size, struct err *err)
{
	char name[MOVER_NAME_MAX + 1];
	snprintf(name, sizeof name, "%.200s" MOVER_IN_SUFFIX, p->name);
	int r = write_beside(p, name, in, size, err);
	if (r == 0)
		r = set_aside(p, err);
	if (r < 0)
		return r;
	r = rename_new(p->dir, name, p->name);
	if (r < 0)
		return err_sys(err, r, "%s: cannot be made from %s",
			p->job->path, name);
	return sync_names(p, err);
}

/* How large the file 'in' is, if that may be. */
static int
measure(const struct mover_job *job, int in, uint64_t *size, struct err *err)
{
	struct stat st;
	if (fstat(in, &st) < 0 || !S_ISREG(st.st_mode))
		return err_set(err, -EINVAL, "standard input is no file");
	*size = (uint64_t)st.st_size;
	if (*size <= job->size_max)
		return 0;
	return err_set(err, -EFBIG,
		"the state has %" PRIu64 " bytes, at most %" PRIu64
		" are allowed",
		*size, job->size_max);
}

/* Puts it, unless it is there. */
static int
place(struct place *p, int in, int work, struct err *err)
{
	uint64_t size;
	int r = measure(p->job, in, &size, err);
	if (r < 0)
		return r;
	remove_sides(p);
	if (is_marked(p->job, work) && is_taken(p))
		return 0;
	r = is_there(p, in, size) ? sync_names(p, err)
				  : replace(p, in, size, err);
	return r == 0 ? set_mark(work, p->job->root, err) : r;
}

int
mover_place(const struct mover_job *job, int in, char *said, size_t size,
	struct err *err)
{
	struct place p;
	int dir = mover_open_dir(job, err);
	int r = dir < 0 ? dir : place_open(&p, job, said, size, err);
	if (r < 0) {
		if (dir >= 0)
			close(dir);
		return r;
	}
	r = place(&p, in, dir, err);
	if (r < 0)
		err_wrap(err, r, "%s", job->path);
	if (r < 0 && *said) /* which the next run will not know */
		err_wrap(err, r, "%s", said);
	close(p.dir);
	close(dir);
	return r;
}

/* Gives what stands there another name, for good. */
static int
empty(const struct mover_job *job, char *said, size_t size, struct err *err)
{
	struct place p;
	int r = place_open(&p, job, said, size, err);
	if (r == -ENOENT) /* nor does anything stand in it */
		return 0;
	if (r < 0)
		return r;
	remove_sides(&p);
	r = set_aside(&p, err);
	if (r == 0 && fsync(p.dir) < 0)
		r = err_sys(err, -errno, "%s: its directory", job->path);
	close(p.dir);
	return r;
}

int
mover_set_aside(
	const struct mover_job *job, char *said, size_t size, struct err *err)
{
	char mark[MARK_MAX];
	int dir = mover_open_dir(job, err);
	said[0] = '\0';
	if (dir < 0)
		return job->stay ? dir : empty(job, said, size, err);
	int r = 0;
	if (!is_emptied(job, dir)) {
		/* What is made from now on is not made of what was put. */
		unlinkat(dir, MOVER_PLACED, 0);
		r = empty(job, said, size, err);
		snprintf(mark, sizeof mark, EMPTIED_WRITE, job->stay,
			job->epoch);
		if (r == 0 && job->stay)
			r = set_mark(dir, mark, err);
	}
	close(dir);
	return r;
}

/* --- One of two --- */

/* The place of the state of any job: what has no path has its own file. */
static int
open_any(struct place *p, const struct mover_job *job, char *said, size_t size,
	struct err *err)
{
	if (job->path)
		return place_open(p, job, said, size, err);
	*p = (struct place){.job = job,
		.dir = mover_open_dir(job, err),
		.name = MOVER_STATE_IN,
		.said = said,
		.said_size = size};
	said[0] = '\0';
	return p->dir < 0 ? p->dir : 0;
}

static int
lay(const struct place *p, int in, int work, struct err *err)
{
	char name[MOVER_NAME_MAX + 1];
	uint64_t size;
	if (p->job->path && is_marked(p->job, work) && is_taken(p))
		return err_set(err, -EALREADY, "they are one already");
	int r = measure(p->job, in, &size, err);
	if (r == 0)
		r = tree_remove(
			p->dir, side_name(p, MOVER_JOINED_SUFFIX, name), err);
	if (r < 0)
		return r;
	side_name(p, p->job->side, name);
	r = write_beside(p, name, in, size, err);
	return r < 0 ? err_wrap(err, r, "%s", name) : 0;
}

int
mover_lay(const struct mover_job *job, int in, struct err *err)
{
	char said[1];
	struct place p;
	int dir = mover_open_dir(job, err);
	if (dir < 0)
		return dir;
	int r = open_any(&p, job, said, sizeof said, err);
	if (r == 0) {
		r = lay(&p, in, dir, err);
		close(p.dir);
	}
	close(dir);
	return r;
}

/* Whether what was made of the two may be the state; it is durable then. */
static int
take_joined(const struct place *p, const char *name, struct err *err)
{
	struct stat st;
	int fd = files_open_beneath(p->dir, name,
		O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0, err);
	if (fd == -ENOENT)
		return err_set(err, fd, "nothing was written to it");
	if (fd < 0)
		return fd;
	int r = fstat(fd, &st) < 0 ? -errno : 0;
	bool is_dir = r == 0 && p->job->path && S_ISDIR(st.st_mode);
	if (r == 0 && !is_dir)
		r = mover_check_file(p->job, &st, err);
	else if (r < 0)
		err_sys(err, r, "cannot be examined");
	if (r == 0 && (is_dir ? syncfs(fd) : fsync(fd)) < 0)
		r = err_sys(err, -errno, "cannot be made durable");
	close(fd);
	return r;
}

static int
join(struct place *p, int work, struct err *err)
{
	char name[MOVER_NAME_MAX + 1];
	side_name(p, MOVER_JOINED_SUFFIX, name);
	int r = take_joined(p, name, err);
	if (r < 0)
		return err_wrap(err, r, "$SKEP_STATE_OUT (%s)", name);
	if (p->job->path)
		r = set_aside(p, err);
	if (r == 0 && renameat(p->dir, name, p->dir, p->name) < 0)
		r = err_sys(err, -errno, "%s: cannot be made from %s", p->name,
			name);
	if (r == 0 && fsync(p->dir) < 0)
		r = err_sys(err, -errno, "its directory");
	if (r == 0 && p->job->path)
		r = set_mark(work, p->job->root, err);
	if (r == 0)
		remove_sides(p);
	return r;
}

int
mover_join(
	const struct mover_job *job, char *said, size_t size, struct err *err)
{
	struct place p;
	int dir = mover_open_dir(job, err);
	if (dir < 0)
		return dir;
	int r = open_any(&p, job, said, size, err);
	if (r == 0) {
		r = join(&p, dir, err);
		close(p.dir);
	}
	close(dir);
	return r;
}
