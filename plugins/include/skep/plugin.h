/* The plugin ABI of skep.
 *
 * A plugin is a shared object in $(libdir)/skep that exports one symbol,
 * 'skep_plugin'.  The loader refuses, with a sentence: another major version,
 * a newer minor version, a struct of another size than that version's, a file
 * or folder that others than root may write to, a name that is taken.
 *
 * A placement strategy is a pure function: no memory, clock, I/O, globals or
 * floating point; its ranks depend on its arguments alone, because every host
 * of the cluster must come to the same result.  Name and version are compared
 * between hosts; change the version with every change of behaviour.
 *
 * This header needs only <stdint.h> and compiles as C and as C++.
 */
#ifndef SKEP_PLUGIN_H
#define SKEP_PLUGIN_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SKEP_PLUGIN_ABI_MAJOR 1
#define SKEP_PLUGIN_ABI_MINOR 0

enum skep_plugin_kind {
	SKEP_PLUGIN_PLACE = 1, /* ops is a struct skep_place_ops */
};

/* An eligible host, as a strategy sees it. */
struct skep_place_node {
	const char *name;   /* unique, NUL-terminated */
	uint64_t name_hash; /* XXH64 of the name, seed 0 */
	uint32_t weight;    /* capacity, at least 1 */
	uint32_t load;	    /* instances that it holds now */
};

/* What is to be placed. */
struct skep_place_item {
	const char *instance;	/* full instance name */
	const char *service;	/* the part before '@' */
	uint64_t instance_hash; /* XXH64 of 'instance', seed 0 */
	uint64_t service_hash;	/* XXH64 of 'service', seed 0 */
	uint32_t ordinal;	/* 0 for the first instance of its service */
	uint32_t replicas;	/* instances of that service */
};

/* A placement strategy. */
struct skep_place_ops {
	uint32_t struct_size; /* sizeof(struct skep_place_ops) */
	uint32_t version;     /* of the behaviour */
	const char *name;     /* at most 31 characters, [a-z0-9-] */
	/* Writes into 'order' the indexes of 'nodes' (sorted by name), best
	 * first, at most 'order_max' of them; returns how many.  Those that
	 * cannot have the instance (refused, full, not its pin) are passed over
	 * afterwards: a host that is not in 'order' never gets it.  'scratch'
	 * has room for 'node_count' numbers of 64 bits. */
	uint32_t (*rank)(const struct skep_place_item *item,
		const struct skep_place_node *nodes, uint32_t node_count,
		uint64_t *scratch, uint32_t *order, uint32_t order_max);
};

/* What a plugin exports. */
struct skep_plugin {
	uint32_t abi_major;   /* SKEP_PLUGIN_ABI_MAJOR */
	uint32_t abi_minor;   /* SKEP_PLUGIN_ABI_MINOR */
	uint32_t struct_size; /* sizeof(struct skep_plugin) */
	uint32_t kind;	      /* enum skep_plugin_kind */
	const char *name;     /* of the plugin */
	const char *version;  /* for people */
	const void *ops;      /* by kind */
};

#ifdef __cplusplus
}
#endif

#endif
