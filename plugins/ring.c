/* The placement strategy 'ring': consistent hashing (Karger et al. 1997) in
 * libring's layout, 128 virtual nodes per host on a ring of 64-bit hashes; an
 * instance belongs to the hosts met clockwise from its own hash.
 *
 * libring's weight 1 is our weight 100, so a host has weight * 128 / 100
 * virtual nodes, at least 1.  The ring is never built: a host's rank is the
 * smallest clockwise distance from the instance to any of its virtual nodes,
 * which gives the same order and needs no memory.  Replicas take the ranks of
 * their service in turn.
 */
#include "skep/plugin.h"

#define VIRTUAL_NODES 128
#define WEIGHT_UNIT   100

/* A bijection that spreads bits: the finalizer of splitmix64. */
static uint64_t
spread(uint64_t x)
{
	x ^= x >> 30;
	x *= UINT64_C(0xbf58476d1ce4e5b9);
	x ^= x >> 27;
	x *= UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static uint64_t
distance_to(const struct skep_place_node *node, uint64_t from)
{
	uint64_t count = (uint64_t)node->weight * VIRTUAL_NODES / WEIGHT_UNIT;
	uint64_t least = UINT64_MAX;
	for (uint64_t i = 0; i < (count ? count : 1); i++) {
		uint64_t at = spread(node->name_hash +
				     UINT64_C(0x9e3779b97f4a7c15) * (i + 1));
		if (at - from < least)
			least = at - from;
	}
	return least;
}

static uint32_t
ring_rank(const struct skep_place_item *item,
	const struct skep_place_node *nodes, uint32_t node_count,
	uint64_t *scratch, uint32_t *order, uint32_t order_max)
{
	uint32_t turn = item->ordinal < node_count ? item->ordinal : 0;
	uint64_t from =
		spread(item->ordinal < node_count ? item->service_hash
						  : item->instance_hash);
	if (order_max < node_count)
		return 0;
	for (uint32_t i = 0; i < node_count; i++)
		scratch[i] = distance_to(&nodes[i], from);
	for (uint32_t i = 0; i < node_count; i++) {
		/* How many come before it; of two equal ones the first. */
		uint32_t rank = 0;
		for (uint32_t k = 0; k < node_count; k++)
			rank += scratch[k] < scratch[i] ||
				(scratch[k] == scratch[i] && k < i);
		order[(rank + node_count - turn) % node_count] = i;
	}
	return node_count;
}

static const struct skep_place_ops ring = {
	.struct_size = sizeof(struct skep_place_ops),
	.version = 1,
	.name = "ring",
	.rank = ring_rank,
};

extern const struct skep_plugin skep_plugin;
const struct skep_plugin skep_plugin = {
	.abi_major = SKEP_PLUGIN_ABI_MAJOR,
	.abi_minor = SKEP_PLUGIN_ABI_MINOR,
	.struct_size = sizeof(struct skep_plugin),
	.kind = SKEP_PLUGIN_PLACE,
	.name = "ring",
	.version = "1",
	.ops = &ring,
};
