/* Services outlive skepd: what the next one makes of them. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "world.h"

#define POLICY "allowed_users = nobody\n"

static struct world w;

/* The next skepd, and the one instance that it tells of. */
static struct kproto_instance
adopt_one(void)
{
	struct kproto_instance is[4];
	unsigned count = 0;
	world_run_keeper(&w);
	world_greet(&w, is, &count, NULL);
	ck_assert_uint_eq(count, 1);
	return is[0];
}

START_TEST(test_service_is_adopted)
{
	world_start(&w, POLICY);
	pid_t pid = world_start_script(&w, 1,
		"echo $$ > pid; trap 'exit 7' TERM; "
		"while :; do sleep 0.05; done");
	ck_assert_int_eq(world_read_pid(&w, "pid"), pid);
	for (int round = 0; round < 3; round++) {
		world_kill_keeper(&w);
		ck_assert_int_eq(kill(pid, 0), 0);
		struct kproto_instance i = adopt_one();
		ck_assert_uint_eq(i.pid, (uint32_t)pid);
		ck_assert_uint_eq(i.epoch, 1);
		ck_assert(!i.is_empty && i.start_time != 0);
	}
	struct kproto_start s = {.epoch = 2};
	world_send_start(&w, &s, 1, SH("exit 0"), -1);
	struct kproto_failure f = world_expect_failure(&w, KMSG_START_FAILED);
	ck_assert_uint_eq(f.blame, KBLAME_BUSY);
	/* How it ends is told, although it is not our child. */
	struct kproto_signal term = {1, 1, SIGTERM, KTARGET_MAIN, false, false};
	world_send_signal(&w, &term);
	world_expect_end(&w, 1, 7 << 8);
	world_send_start(&w, &s, 1, SH("exit 0"), -1);
	world_expect(&w, KMSG_STARTED);
	world_expect_end(&w, 1, 0);
	world_end(&w);
}
END_TEST

START_TEST(test_end_without_keeper_is_unknown)
{
	world_start(&w, POLICY);
	pid_t pid = world_start_script(&w, 1, "echo first; exec sleep 1000");
	world_read_log(&w, 1, "first");
	world_kill_keeper(&w);
	kill(pid, SIGKILL);
	world_wait_gone(pid);
	struct kproto_instance i = adopt_one();
	ck_assert(i.is_empty && i.pid == 0);
	ck_assert_int_eq(i.status, KSTATUS_UNKNOWN);
	world_read_log(&w, 1, "output may be missing");
	/* And so it stays, until it is forgotten. */
	world_kill_keeper(&w);
	i = adopt_one();
	ck_assert(i.is_empty);
	ck_assert_int_eq(i.status, KSTATUS_UNKNOWN);
	world_send_event(&w, KMSG_FORGET, 1, 1);
	world_send_event(&w, KMSG_FORGET, 1, 1);
	ck_assert_int_eq(world_expect_failure(&w, KMSG_REFUSED).code, ENOENT);
	world_kill_keeper(&w);
	world_run_keeper(&w);
	world_greet(&w, NULL, NULL, NULL);
	world_end(&w);
}
END_TEST

START_TEST(test_known_end_is_remembered)
{
	world_start(&w, POLICY);
	world_start_script(&w, 1, "exit 5");
	world_expect_end(&w, 1, 5 << 8);
	world_kill_keeper(&w);
	struct kproto_instance i = adopt_one();
	ck_assert(i.is_empty);
	ck_assert_int_eq(i.status, 5 << 8);
	world_end(&w);
	/* What ended with skepd is not told of. */
	world_start(&w, POLICY);
	world_end(&w);
}
END_TEST

START_TEST(test_output_waits_for_the_next_logger)
{
	char path[128];
	world_start(&w, POLICY);
	snprintf(path, sizeof path, "%s/go", w.dir);
	ck_assert_int_eq(mkfifo(path, 0666), 0);
	chmod(path, 0666);
	world_start_script(&w, 1,
		"echo before; read x < go; i=0; "
		"while [ $i -lt 500 ]; do echo line $i; i=$((i+1)); "
		"done; echo done; exec sleep 1000");
	world_read_log(&w, 1, "before");
	close(w.log_fds[1]);
	w.log_fds[1] = -1;
	world_kill_keeper(&w);
	/* Nobody but the service has the FIFO open now. */
	int go = open(path, O_RDWR);
	ck_assert_int_eq(write(go, "\n", 1), 1);
	struct kproto_instance i = adopt_one();
	ck_assert(i.pid != 0);
	const char *text = world_read_log(&w, 1, "done");
	world_ck_line(text, "line 0\n");
	world_ck_line(text, "line 499\n");
	close(go);
	world_end(&w);
}
END_TEST

/* Services that do not make it easy; each must be gone after a KILL by the
 * keeper after the one that started it. */
static const char *const hostile[] = {
	"trap '' TERM INT HUP; echo up; while :; do sleep 1; done",
	"(setsid sh -c 'trap \"\" TERM; sleep 1000' &) ; echo up; exec sleep "
	"1000",
	"(setsid sleep 1000 &); echo up; kill -9 $$",
	"exec bash -c 'echo up; exec 0<&- 1>&- 2>&- 64>&-; exec sleep 1000'",
	"echo up; kill -STOP $$; exec sleep 1000",
	"for n in 1 2 3 4 5; do sleep 1000 & done; echo up; wait",
};

START_TEST(test_hostile_is_killed_after_adoption)
{
	world_start(&w, POLICY);
	if (!w.welcome.tracks_cgroups) {
		puts("skipped: no cgroup v2 here");
		world_end(&w);
		return;
	}
	world_start_script(&w, 1, hostile[_i]);
	world_read_log(&w, 1, "up");
	world_kill_keeper(&w);
	struct kproto_instance i = adopt_one();
	ck_assert(!i.is_empty);
	world_send_event(&w, KMSG_KILL, 1, 1);
	do
		world_expect(&w, i.pid ? KMSG_EXITED : KMSG_EMPTY);
	while (w.message.type != KMSG_EMPTY && (i.pid = 0, true));
	struct kproto_start s = {.epoch = 2};
	world_send_start(&w, &s, 1, SH("exit 0"), -1);
	world_expect(&w, KMSG_STARTED);
	world_expect_end(&w, 1, 0);
	world_end(&w);
}
END_TEST

int
main(void)
{
	world_is_root = geteuid() == 0;
	Suite *s = suite_create("adopt");
	TCase *t = tcase_create("all");
	tcase_set_timeout(t, 90);
	tcase_add_test(t, test_service_is_adopted);
	tcase_add_test(t, test_end_without_keeper_is_unknown);
	tcase_add_test(t, test_known_end_is_remembered);
	tcase_add_test(t, test_output_waits_for_the_next_logger);
	tcase_add_loop_test(t, test_hostile_is_killed_after_adoption, 0,
		(int)(sizeof hostile / sizeof *hostile));
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
