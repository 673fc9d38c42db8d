/* Capabilities, and limits that are in force or fail the start. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "world.h"

#define POLICY "allowed_users = nobody\n"

static struct world w;

/* As user nobody and as root: exactly what is listed. */
START_TEST(test_capabilities)
{
	static const char *const sets[] = {
		"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"};
	unsigned char packed[64];
	char program[128], line[64];
	struct writer b;
	if (!world_is_root)
		return;
	world_start(&w, POLICY "allow_root = yes\n"
			       "allowed_capabilities = NET_RAW, "
			       "NET_BIND_SERVICE, CHOWN\n");
	writer_init(&b, packed, sizeof packed);
	writer_text(&b, "NET_BIND_SERVICE");
	writer_text(&b, "NET_RAW");
	struct kproto_start s = {
		.user = _i ? "root" : "nobody",
		.no_new_privileges = true,
		.capabilities = {2, writer_done(&b)},
	};
	snprintf(program, sizeof program, "%s/probe", w.dir);
	world_send_start(&w, &s, 1, (const char *const[]){program, NULL}, -1);
	world_expect(&w, KMSG_STARTED);
	const char *text = world_read_log(&w, 1, "end\n");
	for (size_t i = 0; i < 5; i++) {
		snprintf(line, sizeof line, "%s:\t0000000000002400\n", sets[i]);
		world_ck_line(text, line);
	}
	world_expect_end(&w, 1, 0);
	world_end(&w);
}
END_TEST

START_TEST(test_capabilities_refused)
{
	static const char *const names[] = {"SYS_ADMIN", "FLYING"};
	unsigned char packed[64];
	struct writer b;
	world_start(&w, POLICY "allowed_capabilities = NET_RAW\n");
	writer_init(&b, packed, sizeof packed);
	writer_text(&b, names[_i]);
	struct kproto_start s = {.capabilities = {1, writer_done(&b)}};
	world_send_start(&w, &s, 1, SH("exit 0"), -1);
	struct kproto_failure f = world_expect_failure(&w, KMSG_START_FAILED);
	ck_assert_str_eq(f.step, "policy");
	ck_assert_int_eq(f.blame, KBLAME_POLICY);
	ck_assert_msg(strstr(f.text, "allowed_capabilities"), "%s", f.text);
	ck_assert_msg(strstr(f.text, names[_i]), "%s", f.text);
	world_end(&w);
}
END_TEST

/* Where the controller is missing the start fails; else the limit is in
 * force. */
START_TEST(test_limit_or_failure)
{
	struct kproto_start s = {.resources = {.pids_max = 33}};
	world_start(&w, POLICY);
	world_send_start(&w, &s, 1,
		SH("cat /sys/fs/cgroup$(grep -o '^0::.*' /proc/self/cgroup "
		   "| cut -c4-)/pids.max; echo .; exit 0"),
		-1);
	world_receive(&w);
	if (w.message.type == KMSG_STARTED) {
		world_read_log(&w, 1, "33\n.");
		world_expect_end(&w, 1, 0);
	} else {
		struct kproto_failure f;
		struct bytes body = {w.message.body, w.message.size};
		ck_assert_uint_eq(w.message.type, KMSG_START_FAILED);
		ck_assert(kproto_get_failure(body, &f));
		ck_assert_str_eq(f.step, "resources");
		ck_assert_int_eq(f.blame, KBLAME_HOST);
		ck_assert_msg(
			strstr(f.text, "resources.pids_max"), "%s", f.text);
		world_expect_event(&w, KMSG_EMPTY);
	}
	world_end(&w);
}
END_TEST

START_TEST(test_name_is_no_trick)
{
	static const char *const names[] = {
		"", "web\nboot_id=", "web\x1b[2J", "web\xff", "web\xc2\x85"};
	struct kproto_start s = {.name = names[_i]};
	world_start(&w, POLICY);
	world_send_start(&w, &s, 1, SH("exit 0"), -1);
	struct kproto_failure f = world_expect_failure(&w, KMSG_START_FAILED);
	ck_assert_str_eq(f.step, "name");
	world_end(&w);
}
END_TEST

/* Files are called by a number, so a name may look like a path. */
START_TEST(test_name_is_no_path)
{
	static const char *const names[] = {"../w", "/w", ".", "a b"};
	struct kproto_start s = {.name = names[_i]};
	world_start(&w, POLICY);
	world_send_start(&w, &s, 1, SH("exit 3"), -1);
	world_expect(&w, KMSG_STARTED);
	world_expect_end(&w, 1, 3 << 8);
	world_end(&w);
}
END_TEST

int
main(void)
{
	world_is_root = geteuid() == 0;
	if (!world_is_root)
		puts("not root: that capabilities are given is left out");
	Suite *s = suite_create("rights");
	TCase *t = tcase_create("all");
	tcase_set_timeout(t, 90);
	tcase_add_loop_test(t, test_capabilities, 0, 2);
	tcase_add_loop_test(t, test_capabilities_refused, 0, 2);
	tcase_add_test(t, test_limit_or_failure);
	tcase_add_loop_test(t, test_name_is_no_trick, 0, 5);
	tcase_add_loop_test(t, test_name_is_no_path, 0, 4);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
