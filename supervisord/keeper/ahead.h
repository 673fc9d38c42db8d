/* The child of the next start, forked before the node has asked for it.
 *
 * A service that ends unasked after a good run, and was started again at once
 * the last time, will mostly be so again.  While the node learns of the end and
 * decides, the child of that start is already on its way, in the cgroup that
 * was kept (kept.h), for the START that will come if the node decides so: the
 * last one with the next epoch.  It does all that a child does and stops before
 * the first thing of the service's own: without the keeper's word, which comes
 * after the record is written, no child goes on (child.h).
 *
 * Only a START that is the same, byte for byte, gets it.  It is killed when
 * another one comes, or none within a moment; the node decides as if it were
 * not there.  A crash of ours ends it too.
 *
 * This is for starts of which nothing is done before that word, in the child or
 * by us, which would matter if the start did not come: no state, no handoff, no
 * checkpoint (its last one is still to be read), no command, no socket to say
 * something at.
 */
#ifndef SKEP_KEEPER_AHEAD_H
#define SKEP_KEEPER_AHEAD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cursor.h"
#include "keeper/spawn.h"
#include "sys/kproto.h"

struct instance;

#define AHEAD_GOOD_RUN_MS 1000 /* shorter ones have a back-off before them */
#define AHEAD_MAX	  256  /* instances that this is done for */

/* The body of a START. */
struct ahead_start {
	size_t size;
	char data[];
};

/* One such child. */
struct ahead {
	struct spawned child;	   /* pid 0: there is none */
	bool is_called;		   /* or it has not said yet who it is */
	int report_fd;		   /* our end of its reports */
	struct ahead_start *start; /* that it is for, ours */
};

/* Remembers the START that 'i' is started by, if it came at once after the end
 * before and the next one can be forked ahead; 'body' is 's' as it came. */
void ahead_remember(
	struct instance *i, const struct kproto_start *s, struct bytes body);

/* What is remembered is of no use any more. */
void ahead_forget(struct instance *i);

/* Forks for the start of 'i', which is empty, that may come.  That there is no
 * child then does no harm. */
void ahead_fork(struct instance *i, struct ahead *out);

/* Takes in who the child is, if that came since. */
void ahead_learn(struct ahead *a);

/* Whether it is there and for that START. */
bool ahead_is_for(const struct ahead *a, struct bytes body);

/* Kills the child, which is to be reaped. */
void ahead_kill(struct ahead *a);

/* The same, and it is out of its cgroup when this returns, within 'ms'. */
void ahead_clear(struct ahead *a, int ms);

/* Lets go of what is open and ours: it was reaped, or is somebody else's.  One
 * of which nobody knows ends by itself then. */
void ahead_release(struct ahead *a);

#endif
