/* Names of processes by the hundred: what one step cannot do is done in the
 * next ones. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/core_private.h"
#include "core/tracked_place.h"
#include "core/view.h"
#include "tests/sim/world_view.h"

#define HOSTS	4
#define NAMES	600
#define EFFECTS 1024 /* of a step: not two for each name */

static struct world *w;
static unsigned told;	/* registered, one by one */
static unsigned missed; /* that events said are not told */
static unsigned freed;	/* the same, of a host that is gone */

/* Puts a name of that host into a group. */
static void
join(uint32_t host, const char *name)
{
	world_request_with(w, host, REQUEST_GROUP_JOIN, name, "all", 0);
}

/* Registers the names on a host, no more at once than may be under way.  Some
 * are in a group, by a row next to their own. */
static void
register_all(uint32_t host, const char *kind)
{
	char name[32];
	for (unsigned i = 0; i < NAMES; i++) {
		snprintf(name, sizeof name, "%s-%u", kind, i);
		world_register(w, host, name, 0);
		if (i % 50 != 0)
			continue;
		world_run(w, 500);
		join(host, name);
	}
	world_run(w, 5000);
	ck_assert_uint_eq(w->hosts[host].core->tracked.count, NAMES);
}

static void
on_note(struct world *world, uint32_t host, const struct effect_note *n,
	void *context)
{
	(void)world;
	(void)context;
	told += n->kind == NOTE_REGISTERED;
	if (n->kind != NOTE_MISSED)
		return;
	unsigned count = (unsigned)strtoul(n->text, NULL, 10);
	if (strstr(n->text, "are free") && host != 0 &&
		strcmp(n->name, "alpha") == 0)
		freed += count;
	else
		missed += count;
}

static void
setup(void)
{
	told = missed = freed = 0;
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
	w->on_note = on_note;
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

/* Each name is told of, or counted; those of a host that is gone by each of
 * the others. */
START_TEST(the_rest_is_counted)
{
	register_all(0, "x");
	ck_assert_uint_gt(missed, 0);
	ck_assert_uint_eq(told + missed, NAMES);
	missed = 0;
	world_power_off(w, 0);
	world_run(w, 60000);
	ck_assert_uint_eq(freed, (HOSTS - 1) * NAMES);
	ck_assert_uint_eq(missed, 0);
}
END_TEST

/* What services carry in its place is not for people. */
START_TEST(meta_is_of_processes)
{
	struct core *c = w->hosts[0].core;
	struct name_view v;
	struct row_value row = {.kind = ROW_TRACKED,
		.state = ROW_READY,
		.epoch = 1,
		.pid = 7,
		.meta = {"{}", 2}};
	ck_assert(registry_put(c, "lamp", &row, 0));
	row.kind = ROW_INSTANCE;
	ck_assert(registry_put(c, "db", &row, 0));
	ck_assert(view_name(c, "lamp", &v));
	ck_assert_uint_eq(v.meta.size, 2);
	ck_assert(view_name(c, "db", &v));
	ck_assert_uint_eq(v.epoch, 1);
	ck_assert_uint_eq(v.meta.size, 0);
}
END_TEST

static const struct {
	const char *text;
	const char *node, *state;
	uint32_t pid;
	bool is_place;
} places[] = {
	{"it is registered on alpha", "alpha", "", 0, true},
	{"it is registered on alpha, process 12", "alpha", "", 12, true},
	{"it is registered on a.b, process 4294967295, ready", "a.b", "ready",
		UINT32_MAX, true},
	{"it is registered on alpha, backoff", "alpha", "backoff", 0, true},
	{"it is the name of a declared service", "", "", 0, true},
	{"it is the name of a declared service, stopped", "", "stopped", 0,
		true},
	{"", "", "", 0, false},
	{"it is registered on ", "", "", 0, false},
	{"it is registered on alpha, process x", "", "", 0, false},
	{"it is registered on alpha, process 4294967296", "", "", 0, false},
	{"it is registered on alpha, far too long a word", "", "", 0, false},
	{"it is registered on alpha, a-word-of-16-byt", "", "", 0, false},
	{"nobody has that name", "", "", 0, false},
};

START_TEST(a_place_is_read)
{
	struct tracked_place p;
	ck_assert(
		tracked_place_read(places[_i].text, &p) == places[_i].is_place);
	ck_assert_str_eq(p.node, places[_i].node);
	ck_assert_str_eq(p.state, places[_i].state);
	ck_assert_uint_eq(p.pid, places[_i].pid);
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
	tcase_add_test(tc, the_rest_is_counted);
	tcase_add_test(tc, meta_is_of_processes);
	suite_add_tcase(suite, tc);
	tc = tcase_create("place");
	tcase_add_loop_test(
		tc, a_place_is_read, 0, sizeof places / sizeof *places);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
