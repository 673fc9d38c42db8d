#include "base/slots.h"

#include <string.h>

#include "base/check.h"

void
slots_init(struct slots *s, void *items, uint32_t max, size_t size)
{
	CHECK(size >= sizeof(void *));
	s->items = items;
	s->size = size;
	s->max = max;
	s->mark = 0;
	s->given = NULL;
}

void *
slots_take(struct slots *s)
{
	void *slot = s->given;
	if (slot)
		memcpy(&s->given, slot, sizeof s->given);
	else if (s->mark < s->max)
		slot = s->items + s->size * s->mark++;
	return slot;
}

void
slots_give(struct slots *s, void *slot)
{
	CHECK(slots_index(s, slot) < s->mark);
	memcpy(slot, &s->given, sizeof s->given);
	s->given = slot;
}

void *
slots_get(const struct slots *s, uint32_t index)
{
	return index < s->mark ? s->items + s->size * index : NULL;
}

uint32_t
slots_index(const struct slots *s, const void *slot)
{
	const unsigned char *at = slot;
	CHECK(at >= s->items);
	size_t offset = (size_t)(at - s->items);
	CHECK(offset % s->size == 0 && offset / s->size < s->max);
	return (uint32_t)(offset / s->size);
}
