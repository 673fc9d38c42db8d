#include "logger/work.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/check.h"
#include "sys/clock.h"
#include "sys/say.h"

/* Opens a worker's own tools. */
static int
open_tools(struct worker *w, struct err *err)
{
	struct stream_shared *t = &w->shared;
	t->dir = (struct logdir){w->work->log_dir, -1};
	t->journal = (struct journal){w->work->journal, -1};
	t->console = STDERR_FILENO;
	t->null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (t->null < 0)
		return err_sys(err, -errno, "/dev/null");
	int r = peek_init(&t->peek, err);
	if (r < 0)
		close(t->null);
	return r;
}

/* The next job, waited for. */
static struct stream *
take(struct worker *w)
{
	struct work *work = w->work;
	pthread_mutex_lock(&work->lock);
	while (list_is_empty(&work->todo))
		pthread_cond_wait(&work->wake, &work->lock);
	struct list *first = work->todo.next;
	list_remove(first);
	w->busy_since = clock_mono();
	pthread_mutex_unlock(&work->lock);
	return container_of(first, struct stream, in_work);
}

static void
give_back(struct worker *w, struct stream *s)
{
	struct work *work = w->work;
	uint64_t one = 1;
	pthread_mutex_lock(&work->lock);
	bool is_first = list_is_empty(&work->done);
	list_append(&work->done, &s->in_work);
	w->busy_since = MONO_NEVER;
	/* A counter that cannot take it is not zero either. */
	if (is_first)
		(void)!write(work->done_fd, &one, sizeof one);
	pthread_mutex_unlock(&work->lock);
}

static void *
run(void *context)
{
	struct worker *w = context;
	struct err err = {""};
	if (logdir_open(&w->shared.dir, &err) < 0)
		say(SAY_ERROR, "%s", err.text);
	for (;;) {
		struct stream *s = take(w);
		stream_lend(s, &w->shared);
		stream_turn(s, clock_mono());
		give_back(w, s);
	}
	return NULL;
}

static int
start_thread(struct work *work, struct err *err)
{
	pthread_attr_t attr;
	pthread_t thread;
	struct worker *w = calloc(1, sizeof *w);
	if (!w)
		return err_sys(err, -ENOMEM, "a thread");
	w->work = work;
	w->busy_since = MONO_NEVER;
	int r = open_tools(w, err);
	if (r < 0) {
		free(w);
		return r;
	}
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, WORK_STACK_SIZE);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	r = -pthread_create(&thread, &attr, run, w);
	pthread_attr_destroy(&attr);
	if (r < 0) {
		peek_fini(&w->shared.peek);
		close(w->shared.null);
		free(w);
		return err_sys(err, r, "a thread");
	}
	pthread_mutex_lock(&work->lock);
	work->workers[work->count++] = w;
	pthread_mutex_unlock(&work->lock);
	return 0;
}

int
work_init(struct work *work, const char *log_dir, const char *journal,
	struct err *err)
{
	work->log_dir = log_dir;
	work->journal = journal;
	pthread_mutex_init(&work->lock, NULL);
	pthread_cond_init(&work->wake, NULL);
	list_init(&work->todo);
	list_init(&work->done);
	work->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (work->done_fd < 0)
		return err_sys(err, -errno, "eventfd");
	return start_thread(work, err);
}

void
work_submit(struct work *work, struct stream *s)
{
	pthread_mutex_lock(&work->lock);
	CHECK(list_is_empty(&s->in_work));
	list_append(&work->todo, &s->in_work);
	work->in_flight++;
	pthread_cond_signal(&work->wake);
	pthread_mutex_unlock(&work->lock);
}

struct stream *
work_take_done(struct work *work)
{
	struct stream *s = NULL;
	uint64_t count;
	pthread_mutex_lock(&work->lock);
	if (!list_is_empty(&work->done)) {
		s = container_of(work->done.next, struct stream, in_work);
		list_remove(&s->in_work);
		work->in_flight--;
	}
	/* As it was written, with the lock. */
	if (s && list_is_empty(&work->done))
		(void)!read(work->done_fd, &count, sizeof count);
	pthread_mutex_unlock(&work->lock);
	return s;
}

/* When the worker that is at its job for longest will be late, or was.  One
 * that is idle takes the next job, and nobody says so: that is looked at again
 * when it could be late. */
static mono
late_at(const struct work *work, mono now)
{
	mono at = MONO_NEVER;
	for (unsigned i = 0; i < work->count; i++) {
		mono since = work->workers[i]->busy_since;
		if (mono_diff(since, MONO_NEVER) == 0)
			return mono_add(now, WORK_LATE_MS);
		at = mono_min(at, mono_add(since, WORK_LATE_MS));
	}
	return at;
}

mono
work_look(struct work *work, mono now)
{
	struct err err = {""};
	pthread_mutex_lock(&work->lock);
	bool is_waiting = !list_is_empty(&work->todo);
	mono at = is_waiting ? late_at(work, now) : MONO_NEVER;
	pthread_mutex_unlock(&work->lock);
	if (!mono_reached(at, now))
		return at;
	if (work->count < WORK_THREADS_MAX && start_thread(work, &err) < 0)
		say(SAY_WARNING, "%s", err.text);
	if (work->count == WORK_THREADS_MAX && !work->is_full_said) {
		work->is_full_said = true;
		say(SAY_ERROR, "%d writes to log files hang; all output waits",
			WORK_THREADS_MAX);
	}
	return mono_add(now, WORK_LATE_MS);
}

bool
work_is_idle(const struct work *work)
{
	return work->in_flight == 0;
}
