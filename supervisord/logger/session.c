#include "logger/session.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/check.h"
#include "base/hash.h"
#include "logger/stream.h"
#include "logger/work.h"
#include "sys/clock.h"
#include "sys/ipc.h"
#include "sys/say.h"

#define BUCKETS 65536 /* of as many instances as the keeper has at most */

/* Everything a run has. */
struct session {
	int socket;	    /* the keeper's, borrowed */
	int epoll;	    /* socket (data NULL), work.done_fd (data
			       'work') and FIFOs (stream) */
	struct list all;    /* streams by 'in_all', oldest first */
	struct map by_name; /* the same, by a hash of their names */
	struct map by_iid;
	struct list timed;	    /* those with a deadline, by 'in_timed' */
	struct work work;	    /* whose threads do the turns */
	unsigned pongs;		    /* PINGs to be answered ... */
	mono pong_at;		    /* ... by then at the latest */
	bool has_closed;	    /* a stream may be freed */
	bool is_ending;		    /* the keeper is gone */
	mono end_at;		    /* then: leave, whatever is left */
	int status;		    /* not 0: leave now, with it */
	struct ipc_message message; /* the one being handled */
};

#define stream_of(link, member) container_of(link, struct stream, member)

/* The room of the maps; what is not used is not touched. */
static struct map_link *name_buckets[BUCKETS], *iid_buckets[BUCKETS];

static void
add_stream(struct session *x, struct stream *s)
{
	list_append(&x->all, &s->in_all);
	map_insert(&x->by_name, &s->by_name, hash_text(s->name, 0));
	map_insert(&x->by_iid, &s->by_iid, hash_mix(s->iid, 0));
}

static void
remove_stream(struct session *x, struct stream *s)
{
	list_remove(&s->in_all);
	list_remove(&s->in_timed);
	map_remove(&x->by_name, &s->by_name);
	map_remove(&x->by_iid, &s->by_iid);
}

/* The oldest stream of the name or the iid behind 'last', NULL: of all. */
static struct stream *
next_of_name(
	const struct session *x, const struct stream *last, const char *name)
{
	struct map_link *l = last ? map_next(&x->by_name, &last->by_name)
				  : map_first(&x->by_name, hash_text(name, 0));
	for (; l; l = map_next(&x->by_name, l))
		if (strcmp(stream_of(l, by_name)->name, name) == 0)
			return stream_of(l, by_name);
	return NULL;
}

static struct stream *
next_of_iid(const struct session *x, const struct stream *last, uint64_t iid)
{
	struct map_link *l = last ? map_next(&x->by_iid, &last->by_iid)
				  : map_first(&x->by_iid, hash_mix(iid, 0));
	for (; l; l = map_next(&x->by_iid, l))
		if (stream_of(l, by_iid)->iid == iid)
			return stream_of(l, by_iid);
	return NULL;
}

/* Polls the FIFO of 's' for one event, or stops doing so. */
static void
set_polled(struct session *x, struct stream *s, bool wanted)
{
	struct epoll_event e = {
		.events = EPOLLIN | EPOLLONESHOT, .data.ptr = s};
	int op = !wanted	? EPOLL_CTL_DEL
		 : s->is_polled ? EPOLL_CTL_MOD
				: EPOLL_CTL_ADD;
	if (!s->is_polled && !wanted)
		return;
	if (epoll_ctl(x->epoll, op, s->fifo, &e) < 0) {
		say(SAY_ERROR, "%s: its FIFO cannot be watched: %s", s->name,
			strerror(errno));
		return;
	}
	s->is_polled = wanted;
}

/* Watches for what 's' wants next. */
static void
watch(struct session *x, struct stream *s)
{
	bool is_timed = mono_diff(stream_deadline(s), MONO_NEVER) != 0;
	set_polled(x, s, stream_wants_input(s));
	if (is_timed && list_is_empty(&s->in_timed))
		list_append(&x->timed, &s->in_timed);
	else if (!is_timed)
		list_remove(&s->in_timed);
	x->has_closed |= s->state == STREAM_CLOSED;
}

/* Has a turn done. */
static void
turn(struct session *x, struct stream *s)
{
	if (s->asked.is_working) {
		s->asked.turn = true;
	} else if (s->state == STREAM_WAITING || s->state == STREAM_CLOSED) {
		watch(x, s);
	} else {
		s->asked.is_working = true;
		list_remove(&s->in_timed);
		work_submit(&x->work, s);
	}
}

/* The three things that the keeper may say of a stream: at once, or after the
 * turn that is under way. */
static void
end_epoch(struct session *x, struct stream *s)
{
	if (!s->asked.is_working)
		stream_end_epoch(s);
	else if (s->asked.begin)
		s->asked.end_of_that = true;
	else
		s->asked.end = true;
	turn(x, s);
}

static void
begin_epoch(struct session *x, struct stream *s, uint64_t epoch)
{
	if (s->asked.is_working) {
		s->asked.begin = true;
		s->asked.end_of_that = false;
		s->asked.epoch = epoch;
	} else {
		stream_begin_epoch(s, epoch);
	}
	turn(x, s);
}

static void
close_stream(struct session *x, struct stream *s)
{
	if (s->asked.is_working)
		s->asked.close = true;
	else
		stream_close(s);
	turn(x, s);
}

/* The line that is waited for was among the output. */
static void
say_matched(struct session *x, struct stream *s)
{
	unsigned char body[64];
	struct writer w;
	struct kproto_event e = {s->iid, s->match_epoch, 0};
	if (!s->is_matched || x->is_ending)
		return;
	writer_init(&w, body, sizeof body);
	kproto_put_event(&w, &e);
	/* A socket that is full is tried after the next turn. */
	s->is_matched = ipc_send(x->socket, KMSG_LOG_MATCHED, writer_done(&w),
				NULL, 0) < 0;
}

/* A turn is done: what came meanwhile, or what the stream wants next. */
static void
on_done(struct session *x, struct stream *s)
{
	struct stream_asked asked = s->asked;
	say_matched(x, s);
	s->asked = (struct stream_asked){.is_working = false};
	if (asked.end)
		stream_end_epoch(s);
	if (asked.begin)
		stream_begin_epoch(s, asked.epoch);
	if (asked.end_of_that)
		stream_end_epoch(s);
	if (asked.close)
		stream_close(s);
	if (asked.turn)
		turn(x, s);
	else
		watch(x, s);
}

static bool
is_closed(const struct stream *s)
{
	return !s->asked.is_working && s->state == STREAM_CLOSED;
}

/* The oldest stream of this name that is not closed. */
static struct stream *
find_name(struct session *x, const char *name)
{
	struct stream *s = NULL;
	while ((s = next_of_name(x, s, name)) && is_closed(s))
		continue;
	return s;
}

/* Begins the streams that waited for one that is closed now. */
static void
begin_next(struct session *x, const char *name)
{
	struct stream *s = find_name(x, name);
	if (!s || s->asked.is_working || s->state != STREAM_WAITING)
		return;
	stream_begin(s);
	turn(x, s);
}

/* Frees what is closed.  Not done while events are handled, because a later
 * event may be about the same stream. */
static void
sweep(struct session *x)
{
	if (!x->has_closed)
		return;
	x->has_closed = false;
	list_each_safe (it, &x->all) {
		struct stream *s = stream_of(it, in_all);
		if (!is_closed(s))
			continue;
		remove_stream(x, s);
		begin_next(x, s->name);
		stream_free(s);
	}
}

static bool
is_log(const struct kproto_log *log)
{
	return log->target >= KLOG_FILE && log->target <= KLOG_JOURNAL &&
	       log->when_full >= KFULL_BLOCK && log->when_full <= KFULL_DROP;
}

/* Ends the session: the keeper says what it must not say. */
static void
refuse(struct session *x, const char *what)
{
	say(SAY_ERROR, "the keeper sent %s that is not of the form", what);
	x->status = SESSION_BROKEN;
}

static void
on_open(struct session *x, struct bytes body)
{
	struct kproto_log log;
	struct ipc_message *m = &x->message;
	if (!kproto_get_log(body, &log) || !is_log(&log) || m->fd_count != 1) {
		refuse(x, "a LOG_OPEN");
		return;
	}
	struct stream *s = stream_new(&log, m->fds[0]);
	m->fds[0] = -1;
	if (!s)
		return;
	struct stream *older = find_name(x, s->name);
	add_stream(x, s);
	if (!older)
		stream_begin(s);
	for (struct stream *o = NULL; (o = next_of_name(x, o, s->name));)
		if (o != s)
			close_stream(x, o);
	turn(x, s);
}

static void
on_close(struct session *x, struct bytes body)
{
	struct reader r;
	reader_init(&r, body.data, body.size);
	uint64_t iid = reader_u64(&r);
	if (!reader_is_done(&r)) {
		refuse(x, "a LOG_CLOSE");
		return;
	}
	for (struct stream *s = NULL; (s = next_of_iid(x, s, iid));)
		close_stream(x, s);
}

static void
on_epoch(struct session *x, struct bytes body)
{
	struct kproto_event e;
	if (!kproto_get_event(body, &e)) {
		refuse(x, "a LOG_EPOCH");
		return;
	}
	for (struct stream *s = NULL; (s = next_of_iid(x, s, e.iid));) {
		if (e.value)
			begin_epoch(x, s, e.epoch);
		else
			end_epoch(x, s);
	}
}

static void
on_message(struct session *x, mono now)
{
	struct bytes body = {x->message.body, x->message.size};
	switch (x->message.type) {
	case KMSG_LOG_OPEN:
		on_open(x, body);
		break;
	case KMSG_LOG_CLOSE:
		on_close(x, body);
		break;
	case KMSG_LOG_EPOCH:
		on_epoch(x, body);
		break;
	case KMSG_PING:
		if (x->pongs++ == 0)
			x->pong_at = mono_add(now, SESSION_PONG_MS);
		break;
	default:
		refuse(x, kproto_message_name(x->message.type));
	}
	ipc_message_close(&x->message);
}

/* The keeper is gone: the streams get what is left. */
static void
begin_end(struct session *x, mono now)
{
	x->is_ending = true;
	x->end_at = mono_add(now, SESSION_END_MS);
	epoll_ctl(x->epoll, EPOLL_CTL_DEL, x->socket, NULL);
	list_each (it, &x->all) {
		struct stream *s = stream_of(it, in_all);
		close_stream(x, s);
	}
}

static void
on_socket(struct session *x, mono now)
{
	for (int i = 0; i < SESSION_MESSAGES && x->status == 0; i++) {
		int r = ipc_recv(x->socket, &x->message);
		if (r == -EAGAIN)
			return;
		if (r == -EBADMSG)
			refuse(x, "a message");
		else if (r < 0)
			begin_end(x, now);
		if (r < 0)
			return;
		on_message(x, now);
	}
}

/* Gives a turn to each stream whose time has come. */
static void
on_time(struct session *x, mono now)
{
	list_each_safe (it, &x->timed) {
		struct stream *s = stream_of(it, in_timed);
		if (mono_reached(stream_deadline(s), now))
			turn(x, s);
	}
}

/* Milliseconds for epoll_wait; -1 for ever. */
static int
time_left(struct session *x, mono now)
{
	mono next = x->is_ending ? x->end_at : MONO_NEVER;
	next = mono_min(next, work_look(&x->work, now));
	if (x->pongs)
		next = mono_min(next, x->pong_at);
	list_each (it, &x->timed) {
		struct stream *s = stream_of(it, in_timed);
		next = mono_min(next, stream_deadline(s));
	}
	int64_t ms = mono_diff(next, now);
	if (mono_diff(next, MONO_NEVER) == 0 || ms > INT32_MAX)
		return -1;
	return ms < 0 ? 0 : (int)ms;
}

/* Answers PINGs once what came before them is done, or takes long: a file that
 * hangs is no logger that hangs. */
static void
send_pongs(struct session *x, mono now)
{
	if (!work_is_idle(&x->work) && !mono_reached(x->pong_at, now))
		return;
	/* A socket too full for an answer needs none. */
	for (; x->pongs > 0; x->pongs--)
		ipc_send(
			x->socket, KMSG_PONG, (struct bytes){NULL, 0}, NULL, 0);
}

/* Waits once and handles what came. */
static void
step(struct session *x)
{
	struct epoll_event events[SESSION_EVENTS];
	int n = epoll_wait(
		x->epoll, events, SESSION_EVENTS, time_left(x, clock_mono()));
	mono now = clock_mono();
	struct stream *done;
	for (int i = 0; i < n; i++) {
		if (!events[i].data.ptr)
			on_socket(x, now);
	}
	while ((done = work_take_done(&x->work)))
		on_done(x, done);
	for (int i = 0; i < n; i++) {
		void *of = events[i].data.ptr;
		if (of && of != &x->work)
			turn(x, of);
	}
	on_time(x, now);
	send_pongs(x, now);
	sweep(x);
}

static bool
is_over(const struct session *x)
{
	if (x->status != 0 || !x->is_ending)
		return x->status != 0;
	if (list_is_empty(&x->all))
		return true;
	if (!mono_reached(x->end_at, clock_mono()))
		return false;
	say(SAY_WARNING, "left with output that could not be written");
	return true;
}

/* Opens what the session needs, and greets. */
static int
begin(struct session *x, const char *log_dir, const char *journal,
	struct err *err)
{
	struct epoll_event socket = {.events = EPOLLIN, .data.ptr = NULL};
	struct epoll_event done = {.events = EPOLLIN, .data.ptr = &x->work};
	int r = work_init(&x->work, log_dir, journal, err);
	if (r < 0)
		return r;
	x->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (x->epoll < 0 ||
		epoll_ctl(x->epoll, EPOLL_CTL_ADD, x->socket, &socket) < 0 ||
		epoll_ctl(x->epoll, EPOLL_CTL_ADD, x->work.done_fd, &done) < 0)
		return err_sys(err, -errno, "the keeper's socket");
	r = ipc_send(
		x->socket, KMSG_LOG_READY, (struct bytes){NULL, 0}, NULL, 0);
	return r < 0 ? err_sys(err, r, "the keeper's socket") : 0;
}

int
session_run(int socket, const char *log_dir, const char *journal)
{
	static struct session x;
	struct err err = {""};
	x = (struct session){.socket = socket};
	list_init(&x.all);
	list_init(&x.timed);
	map_init(&x.by_name, name_buckets, BUCKETS);
	map_init(&x.by_iid, iid_buckets, BUCKETS);
	if (begin(&x, log_dir, journal, &err) < 0) {
		say(SAY_ERROR, "%s", err.text);
		return 1;
	}
	while (!is_over(&x))
		step(&x);
	/* The process ends here, and its descriptors with it. */
	return x.status;
}
