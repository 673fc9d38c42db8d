#include "keeper/leader.h"

#include <unistd.h>

#include "keeper/adopt.h"
#include "keeper/keeper.h"
#include "keeper/proc.h"
#include "keeper/record.h"
#include "keeper/run.h"
#include "keeper/session.h"
#include "keeper/systemd.h"
#include "sys/procstat.h"
#include "sys/say.h"

static bool
is_inside(struct instance *i, pid_t pid)
{
	if (i->cgroup_fd >= 0)
		return cgroup_holds(
			&i->keeper->cgroups, i->iid, i->foreign_cgroup, pid);
	return getpgid(pid) == i->group || getsid(pid) == i->group;
}

void
leader_change(struct instance *i, pid_t pid)
{
	struct loop *l = &i->keeper->loop;
	uint64_t start_time = procstat_start_time(pid);
	int pidfd = proc_open(pid, start_time);
	/* Looked at after the pidfd was opened: it is one process all along.
	 * A command beside the service is no part of it that could lead. */
	if (pidfd < 0 || !is_inside(i, pid) || run_has_pid(i->keeper, pid)) {
		say(SAY_WARNING,
			"%s: MAINPID=%d is none of its processes: ignored",
			i->name, (int)pid);
		if (pidfd >= 0)
			close(pidfd);
		return;
	}
	loop_forget(l, &i->end);
	loop_disarm(&i->end_wait);
	if (loop_watch(l, &i->end, pidfd, EPOLLIN) < 0) {
		say(SAY_ERROR, "%s: the end of pid %d would not be seen",
			i->name, (int)pid);
		close(pidfd);
		return;
	}
	systemd_forget_leader(i);
	instance_set_main(i, pid, pidfd, start_time);
	systemd_park_leader(i, i->pidfd);
	record_update(i);
	session_send_news(i, KNEWS_MAIN, pid, "");
}

struct instance *
leader_find(struct keeper *k, pid_t pid)
{
	list_each (it, &k->instances.all) {
		struct instance *i = container_of(it, struct instance, in_all);
		if (i->pid == pid)
			return i;
	}
	return NULL;
}
