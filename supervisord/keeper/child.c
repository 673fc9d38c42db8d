#include "keeper/child.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keeper/caps.h"
#include "keeper/env.h"
#include "keeper/file.h"
#include "keeper/hook.h"
#include "keeper/lock.h"
#include "keeper/mover.h"
#include "keeper/nofile.h"
#include "keeper/notify.h"
#include "keeper/policy.h"
#include "keeper/proc.h"
#include "keeper/rules.h"
#include "keeper/spawn.h"
#include "keeper/workdir.h"

#define ENV_FILE_MAX (1 << 20)
#define STEP_SIZE    offsetof(struct child_report, blame)

/* The child's own state on its way. */
struct child {
	const struct child_plan *plan;
	const struct kproto_start *start;
	enum child_step step;
	struct ids ids;
	struct policy policy;
	char work[PATH_MAX]; /* the work directory's path */
	struct env env;
	char **argv;
	bool is_let_go;	   /* the keeper has written the record */
	bool is_resolving; /* whatever fails now, the state of its own is left
			    */
	int ready_fd;	   /* the FIFO of readiness.fd, opened anew, or -1 */
};

const char *
child_step_name(enum child_step step)
{
	switch (step) {
#define X(name, text)                                                          \
	case name:                                                             \
		return text;
		CHILD_STEPS(X)
#undef X
	}
	return "unknown";
}

bool
child_hear(int report_fd, struct child_report *out, int *rc)
{
	ssize_t n;
	/* A child that left its byte unread is reset; what it said stands
	 * behind that. */
	do {
		n = recv(report_fd, out, sizeof *out, MSG_DONTWAIT);
	} while (n < 0 && (errno == EINTR || errno == ECONNRESET));
	*rc = n < 0 ? -errno : 0;
	return n >= (ssize_t)STEP_SIZE &&
	       (out->kind == CHILD_AT_STEP || n == (ssize_t)sizeof *out);
}

static void
send_report(const struct child *c, struct child_report *r)
{
	size_t size = r->kind == CHILD_AT_STEP ? STEP_SIZE : sizeof *r;
	ssize_t n;
	r->step = c->step;
	do {
		n = write(c->plan->report_fd, r, size);
	} while (n < 0 && errno == EINTR);
}

/* The next step, one that may stand still. */
static void
enter(struct child *c, enum child_step step)
{
	struct child_report r = {.kind = CHILD_AT_STEP};
	c->step = step;
	send_report(c, &r);
}

/* Tells the keeper what went wrong, and ends. */
static _Noreturn void
fail(struct child *c, enum kproto_blame blame, int rc, const char *text)
{
	struct child_report r = {
		.kind = CHILD_FAILED,
		.blame = c->is_resolving ? KBLAME_RESOLVE : blame,
		.code = rc < 0 ? -rc : 0,
	};
	snprintf(r.text, sizeof r.text, "%s", text);
	send_report(c, &r);
	_exit(127);
}

/* Fails with the host's blame unless 'rc' is good. */
static void
need(struct child *c, int rc, const struct err *err)
{
	if (rc < 0)
		fail(c, KBLAME_HOST, rc, err->text);
}

static void
report_ids(const struct child *c)
{
	struct child_report r = {
		.kind = CHILD_IS,
		.uid = c->ids.uid,
		.gid = c->ids.gid,
		.group_count = c->ids.group_count,
	};
	memcpy(r.groups, c->ids.groups, sizeof r.groups);
	send_report(c, &r);
}

/* What the policy names is looked up, which may take as long as the user. */
static void
begin_policy(struct child *c)
{
	const struct conf_policy *p = &c->plan->options->conf.policy;
	if (p->allowed_users.count + p->allowed_groups.count +
			p->allowed_paths.count >
		0)
		enter(c, CHILD_POLICY);
	else
		c->step = CHILD_POLICY;
}

static void
check_who(struct child *c)
{
	struct err err = {""};
	struct ids_own own;
	c->step = CHILD_USER;
	need(c,
		ids_look_up(c->start->user, c->start->group, &c->start->groups,
			&c->ids, &own, &err),
		&err);
	begin_policy(c);
	need(c, rules_resolve(&c->plan->options->conf.policy, &c->policy, &err),
		&err);
	if (!policy_check_start(&c->policy, c->start, &c->ids, &own, &err))
		fail(c, KBLAME_POLICY, -EPERM, err.text);
	report_ids(c);
}

/* Makes what is opened at 'path' our descriptors 1 and 2. */
static int
redirect_output(const char *path, struct err *err)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, -errno, "%s", path);
	if (spawn_move_fd(fd, 1) < 0 || spawn_move_fd(fd, 2) < 0)
		return err_sys(err, -errno, "dup2");
	return 0;
}

/* The FIFO is opened anew, so that it blocks; and for reading too, so that it
 * has a reader also while neither keeper nor logger runs: what is written then
 * waits in it, and no SIGPIPE comes. */
static int
redirect_to_fifo(struct child *c, struct err *err)
{
	char path[64];
	int fd = c->plan->fifo_fd;
	if (c->policy.own_uid == 0 && fchown(fd, c->ids.uid, c->ids.gid) < 0)
		return err_sys(err, -errno, "the owner of the FIFO");
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	return redirect_output(path, err);
}

/* The descriptor of readiness.fd, blocking, for later. */
static void
open_ready(struct child *c)
{
	char path[64];
	struct err err;
	c->ready_fd = -1;
	if (c->plan->ready_fd < 0)
		return;
	snprintf(path, sizeof path, "/proc/self/fd/%d", c->plan->ready_fd);
	c->ready_fd = open(path, O_RDWR | O_CLOEXEC);
	if (c->ready_fd < 0)
		need(c, err_sys(&err, -errno, "readiness.fd"), &err);
}

/* A descriptor of ours that has the number of another: it moves away. */
static void
give_way(struct child *c, int *fd, int number)
{
	struct err err;
	if (*fd != number)
		return;
	*fd = fcntl(number, F_DUPFD_CLOEXEC, 3);
	if (*fd < 0)
		need(c, err_sys(&err, -errno, "descriptor %d", number), &err);
}

/* Puts it where the service looks for it. */
static void
pass_on_ready(struct child *c, struct child_plan *plan)
{
	struct err err;
	int number = c->start->ready_fd;
	if (c->ready_fd < 0)
		return;
	give_way(c, &plan->report_fd, number);
	give_way(c, &plan->lock_fd, number);
	int rc = spawn_move_fd(c->ready_fd, number);
	if (rc < 0)
		need(c, err_sys(&err, rc, "readiness.fd %d", number), &err);
}

static void
set_output(struct child *c)
{
	struct err err = {""};
	c->step = CHILD_OUTPUT;
	open_ready(c);
	int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (in < 0 || spawn_move_fd(in, 0) < 0)
		fail(c, KBLAME_HOST, -errno, "/dev/null");
	if (c->plan->output_fd >= 0) {
		if (spawn_move_fd(c->plan->output_fd, 1) < 0 ||
			spawn_move_fd(c->plan->output_fd, 2) < 0)
			fail(c, KBLAME_HOST, -errno, "dup2");
	} else if (c->start->log.target == KLOG_FILE ||
		   c->start->log.target == KLOG_JOURNAL) {
		need(c, redirect_to_fifo(c, &err), &err);
	} else if (c->start->log.target == KLOG_NULL) {
		need(c, redirect_output("/dev/null", &err), &err);
	}
}

static void
set_work_dir(struct child *c)
{
	struct err err = {""};
	const struct kproto_start *s = c->start;
	const struct dirs *d = c->plan->dirs;
	enter(c, CHILD_WORK_DIR);
	workdir_path(d, s->iid, c->work);
	if (!s->has_handoff && !s->has_checkpoint && !s->has_state &&
		!s->sets_aside) {
		workdir_clear(d, s->iid);
		return;
	}
	need(c, workdir_prepare(d, s->iid, c->ids.uid, c->ids.gid, &err), &err);
	/* The mark that lies in it then must be found after a loss of power. */
	if (s->sets_aside && fsync(d->work) < 0)
		need(c, err_sys(&err, -errno, "%s", c->work), &err);
}

static void
set_rlimits(struct child *c)
{
	c->step = CHILD_RLIMITS;
	nofile_restore();
	for (uint32_t i = 0; i < c->start->rlimit_count; i++) {
		const struct kproto_rlimit *l = &c->start->rlimits[i];
		struct rlimit v = {
			.rlim_cur = l->soft == KLIMIT_INFINITY ? RLIM_INFINITY
							       : l->soft,
			.rlim_max = l->hard == KLIMIT_INFINITY ? RLIM_INFINITY
							       : l->hard,
		};
		if (setrlimit(l->resource, &v) < 0) {
			struct err err;
			int rc = err_sys(&err, -errno,
				"limit %u to %" PRIu64 " of %" PRIu64,
				l->resource, l->soft, l->hard);
			fail(c, KBLAME_HOST, rc, err.text);
		}
	}
}

/* Both are inherited, so they are set even to their default, 0.  Without root
 * a keeper that was itself made nicer cannot go back: 0 is ours then. */
static void
set_priorities(struct child *c)
{
	struct err err;
	spawn_reset_scheduling();
	c->step = CHILD_OOM;
	int rc = spawn_set_oom_score(c->start->oom_score_adj);
	if (rc < 0 && c->start->oom_score_adj != 0)
		need(c,
			err_sys(&err, rc, "oom_score_adj %d",
				c->start->oom_score_adj),
			&err);
	c->step = CHILD_NICE;
	rc = setpriority(PRIO_PROCESS, 0, c->start->nice) < 0 ? -errno : 0;
	if (rc < 0 && c->start->nice != 0)
		need(c, err_sys(&err, rc, "nice %d", c->start->nice), &err);
}

static void
switch_user(struct child *c)
{
	struct err err = {""};
	c->step = CHILD_SWITCH;
	const struct kproto_texts *list = &c->start->capabilities;
	uint64_t mask = 0;
	umask((mode_t)(c->start->umask & 0777));
	need(c, caps_read(list, &mask, &err), &err);
	if (list->count > 0)
		need(c, caps_before_switch(mask, &err), &err);
	need(c, ids_switch(&c->ids, &err), &err);
	if (list->count > 0)
		need(c, caps_after_switch(mask, &err), &err);
	if (c->start->no_new_privileges &&
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		need(c, err_sys(&err, -errno, "no_new_privileges"), &err);
}

/* Tells what became of an older state. */
static void
report_aside(const struct child *c, const char *text)
{
	struct child_report r = {.kind = CHILD_ASIDE};
	if (!*text)
		return;
	snprintf(r.text, sizeof r.text, "%s", text);
	send_report(c, &r);
}

/* What the mover has to know of this start. */
static struct mover_order
order_of(const struct child *c)
{
	const struct kproto_start *s = c->start;
	return (struct mover_order){
		.libexec_dir = c->plan->options->libexec_dir,
		.work_dir = c->work,
		.state_path = s->state_path,
		.root = s->state_root,
		.epoch = s->epoch,
		.before = s->before,
		.stay = s->stay,
	};
}

/* Puts the state where the service finds it, or an old one out of its way. */
static void
put_state(struct child *c)
{
	struct err err = {""};
	char said[MOVER_SAID_SIZE] = "";
	const struct kproto_start *s = c->start;
	const struct mover_order order = order_of(c);
	bool is_told = s->has_state || (s->sets_aside && s->state_path[0]);
	if (!is_told || s->has_theirs)
		return;
	enter(c, CHILD_STATE);
	int rc = s->has_state ? mover_put(&order, c->plan->state_fd, said, &err)
			      : mover_set_aside(&order, said, &err);
	need(c, rc, &err);
	report_aside(c, said);
}

/* Reads the environment file as the service's user. */
static void
read_env_file(struct child *c)
{
	struct err err = {""};
	const char *path = c->start->env_file;
	bool may_miss = *path == '-';
	char *text = NULL;
	if (!*path)
		return;
	enter(c, CHILD_ENV_FILE);
	path += may_miss;
	int rc = file_read_all(path, ENV_FILE_MAX, &text, &err);
	if (rc == -ENOENT && may_miss)
		return;
	need(c, rc, &err);
	rc = env_set_file(&c->env, text, &err);
	if (rc < 0)
		fail(c, KBLAME_HOST, err_wrap(&err, rc, "%s", path), err.text);
	free(text);
}

static int
set_default(struct env *e, const char *key, const char *value)
{
	return env_get(e, key) || !*value ? 0 : env_set(e, key, value);
}

/* Where it says how it does; the watchdog is the service's own matter. */
static int
add_notify_variables(struct child *c)
{
	char value[PATH_MAX];
	struct env *e = &c->env;
	bool has_watchdog = c->start->watchdog_ms > 0;
	int rc = 0;
	if (c->start->readiness == KREADY_NOTIFY || has_watchdog) {
		notify_path(c->plan->dirs, c->start->iid, value, sizeof value);
		rc |= env_set(e, "NOTIFY_SOCKET", value);
	}
	if (has_watchdog && !c->plan->command) {
		snprintf(value, sizeof value, "%" PRId64,
			c->start->watchdog_ms * 1000);
		rc |= env_set(e, "WATCHDOG_USEC", value);
		snprintf(value, sizeof value, "%d", (int)getpid());
		rc |= env_set(e, "WATCHDOG_PID", value);
	}
	return rc;
}

/* What the keeper adds; the paths last, so that nothing replaces them. */
static int
add_own_variables(struct child *c)
{
	char value[PATH_MAX + 16];
	struct env *e = &c->env;
	const struct kproto_texts *commands = c->start->commands;
	const struct kproto_texts *dump = &commands[KCMD_HANDOFF];
	const struct kproto_texts *kept = &commands[KCMD_CHECKPOINT];
	int rc = 0;
	rc |= set_default(e, "HOME", c->ids.home);
	rc |= set_default(e, "USER", c->ids.user);
	rc |= set_default(e, "LOGNAME", c->ids.user);
	rc |= set_default(e, "SHELL", c->ids.shell);
	if (c->start->has_handoff) {
		snprintf(value, sizeof value, "%s/state%s", c->work,
			c->plan->command == dump ? ".part" : "");
		rc |= env_set(e, "SKEP_STATE_OUT", value);
	}
	if (c->start->has_checkpoint) {
		snprintf(value, sizeof value, "%s/checkpoint%s", c->work,
			c->plan->command == kept ? ".part" : "");
		rc |= env_set(e, "SKEP_CHECKPOINT_OUT", value);
	}
	if (c->start->has_state) {
		snprintf(value, sizeof value, "%s/state-in", c->work);
		rc |= env_set(e, "SKEP_STATE_IN",
			c->start->state_path[0] ? c->start->state_path : value);
		rc |= env_set(e, "SKEP_STATE_KIND", c->start->state_kind);
		snprintf(value, sizeof value, "%" PRId64,
			c->start->state_age_ms / 1000);
		rc |= env_set(e, "SKEP_STATE_AGE", value);
	}
	rc |= add_notify_variables(c);
	for (size_t i = 0; c->plan->variables && c->plan->variables[i]; i++)
		rc |= env_set_pair(e, c->plan->variables[i]);
	return rc;
}

static void
set_environment(struct child *c)
{
	static const char memory[] = "out of memory";
	if (env_init(&c->env) < 0)
		fail(c, KBLAME_HOST, -ENOMEM, memory);
	int rc = env_set_texts(&c->env, &c->start->env);
	if (rc < 0)
		fail(c, KBLAME_SERVICE, rc, "environment: not KEY=value");
	read_env_file(c);
	if (add_own_variables(c) < 0)
		fail(c, KBLAME_HOST, -ENOMEM, memory);
}

static void
set_working_dir(struct child *c)
{
	struct err err;
	const char *dir = c->start->working_dir;
	enter(c, CHILD_WORKING_DIR);
	if (!*dir)
		dir = c->policy.own_uid == 0
			      ? "/"
			      : c->plan->options->conf.node.run_dir;
	if (chdir(dir) < 0)
		need(c, err_sys(&err, -errno, "%s", dir), &err);
}

static void
unpack_argv(struct child *c, const struct kproto_texts *t)
{
	struct reader r;
	c->argv = calloc((size_t)t->count + 1, sizeof *c->argv);
	if (!c->argv)
		fail(c, KBLAME_HOST, -ENOMEM, "out of memory");
	reader_init(&r, t->packed.data, t->packed.size);
	for (uint32_t i = 0; i < t->count; i++)
		c->argv[i] = (char *)(uintptr_t)reader_text(&r);
}

/* Looks for 'name' in the child's own PATH, as a shell does. */
static int
search_path(const struct env *env, const char *name, char out[PATH_MAX])
{
	const char *path = env_get(env, "PATH");
	int rc = -ENOENT;
	if (!path)
		path = "/usr/local/bin:/usr/bin:/bin";
	while (*path) {
		size_t length = strcspn(path, ":");
		int n = snprintf(
			out, PATH_MAX, "%.*s/%s", (int)length, path, name);
		struct stat st;
		if (length > 0 && n < PATH_MAX && stat(out, &st) == 0 &&
			S_ISREG(st.st_mode)) {
			if (access(out, X_OK) == 0)
				return 0;
			rc = -EACCES;
		}
		path += length + (path[length] == ':');
	}
	return rc;
}

/* The file to execute: as found, or, where [policy] compares, resolved. */
static int
find_program(struct child *c, char out[PATH_MAX], struct err *err)
{
	const char *name = c->argv[0];
	char found[PATH_MAX];
	int rc = 0;
	if (!*name)
		return err_set(err, -ENOENT, "the command is empty");
	if (strchr(name, '/'))
		snprintf(found, sizeof found, "%s", name);
	else
		rc = search_path(&c->env, name, found);
	if (rc < 0)
		return err_sys(err, rc, "%s: not found in PATH", name);
	if (c->policy.path_count == 0) {
		memcpy(out, found, PATH_MAX);
		return 0;
	}
	return realpath(found, out) ? 0 : err_sys(err, -errno, "%s", found);
}

/* Waits until the keeper has written the record. */
static void
wait_for_record(struct child *c)
{
	char go;
	ssize_t n;
	if (c->is_let_go)
		return;
	do {
		n = read(c->plan->report_fd, &go, 1);
	} while (n < 0 && errno == EINTR);
	if (n != 1)
		_exit(127);
	c->is_let_go = true;
}

/* Finds the program of 'argv' and whether it may run. */
static void
find_allowed(
	struct child *c, const struct kproto_texts *argv, char out[PATH_MAX])
{
	struct err err = {""};
	unpack_argv(c, argv);
	need(c, find_program(c, out, &err), &err);
	if (!policy_check_program(&c->policy, out, &err) ||
		!policy_check_environment(&c->policy, c->env.vars, &err)) {
		c->step = CHILD_POLICY;
		fail(c, KBLAME_POLICY, -EPERM, err.text);
	}
}

/* Becomes the command, or says why not. */
static _Noreturn void
execute_command(struct child *c, const struct kproto_texts *argv)
{
	struct err err = {""};
	char path[PATH_MAX];
	find_allowed(c, argv, path);
	spawn_cloexec_from(3);
	execve(path, c->argv, c->env.vars);
	int rc = err_sys(&err, -errno, "%s", path);
	fail(c, KBLAME_SERVICE, rc, err.text);
}

/* Where hooks.resolve_conflict finds the two states, and leaves its own; of
 * the process at hand and of nobody else. */
static void
set_sides(struct child *c)
{
	static const char *const keys[] = {
		[MOVER_MINE] = "SKEP_STATE_MINE",
		[MOVER_THEIRS] = "SKEP_STATE_THEIRS",
		[MOVER_JOINED] = "SKEP_STATE_OUT",
	};
	char path[PATH_MAX];
	const struct mover_order order = order_of(c);
	for (unsigned side = 0; side < sizeof keys / sizeof *keys; side++) {
		mover_side_path(&order, (enum mover_side)side, path);
		if (env_set(&c->env, keys[side], path) < 0)
			fail(c, KBLAME_HOST, -ENOMEM, "out of memory");
	}
}

/* Runs a command that stands before the program, to its end. */
static void
run_before(struct child *c, enum child_step step, enum kproto_command command,
	int64_t timeout_ms, const char *key)
{
	const struct kproto_texts *argv = &c->start->commands[command];
	struct spawned hook;
	struct err err = {""};
	if (argv->count == 0)
		return;
	enter(c, step);
	wait_for_record(c);
	need(c, spawn_fork(-1, &hook, &err), &err);
	if (hook.pid == 0) {
		setpgid(0, 0);
		if (c->is_resolving)
			set_sides(c);
		execute_command(c, argv);
	}
	int rc = hook_wait(&hook, timeout_ms, key, &err);
	if (rc < 0)
		fail(c, KBLAME_SERVICE, rc, err.text);
}

/* Makes one state of two, if that was not done already, and puts it in place.
 */
static void
resolve(struct child *c)
{
	struct err err = {""};
	char said[MOVER_SAID_SIZE] = "";
	const struct mover_order order = order_of(c);
	if (!c->start->has_theirs)
		return;
	c->is_resolving = true;
	enter(c, CHILD_RESOLVE);
	int rc = mover_lay(&order, MOVER_MINE, c->plan->state_fd, &err);
	if (rc == 0)
		rc = mover_lay(&order, MOVER_THEIRS, c->plan->theirs_fd, &err);
	if (rc == 0) {
		run_before(c, CHILD_RESOLVE, KCMD_RESOLVE,
			c->start->hook_timeout_ms, "hooks.timeout");
		rc = mover_join(&order, said, &err);
	}
	if (rc < 0 && rc != -EALREADY)
		need(c, rc, &err);
	report_aside(c, said);
	c->is_resolving = false;
}

static _Noreturn void
execute(struct child *c, struct child_plan *plan)
{
	struct err err = {""};
	char path[PATH_MAX];
	c->step = CHILD_EXEC;
	find_allowed(c, &c->start->argv, path);
	spawn_cloexec_from(3);
	pass_on_ready(c, plan);
	lock_pass_on(c->plan->lock_fd);
	wait_for_record(c);
	enter(c, CHILD_EXEC);
	execve(path, c->argv, c->env.vars);
	int rc = err_sys(&err, -errno, "%s", path);
	fail(c, rc == -E2BIG || rc == -ENOEXEC ? KBLAME_SERVICE : KBLAME_HOST,
		rc, err.text);
}

_Noreturn void
child_run(const struct child_plan *keepers)
{
	static struct child c;
	struct child_plan own = *keepers;
	struct child_plan *plan = &own;
	c.plan = plan;
	c.start = plan->start;
	spawn_reset();
	prctl(PR_SET_NAME, PROC_LAUNCHING_NAME);
	check_who(&c);
	set_output(&c);
	set_work_dir(&c);
	set_rlimits(&c);
	set_priorities(&c);
	switch_user(&c);
	put_state(&c);
	set_environment(&c);
	set_working_dir(&c);
	resolve(&c);
	if (c.start->has_state)
		run_before(&c, CHILD_RESTORE, KCMD_RESTORE,
			c.start->handoff_timeout_ms, "handoff.timeout");
	run_before(&c, CHILD_PRE_START, KCMD_PRE_START,
		c.start->hook_timeout_ms, "hooks.timeout");
	execute(&c, plan);
}

_Noreturn void
child_run_command(const struct child_plan *plan)
{
	static struct child c;
	c.plan = plan;
	c.start = plan->start;
	spawn_reset();
	check_who(&c);
	set_output(&c);
	workdir_path(plan->dirs, c.start->iid, c.work);
	set_rlimits(&c);
	set_priorities(&c);
	switch_user(&c);
	set_environment(&c);
	set_working_dir(&c);
	c.step = CHILD_EXEC;
	execute_command(&c, plan->command);
}
