#include "node/keeper_link.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "node/keeper_private.h"
#include "node/keeper_report.h"
#include "node/launch.h"
#include "sys/clock.h"

#define MESSAGES_A_TURN	  64   /* read before others get a turn */
#define DIGESTING_WAIT_MS 1000 /* for a keeper that is busy */
#define BREATHE_EVERY_MS  1000
#define EXIT_PROTOCOL	  70
#define STATES_MAX	  2 /* descriptors with one command */

/* A command that the socket did not take yet. */
struct unsent {
	struct list link;
	uint16_t type;
	int fds[STATES_MAX]; /* ours; -1: none */
	size_t size;
	unsigned char body[];
};

/* --- Names --- */

static struct known *
known_find(struct keeper *k, uint64_t iid)
{
	struct map_link *link = map_first(&k->known, iid);
	return link ? container_of(link, struct known, by_iid) : NULL;
}

struct known *
keeper_know(struct keeper *k, uint64_t iid, const char *name)
{
	struct known *known = known_find(k, iid);
	if (known)
		return strcmp(known->name, name) == 0 ? known : NULL;
	size_t size = strlen(name) + 1;
	known = calloc(1, sizeof *known + size);
	CHECK(known);
	known->iid = iid;
	memcpy(known->name, name, size);
	map_insert(&k->known, &known->by_iid, iid);
	list_append(&k->all, &known->link);
	return known;
}

static void
known_remove(struct keeper *k, struct known *known)
{
	map_remove(&k->known, &known->by_iid);
	list_remove(&known->link);
	free(known->found);
	free(known);
}

/* --- Sending --- */

static void
keeper_end(struct keeper *k, int exit_code, const char *why)
{
	ev_io_stop(k->loop, &k->readable);
	ev_io_stop(k->loop, &k->writable);
	k->hooks.on_end(k->hooks.context, exit_code, why);
}

static const int no_states[STATES_MAX] = {-1, -1};

static int
keeper_send_now(struct keeper *k, uint16_t type, struct bytes body,
	const int fds[STATES_MAX])
{
	unsigned count = 0;
	while (count < STATES_MAX && fds[count] >= 0)
		count++;
	return ipc_send(k->fd, type, body, fds, count);
}

static void
keeper_send_later(struct keeper *k, uint16_t type, struct bytes body,
	const int fds[STATES_MAX])
{
	struct unsent *u = malloc(sizeof *u + body.size);
	CHECK(u);
	u->type = type;
	u->size = body.size;
	for (unsigned n = 0; n < STATES_MAX; n++)
		u->fds[n] =
			fds[n] >= 0 ? fcntl(fds[n], F_DUPFD_CLOEXEC, 0) : -1;
	if (body.size)
		memcpy(u->body, body.data, body.size);
	list_append(&k->outbox, &u->link);
	ev_io_start(k->loop, &k->writable);
}

/* Whether the socket will take it later.  ETOOMANYREFS: too many descriptors
 * are on their way. */
static bool
is_full(int code)
{
	return code == -EAGAIN || code == -ENOBUFS || code == -ETOOMANYREFS;
}

/* Sends a command behind those that wait, with what states belong to it. A
 * keeper that is gone is noticed by the reading side. */
static void
keeper_send_states(struct keeper *k, uint16_t type, struct bytes body,
	const int fds[STATES_MAX])
{
	int code = -EAGAIN;
	if (list_is_empty(&k->outbox))
		code = keeper_send_now(k, type, body, fds);
	if (is_full(code))
		keeper_send_later(k, type, body, fds);
	else if (code && code != -EPIPE)
		say_limited(&k->strange, 5, SAY_WARNING,
			"keeper: %s was not sent: %s",
			kproto_message_name(type), strerror(-code));
}

void
keeper_send(struct keeper *k, uint16_t type, struct bytes body)
{
	keeper_send_states(k, type, body, no_states);
}

static void
unsent_close(const struct unsent *u)
{
	for (unsigned n = 0; n < STATES_MAX; n++)
		if (u->fds[n] >= 0)
			close(u->fds[n]);
}

static void
on_writable(struct ev_loop *loop, ev_io *w, int revents)
{
	(void)revents;
	struct keeper *k = w->data;
	while (!list_is_empty(&k->outbox)) {
		struct unsent *u =
			container_of(k->outbox.next, struct unsent, link);
		struct bytes body = {u->body, u->size};
		if (is_full(keeper_send_now(k, u->type, body, u->fds)))
			return;
		unsent_close(u);
		list_remove(&u->link);
		free(u);
	}
	ev_io_stop(loop, w);
}

static void
keeper_send_value(struct keeper *k, uint16_t type, const char *name,
	uint64_t epoch, int64_t value)
{
	unsigned char buffer[64];
	struct writer w;
	writer_init(&w, buffer, sizeof buffer);
	kproto_put_event(&w, &(struct kproto_event){
				     .iid = launch_iid(name),
				     .epoch = epoch,
				     .value = value,
			     });
	CHECK(!w.bad);
	keeper_send(k, type, writer_done(&w));
}

int
keeper_start_instance(struct keeper *k, const char *name, uint64_t epoch,
	struct bytes body, int state_fd, int theirs_fd)
{
	struct known *known = keeper_know(k, launch_iid(name), name);
	if (!known)
		return -EEXIST;
	known->epoch = epoch;
	keeper_send_states(
		k, KMSG_START, body, (const int[]){state_fd, theirs_fd});
	return 0;
}

void
keeper_signal(struct keeper *k, const struct effect_signal *s)
{
	unsigned char buffer[64];
	struct writer w;
	writer_init(&w, buffer, sizeof buffer);
	kproto_put_signal(
		&w, &(struct kproto_signal){
			    .iid = launch_iid(s->name),
			    .epoch = s->epoch,
			    .signal = s->signal,
			    .target = s->to_all ? KTARGET_ALL : KTARGET_MAIN,
			    .is_handoff = s->is_handoff,
			    .then_continue = s->is_stop,
			    .is_checkpoint = s->is_checkpoint,
		    });
	CHECK(!w.bad);
	keeper_send(k, KMSG_SIGNAL, writer_done(&w));
}

static void
keeper_send_run(struct keeper *k, const char *name, uint64_t epoch,
	enum kproto_command command, int64_t timeout_ms)
{
	unsigned char buffer[64];
	struct writer w;
	writer_init(&w, buffer, sizeof buffer);
	kproto_put_run(
		&w, &(struct kproto_run){
			    .iid = launch_iid(name),
			    .epoch = epoch,
			    .command = (uint8_t)command,
			    .timeout_ms = timeout_ms > 0 ? timeout_ms : 1,
		    });
	CHECK(!w.bad);
	keeper_send(k, KMSG_RUN, writer_done(&w));
}

void
keeper_run(struct keeper *k, const struct effect_run *r)
{
	keeper_send_run(k, r->name, r->epoch, report_command_of(r->hook),
		r->timeout_ms);
}

void
keeper_probe(struct keeper *k, const char *name, uint64_t epoch,
	enum kproto_command command, int64_t timeout_ms)
{
	keeper_send_run(k, name, epoch, command, timeout_ms);
}

void
keeper_ready(struct keeper *k, const char *name, uint64_t epoch)
{
	keeper_send_value(k, KMSG_READY, name, epoch, 0);
}

void
keeper_kill(struct keeper *k, const char *name, uint64_t epoch)
{
	keeper_send_value(k, KMSG_KILL, name, epoch, 0);
}

void
keeper_forget(struct keeper *k, const struct effect_proc *p)
{
	struct known *known = known_find(k, launch_iid(p->name));
	keeper_send_value(k, KMSG_FORGET, p->name, p->epoch, p->sets_aside);
	if (known && known->epoch == p->epoch)
		known_remove(k, known);
}

void
keeper_collect(
	struct keeper *k, const char *name, uint64_t epoch, bool is_checkpoint)
{
	struct known *known = known_find(k, launch_iid(name));
	if (!known) {
		k->hooks.on_mover(k->hooks.context, name, epoch, is_checkpoint,
			-ESRCH, "the keeper does not know this instance");
		return;
	}
	known->collect_epochs[is_checkpoint] = epoch;
	keeper_send_value(k, KMSG_COLLECT, name, epoch, is_checkpoint);
}

void
keeper_shutdown(struct keeper *k)
{
	keeper_send(k, KMSG_SHUTDOWN, (struct bytes){NULL, 0});
}

void
keeper_reexec(struct keeper *k)
{
	keeper_send(k, KMSG_REEXEC, (struct bytes){NULL, 0});
}

void
keeper_ended(struct keeper *k)
{
	keeper_send(k, KMSG_ENDED, (struct bytes){NULL, 0});
}

void
keeper_breathe(struct keeper *k)
{
	mono now = clock_mono();
	if (mono_diff(now, k->breathed) < BREATHE_EVERY_MS)
		return;
	k->breathed = now;
	keeper_send(k, KMSG_PONG, (struct bytes){NULL, 0});
}

void
keeper_digesting(struct keeper *k, uint64_t digest)
{
	unsigned char buffer[8];
	struct writer w;
	writer_init(&w, buffer, sizeof buffer);
	writer_u64(&w, digest);
	struct pollfd p = {.fd = k->fd, .events = POLLOUT};
	while (keeper_send_now(k, KMSG_DIGESTING, writer_done(&w), no_states) ==
			-EAGAIN &&
		poll(&p, 1, DIGESTING_WAIT_MS) > 0)
		continue;
}

/* --- Reports --- */

static void
report(struct keeper *k, enum input_kind kind, const char *name,
	const struct kproto_event *e)
{
	struct input in = {
		.kind = kind,
		.proc = {.name = name, .epoch = e->epoch},
	};
	if (kind == INPUT_STARTED)
		in.proc.pid = (uint32_t)e->value;
	else if (kind == INPUT_EXITED)
		in.proc.status = (int32_t)e->value;
	k->hooks.on_input(k->hooks.context, &in);
}

static void
on_answer(struct keeper *k, const char *name, const struct kproto_event *e)
{
	switch ((enum kproto_answer)e->value) {
	case KANSWER_RESUME:
		report_answer(&k->hooks, name, e->epoch, ANSWER_RESUME);
		return;
	case KANSWER_RESTART:
		report_answer(&k->hooks, name, e->epoch, ANSWER_RESTART);
		return;
	case KANSWER_IGNORE:
		report_answer(&k->hooks, name, e->epoch, ANSWER_IGNORE);
		return;
	case KANSWER_CHECKPOINT:
		report_answer(&k->hooks, name, e->epoch, ANSWER_CHECKPOINT);
		return;
	}
	say_limited(&k->strange, 5, SAY_WARNING,
		"keeper: %s: unknown answer %lld", name, (long long)e->value);
}

static void
on_mover(struct keeper *k, struct known *known, const struct kproto_event *e)
{
	uint64_t *awaited = &known->collect_epochs[e->value != 0];
	if (*awaited == 0 || *awaited != e->epoch)
		return;
	int fd = k->message.fds[0];
	*awaited = 0, k->message.fds[0] = -1;
	k->hooks.on_mover(k->hooks.context, known->name, e->epoch, e->value,
		fd < 0 ? -EIO : fd, fd < 0 ? "the keeper gave no socket" : "");
}

/* STARTED, EXITED, EMPTY, ANSWER, MOVER. */
static bool
on_event(struct keeper *k, uint16_t type, struct bytes body)
{
	struct kproto_event e;
	if (!kproto_get_event(body, &e))
		return false;
	struct known *known = known_find(k, e.iid);
	if (!known) /* forgotten here while its report was on the way */
		return true;
	if (type == KMSG_STARTED)
		report(k, INPUT_STARTED, known->name, &e);
	else if (type == KMSG_EXITED)
		report(k, INPUT_EXITED, known->name, &e);
	else if (type == KMSG_EMPTY)
		report(k, INPUT_EMPTY, known->name, &e);
	else if (type == KMSG_ANSWER)
		on_answer(k, known->name, &e);
	else
		on_mover(k, known, &e);
	return true;
}

static bool
on_start_failed(struct keeper *k, struct bytes body)
{
	struct kproto_failure f;
	if (!kproto_get_failure(body, &f))
		return false;
	struct known *known = known_find(k, f.iid);
	if (!known)
		return true;
	/* A refusal by policy names its key itself. */
	char text[NOTE_TEXT_MAX];
	bool is_policy = strcmp(f.step, "policy") == 0;
	snprintf(text, sizeof text, "%s%s%s", is_policy ? "" : f.step,
		is_policy ? "" : ": ", f.text);
	struct input in = {
		.kind = INPUT_START_FAILED,
		.start_failed =
			{
				.name = known->name,
				.epoch = f.epoch,
				.blame = report_blame_of(f.blame),
				.text = text,
			},
	};
	k->hooks.on_input(k->hooks.context, &in);
	return true;
}

static bool
on_ran(struct keeper *k, struct bytes body)
{
	struct kproto_ran r;
	if (!kproto_get_ran(body, &r))
		return false;
	struct known *known = known_find(k, r.iid);
	if (!known)
		return true;
	report_ran(&k->hooks, known->name, &r);
	return true;
}

static bool
on_news(struct keeper *k, struct bytes body)
{
	struct kproto_news news;
	if (!kproto_get_news(body, &news))
		return false;
	struct known *known = known_find(k, news.iid);
	if (!known)
		return true;
	report_news(&k->hooks, known->name, &news);
	return true;
}

/* Whether it was a mover that was refused. */
static bool
on_uncollected(
	struct keeper *k, struct known *known, const struct kproto_failure *f)
{
	const bool is_checkpoint = strcmp(f->step, "collect checkpoint") == 0;
	uint64_t *awaited = &known->collect_epochs[is_checkpoint];
	if (strncmp(f->step, "collect", 7) || !f->epoch || *awaited != f->epoch)
		return false;
	*awaited = 0;
	k->hooks.on_mover(k->hooks.context, known->name, f->epoch,
		is_checkpoint, f->code > 0 ? -f->code : -EIO, f->text);
	return true;
}

static bool
on_refused(struct keeper *k, struct bytes body)
{
	struct kproto_failure f;
	if (!kproto_get_failure(body, &f))
		return false;
	if (f.iid == 0 && strcmp(f.step, "reexec") == 0) {
		k->hooks.on_going(k->hooks.context, f.text);
		return true;
	}
	struct known *known = known_find(k, f.iid);
	if (!known)
		return true;
	if (strcmp(f.step, "handoff") == 0 ||
		strcmp(f.step, "checkpoint") == 0) {
		say(SAY_INFO, "%s: %s: %s", known->name, f.step, f.text);
		report_answer(
			&k->hooks, known->name, f.epoch, ANSWER_UNSUPPORTED);
	} else if (!on_uncollected(k, known, &f)) {
		say_limited(&k->strange, 20, SAY_INFO, "keeper: %s: %s: %s",
			known->name, f.step, f.text);
	}
	return true;
}

static bool
on_message(struct keeper *k)
{
	uint16_t type = k->message.type;
	struct bytes body = {k->message.body, k->message.size};
	switch ((enum kproto_message)type) {
	case KMSG_STARTED:
	case KMSG_EXITED:
	case KMSG_EMPTY:
	case KMSG_ANSWER:
	case KMSG_MOVER:
		return on_event(k, type, body);
	case KMSG_START_FAILED:
		return on_start_failed(k, body);
	case KMSG_REFUSED:
		return on_refused(k, body);
	case KMSG_RAN:
		return on_ran(k, body);
	case KMSG_NEWS:
		return on_news(k, body);
	case KMSG_PING:
		keeper_send(k, KMSG_PONG, (struct bytes){NULL, 0});
		return true;
	case KMSG_GOING:
		k->hooks.on_going(k->hooks.context, NULL);
		return true;
	case KMSG_ENDING:
		k->hooks.on_ending(k->hooks.context);
		return true;
	case KMSG_RUN:
	case KMSG_READY:
	case KMSG_WELCOME:
	case KMSG_INSTANCE:
	case KMSG_SYNCED:
	case KMSG_CRASHED:
	case KMSG_SHUTDOWN:
	case KMSG_REEXEC:
	case KMSG_ENDED:
	case KMSG_START:
	case KMSG_SIGNAL:
	case KMSG_KILL:
	case KMSG_FORGET:
	case KMSG_COLLECT:
	case KMSG_PONG:
	case KMSG_DIGESTING:
	case KMSG_LOG_OPEN:
	case KMSG_LOG_CLOSE:
	case KMSG_LOG_READY:
	case KMSG_LOG_MATCHED:
	case KMSG_LOG_EPOCH:
		break;
	}
	say_limited(&k->strange, 5, SAY_WARNING,
		"keeper: message %u (%s) has no meaning here", type,
		kproto_message_name(type));
	return true;
}

static void
on_readable(struct ev_loop *loop, ev_io *w, int revents)
{
	(void)loop;
	(void)revents;
	struct keeper *k = w->data;
	for (unsigned i = 0; i < MESSAGES_A_TURN; i++) {
		int code = ipc_recv(k->fd, &k->message);
		if (code == -EAGAIN)
			return;
		if (code == -EPIPE || code == -ECONNRESET) {
			keeper_end(k, 0, "the keeper is gone");
			return;
		}
		bool is_good = code == 0 && on_message(k);
		if (code == 0)
			ipc_message_close(&k->message);
		if (!is_good) {
			keeper_end(k, EXIT_PROTOCOL,
				"a message of the keeper makes no sense");
			return;
		}
	}
}

/* --- Life --- */

struct keeper *
keeper_new(struct ev_loop *loop, int fd, const struct keeper_hooks *hooks)
{
	struct keeper *k = calloc(1, sizeof *k);
	CHECK(k);
	k->loop = loop;
	k->fd = fd;
	k->hooks = *hooks;
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	map_init(&k->known, k->buckets, KEEPER_BUCKETS);
	list_init(&k->all);
	list_init(&k->outbox);
	ev_io_init(&k->readable, on_readable, fd, EV_READ);
	ev_io_init(&k->writable, on_writable, fd, EV_WRITE);
	k->readable.data = k->writable.data = k;
	return k;
}

const char *
keeper_name_of(struct keeper *k, uint64_t iid)
{
	const struct known *known = known_find(k, iid);
	return known ? known->name : NULL;
}

void
keeper_start(struct keeper *k)
{
	ev_io_start(k->loop, &k->readable);
}

void
keeper_free(struct keeper *k)
{
	if (!k)
		return;
	ev_io_stop(k->loop, &k->readable);
	ev_io_stop(k->loop, &k->writable);
	list_each_safe (it, &k->all)
		known_remove(k, container_of(it, struct known, link));
	list_each_safe (it, &k->outbox) {
		struct unsent *u = container_of(it, struct unsent, link);
		list_remove(it);
		unsent_close(u);
		free(u);
	}
	close(k->fd);
	free(k);
}
