#include "node/pool.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#define STACK_SIZE (256u << 10) /* bytes; getaddrinfo wants the most */

struct pool {
	struct ev_loop *loop; /* borrowed */
	ev_async wake;	      /* a job is done */
	pthread_mutex_t mutex;
	pthread_cond_t has_work;
	struct list todo;     /* guarded by 'mutex' */
	struct list finished; /* guarded by 'mutex' */
	bool is_stopping;     /* guarded by 'mutex' */
	unsigned thread_count;
	pthread_t threads[];
};

static struct list *
pop(struct list *head)
{
	struct list *first = head->next;
	list_remove(first);
	return first;
}

static void *
work(void *context)
{
	struct pool *p = context;
	pthread_mutex_lock(&p->mutex);
	while (!p->is_stopping) {
		if (list_is_empty(&p->todo)) {
			pthread_cond_wait(&p->has_work, &p->mutex);
			continue;
		}
		struct pool_job *job =
			container_of(pop(&p->todo), struct pool_job, link);
		pthread_mutex_unlock(&p->mutex);
		job->run(job);
		pthread_mutex_lock(&p->mutex);
		list_append(&p->finished, &job->link);
		ev_async_send(p->loop, &p->wake);
	}
	pthread_mutex_unlock(&p->mutex);
	return NULL;
}

/* Moves everything from one list to an empty one. */
static void
take_all(struct list *from, struct list *to)
{
	list_init(to);
	while (!list_is_empty(from))
		list_append(to, pop(from));
}

static void
on_wake(struct ev_loop *loop, ev_async *wake, int events)
{
	(void)loop;
	(void)events;
	struct pool *p = wake->data;
	struct list jobs;
	pthread_mutex_lock(&p->mutex);
	take_all(&p->finished, &jobs);
	pthread_mutex_unlock(&p->mutex);
	while (!list_is_empty(&jobs)) {
		struct pool_job *job =
			container_of(pop(&jobs), struct pool_job, link);
		job->done(job, false);
	}
}

/* Signals are the loop's; threads take none. */
static int
start_threads(struct pool *p, unsigned count)
{
	sigset_t all, old;
	pthread_attr_t attr;
	int r = 0;
	sigfillset(&all);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	while (r == 0 && p->thread_count < count) {
		r = pthread_create(
			&p->threads[p->thread_count], &attr, work, p);
		if (r == 0)
			p->thread_count++;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	return -r;
}

int
pool_new(struct ev_loop *loop, unsigned thread_count, struct pool **out,
	struct err *err)
{
	struct pool *p =
		calloc(1, sizeof *p + thread_count * sizeof p->threads[0]);
	*out = NULL;
	if (!p)
		return err_sys(err, -ENOMEM, "worker threads");
	p->loop = loop;
	pthread_mutex_init(&p->mutex, NULL);
	pthread_cond_init(&p->has_work, NULL);
	list_init(&p->todo);
	list_init(&p->finished);
	ev_async_init(&p->wake, on_wake);
	p->wake.data = p;
	ev_async_start(loop, &p->wake);
	int r = start_threads(p, thread_count);
	if (r < 0) {
		pool_free(p);
		return err_sys(err, r, "worker threads");
	}
	*out = p;
	return 0;
}

static void
drop_all(struct list *jobs)
{
	while (!list_is_empty(jobs)) {
		struct pool_job *job =
			container_of(pop(jobs), struct pool_job, link);
		job->done(job, true);
	}
}

void
pool_free(struct pool *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->mutex);
	p->is_stopping = true;
	pthread_cond_broadcast(&p->has_work);
	pthread_mutex_unlock(&p->mutex);
	for (unsigned i = 0; i < p->thread_count; i++)
		pthread_join(p->threads[i], NULL);
	ev_async_stop(p->loop, &p->wake);
	drop_all(&p->finished);
	drop_all(&p->todo);
	pthread_cond_destroy(&p->has_work);
	pthread_mutex_destroy(&p->mutex);
	free(p);
}

void
pool_submit(struct pool *p, struct pool_job *job)
{
	list_init(&job->link);
	pthread_mutex_lock(&p->mutex);
	list_append(&p->todo, &job->link);
	pthread_cond_signal(&p->has_work);
	pthread_mutex_unlock(&p->mutex);
}
