#include "base/map.h"

#include "base/check.h"

size_t
map_bucket_count(size_t items_max)
{
	size_t n = 16;
	while (n < items_max)
		n *= 2;
	return n;
}

void
map_init(struct map *m, struct list *buckets, size_t bucket_count)
{
	CHECK(bucket_count > 0);
	CHECK((bucket_count & (bucket_count - 1)) == 0);
	m->buckets = buckets;
	m->mask = bucket_count - 1;
	m->count = 0;
	for (size_t i = 0; i < bucket_count; i++)
		list_init(&buckets[i]);
}

static struct list *
bucket(const struct map *m, uint64_t hash)
{
	/* The high bits are folded in: seeds of a power of two must not
	 * make chains. */
	return &m->buckets[(hash ^ (hash >> 32)) & m->mask];
}

void
map_insert(struct map *m, struct map_link *link, uint64_t hash)
{
	link->hash = hash;
	list_append(bucket(m, hash), &link->in_bucket);
	m->count++;
}

void
map_remove(struct map *m, struct map_link *link)
{
	CHECK(m->count > 0);
	list_remove(&link->in_bucket);
	m->count--;
}

static struct map_link *
scan(const struct list *head, struct list *from, uint64_t hash)
{
	for (struct list *it = from; it != head; it = it->next) {
		struct map_link *l =
			container_of(it, struct map_link, in_bucket);
		if (l->hash == hash)
			return l;
	}
	return NULL;
}

struct map_link *
map_first(const struct map *m, uint64_t hash)
{
	struct list *head = bucket(m, hash);
	return scan(head, head->next, hash);
}

struct map_link *
map_next(const struct map *m, const struct map_link *link)
{
	return scan(bucket(m, link->hash), link->in_bucket.next, link->hash);
}
