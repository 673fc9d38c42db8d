/* What the core does per second: ranks, and rows through two cores. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/hash.h"
#include "core_stub.h"

#define ROUNDS	  5
#define HOSTS	  1000
#define NAMES	  20000 /* ranked among HOSTS */
#define ROWS	  50000
#define ROWS_STEP 500 /* put in one step */

static double
now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static void
print_row(const char *what, const char *unit, double values[ROUNDS])
{
	qsort(values, ROUNDS, sizeof *values, compare);
	printf("%-34s %-22s %3d %12.2f %12.2f .. %.2f %s\n", what, "skep",
		ROUNDS, values[ROUNDS / 2], values[0], values[ROUNDS - 1],
		unit);
}

/* Every name ranked among all hosts, as after a change of the topology that
 * nothing is remembered across. */
static double
rank_all(uint32_t hosts)
{
	static struct skep_place_node nodes[HOSTS];
	static uint64_t scratch[HOSTS];
	static uint32_t order[HOSTS];
	for (uint32_t i = 0; i < hosts; i++)
		nodes[i] = (struct skep_place_node){
			.name_hash = hash_bytes(&i, sizeof i, 1),
			.weight = 100,
		};
	double began = now_ms();
	for (uint32_t n = 0; n < NAMES; n++) {
		struct skep_place_item item = {
			.instance_hash = hash_bytes(&n, sizeof n, 2),
			.service_hash = hash_bytes(&n, sizeof n, 3),
			.ordinal = hosts,
		};
		CHECK(place_hrw.rank(&item, nodes, hosts, scratch, order,
			      HOSTS) == hosts);
	}
	return (now_ms() - began) * 1e6 / NAMES;
}

static void
put_some(struct world *w, uint32_t first)
{
	struct core *c = world_enter(w, 0);
	for (uint32_t i = first; i < first + ROWS_STEP; i++) {
		char name[INSTANCE_NAME_MAX + 1];
		struct row_value v = {
			.kind = ROW_INSTANCE,
			.state = ROW_READY,
			.epoch = i + 1,
			.pid = 7,
		};
		snprintf(name, sizeof name, "service@%u", i);
		CHECK(registry_put(c, name, &v, 0));
	}
	world_leave(w, 0);
}

/* Rows put on one core and applied by another; thousands per second. */
static double
replicate(uint64_t seed)
{
	static struct world w;
	world_init(&w, 2, 2 * ROWS, seed);
	world_link_all(&w);
	registry_set_ready(world_enter(&w, 0));
	world_leave(&w, 0);
	world_pass_ms(&w, 2000);
	const struct origin *replica =
		&w.nodes[1].c->registry.origins[world_id(&w, 1, 0)];
	double began = now_ms();
	for (uint32_t i = 0; i < ROWS; i += ROWS_STEP) {
		put_some(&w, i);
		world_pass(&w);
	}
	while (replica->row_count < ROWS)
		world_pass(&w);
	double ms = now_ms() - began;
	world_fini(&w);
	return ROWS / ms;
}

int
main(void)
{
	double few[ROUNDS], many[ROUNDS], rows[ROUNDS];
	for (int i = 0; i < ROUNDS; i++) {
		few[i] = rank_all(3);
		many[i] = rank_all(HOSTS);
		rows[i] = replicate((uint64_t)i + 1);
	}
	print_row("rank a name among 3 hosts", "ns", few);
	print_row("rank a name among 1000 hosts", "ns", many);
	print_row("rows to a second core", "thousand/s", rows);
	return 0;
}
