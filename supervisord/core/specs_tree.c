/* The trees of sums: four additions per change.  Most leaves are empty, so
 * their sums are not kept. */
#include "core/specs_private.h"

/* Index of the first node of each level. */
static const uint32_t level_start[TREE_DEPTH] = {0, 1, 17, 273};

uint32_t
specs_tree_leaf(uint64_t key_hash)
{
	return (uint32_t)(key_hash >> 48);
}

uint64_t
specs_leaf_key(enum realm realm, uint32_t leaf)
{
	return (uint64_t)realm * TREE_LEAVES + leaf;
}

static uint64_t
leaf_sum(const struct core *c, enum realm realm, uint32_t leaf)
{
	const struct map *map = &c->specs.by_leaf;
	uint64_t sum = 0;
	for (struct map_link *l = map_first(map, specs_leaf_key(realm, leaf));
		l;
		l = map_next(map, l))
		sum += container_of(l, struct entry, by_leaf)->sum;
	return sum;
}

uint64_t
specs_tree_sum(const struct core *c, enum realm realm, uint32_t depth,
	uint32_t index)
{
	CHECK(realm < REALM_COUNT && depth <= TREE_DEPTH);
	CHECK(index < 1u << 4 * depth);
	if (depth == TREE_DEPTH)
		return leaf_sum(c, realm, index);
	return c->specs.realms[realm].tree[level_start[depth] + index];
}

void
specs_tree_add(struct core *c, enum realm realm, uint32_t leaf, uint64_t sum)
{
	CHECK(realm < REALM_COUNT && leaf < TREE_LEAVES);
	uint64_t *tree = c->specs.realms[realm].tree;
	uint32_t index = leaf;
	for (uint32_t depth = TREE_DEPTH; depth-- > 0;) {
		index /= TREE_FAN;
		tree[level_start[depth] + index] += sum;
	}
}

uint64_t
specs_root(const struct core *c)
{
	return specs_tree_sum(c, REALM_STATE, 0, 0);
}

uint64_t
specs_kv_root(const struct core *c)
{
	return specs_tree_sum(c, REALM_KV, 0, 0);
}
