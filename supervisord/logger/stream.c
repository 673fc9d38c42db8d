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
#include "base/name.h"
#include "base/name_part.h"
#include "logger/pack.h"
#include "logger/rotate.h"
#include "sys/logmarks.h"
#include "sys/say.h"

#define WHY_MAX 160 /* of a reason, in a line about it */

static bool
is_fifo(int fd)
{
	struct stat st;
	return fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode);
}

/* One with its names, or NULL. */
static struct stream *
make(const char *name)
{
	char file[NAME_FILE_MAX + 1];
	int length = (int)strnlen(name, INSTANCE_NAME_MAX);
	name_to_file(name, file);
	size_t room = (size_t)length + strlen(file) + sizeof ".log" + 1;
	struct stream *s = calloc(1, sizeof *s + room);
	if (!s)
		return NULL;
	snprintf(s->texts, room, "%.*s%c%s.log", length, name, 0, file);
	s->name = s->texts;
	return s;
}

struct stream *
stream_new(const struct kproto_log *log, int fifo)
{
	struct stream *s = is_fifo(fifo) ? make(log->name) : NULL;
	if (!s) {
		say(SAY_ERROR, "%.200s: its output cannot be taken", log->name);
		close(fifo);
		return NULL;
	}
	list_init(&s->in_all);
	list_init(&s->in_timed);
	list_init(&s->in_work);
	s->iid = log->iid;
	s->wanted = s->target = (enum kproto_log_target)log->target;
	s->is_compressed = log->is_compressed;
	s->max_age_ms = log->max_age_ms;
	s->old_at = s->old_look = MONO_NEVER;
	marks_begin(&s->marks, log->epoch);
	s->when_full = (enum kproto_when_full)log->when_full;
	s->fifo = fifo;
	s->state = STREAM_WAITING;
	s->file.fd = -1;
	s->match = match_new(log->ready_line, s->name);
	s->match_epoch = log->epoch;
	if (s->target != KLOG_FILE && s->target != KLOG_JOURNAL)
		return s;
	if (name_is_runtime((struct bytes){log->name, strlen(log->name)})) {
		logfile_init(&s->file, NULL, s->name + strlen(s->name) + 1,
			log->max_size, log->max_files);
	} else {
		say(SAY_ERROR,
			"an instance of iid %" PRIu64 " has a name that "
			"none may have; its output is thrown away",
			log->iid);
		s->wanted = s->target = KLOG_NULL;
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
	match_free(s->match);
	logfile_close(&s->file);
	close(s->fifo);
	free(s->why);
	free(s);
}

static int64_t
least(int64_t a, int64_t b)
{
	return a < b ? a : b;
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
	int r = peek_look(&s->shared->peek, s->fifo, ahead);
	if (r == 0 && s->match)
		match_look(s->match, *ahead);
	return r;
}

/* How much may be moved unseen: all, unless a line is waited for. */
static ssize_t
plan_blind(struct stream *s)
{
	struct bytes ahead;
	if (!s->match)
		return STREAM_SPLICE;
	int r = look(s, &ahead);
	return r < 0 ? r : (ssize_t)ahead.size;
}

/* Looks after rotated files: old marks go, plain ones are compressed. */
static void
tidy_files(struct stream *s)
{
	struct logfile *f = &s->file;
	marks_sweep(f->dir->fd, f->name, f->files_max);
	if (s->is_compressed && f->files_max > 0)
		pack_ask(f->dir->path, f->name, f->files_max);
}

/* Opens the file, or sees that it still is the one. */
static int
open_file(struct stream *s, struct err *err)
{
	int r = logfile_open(&s->file, err);
	if (r < 0 || s->file.opening == s->old_opening)
		return r;
	if (s->old_opening == 0)
		tidy_files(s);
	s->old_opening = s->file.opening;
	s->old_at = MONO_NEVER;
	if (s->max_age_ms > 0)
		s->old_at = mono_add(s->now,
			s->max_age_ms - least(s->file.age_ms, s->max_age_ms));
	s->old_look = s->old_at;
	return 0;
}

static bool
is_old(const struct stream *s)
{
	return s->max_age_ms > 0 && s->file.size > 0 &&
	       mono_reached(s->old_at, s->now);
}

static int
rotate(struct stream *s, struct err *err)
{
	int r = logfile_rotate(&s->file, err);
	if (r == 0)
		tidy_files(s);
	return r == 0 ? open_file(s, err) : r;
}

/* Rotates an old file though nothing comes, unless it ends in half a line. */
static int
rotate_idle(struct stream *s, struct err *err)
{
	if (!is_old(s) || !mono_reached(s->old_look, s->now))
		return 0;
	if (logfile_is_at_line_start(&s->file))
		return rotate(s, err);
	s->old_look = mono_add(s->now, STREAM_END_MS);
	return 0;
}

/* Decides how much goes into the file next, rotating it if need be. */
static ssize_t
plan_file(struct stream *s, struct err *err)
{
	struct bytes ahead;
	if (!is_old(s) && logfile_has_room(&s->file, STREAM_SPLICE))
		return plan_blind(s);
	int r = look(s, &ahead);
	if (r < 0)
		return r;
	struct logfile_cut cut = is_old(s) ? logfile_plan_old(&s->file, ahead)
					   : logfile_plan(&s->file, ahead);
	if (cut.rotate) {
		r = rotate(s, err);
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
	marks_note(&s->marks, &s->file, s->now);
	if (s->file.size == 0 && s->max_age_ms > 0)
		s->old_at = s->old_look = mono_add(s->now, s->max_age_ms);
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

/* The line that comes next, with its newline; one that is not whole is waited
 * for a while.  Returns its size, -EAGAIN if it shall wait. */
static ssize_t
next_line(struct stream *s, struct bytes ahead)
{
	const char *end = memchr(ahead.data, '\n', ahead.size);
	if (end && end - (const char *)ahead.data < JOURNAL_LINE_MAX)
		return end - (const char *)ahead.data + 1;
	if (ahead.size >= JOURNAL_LINE_MAX)
		return JOURNAL_LINE_MAX;
	bool is_waited_for = s->is_holding && mono_reached(s->due, s->now);
	if (is_waited_for || s->is_closing)
		return (ssize_t)ahead.size;
	if (!s->is_holding)
		s->due = mono_add(s->now, STREAM_HOLD_MS);
	s->is_holding = true;
	return -EAGAIN;
}

static int
send_line(struct stream *s, struct bytes line, struct err *err)
{
	if (((const char *)line.data)[line.size - 1] == '\n')
		line.size--;
	s->is_holding = false;
	if (line.size == 0)
		return 0; /* as journald does with empty lines */
	return journal_send(&s->shared->journal, s->name,
		s->marks.epoch & ~LOGMARKS_END, line, err);
}

/* Lines of up to STREAM_WRITE_MAX bytes, one at least. */
static ssize_t
move_to_journal(struct stream *s, struct err *err)
{
	struct bytes ahead;
	int r = look(s, &ahead);
	size_t sent = 0;
	while (r == 0 && sent < ahead.size && sent < STREAM_WRITE_MAX) {
		struct bytes rest = {
			(const char *)ahead.data + sent, ahead.size - sent};
		ssize_t size = next_line(s, rest);
		if (size < 0)
			return sent > 0 ? discard(s, sent) : size;
		rest.size = (size_t)size;
		r = send_line(s, rest, err);
		if (r == 0)
			sent += rest.size;
	}
	if (sent > 0)
		return discard(s, sent);
	/* An empty FIFO is another thing than a full socket. */
	return r == -EAGAIN && *err->text ? -EBUSY : r;
}

/* Moves some bytes to where they belong: how many, 0 or -EPIPE at the end of
 * the FIFO, -EAGAIN when it is empty, other -errno when they cannot go. */
static ssize_t
move(struct stream *s, struct err *err)
{
	if (s->state == STREAM_DROPPING) {
		ssize_t n = plan_blind(s);
		if (n > 0)
			n = discard(s, (size_t)n);
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
	case KLOG_JOURNAL:
		return move_to_journal(s, err);
	}
	UNREACHABLE();
}

/* So much is gone; was the line that is waited for in it? */
static void
note_match(struct stream *s, size_t moved)
{
	if (!s->match)
		return;
	match_moved(s->match, moved);
	if (!match_is_found(s->match))
		return;
	s->is_matched = true;
	match_free(s->match);
	s->match = NULL;
}

static void
count_down(uint64_t *left, uint64_t moved)
{
	*left -= *left < moved ? *left : moved;
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
		note_match(s, (size_t)n);
		count_down(&s->closing_left, (uint64_t)n);
		count_down(&s->ending_left, (uint64_t)n);
	}
	return 0;
}

/* There is no journald that takes the output. */
static void
fall_back(struct stream *s, const struct err *err)
{
	static struct say_limit limit;
	say_limited(&limit, 60, SAY_WARNING,
		"%s: its output goes to the file %s and not to the journal: %s",
		s->name, s->file.name, err->text);
	s->target = KLOG_FILE;
	s->state = STREAM_MOVING;
	s->due = s->now;
}

/* As 'stall', for journald. */
static void
stall_journal(struct stream *s, int r, const struct err *err)
{
	if (s->state != STREAM_STALLED)
		s->give_up_at = mono_add(s->now, STREAM_BLOCK_MS);
	s->state = STREAM_STALLED;
	s->due = mono_add(
		s->now, r == -EBUSY ? STREAM_SOON_MS : STREAM_RETRY_MS);
	if (r == -ENOENT || mono_reached(s->give_up_at, s->now))
		fall_back(s, err);
}

static const char *
why_of(const struct stream *s)
{
	return s->why ? s->why : "out of memory";
}

/* The bytes have nowhere to go, for the reason in 'err'. */
static void
stall(struct stream *s, mono now, const struct err *err)
{
	if (s->state != STREAM_STALLED) {
		bool can_wait = s->when_full == KFULL_BLOCK;
		s->give_up_at = mono_add(now, can_wait ? STREAM_BLOCK_MS : 0);
		free(s->why);
		s->why = strndup(err->text, WHY_MAX);
	}
	s->state = STREAM_STALLED;
	s->due = mono_min(mono_add(now, STREAM_RETRY_MS), s->give_up_at);
	if (!mono_reached(s->give_up_at, now))
		return;
	static struct say_limit limit;
	say_limited(&limit, 60, SAY_WARNING, "%s: its output is dropped: %s",
		s->name, why_of(s));
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
	int r = open_file(s, err);
	if (r < 0 || s->dropped == 0)
		return r;
	snprintf(line, sizeof line,
		"skep: %" PRIu64 " bytes of output are missing here: %s",
		s->dropped, why_of(s));
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

/* Everything of the epoch has been moved. */
static void
end_epoch(struct stream *s)
{
	s->is_ending = false;
	if (s->target == KLOG_FILE && s->file.fd >= 0)
		marks_end(&s->marks, &s->file, s->now);
}

/* What follows from the outcome of a turn's work. */
static void
settle(struct stream *s, int r, mono now, const struct err *err)
{
	bool is_empty = r == -EAGAIN || r == -EPIPE;
	s->is_at_end = r == -EPIPE;
	if (s->is_ending && (is_empty || s->ending_left == 0))
		end_epoch(s);
	if (s->is_closing && (is_empty || s->closing_left == 0))
		end(s);
	else if (r != 0 && !is_empty && s->target == KLOG_JOURNAL)
		stall_journal(s, r, err);
	else if (r != 0 && !is_empty)
		stall(s, now, err);
	else if (s->state == STREAM_STALLED)
		s->state = STREAM_MOVING;
	if (s->is_at_end && s->state == STREAM_MOVING && !s->is_holding)
		s->due = mono_add(now, STREAM_END_MS);
}

void
stream_turn(struct stream *s, mono now)
{
	struct err err = {""};
	int r = 0;
	if (s->state == STREAM_WAITING || s->state == STREAM_CLOSED)
		return;
	s->now = now;
	if (s->state == STREAM_DROPPING && mono_reached(s->due, now))
		try_again(s, now);
	bool is_filing = s->target == KLOG_FILE && s->state != STREAM_DROPPING;
	if (is_filing)
		r = open_file(s, &err);
	if (r == 0)
		r = pump(s, &err);
	if (is_filing && r == -EAGAIN)
		r = rotate_idle(s, &err) < 0 ? -EIO : -EAGAIN;
	settle(s, r, now, &err);
}

void
stream_lend(struct stream *s, struct stream_shared *shared)
{
	s->shared = shared;
	s->file.dir = &shared->dir;
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

void
stream_begin_epoch(struct stream *s, uint64_t epoch)
{
	if (s->is_ending)
		end_epoch(s);
	marks_begin(&s->marks, epoch);
	if (s->state == STREAM_MOVING)
		s->target = s->wanted;
}

void
stream_end_epoch(struct stream *s)
{
	int count = 0;
	if (ioctl(s->fifo, FIONREAD, &count) < 0)
		count = 0;
	s->is_ending = true;
	s->ending_left = (uint64_t)count;
}

bool
stream_wants_input(const struct stream *s)
{
	return !s->is_at_end && !s->is_holding &&
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
		if (s->is_at_end || s->is_holding)
			return s->due;
		return s->file.size > 0 ? s->old_look : MONO_NEVER;
	case STREAM_WAITING:
	case STREAM_CLOSED:
		return MONO_NEVER;
	}
	UNREACHABLE();
}
