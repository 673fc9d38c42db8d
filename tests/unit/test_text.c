/* Sentences in a bounded buffer. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"

static const struct {
	int64_t ms;
	const char *want;
} durations[] = {
	{0, "0 ms"},
	{999, "999 ms"},
	{1000, "1 s"},
	{1499, "1 s"},
	{1500, "2 s"},
	{299999, "300 s"},
	{300000, "5 min"},
	{3600000, "60 min"},
};

START_TEST(duration)
{
	char buffer[64];
	struct text t;
	text_init(&t, buffer, sizeof buffer);
	text_add_duration(&t, durations[_i].ms);
	ck_assert_str_eq(buffer, durations[_i].want);
}
END_TEST

static const struct {
	int64_t n;
	const char *want;
} numbers[] = {
	{0, "0"},
	{7, "7"},
	{-7, "-7"},
	{INT64_MAX, "9223372036854775807"},
	{INT64_MIN, "-9223372036854775808"},
};

START_TEST(number)
{
	char buffer[64];
	struct text t;
	text_init(&t, buffer, sizeof buffer);
	text_add_number(&t, numbers[_i].n);
	ck_assert_str_eq(buffer, numbers[_i].want);
}
END_TEST

START_TEST(cuts_at_the_end)
{
	char buffer[6];
	struct text t;
	text_init(&t, buffer, sizeof buffer);
	text_add(&t, "abc");
	text_add(&t, NULL);
	text_add(&t, "defgh");
	text_add(&t, "more");
	ck_assert_str_eq(buffer, "abcde");
	text_init(&t, buffer, 1);
	text_add(&t, "x");
	ck_assert_str_eq(buffer, "");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("text");
	TCase *t = tcase_create("text");
	tcase_add_loop_test(
		t, duration, 0, (int)(sizeof durations / sizeof *durations));
	tcase_add_loop_test(
		t, number, 0, (int)(sizeof numbers / sizeof *numbers));
	tcase_add_test(t, cuts_at_the_end);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
