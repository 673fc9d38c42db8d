/* The pure core: every decision of the cluster, and no I/O.
 *
 * A core is one host's mind.  'core_step' takes one thing that happened and
 * says what to do; 'core_deadline' says when to call again though nothing
 * happens.  The same object code runs in skep-node, in the simulator (many
 * cores in one process), in 'skepctl plan' and in 'skepctl replay'.
 *
 * Time: told with every input.  Randomness: one generator inside, seeded by
 * the host.  Memory: one block given at birth; nothing is allocated later,
 * every table has a bound and full is a result.  Errors: what outside bytes
 * can cause is a counter or a REPLY; CHECK is for bugs.
 *
 * Threads: none.  A core belongs to one thread; two cores share nothing.
 */
#ifndef SKEP_CORE_CORE_H
#define SKEP_CORE_CORE_H

#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/mono.h"
#include "core/effect.h"
#include "core/input.h"

struct core;

/* How much a core can hold; decides the memory that it takes. */
struct core_limits {
	uint32_t members_max;	/* hosts, this one included */
	uint32_t instances_max; /* instance names known at once */
	uint32_t rows_max;	/* rows of all origins, tombstones included */
	uint32_t entries_max;	/* entries of the desired state */
	uint64_t bodies_size;	/* bytes for the values of entries */
	uint32_t effects_max;	/* effects of one step */
	uint64_t effects_size;	/* payload bytes of one step, >= FRAME_MAX */
	uint32_t changes_max;	/* names noted as changed in one step */
};

/* Sensible limits for a host with 'names_max' names. */
struct core_limits core_limits_for(uint32_t names_max);

/* A label or pool of this host. */
struct core_label {
	char key[LABEL_MAX + 1];
	char value[LABEL_MAX + 1];
};

#define JOIN_MAX 64

/* Who this host is.  Everything is copied. */
struct core_config {
	char node[NODE_NAME_MAX + 1];	      /* name, the identity */
	uint64_t node_id;		      /* random, for ever */
	uint64_t boot;			      /* rises with each host boot */
	uint64_t nonce;			      /* random, of this start */
	char cluster[CLUSTER_NAME_MAX + 1];   /* cluster's name */
	char address[ADDRESS_MAX + 1];	      /* where others dial us */
	char join[JOIN_MAX][ADDRESS_MAX + 1]; /* addresses from skep.conf */
	uint32_t join_count;
	uint32_t weight; /* capacity; 0: takes nothing */
	struct core_label labels[LABELS_MAX];
	uint32_t label_count;
	uint64_t seed;	   /* of the generator inside */
	char version[32];  /* shown to others */
	/* Seeds of the cluster settings, as text, from [defaults]; used only
	 * when this host founds a cluster.  NULL-terminated pairs. */
	const char *const *settings; /* key, value, key, value, NULL */
};

/* Bytes that a core with these limits takes. */
size_t core_size(const struct core_limits *limits);

/* Makes a core in 'memory' (borrowed for its life, 16-byte aligned, at least
 * core_size() bytes, zeroed).  Returns it; it lies inside 'memory'.  Of large
 * tables only the part in use is ever touched, so fresh pages of the kernel
 * cost as much as the core holds, not as much as it could hold. */
struct core *core_new(void *memory, size_t size,
	const struct core_limits *limits, const struct core_config *config);

/* Takes one input; fills 'out' with what to do. 'out' and its payloads are
 * the core's until the next step. */
void core_step(struct core *c, const struct input *in, struct effects *out);

/* When to step with INPUT_TICK though nothing else happened. */
mono core_deadline(const struct core *c);

/* Verifies the invariants over all modules; panics where one is broken.
 * O(everything): the simulator calls it at the ends of phases. */
void core_check(const struct core *c);

#endif
