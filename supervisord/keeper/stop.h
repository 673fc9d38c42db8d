/* The end of skepd.  The node stops every service as it would by an
 * operator's word, with its hooks; what it leaves, and all of them if it
 * dies, takes too long or a second signal comes, is asked by us to leave, then
 * made to.  Then the helpers go, which takes the last lines to the logs. */
#ifndef SKEP_KEEPER_STOP_H
#define SKEP_KEEPER_STOP_H

#include <sys/types.h>

struct keeper;

/* Has the node do it.  Where we do: the stop signal of each to its leader (or
 * to all of it), rank by rank; when the leader is gone to the rest; after its
 * stop_timeout, or when called again, SIGKILL. */
void stop_begin(struct keeper *k);

/* The node has stopped what it knows of. */
void stop_on_ended(struct keeper *k);

/* We end, and services go on: the next skepd adopts them. */
void stop_leave(struct keeper *k);

/* Goes on when the current phase is over; called after every change. */
void stop_check(struct keeper *k);

/* The bound of a phase was reached. */
struct timer;
void stop_on_timer(struct timer *t);

#endif
