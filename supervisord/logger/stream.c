#include "logger/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "sys/say.h"

static bool
is_fifo(int fd)
{
	struct stat st;
	return fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode);
}

struct stream *
stream_new(struct stream_shared *shared, const struct kproto_log *log, int fifo)
{
	struct stream *s = is_fifo(fifo) ? calloc(1, sizeof *s) : NULL;
	if (!s) {
		say(SAY_ERROR, "%.200s: its output cannot be taken", log->name);
		close(fifo);
		return NULL;
	}
	list_init(&s->in_all);
	list_init(&s->in_timed);
	s->shared = shared;
	s->iid = log->iid;
	s->target = (enum kproto_log_target)log->target;
	s->when_full = (enum kproto_when_full)log->when_full;
	s->fifo = fifo;
	s->state = STREAM_WAITING;
	s->file.fd = -1;
	snprintf(s->name, sizeof s->name, "%s", log->name);
	if (s->target != KLOG_FILE)
		return s;
	if (logfile_is_name(log->name)) {
		logfile_init(&s->file, &shared->dir, log->name, log->max_size,
			log->max_files);
	} else {
		say(SAY_ERROR,
			"an instance of iid %" PRIu64 " has a name that "
			"no file may have; its output is thrown away",
			log->iid);
		s->target = KLOG_NULL;
	}
	return s;
}

void
stream_free(struct stream *s)
{
	if (!s)
		return;
	CHECK(list_is_empty(&s->in_all) && list_is_empty(&s->in_timed));
	/* The keeper shares the FIFO's open file, so that closing our end
	 * would not end the polling. */
	CHECK(!s->is_polled);
	logfile_close(&s->file);
	close(s->fifo);
	free(s);
}

/* Throws up to 'size' bytes away; as logfile_splice. */
static ssize_t
discard(struct stream *s, size_t size)
{
	ssize_t n;
	do {
		n = splice(s->fifo, NULL, s->shared->null, NULL, size,
			SPLICE_F_NONBLOCK);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

/* The bytes ahead; -EAGAIN when there are none, -EPIPE at the end. */
static int
look(struct stream *s, struct bytes *ahead)
{
	return peek_look(&s->shared->peek, s->fifo, ahead);
}

/* Decides how much goes into the file next, rotating it if need be. */
static ssize_t
plan_file(struct stream *s, struct err *err)
{
	struct bytes ahead;
	if (logfile_has_room(&s->file, STREAM_SPLICE))
		return STREAM_SPLICE;
	int r = look(s, &ahead);
	if (r < 0)
		return r;
	struct logfile_cut cut = logfile_plan(&s->file, ahead);
	if (cut.rotate) {
		r = logfile_rotate(&s->file, err);
		if (r == 0)
			r = logfile_open(&s->file, err);
		if (r < 0)
			return r;
		cut = logfile_plan(&s->file, ahead);
	}
	if (cut.rotate)
		return err_set(err, -EBUSY, "%s: is written by somebody else",
			s->file.name);
	return (ssize_t)cut.move;
}

static ssize_t
move_to_file(struct stream *s, struct err *err)
{
	ssize_t size = plan_file(s, err);
	if (size < 0)
		return size;
	return logfile_splice(&s->file, s->fifo, (size_t)size, err);
}

/* Whether standard error can take STREAM_WRITE_MAX bytes now. */
static bool
console_is_ready(const struct stream *s)
{
	struct pollfd p = {.fd = s->shared->console, .events = POLLOUT};
	return poll(&p, 1, 0) == 1 && (p.revents & POLLOUT);
}

/* Whole lines as far as they fit into one write. */
static ssize_t
move_to_console(struct stream *s, struct err *err)
{
	struct bytes ahead;
	int r = look(s, &ahead);
	if (r < 0)
		return r;
	if (!console_is_ready(s))
		return err_set(err, -EBUSY, "standard error is full");
	if (ahead.size > STREAM_WRITE_MAX)
		ahead.size = STREAM_WRITE_MAX;
	const char *end = memrchr(ahead.data, '\n', ahead.size);
	if (end)
		ahead.size = (size_t)(end - (const char *)ahead.data) + 1;
	ssize_t n = write(s->shared->console, ahead.data, ahead.size);
	if (n < 0) {
		err_sys(err, -errno, "standard error");
		return -EIO;
	}
	return discard(s, (size_t)n);
}

/* Moves some bytes to where they belong: how many, 0 or -EPIPE at the end of
 * the FIFO, -EAGAIN when it is empty, other -errno when they cannot go. */
static ssize_t
move(struct stream *s, struct err *err)
{
	if (s->state == STREAM_DROPPING) {
		ssize_t n = discard(s, STREAM_SPLICE);
		if (n > 0)
			s->dropped += (uint64_t)n;
		return n;
	}
	switch (s->target) {
	case KLOG_FILE:
		return move_to_file(s, err);
	case KLOG_NULL:
		return discard(s, STREAM_SPLICE);
	case KLOG_INHERIT:
		return move_to_console(s, err);
	}
	UNREACHABLE();
}

/* Moves up to the budget: 0, or as 'move' when it could not go on. */
static int
pump(struct stream *s, struct err *err)
{
	for (size_t moved = 0; moved < STREAM_BUDGET;) {
		ssize_t n = move(s, err);
		if (n <= 0)
			return n < 0 ? (int)n : -EPIPE;
		moved += (size_t)n;
		s->closing_left -= s->closing_left < (uint64_t)n
					   ? s->closing_left
					   : (uint64_t)n;
	}
	return 0;
}

/* The bytes have nowhere to go, for the reason in 'err'. */
static void
stall(struct stream *s, mono now, const struct err *err)
{
	if (s->state != STREAM_STALLED) {
		bool can_wait = s->when_full == KFULL_BLOCK;
		s->give_up_at = mono_add(now, can_wait ? STREAM_BLOCK_MS : 0);
		snprintf(s->why, sizeof s->why, "%s", err->text);
	}
	s->state = STREAM_STALLED;
	s->due = mono_min(mono_add(now, STREAM_RETRY_MS), s->give_up_at);
	if (!mono_reached(s->give_up_at, now))
		return;
	static struct say_limit limit;
	say_limited(&limit, 60, SAY_WARNING, "%s: its output is dropped: %s",
		s->name, s->why);
	s->state = STREAM_DROPPING;
	s->due = mono_add(now, STREAM_RETRY_MS);
}

/* Tries whether what stopped us is over, and says in the file what is
 * missing from it. */
static int
recover(struct stream *s, struct err *err)
{
	char line[300];
	if (s->target == KLOG_INHERIT)
		return console_is_ready(s) ? 0 : -EBUSY;
	int r = logfile_open(&s->file, err);
	if (r < 0 || s->dropped == 0)
		return r;
	snprintf(line, sizeof line,
		"skep: %" PRIu64 " bytes of output are missing here: %s",
		s->dropped, s->why);
	return logfile_add_line(&s->file, line, err);
}

/* Leaves DROPPING if that is possible. */
static void
try_again(struct stream *s, mono now)
{
	static struct say_limit limit;
	struct err err = {""};
	if (recover(s, &err) < 0) {
		s->due = mono_add(now, STREAM_RETRY_MS);
		return;
	}
	say_limited(&limit, 60, SAY_NOTICE,
		"%s: its output is taken again, %" PRIu64 " bytes were dropped",
		s->name, s->dropped);
	s->state = STREAM_MOVING;
	s->dropped = 0;
}

/* Ends the stream. */
static void
end(struct stream *s)
{
	struct err err = {""};
	if (s->dropped)
		recover(s, &err);
	s->state = STREAM_CLOSED;
	if (s->dropped)
		say(SAY_WARNING,
			"%s: %" PRIu64 " bytes were dropped at its end",
			s->name, s->dropped);
	logfile_close(&s->file);
}

/* What follows from the outcome of a turn's work. */
static void
settle(struct stream *s, int r, mono now, const struct err *err)
{
	bool is_empty = r == -EAGAIN || r == -EPIPE;
	s->is_at_end = r == -EPIPE;
	if (s->is_closing && (is_empty || s->closing_left == 0))
		end(s);
	else if (r != 0 && !is_empty)
		stall(s, now, err);
	else if (s->state == STREAM_STALLED)
		s->state = STREAM_MOVING;
	if (s->is_at_end && s->state == STREAM_MOVING)
		s->due = mono_add(now, STREAM_END_MS);
}

void
stream_turn(struct stream *s, mono now)
{
	struct err err = {""};
	int r = 0;
	if (s->state == STREAM_WAITING || s->state == STREAM_CLOSED)
		return;
	if (s->state == STREAM_DROPPING && mono_reached(s->due, now))
		try_again(s, now);
	if (s->target == KLOG_FILE && s->state != STREAM_DROPPING)
		r = logfile_open(&s->file, &err);
	if (r == 0)
		r = pump(s, &err);
	settle(s, r, now, &err);
}

void
stream_begin(struct stream *s)
{
	CHECK(s->state == STREAM_WAITING);
	s->state = STREAM_MOVING;
}

void
stream_close(struct stream *s)
{
	int count = 0;
	if (s->is_closing)
		return;
	if (ioctl(s->fifo, FIONREAD, &count) < 0)
		count = 0;
	s->is_closing = true;
	s->closing_left = (uint64_t)count;
}

bool
stream_wants_input(const struct stream *s)
{
	return !s->is_at_end &&
	       (s->state == STREAM_MOVING || s->state == STREAM_DROPPING);
}

mono
stream_deadline(const struct stream *s)
{
	switch (s->state) {
	case STREAM_STALLED:
	case STREAM_DROPPING:
		return s->due;
	case STREAM_MOVING:
		return s->is_at_end ? s->due : MONO_NEVER;
	case STREAM_WAITING:
	case STREAM_CLOSED:
		return MONO_NEVER;
	}
	UNREACHABLE();
}
