#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/duration.h"
#include "base/hours.h"
#include "sys/units.h"

_Noreturn void
panic(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: %s\n", file, line, what);
	abort();
}

static const char *const texts[] = {"0", "0s", "1ms", "500ms", "10s", "90s",
	"60s", "5m", "2h", "7d", "24h", "", "s", "-1s", "1", "1 s", "1.5s",
	"1S", "10sec", "9007199254740991ms", "9007199254740992ms",
	"18446744073709551616s", "106751991167d", "0x10s", "+1s"};

/* Both readers of durations speak one language. */
START_TEST(test_agrees_with_units)
{
	int64_t pure = -1;
	int64_t full = -1;
	bool is_good = duration_parse(texts[_i], &pure);
	ck_assert_int_eq(is_good, units_parse_duration(texts[_i], &full) == 0);
	ck_assert_int_eq(pure, full);
	if (!is_good)
		return;
	char a[DURATION_TEXT_SIZE];
	char b[64];
	ck_assert_str_eq(duration_format(pure, a),
		units_format_duration(full, b, sizeof b));
}
END_TEST

START_TEST(test_numbers)
{
	uint64_t n = 7;
	ck_assert(duration_parse_number("0", 5, &n) && n == 0);
	ck_assert(duration_parse_number("5", 5, &n) && n == 5);
	ck_assert(!duration_parse_number("6", 5, &n));
	ck_assert(!duration_parse_number("10", 5, &n));
	ck_assert(!duration_parse_number("", 5, &n));
	ck_assert(!duration_parse_number("1x", 5, &n));
	ck_assert(
		duration_parse_number("18446744073709551615", UINT64_MAX, &n));
	ck_assert(
		!duration_parse_number("18446744073709551616", UINT64_MAX, &n));
	char buffer[DURATION_TEXT_SIZE];
	ck_assert_str_eq(duration_format_number(UINT64_MAX, buffer),
		"18446744073709551615");
}
END_TEST

/* When hours begin, seen from a time of the day. */
static const struct {
	const char *hours;
	const char *time; /* of 14 November 2023, UTC */
	int64_t wait_min;
} openings[] = {
	{"02:00-04:30", "02:00", 0},
	{"02:00-04:30", "04:29", 0},
	{"02:00-04:30", "04:30", 21 * 60 + 30},
	{"02:00-04:30", "01:59", 1},
	{"22:00-06:00", "23:59", 0},
	{"22:00-06:00", "00:00", 0},
	{"22:00-06:00", "06:00", 16 * 60},
	{"", "12:34", 0},
};

START_TEST(test_hours)
{
	struct hours h, time;
	char text[16];
	ck_assert(hours_parse(openings[_i].hours, &h));
	snprintf(text, sizeof text, "%s-24:00", openings[_i].time);
	ck_assert(!hours_parse(text, &time)); /* there is no 24:00 */
	int64_t wall_ms = 1699920000000 + (int64_t)time.from * 60000;
	ck_assert_int_eq(
		hours_wait_ms(h, wall_ms), openings[_i].wait_min * 60000);
	/* A clock that was never set. */
	wall_ms -= 1699920000000 + 24LL * 3600000;
	ck_assert_int_eq(
		hours_wait_ms(h, wall_ms), openings[_i].wait_min * 60000);
}
END_TEST

static const char *const no_hours[] = {"02:00", "02:00-", "2:00-4:00", "-",
	"02:00-02:00", "02:60-03:00", "02:00-04:00 ", "0a:00-04:00", "02-04"};

START_TEST(test_no_hours)
{
	struct hours h;
	ck_assert(!hours_parse(no_hours[_i], &h));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("duration");
	TCase *t = tcase_create("duration");
	tcase_add_loop_test(
		t, test_agrees_with_units, 0, sizeof texts / sizeof *texts);
	tcase_add_test(t, test_numbers);
	tcase_add_loop_test(
		t, test_hours, 0, sizeof openings / sizeof *openings);
	tcase_add_loop_test(
		t, test_no_hours, 0, sizeof no_hours / sizeof *no_hours);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
