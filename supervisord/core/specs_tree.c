/* The tree of sums: four additions per change.  Most leaves are empty, so
 * their sums are not kept. */
#include "core/specs_private.h"

/* Index of the first node of each level. */
static const uint32_t level_start[TREE_DEPTH] = {0, 1, 17, 273};

uint32_t
specs_tree_leaf(uint64_t key_hash)
{
	return (uint32_t)(key_hash >> 48);
}

static uint64_t
leaf_sum(const struct core *c, uint32_t leaf)
{
	const struct map *map = &c->specs.by_leaf;
	uint64_t sum = 0;
	for (struct map_link *l = map_first(map, leaf); l;
		l = map_next(map, l))
		sum += container_of(l, struct entry, by_leaf)->sum;
	return sum;
}

uint64_t
specs_tree_sum(const struct core *c, uint32_t depth, uint32_t index)
{
	CHECK(depth <= TREE_DEPTH);
	CHECK(index < 1u << 4 * depth);
	if (depth == TREE_DEPTH)
		return leaf_sum(c, index);
	return c->specs.tree[level_start[depth] + index];
}

void
specs_tree_add(struct core *c, uint32_t leaf, uint64_t sum)
{
	CHECK(leaf < TREE_LEAVES);
	uint32_t index = leaf;
	for (uint32_t depth = TREE_DEPTH; depth-- > 0;) {
		index /= TREE_FAN;
		c->specs.tree[level_start[depth] + index] += sum;
	}
}

uint64_t
specs_root(const struct core *c)
{
	return specs_tree_sum(c, 0, 0);
}
