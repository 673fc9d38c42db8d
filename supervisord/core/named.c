#include "core/named.h"

#include <string.h>

#include "base/hash.h"
#include "core/core_private.h"

static uint32_t
table_max(const struct core_limits *l, uint32_t max)
{
	return l->instances_max < max ? l->instances_max : max;
}

size_t
named_need(const struct core_limits *l, uint32_t max, size_t size)
{
	max = table_max(l, max);
	return arena_need(max, size) +
	       arena_need(map_bucket_count(max), sizeof(struct map_link *));
}

void
named_init(struct core *c, struct named_table *t, uint32_t max, size_t size)
{
	CHECK(size >= sizeof(struct named));
	max = table_max(&c->limits, max);
	size_t buckets = map_bucket_count(max);
	slots_init(&t->slots, arena_take(&c->arena, max, size), max, size);
	map_init(&t->by_name,
		arena_take(&c->arena, buckets, sizeof(struct map_link *)),
		buckets);
	list_init(&t->all);
}

void *
named_find(const struct named_table *t, const char *name)
{
	struct map_link *l = map_first(&t->by_name, hash_text(name, 0));
	for (; l; l = map_next(&t->by_name, l)) {
		struct named *thing = container_of(l, struct named, by_name);
		if (strcmp(thing->name, name) == 0)
			return thing;
	}
	return NULL;
}

void *
named_make(struct named_table *t, const char *name)
{
	CHECK(!named_find(t, name));
	CHECK(strlen(name) <= INSTANCE_NAME_MAX);
	struct named *thing = slots_take(&t->slots);
	if (!thing)
		return NULL;
	memset(thing, 0, t->slots.size);
	strcpy(thing->name, name);
	list_append(&t->all, &thing->in_all);
	map_insert(&t->by_name, &thing->by_name, hash_text(name, 0));
	return thing;
}

void
named_free(struct named_table *t, struct named *thing)
{
	list_remove(&thing->in_all);
	map_remove(&t->by_name, &thing->by_name);
	slots_give(&t->slots, thing);
}
