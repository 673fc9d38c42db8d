/* A few threads for what may block: files, hashing, name look-ups.
 *
 * The loop submits jobs; threads run them in order of submission, as many at
 * once as there are threads; what a job found out is taken up by its 'done'
 * on the loop's thread.  A job is embedded in its owner's struct and belongs
 * to the pool between 'pool_submit' and 'done'.
 */
#ifndef SKEP_NODE_POOL_H
#define SKEP_NODE_POOL_H

#include <ev.h>
#include <stdbool.h>

#include "base/list.h"
#include "sys/err.h"

struct pool; /* private */

/* One piece of work. */
struct pool_job {
	struct list link; /* the pool's */
	/* On a thread of the pool; touches only what the job owns. */
	void (*run)(struct pool_job *job);
	/* On the loop's thread, once.  'is_dropped': the pool is being freed
	 * and 'run' may not have been called; the owner only cleans up. */
	void (*done)(struct pool_job *job, bool is_dropped);
};

/* Starts 'thread_count' threads. */
int pool_new(struct ev_loop *loop, unsigned thread_count, struct pool **out,
	struct err *err);

/* Waits for the jobs that run now, calls 'done' for every job left, and
 * frees the pool. NULL is accepted. */
void pool_free(struct pool *pool);

/* Queues a job (taken until 'done'). */
void pool_submit(struct pool *pool, struct pool_job *job);

#endif
