/* Slots of one size in memory that somebody else provides.
 *
 * A table of the core is an array that is as large as its bound, of which
 * only the part in use costs memory: slots that were given back are taken
 * again first, and a new one is touched only when there is none of those.
 * So the used slots lie below a mark that never sinks, and a walk over all
 * of them ends there.
 *
 * A slot that was given back holds a link in its first bytes; the rest of it
 * is left as it was.  Full is a result.
 */
#ifndef SKEP_BASE_SLOTS_H
#define SKEP_BASE_SLOTS_H

#include <stddef.h>
#include <stdint.h>

/* The table's memory and what is free in it. */
struct slots {
	unsigned char *items; /* borrowed */
	size_t size;	      /* bytes of a slot */
	uint32_t max;	      /* slots in 'items' */
	uint32_t mark;	      /* slots from here on were never taken */
	void *given;	      /* the slot given back last, or NULL */
};

/* Starts with 'max' free slots of 'size' bytes (at least a pointer, aligned
 * for one) at 'items' (borrowed; not touched). */
void slots_init(struct slots *s, void *items, uint32_t max, size_t size);

/* Takes a slot, whose content is undefined; NULL when all are taken. */
void *slots_take(struct slots *s);

/* Gives a slot back. */
void slots_give(struct slots *s, void *slot);

/* The slot of an index, taken or given back; NULL from 'mark' on. */
void *slots_get(const struct slots *s, uint32_t index);

/* The index of a slot: stable, below 'mark'. */
uint32_t slots_index(const struct slots *s, const void *slot);

#endif
