/* The sealed states of this host: which of them something needs, and when one
 * goes.
 *
 * A state is known by what is in it: two that hold the same are one, with one
 * root.  So a drop that was decided on must not wait anywhere for its time, or
 * it takes away what was sealed or fetched meanwhile and is the same.  Those
 * that may not happen yet wait here, and whether anything needs the state is
 * asked when they do.
 *
 * Memory: the core's arena, a slot for each that waits.  When they are all
 * taken a state stays until the node starts again, which drops what nothing
 * needs.
 */
#ifndef SKEP_CORE_SEALED_H
#define SKEP_CORE_SEALED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/list.h"
#include "base/mono.h"
#include "base/slots.h"

struct core;

#define SEALED_DROPS_MAX 4096

/* A state that goes, once 'after' is durable and nothing of its name is being
 * sealed. */
struct sealed_drop {
	struct list link; /* sealed.drops */
	char name[INSTANCE_NAME_MAX + 1];
	uint8_t root[DIGEST_SIZE];
	uint64_t after;
	mono since; /* when that was decided */
};

struct sealed {
	struct slots slots; /* of struct sealed_drop */
	struct list drops;  /* oldest first */
};

size_t sealed_need(void);
void sealed_init(struct core *c);

/* Whether a state has a use here: a move, an instance, a checkpoint or what is
 * kept of a copy that lost names it. */
bool sealed_is_needed(const struct core *c, const char *name,
	const uint8_t root[DIGEST_SIZE]);

/* Drops a state, unless something needs it, once 'after' is durable. */
void sealed_drop(struct core *c, const char *name,
	const uint8_t root[DIGEST_SIZE], uint64_t after);

/* Borrows the drop of a state that waits, or NULL. */
struct sealed_drop *sealed_find_drop(const struct core *c, const char *name,
	const uint8_t root[DIGEST_SIZE]);

/* Something was written, or is being sealed no longer: what waited for it
 * goes. */
void sealed_review(struct core *c);

#endif
