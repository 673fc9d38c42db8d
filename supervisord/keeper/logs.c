#include "keeper/logs.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "keeper/fifo.h"
#include "keeper/keeper.h"
#include "keeper/loan.h"

#define END_WAIT_MS 10 /* for the beginning of the next */

/* An epoch begins or has ended. */
static void
send_epoch(struct instance *i, uint64_t epoch, bool begins)
{
	struct kproto_event e = {i->iid, epoch, begins};
	unsigned char body[64];
	struct writer w;
	if (!i->is_log_open)
		return;
	writer_init(&w, body, sizeof body);
	kproto_put_event(&w, &e);
	helper_send(
		&i->keeper->logger, KMSG_LOG_EPOCH, writer_done(&w), NULL, 0);
}

/* Says the end that is owed. */
static void
send_end(struct instance *i)
{
	if (i->ended_epoch != 0)
		send_epoch(i, i->ended_epoch, false);
	i->ended_epoch = 0;
	list_remove(&i->in_ended);
}

static void
send_open(struct instance *i)
{
	struct keeper *k = i->keeper;
	unsigned char body[8192];
	struct writer w;
	struct kproto_log log = i->log;
	log.ready_line = i->has_said_ready ? "" : i->ready_line;
	writer_init(&w, body, sizeof body);
	kproto_put_log(&w, &log);
	int fd = fifo_open_reader(&k->dirs, i->iid);
	if (w.bad || fd < 0) {
		say(SAY_WARNING, "%s: its output is not logged: %s", i->name,
			fd < 0 ? strerror(-fd)
			       : "readiness.log_line is too long");
	} else {
		helper_send(&k->logger, KMSG_LOG_OPEN, writer_done(&w), &fd, 1);
		i->is_log_open = true;
	}
	if (fd >= 0)
		close(fd);
	i->ended_epoch = instance_is_alive(i) ? 0 : i->epoch;
	send_end(i);
}

static void
send_close(struct instance *i)
{
	unsigned char body[8];
	struct writer w;
	send_end(i);
	writer_init(&w, body, sizeof body);
	writer_u64(&w, i->iid);
	helper_send(
		&i->keeper->logger, KMSG_LOG_CLOSE, writer_done(&w), NULL, 0);
	i->is_log_open = false;
}

/* All but the epoch. */
static bool
is_same(const struct kproto_log *a, const struct kproto_log *b)
{
	return a->target == b->target && a->max_size == b->max_size &&
	       a->max_files == b->max_files && a->when_full == b->when_full &&
	       a->max_age_ms == b->max_age_ms &&
	       a->is_compressed == b->is_compressed;
}

/* Whether the output goes through our FIFO. */
static bool
is_ours(const struct kproto_log *log)
{
	return log->target == KLOG_FILE || log->target == KLOG_JOURNAL;
}

int
logs_set(struct instance *i, const struct kproto_log *log, struct err *err)
{
	/* A line is looked for by a stream that begins with this start. */
	bool is_changed = !is_same(&i->log, log) || i->ready_line;
	i->log = *log;
	i->log.iid = i->iid;
	i->log.name = i->name;
	i->log.epoch = i->epoch;
	if (is_ours(log) && i->fifo_fd < 0) {
		int fd = fifo_open(&i->keeper->dirs, i->iid, err);
		if (fd < 0)
			return fd;
		i->fifo_fd = loan_park(fd);
	}
	if (i->is_log_open && is_changed)
		send_close(i);
	return 0;
}

void
logs_begin_epoch(struct instance *i)
{
	if (i->is_log_open) {
		send_end(i);
		send_epoch(i, i->epoch, true);
	} else if (is_ours(&i->log) && i->keeper->is_logger_ready) {
		send_open(i);
	}
}

int
logs_adopt(struct instance *i, struct err *err)
{
	if (!is_ours(&i->log))
		return 0;
	int fd = fifo_open(&i->keeper->dirs, i->iid, err);
	if (fd < 0)
		return fd;
	i->fifo_fd = loan_park(fd);
	return 0;
}

bool
logs_has_waiting(const struct instance *i)
{
	int count = 0;
	return i->fifo_fd >= 0 && ioctl(i->fifo_fd, FIONREAD, &count) == 0 &&
	       count > 0;
}

void
logs_end_epoch(struct instance *i)
{
	struct keeper *k = i->keeper;
	send_end(i);
	i->ended_epoch = i->epoch;
	list_append(&k->ended, &i->in_ended);
	if (list_is_empty(&k->log_ends.link)) /* not armed */
		loop_arm(&k->loop, &k->log_ends, END_WAIT_MS);
}

void
logs_on_ends_due(struct timer *t)
{
	struct keeper *k = container_of(t, struct keeper, log_ends);
	list_each_safe (it, &k->ended)
		send_end(container_of(it, struct instance, in_ended));
}

bool
logs_release(struct instance *i)
{
	struct keeper *k = i->keeper;
	if (i->fifo_fd < 0)
		return true;
	if (is_ours(&i->log) && !k->is_logger_ready)
		return false;
	if (is_ours(&i->log) && !i->is_log_open)
		send_open(i);
	if (i->is_log_open)
		send_close(i);
	close(i->fifo_fd);
	i->fifo_fd = -1;
	fifo_remove(&k->dirs, i->iid);
	return true;
}

void
logs_close_all(struct keeper *k)
{
	list_each (it, &k->instances.all) {
		struct instance *i = container_of(it, struct instance, in_all);
		if (i->is_log_open)
			send_close(i);
	}
}

/* It asks: everything is sent, also what only waited for it. */
static void
on_logger_ready(struct keeper *k)
{
	k->is_logger_ready = true;
	list_each_safe (it, &k->instances.all) {
		struct instance *i = container_of(it, struct instance, in_all);
		i->is_log_open = false;
		if (is_ours(&i->log) && i->fifo_fd >= 0)
			send_open(i);
		if (i->state == INSTANCE_FORGOTTEN && logs_release(i))
			instance_drop(i);
	}
}

static void
on_up(struct keeper *k)
{
	k->is_logger_ready = false;
}

static void
on_down(struct keeper *k, int status)
{
	(void)status;
	k->is_logger_ready = false;
	list_each (it, &k->instances.all)
		container_of(it, struct instance, in_all)->is_log_open = false;
}

static bool
on_matched(struct keeper *k, const struct ipc_message *m)
{
	struct kproto_event e;
	if (!kproto_get_event((struct bytes){m->body, m->size}, &e))
		return false;
	struct instance *i = instance_find(&k->instances, e.iid);
	if (i && i->epoch == e.epoch)
		notify_on_line(i);
	return true;
}

static bool
on_message(struct keeper *k, struct ipc_message *m)
{
	if (m->type == KMSG_LOG_MATCHED)
		return on_matched(k, m);
	if (m->size != 0)
		return false;
	if (m->type == KMSG_PONG)
		helper_on_pong(&k->logger);
	else if (m->type == KMSG_LOG_READY)
		on_logger_ready(k);
	else
		return false;
	return true;
}

const struct helper_ops logs_ops = {
	.program = "skep-logger",
	.on_up = on_up,
	.on_message = on_message,
	.on_down = on_down,
};
