/* Cgroups of instances that have just ended, for the start that may follow at
 * once.
 *
 * To remove a directory and to make it anew is a good part of what a restart
 * costs.  So who ended without having been asked to leaves its cgroup, which
 * is empty, for a moment; after that, or when others need the place, it is
 * removed.  It is kept only if it is as a new one would be.
 *
 * One that the kernel would kill everything in (fail_silent in launch.c) cannot
 * be told; the start then fails, and is tried again with a new one.
 *
 * An instance that is EMPTY and has a 'cgroup_fd' has a cgroup kept here.  One
 * that a crash of ours leaves is removed by the next keeper (run_clear).
 */
#ifndef SKEP_KEEPER_KEPT_H
#define SKEP_KEEPER_KEPT_H

#include <stdbool.h>

#include "keeper/instance.h"
#include "keeper/loop.h"

#define KEPT_MAX 32  /* at a time; the oldest gives way */
#define KEPT_MS	 100 /* how long at least; at most twice that */

/* The instances whose cgroups are kept, the oldest first. */
struct kept {
	struct instance *list[KEPT_MAX]; /* borrowed */
	mono until[KEPT_MAX];		 /* of each */
	size_t count;
	struct timer timer; /* armed while there is one */
};

/* Nothing is kept. */
void kept_init(struct kept *k);

/* Keeps the cgroup of 'i', which became empty, or removes it. */
void kept_put(struct instance *i);

/* Removes it after all if it is not as a new one.  Nothing of 'i' is left that
 * could change it later. */
void kept_check(struct instance *i);

/* For the next start: whether 'i' has its cgroup again, with all descriptors
 * and the watch. */
bool kept_take(struct instance *i);

/* Removes what is kept of 'i'; harmless when nothing is. */
void kept_drop(struct instance *i);

/* Removes all. */
void kept_drop_all(struct keeper *k);

#endif
