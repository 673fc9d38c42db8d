#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mover/mover.h"
#include "mover/tree.h"
#include "sys/clock.h"
#include "sys/files.h"
#include "sys/statestream.h"

#define AT_WORK_MS 1000 /* how often to say so, without anything to send */

const char *
mover_clean(struct err *err)
{
	for (char *at = err->text; *at; at++)
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			*at = '?';
	return err->text;
}

int
mover_open_dir(const struct mover_job *job, struct err *err)
{
	int fd =
		open(job->dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, -errno, "%s: cannot be opened", job->dir);
	return fd;
}

int
mover_open_parent(
	const struct mover_job *job, const char **name, struct err *err)
{
	char parent[PATH_MAX];
	const char *slash = strrchr(job->path, '/');
	size_t length = slash ? (size_t)(slash - job->path) : 0;
	if (!slash || !slash[1] || length >= sizeof parent)
		return err_set(err, -EINVAL, "is not an absolute path");
	memcpy(parent, job->path, length);
	strcpy(parent + length, length ? "" : "/");
	*name = slash + 1;
	int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? err_sys(err, -errno, "its directory") : fd;
}

int
mover_check_file(
	const struct mover_job *job, const struct stat *st, struct err *err)
{
	if (!S_ISREG(st->st_mode))
		return err_set(err, -EINVAL, "is not a regular file");
	if (st->st_uid != geteuid())
		return err_set(err, -EPERM,
			"belongs to uid %u, and not to uid %u", st->st_uid,
			geteuid());
	/* A newer checkpoint may have taken its name since it was opened. */
	if (st->st_nlink != 1 && !(job->is_checkpoint && st->st_nlink == 0))
		return err_set(err, -EMLINK,
			"has %ju names, and may have one only",
			(uintmax_t)st->st_nlink);
	if ((uint64_t)st->st_size > job->size_max)
		return err_set(err, -EFBIG,
			"has %jd bytes, at most %" PRIu64 " are allowed",
			(intmax_t)st->st_size, job->size_max);
	return 0;
}

/* What the service writes in its directory. */
static const char *
own_name(const struct mover_job *job)
{
	return job->is_checkpoint ? MOVER_CHECKPOINT : MOVER_STATE_OUT;
}

/* The name of what is read, for people. */
static const char *
label(const struct mover_job *job, char out[PATH_MAX])
{
	if (job->path)
		return job->path;
	snprintf(out, PATH_MAX, "%.4000s/%s", job->dir, own_name(job));
	return out;
}

/* Opens the state without a look at what it is.  '*is_absent_out': there is
 * none, though its directory is there if that is ours. */
static int
open_any(const struct mover_job *job, bool *is_absent_out, struct err *err)
{
	const char *name = own_name(job);
	int dir = job->path ? mover_open_parent(job, &name, err)
			    : mover_open_dir(job, err);
	*is_absent_out = dir == -ENOENT && job->path;
	if (dir < 0)
		return dir;
	/* Non-blocking, so that a planted FIFO does not hold us up. */
	int fd = files_open_beneath(dir, name,
		O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0, err);
	close(dir);
	*is_absent_out = fd == -ENOENT;
	return fd;
}

/* Whether what is open may be the state; says why not. */
static int
check_state(const struct mover_job *job, int fd, const struct stat *st,
	struct err *err)
{
	if (job->path && S_ISDIR(st->st_mode)) /* whose is it: tree_pack */
		return 0;
	int r = mover_check_file(job, st, err);
	if (r == 0 && job->path && tree_is_packed(fd))
		return err_set(err, -EINVAL,
			"begins as a packed directory does, and could not be "
			"told from one");
	return r;
}

/* Opens the state after all checks; returns the descriptor.
 * '*is_absent_out': the service left none. */
static int
open_state(const struct mover_job *job, struct stat *st, bool *is_absent_out,
	struct err *err)
{
	char text[PATH_MAX];
	int fd = open_any(job, is_absent_out, err);
	if (fd < 0)
		return err_wrap(err, fd, "%s", label(job, text));
	int r = fstat(fd, st) < 0 ? err_sys(err, -errno, "cannot be examined")
				  : check_state(job, fd, st, err);
	if (r < 0) {
		close(fd);
		return err_wrap(err, r, "%s", label(job, text));
	}
	return fd;
}

static int
send_all(int out, struct bytes bytes, struct err *err)
{
	int r = files_write_all(out, bytes, err);
	return r < 0 ? err_wrap(err, r, "the state stream") : 0;
}

/* Sends what was written into 'w', and empties it. */
static int
flush(int out, struct writer *w, struct err *err)
{
	int r = send_all(out, writer_done(w), err);
	writer_init(w, w->base, w->capacity);
	return r;
}

/* Reads up to one frame's bytes; 0 at the end of the file. */
static ssize_t
read_some(int fd, void *buffer, struct err *err)
{
	ssize_t n;
	do {
		n = read(fd, buffer, STATESTREAM_DATA_MAX);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_sys(err, -errno, "cannot be read");
	return n;
}

/* Where a stream is built before it is sent. */
struct sending {
	int out;
	struct statestream_writer stream;
	struct writer front;	  /* over 'bytes' */
	bool is_broken;		  /* 'out' failed: nothing more can be said */
	bool is_checkpoint;	  /* it may lose its name to a newer one */
	bool stays;		  /* it is at a path of the service's own */
	uint64_t left;		  /* of a directory: bytes still to come */
	unsigned char bytes[512]; /* heads, fronts and reasons */
};

static int
send_data(struct sending *s, struct bytes data, struct err *err)
{
	statestream_put_data(&s->stream, data, &s->front);
	int r = flush(s->out, &s->front, err);
	if (r == 0)
		r = send_all(s->out, data, err);
	s->is_broken = r < 0;
	return r;
}

/* Whether what was read is what stood there; a checkpoint also when another one
 * was renamed to its place meanwhile, which shows in the time of the change of
 * its names only. */
static bool
is_as_it_was(const struct sending *s, int fd, const struct stat *before)
{
	struct stat as_now = *before, now;
	if (s->is_checkpoint && fstat(fd, &now) == 0 && now.st_nlink == 0)
		as_now.st_ctim = now.st_ctim;
	return tree_is_unchanged(fd, &as_now);
}

/* Sends all of 'fd', which had the size and times of 'st' at the start. */
static int
send_file(struct sending *s, int fd, const struct stat *st, struct err *err)
{
	static unsigned char buffer[STATESTREAM_DATA_MAX];
	uint64_t left = (uint64_t)st->st_size;
	for (;;) {
		ssize_t n = read_some(fd, buffer, err);
		if (n < 0)
			return (int)n;
		if ((uint64_t)n > left || (n == 0 && left > 0))
			break;
		if (n == 0)
			return is_as_it_was(s, fd, st)
				       ? 0
				       : err_set(err, -ESTALE,
						 "changed while it was read");
		int r = send_data(s, (struct bytes){buffer, (size_t)n}, err);
		if (r < 0)
			return r;
		left -= (uint64_t)n;
	}
	return err_set(err, -ESTALE, "changed its size while it was read");
}

/* --- A directory --- */

/* A directory that is being measured. */
struct measuring {
	int out;
	uint64_t size;
	mono said; /* when we last said that we are at work */
};

/* Says so, so that whoever waits for the stream knows. */
static int
say_at_work(struct measuring *m, struct err *err)
{
	unsigned char bytes[STATESTREAM_WAIT_SIZE];
	struct writer w;
	writer_init(&w, bytes, sizeof bytes);
	statestream_put_wait(&w);
	m->said = clock_mono();
	return flush(m->out, &w, err);
}

static int
count_bytes(void *context, struct bytes bytes, struct err *err)
{
	struct measuring *m = context;
	m->size += bytes.size;
	mono due = mono_add(m->said, AT_WORK_MS);
	return mono_reached(due, clock_mono()) ? say_at_work(m, err) : 0;
}

/* How many bytes the directory makes; refuses too many. */
static int
measure_tree(const struct mover_job *job, int dir, int out, uint64_t *size,
	struct err *err)
{
	struct measuring m = {.out = out};
	const struct tree_sink sink = {count_bytes, &m};
	int r = say_at_work(&m, err);
	if (r == 0)
		r = tree_pack(dir, true, &sink, err);
	*size = m.size;
	if (r == 0 && *size > job->size_max)
		r = err_set(err, -EFBIG,
			"has %" PRIu64 " bytes with all that is in it, at most "
			"%" PRIu64 " are allowed",
			*size, job->size_max);
	return r;
}

/* Sends more than a frame takes. */
static int
send_bytes(void *context, struct bytes bytes, struct err *err)
{
	struct sending *s = context;
	const unsigned char *at = bytes.data;
	int r = 0;
	for (size_t done = 0; r == 0 && done < bytes.size;) {
		size_t n = bytes.size - done;
		if (n > STATESTREAM_DATA_MAX)
			n = STATESTREAM_DATA_MAX;
		if (n > s->left)
			return err_set(
				err, -ESTALE, "changed while it was read");
		r = send_data(s, (struct bytes){at + done, n}, err);
		s->left -= n;
		done += n;
	}
	return r;
}

static int
send_tree(struct sending *s, int dir, struct err *err)
{
	const struct tree_sink sink = {send_bytes, s};
	int r = tree_pack(dir, false, &sink, err);
	if (r == 0 && s->left > 0)
		r = err_set(err, -ESTALE, "changed while it was read");
	return r;
}

/* --- All of it --- */

/* Whether it says nothing about the state, so that another try may go well.  A
 * state at a path of its own is there for the service that starts again, which
 * need not wait for that. */
static bool
is_passing(const struct sending *s, int code)
{
	return !s->stays &&
	       (code == -EMFILE || code == -ENFILE || code == -ENOMEM ||
		       code == -EAGAIN || code == -EIO);
}

/* Ends the stream, well or with the reason in 'err'; returns the outcome.  One
 * that breaks off is read again, one that says why it failed is not. */
static int
send_outcome(struct sending *s, int r, struct err *err)
{
	if (s->is_broken || is_passing(s, r))
		return r;
	if (r == 0)
		statestream_put_end(&s->stream, &s->front);
	else
		statestream_put_fail(mover_clean(err), &s->front);
	int sent = flush(s->out, &s->front, r == 0 ? err : NULL);
	return r < 0 ? r : sent;
}

/* All of a stream that says that there is no state. */
static int
send_absent(int out, struct err *err)
{
	unsigned char bytes[STATESTREAM_HEAD_SIZE + 1];
	struct statestream_writer stream;
	struct writer w;
	writer_init(&w, bytes, sizeof bytes);
	statestream_put_head(&stream, 0, &w);
	statestream_put_absent(&w);
	return flush(out, &w, err);
}

int
mover_get(const struct mover_job *job, int out, struct err *err)
{
	struct sending s = {
		.out = out,
		.is_checkpoint = job->is_checkpoint,
		.stays = job->path != NULL,
	};
	struct stat st = {0};
	bool is_absent = false;
	char text[PATH_MAX];
	writer_init(&s.front, s.bytes, sizeof s.bytes);
	int fd = open_state(job, &st, &is_absent, err);
	if (is_absent)
		return send_absent(out, err);
	bool is_tree = fd >= 0 && S_ISDIR(st.st_mode);
	s.left = fd < 0 ? 0 : (uint64_t)st.st_size;
	int r = is_tree ? measure_tree(job, fd, out, &s.left, err) : fd;
	if (is_tree && r < 0)
		err_wrap(err, r, "%s", label(job, text));
	statestream_put_head(&s.stream, r < 0 ? 0 : s.left, &s.front);
	if (r >= 0) {
		r = flush(out, &s.front, err);
		s.is_broken = r < 0;
	}
	if (r == 0) {
		r = is_tree ? send_tree(&s, fd, err)
			    : send_file(&s, fd, &st, err);
		if (r < 0 && !s.is_broken)
			err_wrap(err, r, "%s", label(job, text));
	}
	r = send_outcome(&s, r, err);
	if (fd >= 0)
		close(fd);
	return r;
}
