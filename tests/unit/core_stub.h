/* A few cores that hold only the replicated modules, and a network between
 * them: queues per direction, cut and healed at will.
 *
 * The members are a fixed list, everybody known to everybody; the stubs of
 * duty_mark* count.  What is under test (registry, specs, settings, wire) is
 * the real thing.
 */
#ifndef SKEP_TESTS_CORE_STUB_H
#define SKEP_TESTS_CORE_STUB_H

#include "core/core_private.h"
#include "core/wire.h"

#define NODES_MAX 5

/* A message on its way. */
struct parcel {
	struct parcel *next;
	uint16_t type;
	size_t size;
	unsigned char *body;
};

/* A stored record. */
struct record {
	struct record *next;
	enum core_table table;
	size_t key_size;
	size_t value_size;
	unsigned char *bytes; /* key, then value */
};

/* One host. */
struct stub_node {
	struct core *c;
	void *memory;
	bool is_up;
	uint64_t boot;
	struct record *records;
	uint64_t marks; /* duty_mark, _service, _all: calls */
	uint64_t notes;
	enum reply_code reply; /* the last one */
};

/* The world. */
struct world {
	unsigned count;
	struct core_limits limits;
	struct stub_node nodes[NODES_MAX];
	bool is_linked[NODES_MAX][NODES_MAX];
	struct parcel *queues[NODES_MAX][NODES_MAX]; /* from, to */
	mono now;
	int64_t wall_ms;
	struct prng prng;
	uint64_t sent; /* messages */
	size_t bytes;  /* of all messages */
	/* Called at the end of each step, if set. */
	void (*on_left)(struct world *w, unsigned i);
};

/* 'rows_max' per core. */
void world_init(
	struct world *w, unsigned count, uint32_t rows_max, uint64_t seed);
void world_fini(struct world *w);

/* Stops a host; starts it again from its store, with a new incarnation. */
void world_stop(struct world *w, unsigned i);
void world_start(struct world *w, unsigned i);

void world_link(struct world *w, unsigned i, unsigned j);
void world_cut(struct world *w, unsigned i, unsigned j);
void world_link_all(struct world *w);

/* Begins and ends a step of one core, for calls from a test. */
struct core *world_enter(struct world *w, unsigned i);
void world_leave(struct world *w, unsigned i);

/* Lets 10 ms pass: deliveries, ticks, heartbeats each 500 ms. */
void world_pass(struct world *w);
void world_pass_ms(struct world *w, int64_t ms);
/* Drops all that is on its way. */
void world_drain(struct world *w);

/* What core 'i' calls host 'j'. */
member_id world_id(const struct world *w, unsigned i, unsigned j);

#endif
