/* Delays between restarts. */
#include <check.h>
#include <stdlib.h>

#include "core/restart.h"

static const struct {
	enum restart_function function;
	int64_t delay_ms;
	int64_t max_ms;
	int64_t want[7]; /* after 0, 1, ... failures before it */
} growths[] = {
	{DELAY_CONSTANT, 200, 30000, {0, 200, 200, 200, 200, 200, 200}},
	{DELAY_LINEAR, 200, 900, {0, 200, 400, 600, 800, 900, 900}},
	{DELAY_EXPONENTIAL, 200, 3000, {0, 200, 400, 800, 1600, 3000, 3000}},
	{DELAY_FIBONACCI, 100, 10000, {0, 100, 100, 200, 300, 500, 800}},
	{DELAY_EXPONENTIAL, 0, 3000, {0, 0, 0, 0, 0, 0, 0}},
	{DELAY_CONSTANT, 5000, 1000, {0, 1000, 1000, 1000, 1000, 1000, 1000}},
};

START_TEST(grows)
{
	struct prng prng;
	prng_init(&prng, 1);
	struct policy_restart r = {
		.function = growths[_i].function,
		.delay_ms = growths[_i].delay_ms,
		.max_delay_ms = growths[_i].max_ms,
	};
	for (uint32_t n = 0; n < 7; n++)
		ck_assert_int_eq(
			restart_delay_ms(&r, n, &prng), growths[_i].want[n]);
}
END_TEST

START_TEST(never_overflows)
{
	struct prng prng;
	prng_init(&prng, 1);
	struct policy_restart r = {
		.function = (enum restart_function)_i,
		.delay_ms = 1,
		.max_delay_ms = INT64_C(86400000) * 365,
	};
	int64_t d = restart_delay_ms(&r, UINT32_MAX, &prng);
	ck_assert_int_ge(d, 1);
	ck_assert_int_le(d, r.max_delay_ms);
}
END_TEST

START_TEST(jitter_stays_inside_and_is_spread)
{
	struct prng prng;
	prng_init(&prng, 7);
	struct policy_restart r = {
		.function = DELAY_CONSTANT,
		.delay_ms = 1000,
		.max_delay_ms = 1000,
		.jitter_percent = 25,
	};
	int64_t least = INT64_MAX, most = 0, sum = 0;
	for (int i = 0; i < 10000; i++) {
		int64_t d = restart_delay_ms(&r, 3, &prng);
		least = d < least ? d : least;
		most = d > most ? d : most;
		sum += d;
	}
	ck_assert_int_ge(least, 750);
	ck_assert_int_le(least, 760);
	ck_assert_int_ge(most, 1240);
	ck_assert_int_le(most, 1250);
	ck_assert_int_ge(sum / 10000, 990);
	ck_assert_int_le(sum / 10000, 1010);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("restart");
	TCase *t = tcase_create("delays");
	tcase_add_loop_test(
		t, grows, 0, (int)(sizeof growths / sizeof *growths));
	tcase_add_loop_test(
		t, never_overflows, DELAY_CONSTANT, DELAY_FIBONACCI + 1);
	tcase_add_test(t, jitter_stays_inside_and_is_spread);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
