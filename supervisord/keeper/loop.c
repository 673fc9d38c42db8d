#include "keeper/loop.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

#include "base/check.h"
#include "sys/clock.h"

int
loop_init(struct loop *l, struct err *err)
{
	list_init(&l->timers);
	l->batch_count = 0;
	l->is_over = false;
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	return l->epoll < 0 ? err_sys(err, -errno, "epoll") : 0;
}

void
loop_fini(struct loop *l)
{
	close(l->epoll);
	l->epoll = -1;
}

void
watch_init(struct watch *w, void (*on_ready)(struct watch *, uint32_t))
{
	w->fd = -1;
	w->on_ready = on_ready;
}

int
loop_watch(struct loop *l, struct watch *w, int fd, uint32_t events)
{
	CHECK(w->fd == -1 && w->on_ready);
	struct epoll_event e = {.events = events, .data.ptr = w};
	if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &e) < 0)
		return -errno;
	w->fd = fd;
	return 0;
}

void
loop_change(struct loop *l, struct watch *w, uint32_t events)
{
	CHECK(w->fd >= 0);
	struct epoll_event e = {.events = events, .data.ptr = w};
	epoll_ctl(l->epoll, EPOLL_CTL_MOD, w->fd, &e);
}

void
loop_forget(struct loop *l, struct watch *w)
{
	if (w->fd < 0)
		return;
	epoll_ctl(l->epoll, EPOLL_CTL_DEL, w->fd, NULL);
	w->fd = -1;
	for (int i = 0; i < l->batch_count; i++)
		if (l->batch[i].data.ptr == w)
			l->batch[i].data.ptr = NULL;
}

void
loop_close(struct loop *l, struct watch *w)
{
	int fd = w->fd;
	loop_forget(l, w);
	if (fd >= 0)
		close(fd);
}

void
timer_init(struct timer *t, void (*on_due)(struct timer *))
{
	list_init(&t->link);
	t->at = MONO_NEVER;
	t->on_due = on_due;
}

void
loop_arm(struct loop *l, struct timer *t, int64_t ms)
{
	list_remove(&t->link);
	t->at = mono_add(clock_mono(), ms);
	list_append(&l->timers, &t->link);
}

void
loop_disarm(struct timer *t)
{
	list_remove(&t->link);
}

/* The timer that is due first, or NULL. */
static struct timer *
first_timer(struct loop *l)
{
	struct timer *first = NULL;
	list_each (it, &l->timers) {
		struct timer *t = container_of(it, struct timer, link);
		if (!first || t->at.ms < first->at.ms)
			first = t;
	}
	return first;
}

static void
run_due(struct loop *l)
{
	mono now = clock_mono();
	struct timer *t;
	while ((t = first_timer(l)) && mono_reached(t->at, now)) {
		list_remove(&t->link);
		t->on_due(t);
	}
}

/* Milliseconds for epoll_wait: -1 when there is no timer. */
static int
patience_ms(struct loop *l)
{
	struct timer *t = first_timer(l);
	if (!t)
		return -1;
	int64_t ms = mono_diff(t->at, clock_mono());
	return ms < 0 ? 0 : ms > INT_MAX ? INT_MAX : (int)ms;
}

static void
run_ready(struct loop *l)
{
	for (int i = 0; i < l->batch_count; i++) {
		struct watch *w = l->batch[i].data.ptr;
		if (w)
			w->on_ready(w, l->batch[i].events);
	}
	l->batch_count = 0;
}

int
loop_run(struct loop *l, struct err *err)
{
	while (!l->is_over) {
		int n = epoll_wait(
			l->epoll, l->batch, LOOP_BATCH, patience_ms(l));
		if (n < 0 && errno != EINTR)
			return err_sys(err, -errno, "epoll_wait");
		l->batch_count = n < 0 ? 0 : n;
		run_ready(l);
		run_due(l);
	}
	return 0;
}
