#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mover/mover.h"
#include "sys/files.h"
#include "sys/statestream.h"

/* One state on its way from 'in' to 'file'. */
struct arriving {
	const struct mover_job *job;
	int in;
	int file;
	uint64_t got; /* bytes written */
};

static unsigned char buffer[STATESTREAM_DATA_MAX];

/* Writes 'data' behind what is there, unless that is too much. */
static int
store(struct arriving *a, struct bytes data, struct err *err)
{
	if (data.size > a->job->size_max - a->got)
		return err_set(err, -EFBIG,
			"the state has more than %" PRIu64 " bytes",
			a->job->size_max);
	int r = files_write_all(a->file, data, err);
	if (r < 0)
		return err_wrap(err, r, "the copy of the state");
	a->got += data.size;
	return 0;
}

/* Reads some of the input: at 'at', or where it stands when that is -1. */
static ssize_t
read_input(int in, off_t at, struct err *err)
{
	ssize_t n;
	do {
		n = at < 0 ? read(in, buffer, sizeof buffer)
			   : pread(in, buffer, sizeof buffer, at);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_sys(err, -errno, "standard input cannot be read");
	return n;
}

/* Bare bytes.  The offset of a regular file is shared with whoever wrote
 * it, and stands at its end more often than not: it is not used. */
static int
take_bare(struct arriving *a, struct err *err)
{
	struct stat st;
	if (fstat(a->in, &st) < 0)
		return err_sys(err, -errno, "standard input");
	bool is_file = S_ISREG(st.st_mode);
	for (;;) {
		off_t at = is_file ? (off_t)a->got : -1;
		ssize_t n = read_input(a->in, at, err);
		if (n < 0)
			return (int)n;
		if (n == 0)
			break;
		int r = store(a, (struct bytes){buffer, (size_t)n}, err);
		if (r < 0)
			return r;
	}
	if (is_file && a->got != (uint64_t)st.st_size)
		return err_set(err, -ESTALE,
			"standard input changed its size while it was read");
	return 0;
}

/* Hands what is in the buffer to the stream's reader, and stores its data. */
static enum statestream_event
take_events(struct arriving *a, struct statestream_reader *s, size_t size,
	int *r, struct err *err)
{
	struct bytes in = {buffer, size};
	struct bytes data;
	enum statestream_event event;
	do {
		event = statestream_next(s, &in, &data);
		if (event == STATESTREAM_DATA)
			*r = store(a, data, err);
	} while (*r == 0 &&
		 (event == STATESTREAM_HEAD || event == STATESTREAM_DATA));
	return event;
}

/* A state stream, which says itself whether it is complete. */
static int
take_framed(struct arriving *a, struct err *err)
{
	struct statestream_reader s;
	statestream_init(&s, a->job->size_max);
	enum statestream_event event = STATESTREAM_MORE;
	while (event == STATESTREAM_MORE) {
		int r = 0;
		ssize_t n = read_input(a->in, -1, err);
		if (n < 0)
			return (int)n;
		event = n > 0 ? take_events(a, &s, (size_t)n, &r, err)
			      : statestream_finish(&s);
		if (r < 0)
			return r;
	}
	if (event == STATESTREAM_ABSENT)
		return err_set(err, -ENOENT,
			"standard input: the sender has no state");
	if (event != STATESTREAM_DONE)
		return err_set(err, -EBADMSG, "standard input: %s", s.text);
	return 0;
}

int
mover_make_file(int dir, const char *name, struct err *err)
{
	if (unlinkat(dir, name, 0) < 0 && errno != ENOENT)
		return err_sys(err, -errno, "%s: cannot be replaced", name);
	return files_open_beneath(
		dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600, err);
}

int
mover_take(const struct mover_job *job, int in, int file, struct err *err)
{
	struct arriving a = {.job = job, .in = in, .file = file};
	return job->is_framed ? take_framed(&a, err) : take_bare(&a, err);
}

/* Gives the written file its name, durably. */
static int
name_file(const struct mover_job *job, int file, int dir, struct err *err)
{
	const char *step = "synced";
	if (fsync(file) < 0)
		goto fail;
	step = "renamed to";
	if (renameat(dir, MOVER_STATE_IN_TMP, dir, MOVER_STATE_IN) < 0)
		goto fail;
	step = "made durable";
	if (fsync(dir) == 0)
		return 0;
fail:
	return err_sys(err, -errno, "%s/" MOVER_STATE_IN ": cannot be %s",
		job->dir, step);
}

int
mover_put(const struct mover_job *job, int in, struct err *err)
{
	int dir = mover_open_dir(job, err);
	if (dir < 0)
		return dir;
	int file = mover_make_file(dir, MOVER_STATE_IN_TMP, err);
	int r = file < 0 ? file : mover_take(job, in, file, err);
	if (r < 0)
		err_wrap(err, r, "%s/" MOVER_STATE_IN_TMP, job->dir);
	else
		r = name_file(job, file, dir, err);
	if (r < 0 && file >= 0)
		unlinkat(dir, MOVER_STATE_IN_TMP, 0);
	if (file >= 0)
		close(file);
	close(dir);
	return r;
}
