#include "base/map.h"

#include "base/check.h"

/* A map begins with this many buckets, if there is room for them. */
#define BUCKETS_MIN 16

size_t
map_bucket_count(size_t items_max)
{
	return items_max > BUCKETS_MIN ? items_max : BUCKETS_MIN;
}

void
map_init(struct map *m, struct map_link **buckets, size_t bucket_max)
{
	CHECK(bucket_max > 0);
	m->buckets = buckets;
	m->bucket_max = bucket_max;
	m->bucket_count = bucket_max < BUCKETS_MIN ? 1 : BUCKETS_MIN;
	m->mask = m->bucket_count - 1;
	m->count = 0;
	for (size_t i = 0; i < m->bucket_count; i++)
		buckets[i] = NULL;
}

/* The high bits are folded in: seeds of a power of two must not make
 * chains. */
static uint64_t
fold(uint64_t hash)
{
	return hash ^ (hash >> 32);
}

/* What is not split off yet is in the bucket it will be split from. */
static struct map_link **
bucket(const struct map *m, uint64_t hash)
{
	uint64_t index = fold(hash) & m->mask;
	if (index >= m->bucket_count)
		index &= m->mask >> 1;
	return &m->buckets[index];
}

static void
append(struct map_link **head, struct map_link *link)
{
	struct map_link *first = *head;
	link->next = NULL;
	link->prev = first ? first->prev : link;
	if (first) {
		first->prev->next = link;
		first->prev = link;
	} else {
		*head = link;
	}
}

/* Adds a bucket, and gives it what belongs there. */
static void
split(struct map *m)
{
	size_t added = m->bucket_count++;
	if (added > m->mask)
		m->mask = m->mask * 2 + 1;
	struct map_link **from = &m->buckets[added & (m->mask >> 1)];
	struct map_link *link = *from;
	*from = m->buckets[added] = NULL;
	while (link) {
		struct map_link *next = link->next;
		append(bucket(m, link->hash), link);
		link = next;
	}
}

void
map_insert(struct map *m, struct map_link *link, uint64_t hash)
{
	if (m->count >= m->bucket_count && m->bucket_count < m->bucket_max)
		split(m);
	link->hash = hash;
	append(bucket(m, hash), link);
	m->count++;
}

void
map_remove(struct map *m, struct map_link *link)
{
	struct map_link **head = bucket(m, link->hash);
	CHECK(m->count > 0 && *head);
	if (*head == link)
		*head = link->next;
	else
		link->prev->next = link->next;
	if (link->next)
		link->next->prev = link->prev;
	else if (*head)
		(*head)->prev = link->prev;
	m->count--;
}

static struct map_link *
scan(struct map_link *from, uint64_t hash)
{
	while (from && from->hash != hash)
		from = from->next;
	return from;
}

struct map_link *
map_first(const struct map *m, uint64_t hash)
{
	return scan(*bucket(m, hash), hash);
}

struct map_link *
map_next(const struct map *m, const struct map_link *link)
{
	(void)m;
	return scan(link->next, link->hash);
}

struct map_link *
map_take_any(struct map *m)
{
	if (m->count == 0)
		return NULL;
	/* The last bucket, once empty, can go: what comes later finds its
	 * place in the one it was split from. */
	while (!m->buckets[m->bucket_count - 1]) {
		m->bucket_count--;
		if (m->bucket_count <= (m->mask + 1) / 2)
			m->mask /= 2;
	}
	struct map_link *link = m->buckets[m->bucket_count - 1];
	map_remove(m, link);
	return link;
}
