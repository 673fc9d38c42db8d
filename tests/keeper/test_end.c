/* How all of skepd ends: the node stops what runs, and skepd itself what the
 * node leaves. */
#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/clock.h"
#include "world.h"

#define POLICY "allowed_users = nobody\n"

static struct world w;

/* Each is stopped by its own signal, in its own time, those of a higher rank
 * first; what a leader leaves gets the signal too. */
START_TEST(test_end_is_in_order)
{
	char path[128], line[64];
	world_start(&w, POLICY);
	struct kproto_start first = {
		.stop_signal = SIGUSR1,
		.stop_rank = 2,
		.working_dir = w.dir,
	};
	world_send_start(&w, &first, 1,
		SH("trap 'sleep 0.3; echo first >> order; exit 0' USR1; "
		   "echo up; while :; do sleep 0.05; done"),
		-1);
	world_expect(&w, KMSG_STARTED);
	struct kproto_start second = {
		.stop_rank = 1,
		.working_dir = w.dir,
	};
	world_send_start(&w, &second, 2,
		SH("(trap 'echo rest >> order; exit 0' TERM; echo up; "
		   "while :; do sleep 0.05; done) & "
		   "trap 'echo second >> order; exit 0' TERM; echo up; wait"),
		-1);
	world_expect(&w, KMSG_STARTED);
	struct kproto_start third = {
		.stop_timeout_ms = 200,
		.working_dir = w.dir,
	};
	world_send_start(&w, &third, 3,
		SH("trap '' TERM; echo up; while :; do sleep 1; done"), -1);
	world_expect(&w, KMSG_STARTED);
	world_read_log(&w, 1, "up");
	world_read_log(&w, 2, "up\nup");
	world_read_log(&w, 3, "up");
	snprintf(path, sizeof path, "%s/order", w.dir);
	int fd = open(path, O_RDWR | O_CREAT, 0666);
	ck_assert_int_eq(fchmod(fd, 0666), 0);
	mono began = clock_mono();
	world_stop_keeper(&w);
	ck_assert_int_lt(mono_diff(clock_mono(), began), 9000);
	ssize_t n = read(fd, line, sizeof line - 1);
	close(fd);
	line[n > 0 ? n : 0] = 0;
	ck_assert_str_eq(line, "first\nsecond\nrest\n");
	world_remove(&w);
}
END_TEST

/* The node stops what it knows of, and has all its commands for that; skepd
 * starts nothing any more, and ends when the node says so. */
START_TEST(test_node_stops_first)
{
	struct kproto_start late = {0};
	world_start(&w, POLICY);
	pid_t first = world_start_script(&w, 1, "exec sleep 1000");
	pid_t left = world_start_script(&w, 2, "exec sleep 1000");
	kill(w.keeper, SIGTERM);
	world_expect(&w, KMSG_ENDING);
	world_send_start(&w, &late, 3, SH("exec sleep 1000"), -1);
	struct kproto_failure no = world_expect_failure(&w, KMSG_START_FAILED);
	ck_assert_int_eq(no.blame, KBLAME_BUSY);
	ck_assert_str_eq(no.step, "stopping");
	world_send_event(&w, KMSG_KILL, 1, 1);
	world_expect_end(&w, 1, SIGKILL);
	ck_assert_int_eq(kill(left, 0), 0);
	/* Again: that is the second signal, for those in a hurry. */
	world_end(&w);
	world_wait_gone(first);
	world_wait_gone(left);
}
END_TEST

/* That it has ended what runs is not its own end: it has its store to close. */
START_TEST(test_node_ends_by_itself)
{
	char path[128];
	int status = -1;
	world_start(&w, POLICY);
	world_start_script(&w, 1, "exec sleep 1000");
	kill(w.keeper, SIGTERM);
	world_expect(&w, KMSG_ENDING);
	world_send_event(&w, KMSG_KILL, 1, 1);
	world_expect_end(&w, 1, SIGKILL);
	/* Too slow to be there before a signal that ends it at once. */
	kill(w.node_pid, SIGSTOP);
	ipc_send(w.node, KMSG_ENDED, (struct bytes){NULL, 0}, NULL, 0);
	world_wait_gone(w.logger_pid);
	kill(w.node_pid, SIGCONT);
	ck_assert_int_eq(waitpid(w.keeper, &status, 0), w.keeper);
	ck_assert_int_eq(status, 0);
	snprintf(path, sizeof path, "%s/standins.node-ended", w.dir);
	ck_assert_int_eq(access(path, F_OK), 0);
	world_remove(&w);
}
END_TEST

START_TEST(test_end_without_node)
{
	world_start(&w, POLICY);
	pid_t pid = world_start_script(&w, 1, "exec sleep 1000");
	kill(w.keeper, SIGTERM);
	world_expect(&w, KMSG_ENDING);
	kill(w.node_pid, SIGKILL);
	int status = -1;
	mono end = mono_add(clock_mono(), WORLD_WAIT_MS);
	while (waitpid(w.keeper, &status, WNOHANG) == 0) {
		ck_assert(!mono_reached(end, clock_mono()));
		world_serve(&w);
	}
	ck_assert_int_eq(status, 0);
	world_wait_gone(pid);
	world_remove(&w);
}
END_TEST

int
main(void)
{
	world_is_root = geteuid() == 0;
	Suite *s = suite_create("end");
	TCase *t = tcase_create("end");
	tcase_set_timeout(t, 60);
	tcase_add_test(t, test_end_is_in_order);
	tcase_add_test(t, test_node_stops_first);
	tcase_add_test(t, test_node_ends_by_itself);
	tcase_add_test(t, test_end_without_node);
	suite_add_tcase(s, t);
	SRunner *runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
