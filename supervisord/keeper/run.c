#include "keeper/run.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keeper/handoff.h"
#include "keeper/keeper.h"
#include "keeper/kept.h"
#include "keeper/loan.h"
#include "keeper/result.h"
#include "keeper/said.h"
#include "keeper/session.h"
#include "keeper/spawn.h"
#include "keeper/startcopy.h"
#include "keeper/workdir.h"

#define TEXT_SIZE      (SAID_MAX + 1) /* of RAN.text */
#define TIMEOUT_MAX_MS 86400000
#define SWEEP_MS       50
#define VARIABLES      4 /* at most, beside the service's own */

/* One command that runs, or of which something is left. */
struct run {
	struct list link; /* in keeper.runs */
	struct keeper *keeper;
	uint64_t iid;
	uint64_t epoch;
	enum kproto_command command;
	pid_t pid;	      /* 0 once it is reaped */
	pid_t group;	      /* its process group */
	int report_fd;	      /* its child_reports, read when it has ended */
	int cgroup_fd;	      /* its own directory, -1 without cgroups */
	struct timer bound;   /* its timeout; then, and afterwards, looks */
	struct watch output;  /* of a probe */
	char line[TEXT_SIZE]; /* the last that the probe said, as it came */
	size_t length;	      /* of 'line' */
	bool is_line_over;    /* a newline came after it */
	bool has_expired;
};

static bool
is_probe(enum kproto_command command)
{
	return command == KCMD_READINESS || command == KCMD_LIVENESS;
}

/* --- Answers --- */

static void
refuse(struct keeper *k, const struct kproto_run *r, const char *text)
{
	session_send_ran(k, &(struct kproto_ran){
				    .iid = r->iid,
				    .epoch = r->epoch,
				    .command = r->command,
				    .is_refused = true,
				    .text = text,
			    });
}

/* The sentence of a child that did not come to its program. */
static bool
read_failure(struct run *run, char out[TEXT_SIZE])
{
	struct child_report r;
	int rc;
	while (child_hear(run->report_fd, &r, &rc)) {
		if (r.kind != CHILD_FAILED)
			continue;
		r.text[sizeof r.text - 1] = 0;
		snprintf(out, TEXT_SIZE, "%s: %.*s", child_step_name(r.step),
			TEXT_SIZE - 32, r.text);
		return true;
	}
	return false;
}

static void
answer(struct run *run, int status)
{
	char failure[TEXT_SIZE] = "";
	bool is_refused = !run->has_expired && read_failure(run, failure);
	run->line[run->length] = 0;
	said_clean(run->line);
	session_send_ran(
		run->keeper, &(struct kproto_ran){
				     .iid = run->iid,
				     .epoch = run->epoch,
				     .command = (uint8_t)run->command,
				     .status = status,
				     .has_expired = run->has_expired,
				     .is_refused = is_refused,
				     .text = is_refused ? failure : run->line,
			     });
}

/* --- A probe's output --- */

/* Keeps the beginning of the last line. */
static void
take_output(struct run *run, const char *data, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (data[i] == '\n') {
			run->is_line_over = true;
			continue;
		}
		if (run->is_line_over)
			run->length = 0;
		run->is_line_over = false;
		if (run->length < TEXT_SIZE - 1)
			run->line[run->length++] = data[i];
	}
}

static void
on_output(struct watch *w, uint32_t events)
{
	struct run *run = container_of(w, struct run, output);
	char data[4096];
	(void)events;
	ssize_t n = read(w->fd, data, sizeof data);
	if (n > 0)
		take_output(run, data, (size_t)n);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		loop_close(&run->keeper->loop, w);
}

/* What stands in the pipe when the probe has ended, a pipe's worth at most:
 * something that it left may still write. */
static void
drain_output(struct run *run)
{
	char data[4096];
	ssize_t n;
	for (int i = 0; i < 16 && run->output.fd >= 0; i++) {
		n = read(run->output.fd, data, sizeof data);
		if (n <= 0)
			break;
		take_output(run, data, (size_t)n);
	}
	loop_close(&run->keeper->loop, &run->output);
}

/* --- The end --- */

static void
run_free(struct run *run)
{
	loop_disarm(&run->bound);
	loop_close(&run->keeper->loop, &run->output);
	if (run->report_fd >= 0)
		close(run->report_fd);
	if (run->cgroup_fd >= 0)
		close(run->cgroup_fd);
	list_remove(&run->link);
	free(run);
}

static void
kill_run(struct run *run)
{
	if (run->cgroup_fd >= 0)
		cgroup_kill(run->cgroup_fd);
	/* A child that has not yet made its group is hit by its pid. */
	if (run->pid > 0 && kill(-run->pid, SIGKILL) < 0)
		kill(run->pid, SIGKILL);
}

static void
name_cgroup(enum kproto_command command, char out[32])
{
	snprintf(out, 32, "skep-%s", kproto_command_name(command));
}

/* Removes the cgroup, and the instance's too when only this used it. */
static void
remove_cgroup(struct run *run)
{
	struct keeper *k = run->keeper;
	struct instance *i = instance_find(&k->instances, run->iid);
	char name[32];
	if (i && instance_is_alive(i)) {
		name_cgroup(run->command, name);
		if (i->cgroup_fd >= 0)
			cgroup_remove_beneath(i->cgroup_fd, name);
	} else if (k->cgroups.is_usable) {
		cgroup_remove(&k->cgroups, run->iid);
	}
}

/* Whether nothing of it may stay. */
static bool
takes_all(const struct run *run)
{
	return is_probe(run->command) || run->has_expired ||
	       run->command == KCMD_POST_STOP;
}

/* What a hook left behind is the service's from now on. */
static void
leave_to_service(struct run *run)
{
	struct instance *i = instance_find(&run->keeper->instances, run->iid);
	if (run->cgroup_fd >= 0 && i && instance_is_alive(i) &&
		i->cgroup_fd >= 0)
		cgroup_move(run->cgroup_fd, i->cgroup_fd);
}

/* After the end: lets go of it when nothing is left that it should take with
 * it. */
static void
sweep(struct run *run)
{
	bool is_left = run->cgroup_fd >= 0 && cgroup_has_any(run->cgroup_fd);
	if (is_left && takes_all(run)) {
		cgroup_kill(run->cgroup_fd);
		loop_arm(&run->keeper->loop, &run->bound, SWEEP_MS);
		return;
	}
	/* Only the group is known: what is in it goes at once. */
	if (run->cgroup_fd < 0 && takes_all(run))
		kill(-run->group, SIGKILL);
	if (!is_left)
		remove_cgroup(run);
	run_free(run);
}

static void
on_bound(struct timer *t)
{
	struct run *run = container_of(t, struct run, bound);
	if (run->pid == 0) {
		sweep(run);
		return;
	}
	run->has_expired = true;
	kill_run(run);
}

/* handoff.command has ended: what it wrote is the state if all went well, and
 * from then on as good as an answer of the service itself. */
static void
take_dump(struct run *run, int status)
{
	struct keeper *k = run->keeper;
	struct instance *i = instance_find(&k->instances, run->iid);
	if (!i || i->epoch != run->epoch || status != 0 || run->has_expired) {
		workdir_clear_part(&k->dirs, run->iid, WORKDIR_STATE);
		return;
	}
	workdir_take_part(&k->dirs, run->iid, WORKDIR_STATE);
	if (i->has_handoff)
		handoff_look(i);
}

/* The same of checkpoint.command. */
static void
take_checkpoint(struct run *run, int status)
{
	struct keeper *k = run->keeper;
	struct instance *i = instance_find(&k->instances, run->iid);
	if (i && i->epoch == run->epoch && status == 0 && !run->has_expired)
		workdir_take_part(&k->dirs, run->iid, WORKDIR_CHECKPOINT);
	else
		workdir_clear_part(&k->dirs, run->iid, WORKDIR_CHECKPOINT);
}

bool
run_on_exit(struct keeper *k, pid_t pid, int status)
{
	list_each (it, &k->runs) {
		struct run *run = container_of(it, struct run, link);
		if (run->pid != pid)
			continue;
		run->pid = 0;
		drain_output(run);
		if (!takes_all(run))
			leave_to_service(run);
		if (run->command == KCMD_HANDOFF)
			take_dump(run, status);
		else if (run->command == KCMD_CHECKPOINT)
			take_checkpoint(run, status);
		answer(run, status);
		sweep(run);
		return true;
	}
	return false;
}

bool
run_has_pid(struct keeper *k, pid_t pid)
{
	list_each (it, &k->runs)
		if (container_of(it, struct run, link)->pid == pid)
			return true;
	return false;
}

bool
run_is_left(struct keeper *k, uint64_t iid)
{
	list_each (it, &k->runs)
		if (container_of(it, struct run, link)->iid == iid)
			return true;
	return false;
}

void
run_kill_all(struct keeper *k, uint64_t iid)
{
	list_each (it, &k->runs) {
		struct run *run = container_of(it, struct run, link);
		if (run->iid == iid)
			kill_run(run);
	}
}

/* Nothing but a command can be in the cgroup of what is empty. */
static void
clear_empty(struct instance *i)
{
	const struct cgroups *c = &i->keeper->cgroups;
	char name[32];
	snprintf(name, sizeof name, "%016" PRIx64, i->iid);
	int fd = c->is_usable ? cgroup_find_beneath(c->fd, name) : -1;
	if (fd < 0)
		return;
	cgroup_kill(fd);
	close(fd);
	cgroup_remove(c, i->iid);
}

void
run_clear(struct instance *i)
{
	char name[32];
	if (!instance_is_alive(i)) {
		clear_empty(i);
		return;
	}
	for (unsigned n = 0; n < KCMD_COUNT; n++) {
		name_cgroup((enum kproto_command)n, name);
		int fd = cgroup_find_beneath(i->cgroup_fd, name);
		if (fd < 0)
			continue;
		cgroup_kill(fd);
		close(fd);
		cgroup_remove_beneath(i->cgroup_fd, name);
	}
}

void
run_fini(struct keeper *k)
{
	list_each_safe (it, &k->runs) {
		struct run *run = container_of(it, struct run, link);
		kill_run(run);
		run_free(run);
	}
}

/* --- The beginning --- */

/* Whether the command may be run now; says why not. */
static bool
is_runnable(
	struct keeper *k, const struct instance *i, const struct kproto_run *r)
{
	bool is_after = r->command == KCMD_POST_STOP;
	if (!i || i->state == INSTANCE_FORGOTTEN)
		refuse(k, r, "no such instance");
	else if (i->epoch != r->epoch)
		refuse(k, r, "this is not its running epoch");
	else if (is_after && instance_is_alive(i))
		refuse(k, r, "something of the service still runs");
	else if (!is_after && i->state != INSTANCE_RUNNING &&
		 i->state != INSTANCE_LEAVING)
		refuse(k, r, "the service does not run");
	else
		return true;
	return false;
}

static bool
is_running(struct keeper *k, const struct kproto_run *r)
{
	list_each (it, &k->runs) {
		struct run *run = container_of(it, struct run, link);
		if (run->iid == r->iid &&
			run->command == (enum kproto_command)r->command)
			return true;
	}
	return false;
}

/* Its own cgroup: beneath the instance's, which is made again for what comes
 * after the end.  -1 without cgroups. */
static int
open_cgroup(struct instance *i, enum kproto_command command, int *out,
	struct err *err)
{
	struct keeper *k = i->keeper;
	char name[32];
	int parent = i->cgroup_fd;
	bool is_new;
	*out = -1;
	kept_drop(i);
	if (!instance_is_alive(i) && k->cgroups.is_usable)
		parent = cgroup_open(&k->cgroups, i->iid, &is_new, err);
	else if (parent < 0)
		return 0;
	if (parent < 0)
		return k->cgroups.is_usable ? parent : 0;
	name_cgroup(command, name);
	*out = cgroup_open_beneath(parent, name, err);
	if (parent != i->cgroup_fd)
		close(parent);
	return *out < 0 ? *out : 0;
}

/* The pipe of a probe; the writing end is the caller's. */
static int
open_output(struct run *run, int *out, struct err *err)
{
	int ends[2];
	*out = -1;
	if (!is_probe(run->command))
		return 0;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(err, -errno, "pipe");
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	int rc = loop_watch(&run->keeper->loop, &run->output, ends[0], EPOLLIN);
	if (rc < 0) {
		close(ends[0]);
		close(ends[1]);
		return err_sys(err, rc, "epoll");
	}
	*out = ends[1];
	return 0;
}

/* The variables of a command beside the service's own. */
struct variables {
	char texts[VARIABLES][64];
	const char *list[VARIABLES + 1]; /* NULL at the end */
};

static void
fill_variables(struct variables *v, const struct instance *i,
	enum kproto_command command)
{
	size_t count = 0;
	memset(v->list, 0, sizeof v->list);
	if (i->pid > 0) {
		snprintf(v->texts[count], sizeof v->texts[count], "MAINPID=%d",
			(int)i->pid);
		count++;
	}
	if (command == KCMD_POST_STOP)
		count += result_write(i, v->texts + count);
	for (size_t n = 0; n < count; n++)
		v->list[n] = v->texts[n];
}

static int
fork_run(struct run *run, struct instance *i, const struct kproto_start *start,
	int output, struct err *err)
{
	struct keeper *k = run->keeper;
	struct variables variables;
	struct spawned child;
	int ends[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return err_sys(err, -errno, "socketpair");
	fill_variables(&variables, i, run->command);
	struct child_plan plan = {
		.start = start,
		.options = &k->options,
		.dirs = &k->dirs,
		.report_fd = ends[1],
		.fifo_fd = i->fifo_fd,
		.lock_fd = -1,
		.state_fd = -1,
		.theirs_fd = -1,
		.output_fd = output,
		.ready_fd = -1,
		.command = &start->commands[run->command],
		.variables = variables.list,
	};
	int rc = spawn_fork(run->cgroup_fd, &child, err);
	if (rc == 0 && child.pid == 0) {
		int fds[] = {plan.report_fd, plan.fifo_fd, plan.output_fd};
		loan_keep(fds, sizeof fds / sizeof *fds, k->dirs.work);
		child_run_command(&plan);
	}
	close(ends[1]);
	run->report_fd = ends[0];
	if (rc == 0) {
		close(child.pidfd);
		run->pid = run->group = child.pid;
	}
	return rc;
}

static struct run *
run_new(struct keeper *k, const struct kproto_run *r)
{
	struct run *run = calloc(1, sizeof *run);
	if (!run)
		return NULL;
	run->keeper = k;
	run->iid = r->iid;
	run->epoch = r->epoch;
	run->command = (enum kproto_command)r->command;
	run->report_fd = run->cgroup_fd = -1;
	timer_init(&run->bound, on_bound);
	watch_init(&run->output, on_output);
	list_append(&k->runs, &run->link);
	return run;
}

/* What stands where the command writes is no work of this run of it. */
static void
clear_place(struct keeper *k, const struct kproto_run *r)
{
	if (r->command == KCMD_HANDOFF)
		workdir_clear_part(&k->dirs, r->iid, WORKDIR_STATE);
	if (r->command != KCMD_CHECKPOINT)
		return;
	workdir_clear_part(&k->dirs, r->iid, WORKDIR_CHECKPOINT);
	workdir_clear_checkpoint(&k->dirs, r->iid);
}

/* Begins the command of 'start'. */
static int
begin(struct instance *i, const struct kproto_run *r,
	const struct kproto_start *start, struct err *err)
{
	struct keeper *k = i->keeper;
	struct run *run = run_new(k, r);
	int output = -1;
	clear_place(k, r);
	if (!run)
		return err_set(err, -ENOMEM, "out of memory");
	int rc = open_cgroup(i, run->command, &run->cgroup_fd, err);
	if (rc == 0)
		rc = open_output(run, &output, err);
	if (rc == 0)
		rc = fork_run(run, i, start, output, err);
	if (output >= 0)
		close(output);
	if (rc < 0) {
		run_free(run);
		return rc;
	}
	if (run->command == KCMD_HANDOFF)
		handoff_on_asked(i);
	loop_arm(&k->loop, &run->bound,
		r->timeout_ms < TIMEOUT_MAX_MS ? r->timeout_ms
					       : TIMEOUT_MAX_MS);
	return 0;
}

/* There is no such command: it has ended well. */
static void
answer_none(struct keeper *k, const struct kproto_run *r)
{
	session_send_ran(k, &(struct kproto_ran){
				    .iid = r->iid,
				    .epoch = r->epoch,
				    .command = r->command,
				    .text = "",
			    });
}

void
run_start(struct keeper *k, const struct kproto_run *r)
{
	struct instance *i = instance_find(&k->instances, r->iid);
	struct kproto_start start;
	struct err err = {""};
	char *memory = NULL;
	if (!is_runnable(k, i, r))
		return;
	int rc = startcopy_read(
		&k->dirs, r->iid, r->epoch, &start, &memory, &err);
	if (rc == -ENOENT ||
		(rc == 0 && start.commands[r->command].count == 0)) {
		answer_none(k, r);
	} else if (rc == 0 && is_running(k, r)) {
		refuse(k, r, "the last run of it is not over yet");
	} else {
		if (rc == 0)
			rc = begin(i, r, &start, &err);
		if (rc < 0)
			refuse(k, r, err.text);
	}
	free(memory);
}
