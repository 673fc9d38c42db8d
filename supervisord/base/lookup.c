#include "base/lookup.h"

#include "base/check.h"

#define SLOTS_MIN 8

size_t
lookup_slot_count(size_t items_max)
{
	size_t count = SLOTS_MIN;
	while (count < 2 * items_max)
		count *= 2;
	return count;
}

void
lookup_init(struct lookup *t, struct lookup_slot *slots, size_t count)
{
	CHECK(count >= SLOTS_MIN && (count & (count - 1)) == 0);
	t->slots = slots;
	t->mask = (uint32_t)(count - 1);
	t->count = 0;
}

/* Keys are mostly numbers in a row: multiplied by the golden ratio they lie
 * far apart (Knuth, section 6.4). */
static uint32_t
home(const struct lookup *t, uint32_t key)
{
	uint64_t product = key * UINT64_C(0x9e3779b97f4a7c15);
	return (uint32_t)(product >> 32) & t->mask;
}

/* Where a key stands, or the free slot at the end of its search. */
static uint32_t
find(const struct lookup *t, uint32_t key)
{
	uint32_t at = home(t, key);
	while (t->slots[at].key && t->slots[at].key != key)
		at = (at + 1) & t->mask;
	return at;
}

void
lookup_put(struct lookup *t, uint32_t key, uint32_t value)
{
	CHECK(key && t->count <= t->mask / 2);
	struct lookup_slot *s = &t->slots[find(t, key)];
	CHECK(s->key == 0);
	*s = (struct lookup_slot){key, value};
	t->count++;
}

void
lookup_remove(struct lookup *t, uint32_t key)
{
	uint32_t hole = find(t, key), at = hole;
	CHECK(key && t->slots[hole].key == key);
	for (;;) {
		at = (at + 1) & t->mask;
		if (!t->slots[at].key)
			break;
		uint32_t way = (at - home(t, t->slots[at].key)) & t->mask;
		if (way < ((at - hole) & t->mask))
			continue; /* it would stand before its home */
		t->slots[hole] = t->slots[at];
		hole = at;
	}
	t->slots[hole] = (struct lookup_slot){0, 0};
	t->count--;
}

uint32_t
lookup_get(const struct lookup *t, uint32_t key)
{
	const struct lookup_slot *s = &t->slots[find(t, key)];
	return key && s->key ? s->value : LOOKUP_NONE;
}

const struct lookup_slot *
lookup_home(const struct lookup *t, uint32_t key)
{
	return &t->slots[home(t, key)];
}
