#include "base/buddy.h"

#include <string.h>

#include "base/check.h"

#define ALIGNMENT 16u

/* What begins at a unit of 64 bytes: nothing, or a block of some order. */
#define TAG_NONE  0x80u
#define TAG_TAKEN 0x40u

static size_t
round_up(size_t n, size_t to)
{
	return (n + to - 1) / to * to;
}

static size_t
tag_count(size_t capacity)
{
	return capacity / BUDDY_BLOCK_MIN;
}

size_t
buddy_need(size_t capacity)
{
	size_t whole = round_up(capacity, BUDDY_BLOCK_MAX);
	return round_up(sizeof(struct buddy), ALIGNMENT) + whole +
	       round_up(tag_count(whole), ALIGNMENT);
}

static size_t
order_size(unsigned order)
{
	return (size_t)BUDDY_BLOCK_MIN << order;
}

static uint8_t *
tag_of(const struct buddy *b, const void *block)
{
	size_t offset = (size_t)((const unsigned char *)block - b->base);
	return &b->tags[offset / BUDDY_BLOCK_MIN];
}

/* Puts a block on its free list. */
static void
set_free(struct buddy *b, void *block, unsigned order)
{
	*tag_of(b, block) = (uint8_t)order;
	list_append(&b->free[order], block);
}

struct buddy *
buddy_init(void *memory, size_t capacity)
{
	CHECK(((uintptr_t)memory & (ALIGNMENT - 1)) == 0);
	struct buddy *b = memory;
	unsigned char *at = memory;
	b->capacity = round_up(capacity, BUDDY_BLOCK_MAX);
	b->used = 0;
	b->base = at + round_up(sizeof *b, ALIGNMENT);
	b->tags = b->base + b->capacity;
	b->fresh = 0;
	for (unsigned i = 0; i < BUDDY_ORDERS; i++)
		list_init(&b->free[i]);
	return b;
}

/* Frees the next of the largest blocks, of those never used; false when there
 * is none left. */
static bool
grow(struct buddy *b)
{
	if (b->fresh == b->capacity)
		return false;
	unsigned char *block = b->base + b->fresh;
	memset(tag_of(b, block), TAG_NONE, tag_count(BUDDY_BLOCK_MAX));
	set_free(b, block, BUDDY_ORDERS - 1);
	b->fresh += BUDDY_BLOCK_MAX;
	return true;
}

void *
buddy_take(struct buddy *b, size_t size)
{
	unsigned wanted = 0;
	while (wanted < BUDDY_ORDERS && order_size(wanted) < size)
		wanted++;
	if (wanted == BUDDY_ORDERS)
		return NULL;
	unsigned order = wanted;
	while (order < BUDDY_ORDERS && list_is_empty(&b->free[order]))
		order++;
	if (order == BUDDY_ORDERS) {
		if (!grow(b))
			return NULL;
		order = BUDDY_ORDERS - 1;
	}

	unsigned char *block = (unsigned char *)b->free[order].next;
	CHECK(*tag_of(b, block) == order);
	list_remove((struct list *)block);
	while (order > wanted) {
		order--;
		set_free(b, block + order_size(order), order);
	}
	*tag_of(b, block) = (uint8_t)(wanted | TAG_TAKEN);
	b->used += order_size(wanted);
	return block;
}

/* The other half of the block twice as large. */
static unsigned char *
buddy_of(const struct buddy *b, const unsigned char *block, unsigned order)
{
	return b->base + ((size_t)(block - b->base) ^ order_size(order));
}

void
buddy_give(struct buddy *b, void *given)
{
	if (!given)
		return;
	unsigned char *block = given;
	CHECK(block >= b->base && block < b->base + b->fresh);
	uint8_t *tag = tag_of(b, block);
	CHECK(!(*tag & TAG_NONE) && (*tag & TAG_TAKEN));
	unsigned order = *tag & ~TAG_TAKEN;
	CHECK(b->used >= order_size(order));
	b->used -= order_size(order);
	*tag = TAG_NONE;
	while (order < BUDDY_ORDERS - 1) {
		unsigned char *other = buddy_of(b, block, order);
		if (*tag_of(b, other) != order)
			break;
		list_remove((struct list *)other);
		*tag_of(b, other) = TAG_NONE;
		block = other < block ? other : block;
		order++;
	}
	set_free(b, block, order);
}
