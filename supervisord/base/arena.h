/* A bump allocator over memory that somebody else provides.
 *
 * The core makes one arena at its birth and cuts all its tables from it;
 * nothing is ever given back.  Running out is a bug of the sizing, not an
 * event: 'arena_take' panics, because the caller computed the size itself.
 *
 * The memory is zeroed by its giver, and the arena does not touch it: of a
 * table cut from fresh pages of the kernel only the part in use costs memory.
 */
#ifndef SKEP_BASE_ARENA_H
#define SKEP_BASE_ARENA_H

#include <stddef.h>

/* A block of memory and how much of it is used. */
struct arena {
	unsigned char *base; /* borrowed for the life of the arena */
	size_t size;	     /* bytes in 'base' */
	size_t used;	     /* bytes handed out, padding included */
};

/* Starts an arena over 'size' bytes at 'base' (borrowed, 16-byte aligned,
 * zeroed). */
void arena_init(struct arena *a, void *base, size_t size);

/* Cuts 'count' zeroed objects of 'size' bytes, 16-byte aligned.  Panics when
 * the arena is too small. */
void *arena_take(struct arena *a, size_t count, size_t size);

/* The bytes that 'arena_take' would use for 'count' objects of 'size'. */
size_t arena_need(size_t count, size_t size);

#endif
