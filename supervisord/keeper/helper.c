#include "keeper/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "keeper/former.h"
#include "keeper/keeper.h"
#include "keeper/spawn.h"
#include "sys/clock.h"

#define GOOD_RUN_MS    10000
#define DELAY_FIRST_MS 100
#define DELAY_MAX_MS   5000
#define PING_EVERY_MS  1000
#define PONG_WITHIN_MS 10000
#define MESSAGES_MAX   64 /* taken in a row, before others get their turn */

/* What of our environment a helper gets, by the start of the name. */
static const char *const passed_on[] = {
	"PATH=",
	"HOME=",
	"LANG=",
	"LC_",
	"TZ=",
	"TMPDIR=",
	"XDG_",
	"SKEP_",
	"NO_COLOR=",
	"JOURNAL_STREAM=",
	"ASAN_OPTIONS=",
	"UBSAN_OPTIONS=",
	"LSAN_OPTIONS=",
	"TSAN_OPTIONS=",
};

static char **
make_environment(void)
{
	static char version[sizeof KPROTO_VARIABLE + 16];
	size_t count = 0;
	while (environ[count])
		count++;
	char **out = calloc(count + 2, sizeof *out);
	if (!out)
		return NULL;
	size_t kept = 0;
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < sizeof passed_on / sizeof *passed_on;
			j++)
			if (strncmp(environ[i], passed_on[j],
				    strlen(passed_on[j])) == 0) {
				out[kept++] = environ[i];
				break;
			}
	snprintf(version, sizeof version, KPROTO_VARIABLE "=%u",
		KPROTO_VERSION);
	out[kept] = version;
	return out;
}

/* In the child: becomes the helper, with 'socket' as KPROTO_FD. */
static _Noreturn void
become(const struct helper *h, int socket)
{
	const struct options *o = &h->keeper->options;
	struct err err = {""};
	char path[PATH_MAX + 32];
	char conf[PATH_MAX];
	snprintf(path, sizeof path, "%s/%s", o->libexec_dir, h->ops->program);
	snprintf(conf, sizeof conf, "%s", o->conf.path);
	char *argv[5] = {path};
	size_t count = 1;
	if (geteuid() == 0)
		argv[count++] = (char *)"--system";
	if (*conf) {
		argv[count++] = (char *)"-c";
		argv[count++] = conf;
	}
	spawn_reset();
	umask(022);
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (null >= 0)
		spawn_move_fd(null, 0);
	spawn_move_fd(socket, KPROTO_FD);
	spawn_cloexec_from(KPROTO_FD + 1);
	char **env = make_environment();
	if (!env || chdir("/") < 0 || ids_switch(&h->keeper->helper_ids, &err))
		say(SAY_ERROR, "%s: %s", h->ops->program, err.text);
	else if (execve(path, argv, env) < 0)
		say(SAY_ERROR, "%s: %s", path, strerror(errno));
	_exit(127);
}

static void
on_restart(struct timer *t)
{
	struct helper *h = container_of(t, struct helper, restart);
	h->restarts++;
	helper_start(h);
}

static void
on_ping(struct timer *t)
{
	struct helper *h = container_of(t, struct helper, ping);
	mono now = clock_mono();
	if (h->is_asked && mono_diff(now, h->asked) >= PONG_WITHIN_MS) {
		helper_end(h, "has not answered for 10 s");
		return;
	}
	if (!h->is_asked) {
		h->is_asked = true;
		h->asked = now;
		helper_send(h, KMSG_PING, (struct bytes){NULL, 0}, NULL, 0);
	}
	if (!h->is_ended)
		loop_arm(&h->keeper->loop, &h->ping, PING_EVERY_MS);
}

/* Takes in up to 'max' messages; -EAGAIN when there is no more.  One of them
 * may close the helper. */
static int
receive(struct helper *h, int max)
{
	static struct ipc_message m;
	for (int i = 0; i < max && !h->is_ended && h->watch.fd >= 0; i++) {
		int rc = ipc_recv(h->watch.fd, &m);
		/* It died with something unread; what it said stands behind
		 * this error. */
		if (rc == -ECONNRESET)
			continue;
		if (rc == -EBADMSG)
			helper_end(h, "sent a message that is cut");
		if (rc < 0)
			return rc;
		if (!h->ops->on_message(h->keeper, &m)) {
			char why[80];
			snprintf(why, sizeof why, "sent a bad %s (%u)",
				kproto_message_name(m.type), m.type);
			helper_end(h, why);
		}
		ipc_message_close(&m);
	}
	return 0;
}

static void
flush(struct helper *h)
{
	int rc = outbox_flush(&h->outbox, h->watch.fd);
	if (rc == 0)
		loop_change(&h->keeper->loop, &h->watch, EPOLLIN);
	else if (rc != -EAGAIN)
		helper_end(h, "does not listen any more");
}

static void
on_ready(struct watch *w, uint32_t events)
{
	struct helper *h = container_of(w, struct helper, watch);
	int rc = 0;
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		rc = receive(h, MESSAGES_MAX);
	/* We closed it: it ends by itself, and has its own to put away. */
	if (h->watch.fd < 0)
		return;
	if (rc < 0 && rc != -EAGAIN && !h->is_ended)
		helper_end(h, "closed its socket");
	if (!h->is_ended && (events & EPOLLOUT))
		flush(h);
}

void
helper_init(struct helper *h, struct keeper *k, const struct helper_ops *ops)
{
	memset(h, 0, sizeof *h);
	h->keeper = k;
	h->ops = ops;
	watch_init(&h->watch, on_ready);
	outbox_init(&h->outbox);
	timer_init(&h->restart, on_restart);
	timer_init(&h->ping, on_ping);
}

/* Arms the next start: at once after a good run. */
static void
plan_restart(struct helper *h)
{
	int64_t delay = 0;
	if (mono_diff(clock_mono(), h->started) >= GOOD_RUN_MS)
		h->bad_runs = 0;
	if (h->bad_runs > 0) {
		unsigned shift = h->bad_runs - 1;
		delay = shift < 6 ? (int64_t)DELAY_FIRST_MS << shift
				  : DELAY_MAX_MS;
		if (delay > DELAY_MAX_MS)
			delay = DELAY_MAX_MS;
	}
	h->bad_runs++;
	loop_arm(&h->keeper->loop, &h->restart, delay);
}

static int
spawn(struct helper *h, int pair[2], struct err *err)
{
	struct spawned child;
	int rc = ipc_pair(pair);
	if (rc < 0) {
		pair[0] = pair[1] = -1;
		return err_sys(err, rc, "socketpair");
	}
	rc = spawn_fork(-1, &child, err);
	if (rc < 0)
		return rc;
	if (child.pid == 0)
		become(h, pair[1]);
	close(child.pidfd);
	h->pid = child.pid;
	return 0;
}

void
helper_start(struct helper *h)
{
	struct loop *l = &h->keeper->loop;
	struct err err = {""};
	int pair[2] = {-1, -1};
	CHECK(h->pid == 0 && h->watch.fd < 0);
	h->started = clock_mono();
	h->is_asked = h->is_ended = false;
	int rc = spawn(h, pair, &err);
	if (pair[1] >= 0)
		close(pair[1]);
	if (rc == 0)
		rc = loop_watch(l, &h->watch, pair[0], EPOLLIN);
	if (rc < 0) {
		say(SAY_ERROR, "%s: %s", h->ops->program, err.text);
		if (pair[0] >= 0)
			close(pair[0]);
		if (h->pid > 0)
			kill(h->pid, SIGKILL);
		else
			plan_restart(h);
		return;
	}
	say(SAY_INFO, "%s started, pid %d", h->ops->program, (int)h->pid);
	former_note(h->keeper, h->ops->program, h->pid);
	h->ops->on_up(h->keeper);
	loop_arm(l, &h->ping, 0);
}

void
helper_send(struct helper *h, uint16_t type, struct bytes body, const int *fds,
	unsigned fd_count)
{
	if (h->watch.fd < 0 || h->is_ended)
		return;
	int rc =
		outbox_send(&h->outbox, h->watch.fd, type, body, fds, fd_count);
	if (rc == 0 && !outbox_is_empty(&h->outbox))
		loop_change(&h->keeper->loop, &h->watch, EPOLLIN | EPOLLOUT);
	/* A socket that is closed is noticed where we read. */
	if (rc == -ENOBUFS)
		helper_end(h, "does not read");
}

void
helper_on_pong(struct helper *h)
{
	h->is_asked = false;
}

void
helper_end(struct helper *h, const char *why)
{
	if (h->is_ended)
		return;
	h->is_ended = true;
	loop_disarm(&h->ping);
	if (!h->keeper->is_stopping)
		say_limited(&h->complaints, 5, SAY_WARNING,
			"%s (pid %d) %s: it is started again", h->ops->program,
			(int)h->pid, why);
	helper_kill(h);
	loop_close(&h->keeper->loop, &h->watch);
	outbox_clear(&h->outbox);
}

void
helper_on_exit(struct helper *h, int status)
{
	struct keeper *k = h->keeper;
	h->pid = 0;
	/* What it said before it died counts. */
	while (h->watch.fd >= 0 && !h->is_ended && receive(h, 1) == 0)
		;
	loop_disarm(&h->ping);
	loop_close(&k->loop, &h->watch);
	outbox_clear(&h->outbox);
	h->ops->on_down(k, status);
	if (k->is_stopping)
		return;
	if (WIFEXITED(status) && WEXITSTATUS(status) == KPROTO_EXIT_VERSION)
		reexec_heal(k, h->ops->program);
	say_limited(&h->complaints, 5, SAY_WARNING, "%s ended (%s %d)",
		h->ops->program, WIFSIGNALED(status) ? "signal" : "status",
		WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	plan_restart(h);
}

void
helper_kill(struct helper *h)
{
	if (h->pid > 0)
		kill(h->pid, SIGKILL);
}

void
helper_close(struct helper *h)
{
	loop_disarm(&h->ping);
	loop_disarm(&h->restart);
	if (h->watch.fd >= 0)
		outbox_flush(&h->outbox, h->watch.fd);
	loop_close(&h->keeper->loop, &h->watch);
	outbox_clear(&h->outbox);
}
