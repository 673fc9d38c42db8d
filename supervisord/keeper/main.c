/* skepd: the parent of every service on this host. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hash.h"
#include "keeper/adopt.h"
#include "keeper/closer.h"
#include "keeper/file.h"
#include "keeper/former.h"
#include "keeper/handoff.h"
#include "keeper/keeper.h"
#include "keeper/leader.h"
#include "keeper/loan.h"
#include "keeper/logs.h"
#include "keeper/nofile.h"
#include "keeper/run.h"
#include "keeper/session.h"
#include "keeper/spawn.h"
#include "keeper/stop.h"
#include "keeper/systemd.h"
#include "keeper/workdir.h"
#include "sys/clock.h"
#include "sys/say.h"

/* One process that was reaped: ours by name, or an orphan of a service. */
static void
on_child(struct keeper *k, pid_t pid, int status)
{
	struct instance *i = instance_find_pid(&k->instances, pid);
	struct instance *led = i ? NULL : leader_find(k, pid);
	loan_on_gone(pid);
	if (i)
		instance_on_exit(i, status);
	if (led)
		instance_on_exit(led, status);
	/* One that a service named its leader may be a command of it. */
	if (i || (led && !run_has_pid(k, pid)))
		return;
	if (closer_on_exit(pid))
		return;
	if (pid == k->node.pid)
		helper_on_exit(&k->node, status);
	else if (pid == k->logger.pid)
		helper_on_exit(&k->logger, status);
	else if (!run_on_exit(k, pid, status) && !kept_on_exit(k, pid) &&
		 !standby_on_exit(k, pid) && !reexec_on_exit(k, pid, status))
		session_on_orphan(k, pid);
}

/* Without cgroups, the end of an orphan may have emptied a group. */
static void
settle_all(struct keeper *k)
{
	list_each (it, &k->instances.all)
		instance_settle(container_of(it, struct instance, in_all));
}

static void
reap(struct keeper *k)
{
	int status;
	pid_t pid;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		on_child(k, pid, status);
	if (!k->cgroups.is_usable)
		settle_all(k);
	stop_check(k);
	reexec_check(k);
}

static void
on_signals(struct watch *w, uint32_t events)
{
	struct keeper *k = container_of(w, struct keeper, signals);
	struct signalfd_siginfo info;
	(void)events;
	while (read(w->fd, &info, sizeof info) == (ssize_t)sizeof info) {
		if (info.ssi_signo == SIGCHLD)
			reap(k);
		else if (info.ssi_signo == SIGQUIT)
			stop_leave(k);
		else if (info.ssi_signo != SIGHUP)
			stop_begin(k);
	}
}

static int
watch_signals(struct keeper *k, struct err *err)
{
	sigset_t set;
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGQUIT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	watch_init(&k->signals, on_signals);
	int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (fd < 0)
		return err_sys(err, -errno, "signalfd");
	int rc = loop_watch(&k->loop, &k->signals, fd, EPOLLIN);
	return rc < 0 ? err_sys(err, rc, "signalfd") : 0;
}

/* As whom the helpers run: as ourselves, or under root as a user who may
 * nothing. */
static int
find_helper_user(struct keeper *k, struct err *err)
{
	static const struct kproto_texts none;
	struct ids_own own;
	ids_init_self(&k->helper_ids);
	if (geteuid() != 0)
		return 0;
	int rc = ids_look_up(
		k->options.helper_user, "", &none, &k->helper_ids, &own, err);
	if (rc < 0)
		return err_set(err, rc,
			"there is no user %s for skep-node and skep-logger: "
			"make it (useradd --system --no-create-home %s) or "
			"name another with --helper-user",
			k->options.helper_user, k->options.helper_user);
	return 0;
}

static int
find_helpers(const struct keeper *k, struct err *err)
{
	static const char *const names[] = {
		"skep-node", "skep-logger", "skep-mover"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char path[PATH_MAX + 32];
		snprintf(path, sizeof path, "%s/%s", k->options.libexec_dir,
			names[i]);
		if (access(path, X_OK) < 0)
			return err_sys(err, -errno,
				"%s (--libexec-dir says where to look)", path);
	}
	return 0;
}

static int
read_boot_id(struct keeper *k, struct err *err)
{
	char *text;
	int rc = file_read_all(
		"/proc/sys/kernel/random/boot_id", 4096, &text, err);
	if (rc < 0)
		return rc;
	snprintf(k->boot_id, sizeof k->boot_id, "%.*s",
		(int)strcspn(text, "\n"), text);
	free(text);
	return 0;
}

/* Prepares everything that does not touch the host. */
static int
init(struct keeper *k, struct err *err)
{
	k->start_ms = (uint64_t)clock_mono().ms;
	instances_init(&k->instances);
	list_init(&k->runs);
	helper_init(&k->node, k, &session_ops);
	helper_init(&k->logger, k, &logs_ops);
	timer_init(&k->stop_timer, stop_on_timer);
	timer_init(&k->log_ends, logs_on_ends_due);
	list_init(&k->ended);
	kept_init(&k->kept);
	standby_init(&k->standby);
	closer_init(k);
	int rc = loop_init(&k->loop, err);
	if (rc == 0)
		rc = watch_signals(k, err);
	if (rc == 0)
		rc = handoff_init(k, err);
	if (rc == 0)
		rc = read_boot_id(k, err);
	if (rc == 0)
		rc = find_helpers(k, err);
	if (rc == 0)
		rc = find_helper_user(k, err);
	return rc;
}

/* What was stopped with us is to be started again with us: the next skepd
 * does not hear of it. */
static void
drop_stopped(struct keeper *k)
{
	list_each_safe (it, &k->instances.all) {
		struct instance *i = container_of(it, struct instance, in_all);
		if (!instance_is_alive(i))
			instance_drop(i);
	}
}

/* Sockets and the lock of run_dir: those of the program before us in this
 * process, or new ones. */
static int
take_sockets(struct keeper *k, struct err *err)
{
	if (reexec_is_resumed()) {
		int rc = reexec_take_sockets(k, err);
		bool is_new = k->sockets.fds[KSOCKET_MAILBOX] < 0;
		return rc < 0 || !is_new ? rc
					 : sockets_open_mailbox(
						   &k->sockets, &k->dirs, err);
	}
	return sockets_open(&k->sockets, &k->options, &k->dirs, err);
}

/* Instances: those of that program, or those of an earlier process. */
static void
take_instances(struct keeper *k)
{
	if (reexec_is_resumed()) {
		reexec_take_instances(k);
		return;
	}
	former_clear(k);
	adopt_all(k);
	systemd_drop_rest();
}

static void
find_cgroups(struct keeper *k)
{
	cgroups_init(&k->cgroups, hash_text(k->options.conf.node.run_dir, 0));
	if (!k->cgroups.is_usable)
		say(SAY_WARNING,
			"services are tracked by process group, which a "
			"service can leave: %s",
			k->cgroups.why);
}

static int
run(struct keeper *k, struct err *err)
{
	int rc = dirs_open(&k->dirs, &k->options, &k->helper_ids, err);
	if (rc < 0)
		return rc;
	rc = take_sockets(k, err);
	if (rc < 0) {
		dirs_close(&k->dirs);
		return rc;
	}
	find_cgroups(k);
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	take_instances(k);
	crash_init(&k->crash, &k->dirs);
	workdir_sweep(&k->dirs);
	former_begin(k);
	say(SAY_NOTICE, "skepd " PACKAGE_VERSION " started");
	helper_start(&k->logger);
	helper_start(&k->node);
	reap(k);
	systemd_ready(k);
	rc = loop_run(&k->loop, err);
	if (rc == 0)
		former_end(k);
	if (rc == 0 && !k->is_leaving)
		drop_stopped(k);
	run_fini(k);
	say(SAY_NOTICE, "skepd ended");
	instances_fini(&k->instances);
	sockets_close(&k->sockets, &k->dirs);
	cgroups_fini(&k->cgroups);
	dirs_close(&k->dirs);
	return rc;
}

/* Nothing that our starter left open reaches a service. */
static void
clean_start(void)
{
	umask(022);
	nofile_raise();
	systemd_init();
	spawn_cloexec_from(3);
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			open("/dev/null", O_RDWR);
}

/* Of what will not do, though nothing that runs needs it. */
static void
warn(const struct conf *conf)
{
	char text[ERR_TEXT_SIZE];
	conf_warning(conf, text, sizeof text);
	if (*text)
		say(SAY_WARNING, "%s", text);
}

int
main(int argc, char **argv)
{
	static struct keeper k;
	struct err err = {""};
	switch (options_parse(&k.options, argc, argv)) {
	case OPTIONS_RUN:
		break;
	case OPTIONS_DONE:
		return 0;
	case OPTIONS_BAD:
		return 2;
	}
	reexec_init(&k, argv);
	say_init("skepd", k.options.is_verbose ? SAY_DEBUG : SAY_INFO);
	clean_start();
	int rc = options_load(&k.options, &err);
	if (rc == 0)
		warn(&k.options.conf);
	if (rc == 0 && k.options.is_check) {
		printf("%s: good\n", *k.options.conf.path ? k.options.conf.path
							  : "the defaults");
		return 0;
	}
	if (rc == 0)
		rc = init(&k, &err);
	if (rc == 0)
		rc = run(&k, &err);
	if (rc < 0)
		say(SAY_ERROR, "%s", err.text);
	return rc < 0 ? 1 : 0;
}
