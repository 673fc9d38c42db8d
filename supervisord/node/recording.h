/* When this node's core is recorded, and where.
 *
 * A recording begins with the birth of a core (core/trace.h), so asking for
 * one writes a marker into state_dir and ends the node; the keeper starts the
 * next one, which takes the marker away and records from its first input on.
 * Services notice nothing: they are the keeper's.  There is one recording on
 * a host, STATE_DIR/recording.skeptrc, mode 0600; the next replaces it.
 *
 * A marker is taken away before the recording begins, so that a node that
 * cannot live with it is not asked again.
 */
#ifndef SKEP_NODE_RECORDING_H
#define SKEP_NODE_RECORDING_H

#include <stdint.h>

#include "core/effect.h"
#include "core/input.h"
#include "sys/err.h"

struct node;
struct recording; /* private */

#define RECORDING_SIZE_DEFAULT ((uint64_t)256 << 20)

enum recording_phase {
	RECORDING_NONE,	  /* none runs, and none lies there */
	RECORDING_WANTED, /* the next node will begin one */
	RECORDING_RUNS,
	RECORDING_ENDED, /* one lies there, perhaps of an earlier node */
};

/* What there is. */
struct recording_view {
	enum recording_phase phase;
	char why[512];	/* ENDED: its reason; "" when nobody knows */
	uint64_t size;	/* bytes of the file */
	uint64_t steps; /* of one of this node */
};

void recording_view(struct node *n, struct recording_view *out);

/* Has the next node record, 'size_max' bytes at most and for 'for_ms' (0: no
 * limit), and ends this one shortly after.  -EBUSY: one runs or is wanted;
 * -EINVAL: a bound makes no sense. */
int recording_ask(
	struct node *n, uint64_t size_max, int64_t for_ms, struct err *err);

/* Ends one that runs, or takes a marker back.  -ENOENT when there is neither.
 */
int recording_end(struct node *n, struct err *err);

/* Removes the one that lies there.  -EBUSY while it runs, -ENOENT when there
 * is none. */
int recording_remove(struct node *n, struct err *err);

/* Opens the one that lies there for reading: a descriptor. -EBUSY while it
 * runs, -ENOENT when there is none. */
int recording_open(struct node *n, struct err *err);

/* boot.c, when the core is born: begins if there is a marker; a marker that
 * cannot be obeyed is said and no error. */
void recording_begin(struct node *n);
/* node.c, before and after each step. */
void recording_input(struct node *n, const struct input *in);
void recording_effects(struct node *n, const struct effects *fx);
/* At the end of the node. */
void recording_close(struct node *n);

#endif
