#include "keeper/adopt.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "keeper/handoff.h"
#include "keeper/keeper.h"
#include "keeper/loan.h"
#include "keeper/lock.h"
#include "keeper/logs.h"
#include "keeper/proc.h"
#include "keeper/record.h"
#include "keeper/run.h"
#include "keeper/startcopy.h"
#include "keeper/systemd.h"
#include "keeper/workdir.h"
#include "sys/say.h"

#define RESUMED_START_MS 30000 /* for what was left of a start's bound */

static void
end(struct instance *i, int status)
{
	loop_disarm(&i->end_wait);
	loop_forget(&i->keeper->loop, &i->end);
	instance_on_exit(i, status);
}

void
adopt_on_end(struct watch *w, uint32_t events)
{
	struct instance *i = container_of(w, struct instance, end);
	struct loop *l = &i->keeper->loop;
	int status = KSTATUS_UNKNOWN;
	(void)events;
	int rc = proc_read_end(i->pidfd, i->pid, i->start_time, &status);
	if (rc == -EAGAIN) {
		/* Whoever inherited it has not reaped it: that it is reaped
		 * comes as EPOLLHUP, which needs no asking for. */
		loop_change(l, &i->end, 0);
		if (list_is_empty(&i->end_wait.link))
			loop_arm(l, &i->end_wait, ADOPT_END_MS);
		return;
	}
	end(i, rc == 0 ? status : KSTATUS_UNKNOWN);
}

void
adopt_on_timer(struct timer *t)
{
	end(container_of(t, struct instance, end_wait), KSTATUS_UNKNOWN);
}

/* Opens the cgroup on record, if it is still there. */
static void
open_cgroup(struct instance *i, const char *path)
{
	struct keeper *k = i->keeper;
	char own[PATH_MAX + NAME_MAX];
	int fd = *path ? open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
					    O_CLOEXEC)
		       : -1;
	if (fd < 0)
		return;
	fd = loan_park(fd);
	int events = cgroup_open_events(fd);
	if (events >= 0)
		events = loan_park(events);
	if (events < 0 ||
		loop_watch(&k->loop, &i->populated, events, EPOLLPRI) < 0) {
		if (events >= 0)
			close(events);
		close(fd);
		return;
	}
	i->cgroup_fd = fd;
	/* We may have been started in another cgroup than the last one. */
	snprintf(own, sizeof own, "%s/%016" PRIx64, k->cgroups.path, i->iid);
	if (!k->cgroups.is_usable || strcmp(own, path) != 0)
		i->foreign_cgroup = strdup(path);
	run_clear(i);
}

static void
open_output(struct instance *i)
{
	struct err err = {""};
	if (logs_adopt(i, &err) < 0)
		say(SAY_WARNING, "%s: its output is lost: %s", i->name,
			err.text);
}

/* What was in a FIFO is gone when its last holder is.  The line stands in it
 * before the record says that the instance is at its end, so that it is not
 * lost with us either. */
static void
note_missing_output(struct instance *i)
{
	char line[INSTANCE_NAME_MAX + 128];
	if (i->fifo_fd < 0)
		return;
	int n = snprintf(line, sizeof line,
		"skep: skepd was away when %s ended: output may be missing "
		"here\n",
		i->name);
	if (write(i->fifo_fd, line, (size_t)n) != n)
		say(SAY_WARNING, "%s: output may be missing", i->name);
}

static void
adopt_leader(struct instance *i, pid_t pid, int pidfd)
{
	struct loop *l = &i->keeper->loop;
	i->pid = pid;
	i->pidfd = loan_park(pidfd);
	i->is_child = false;
	i->state = INSTANCE_RUNNING;
	handoff_resume(i);
	say(SAY_INFO, "%s: adopted, pid %d", i->name, (int)pid);
	if (proc_is_launching(pid)) {
		say(SAY_WARNING, "%s: its start was cut short: killed",
			i->name);
		instance_kill(i);
	}
	if (loop_watch(l, &i->end, i->pidfd, EPOLLIN) < 0) {
		say(SAY_ERROR, "%s: its end will not be seen", i->name);
		instance_kill(i);
	}
	notify_adopt(i);
}

/* Whether what is left of its process group is surely its own. */
static bool
is_group_ours(const struct instance *i)
{
	return lock_is_in_group(&i->keeper->dirs, i->iid, i->group);
}

/* What is left without its leader: more processes, or nothing. */
static void
adopt_rest(struct instance *i)
{
	if (i->state == INSTANCE_RUNNING || i->state == INSTANCE_LAUNCHING) {
		i->state = INSTANCE_LEAVING;
		i->status = KSTATUS_UNKNOWN;
		say(SAY_WARNING, "%s: ended while no skepd ran", i->name);
	}
	/* Without its leader only a holder of its lock says whose the group
	 * is now; and it ends without any news of ours. */
	if (i->cgroup_fd < 0 && !is_group_ours(i))
		i->group = 0;
	instance_settle(i);
}

/* Whether the leader is gone, or a zombie that nobody has reaped yet. */
static bool
has_ended(int pidfd)
{
	struct pollfd p = {.fd = pidfd, .events = POLLIN};
	return pidfd < 0 || (poll(&p, 1, 0) == 1 && p.revents);
}

/* A pidfd of the leader on record: the one that systemd kept, or a new one
 * while the process lives. */
static int
find_leader(const struct instance *i, pid_t pid)
{
	if (pid == 0)
		return -1;
	int fd = systemd_take_leader(i->iid, i->epoch);
	if (fd >= 0)
		return fd;
	fd = proc_open(pid, i->start_time);
	systemd_park_leader(i, fd);
	return fd;
}

/* Whether something of it is there that we may not touch: its leader is gone,
 * and it is not in its cgroup. */
static bool
is_astray(const struct instance *i, int leader)
{
	bool is_empty = i->populated.fd < 0 ||
			cgroup_read_populated(i->populated.fd) == 0;
	return is_empty && has_ended(leader) &&
	       lock_is_held(&i->keeper->dirs, i->iid) &&
	       (i->cgroup_fd >= 0 || !is_group_ours(i));
}

static bool
may_miss_output(const struct instance *i, int leader)
{
	if (!instance_is_alive(i))
		return i->is_undrained;
	return has_ended(leader) &&
	       (i->populated.fd < 0 ||
		       cgroup_read_populated(i->populated.fd) == 0);
}

/* Takes over the output: what was written is there if somebody held it. */
static void
adopt_output(struct instance *i, int leader)
{
	int held = systemd_take_output(i->iid);
	open_output(i);
	if (held < 0 && may_miss_output(i, leader))
		note_missing_output(i);
	if (held >= 0)
		close(held);
	else
		systemd_park_output(i);
}

/* Takes over what a record tells. */
static void
adopt(struct instance *i, const char *cgroup)
{
	struct keeper *k = i->keeper;
	pid_t pid = i->pid;
	i->pid = 0;
	if (!instance_is_alive(i)) {
		run_clear(i);
		adopt_output(i, -1);
		loop_arm(&k->loop, &i->again, 0);
		return;
	}
	open_cgroup(i, cgroup);
	int fd = find_leader(i, pid);
	if (is_astray(i, fd)) {
		say(SAY_WARNING,
			"%s: its leader is gone and something of it runs "
			"outside of its cgroup: left alone, and not started "
			"again before that ends",
			i->name);
		if (fd >= 0)
			close(fd);
		systemd_forget_leader(i);
		instance_free(i);
		return;
	}
	adopt_output(i, fd);
	if (fd >= 0)
		adopt_leader(i, pid, fd);
	else
		adopt_rest(i);
}

static void
visit(struct keeper *k, uint64_t iid)
{
	struct err err = {""};
	char cgroup[PATH_MAX];
	struct instance *i = instance_new(k, iid);
	if (!i)
		return;
	int rc = record_read(i, cgroup, &err);
	if (rc == 0) {
		adopt(i, cgroup);
		return;
	}
	i->pid = 0;
	instance_free(i);
	/* What cannot be read may be of a service that runs: its lock stays,
	 * and so does the file, for whoever wants to look. */
	if (rc != -ESTALE) {
		say(SAY_ERROR, "%s", err.text);
		return;
	}
	startcopy_remove(&k->dirs, iid);
	record_remove(&k->dirs, iid);
	lock_remove(&k->dirs, iid);
}

/* The leader that goes on, our child or not. */
static void
resume_leader(struct instance *i, pid_t pid)
{
	struct loop *l = &i->keeper->loop;
	int fd = i->pidfd;
	if (i->is_child) {
		instance_set_leader(i, pid, fd);
		return;
	}
	i->pid = pid;
	if (loop_watch(l, &i->end, fd, EPOLLIN) < 0)
		say(SAY_ERROR, "%s: its end will not be seen", i->name);
}

/* The child that is on its way to its program. */
static void
resume_launch(struct instance *i, int report)
{
	struct loop *l = &i->keeper->loop;
	if (i->state != INSTANCE_LAUNCHING)
		return;
	loop_arm(l, &i->deadline, RESUMED_START_MS);
	if (loop_watch(l, &i->report, report, EPOLLIN) < 0)
		say(SAY_ERROR, "%s: its start cannot be watched", i->name);
}

void
adopt_resume(struct keeper *k, uint64_t iid, const char *text)
{
	char cgroup[PATH_MAX];
	struct instance *i = instance_new(k, iid);
	if (!i)
		return;
	bool is_good = record_parse_live(i, text, cgroup);
	pid_t pid = i->pid;
	int report = i->report.fd;
	i->pid = 0;
	i->report.fd = -1;
	if (!is_good) {
		i->notify.socket.fd = i->notify.ready.fd = -1;
		instance_free(i);
		visit(k, iid); /* as if it came from another process */
		return;
	}
	if (!instance_is_alive(i)) {
		run_clear(i);
		loop_arm(&k->loop, &i->again, 0);
		return;
	}
	open_cgroup(i, cgroup);
	if (pid > 0)
		resume_leader(i, pid);
	resume_launch(i, report);
	handoff_resume(i);
	notify_resume(i);
	loop_arm(&k->loop, &i->again, 0);
}

void
adopt_all(struct keeper *k)
{
	record_each(k, visit);
}

bool
adopt_is_stray(struct keeper *k, uint64_t iid, struct err *err)
{
	if (k->cgroups.is_usable && cgroup_is_populated(&k->cgroups, iid))
		err_set(err, 0,
			"a process of an earlier skepd still runs in "
			"%s/%016" PRIx64,
			k->cgroups.path, iid);
	else if (lock_is_held(&k->dirs, iid))
		err_set(err, 0,
			"a process of an earlier skepd, which cannot be told "
			"from others, still holds %s/instances/%016" PRIx64
			".lock: it is waited for; 'fuser -v' with that file "
			"names it, for you to end it",
			k->options.conf.node.run_dir, iid);
	else
		return false;
	return true;
}
