/* Names of processes by the hundred: what one step cannot do is done in the
 * next ones. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/core_private.h"
#include "tests/sim/world_view.h"

#define HOSTS	4
#define NAMES	600
#define EFFECTS 1024 /* of a step: not two for each name */

static struct world *w;

/* Registers the names on a host, no more at once than may be under way. */
static void
register_all(uint32_t host, const char *kind)
{
	char name[32];
	for (unsigned i = 0; i < NAMES; i++) {
		snprintf(name, sizeof name, "%s-%u", kind, i);
		world_register(w, host, name, 0);
		if (i % 50 == 0)
			world_run(w, 500);
	}
	world_run(w, 5000);
	ck_assert_uint_eq(w->hosts[host].core->tracked.count, NAMES);
}

static void
setup(void)
{
	static const char *const names[HOSTS] = {
		"alpha", "beta", "gamma", "delta"};
	struct world_options o = world_options_for(HOSTS, 512);
	o.limits.effects_max = EFFECTS;
	w = world_new_with(1, &o);
	for (unsigned i = 0; i < HOSTS; i++) {
		world_add(w, names[i], i ? "alpha:7400" : NULL);
		world_start(w, i);
	}
	ck_assert_int_ge(world_run_until(w, 60000, world_is_whole, NULL), 0);
	world_run(w, 12000);
}

static void
teardown(void)
{
	world_free(w);
}

static void
split(bool is_cut)
{
	for (uint32_t a = 0; a < 2; a++)
		for (uint32_t b = 2; b < HOSTS; b++)
			world_cut_both(w, a, b, is_cut);
}

/* Both sides of a cut have all of the names.  Gamma lets go of all of them
 * when it heals, alpha of none. */
START_TEST(all_are_lost)
{
	split(true);
	world_run(w, 60000);
	register_all(0, "x");
	register_all(2, "x");
	split(false);
	world_run(w, 60000);
	const struct core *loser = w->hosts[2].core;
	ck_assert_uint_eq(w->hosts[0].core->tracked.count, NAMES);
	ck_assert_uint_eq(loser->tracked.count, 0);
	ck_assert_uint_eq(loser->tracked.conflicts, NAMES);
	ck_assert(!loser->tracked.is_all_dirty);
	ck_assert_uint_eq(loser->tracked.dirty_count, 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("tracked");
	TCase *tc = tcase_create("tracked");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, all_are_lost);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
