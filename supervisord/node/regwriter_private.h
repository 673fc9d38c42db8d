/* What the parts of the writer share: the file and its memory (regwriter.c),
 * the table of slots (regtable.c).
 */
#ifndef SKEP_NODE_REGWRITER_PRIVATE_H
#define SKEP_NODE_REGWRITER_PRIVATE_H

#include "client/regfile.h"
#include "node/regwriter.h"

#define ROW_UNITS_MAX (REGFILE_WORDS_MAX / REGFILE_UNIT_WORDS)

struct regwriter {
	char *path;
	char *aside; /* where it is until it has its name */
	int fd;
	bool has_name;
	struct regfile_head *head;
	size_t capacity;
	uint64_t used;	 /* units below here were given out once */
	uint64_t serial; /* of the last row */
	/* Free blocks by their units; each one's second word is the next
	 * one's unit. */
	uint32_t free[ROW_UNITS_MAX + 1];
	uint64_t shards; /* that changed since the last flush, a bit each */
	bool is_changed;
	/* The table. */
	uint64_t rows; /* in it: names, and places of groups */
	regfile_word *slots;
	unsigned bits;	  /* log2 of its groups */
	uint8_t *passed;  /* of each group: how many names lie behind it since
			     it was full; 255: not known, no fewer ever */
	uint64_t crowded; /* it could not grow: not again before it has so
			     many rows */
};

/* Where a name is, or would be. */
struct regtable_place {
	regfile_word *slot; /* its own; or NULL */
	regfile_word *room; /* without one: the first free slot, or NULL */
};

static inline uint64_t
regwriter_load(const regfile_word *word)
{
	return atomic_load_explicit(
		(regfile_word *)(uintptr_t)word, memory_order_relaxed);
}

static inline void
regwriter_store(regfile_word *word, uint64_t value)
{
	atomic_store_explicit(word, value, memory_order_release);
}

/* Takes 'units' that are all the file has of that, and contiguous; 0 when
 * there is no room.  Their words may be anything. */
uint32_t regwriter_take(struct regwriter *w, size_t units);
/* The same, of memory that was never used: zeros. */
uint32_t regwriter_take_new(struct regwriter *w, size_t units);
/* Gives units back that no slot names. */
void regwriter_give(struct regwriter *w, uint64_t unit, size_t units);

/* The row that a slot names. */
static inline regfile_word *
regwriter_row_at(const struct regwriter *w, uint64_t slot)
{
	return regfile_at(w->head, regfile_slot_unit(slot));
}

/* Makes the first table. */
int regtable_init(struct regwriter *w);
/* Makes sure of room for one name more; the table may be another one then. */
int regtable_reserve(struct regwriter *w);
void regtable_find(const struct regwriter *w, const char *name, size_t size,
	uint64_t hash, struct regtable_place *out);
/* Sets the free slot 'room', where 'regtable_find' put a new name. */
void regtable_enter(
	struct regwriter *w, regfile_word *room, uint64_t hash, uint64_t slot);
/* Frees the slot of a name. */
void regtable_leave(struct regwriter *w, regfile_word *at, uint64_t hash);

#endif
