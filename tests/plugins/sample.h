/* What the sample plugins of the loader's test share. */
#ifndef TESTS_PLUGINS_SAMPLE_H
#define TESTS_PLUGINS_SAMPLE_H

#include "skep/plugin.h"

extern const struct skep_plugin skep_plugin;

/* Ranks the hosts in the order in which they are given. */
static inline uint32_t
sample_rank(const struct skep_place_item *item,
	const struct skep_place_node *nodes, uint32_t node_count,
	uint64_t *scratch, uint32_t *order, uint32_t order_max)
{
	(void)item;
	(void)nodes;
	(void)scratch;
	uint32_t count = node_count < order_max ? node_count : order_max;
	for (uint32_t i = 0; i < count; i++)
		order[i] = i;
	return count;
}

/* Defines a plugin: its name, and what may be wrong with it. */
#define SAMPLE(sample_name, major, minor, size, ops_size, rank_fn)             \
	static const struct skep_place_ops sample_ops = {                      \
		.struct_size = (ops_size),                                     \
		.version = 1,                                                  \
		.name = (sample_name),                                         \
		.rank = (rank_fn),                                             \
	};                                                                     \
	const struct skep_plugin skep_plugin = {                               \
		.abi_major = (major),                                          \
		.abi_minor = (minor),                                          \
		.struct_size = (size),                                         \
		.kind = SKEP_PLUGIN_PLACE,                                     \
		.name = (sample_name),                                         \
		.version = "1.0",                                              \
		.ops = &sample_ops,                                            \
	}

#endif
