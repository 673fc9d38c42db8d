/* Expressions of crontab(5): what they are, and when they are due. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "spec/cron.h"

static const char *const wrong[] = {"", "*", "* * * *", "* * * * * *",
	"60 * * * *", "* 24 * * *", "* * 0 * *", "* * 32 * *", "* * * 13 *",
	"* * * * 8", "5-1 * * * *", "*/0 * * * *", "1,, * * * *", "a * * * *",
	"-1 * * * *", "* * * janx *", "@never", "1;2 * * * *"};

START_TEST(refuses)
{
	struct cron cron;
	ck_assert_msg(!cron_parse(wrong[_i], &cron), "'%s'", wrong[_i]);
}
END_TEST

/* expression, zone, after (UTC), due (UTC) */
static const struct {
	const char *text, *zone, *after, *due;
} cases[] = {
	{"* * * * *", "UTC", "2026-01-01 00:00", "2026-01-01 00:01"},
	{"0 3 * * *", "UTC", "2026-01-01 03:00", "2026-01-02 03:00"},
	{"*/15 3-5 * * *", "UTC", "2026-01-01 05:45", "2026-01-02 03:00"},
	{"5/20 * * * *", "UTC", "2026-01-01 00:06", "2026-01-01 00:25"},
	{"0 0 29 2 *", "UTC", "2026-01-01 00:00", "2028-02-29 00:00"},
	{"0 0 1 jan,jul *", "UTC", "2026-01-01 00:00", "2026-07-01 00:00"},
	{"0 0 * * sun", "UTC", "2026-11-21 00:00", "2026-11-22 00:00"},
	{"0 0 * * 7", "UTC", "2026-11-21 00:00", "2026-11-22 00:00"},
	/* Both restricted: one of them suffices. */
	{"0 0 13 * fri", "UTC", "2026-11-21 00:00", "2026-11-27 00:00"},
	{"0 0 13 * fri", "UTC", "2026-12-11 00:00", "2026-12-13 00:00"},
	{"@hourly", "UTC", "2026-01-01 00:30", "2026-01-01 01:00"},
	{"@yearly", "UTC", "2026-01-01 00:00", "2027-01-01 00:00"},
	/* 02:30 does not exist on the 29th of March 2026 in Vienna ... */
	{"30 2 * * *", "Europe/Vienna", "2026-03-28 02:00", "2026-03-30 00:30"},
	/* ... and comes twice on the 25th of October: once. */
	{"30 2 * * *", "Europe/Vienna", "2026-10-24 12:00", "2026-10-25 00:30"},
	{"30 2 * * *", "Europe/Vienna", "2026-10-25 00:30", "2026-10-26 01:30"},
	{"0 12 * * *", "America/New_York", "2026-07-01 00:00",
		"2026-07-01 16:00"},
	{"0 0 30 2 *", "UTC", "2026-01-01 00:00", NULL},
};

static void
set_zone(const char *zone)
{
	setenv("TZ", zone, 1);
	tzset();
}

static time_t
instant(const char *text)
{
	struct tm tm = {0};
	ck_assert(strptime(text, "%Y-%m-%d %H:%M", &tm) != NULL);
	return timegm(&tm);
}

START_TEST(is_due)
{
	struct cron cron;
	ck_assert(cron_parse(cases[_i].text, &cron));
	set_zone(cases[_i].zone);
	time_t due = cron_next(&cron, instant(cases[_i].after));
	time_t want = cases[_i].due ? instant(cases[_i].due) : -1;
	ck_assert_msg(due == want, "%s after %s: %lld, not %lld",
		cases[_i].text, cases[_i].after, (long long)due,
		(long long)want);
	struct tm local;
	localtime_r(&due, &local);
	ck_assert(due < 0 || cron_fits(&cron, &local));
}
END_TEST

/* Expressions, and what is said of them. */
static const char *const faults[][2] = {
	{"61 * * * *", "'61' is no minute: it takes 0 to 59, '*', and ranges, "
		       "steps and lists of these"},
	{" *  5-1 * * *", "'5-1' is no hour: it takes 0 to 23, '*', and "
			  "ranges, steps and lists of these"},
	{"* * * janx *",
		"'janx' is no month: it takes 1 to 12 or jan to dec, '*', and "
		"ranges, steps and lists of these"},
	{"* * * *", "'* * * *' has 4 of the five fields of crontab(5): "
		    "minute, hour, day of the month, month, day of the week"},
	{"@dayly", "'@dayly' is none of @yearly, @monthly, @weekly, @daily "
		   "and @hourly; did you mean '@daily'?"},
	{"0 0 30 2 *", "'0 0 30 2 *' is never due: none of its months has "
		       "such a day"},
	{"0 0 31 feb-apr/2,jun *",
		"'0 0 31 feb-apr/2,jun *' is never due: none of its months has "
		"such a day"},
	{"0 0 31 2-3 *", NULL},
	{"0 0 29 2 *", NULL},
	{"0 0 30 2 mon", NULL}, /* Mondays of February */
	{"0 0 31 2 */2", "'0 0 31 2 */2' is never due: none of its months has "
			 "such a day"},
};

START_TEST(says_what_is_wrong)
{
	char text[CRON_FAULT_SIZE] = "";
	const char *want = faults[_i][1];
	ck_assert_int_eq(
		cron_fault(faults[_i][0], text, sizeof text), want != NULL);
	ck_assert_str_eq(text, want ? want : "");
}
END_TEST

START_TEST(zones_are_files)
{
	ck_assert(cron_zone_is_known("UTC"));
	ck_assert(!cron_zone_is_known("Mars/Base"));
	ck_assert(!cron_zone_is_known("Europe")); /* a folder */
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("cron");
	TCase *tc = tcase_create("cron");
	tcase_add_loop_test(tc, refuses, 0, sizeof wrong / sizeof *wrong);
	tcase_add_loop_test(
		tc, says_what_is_wrong, 0, sizeof faults / sizeof *faults);
	tcase_add_test(tc, zones_are_files);
	tcase_add_loop_test(tc, is_due, 0, sizeof cases / sizeof *cases);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
