/* What the node was taking in when it died, kept in run_dir/node.crash.
 *
 * The node says DIGESTING before it takes in an item that came from outside.
 * When it dies, the item is written down with the number of deaths on it in a
 * row, so that the next node can set it aside, even when the keeper itself
 * was started anew in between.
 */
#ifndef SKEP_KEEPER_CRASH_H
#define SKEP_KEEPER_CRASH_H

#include <stdbool.h>
#include <stdint.h>

#include "keeper/dirs.h"
#include "sys/kproto.h"

/* The bookkeeping. */
struct crash {
	uint64_t digesting;	  /* announced by the running node, or 0 */
	bool is_known;		  /* 'last' is of a node that we saw die */
	struct kproto_crash last; /* the last death */
};

/* Starts from what is written down. */
void crash_init(struct crash *c, const struct dirs *d);

/* The node announced an item, or with 0 that it is done with it. */
void crash_on_digesting(struct crash *c, uint64_t digest);

/* The node died; counts and writes down. */
void crash_on_death(struct crash *c, const struct dirs *d, int status);

#endif
