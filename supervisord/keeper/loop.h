/* The keeper's event loop: descriptors by epoll, timers in one list.
 *
 * Watches and timers are embedded in their owners and borrowed by the loop
 * until they are forgotten or disarmed.  A callback may forget any watch,
 * its own too: what was already reported for it is dropped.  The list of
 * timers is walked whole, which is right for the dozens that are armed at a
 * time.  Nothing here blocks but 'loop_run' itself.
 */
#ifndef SKEP_KEEPER_LOOP_H
#define SKEP_KEEPER_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "base/list.h"
#include "base/mono.h"
#include "sys/err.h"

#define LOOP_BATCH 64

/* Interest in one descriptor. */
struct watch {
	int fd; /* borrowed; -1 while nothing is watched */
	/* Called with the EPOLL* bits that came. */
	void (*on_ready)(struct watch *w, uint32_t events);
};

/* Something to do at a point in time, once. */
struct timer {
	struct list link; /* in loop.timers while armed */
	mono at;	  /* when */
	void (*on_due)(struct timer *t);
};

/* The loop. */
struct loop {
	int epoll;			      /* the epoll descriptor */
	struct list timers;		      /* armed, in no order */
	struct epoll_event batch[LOOP_BATCH]; /* reported, not yet handled */
	int batch_count;		      /* entries of 'batch' */
	bool is_over;			      /* leave 'loop_run' */
};

/* Makes the loop ready. */
int loop_init(struct loop *l, struct err *err);

/* Releases the descriptor; watches and timers stay their owners'. */
void loop_fini(struct loop *l);

/* Marks a watch as unused, so that 'loop_forget' may be called on it. */
void watch_init(struct watch *w, void (*on_ready)(struct watch *, uint32_t));

/* Watches 'fd' for 'events' (EPOLLIN, EPOLLOUT, EPOLLPRI). */
int loop_watch(struct loop *l, struct watch *w, int fd, uint32_t events);

/* Changes the events of a watched descriptor. */
void loop_change(struct loop *l, struct watch *w, uint32_t events);

/* Ends a watch; harmless when there is none.  Does not close. */
void loop_forget(struct loop *l, struct watch *w);

/* Ends a watch and closes its descriptor; harmless when there is none. */
void loop_close(struct loop *l, struct watch *w);

/* Makes a timer that is not armed. */
void timer_init(struct timer *t, void (*on_due)(struct timer *));

/* Arms the timer, or moves it, to 'ms' from now. */
void loop_arm(struct loop *l, struct timer *t, int64_t ms);

/* Disarms the timer; harmless when it is not armed. */
void loop_disarm(struct timer *t);

/* Runs callbacks until 'is_over' is set by one of them. */
int loop_run(struct loop *l, struct err *err);

#endif
