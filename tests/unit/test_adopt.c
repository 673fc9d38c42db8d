/* A copy that won goes on from the state of one that lost: whose it may be, and
 * what becomes of it when the other host fails in the midst of it.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core/conflict_private.h"
#include "tests/dialogue/script.h"
#include "tests/sim/world_view.h"

static struct script script;
static FILE *out;

static void
run(const char *commands)
{
	char *text = strdup(commands);
	ck_assert_ptr_nonnull(text);
	script_run(&script, text);
	free(text);
}

static struct host *
host_of(const char *node)
{
	return &script.w->hosts[world_find(script.w, node)];
}

static struct conflict *
conflict_on(const char *node)
{
	return conflict_of(host_of(node)->core, "db");
}

static struct instance *
instance_on(const char *node)
{
	return instance_find(host_of(node)->core, "db");
}

static uint64_t
birth_on_alpha(void)
{
	const struct process *p =
		world_process(script.w, world_find(script.w, "alpha"), "db");
	ck_assert_ptr_nonnull(p);
	return p->state.birth;
}

/* Four hosts; "db" ran on delta, and began on alpha with nothing while they
 * were apart. */
static void
setup(void)
{
	out = fopen("/dev/null", "w");
	ck_assert_ptr_nonnull(out);
	script_init(&script, out);
	run("> hosts 4\n"
	    "> apply db handoff reset=10s\n"
	    "> settle\n"
	    "> cut alpha gamma delta\n"
	    "> cut beta gamma delta\n"
	    "> run 20s\n");
}

static void
teardown(void)
{
	script_fini(&script);
	fclose(out);
}

/* How many starts the state of the copy on alpha has seen: 2 if it is that of
 * delta's. */
static uint64_t
lives_on_alpha(void)
{
	const struct process *p =
		world_process(script.w, world_find(script.w, "alpha"), "db");
	ck_assert_ptr_nonnull(p);
	return p->state.lives;
}

static uint32_t
kept_on(const char *node)
{
	const struct conflict *k = conflict_on(node);
	return k ? k->word.count : 0;
}

START_TEST(it_goes_on_from_the_other)
{
	run("> heal\n> settle 120s\n");
	ck_assert_uint_eq(lives_on_alpha(), 2);
	ck_assert_uint_eq(instance_on("alpha")->fresh, 0);
	ck_assert_uint_eq(instance_on("alpha")->restarts, 1);
	/* Its own is kept, and nobody's to go on from. */
	ck_assert_uint_eq(kept_on("alpha"), 1);
	const struct lost *own = &conflict_on("alpha")->word.kept[0];
	ck_assert(!own->was_live);
	ck_assert_uint_eq(own->epoch, own->winner);
	/* Both have the other one until the new start has served. */
	ck_assert_uint_eq(kept_on("delta"), 1);
	ck_assert_uint_eq(conflict_on("delta")->word.kept[0].given, own->epoch);
	ck_assert_uint_eq(host_of("alpha")->state_count, 2);
	run("> run 11s\n");
	ck_assert_uint_eq(kept_on("delta"), 0);
	ck_assert_uint_eq(host_of("delta")->state_count, 0);
	ck_assert_uint_eq(host_of("alpha")->state_count, 1);
}
END_TEST

/* Meets, with alpha's line of starts begun under 'fresh', of which it knows. */
static void
meet(uint64_t fresh)
{
	run("> crash alpha\n> power-on alpha\n> run 5s\n"
	    "> heal\n> settle 120s\n");
	ck_assert_uint_eq(kept_on("delta"), 1);
	instance_on("alpha")->fresh = fresh;
	duty_mark(host_of("alpha")->core, "db");
	run("> run 20s\n> settle 120s\n");
}

static uint64_t
epoch_on(const char *node)
{
	return instance_on(node)->epoch;
}

START_TEST(it_began_with_the_winner)
{
	meet(epoch_on("alpha"));
	ck_assert_uint_eq(lives_on_alpha(), 2);
}
END_TEST

START_TEST(it_began_right_after_the_loser)
{
	meet(epoch_on("delta") + 1);
	ck_assert_uint_eq(lives_on_alpha(), 2);
}
END_TEST

START_TEST(it_began_with_the_loser)
{
	meet(epoch_on("delta"));
	ck_assert_uint_eq(lives_on_alpha(), 1);
	ck_assert_uint_eq(kept_on("delta"), 1);
}
END_TEST

/* Another copy had won then, which may have gone on from it. */
START_TEST(it_began_after_the_winner)
{
	meet(epoch_on("alpha") + 1);
	ck_assert_uint_eq(lives_on_alpha(), 1);
	ck_assert_uint_eq(kept_on("delta"), 1);
}
END_TEST

START_TEST(it_began_with_a_state)
{
	meet(0);
	ck_assert_uint_eq(lives_on_alpha(), 1);
	ck_assert_uint_eq(kept_on("delta"), 1);
}
END_TEST

/* Its disk is full, or so: it is asked for again, less and less often. */
START_TEST(it_comes_later)
{
	run("> behave db:alpha fetch-fails\n> heal\n> run 60s\n");
	const struct conflict *k = conflict_on("alpha");
	ck_assert_ptr_nonnull(k);
	ck_assert_int_eq(k->phase, ADOPT_FAILED);
	ck_assert_uint_ge(k->failures, 3);
	ck_assert_uint_le(k->failures, 4);
	ck_assert_uint_eq(host_of("alpha")->state_count, 0);
	ck_assert_uint_eq(lives_on_alpha(), 1);
	run("> behave db:alpha\n> run 90s\n> settle 120s\n");
	ck_assert_uint_eq(lives_on_alpha(), 2);
}
END_TEST

/* Delta lists it and hears no claim, as a host of an older version. */
static void
meet_a_deaf_one(void)
{
	run("> behave db:alpha fetch-fails\n> heal\n> run 7s\n");
	ck_assert_uint_eq(kept_on("delta"), 1);
	conflict_on("delta")->word.kept[0].was_live = false;
	run("> behave db:alpha\n> run 30s\n");
	ck_assert_int_eq(conflict_on("alpha")->phase, ADOPT_CLAIMED);
	ck_assert_uint_eq(host_of("alpha")->state_count, 1);
}

START_TEST(it_is_not_given)
{
	meet_a_deaf_one();
	run("> run 60s\n> settle 120s\n");
	ck_assert_uint_eq(lives_on_alpha(), 1);
	ck_assert_ptr_null(conflict_on("alpha"));
	ck_assert_uint_eq(host_of("alpha")->state_count, 0);
	ck_assert_uint_eq(kept_on("delta"), 1);
}
END_TEST

/* The host that kept it is gone before it has given it: what came here may be
 * the last of it, and is kept. */
START_TEST(its_keeper_dies)
{
	meet_a_deaf_one();
	run("> power-off delta\n> run 10s\n> settle 120s\n");
	ck_assert_uint_eq(lives_on_alpha(), 1);
	ck_assert_uint_eq(kept_on("alpha"), 1);
	ck_assert_uint_eq(conflict_on("alpha")->word.kept[0].epoch, 1);
	ck_assert(!conflict_on("alpha")->word.kept[0].was_live);
	ck_assert(world_has_sound(script.w, world_find(script.w, "alpha"),
		conflict_on("alpha")->word.kept[0].root));
}
END_TEST

/* It is deleted while its state is on its way. */
START_TEST(it_is_deleted)
{
	meet_a_deaf_one();
	run("> delete db\n> settle 120s\n");
	ck_assert_ptr_null(conflict_on("alpha"));
	ck_assert_ptr_null(conflict_on("delta"));
	ck_assert_uint_eq(host_of("alpha")->state_count, 0);
	ck_assert_uint_eq(host_of("delta")->state_count, 0);
}
END_TEST

/* What was given is given for good, also if the power of both goes then. */
START_TEST(it_is_given_once)
{
	run("> heal\n> until db conflict started\n");
	while (!conflict_on("delta")->word.kept[0].given)
		run("> run 1ms\n");
	uint64_t given = conflict_on("delta")->word.kept[0].given;
	run("> run 20ms\n> power-off alpha delta\n> run 1s\n"
	    "> power-on alpha delta\n> settle 120s\n");
	ck_assert_uint_eq(kept_on("delta"), 1);
	ck_assert_uint_eq(conflict_on("delta")->word.kept[0].given, given);
}
END_TEST

/* It wants to stay as it is: until its next run, which may think otherwise. */
START_TEST(it_asks_to_stay)
{
	run("> behave db:alpha answer=ignore\n> heal\n> run 60s\n");
	ck_assert_uint_eq(lives_on_alpha(), 1);
	ck_assert(instance_on("alpha")->is_left_alone);
	run("> behave db:alpha answer=resume\n> kill db\n> settle 120s\n"
	    "> run 60s\n> settle 120s\n");
	ck_assert_uint_eq(lives_on_alpha(), 2);
}
END_TEST

/* What cannot be fetched, and then is gone, leaves nothing to be remembered. */
START_TEST(it_does_not_come)
{
	run("> behave db:alpha fetch-fails\n> heal\n> run 30s\n");
	ck_assert_uint_gt(conflict_on("alpha")->failures, 0);
	run("> power-off delta\n> run 60s\n");
	ck_assert_ptr_null(conflict_on("alpha"));
	ck_assert_uint_eq(lives_on_alpha(), 1);
}
END_TEST

/* Its own state cannot be sealed: it is not given up for another one. */
START_TEST(its_own_cannot_be_kept)
{
	run("> behave db:alpha dump-fails\n> heal\n> run 10m\n");
	ck_assert_int_eq(instance_on("alpha")->state, INSTANCE_READY);
	ck_assert_uint_eq(lives_on_alpha(), 1);
	ck_assert_uint_eq(instance_on("alpha")->restarts, 1);
	ck_assert_uint_eq(kept_on("delta"), 1);
	ck_assert_uint_eq(kept_on("alpha"), 0);
	ck_assert_uint_eq(host_of("alpha")->state_count, 0);
}
END_TEST

/* It does not start with the other state: it goes back to its own. */
START_TEST(it_cannot_start_with_it)
{
	uint64_t birth = birth_on_alpha();
	run("> heal\n> until db conflict goes\n> behave db blame=service\n");
	const struct instance *i = instance_on("alpha");
	while (!i->staged || strcmp(i->staged->kind, "dump") != 0)
		run("> run 100ms\n");
	/* Three starts from it, and one from its own. */
	ck_assert_uint_eq(i->restarts, 4);
	run("> behave db blame=none\n> run 60s\n> settle 120s\n");
	ck_assert_uint_eq(birth_on_alpha(), birth);
	ck_assert_uint_eq(lives_on_alpha(), 2);
	ck_assert_uint_eq(kept_on("alpha"), 2);
	ck_assert_uint_eq(kept_on("delta"), 1);
	/* Its own, and what it could not start with. */
	const struct lost *kept = conflict_on("alpha")->word.kept;
	ck_assert_uint_eq(kept[0].epoch, 1);
	ck_assert_uint_eq(kept[1].epoch, kept[1].winner);
	ck_assert(!kept[0].was_live && !kept[1].was_live);
	run("> power-off alpha\n> run 5s\n> settle 120s\n");
	ck_assert_uint_eq(kept_on("delta"), 1);
}
END_TEST

/* --- Joined --- */

/* The same, with a hook, and time between the starts; they have met, and what
 * is made of both does not start. */
static void
setup_join(void)
{
	out = fopen("/dev/null", "w");
	ck_assert_ptr_nonnull(out);
	script_init(&script, out);
	run("> hosts 4\n"
	    "> apply db handoff joins reset=10s delay=20s\n"
	    "> settle\n"
	    "> cut alpha gamma delta\n"
	    "> cut beta gamma delta\n"
	    "> run 20s\n"
	    "> behave db:alpha blame=service\n"
	    "> heal\n"
	    "> until db start_failed\n"
	    "> run 5s\n");
	ck_assert_int_eq(conflict_on("alpha")->phase, ADOPT_JOINING);
}

/* What is joined with the state of the copy on alpha; 0 if it has none. */
static uint32_t
parts_on_alpha(void)
{
	const struct process *p =
		world_process(script.w, world_find(script.w, "alpha"), "db");
	ck_assert_ptr_nonnull(p);
	return p->state.part_count;
}

START_TEST(it_joins_them)
{
	run("> behave db:alpha blame=none\n> run 25s\n");
	ck_assert_uint_eq(parts_on_alpha(), 1);
	ck_assert_uint_eq(lives_on_alpha(), 2);
	ck_assert_uint_eq(kept_on("alpha"), 1);
	ck_assert_uint_eq(kept_on("delta"), 1);
	run("> run 11s\n");
	ck_assert_uint_eq(kept_on("delta"), 0);
	ck_assert_int_eq(conflict_on("alpha")->phase, ADOPT_NONE);
	ck_assert_uint_eq(host_of("alpha")->state_count, 1);
}
END_TEST

/* Neither the end of its node nor the loss of power forgets the other one. */
START_TEST(it_joins_them_later)
{
	static const char *const ends[] = {
		"> crash alpha\n", "> power-off alpha\n"};
	run(ends[_i]);
	run("> behave db:alpha blame=none\n> power-on alpha\n"
	    "> run 1s\n> settle 120s\n");
	ck_assert_uint_eq(parts_on_alpha(), 1);
	run("> run 15s\n");
	ck_assert_uint_eq(kept_on("delta"), 0);
}
END_TEST

/* Nor is it needed elsewhere by then. */
START_TEST(its_giver_is_gone)
{
	run("> power-off delta\n> run 10s\n"
	    "> behave db:alpha blame=none\n> run 25s\n");
	ck_assert_uint_eq(parts_on_alpha(), 1);
}
END_TEST

/* It is the last that there is of it: it is kept here. */
START_TEST(its_giver_is_gone_and_it_fails)
{
	run("> power-off delta\n> run 10s\n");
	run("> behave db:alpha join-fails blame=none\n> until db ready\n> run "
	    "1s\n");
	ck_assert_uint_eq(parts_on_alpha(), 0);
	ck_assert_uint_eq(lives_on_alpha(), 2);
	ck_assert_uint_eq(kept_on("alpha"), 2);
	const struct lost *kept = conflict_on("alpha")->word.kept;
	ck_assert_uint_eq(kept[0].epoch, 1);
	ck_assert(!kept[0].was_live && !kept[1].was_live);
	ck_assert_ptr_nonnull(strstr(instance_on("alpha")->note, "exited 1"));
}
END_TEST

/* Nobody wants the service any more. */
START_TEST(what_is_joined_is_deleted)
{
	run("> delete db\n> run 20s\n> settle 120s\n");
	ck_assert_uint_eq(host_of("alpha")->state_count, 0);
	ck_assert_uint_eq(host_of("delta")->state_count, 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("adopt");
	TCase *t = tcase_create("adopt");
	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, it_goes_on_from_the_other);
	tcase_add_test(t, it_began_with_the_winner);
	tcase_add_test(t, it_began_right_after_the_loser);
	tcase_add_test(t, it_began_with_the_loser);
	tcase_add_test(t, it_began_after_the_winner);
	tcase_add_test(t, it_began_with_a_state);
	tcase_add_test(t, it_comes_later);
	tcase_add_test(t, it_is_not_given);
	tcase_add_test(t, its_keeper_dies);
	tcase_add_test(t, it_is_deleted);
	tcase_add_test(t, it_is_given_once);
	tcase_add_test(t, it_asks_to_stay);
	tcase_add_test(t, it_does_not_come);
	tcase_add_test(t, its_own_cannot_be_kept);
	tcase_add_test(t, it_cannot_start_with_it);
	suite_add_tcase(suite, t);
	t = tcase_create("join");
	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup_join, teardown);
	tcase_add_test(t, it_joins_them);
	tcase_add_loop_test(t, it_joins_them_later, 0, 2);
	tcase_add_test(t, its_giver_is_gone);
	tcase_add_test(t, its_giver_is_gone_and_it_fails);
	tcase_add_test(t, what_is_joined_is_deleted);
	suite_add_tcase(suite, t);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
