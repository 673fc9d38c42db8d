/* A multicall whose bytes do not all go in one step: each member is asked, or
 * named with its reason. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/dialogue/script.h"

#define MEMBERS 200
#define SIZE	60000 /* of the message: a few dozen fill a step */

static struct script script;
static unsigned asked, named; /* members that have it; that the end names */

static void
on_mail(struct world *w, uint32_t host, const struct world_mail *m,
	void *context)
{
	(void)w;
	(void)host;
	(void)context;
	asked += m->kind == WORLD_MAIL_TAKEN;
	named += m->kind == WORLD_MAIL_ANSWER;
}

START_TEST(each_member_is_named)
{
	static char body[SIZE];
	script_init(&script, NULL);
	script_tell(&script, "> hosts 3\n> behave web room=4\n"
			     "> apply web replicas=200 group=all\n> settle\n");
	struct world *w = script.w;
	w->on_mail = on_mail;
	memset(body, 'x', sizeof body);
	struct input in = {.kind = INPUT_MAIL};
	in.mail = (struct input_mail){.id = w->next_request++,
		.op = MAIL_MULTICALL,
		.from = "",
		.to = "all",
		.timeout_ms = 2000,
		.body = {body, sizeof body}};
	world_input(w, 0, &in);
	world_run(w, 3000);
	ck_assert_uint_eq(w->hosts[0].replied, in.mail.id);
	ck_assert_uint_eq(asked, MEMBERS);
	ck_assert_uint_eq(named, MEMBERS);
	script_fini(&script);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("multicall");
	TCase *tc = tcase_create("multicall");
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, each_member_is_named);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
