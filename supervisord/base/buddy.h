/* A buddy allocator over memory that somebody else provides.
 *
 * For values that come and go and differ in size (entries of the desired
 * state), where an arena would only grow.  Blocks are powers of two from 64
 * bytes to 128 KiB; neighbours that are both free become one again at once,
 * so the space lost is bounded by rounding up.  Memory that was never needed
 * is never touched.  After Knowlton, "A fast storage allocator" (1965).
 *
 * Full is a result: 'buddy_take' returns NULL.  Giving back what was not
 * taken is a bug and panics.
 */
#ifndef SKEP_BASE_BUDDY_H
#define SKEP_BASE_BUDDY_H

#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

#define BUDDY_BLOCK_MIN 64
#define BUDDY_BLOCK_MAX 131072
#define BUDDY_ORDERS	12 /* 64 << 11 is 128 KiB */

/* The allocator; lies at the start of its memory. */
struct buddy {
	struct list free[BUDDY_ORDERS]; /* free blocks, by order */
	unsigned char *base;		/* first block */
	uint8_t *tags;			/* per 64 bytes: what begins there */
	size_t capacity;		/* bytes in blocks */
	size_t fresh;			/* bytes before which all was touched */
	size_t used;			/* bytes in taken blocks */
};

/* The bytes of memory that an allocator for 'capacity' bytes takes; the
 * capacity is rounded up to whole blocks of 128 KiB. */
size_t buddy_need(size_t capacity);

/* Makes an allocator in 'memory' (borrowed, 16-byte aligned, buddy_need()
 * bytes, of any content) and returns it. */
struct buddy *buddy_init(void *memory, size_t capacity);

/* Takes a block of at least 'size' bytes, 16-byte aligned, not zeroed.  NULL
 * when there is none or 'size' is above BUDDY_BLOCK_MAX. */
void *buddy_take(struct buddy *b, size_t size);

/* Gives a block back; NULL is accepted. */
void buddy_give(struct buddy *b, void *block);

#endif
