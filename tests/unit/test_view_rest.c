/* What has come to rest, as alpha of three hosts sees it: who waits for
 * something to be ready gives up on that. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core/view.h"
#include "tests/dialogue/script.h"

static struct script script;

static void
setup(void)
{
	script_init(&script, NULL);
	script_tell(&script, "> hosts 3\n> behave web run=100ms exit=3\n");
}

static void
teardown(void)
{
	script_fini(&script);
}

/* Tells the world, then: whether "web" is in that state, and at rest. */
static bool
is_at_rest(const char *commands, const char *state)
{
	struct instance_view v;
	script_tell(&script, commands);
	struct core *core = script_host(&script, "alpha")->core;
	ck_assert(view_instance(core, "web", &v));
	ck_assert_str_eq(v.state, state);
	return view_is_at_rest(core, "web");
}

#define FAIL "> apply web attempts=1 mode=fail pin=gamma\n> run 5s\n"

START_TEST(nothing_is_at_rest_that_is_not_there)
{
	ck_assert(!view_is_at_rest(
		script_host(&script, "alpha")->core, "nothing"));
}
END_TEST

/* Until its owner has heard the word, and after it failed again. */
START_TEST(a_word_to_start_is_waited_for)
{
	ck_assert(is_at_rest(FAIL, "failed"));
	ck_assert(!is_at_rest("> cut gamma alpha beta\n> start web\n"
			      "> run 200ms\n",
		"failed"));
	ck_assert(is_at_rest("> heal\n> run 20s\n", "failed"));
}
END_TEST

/* What was given up on a host that may be dead may start elsewhere. */
START_TEST(a_host_that_is_suspected_has_no_last_word)
{
	ck_assert(is_at_rest(FAIL, "failed"));
	ck_assert(!is_at_rest("> kill-host gamma\n> run 500ms\n", "failed"));
}
END_TEST

/* What ended and is not to run again does not, whoever dies. */
START_TEST(what_ended_stays_ended)
{
	ck_assert(is_at_rest("> apply web policy=never\n> run 5s\n", "exited"));
	struct instance_view v;
	view_instance(script_host(&script, "alpha")->core, "web", &v);
	ck_assert_str_ne(v.node, "alpha");
	char line[64];
	snprintf(line, sizeof line, "> power-off %s\n", v.node);
	ck_assert(is_at_rest(line, "exited"));
	ck_assert(is_at_rest("> run 2100ms\n", "exited"));
	ck_assert(is_at_rest("> run 20s\n", "exited"));
}
END_TEST

START_TEST(a_schedule_starts_it_again)
{
	ck_assert(!is_at_rest("> apply web oneshot policy=never scheduled\n"
			      "> due web 60s\n> run 5s\n",
		"exited"));
}
END_TEST

/* A host that is not there, or writes nothing, may take it yet. */
START_TEST(a_refusal_counts_when_all_have_spoken)
{
	script_tell(&script, "> behave web blame=host\n");
	ck_assert(is_at_rest("> apply web\n> run 10s\n", "unplaced"));
	ck_assert(!is_at_rest("> power-off beta\n> run 10s\n", "unplaced"));
	ck_assert(is_at_rest("> power-on beta\n> run 20s\n", "unplaced"));
	ck_assert(!is_at_rest("> stall-disk gamma 20s\n"
			      "> apply other pin=gamma\n> run 8s\n",
		"unplaced"));
}
END_TEST

START_TEST(only_the_host_it_is_pinned_to_has_to_speak)
{
	script_tell(&script, "> behave web blame=host\n");
	ck_assert(is_at_rest("> apply web pin=gamma\n> power-off beta\n"
			     "> run 10s\n",
		"unplaced"));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("view_rest");
	TCase *tc = tcase_create("view_rest");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, nothing_is_at_rest_that_is_not_there);
	tcase_add_test(tc, a_word_to_start_is_waited_for);
	tcase_add_test(tc, a_host_that_is_suspected_has_no_last_word);
	tcase_add_test(tc, what_ended_stays_ended);
	tcase_add_test(tc, a_schedule_starts_it_again);
	tcase_add_test(tc, a_refusal_counts_when_all_have_spoken);
	tcase_add_test(tc, only_the_host_it_is_pinned_to_has_to_speak);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
