#include "keeper/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/name.h"
#include "keeper/adopt.h"
#include "keeper/fifo.h"
#include "keeper/handoff.h"
#include "keeper/keeper.h"
#include "keeper/kept.h"
#include "keeper/limits.h"
#include "keeper/loan.h"
#include "keeper/lock.h"
#include "keeper/logs.h"
#include "keeper/proc.h"
#include "keeper/record.h"
#include "keeper/run.h"
#include "keeper/session.h"
#include "keeper/spawn.h"
#include "keeper/standby.h"
#include "keeper/startcopy.h"
#include "keeper/systemd.h"
#include "sys/clock.h"

#define TIMEOUT_DEFAULT_MS 30000
#define TIMEOUT_MAX_MS	   3600000
#define STATE_MS	   60000   /* to put a state in place, and */
#define STATE_BYTES	   1048576 /* a second for each of these of it */

static const struct state_fds no_states = {-1, -1};

static void
fail_start(struct instance *i, enum kproto_blame blame, int code,
	const char *step, const char *text)
{
	loop_disarm(&i->deadline);
	loop_close(&i->keeper->loop, &i->report);
	i->state = INSTANCE_FAILED;
	i->has_failed = true;
	session_send_failure(i->keeper, KMSG_START_FAILED,
		&(struct kproto_failure){
			.iid = i->iid,
			.epoch = i->epoch,
			.blame = (uint8_t)blame,
			.code = code,
			.step = step,
			.text = text,
		});
	instance_settle(i);
}

/* Answers a start that changes nothing here: no EMPTY follows. */
static void
answer(struct keeper *k, enum kproto_message type, const struct kproto_start *s,
	enum kproto_blame blame, const char *step, const char *text)
{
	session_send_failure(k, type,
		&(struct kproto_failure){
			.iid = s->iid,
			.epoch = s->epoch,
			.blame = (uint8_t)blame,
			.step = step,
			.text = text,
		});
}

static void
refuse(struct keeper *k, const struct kproto_start *s, enum kproto_blame blame,
	const char *step, const char *text)
{
	answer(k, KMSG_START_FAILED, s, blame, step, text);
}

/* Whether the name may be a line of a record.  It comes from the node, so it is
 * not taken on trust. */
static bool
is_name_good(const char *name)
{
	return name_is_runtime((struct bytes){name, strlen(name)});
}

/* Whether the start may be tried at all; says why not. */
static bool
is_startable(struct keeper *k, const struct kproto_start *s,
	const struct state_fds *states)
{
	struct instance *i = instance_find(&k->instances, s->iid);
	struct err err = {""};
	if (k->is_stopping)
		refuse(k, s, KBLAME_BUSY, "stopping", "skepd is stopping");
	else if (i && instance_is_alive(i))
		refuse(k, s, KBLAME_BUSY, "epoch",
			"the last start is not over yet");
	else if (run_is_left(k, s->iid))
		refuse(k, s, KBLAME_BUSY, "post_stop",
			"a command of the last start is not over yet");
	else if (session_is_moving(k, s->iid))
		refuse(k, s, KBLAME_BUSY, "state",
			"what stands at its state_path is being set aside");
	else if (i && s->epoch <= i->epoch)
		answer(k, KMSG_REFUSED, s, KBLAME_BUSY, "epoch",
			"a start of this or a later epoch came before");
	else if (!i && adopt_is_stray(k, s->iid, &err))
		refuse(k, s, KBLAME_BUSY, "cgroup", err.text);
	else if (!i && k->instances.by_iid.count >= INSTANCES_MAX)
		refuse(k, s, KBLAME_HOST, "instances",
			"too many instances are known here");
	else if (!is_name_good(s->name))
		refuse(k, s, KBLAME_SERVICE, "name",
			"the name cannot be the name of a log file");
	else if (s->has_state != (states->own >= 0) ||
		 s->has_theirs != (states->theirs >= 0) ||
		 (s->has_theirs && !s->has_state))
		refuse(k, s, KBLAME_SERVICE, "state",
			"has_state and the descriptors do not agree");
	else
		return true;
	return false;
}

/* The instance for a start, as new: its epoch's members are reset. */
static struct instance *
take_instance(struct keeper *k, const struct kproto_start *s)
{
	char *name = strdup(s->name);
	struct instance *i = instance_find(&k->instances, s->iid);
	if (!i && name)
		i = instance_new(k, s->iid);
	if (!i || !name) {
		free(name);
		return NULL;
	}
	if (i->run_digest != s->run_digest) {
		free(i->ids);
		i->ids = NULL;
	}
	free(i->name);
	i->name = name;
	i->log.name = name; /* the old one is gone, whatever comes */
	i->epoch = s->epoch;
	i->run_digest = s->run_digest;
	i->status = 0;
	i->start_time = 0;
	i->started_wall_ms = clock_wall_ms();
	i->is_ready = s->readiness == KREADY_NONE;
	i->has_failed = false;
	i->was_oom = i->was_unwatched = false;
	i->is_killed = i->was_signalled = false;
	i->answer = 0;
	i->answered_before = (struct workdir_marks){0};
	i->has_handoff = s->has_handoff;
	i->has_checkpoint = s->has_checkpoint;
	i->has_aside = false;
	i->has_state_path = s->state_path[0] != '\0';
	i->stop_signal = s->stop_signal;
	i->stop_timeout_ms = s->stop_timeout_ms;
	i->hook_timeout_ms = s->hook_timeout_ms;
	i->stop_rank = s->stop_rank;
	i->stop_all = s->stop_all;
	i->is_asked = i->is_rest_asked = false;
	loop_disarm(&i->again);
	i->is_undrained = i->is_released = false;
	i->step = CHILD_USER;
	i->state = INSTANCE_LAUNCHING;
	return i;
}

/* Opens the cgroup, an empty one. */
static int
open_cgroup(struct instance *i, bool *is_new, struct err *err)
{
	struct keeper *k = i->keeper;
	int dir = cgroup_open(&k->cgroups, i->iid, is_new, err);
	if (dir < 0)
		return dir;
	i->cgroup_fd = loan_park(dir);
	int events = cgroup_open_events(i->cgroup_fd);
	if (events < 0)
		return err_sys(err, events, "cgroup.events");
	events = loan_park(events);
	int rc = loop_watch(&k->loop, &i->populated, events, EPOLLPRI);
	if (rc < 0) {
		close(events);
		return err_sys(err, rc, "cgroup.events");
	}
	cgroup_read_populated(events);
	i->oom_kills = *is_new ? 0 : limits_count_oom(i->cgroup_fd);
	return 0;
}

/* Opens what the child is to inherit: cgroup, output. */
static int
prepare(struct instance *i, const struct kproto_start *s, const char **step,
	struct err *err)
{
	struct keeper *k = i->keeper;
	bool is_new = i->is_kept;
	int rc = 0;
	*step = "cgroup";
	if (k->cgroups.is_usable && !is_new)
		rc = open_cgroup(i, &is_new, err);
	if (rc < 0)
		return rc;
	*step = "resources";
	if (!is_new || limits_are_set(&s->resources))
		rc = limits_write(
			&k->cgroups, i->cgroup_fd, &s->resources, err);
	if (rc < 0)
		return rc;
	*step = "record";
	rc = startcopy_write(&k->dirs, s, err);
	if (rc < 0)
		return rc;
	*step = "notify";
	rc = notify_open(i, s, err);
	if (rc < 0)
		return rc;
	*step = "output";
	return logs_set(i, &s->log, err);
}

/* A copy, for the child to take, of one that stays ours; -1 for -1. */
static int
copy_fd(int fd)
{
	return fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

/* Opens what only this child uses; 'report_fd' is our end of its reports.
 * What was opened before an error is the caller's to close. */
static int
fill_plan(struct instance *i, const struct state_fds *states,
	struct child_plan *plan, int *report_fd, struct err *err)
{
	int ends[2];
	plan->lock_fd = lock_take(&i->keeper->dirs, i->iid, err);
	if (plan->lock_fd < 0)
		return plan->lock_fd;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return err_sys(err, -errno, "socketpair");
	*report_fd = loan_park(ends[0]);
	plan->report_fd = ends[1];
	plan->fifo_fd = copy_fd(i->fifo_fd);
	plan->state_fd = copy_fd(states->own);
	plan->theirs_fd = copy_fd(states->theirs);
	plan->ready_fd = copy_fd(i->notify.ready.fd);
	if ((i->fifo_fd >= 0 && plan->fifo_fd < 0) ||
		(states->own >= 0 && plan->state_fd < 0) ||
		(states->theirs >= 0 && plan->theirs_fd < 0) ||
		(i->notify.ready.fd >= 0 && plan->ready_fd < 0))
		return err_sys(err, -errno, "a descriptor for the service");
	return 0;
}

/* The descriptors of the plan. */
static size_t
list_fds(const struct child_plan *plan, int out[LOAN_FDS_MAX])
{
	const int all[] = {plan->report_fd, plan->lock_fd, plan->fifo_fd,
		plan->state_fd, plan->theirs_fd, plan->ready_fd};
	size_t count = 0;
	for (size_t n = 0; n < sizeof all / sizeof *all; n++)
		if (all[n] >= 0)
			out[count++] = all[n];
	return count;
}

/* The leader lives: listens to it. */
static int
watch_child(struct instance *i, const struct spawned *child, int report_fd,
	struct err *err)
{
	instance_set_leader(i, child->pid, loan_park(child->pidfd));
	int rc = loop_watch(&i->keeper->loop, &i->report, report_fd, EPOLLIN);
	return rc < 0 ? err_sys(err, rc, "epoll") : 0;
}

/* A plan without any descriptor. */
static struct child_plan
begin_plan(const struct keeper *k, const struct kproto_start *s)
{
	return (struct child_plan){
		.start = s,
		.options = &k->options,
		.dirs = &k->dirs,
		.report_fd = -1,
		.fifo_fd = -1,
		.lock_fd = -1,
		.state_fd = -1,
		.theirs_fd = -1,
		.output_fd = -1,
		.ready_fd = -1,
	};
}

/* Closes what 'fill_plan' opened. */
static void
close_plan(const struct child_plan *plan)
{
	int fds[LOAN_FDS_MAX];
	size_t count = list_fds(plan, fds);
	for (size_t n = 0; n < count; n++)
		close(fds[n]);
}

/* Our end of its reports, when there was an error. */
static int
close_report(int *report_fd, int rc)
{
	if (rc < 0 && *report_fd >= 0)
		close(*report_fd);
	return rc;
}

int
launch_fork(struct instance *i, const struct kproto_start *s,
	const struct state_fds *states, struct spawned *child, int *report_fd,
	struct err *err)
{
	struct keeper *k = i->keeper;
	struct child_plan plan = begin_plan(k, s);
	int fds[LOAN_FDS_MAX];
	*report_fd = -1;
	int rc = fill_plan(i, states, &plan, report_fd, err);
	if (rc < 0) {
		close_plan(&plan);
		return close_report(report_fd, rc);
	}
	size_t count = list_fds(&plan, fds);
	rc = loan_fork(i->cgroup_fd, fds, count, k->dirs.work, child, err);
	if (rc == 0 && child->pid == 0)
		child_run(&plan);
	return close_report(report_fd, rc);
}

int
launch_by_standby(struct instance *i, const struct kproto_start *s,
	struct bytes body, int *report_fd, struct err *err)
{
	struct child_plan plan = begin_plan(i->keeper, s);
	*report_fd = -1;
	int rc = fill_plan(i, &no_states, &plan, report_fd, err);
	if (rc == 0)
		rc = standby_start(i->keeper, i->cgroup_fd, &plan, body);
	close_plan(&plan);
	return close_report(report_fd, rc);
}

/* The child of this start: the one that was forked for it, or a new one. */
static int
get_child(struct instance *i, const struct kproto_start *s,
	const struct state_fds *states, struct ahead *ahead, struct err *err)
{
	struct spawned child = ahead->child;
	int report_fd = ahead->report_fd;
	int rc = 0;
	free(ahead->start);
	*ahead = (struct ahead){.report_fd = -1};
	if (child.pid == 0)
		rc = launch_fork(i, s, states, &child, &report_fd, err);
	if (rc < 0)
		return rc;
	i->start_time = child.start_time;
	rc = watch_child(i, &child, report_fd, err);
	if (rc < 0)
		close(report_fd);
	return rc;
}

/* Writes the record, without which the next skepd would not know of it. */
static bool
note_child(struct instance *i)
{
	struct err err = {""};
	int rc = record_write(i, &err);
	if (rc == 0 && i->ids)
		rc = notify_give(i, i->ids->uid, i->ids->gid, &err);
	if (rc == 0)
		return true;
	fail_start(i, KBLAME_HOST, -rc, "record", err.text);
	instance_kill(i);
	return false;
}

/* Lets the child go on to its program. */
static void
let_go(struct instance *i)
{
	handoff_on_letting_go(i);
	/* A child that is gone by now has said why. */
	send(i->report.fd, "", 1, MSG_NOSIGNAL);
	systemd_park_leader(i, i->pidfd);
	systemd_park_output(i);
}

static int64_t
bounded(int64_t ms)
{
	return ms < TIMEOUT_MAX_MS ? ms : TIMEOUT_MAX_MS;
}

/* How long it may take to put the state in place: what a transfer of it may
 * take, for start_timeout is the program's.  Without a limit of its own a
 * large state on a slow disk would be laid again and again. */
static int64_t
state_ms(int state_fd)
{
	struct stat st;
	bool is_known = state_fd >= 0 && fstat(state_fd, &st) == 0;
	return is_known ? STATE_MS + st.st_size / STATE_BYTES * 1000 : 0;
}

/* How long it may take until the program runs, with its state and the commands
 * that stand before it.  From then on skep-node counts start_timeout. */
static int64_t
patience_ms(const struct kproto_start *s, const struct state_fds *states)
{
	int64_t ms = bounded(s->start_timeout_ms > 0 ? s->start_timeout_ms
						     : TIMEOUT_DEFAULT_MS);
	if (s->commands[KCMD_PRE_START].count > 0 && s->hook_timeout_ms > 0)
		ms += bounded(s->hook_timeout_ms);
	if (s->commands[KCMD_RESTORE].count > 0 && s->has_state)
		ms += bounded(s->handoff_timeout_ms);
	if (s->has_theirs)
		ms += bounded(s->hook_timeout_ms);
	return ms + state_ms(states->own) + state_ms(states->theirs);
}

/* What was collected and does not come back could not be sealed. */
static void
keep_unsealed(struct instance *i, const struct kproto_start *s)
{
	char path[PATH_MAX], text[512];
	bool is_given =
		s->has_state && strcmp(s->state_kind, "checkpoint") != 0;
	bool may_be_left = i->is_collected && !s->state_path[0] && !is_given;
	i->is_collected = false;
	if (!may_be_left ||
		!workdir_keep_unsealed(&i->keeper->dirs, i->iid, path))
		return;
	snprintf(text, sizeof text,
		"the state that it left could not be sealed; it is called "
		"%.400s now, until the next one or the end of its stay here",
		path);
	session_send_news(i, KNEWS_ASIDE, 0, text);
}

void
launch_start(struct keeper *k, const struct kproto_start *s, struct bytes body,
	const struct state_fds *states)
{
	struct err err = {""};
	struct ahead ahead;
	const char *step;
	if (!is_startable(k, s, states))
		return;
	struct instance *i = take_instance(k, s);
	if (!i) {
		refuse(k, s, KBLAME_HOST, "memory", "out of memory");
		return;
	}
	i->is_kept = kept_take(i, body, &ahead);
	ahead_remember(i, s, body);
	keep_unsealed(i, s);
	int rc = prepare(i, s, &step, &err);
	if (rc == 0) {
		step = "fork";
		rc = get_child(i, s, states, &ahead, &err);
		logs_begin_epoch(i);
	}
	if (rc < 0) {
		ahead_release(&ahead);
		fail_start(i, KBLAME_HOST, -rc, step, err.text);
		instance_kill(i);
		return;
	}
	loop_arm(&k->loop, &i->deadline, patience_ms(s, states));
	if (i->ids && note_child(i))
		let_go(i);
}

/* As whom it runs.  An instance that runs again is let go before it says so,
 * as whom it was last time; should that be wrong, it is put right. */
static bool
take_ids(struct instance *i, const struct child_report *r)
{
	bool was_known = i->ids != NULL;
	if (!was_known ||
		!ids_are(i->ids, r->uid, r->gid, r->groups, r->group_count)) {
		free(i->ids);
		i->ids = ids_keep(r->uid, r->gid, r->groups, r->group_count);
		if (!note_child(i))
			return false;
	}
	if (!was_known)
		let_go(i);
	/* What follows is steps: they wait until it runs, or is gone. */
	loop_change(&i->keeper->loop, &i->report, 0);
	return true;
}

/* Takes in one report; false when the start is over. */
static bool
take_report(struct instance *i, struct child_report *r)
{
	loan_collect();
	i->step = r->step;
	switch (r->kind) {
	case CHILD_AT_STEP:
		return true;
	case CHILD_IS:
		return take_ids(i, r);
	case CHILD_ASIDE:
		r->text[sizeof r->text - 1] = 0;
		session_send_news(i, KNEWS_ASIDE, 0, r->text);
		return true;
	case CHILD_FAILED:
		r->text[sizeof r->text - 1] = 0;
		fail_start(i, r->blame, r->code, child_step_name(r->step),
			r->text);
		/* What the hook left behind is no service. */
		if (r->step == CHILD_PRE_START || r->step == CHILD_RESTORE ||
			r->step == CHILD_RESOLVE)
			instance_kill(i);
		return false;
	}
	return false;
}

/* Who is to blame for one that came to no end. */
static enum kproto_blame
blame_of(const struct instance *i)
{
	return i->step == CHILD_RESOLVE ? KBLAME_RESOLVE : KBLAME_HOST;
}

/* The child died on its way.  Linux since 6.14 kills all that is born in a
 * cgroup whose cgroup.kill was ever written, which somebody may have done to
 * one that we kept: the next try has a new one. */
static void
fail_silent(struct instance *i)
{
	bool has_begun = i->step != CHILD_USER;
	fail_start(i, i->is_kept && !has_begun ? KBLAME_BUSY : blame_of(i), 0,
		child_step_name(i->step),
		"the process ended before the program ran");
}

/* End of file: the program runs, or the child did not come so far. */
static void
on_pipe_closed(struct instance *i)
{
	if (i->step != CHILD_EXEC) {
		fail_silent(i);
		return;
	}
	loop_disarm(&i->deadline);
	loop_close(&i->keeper->loop, &i->report);
	i->state = INSTANCE_RUNNING;
	session_send_event(i, KMSG_STARTED, i->pid);
	handoff_tell_checkpoint(i);
	notify_on_running(i);
}

/* Takes in what the child has said so far. */
static void
hear(struct instance *i)
{
	struct child_report r;
	int rc;
	while (child_hear(i->report.fd, &r, &rc))
		if (!take_report(i, &r))
			return;
	if (rc != -EAGAIN)
		on_pipe_closed(i);
}

void
launch_on_report(struct watch *w, uint32_t events)
{
	struct instance *i = container_of(w, struct instance, report);
	(void)events;
	hear(i);
}

void
launch_on_deadline(struct timer *t)
{
	struct instance *i = container_of(t, struct instance, deadline);
	struct err err;
	hear(i); /* where it stands */
	if (i->state != INSTANCE_LAUNCHING)
		return;
	err_set(&err, 0,
		"the program did not run within %s; it stood at the "
		"step %s",
		i->step == CHILD_STATE
			? "start_timeout and the time that its state has"
			: "start_timeout",
		child_step_name(i->step));
	fail_start(
		i, blame_of(i), ETIMEDOUT, child_step_name(i->step), err.text);
	instance_kill(i);
}

void
launch_on_child_gone(struct instance *i)
{
	CHECK(i->state == INSTANCE_LAUNCHING);
	hear(i);
	/* Something that it left still holds the pipe. */
	if (i->state == INSTANCE_LAUNCHING)
		on_pipe_closed(i);
}
