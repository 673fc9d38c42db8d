/* Names that changed in a step (core/changes.h): who follows them holds what
 * the registry shows. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core_stub.h"

#define NODES 3
#define NAMES 12
#define SEEDS 40
#define STEPS 150

/* What a follower of each host holds: epochs, of each origin; 0: no row. */
static uint64_t held[NODES][NAMES][NODES];
static unsigned named, all; /* steps of each kind */

static void
name_of(char *out, unsigned i)
{
	snprintf(out, INSTANCE_NAME_MAX, "svc@%u", i);
}

static uint64_t
shown(const struct world *w, unsigned at, unsigned name, unsigned origin)
{
	char text[INSTANCE_NAME_MAX];
	name_of(text, name);
	const struct row *row = registry_find(
		w->nodes[at].c, ROW_INSTANCE, text, world_id(w, at, origin));
	return row ? row->value.epoch : 0;
}

static void
copy(struct world *w, unsigned at, unsigned name)
{
	for (unsigned origin = 0; origin < NODES; origin++)
		held[at][name][origin] = shown(w, at, name, origin);
}

static void
follow(struct world *w, unsigned at)
{
	const struct changes *l = &w->nodes[at].c->changes;
	ck_assert(l->count <= w->limits.changes_max);
	named += l->count > 0 && !l->is_all;
	all += l->is_all;
	for (uint32_t i = 0; !l->is_all && i < l->count; i++)
		copy(w, at,
			(unsigned)strtoul(
				strchr(l->names[i]->text, '@') + 1, NULL, 10));
	for (unsigned i = 0; l->is_all && i < NAMES; i++)
		copy(w, at, i);
}

static void
expect_same(const struct world *w)
{
	for (unsigned at = 0; at < NODES; at++)
		for (unsigned i = 0; i < NAMES; i++)
			for (unsigned o = 0; o < NODES; o++)
				if (held[at][i][o] != shown(w, at, i, o))
					ck_abort_msg("host %u, svc@%u of %u",
						at, i, o);
}

static void
act(struct world *w, struct prng *random, uint64_t epoch)
{
	char name[INSTANCE_NAME_MAX];
	unsigned at = (unsigned)prng_below(random, NODES);
	unsigned other = (at + 1) % NODES;
	name_of(name, (unsigned)prng_below(random, NAMES));
	switch (prng_below(random, 8)) {
	case 0:
		world_cut(w, at, other);
		return;
	case 1:
		world_link(w, at, other);
		return;
	case 2:
	case 3:
		registry_delete(world_enter(w, at), ROW_INSTANCE, name);
		break;
	default:
		ck_assert(registry_put(world_enter(w, at), name,
			&(struct row_value){.kind = ROW_INSTANCE,
				.state = ROW_READY,
				.epoch = epoch},
			0));
	}
	world_leave(w, at);
}

START_TEST(a_follower_holds_what_is_shown)
{
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct world w;
		struct prng random;
		prng_init(&random, seed);
		memset(held, 0, sizeof held);
		world_init(&w, NODES, 512, seed);
		w.on_left = follow;
		for (unsigned i = 0; i < NODES; i++) {
			registry_set_ready(world_enter(&w, i));
			world_leave(&w, i);
		}
		world_link_all(&w);
		for (uint64_t step = 1; step <= STEPS; step++) {
			act(&w, &random, step);
			world_pass_ms(&w, (int64_t)prng_below(&random, 300));
			expect_same(&w);
		}
		world_fini(&w);
	}
	ck_assert_uint_gt(named, 1000);
	ck_assert_uint_gt(all, 10);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("changes");
	TCase *t = tcase_create("all");
	tcase_add_test(t, a_follower_holds_what_is_shown);
	suite_add_tcase(s, t);
	SRunner *runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
