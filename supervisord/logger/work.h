/* The threads that touch files, so that the one that listens never does.
 *
 * A write to a regular file cannot be called off and may hang with its disk
 * (as against: fail, when that is full).  So turns of streams are jobs: the
 * session's thread submits them, a worker does them one after the other, and
 * the session takes up what is done.  One worker is enough for all that goes
 * well.  When jobs wait while a worker has been at one of them for
 * WORK_LATE_MS, another is started, up to WORK_THREADS_MAX: what hangs holds
 * one thread, and only itself up.
 *
 * A job belongs to the workers from 'work_submit' until 'work_take_done' gives
 * it back.  Everything here but 'run' is for the session's thread.
 */
#ifndef SKEP_LOGGER_WORK_H
#define SKEP_LOGGER_WORK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/mono.h"
#include "logger/stream.h"
#include "sys/err.h"

#define WORK_THREADS_MAX 16
#define WORK_LATE_MS	 100
#define WORK_STACK_SIZE	 262144

struct work;

/* One thread. */
struct worker {
	struct work *work;
	struct stream_shared shared; /* its own tools */
	mono busy_since;	     /* MONO_NEVER: at nothing */
};

/* All of them. */
struct work {
	const char *log_dir; /* borrowed, as is the next */
	const char *journal;
	int done_fd;	      /* readable when something is done */
	bool is_full_said;    /* that no thread is left */
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t wake;
	struct list todo;
	struct list done;
	unsigned count;	    /* threads */
	unsigned in_flight; /* jobs submitted and not yet given back */
	struct worker *workers[WORK_THREADS_MAX];
};

/* Starts the first thread; 'work' is in zeroed memory. */
int work_init(struct work *work, const char *log_dir, const char *journal,
	struct err *err);

/* Queues a turn of the stream. */
void work_submit(struct work *work, struct stream *s);

/* A stream whose turn is done, NULL: none. */
struct stream *work_take_done(struct work *work);

/* Starts another thread if jobs wait behind one that takes long.  Returns when
 * to look again. */
mono work_look(struct work *work, mono now);

/* Whether nothing is under way. */
bool work_is_idle(const struct work *work);

#endif
