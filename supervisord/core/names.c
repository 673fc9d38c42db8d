#include "core/names.h"

#include <string.h>

#include "base/buddy.h"
#include "base/hash.h"
#include "core/core_private.h"

/* A block that the longest name fits in; smaller ones are its parts, so that
 * where a name is missing one of these is free. */
#define BLOCK_MAX 512

/* The most names that can be in use: of rows, of instances, their services and
 * their former owners, of claims and grants, and those that have just changed.
 */
static size_t
uses_max(const struct core_limits *l)
{
	return (size_t)l->rows_max + (size_t)l->instances_max * 3 +
	       claim_uses_max(l) + l->changes_max;
}

size_t
names_need(const struct core_limits *l)
{
	size_t buckets = map_bucket_count(uses_max(l));
	return arena_need(buckets, sizeof(struct map_link *)) +
	       arena_need(buddy_need(uses_max(l) * BLOCK_MAX), 1);
}

void
names_init(struct core *c)
{
	_Static_assert(sizeof(struct name) + ROW_NAME_MAX + 1 <= BLOCK_MAX,
		"the longest name has no block");
	struct names *n = &c->names;
	size_t uses = uses_max(&c->limits);
	size_t buckets = map_bucket_count(uses);
	map_init(&n->by_text,
		arena_take(&c->arena, buckets, sizeof(struct map_link *)),
		buckets);
	n->blocks = buddy_init(
		arena_take(&c->arena, buddy_need(uses * BLOCK_MAX), 1),
		uses * BLOCK_MAX);
}

static struct name *
find(const struct map *map, const char *text, uint64_t hash)
{
	struct map_link *l = map_first(map, hash);
	for (; l; l = map_next(map, l)) {
		struct name *n = container_of(l, struct name, by_text);
		if (strcmp(n->text, text) == 0)
			return n;
	}
	return NULL;
}

struct name *
names_find(const struct core *c, const char *text)
{
	return find(&c->names.by_text, text, hash_text(text, NAME_SEED));
}

struct name *
names_take(struct core *c, const char *text)
{
	struct names *t = &c->names;
	uint64_t hash = hash_text(text, NAME_SEED);
	struct name *n = find(&t->by_text, text, hash);
	if (!n) {
		size_t length = strlen(text);
		CHECK(length <= ROW_NAME_MAX);
		n = buddy_take(
			t->blocks, offsetof(struct name, text) + length + 1);
		CHECK(n);
		n->rows = NULL;
		n->instance = NULL;
		n->uses = 0;
		n->is_changed = false;
		memcpy(n->text, text, length + 1);
		map_insert(&t->by_text, &n->by_text, hash);
	}
	n->uses++;
	return n;
}

void
names_give(struct core *c, struct name *name)
{
	CHECK(name->uses > 0);
	if (--name->uses)
		return;
	CHECK(!name->rows && !name->instance);
	map_remove(&c->names.by_text, &name->by_text);
	buddy_give(c->names.blocks, name);
}

void
names_check(const struct core *c)
{
	const struct map *map = &c->names.by_text;
	size_t count = 0;
	for (size_t i = 0; i < map->bucket_count; i++)
		for (struct map_link *l = map->buckets[i]; l; l = l->next) {
			const struct name *n =
				container_of(l, struct name, by_text);
			CHECK(n->uses > 0);
			CHECK(n->by_text.hash == hash_text(n->text, NAME_SEED));
			CHECK(!n->rows || n->rows->name == n->text);
			CHECK(!n->instance || n->instance->name == n->text);
			count++;
		}
	CHECK(count == map->count);
}
