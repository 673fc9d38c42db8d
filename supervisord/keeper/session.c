#include "keeper/session.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "keeper/handoff.h"
#include "keeper/keeper.h"
#include "keeper/launch.h"
#include "keeper/logs.h"
#include "keeper/mover.h"
#include "keeper/record.h"
#include "keeper/run.h"
#include "keeper/startcopy.h"
#include "keeper/stop.h"
#include "keeper/workdir.h"

static void
send_body(struct keeper *k, enum kproto_message type, const struct writer *w)
{
	if (w->bad) {
		say(SAY_ERROR, "%s is too large to be sent",
			kproto_message_name((uint16_t)type));
		return;
	}
	helper_send(&k->node, (uint16_t)type, writer_done(w), NULL, 0);
}

void
session_send_event(struct instance *i, enum kproto_message type, int64_t value)
{
	unsigned char body[64];
	struct writer w;
	writer_init(&w, body, sizeof body);
	struct kproto_event e = {i->iid, i->epoch, value};
	kproto_put_event(&w, &e);
	send_body(i->keeper, type, &w);
}

void
session_send_failure(struct keeper *k, enum kproto_message type,
	const struct kproto_failure *f)
{
	unsigned char body[2048];
	struct writer w;
	writer_init(&w, body, sizeof body);
	kproto_put_failure(&w, f);
	send_body(k, type, &w);
}

void
session_send_ran(struct keeper *k, const struct kproto_ran *ran)
{
	unsigned char body[512];
	struct writer w;
	writer_init(&w, body, sizeof body);
	kproto_put_ran(&w, ran);
	send_body(k, KMSG_RAN, &w);
}

void
session_send_news(struct instance *i, enum kproto_news_kind kind,
	int64_t number, const char *text)
{
	unsigned char body[512];
	struct writer w;
	struct kproto_news n = {i->iid, i->epoch, (uint8_t)kind, number, text};
	writer_init(&w, body, sizeof body);
	kproto_put_news(&w, &n);
	send_body(i->keeper, KMSG_NEWS, &w);
}

static void
refuse(struct keeper *k, const struct kproto_event *e, int code,
	const char *step, const char *text)
{
	session_send_failure(k, KMSG_REFUSED,
		&(struct kproto_failure){
			.iid = e->iid,
			.epoch = e->epoch,
			.blame = KBLAME_SERVICE,
			.code = code,
			.step = step,
			.text = text,
		});
}

void
session_on_orphan(struct keeper *k, pid_t pid)
{
	for (size_t i = 0; i < MOVERS_MAX; i++)
		if (k->movers[i].pid == pid)
			k->movers[i] = (struct running_mover){0};
}

bool
session_is_moving(const struct keeper *k, uint64_t iid)
{
	for (size_t i = 0; i < MOVERS_MAX; i++)
		if (k->movers[i].pid && k->movers[i].iid == iid)
			return true;
	return false;
}

static void
send_welcome(struct keeper *k)
{
	unsigned char body[PATH_MAX + 2048];
	int fds[KSOCKET_COUNT];
	struct writer w;
	struct kproto_welcome v = {
		.version = KPROTO_VERSION,
		.boot_id = k->boot_id,
		.keeper_start_ms = k->start_ms,
		.node_restarts = k->node.restarts,
		.tracks_cgroups = k->cgroups.is_usable,
		.conf_path = k->options.conf.path,
		.weaker_why = k->cgroups.why,
		.keeper_version = PACKAGE_VERSION,
		.keeper_crashes = k->crashes,
	};
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	for (int i = 0; i < KSOCKET_COUNT; i++) {
		bool is_real = k->sockets.fds[i] >= 0;
		fds[i] = is_real ? k->sockets.fds[i] : null;
		v.sockets |= is_real ? 1U << i : 0;
	}
	writer_init(&w, body, sizeof body);
	kproto_put_welcome(&w, &v);
	if (null >= 0 && !w.bad)
		helper_send(&k->node, KMSG_WELCOME, writer_done(&w), fds,
			KSOCKET_COUNT);
	if (null >= 0)
		close(null);
}

static void
send_instance(struct instance *i)
{
	unsigned char body[512];
	struct writer w;
	struct kproto_instance v = {
		.iid = i->iid,
		.epoch = i->epoch,
		.name = i->name,
		.pid = (uint32_t)i->pid,
		.start_time = i->start_time,
		.is_empty = !instance_is_alive(i),
		.status = i->status,
		.run_digest = i->run_digest,
		.started_wall_ms = i->started_wall_ms,
		.is_ready = i->is_ready,
		.has_run = i->state != INSTANCE_LAUNCHING && !i->has_failed,
	};
	writer_init(&w, body, sizeof body);
	kproto_put_instance(&w, &v);
	send_body(i->keeper, KMSG_INSTANCE, &w);
}

/* Says again what services answered to a handoff signal, that they put a
 * checkpoint aside, and that they are ready: the node may have crashed before
 * it heard. */
static void
send_answers(struct keeper *k)
{
	list_each (it, &k->instances.all) {
		struct instance *i = container_of(it, struct instance, in_all);
		if (i->answer && instance_is_alive(i))
			session_send_event(i, KMSG_ANSWER, i->answer);
		if (instance_is_alive(i) && i->state != INSTANCE_LAUNCHING)
			handoff_tell_checkpoint(i);
		notify_say_again(i);
	}
}

static void
on_up(struct keeper *k)
{
	unsigned char body[64];
	struct writer w;
	send_welcome(k);
	if (k->crash.is_known) {
		writer_init(&w, body, sizeof body);
		kproto_put_crash(&w, &k->crash.last);
		send_body(k, KMSG_CRASHED, &w);
	}
	list_each (it, &k->instances.all) {
		struct instance *i = container_of(it, struct instance, in_all);
		if (i->state != INSTANCE_FORGOTTEN)
			send_instance(i);
	}
	helper_send(&k->node, KMSG_SYNCED, (struct bytes){NULL, 0}, NULL, 0);
	send_answers(k);
}

static void
on_down(struct keeper *k, int status)
{
	if (!k->is_stopping)
		crash_on_death(&k->crash, &k->dirs, status);
}

/* The instance that a command is about, or NULL after a REFUSED. */
static struct instance *
find(struct keeper *k, const struct kproto_event *e, const char *step)
{
	struct instance *i = instance_find(&k->instances, e->iid);
	if (!i || i->state == INSTANCE_FORGOTTEN) {
		refuse(k, e, ENOENT, step, "no such instance");
		return NULL;
	}
	if (i->epoch != e->epoch) {
		refuse(k, e, ESTALE, step, "this is not its running epoch");
		return NULL;
	}
	return i;
}

static bool
on_start(struct keeper *k, const struct ipc_message *m)
{
	struct kproto_start start;
	if (!kproto_get_start((struct bytes){m->body, m->size}, &start))
		return false;
	const struct state_fds states = {m->fds[0], m->fds[1]};
	launch_start(k, &start, (struct bytes){m->body, m->size}, &states);
	return true;
}

static bool
on_signal(struct keeper *k, const struct ipc_message *m)
{
	struct kproto_signal v;
	if (!kproto_get_signal((struct bytes){m->body, m->size}, &v))
		return false;
	struct kproto_event e = {v.iid, v.epoch, v.signal};
	struct instance *i = find(k, &e, "signal");
	if (!i)
		return true;
	if (v.signal < 1 || v.signal >= NSIG) {
		refuse(k, &e, EINVAL, "signal", "no such signal");
		return true;
	}
	if (v.is_handoff || v.is_checkpoint) {
		handoff_start(i, v.signal, v.target, v.is_checkpoint);
		return true;
	}
	int rc = instance_signal(i, v.signal, (enum kproto_target)v.target);
	if (rc < 0)
		refuse(k, &e, -rc, "signal", strerror(-rc));
	else if (v.then_continue)
		instance_signal(i, SIGCONT, (enum kproto_target)v.target);
	return true;
}

static bool
on_run(struct keeper *k, const struct ipc_message *m)
{
	struct kproto_run v;
	if (!kproto_get_run((struct bytes){m->body, m->size}, &v))
		return false;
	run_start(k, &v);
	return true;
}

static void
on_kill(struct keeper *k, const struct kproto_event *e)
{
	struct instance *i = find(k, e, "kill");
	if (!i)
		return;
	instance_kill(i);
	instance_settle(i);
}

void
session_forget(struct instance *i)
{
	workdir_remove(&i->keeper->dirs, i->iid);
	i->is_released = false;
	i->state = INSTANCE_FORGOTTEN;
	if (logs_release(i))
		instance_drop(i);
	else
		record_update(i);
}

/* A place for one more mover, or NULL. */
static struct running_mover *
free_mover(struct keeper *k)
{
	for (size_t i = 0; i < MOVERS_MAX; i++)
		if (k->movers[i].pid == 0)
			return &k->movers[i];
	return NULL;
}

/* Starts the mover of 'order' and hands its socket to the node. */
static int
start_mover(
	struct instance *i, const struct mover_order *order, struct err *err)
{
	struct keeper *k = i->keeper;
	unsigned char body[64];
	struct writer w;
	int ends[2];
	struct ids ids;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return err_sys(err, -errno, "socketpair");
	ids_recall(i->ids, &ids);
	pid_t pid = mover_start_get(order, &ids, ends[1], err);
	if (pid > 0) {
		struct kproto_event e = {
			i->iid, i->epoch, order->is_checkpoint};
		free_mover(k)->pid = pid;
		fcntl(ends[0], F_SETFL, O_NONBLOCK);
		writer_init(&w, body, sizeof body);
		kproto_put_event(&w, &e);
		helper_send(&k->node, KMSG_MOVER, writer_done(&w), ends, 1);
	}
	close(ends[0]);
	close(ends[1]);
	return pid < 0 ? (int)pid : 0;
}

/* What a mover of the instance is told.  The order borrows 'work' and
 * '*memory', which the caller frees. */
static int
make_order(struct instance *i, struct mover_order *order, char work[PATH_MAX],
	char **memory, struct err *err)
{
	struct keeper *k = i->keeper;
	struct kproto_start start = {.state_path = ""};
	int rc = 0;
	*memory = NULL;
	if (i->has_state_path)
		rc = startcopy_read(
			&k->dirs, i->iid, i->epoch, &start, memory, err);
	workdir_path(&k->dirs, i->iid, work);
	*order = (struct mover_order){
		.libexec_dir = k->options.libexec_dir,
		.work_dir = work,
		.state_path = start.state_path,
		.epoch = i->epoch,
	};
	return rc;
}

/* Starts a mover that reads what the instance left, or put aside. */
static int
collect(struct instance *i, bool is_checkpoint, struct err *err)
{
	struct mover_order order;
	char work[PATH_MAX];
	char *memory;
	int rc = make_order(i, &order, work, &memory, err);
	order.is_checkpoint = is_checkpoint;
	if (rc == 0)
		rc = start_mover(i, &order, err);
	free(memory);
	return rc;
}

/* Starts a mover that gives what stands at the state_path another name; what
 * it says goes to our log.  A start that comes before it has ended waits. */
static int
set_aside(struct instance *i, struct running_mover *mover, struct err *err)
{
	struct mover_order order;
	char work[PATH_MAX];
	char *memory;
	struct ids ids;
	int rc = make_order(i, &order, work, &memory, err);
	if (rc == 0) {
		ids_recall(i->ids, &ids);
		rc = mover_start_aside(&order, &ids, err);
	}
	free(memory);
	if (rc > 0)
		*mover = (struct running_mover){rc, i->iid};
	return rc < 0 ? rc : 0;
}

/* If that does not work out, the next start here without a state does it. */
static void
try_set_aside(struct instance *i)
{
	struct err err = {""};
	struct running_mover *mover = free_mover(i->keeper);
	int rc = mover ? set_aside(i, mover, &err)
		       : err_set(&err, -EAGAIN, "too many movers run");
	if (rc < 0)
		say(SAY_WARNING, "%s: what stands at its state_path: %s",
			i->name, err.text);
}

/* START_FAILED is said before the child is reaped, and who hears it may let
 * go of the instance at once. */
static void
on_forget(struct keeper *k, const struct kproto_event *e)
{
	struct instance *i = find(k, e, "forget");
	if (!i)
		return;
	if (e->value && i->has_state_path && i->ids && !instance_is_alive(i))
		try_set_aside(i);
	if (!instance_is_alive(i))
		session_forget(i);
	else if (i->state == INSTANCE_FAILED)
		i->is_released = true;
	else
		refuse(k, e, EBUSY, "forget", "something of it still runs");
}

static void
on_collect(struct keeper *k, const struct kproto_event *e)
{
	const char *step = e->value ? "collect checkpoint" : "collect";
	struct instance *i = find(k, e, step);
	struct err err = {""};
	if (!i)
		return;
	if (instance_is_alive(i) && !e->value) {
		refuse(k, e, EBUSY, step, "something of it still runs");
	} else if (!i->ids) {
		refuse(k, e, ENOENT, step, "it never ran");
	} else if (!free_mover(k)) {
		refuse(k, e, EAGAIN, step, "too many movers run");
	} else {
		int rc = collect(i, e->value != 0, &err);
		if (rc < 0)
			refuse(k, e, -rc, step, err.text);
		else if (!e->value)
			i->is_collected = true;
	}
}

/* The node's word that it is ready, kept for the next node. */
static void
on_ready(struct keeper *k, const struct kproto_event *e)
{
	struct instance *i = find(k, e, "ready");
	if (!i || i->is_ready)
		return;
	i->is_ready = true;
	record_update(i);
}

/* KILL, FORGET, COLLECT and READY: all about one epoch. */
static bool
on_event(struct keeper *k, const struct ipc_message *m,
	void (*act)(struct keeper *, const struct kproto_event *))
{
	struct kproto_event e;
	if (!kproto_get_event((struct bytes){m->body, m->size}, &e))
		return false;
	act(k, &e);
	return true;
}

static bool
on_digesting(struct keeper *k, const struct ipc_message *m)
{
	struct reader r;
	reader_init(&r, m->body, m->size);
	uint64_t digest = reader_u64(&r);
	if (!reader_is_done(&r))
		return false;
	crash_on_digesting(&k->crash, digest);
	return true;
}

static bool
on_pong(struct keeper *k, const struct ipc_message *m)
{
	if (m->size != 0)
		return false;
	helper_on_pong(&k->node);
	return true;
}

/* SHUTDOWN, REEXEC and ENDED: about all of skepd. */
static bool
on_order(struct keeper *k, const struct ipc_message *m,
	void (*act)(struct keeper *))
{
	if (m->size != 0)
		return false;
	act(k);
	return true;
}

static bool
on_message(struct keeper *k, struct ipc_message *m)
{
	switch (m->type) {
	case KMSG_START:
		return on_start(k, m);
	case KMSG_SIGNAL:
		return on_signal(k, m);
	case KMSG_RUN:
		return on_run(k, m);
	case KMSG_KILL:
		return on_event(k, m, on_kill);
	case KMSG_FORGET:
		return on_event(k, m, on_forget);
	case KMSG_COLLECT:
		return on_event(k, m, on_collect);
	case KMSG_READY:
		return on_event(k, m, on_ready);
	case KMSG_PONG:
		return on_pong(k, m);
	case KMSG_DIGESTING:
		return on_digesting(k, m);
	case KMSG_SHUTDOWN:
		return on_order(k, m, stop_begin);
	case KMSG_REEXEC:
		return on_order(k, m, reexec_ask);
	case KMSG_ENDED:
		return on_order(k, m, stop_on_ended);
	default: /* from outside: any number may come */
		return false;
	}
}

const struct helper_ops session_ops = {
	.program = "skep-node",
	.on_up = on_up,
	.on_message = on_message,
	.on_down = on_down,
};
