#include "base/arena.h"

#include <stdint.h>

#include "base/check.h"

#define ALIGNMENT 16u

void
arena_init(struct arena *a, void *base, size_t size)
{
	CHECK(((uintptr_t)base & (ALIGNMENT - 1)) == 0);
	a->base = base;
	a->size = size;
	a->used = 0;
}

size_t
arena_need(size_t count, size_t size)
{
	CHECK(size == 0 || count <= (SIZE_MAX - ALIGNMENT) / size);
	return (count * size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
}

void *
arena_take(struct arena *a, size_t count, size_t size)
{
	size_t need = arena_need(count, size);
	CHECK(need <= a->size - a->used);
	void *p = a->base + a->used;
	a->used += need;
	return p;
}
