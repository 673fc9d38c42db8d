/* Numbers found by numbers: open addressing over memory of the caller.
 *
 * For what is looked up with each message, where a chain through far memory
 * (base/map.h) would be most of the cost: the keys lie in the table itself,
 * mostly one to a look-up, and nothing else is touched.  Linear probing; what
 * stood behind a removed key moves up, so nothing is ever left to skip.  After
 * Knuth, The Art of Computer Programming 3, section 6.4, algorithms L and R.
 */
#ifndef SKEP_BASE_LOOKUP_H
#define SKEP_BASE_LOOKUP_H

#include <stddef.h>
#include <stdint.h>

/* What 'lookup_get' says of a key that is not there. */
#define LOOKUP_NONE UINT32_MAX

struct lookup_slot {
	uint32_t key; /* 0: free */
	uint32_t value;
};

/* The table. */
struct lookup {
	struct lookup_slot *slots; /* borrowed */
	uint32_t mask;		   /* their number - 1 */
	uint32_t count;		   /* in use; half of them at most */
};

/* The number of slots for 'items_max' keys. */
size_t lookup_slot_count(size_t items_max);

/* Starts an empty table over 'count' zeroed slots (borrowed), as
 * 'lookup_slot_count' gave. */
void lookup_init(struct lookup *t, struct lookup_slot *slots, size_t count);

/* Enters a key, which is not 0 and not there. */
void lookup_put(struct lookup *t, uint32_t key, uint32_t value);

/* Removes a key, which is there. */
void lookup_remove(struct lookup *t, uint32_t key);

/* The value of a key, or LOOKUP_NONE. */
uint32_t lookup_get(const struct lookup *t, uint32_t key);

/* Where the search for a key begins. */
const struct lookup_slot *lookup_home(const struct lookup *t, uint32_t key);

#endif
