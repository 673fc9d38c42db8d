/* Bytes on their way out: a chain of blocks, filled behind, emptied in front.
 *
 * Small frames share a block, so that they leave in one TLS record.  An empty
 * queue holds no memory.
 */
#ifndef SKEP_NODE_QUEUE_H
#define SKEP_NODE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cursor.h"

struct queue_block; /* private */

/* The chain; zero-initialised. */
struct queue {
	struct queue_block *first; /* to be sent next */
	struct queue_block *last;  /* to be filled next */
	size_t size;		   /* bytes in all */
};

/* Frees everything. */
void queue_fini(struct queue *q);

/* Appends a copy of 'bytes'. False: no memory, and nothing was appended. */
bool queue_add(struct queue *q, struct bytes bytes);

/* The bytes to be sent next, borrowed; empty when there are none. */
struct bytes queue_front(const struct queue *q);

/* Takes 'count' bytes off; at most what 'queue_front' gave. */
void queue_take(struct queue *q, size_t count);

#endif
