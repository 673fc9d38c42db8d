/* The tree of sums: five additions per change. */
#include "core/specs_private.h"

/* Index of the first node of each level. */
static const uint32_t level_start[TREE_DEPTH + 1] = {0, 1, 17, 273, 4369};

uint32_t
specs_tree_leaf(uint64_t key_hash)
{
	return (uint32_t)(key_hash >> 48);
}

uint64_t
specs_tree_sum(const struct core *c, uint32_t depth, uint32_t index)
{
	CHECK(depth <= TREE_DEPTH);
	CHECK(index < 1u << 4 * depth);
	return c->specs.tree[level_start[depth] + index];
}

void
specs_tree_add(struct core *c, uint32_t leaf, uint64_t sum)
{
	CHECK(leaf < TREE_LEAVES);
	uint32_t index = leaf;
	for (uint32_t depth = TREE_DEPTH + 1; depth-- > 0;) {
		c->specs.tree[level_start[depth] + index] += sum;
		index /= TREE_FAN;
	}
}

uint64_t
specs_root(const struct core *c)
{
	return specs_tree_sum(c, 0, 0);
}
