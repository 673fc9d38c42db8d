/* The datagrams of sd_notify. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "keeper/notice.h"

static struct notice
parse(const char *text)
{
	struct notice n;
	notice_parse(text, strlen(text), &n);
	return n;
}

START_TEST(test_all_keys)
{
	struct notice n = parse("READY=1\nSTATUS=warm \a up\nMAINPID=42\n"
				"WATCHDOG=1\nEXTEND_TIMEOUT_USEC=2500000\n"
				"WATCHDOG_USEC=1\nRELOADING=1\nSTOPPING=1");
	ck_assert(n.is_ready && n.is_ping && n.is_reloading && n.is_stopping);
	ck_assert(n.has_status && !n.is_trigger);
	ck_assert_str_eq(n.status, "warm   up");
	ck_assert_int_eq(n.main_pid, 42);
	ck_assert_int_eq(n.extend_ms, 2500);
	ck_assert_int_eq(n.watchdog_ms, 1);
	ck_assert(parse("WATCHDOG=trigger").is_trigger);
	ck_assert_int_eq(n.answer, 0);
	ck_assert_int_eq(
		parse("X_SKEP_HANDOFF=restart").answer, KANSWER_RESTART);
	ck_assert_int_eq(parse("STATUS=\nX_SKEP_HANDOFF=ignore\n").answer,
		KANSWER_IGNORE);
}
END_TEST

static const char *const nothing[] = {
	"",
	"\n\n\n",
	"READY",
	"READY=",
	"READY=2",
	"READY=11",
	"ready=1",
	" READY=1",
	"READY=1 ",
	"XREADY=1",
	"FDSTORE=1\nFDNAME=x",
	"MAINPID=-1",
	"MAINPID=12x",
	"MAINPID=99999999999999999999",
	"EXTEND_TIMEOUT_USEC=18446744073709551617",
	"EXTEND_TIMEOUT_USEC=0x10",
	"WATCHDOG_USEC=",
	"BARRIER=1",
	"X_SKEP_HANDOFF=1",
	"X_SKEP_HANDOFF=resume",
	"X_SKEP_HANDOFF=",
};

START_TEST(test_nothing_comes_of_it)
{
	struct notice n = parse(nothing[_i]), none;
	memset(&none, 0, sizeof none);
	ck_assert_mem_eq(&n, &none, sizeof n);
}
END_TEST

START_TEST(test_binary_and_long)
{
	static const char nul[] = "STATUS=a\0b\nREADY=1\n";
	static char text[10000];
	struct notice n;
	notice_parse(nul, sizeof nul - 1, &n);
	ck_assert(n.is_ready && !n.has_status);
	memset(text, 'x', sizeof text);
	memcpy(text, "STATUS=", 7);
	memcpy(text + 9000, "\nREADY=1", 8);
	notice_parse(text, 9008, &n);
	ck_assert(n.is_ready && !n.has_status);
	notice_parse(text, 3000, &n);
	ck_assert_uint_eq(strlen(n.status), SAID_MAX);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("notice");
	TCase *t = tcase_create("all");
	tcase_add_test(t, test_all_keys);
	tcase_add_loop_test(t, test_nothing_comes_of_it, 0,
		(int)(sizeof nothing / sizeof *nothing));
	tcase_add_test(t, test_binary_and_long);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
