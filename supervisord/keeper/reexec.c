#include "keeper/reexec.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "keeper/adopt.h"
#include "keeper/file.h"
#include "keeper/former.h"
#include "keeper/keeper.h"
#include "keeper/nofile.h"
#include "keeper/record.h"
#include "keeper/session.h"
#include "keeper/spawn.h"
#include "keeper/stop.h"
#include "sys/clock.h"
#include "sys/say.h"

#define VARIABLE   "SKEPD_RESUME" /* the memfd's number */
#define CHECK_MS   10000
#define ANSWER_MS  200 /* for the node to answer its asker */
#define HELPERS_MS 5000
#define STATE_MAX  (256U << 20)
#define ARGS_MAX   32
/* An installation that is half done, or never comes to its end, is no reason
 * to do nothing else. */
#define HEAL_AGAIN_MS 10000

/* How we were started. */
static char program[PATH_MAX];
static char *args[ARGS_MAX + 2]; /* and --check-config, and NULL */
static int arg_count;

static void
refuse(struct keeper *k, int code, const char *text)
{
	say(SAY_WARNING, "daemon-reexec: %s", text);
	session_send_failure(k, KMSG_REFUSED,
		&(struct kproto_failure){
			.blame = KBLAME_HOST,
			.code = code,
			.step = "reexec",
			.text = text,
		});
}

static void
enter(struct keeper *k, enum reexec_phase phase, int64_t bound_ms)
{
	k->reexec.phase = phase;
	loop_arm(&k->loop, &k->reexec.bound, bound_ms);
}

/* In the child: the new program reads its configuration and ends. */
static _Noreturn void
run_check(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	spawn_reset();
	if (null >= 0) {
		spawn_move_fd(null, 0);
		spawn_move_fd(null, 1);
	}
	args[arg_count] = (char *)"--check-config";
	args[arg_count + 1] = NULL;
	execv(program, args);
	say(SAY_ERROR, "%s: %s", program, strerror(errno));
	_exit(127);
}

/* What must be there beside the program itself; NULL, or what is not. */
static const char *
missing_helper(struct keeper *k)
{
	static char path[PATH_MAX + 32];
	const struct helper *both[] = {&k->node, &k->logger};
	for (size_t i = 0; i < 2; i++) {
		snprintf(path, sizeof path, "%s/%s", k->options.libexec_dir,
			both[i]->ops->program);
		if (access(path, X_OK) < 0)
			return path;
	}
	return NULL;
}

void
reexec_ask(struct keeper *k)
{
	struct err err = {""};
	struct spawned child;
	const char *missing = missing_helper(k);
	if (k->is_stopping || k->reexec.phase != REEXEC_NO) {
		refuse(k, EBUSY, "skepd is ending or being replaced already");
		return;
	}
	if (arg_count == 0 || missing) {
		err_set(&err, 0, "%s cannot be executed",
			missing ? missing : "a command line this long");
		refuse(k, ENOENT, err.text);
		return;
	}
	int rc = spawn_fork(-1, &child, &err);
	if (rc < 0) {
		refuse(k, -rc, err.text);
		return;
	}
	if (child.pid == 0)
		run_check();
	close(child.pidfd);
	k->reexec.check = child.pid;
	enter(k, REEXEC_CHECKING, CHECK_MS);
}

void
reexec_heal(struct keeper *k, const char *helper)
{
	int64_t age_ms = clock_mono().ms - (int64_t)k->start_ms;
	if (k->is_stopping || k->reexec.phase != REEXEC_NO ||
		age_ms < HEAL_AGAIN_MS)
		return;
	say(SAY_WARNING,
		"the installed %s is of another version than this skepd, "
		"which goes on as the installed one",
		helper);
	reexec_ask(k);
}

bool
reexec_on_exit(struct keeper *k, pid_t pid, int status)
{
	struct err err;
	if (k->reexec.phase != REEXEC_CHECKING || k->reexec.check != pid)
		return false;
	loop_disarm(&k->reexec.bound);
	k->reexec.phase = REEXEC_NO;
	if (status != 0) {
		err_set(&err, 0,
			"%s --check-config failed (status %d); the log of "
			"skepd says why",
			program, status >> 8);
		refuse(k, EINVAL, err.text);
	} else if (!k->is_stopping) {
		helper_send(
			&k->node, KMSG_GOING, (struct bytes){NULL, 0}, NULL, 0);
		enter(k, REEXEC_GOING, ANSWER_MS);
	}
	return true;
}

/* Keeps a descriptor open across exec, or no longer. */
static void
keep(int fd, bool is_kept)
{
	if (fd >= 0)
		fcntl(fd, F_SETFD, is_kept ? 0 : FD_CLOEXEC);
}

static void
keep_all(struct keeper *k, bool is_kept)
{
	for (int i = 0; i < KSOCKET_COUNT; i++)
		keep(k->sockets.fds[i], is_kept);
	keep(k->sockets.lock, is_kept);
	list_each (it, &k->instances.all) {
		struct instance *i = container_of(it, struct instance, in_all);
		keep(i->pidfd, is_kept);
		keep(i->fifo_fd, is_kept);
		keep(i->report.fd, is_kept);
		keep(i->notify.socket.fd, is_kept);
		keep(i->notify.ready.fd, is_kept);
	}
}

/* Writes what the new program reads; its descriptor. */
static int
write_state(struct keeper *k)
{
	int fd = memfd_create("skepd-state", 0);
	int copy = fd < 0 ? -1 : dup(fd);
	FILE *out = copy < 0 ? NULL : fdopen(copy, "w");
	if (!out)
		return -errno;
	fprintf(out, "sockets=");
	/* The lock is the fourth, for a program that knows no mailboxes. */
	for (int i = 0; i < KSOCKET_MAILBOX; i++)
		fprintf(out, "%d ", k->sockets.fds[i]);
	fprintf(out, "%d %d\n", k->sockets.lock,
		k->sockets.fds[KSOCKET_MAILBOX]);
	list_each (it, &k->instances.all) {
		struct instance *i = container_of(it, struct instance, in_all);
		fprintf(out, "\niid=%016" PRIx64 "\n", i->iid);
		record_put(out, i, true);
	}
	bool is_bad = ferror(out) != 0;
	if (fclose(out) != 0 || is_bad)
		return -ENOSPC;
	return lseek(fd, 0, SEEK_SET) < 0 ? -errno : fd;
}

/* Does not return when all goes well. */
static void
execute(struct keeper *k)
{
	char number[16];
	kept_drop_all(k);
	standby_end(k);
	int fd = write_state(k);
	if (fd < 0) {
		say(SAY_ERROR, "daemon-reexec: %s", strerror(-fd));
		return;
	}
	say(SAY_NOTICE, "skepd " PACKAGE_VERSION " goes on as %s", program);
	snprintf(number, sizeof number, "%d", fd);
	setenv(VARIABLE, number, 1);
	keep_all(k, true);
	former_end(k);
	args[arg_count] = NULL;
	nofile_restore();
	execv(program, args);
	say(SAY_ERROR, "%s: %s", program, strerror(errno));
	nofile_raise();
	former_begin(k);
	keep_all(k, false);
	unsetenv(VARIABLE);
	close(fd);
}

void
reexec_check(struct keeper *k)
{
	if (k->reexec.phase != REEXEC_HELPERS || k->stop_phase != STOP_NO)
		return;
	if (k->node.pid > 0 || k->logger.pid > 0)
		return;
	execute(k);
	k->reexec.phase = REEXEC_NO;
	loop_disarm(&k->reexec.bound);
	k->is_stopping = false;
	helper_start(&k->logger);
	helper_start(&k->node);
}

static void
on_bound(struct timer *t)
{
	struct keeper *k = container_of(t, struct keeper, reexec.bound);
	switch (k->reexec.phase) {
	case REEXEC_NO:
		return;
	case REEXEC_CHECKING:
		kill(k->reexec.check, SIGKILL); /* refused when it is reaped */
		return;
	case REEXEC_GOING:
		if (k->stop_phase != STOP_NO)
			return;
		k->is_stopping = true;
		enter(k, REEXEC_HELPERS, HELPERS_MS);
		helper_close(&k->node);
		helper_close(&k->logger);
		reexec_check(k);
		return;
	case REEXEC_HELPERS:
		helper_kill(&k->node);
		helper_kill(&k->logger);
		loop_arm(&k->loop, &k->reexec.bound, HELPERS_MS);
		return;
	}
}

void
reexec_init(struct keeper *k, char **argv)
{
	static const char gone[] = " (deleted)";
	ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
	program[n > 0 ? n : 0] = 0;
	char *tail = strstr(program, gone);
	if (tail && tail[sizeof gone - 1] == 0)
		*tail = 0;
	while (argv[arg_count] && arg_count < ARGS_MAX) {
		args[arg_count] = argv[arg_count];
		arg_count++;
	}
	if (argv[arg_count] || n <= 0)
		arg_count = 0;
	timer_init(&k->reexec.bound, on_bound);
}

bool
reexec_is_resumed(void)
{
	return getenv(VARIABLE) != NULL;
}

/* What the program before us wrote, until the instances are taken. */
static char *state;

/* Takes the descriptors of sockets and lock. */
static bool
read_sockets(struct keeper *k, const char *text)
{
	int *s = k->sockets.fds;
	_Static_assert(KSOCKET_COUNT == 4, "one number each");
	s[KSOCKET_MAILBOX] = -1;
	if (sscanf(text, "sockets=%d %d %d %d %d", &s[0], &s[1], &s[2],
		    &k->sockets.lock, &s[KSOCKET_MAILBOX]) < 4)
		return false;
	for (int i = 0; i < KSOCKET_COUNT; i++)
		if (s[i] >= 0)
			spawn_keep_back(s[i]);
	return true;
}

int
reexec_take_sockets(struct keeper *k, struct err *err)
{
	const char *number = getenv(VARIABLE);
	int fd = number ? (int)strtol(number, NULL, 10) : -1;
	int rc = file_read_fd(fd, STATE_MAX, &state);
	if (rc < 0)
		return err_sys(err, rc, "the state of the skepd before");
	close(fd);
	if (!read_sockets(k, state))
		return err_set(err, -EBADMSG,
			"the state of the skepd before makes no sense");
	return 0;
}

void
reexec_take_instances(struct keeper *k)
{
	/* Each is a block of lines after an empty line. */
	for (char *at = strstr(state, "\n\n"); at;) {
		char *block = at + 2;
		at = strstr(block, "\n\n");
		if (at)
			at[1] = 0;
		uint64_t iid = 0;
		if (sscanf(block, "iid=%" SCNx64, &iid) == 1)
			adopt_resume(k, iid, block);
		if (at)
			at[1] = '\n';
	}
	free(state);
	state = NULL;
}
