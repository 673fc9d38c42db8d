#include "logger/session.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/check.h"
#include "logger/stream.h"
#include "sys/clock.h"
#include "sys/ipc.h"
#include "sys/say.h"

/* Everything a run has. */
struct session {
	int socket;		     /* the keeper's, borrowed */
	int epoll;		     /* socket (data NULL) and FIFOs (stream) */
	struct list all;	     /* streams by 'in_all', oldest first */
	struct list timed;	     /* those with a deadline, by 'in_timed' */
	struct stream_shared shared; /* lent to all streams */
	bool has_closed;	     /* a stream may be freed */
	bool is_ending;		     /* the keeper is gone */
	mono end_at;		     /* then: leave, whatever is left */
	int status;		     /* not 0: leave now, with it */
	struct ipc_message message;  /* the one being handled */
};

#define stream_of(link, member) container_of(link, struct stream, member)

/* Polls the FIFO of 's' or stops doing so. */
static void
set_polled(struct session *x, struct stream *s, bool wanted)
{
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = s};
	int op = wanted ? EPOLL_CTL_ADD : EPOLL_CTL_DEL;
	if (s->is_polled == wanted)
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
}

static void
turn(struct session *x, struct stream *s, mono now)
{
	stream_turn(s, now);
	watch(x, s);
	x->has_closed |= s->state == STREAM_CLOSED;
}

/* The oldest stream of this name that is not closed. */
static struct stream *
find_name(struct session *x, const char *name)
{
	list_each (it, &x->all) {
		struct stream *s = stream_of(it, in_all);
		if (s->state != STREAM_CLOSED && strcmp(s->name, name) == 0)
			return s;
	}
	return NULL;
}

/* Begins the streams that waited for one that is closed now. */
static void
begin_next(struct session *x, const char *name, mono now)
{
	struct stream *s = find_name(x, name);
	if (!s || s->state != STREAM_WAITING)
		return;
	stream_begin(s);
	turn(x, s, now);
}

/* Frees what is closed.  Not done while events are handled, because a later
 * event may be about the same stream. */
static void
sweep(struct session *x, mono now)
{
	if (!x->has_closed)
		return;
	x->has_closed = false;
	list_each_safe (it, &x->all) {
		struct stream *s = stream_of(it, in_all);
		if (s->state != STREAM_CLOSED)
			continue;
		list_remove(&s->in_all);
		list_remove(&s->in_timed);
		begin_next(x, s->name, now);
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
on_open(struct session *x, struct bytes body, mono now)
{
	struct kproto_log log;
	struct ipc_message *m = &x->message;
	if (!kproto_get_log(body, &log) || !is_log(&log) || m->fd_count != 1) {
		refuse(x, "a LOG_OPEN");
		return;
	}
	struct stream *s = stream_new(&x->shared, &log, m->fds[0]);
	m->fds[0] = -1;
	if (!s)
		return;
	struct stream *older = find_name(x, s->name);
	list_append(&x->all, &s->in_all);
	if (!older)
		stream_begin(s);
	list_each (it, &x->all) {
		struct stream *o = stream_of(it, in_all);
		if (o == s || strcmp(o->name, s->name) != 0)
			continue;
		stream_close(o);
		turn(x, o, now);
	}
	turn(x, s, now);
}

static void
on_close(struct session *x, struct bytes body, mono now)
{
	struct reader r;
	reader_init(&r, body.data, body.size);
	uint64_t iid = reader_u64(&r);
	if (!reader_is_done(&r)) {
		refuse(x, "a LOG_CLOSE");
		return;
	}
	list_each (it, &x->all) {
		struct stream *s = stream_of(it, in_all);
		if (s->iid != iid)
			continue;
		stream_close(s);
		turn(x, s, now);
	}
}

static void
on_epoch(struct session *x, struct bytes body, mono now)
{
	struct kproto_event e;
	if (!kproto_get_event(body, &e)) {
		refuse(x, "a LOG_EPOCH");
		return;
	}
	list_each (it, &x->all) {
		struct stream *s = stream_of(it, in_all);
		if (s->iid != e.iid || s->is_closing)
			continue;
		if (e.value)
			stream_begin_epoch(s, e.epoch);
		else
			stream_end_epoch(s);
		turn(x, s, now);
	}
}

static void
on_message(struct session *x, mono now)
{
	struct bytes body = {x->message.body, x->message.size};
	switch (x->message.type) {
	case KMSG_LOG_OPEN:
		on_open(x, body, now);
		break;
	case KMSG_LOG_CLOSE:
		on_close(x, body, now);
		break;
	case KMSG_LOG_EPOCH:
		on_epoch(x, body, now);
		break;
	case KMSG_PING:
		/* A socket too full for an answer needs none. */
		ipc_send(
			x->socket, KMSG_PONG, (struct bytes){NULL, 0}, NULL, 0);
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
		stream_close(s);
		turn(x, s, now);
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
			turn(x, s, now);
	}
}

/* Milliseconds for epoll_wait; -1 for ever. */
static int
time_left(const struct session *x, mono now)
{
	mono next = x->is_ending ? x->end_at : MONO_NEVER;
	list_each (it, &x->timed) {
		struct stream *s = stream_of(it, in_timed);
		next = mono_min(next, stream_deadline(s));
	}
	int64_t ms = mono_diff(next, now);
	if (mono_diff(next, MONO_NEVER) == 0 || ms > INT32_MAX)
		return -1;
	return ms < 0 ? 0 : (int)ms;
}

/* Waits once and handles what came. */
static void
step(struct session *x)
{
	struct epoll_event events[SESSION_EVENTS];
	int n = epoll_wait(
		x->epoll, events, SESSION_EVENTS, time_left(x, clock_mono()));
	mono now = clock_mono();
	for (int i = 0; i < n; i++) {
		if (!events[i].data.ptr)
			on_socket(x, now);
	}
	for (int i = 0; i < n; i++) {
		if (events[i].data.ptr)
			turn(x, events[i].data.ptr, now);
	}
	on_time(x, now);
	sweep(x, now);
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
begin(struct session *x, struct err *err)
{
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = NULL};
	int r = peek_init(&x->shared.peek, err);
	if (r < 0)
		return r;
	x->shared.null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (x->shared.null < 0)
		return err_sys(err, -errno, "/dev/null");
	x->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (x->epoll < 0 ||
		epoll_ctl(x->epoll, EPOLL_CTL_ADD, x->socket, &e) < 0)
		return err_sys(err, -errno, "the keeper's socket");
	if (logdir_open(&x->shared.dir, err) < 0)
		say(SAY_ERROR, "%s", err->text);
	r = ipc_send(
		x->socket, KMSG_LOG_READY, (struct bytes){NULL, 0}, NULL, 0);
	return r < 0 ? err_sys(err, r, "the keeper's socket") : 0;
}

int
session_run(int socket, const char *log_dir, const char *journal)
{
	static struct session x;
	struct err err = {""};
	x = (struct session){
		.socket = socket,
		.shared = {.dir = {log_dir, -1},
			.console = STDERR_FILENO,
			.journal = {journal, -1}},
	};
	list_init(&x.all);
	list_init(&x.timed);
	if (begin(&x, &err) < 0) {
		say(SAY_ERROR, "%s", err.text);
		return 1;
	}
	while (!is_over(&x))
		step(&x);
	/* The process ends here, and its descriptors with it. */
	return x.status;
}
