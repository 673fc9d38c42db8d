/* Intrusive hash map from a 64-bit hash to elements that embed a link.
 *
 * The map knows hashes, not keys: a look-up yields every element whose hash
 * is equal, one after the other, and the caller compares the key.  Buckets
 * are chains in insertion order, so a walk is deterministic.
 *
 * The buckets lie in memory of the caller, enough for the largest map, but
 * only as many are used (and touched) as there are elements: each insertion
 * into a full map splits one bucket, in order, so no insertion ever moves
 * more than one chain.  After Litwin, "Linear hashing: a new tool for file
 * and table addressing" (1980).  The map does not shrink.
 */
#ifndef SKEP_BASE_MAP_H
#define SKEP_BASE_MAP_H

#include <stddef.h>
#include <stdint.h>

/* The link inside an element. */
struct map_link {
	struct map_link *prev; /* in the bucket; the first one's is the last */
	struct map_link *next; /* in the bucket; NULL ends */
	uint64_t hash;	       /* the hash it was inserted under */
};

/* The map. */
struct map {
	struct map_link **buckets; /* first of each chain or NULL, borrowed */
	size_t bucket_max;	   /* room in 'buckets' */
	size_t bucket_count;	   /* of these, in use */
	uint64_t mask;		   /* a power of two - 1, >= bucket_count - 1 */
	size_t count;		   /* elements inside */
};

/* The number of buckets that 'map_init' wants for 'items_max' elements. */
size_t map_bucket_count(size_t items_max);

/* Starts an empty map over room for 'bucket_max' buckets (borrowed, at least
 * one; what is in it does not matter). */
void map_init(struct map *m, struct map_link **buckets, size_t bucket_max);

/* Inserts 'link' under 'hash'.  It must be in no map. */
void map_insert(struct map *m, struct map_link *link, uint64_t hash);

/* Takes 'link' out of the map, which it must be in. */
void map_remove(struct map *m, struct map_link *link);

/* The first element with 'hash', or NULL. */
struct map_link *map_first(const struct map *m, uint64_t hash);

/* The next element with the same hash as 'link', or NULL. */
struct map_link *map_next(const struct map *m, const struct map_link *link);

/* Takes some element out and returns it; NULL when there is none.  For those
 * who free all of them. */
struct map_link *map_take_any(struct map *m);

#endif
