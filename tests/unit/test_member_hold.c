/* Members in a small world: who holds, and what operators say. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/story.h"

/* --- Holds --- */

START_TEST(lonely_takes_over_after_its_hold)
{
	struct world *w = whole_world((uint64_t)_i, 3);
	world_power_off(w, 1);
	world_power_off(w, 2);
	ck_assert_int_ge(wait_hold(w, 0, HOLD_LONELY, 8000), 0);
	const char *text = core_of(w, 0)->members.hold_text;
	ck_assert_msg(!strncmp(text, "2 of 3 hosts lost at once (", 27) &&
			      strstr(text, "beta") && strstr(text, "gamma") &&
			      strstr(text, "); taking over in 10 s"),
		"%s", text);
	ck_assert_uint_eq(w->hosts[0].notes[NOTE_LONELY], 1);
	int64_t took = wait_hold(w, 0, HOLD_NONE, 20000);
	ck_assert_int_ge(took, 9990);
	ck_assert_int_le(took, 10010);
	world_run(w, 60000);
	ck_assert_int_eq(hold_of(w, 0), HOLD_NONE);
	ck_assert_str_eq(core_of(w, 0)->members.hold_text, "");
	world_free(w);
}
END_TEST

START_TEST(lonely_keeps_until_confirmed)
{
	static const enum member_hold holds[] = {
		[MINORITY_KEEP] = HOLD_KEEP,
		[MINORITY_FREEZE] = HOLD_FREEZE,
		[MINORITY_STOP] = HOLD_STOP,
	};
	struct world *w = whole_world((uint64_t)_i, 3);
	core_of(w, 0)->settings.on_minority = (enum on_minority)_i;
	world_power_off(w, 1);
	world_power_off(w, 2);
	ck_assert_int_ge(wait_hold(w, 0, holds[_i], 20000), 0);
	world_run(w, 300000);
	ck_assert_int_eq(hold_of(w, 0), holds[_i]);
	ck_assert_int_eq(ask(w, 0, REQUEST_CONFIRM_DOWN, "beta"), REPLY_OK);
	world_run(w, 1);
	ck_assert_int_eq(hold_of(w, 0), HOLD_NONE);
	ck_assert_int_eq(
		ask(w, 0, REQUEST_CONFIRM_DOWN, "beta"), REPLY_UNCHANGED);
	world_free(w);
}
END_TEST

START_TEST(lonely_heals)
{
	struct world *w = whole_world((uint64_t)_i, 3);
	core_of(w, 0)->settings.on_minority = MINORITY_KEEP;
	world_cut_both(w, 0, 1, true);
	world_cut_both(w, 0, 2, true);
	ck_assert_int_ge(wait_hold(w, 0, HOLD_KEEP, 20000), 0);
	ck_assert_int_eq(hold_of(w, 1), HOLD_NONE);
	world_heal(w);
	wait_whole(w, 20000);
	world_free(w);
}
END_TEST

/* Half is not more than half: the survivor of two acts. */
START_TEST(survivor_of_two_takes_over)
{
	struct world *w = whole_world((uint64_t)_i, 2);
	world_power_off(w, 1);
	int64_t took = wait_said(w, 0, 1, MEMBER_DEAD, 6000);
	ck_assert_int_ge(took, 3400);
	ck_assert_int_le(took, 4100);
	world_run(w, 1000);
	ck_assert_int_eq(hold_of(w, 0), HOLD_NONE);
	world_free(w);
}
END_TEST

/* One after the other, each accepted by the rest, is no loss at once. */
START_TEST(slow_losses_are_not_lonely)
{
	struct world *w = whole_world((uint64_t)_i, 4);
	for (uint32_t gone = 3; gone >= 1; gone--) {
		world_power_off(w, gone);
		world_run(w, 20000);
		ck_assert_int_eq(hold_of(w, 0), HOLD_NONE);
	}
	ck_assert_uint_eq(w->hosts[0].notes[NOTE_LONELY], 0);
	world_free(w);
}
END_TEST

START_TEST(power_cut_forms_again)
{
	struct world *w = whole_world((uint64_t)_i, 3);
	for (uint32_t i = 0; i < 3; i++)
		world_power_off(w, i);
	world_run(w, 5000);
	world_start(w, 0);
	world_run(w, 8000);
	ck_assert_int_eq(hold_of(w, 0), HOLD_FORMING);
	ck_assert_ptr_nonnull(strstr(core_of(w, 0)->members.hold_text,
		"linked to 0 of 2 other hosts"));
	world_start(w, 2);
	ck_assert_int_ge(wait_hold(w, 0, HOLD_NONE, 8000), 0);
	ck_assert_int_ge(wait_hold(w, 2, HOLD_NONE, 8000), 0);
	world_run(w, 60000);
	ck_assert_int_eq(world_opinion(w, 0, 1), MEMBER_UNKNOWN);
	world_start(w, 1); /* the late one */
	wait_whole(w, 20000);
	world_free(w);
}
END_TEST

START_TEST(alone_after_power_cut_is_lonely)
{
	struct world *w = whole_world((uint64_t)_i, 3);
	for (uint32_t i = 0; i < 3; i++)
		world_power_off(w, i);
	world_start(w, 1);
	int64_t took = wait_hold(w, 1, HOLD_LONELY, 70000);
	ck_assert_int_ge(took, 59000);
	took = wait_hold(w, 1, HOLD_NONE, 20000);
	ck_assert_int_ge(took, 9000);
	world_free(w);
}
END_TEST

/* --- Operators --- */

START_TEST(leave_is_not_a_loss)
{
	struct world *w = whole_world((uint64_t)_i, 4);
	ck_assert_int_eq(ask(w, 0, REQUEST_LEAVE, "beta"), REPLY_INVALID);
	ck_assert_int_eq(ask(w, 3, REQUEST_LEAVE, ""), REPLY_OK);
	ck_assert_int_eq(ask(w, 2, REQUEST_LEAVE, "gamma"), REPLY_OK);
	world_run(w, 1000);
	ck_assert_int_eq(world_opinion(w, 0, 3), MEMBER_LEFT);
	ck_assert_int_eq(world_opinion(w, 1, 2), MEMBER_LEFT);
	struct core *c = core_of(w, 0);
	ck_assert_uint_ge(
		c->registry.origins[member_find(c, "delta")].forgotten, 1);
	ck_assert_int_eq(hold_of(w, 3), HOLD_LEAVING);
	world_kill(w, 3);
	world_run(w, 60000);
	ck_assert_int_eq(hold_of(w, 0), HOLD_NONE);
	ck_assert_uint_eq(w->hosts[0].notes[NOTE_NODE_DOWN], 0);
	world_start(w, 3); /* its skep.conf still says 'join' */
	world_kill(w, 2);
	wait_whole(w, 20000);
	world_free(w);
}
END_TEST

START_TEST(forget_is_for_the_gone)
{
	struct world *w = whole_world((uint64_t)_i, 4);
	ck_assert_int_eq(ask(w, 0, REQUEST_FORGET, "delta"), REPLY_CONFLICT);
	ck_assert_int_eq(ask(w, 0, REQUEST_FORGET, "nobody"), REPLY_NOT_FOUND);
	ck_assert_int_eq(ask(w, 0, REQUEST_FORGET, "alpha"), REPLY_INVALID);
	ck_assert_int_eq(
		ask(w, 0, REQUEST_CONFIRM_DOWN, "delta"), REPLY_CONFLICT);
	world_power_off(w, 3);
	ck_assert_int_ge(wait_said(w, 0, 3, MEMBER_DEAD, 4000), 0);
	ck_assert_int_eq(ask(w, 0, REQUEST_FORGET, "delta"), REPLY_OK);
	ck_assert_int_eq(ask(w, 0, REQUEST_FORGET, "delta"), REPLY_UNCHANGED);
	world_run(w, 100);
	ck_assert_int_eq(world_opinion(w, 1, 3), MEMBER_LEFT);
	/* It stays forgotten when hosts start again. */
	world_kill(w, 0);
	world_start(w, 0);
	world_run(w, 5000);
	ck_assert_int_eq(world_opinion(w, 0, 3), MEMBER_LEFT);
	/* And it is welcome when it comes back. */
	world_start(w, 3);
	wait_whole(w, 20000);
	world_free(w);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("member");
	TCase *hold = tcase_create("hold");
	tcase_set_timeout(hold, 60);
	tcase_add_loop_test(hold, lonely_takes_over_after_its_hold, 0, 3);
	tcase_add_loop_test(hold, lonely_keeps_until_confirmed, MINORITY_KEEP,
		MINORITY_STOP + 1);
	tcase_add_loop_test(hold, lonely_heals, 0, 3);
	tcase_add_loop_test(hold, survivor_of_two_takes_over, 0, 3);
	tcase_add_loop_test(hold, slow_losses_are_not_lonely, 0, 2);
	tcase_add_loop_test(hold, power_cut_forms_again, 0, 3);
	tcase_add_loop_test(hold, alone_after_power_cut_is_lonely, 0, 2);
	suite_add_tcase(s, hold);
	TCase *ops = tcase_create("operators");
	tcase_set_timeout(ops, 60);
	tcase_add_loop_test(ops, leave_is_not_a_loss, 0, 2);
	tcase_add_loop_test(ops, forget_is_for_the_gone, 0, 2);
	suite_add_tcase(s, ops);
	return s;
}

int
main(void)
{
	SRunner *r = srunner_create(suite());
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
