/* Intrusive hash map from a 64-bit hash to elements that embed a link.
 *
 * The map knows hashes, not keys: a look-up yields every element whose hash
 * is equal, one after the other, and the caller compares the key.  Buckets
 * are chains in insertion order, so a walk is deterministic; the number of
 * buckets is fixed at birth because the memory is.
 */
#ifndef SKEP_BASE_MAP_H
#define SKEP_BASE_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

/* The link inside an element. */
struct map_link {
	struct list in_bucket; /* chain of the bucket */
	uint64_t hash;	       /* the hash it was inserted under */
};

/* The map. */
struct map {
	struct list *buckets; /* 'mask' + 1 heads, borrowed */
	uint64_t mask;	      /* bucket count - 1, a power of two - 1 */
	size_t count;	      /* elements inside */
};

/* The number of buckets that 'map_init' wants for 'items_max' elements: a
 * power of two, at least 'items_max'. */
size_t map_bucket_count(size_t items_max);

/* Starts an empty map over 'bucket_count' heads (borrowed, a power of two). */
void map_init(struct map *m, struct list *buckets, size_t bucket_count);

/* Inserts 'link' under 'hash'.  It must be in no map. */
void map_insert(struct map *m, struct map_link *link, uint64_t hash);

/* Takes 'link' out of the map it is in. */
void map_remove(struct map *m, struct map_link *link);

/* The first element with 'hash', or NULL. */
struct map_link *map_first(const struct map *m, uint64_t hash);

/* The next element with the same hash as 'link', or NULL. */
struct map_link *map_next(const struct map *m, const struct map_link *link);

#endif
