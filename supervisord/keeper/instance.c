#include "keeper/instance.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/check.h"
#include "base/hash.h"
#include "keeper/adopt.h"
#include "keeper/ahead.h"
#include "keeper/handoff.h"
#include "keeper/keeper.h"
#include "keeper/kept.h"
#include "keeper/launch.h"
#include "keeper/limits.h"
#include "keeper/lock.h"
#include "keeper/logs.h"
#include "keeper/record.h"
#include "keeper/run.h"
#include "keeper/session.h"
#include "keeper/startcopy.h"
#include "keeper/stop.h"
#include "keeper/systemd.h"

#define LOOK_AGAIN_MS 250 /* where the kernel does not tell us */
#define KILL_AGAIN_MS 100
#define DRAIN_LOOK_MS 200

static void
init_map(struct map *m, struct map_link *heads[INSTANCE_BUCKETS])
{
	map_init(m, heads, INSTANCE_BUCKETS);
}

void
instances_init(struct instances *t)
{
	list_init(&t->all);
	init_map(&t->by_iid, t->iid_heads);
	init_map(&t->by_pid, t->pid_heads);
}

void
instances_fini(struct instances *t)
{
	list_each_safe (it, &t->all)
		instance_free(container_of(it, struct instance, in_all));
}

struct instance *
instance_find(struct instances *t, uint64_t iid)
{
	struct map_link *l = map_first(&t->by_iid, hash_mix(iid, 1));
	for (; l; l = map_next(&t->by_iid, l)) {
		struct instance *i = container_of(l, struct instance, by_iid);
		if (i->iid == iid)
			return i;
	}
	return NULL;
}

struct instance *
instance_find_pid(struct instances *t, pid_t pid)
{
	struct map_link *l = map_first(&t->by_pid, (uint64_t)pid);
	for (; l; l = map_next(&t->by_pid, l)) {
		struct instance *i = container_of(l, struct instance, by_pid);
		if (i->pid == pid)
			return i;
	}
	return NULL;
}

static void
on_populated(struct watch *w, uint32_t events)
{
	struct instance *i = container_of(w, struct instance, populated);
	(void)events;
	cgroup_read_populated(w->fd); /* rearms the event */
	instance_settle(i);
}

/* Nothing of it is left: whether its last words are with the logger.  They
 * would be lost with us, and the next keeper says so. */
static void
look_drained(struct instance *i)
{
	bool was = i->is_undrained;
	i->is_undrained = logs_has_waiting(i);
	if (i->is_undrained)
		loop_arm(&i->keeper->loop, &i->again, DRAIN_LOOK_MS);
	else if (was)
		record_update(i);
}

static void
on_again(struct timer *t)
{
	struct instance *i = container_of(t, struct instance, again);
	if (!instance_is_alive(i)) {
		if (i->is_released)
			session_forget(i);
		else
			look_drained(i);
		return;
	}
	if (i->is_killed)
		instance_kill(i);
	instance_settle(i);
}

struct instance *
instance_new(struct keeper *k, uint64_t iid)
{
	struct instance *i = calloc(1, sizeof *i);
	if (!i)
		return NULL;
	i->keeper = k;
	i->iid = iid;
	i->state = INSTANCE_EMPTY;
	i->pidfd = i->cgroup_fd = i->fifo_fd = i->answer_wd = -1;
	watch_init(&i->populated, on_populated);
	watch_init(&i->report, launch_on_report);
	watch_init(&i->end, adopt_on_end);
	timer_init(&i->end_wait, adopt_on_timer);
	notify_init(&i->notify);
	timer_init(&i->again, on_again);
	timer_init(&i->handoff, handoff_on_timer);
	timer_init(&i->deadline, launch_on_deadline);
	list_init(&i->in_ended);
	list_append(&k->instances.all, &i->in_all);
	map_insert(&k->instances.by_iid, &i->by_iid, hash_mix(iid, 1));
	return i;
}

/* Releases what belongs to the running epoch, but for the cgroup. */
static void
release_epoch(struct instance *i)
{
	struct loop *l = &i->keeper->loop;
	loop_close(l, &i->report);
	loop_disarm(&i->deadline);
	loop_disarm(&i->end_wait);
	loop_forget(l, &i->end);
	notify_close(i);
	handoff_unwatch(i);
	if (i->pidfd >= 0)
		close(i->pidfd);
	i->pidfd = -1;
}

void
instance_release_cgroup(struct instance *i)
{
	loop_close(&i->keeper->loop, &i->populated);
	if (i->cgroup_fd >= 0)
		close(i->cgroup_fd);
	i->cgroup_fd = -1;
	free(i->foreign_cgroup);
	i->foreign_cgroup = NULL;
}

void
instance_free(struct instance *i)
{
	struct instances *t = &i->keeper->instances;
	loop_disarm(&i->again);
	kept_drop(i);
	release_epoch(i);
	instance_release_cgroup(i);
	if (i->pid != 0 && i->is_child)
		map_remove(&t->by_pid, &i->by_pid);
	if (i->fifo_fd >= 0)
		close(i->fifo_fd);
	map_remove(&t->by_iid, &i->by_iid);
	list_remove(&i->in_all);
	list_remove(&i->in_ended);
	free(i->ids);
	free(i->ready_line);
	ahead_forget(i);
	free(i->name);
	free(i);
}

void
instance_drop(struct instance *i)
{
	run_kill_all(i->keeper, i->iid);
	startcopy_remove(&i->keeper->dirs, i->iid);
	systemd_forget_output(i);
	record_remove(&i->keeper->dirs, i->iid);
	lock_remove(&i->keeper->dirs, i->iid);
	instance_free(i);
}

void
instance_set_leader(struct instance *i, pid_t pid, int pidfd)
{
	CHECK(i->pid == 0 && pid > 0);
	i->pid = i->group = pid;
	i->pidfd = pidfd;
	i->is_child = true;
	map_insert(&i->keeper->instances.by_pid, &i->by_pid, (uint64_t)pid);
}

void
instance_set_main(struct instance *i, pid_t pid, int pidfd, uint64_t start_time)
{
	if (i->pid != 0 && i->is_child)
		map_remove(&i->keeper->instances.by_pid, &i->by_pid);
	if (i->pidfd >= 0)
		close(i->pidfd);
	i->pid = pid;
	i->pidfd = pidfd;
	i->start_time = start_time;
	i->is_child = false;
}

/* Whether the kernel killed some of it since it was started. */
static void
say_oom(struct instance *i)
{
	uint64_t count = i->cgroup_fd >= 0 ? limits_count_oom(i->cgroup_fd) : 0;
	if (count <= i->oom_kills)
		return;
	i->was_oom = true;
	session_send_news(i, KNEWS_OOM, (int64_t)(count - i->oom_kills),
		"the kernel killed it for memory (resources.memory_max)");
}

void
instance_on_exit(struct instance *i, int status)
{
	pid_t pid = i->pid;
	/* The last words on the pipe come first: they decide what this is. */
	if (i->state == INSTANCE_LAUNCHING)
		launch_on_child_gone(i);
	/* And what it said of its heir. */
	notify_drain(i);
	if (i->pid != pid)
		return;
	systemd_forget_leader(i);
	loop_forget(&i->keeper->loop, &i->end);
	loop_disarm(&i->end_wait);
	loop_disarm(&i->notify.watchdog);
	if (i->is_child)
		map_remove(&i->keeper->instances.by_pid, &i->by_pid);
	i->pid = 0;
	i->status = status;
	if (i->pidfd >= 0)
		close(i->pidfd);
	i->pidfd = -1;
	if (i->state == INSTANCE_RUNNING) {
		i->state = INSTANCE_LEAVING;
		/* First: its child is on its way while all else is done. */
		kept_put(i);
		say_oom(i);
		handoff_on_exited(i);
		session_send_event(i, KMSG_EXITED, status);
	}
	instance_settle(i);
	if (instance_is_alive(i))
		record_update(i);
}

/* Whether the kernel still knows a process of it. */
static bool
has_processes(const struct instance *i)
{
	if (i->populated.fd >= 0)
		return cgroup_read_populated(i->populated.fd) != 0;
	if (i->group <= 0)
		return false;
	return kill(-i->group, 0) == 0 || errno != ESRCH;
}

bool
instance_is_alive(const struct instance *i)
{
	return i->state != INSTANCE_EMPTY && i->state != INSTANCE_FORGOTTEN;
}

void
instance_remove_cgroup(struct instance *i)
{
	struct cgroups *c = &i->keeper->cgroups;
	if (i->foreign_cgroup)
		cgroup_remove_path(i->foreign_cgroup);
	else if (c->is_usable)
		cgroup_remove(c, i->iid);
	instance_release_cgroup(i);
}

static void
become_empty(struct instance *i)
{
	struct keeper *k = i->keeper;
	run_kill_all(k, i->iid);
	loop_disarm(&i->again);
	i->group = 0;
	i->state = INSTANCE_EMPTY;
	if (!kept_has(i))
		instance_remove_cgroup(i);
	i->is_undrained = false;
	look_drained(i);
	/* Written before it is said: the next keeper must not know less. */
	record_update(i);
	/* Said before we clear up: its next start may be decided meanwhile. */
	session_send_event(i, KMSG_EMPTY, 0);
	kept_check(i);
	logs_end_epoch(i);
	release_epoch(i);
	notify_remove(&k->dirs, i->iid);
	/* Not at once: our callers are not done with it. */
	if (i->is_released)
		loop_arm(&k->loop, &i->again, 0);
	stop_check(k);
}

void
instance_settle(struct instance *i)
{
	if (i->pid != 0 || !instance_is_alive(i))
		return;
	if (kept_has(i) || !has_processes(i)) {
		become_empty(i);
		return;
	}
	if (i->is_killed)
		loop_arm(&i->keeper->loop, &i->again, KILL_AGAIN_MS);
	else if (i->populated.fd < 0)
		loop_arm(&i->keeper->loop, &i->again, LOOK_AGAIN_MS);
}

void
instance_kill(struct instance *i)
{
	if (!instance_is_alive(i))
		return;
	i->is_killed = true;
	if (i->cgroup_fd >= 0)
		cgroup_kill(i->cgroup_fd);
	else if (i->group > 0)
		kill(-i->group, SIGKILL);
	/* A child that has not yet left our own group. */
	if (i->pidfd >= 0)
		instance_signal(i, SIGKILL, KTARGET_MAIN);
}

int
instance_signal(struct instance *i, int signal, enum kproto_target target)
{
	long rc = -1;
	errno = ESRCH;
	i->was_signalled = true;
	if (target == KTARGET_MAIN) {
		if (i->pidfd >= 0)
			rc = syscall(SYS_pidfd_send_signal, i->pidfd, signal,
				NULL, 0);
	} else if (i->cgroup_fd >= 0) {
		return cgroup_signal(i->cgroup_fd, signal);
	} else if (i->group > 0) {
		rc = kill(-i->group, signal);
	}
	return rc < 0 ? -errno : 0;
}
