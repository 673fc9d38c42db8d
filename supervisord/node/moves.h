/* Moves away from this host, for those who look on: what is under way, from
 * the core and from who gives states away (bulk.h), and what was moved of
 * late, so that the end of a fast one is seen too.
 *
 * Only the latter is kept here, in memory, and how large the states were that
 * came or went last: after a restart of skep-node what was moved before is in
 * the history only.
 */
#ifndef SKEP_NODE_MOVES_H
#define SKEP_NODE_MOVES_H

#include <stdbool.h>
#include <stdint.h>

#include "core/effect.h"

struct node;

/* How many of the moves that are over are remembered. */
#define MOVES_OVER_MAX 256

/* One move; texts are borrowed. */
struct move_item {
	const char *name;  /* instance */
	const char *to;	   /* host */
	const char *state; /* handoff_state_name, or "moved" */
	bool is_over;	   /* it is "moved" */
	bool has_size;	   /* the size of the state is known */
	uint64_t size;	   /* bytes of state */
	uint64_t bytes;	   /* of these, at the other host */
	uint64_t sent;	   /* bytes that left here for it */
	uint64_t rate;	   /* bytes a second that leave here at present */
	int64_t took_ms;   /* since it began; until it was over; -1: unknown */
	int64_t ago_ms;	   /* since it was over, or -1 */
};

typedef void move_each_fn(void *context, const struct move_item *item);

/* How many sizes of states are remembered. */
#define MOVES_SIZES_MAX 4096

/* How large the state of an instance was when it was last moved from here or
 * to here, and how long ago that was. */
typedef void size_each_fn(
	void *context, const char *name, uint64_t size, int64_t ago_ms);

void moves_open(struct node *n);
void moves_close(struct node *n);

/* What the core says of an instance may be a step of its move. */
void moves_on_note(struct node *n, const struct effect_note *note);

/* Calls 'each' for what is over, oldest first, then for what is under way. */
void moves_walk(struct node *n, move_each_fn *each, void *context);

/* Calls 'each' for every size that is known. */
void moves_walk_sizes(struct node *n, size_each_fn *each, void *context);

#endif
