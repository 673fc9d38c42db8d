/* What is kept of instances that have just ended, for the start that may
 * follow at once: the cgroup, and a child that is on its way (ahead.h).
 *
 * To remove a directory and to make it anew is a good part of what a restart
 * costs.  So who ended without having been asked to leaves its cgroup, which
 * is empty, for a moment; after that it is removed.  It is kept only if it is
 * as a new one would be.
 *
 * One that the kernel would kill everything in (fail_silent in launch.c) cannot
 * be told; the start then fails, and is tried again with a new one.
 *
 * An instance that is EMPTY and has a 'cgroup_fd' has a cgroup kept here.  One
 * that a crash of ours leaves is removed by the next keeper (run_clear); the
 * child that is in it ends by itself then.
 */
#ifndef SKEP_KEEPER_KEPT_H
#define SKEP_KEEPER_KEPT_H

#include <stdbool.h>

#include "keeper/ahead.h"
#include "keeper/instance.h"
#include "keeper/loop.h"

#define KEPT_MAX      16  /* at a time; others do without */
#define KEPT_MS	      100 /* how long at least; at most twice that */
#define KEPT_CLEAR_MS 50  /* a killed child of ours may take */

/* What is kept of one instance. */
struct kept_one {
	struct instance *of; /* borrowed; NULL: only a killed child is left */
	uint64_t iid;
	mono until;
	struct ahead ahead;
};

/* All that is kept. */
struct kept {
	struct kept_one list[KEPT_MAX];
	size_t count;
	struct timer timer; /* armed while there is one */
};

/* Nothing is kept. */
void kept_init(struct kept *k);

/* The leader of 'i' has ended, and perhaps nothing is left: keeps the cgroup
 * if it may be wanted, and forks for the next start. */
void kept_put(struct instance *i);

/* Whether something is kept of 'i': then nothing is left of the start that is
 * over, and who is in the cgroup is ours. */
bool kept_has(struct instance *i);

/* Looks whether the cgroup will really do, and removes it if not.  This takes
 * longer, and nothing of 'i' is left that could change it later. */
void kept_check(struct instance *i);

/* For the next start, 'body': whether 'i' has its cgroup again, with all
 * descriptors and the watch.  A child that was forked for this very start is
 * the caller's, in 'ahead', otherwise its pid is 0. */
bool kept_take(struct instance *i, struct bytes body, struct ahead *ahead);

/* Removes what is kept of 'i'; harmless when nothing is. */
void kept_drop(struct instance *i);

/* Removes all: another program takes our place, or none. */
void kept_drop_all(struct keeper *k);

/* A child was reaped: whether it was one of these. */
bool kept_on_exit(struct keeper *k, pid_t pid);

#endif
