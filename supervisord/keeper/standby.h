/* A process that stands by to become the parent of the next start.
 *
 * Most of what a child costs before its exec is memory: the copy of ours, the
 * pages that it touches first, and to take all that down again.  So one copy
 * of us is made beforehand, while nothing is urgent.  It touches what a child
 * touches and waits.  When it is given a start, it clones a child that shares
 * its memory (CLONE_VM, CLONE_VFORK), in the cgroup of the service, and as our
 * child and not its own (CLONE_PARENT).  It stands still until that child has
 * come to its program or its end, and then ends: it is used once.
 *
 * Nothing but that child runs in the memory while the child does, and nothing
 * runs in it afterwards, so the child may do what any child does: allocate,
 * look names up, die in the middle of it.  What the kernel keeps with the
 * memory is lost with it too: not dumpable after the switch of user, which
 * keeps the service's user away.  Should the child stand still for long, then
 * only the two of them do; meanwhile there is no standby, and children are
 * forked by us.
 *
 * It is ended by the end of its socket, so with us at the latest.
 */
#ifndef SKEP_KEEPER_STANDBY_H
#define SKEP_KEEPER_STANDBY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cursor.h"
#include "keeper/child.h"
#include "keeper/loop.h"

struct keeper;

#define STANDBY_NAME "skep-standby"

/* The keeper's side. */
struct standby {
	pid_t pid;  /* 0: there is none */
	int socket; /* to it; -1: it was used, or there is none */
	struct timer timer;
};

/* What its child says first. */
struct standby_hello {
	pid_t pid;
	uint64_t start_time; /* field 22 of its stat; 0: not known */
};

/* There is none. */
void standby_init(struct standby *s);

/* One will be wanted: makes it when there is time for it. */
void standby_wish(struct keeper *k);

/* Whether one waits. */
bool standby_is_there(const struct keeper *k);

/* Has it clone the child of the START 'body' into that cgroup, with the
 * descriptors of 'plan' (borrowed).  The first that comes on the socket of its
 * reports is a 'standby_hello'; nothing, if it fails. */
int standby_start(struct keeper *k, int cgroup_fd,
	const struct child_plan *plan, struct bytes body);

/* A child was reaped: whether it was the standby. */
bool standby_on_exit(struct keeper *k, pid_t pid);

/* Lets it go. */
void standby_end(struct keeper *k);

#endif
