/* What an operator moved and that waits: its host names that, and no other. */
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
	script_tell(&script, "> hosts 2\n> apply db handoff\n"
			     "> apply other handoff\n> settle\n");
}

static void
teardown(void)
{
	script_fini(&script);
}

/* How many of those there wait; the last in 'v'. */
static unsigned
late_on(const char *node, struct instance_view *v)
{
	const struct entry *cursor = NULL;
	unsigned count = 0;
	while (view_late_next(script_host(&script, node)->core, &cursor, v))
		count++;
	return count;
}

START_TEST(what_was_moved_is_named_until_it_is_gone)
{
	struct instance_view v;
	char line[128];
	ck_assert(view_instance(script_host(&script, "alpha")->core, "db", &v));
	bool is_here = strcmp(v.node, "alpha") == 0;
	const char *from = is_here ? "alpha" : "beta";
	const char *to = is_here ? "beta" : "alpha";
	ck_assert_uint_eq(late_on("alpha", &v) + late_on("beta", &v), 0);
	snprintf(line, sizeof line,
		"> behave db answer=ignore\n> move db %s\n> run 5s\n", to);
	script_tell(&script, line);
	ck_assert_uint_eq(late_on(to, &v), 0);
	ck_assert_uint_eq(late_on(from, &v), 1);
	ck_assert_str_eq(v.name, "db");
	ck_assert(v.has_late_move);
	ck_assert(*v.why);
	script_tell(&script, "> behave db answer=resume\n> run 120s\n");
	ck_assert_uint_eq(late_on(from, &v) + late_on(to, &v), 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("view_move");
	TCase *tc = tcase_create("view_move");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, what_was_moved_is_named_until_it_is_gone);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
