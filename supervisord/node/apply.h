/* Effects in the order they are owed.
 *
 * The core's effects are copied here and carried out one by one by the node
 * (carry.c).  An effect whose 'after' is not yet durable waits in a queue of
 * its own and keeps its place among those that wait; the others go ahead.
 *
 * Carrying out may step the core again (a REPLY that makes its asker ask for
 * more): 'apply_take' from inside only queues, and the outer call goes on, so
 * effects never nest and never overtake.
 */
#ifndef SKEP_NODE_APPLY_H
#define SKEP_NODE_APPLY_H

#include <stddef.h>
#include <stdint.h>

#include "core/effect.h"

struct apply;

/* Does what one effect says; payloads are borrowed during the call. */
typedef void apply_fn(void *context, const struct effect *e);

struct apply *apply_new(apply_fn *carry, void *context);
/* Forgets what still waits; NULL accepted. */
void apply_free(struct apply *a);

/* Takes the effects of one step (copied) and carries out what may be. */
void apply_take(struct apply *a, const struct effects *fx);

/* Every STORE up to 'seq' is durable: carries out what waited for it. */
void apply_on_stored(struct apply *a, uint64_t seq);

/* Effects that wait for the disk. */
size_t apply_waiting(const struct apply *a);

#endif
