/* A table from 64-bit hashes to numbers, for the books of the checkers.
 *
 * A key is the hash of what it stands for; two things under one hash are one
 * to it (of a million names, with a chance of 1 to 10^7).  Nothing is ever
 * taken out.  Memory is on the heap, and grows; no memory ends the program.
 */
#ifndef SKEP_TESTS_SIM_KEYS_H
#define SKEP_TESTS_SIM_KEYS_H

#include <stddef.h>
#include <stdint.h>

/* All zero is an empty table. */
struct keys {
	uint64_t *keys;	  /* owned; 0: the place is free */
	uint32_t *values; /* owned, as many */
	uint32_t size;	  /* places, a power of two */
	uint32_t count;	  /* of these, taken */
};

/* The number under a key, to be read or changed; made (0) if there is none. */
uint32_t *keys_at(struct keys *k, uint64_t key);
/* The number under a key, or 0. */
uint32_t keys_get(const struct keys *k, uint64_t key);
/* Gives its memory back; it is empty then. */
void keys_fini(struct keys *k);

/* One more element at the end of an owned array whose room doubles; zeroed.
 * 'items' is NULL at first. */
void *array_add(void *items, uint32_t *count, size_t size);

#endif
