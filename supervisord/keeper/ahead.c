#include "keeper/ahead.h"

#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "keeper/instance.h"
#include "keeper/keeper.h"
#include "keeper/launch.h"
#include "keeper/limits.h"
#include "keeper/standby.h"
#include "sys/clock.h"
#include "sys/ipc.h"
#include "sys/procstat.h"

#define EPOCH_KEY "SKEP_EPOCH="

/* Whether nothing but the child itself is made for such a start. */
static bool
is_plain(const struct kproto_start *s)
{
	for (unsigned n = 0; n < KCMD_COUNT; n++)
		if (s->commands[n].count > 0)
			return false;
	bool is_silent =
		s->watchdog_ms == 0 &&
		(s->readiness == KREADY_NONE || s->readiness == KREADY_PROBE);
	return is_silent && !s->has_state && !s->has_handoff &&
	       !s->has_checkpoint && !s->state_path[0] && !s->env_file[0] &&
	       !limits_are_set(&s->resources);
}

static struct ahead_start *
copy(struct bytes body)
{
	struct ahead_start *start = malloc(sizeof *start + body.size);
	if (!start)
		return NULL;
	start->size = body.size;
	memcpy(start->data, body.data, body.size);
	return start;
}

/* Of those that are remembered; bounded, since they are half as large as all
 * else that we know of an instance. */
static unsigned remembered;

void
ahead_forget(struct instance *i)
{
	remembered -= i->start != NULL;
	free(i->start);
	i->start = NULL;
}

void
ahead_remember(
	struct instance *i, const struct kproto_start *s, struct bytes body)
{
	ahead_forget(i);
	if (!i->is_kept || remembered == AHEAD_MAX || !is_plain(s))
		return;
	i->start = copy(body);
	if (!i->start)
		return;
	remembered++;
	standby_wish(i->keeper);
}

/* The environment with another epoch. */
static void
renew_epoch(struct kproto_texts *env, uint64_t epoch, struct writer *w)
{
	struct reader r;
	reader_init(&r, env->packed.data, env->packed.size);
	for (uint32_t n = 0; n < env->count; n++) {
		const char *text = reader_text(&r);
		char own[64];
		if (strncmp(text, EPOCH_KEY, strlen(EPOCH_KEY)) == 0) {
			snprintf(own, sizeof own, EPOCH_KEY "%" PRIu64, epoch);
			text = own;
		}
		writer_text(w, text);
	}
	env->packed = writer_done(w);
}

/* The START that the node sends if it starts 'i' again, in 'w' and 's', which
 * borrows from it and from 'env'. */
static bool
foresee(const struct instance *i, struct kproto_start *s, struct writer *env,
	struct writer *w)
{
	struct bytes body = {i->start->data, i->start->size};
	if (!kproto_get_start(body, s))
		return false;
	s->log.epoch += s->log.epoch == s->epoch;
	s->epoch++;
	renew_epoch(&s->env, s->epoch, env);
	kproto_put_start(w, s);
	return !w->bad && !env->bad;
}

/* Whether it is likely to be started again at once. */
static bool
is_likely(const struct instance *i)
{
	return i->start && i->ids &&
	       clock_wall_ms() - i->started_wall_ms >= AHEAD_GOOD_RUN_MS;
}

void
ahead_fork(struct instance *i, struct ahead *out)
{
	static unsigned char space[IPC_BODY_MAX], body[IPC_BODY_MAX];
	struct kproto_start s;
	struct writer env, w;
	struct err err = {""};
	struct bytes whole;
	*out = (struct ahead){.report_fd = -1};
	writer_init(&env, space, sizeof space);
	writer_init(&w, body, sizeof body);
	if (!is_likely(i) || !foresee(i, &s, &env, &w))
		return;
	out->start = copy(writer_done(&w));
	if (!out->start)
		return;
	whole = (struct bytes){out->start->data, out->start->size};
	out->is_called =
		standby_is_there(i->keeper) &&
		launch_by_standby(i, &s, whole, &out->report_fd, &err) == 0;
	if (out->is_called ||
		launch_fork(i, &s, &(const struct state_fds){-1, -1},
			&out->child, &out->report_fd, &err) == 0)
		return;
	out->child.pid = 0;
	out->report_fd = -1;
	ahead_release(out);
}

void
ahead_learn(struct ahead *a)
{
	struct standby_hello hello;
	if (!a->is_called || recv(a->report_fd, &hello, sizeof hello,
				     MSG_DONTWAIT) != sizeof hello)
		return;
	a->is_called = false;
	a->child = (struct spawned){
		.pid = hello.pid,
		.pidfd = (int)syscall(SYS_pidfd_open, hello.pid, 0),
		.start_time = hello.start_time ? hello.start_time
					       : procstat_start_time(hello.pid),
	};
}

bool
ahead_is_for(const struct ahead *a, struct bytes body)
{
	return a->child.pid != 0 && a->start->size == body.size &&
	       memcmp(a->start->data, body.data, body.size) == 0;
}

void
ahead_kill(struct ahead *a)
{
	if (a->child.pid != 0)
		syscall(SYS_pidfd_send_signal, a->child.pidfd, SIGKILL, NULL,
			0);
}

void
ahead_clear(struct ahead *a, int ms)
{
	struct pollfd hello = {.fd = a->report_fd, .events = POLLIN};
	if (a->is_called)
		poll(&hello, 1, ms);
	ahead_learn(a);
	ahead_kill(a);
	struct pollfd end = {.fd = a->child.pidfd, .events = POLLIN};
	if (a->child.pid != 0 && a->child.pidfd >= 0)
		poll(&end, 1, ms);
}

void
ahead_release(struct ahead *a)
{
	if (a->child.pid != 0 && a->child.pidfd >= 0)
		close(a->child.pidfd);
	if (a->report_fd >= 0)
		close(a->report_fd);
	free(a->start);
	*a = (struct ahead){.report_fd = -1};
}
