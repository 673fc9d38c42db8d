#include "node/prober.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/list.h"
#include "sys/ipc.h"
#include "sys/say.h"

#define PROGRAM	       "skep-prober"
#define ANSWERS_A_TURN 64

extern char **environ;

/* A question that is under way. */
struct asked {
	struct list link;
	uint32_t number;
};

struct prober {
	struct ev_loop *loop;
	prober_fn *on_answer;
	void *context;
	pid_t pid; /* 0: not running */
	int fd;
	ev_io readable;
	ev_child child;
	ev_timer failing; /* answers what cannot be asked */
	struct list asked;
	struct say_limit strange;
};

/* --- Answers --- */

static struct asked *
find_asked(struct prober *p, uint32_t number)
{
	list_each (l, &p->asked) {
		struct asked *a = container_of(l, struct asked, link);
		if (a->number == number)
			return a;
	}
	return NULL;
}

static void
answer(struct prober *p, const struct probe_answer *v)
{
	struct asked *a = find_asked(p, v->number);
	if (!a)
		return;
	list_remove(&a->link);
	free(a);
	p->on_answer(p->context, v);
}

static void
fail_all(struct prober *p)
{
	while (!list_is_empty(&p->asked)) {
		struct asked *a =
			container_of(p->asked.next, struct asked, link);
		struct probe_answer v = {
			a->number, false, "the prober is not there"};
		answer(p, &v);
	}
}

static void
on_failing(struct ev_loop *loop, ev_timer *t, int revents)
{
	(void)loop;
	(void)revents;
	fail_all(t->data);
}

static void
disconnect(struct prober *p)
{
	if (p->fd < 0)
		return;
	ev_io_stop(p->loop, &p->readable);
	close(p->fd);
	p->fd = -1;
}

static void
on_readable(struct ev_loop *loop, ev_io *io, int revents)
{
	(void)loop;
	(void)revents;
	struct prober *p = io->data;
	static struct ipc_message m;
	struct probe_answer v;
	for (int i = 0; i < ANSWERS_A_TURN && p->fd >= 0; i++) {
		int code = ipc_recv(p->fd, &m);
		if (code == -EAGAIN)
			return;
		if (code == 0)
			ipc_message_close(&m);
		struct bytes body = {m.body, m.size};
		if (code || m.type != PROBE_ANSWER ||
			!probe_get_answer(body, &v))
			disconnect(p); /* its end is reaped, or it ends now */
		else
			answer(p, &v);
	}
}

/* --- Its life --- */

static void
on_child(struct ev_loop *loop, ev_child *child, int revents)
{
	(void)revents;
	struct prober *p = child->data;
	ev_child_stop(loop, child);
	p->pid = 0;
	disconnect(p);
	say_limited(&p->strange, 5, SAY_WARNING,
		PROGRAM " ended (wait status %d)", child->rstatus);
	fail_all(p);
}

/* The program stands beside our own. */
static int
find_program(char *out, size_t size)
{
	char self[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
	if (length < 0)
		return -errno;
	self[length] = '\0';
	int n = snprintf(out, size, "%s/" PROGRAM, dirname(self));
	return n > 0 && (size_t)n < size ? 0 : -ENAMETOOLONG;
}

static int
spawn(struct prober *p, int fd)
{
	char path[PATH_MAX];
	char *argv[] = {PROGRAM, NULL};
	posix_spawn_file_actions_t actions;
	int code = find_program(path, sizeof path);
	if (code)
		return code;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fd, PROBE_FD);
	code = -posix_spawn(&p->pid, path, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	return code;
}

static int
start(struct prober *p)
{
	int ends[2];
	int code = ipc_pair(ends);
	if (code)
		return code;
	/* What is duplicated onto itself would stay closed-on-exec. */
	if (ends[1] == PROBE_FD) {
		ends[1] = fcntl(PROBE_FD, F_DUPFD_CLOEXEC, PROBE_FD + 1);
		close(PROBE_FD);
	}
	code = spawn(p, ends[1]);
	close(ends[1]);
	if (code) {
		p->pid = 0;
		close(ends[0]);
		return code;
	}
	p->fd = ends[0];
	ev_io_set(&p->readable, p->fd, EV_READ);
	ev_io_start(p->loop, &p->readable);
	ev_child_set(&p->child, p->pid, 0);
	ev_child_start(p->loop, &p->child);
	return 0;
}

void
prober_ask(struct prober *p, const struct probe_ask *ask)
{
	unsigned char body[4096];
	struct writer w;
	struct asked *a = calloc(1, sizeof *a);
	CHECK(a);
	a->number = ask->number;
	list_append(&p->asked, &a->link);
	int code = p->pid ? 0 : start(p);
	writer_init(&w, body, sizeof body);
	probe_put_ask(&w, ask);
	if (!code && (w.bad || p->fd < 0))
		code = -EPIPE;
	if (!code)
		code = ipc_send(p->fd, PROBE_ASK, writer_done(&w), NULL, 0);
	if (!code)
		return;
	say_limited(
		&p->strange, 5, SAY_WARNING, PROGRAM ": %s", strerror(-code));
	ev_timer_start(p->loop, &p->failing);
}

struct prober *
prober_new(struct ev_loop *loop, prober_fn *on_answer, void *context)
{
	struct prober *p = calloc(1, sizeof *p);
	CHECK(p);
	p->loop = loop;
	p->on_answer = on_answer;
	p->context = context;
	p->fd = -1;
	list_init(&p->asked);
	ev_init(&p->readable, on_readable);
	ev_child_init(&p->child, on_child, 0, 0);
	ev_timer_init(&p->failing, on_failing, 0., 0.);
	p->readable.data = p->child.data = p->failing.data = p;
	return p;
}

void
prober_free(struct prober *p)
{
	if (!p)
		return;
	ev_child_stop(p->loop, &p->child);
	ev_timer_stop(p->loop, &p->failing);
	disconnect(p);
	list_each_safe (l, &p->asked) {
		list_remove(l);
		free(container_of(l, struct asked, link));
	}
	free(p);
}
