#include <skep/skep.h>

#include <check.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/lib/scratch.h"

/* --- Signals --- */

START_TEST(signals_come_as_numbers_where_one_waits)
{
	ck_assert_int_eq(skep_signal_fd(), -1);
	ck_assert_int_eq(skep_wait(0), 0);
	ck_assert_int_eq(skep_catch(SIGUSR1), 0);
	ck_assert_int_eq(skep_catch(SIGTERM), 0);
	ck_assert_int_ge(skep_signal_fd(), 0);
	ck_assert_int_eq(skep_wait(0), 0);
	ck_assert_int_eq(raise(SIGUSR1), 0);
	ck_assert_int_eq(raise(SIGTERM), 0);
	ck_assert_int_eq(skep_wait(-1), SIGUSR1);
	ck_assert_int_eq(skep_wait(-1), SIGTERM);
	ck_assert_int_eq(skep_wait(1), 0);
}
END_TEST

START_TEST(a_signal_that_cannot_be_caught_is_an_error)
{
	ck_assert_int_eq(skep_catch(SIGKILL), -EINVAL);
}
END_TEST

static void *
raise_to_process(void *arg)
{
	(void)arg;
	kill(getpid(), SIGUSR1);
	return NULL;
}

START_TEST(a_signal_that_another_thread_takes_ends_the_wait)
{
	pthread_t thread;
	ck_assert_int_eq(skep_catch(SIGUSR1), 0);
	ck_assert_int_eq(
		pthread_create(&thread, NULL, raise_to_process, NULL), 0);
	int number = 0;
	for (int i = 0; number == 0 && i < 100; i++)
		number = skep_wait(1000);
	ck_assert_int_eq(number, SIGUSR1);
	pthread_join(thread, NULL);
}
END_TEST

START_TEST(more_signals_than_the_pipe_takes_do_not_block)
{
	ck_assert_int_eq(skep_catch(SIGUSR1), 0);
	for (int i = 0; i < 100000; i++)
		raise(SIGUSR1);
	ck_assert_int_eq(skep_wait(0), SIGUSR1);
}
END_TEST

START_TEST(the_pipe_does_not_pass_to_what_is_executed)
{
	ck_assert_int_eq(skep_catch(SIGUSR1), 0);
	ck_assert_int_eq(fcntl(skep_signal_fd(), F_GETFD), FD_CLOEXEC);
}
END_TEST

/* --- State --- */

static void
set_out(void)
{
	scratch_begin();
	setenv("SKEP_STATE_OUT", scratch_path("state"), 1);
	setenv("SKEP_CHECKPOINT_OUT", scratch_path("checkpoint"), 1);
}

START_TEST(without_skep_there_is_no_state_and_no_answer)
{
	void *data = &data;
	size_t size = 7;
	unsetenv("SKEP_STATE_IN");
	unsetenv("SKEP_STATE_OUT");
	unsetenv("SKEP_CHECKPOINT_OUT");
	unsetenv("NOTIFY_SOCKET");
	ck_assert_int_eq(skep_state_open(), -ENOENT);
	ck_assert_int_eq(skep_state_load(&data, &size), 0);
	ck_assert_ptr_null(data);
	ck_assert_uint_eq(size, 0);
	ck_assert_int_eq(skep_state_begin(), -ENOENT);
	ck_assert_int_eq(skep_state_save("x", 1), -ENOENT);
	ck_assert_int_eq(skep_checkpoint_begin(), -ENOENT);
	ck_assert_int_eq(skep_checkpoint_save("x", 1), -ENOENT);
	ck_assert_int_eq(skep_answer_restart(), -ENOENT);
	ck_assert_int_eq(skep_answer_ignore(), -ENOENT);
	ck_assert_int_eq(skep_ready(), 0);
}
END_TEST

/* Sizes around the first room of the reader, and beyond. */
static const size_t sizes[] = {0, 1, 65535, 65536, 65537, 3000000};

START_TEST(what_is_saved_is_loaded)
{
	size_t size = sizes[_i], loaded;
	void *back;
	unsigned char *data = malloc(size + 1);
	ck_assert_ptr_nonnull(data);
	for (size_t i = 0; i < size; i++)
		data[i] = (unsigned char)(i * 31 >> 3);
	set_out();
	ck_assert_int_eq(skep_state_save(data, size), 0);
	ck_assert_int_eq(scratch_size("state"), (int64_t)size);
	ck_assert_int_eq(scratch_size("state.tmp"), -1);
	setenv("SKEP_STATE_IN", scratch_path("state"), 1);
	ck_assert_int_eq(skep_state_load(&back, &loaded), 1);
	ck_assert_uint_eq(loaded, size);
	ck_assert_int_eq(memcmp(back, data, size), 0);
	free(back);
	free(data);
	scratch_end();
}
END_TEST

START_TEST(the_last_state_counts_and_is_private)
{
	struct stat st;
	set_out();
	ck_assert_int_eq(skep_state_save("first, and longer", 17), 0);
	ck_assert_int_eq(skep_state_save("last", 4), 0);
	ck_assert_int_eq(scratch_size("state"), 4);
	ck_assert_int_eq(stat(scratch_path("state"), &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0600);
	scratch_end();
}
END_TEST

START_TEST(half_a_state_is_no_answer)
{
	set_out();
	int fd = skep_state_begin();
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(skep_state_write(fd, "half", 4), 0);
	ck_assert_int_eq(scratch_size("state"), -1);
	skep_state_discard(fd);
	ck_assert_int_eq(scratch_size("state"), -1);
	ck_assert_int_eq(scratch_size("state.tmp"), -1);
	scratch_end();
}
END_TEST

START_TEST(a_checkpoint_is_no_answer_and_the_last_stays_whole)
{
	set_out();
	ck_assert_int_eq(skep_checkpoint_save("first", 5), 0);
	ck_assert_int_eq(scratch_size("checkpoint"), 5);
	ck_assert_int_eq(scratch_size("state"), -1);
	int fd = skep_checkpoint_begin();
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(skep_state_write(fd, "se", 2), 0);
	ck_assert_int_eq(scratch_size("checkpoint"), 5);
	ck_assert_int_eq(skep_checkpoint_finish(fd), 0);
	ck_assert_int_eq(scratch_size("checkpoint"), 2);
	fd = skep_checkpoint_begin();
	skep_checkpoint_discard(fd);
	ck_assert_int_eq(scratch_size("checkpoint"), 2);
	ck_assert_int_eq(scratch_size("checkpoint.tmp"), -1);
	scratch_end();
}
END_TEST

START_TEST(a_state_that_cannot_have_its_name_is_no_answer)
{
	set_out();
	ck_assert_int_eq(mkdir(scratch_path("state"), 0700), 0);
	ck_assert_int_eq(skep_state_save("x", 1), -EISDIR);
	ck_assert_int_eq(scratch_size("state.tmp"), -1);
	scratch_end();
}
END_TEST

START_TEST(a_disk_without_room_is_told)
{
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(skep_state_write(fd, "x", 1), -ENOSPC);
	close(fd);
}
END_TEST

START_TEST(a_state_that_cannot_be_read_is_told)
{
	void *data;
	size_t size;
	scratch_begin();
	setenv("SKEP_STATE_IN", scratch_path("nowhere"), 1);
	/* Named and not there is no start without a state. */
	ck_assert_int_eq(skep_state_load(&data, &size), 0);
	setenv("SKEP_STATE_IN", scratch_path("."), 1);
	ck_assert_int_eq(skep_state_load(&data, &size), -EISDIR);
	ck_assert_ptr_null(data);
	scratch_end();
}
END_TEST

START_TEST(the_other_answers_are_files)
{
	set_out();
	ck_assert_int_eq(skep_answer_restart(), 0);
	ck_assert_int_eq(scratch_size("state.restart"), 0);
	ck_assert_int_eq(skep_answer_ignore(), 0);
	ck_assert_int_eq(skep_answer_ignore(), 0);
	ck_assert_int_eq(scratch_size("state.ignore"), 0);
	scratch_end();
}
END_TEST

START_TEST(a_path_that_is_too_long_is_refused)
{
	char path[SKEP_PATH_SIZE + 1];
	memset(path, 'x', sizeof path - 1);
	path[sizeof path - 1] = '\0';
	setenv("SKEP_STATE_OUT", path, 1);
	ck_assert_int_eq(skep_state_begin(), -ENAMETOOLONG);
	ck_assert_int_eq(skep_answer_ignore(), -ENAMETOOLONG);
	setenv("NOTIFY_SOCKET", path, 1);
	ck_assert_int_eq(skep_ready(), -ENAMETOOLONG);
}
END_TEST

/* --- Notify --- */

/* Listens where NOTIFY_SOCKET says; 'is_abstract' as systemd does. */
static int
listen_for_notify(bool is_abstract)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	const char *path = scratch_path("notify");
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(fd, 0);
	int n = snprintf(at.sun_path, sizeof at.sun_path, "%s%s",
		is_abstract ? "@" : "", path);
	setenv("NOTIFY_SOCKET", at.sun_path, 1);
	if (is_abstract)
		at.sun_path[0] = '\0';
	socklen_t size =
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)n);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, size), 0);
	return fd;
}

static void
expect(int fd, const char *text)
{
	char got[1024];
	ssize_t n = recv(fd, got, sizeof got - 1, MSG_DONTWAIT);
	ck_assert_int_ge(n, 0);
	got[n] = '\0';
	ck_assert_str_eq(got, text);
}

START_TEST(it_says_how_it_is)
{
	char longer[1000];
	memset(longer, 'x', sizeof longer - 1);
	longer[sizeof longer - 1] = '\0';
	scratch_begin();
	int fd = listen_for_notify(_i == 1);
	ck_assert_int_eq(skep_ready(), 1);
	expect(fd, "READY=1");
	ck_assert_int_eq(skep_status("warm\nREADY=1"), 1);
	expect(fd, "STATUS=warm");
	ck_assert_int_eq(skep_watchdog(), 1);
	expect(fd, "WATCHDOG=1");
	ck_assert_int_eq(skep_stopping(), 1);
	expect(fd, "STOPPING=1");
	ck_assert_int_eq(skep_status(longer), 1);
	longer[500] = '\0';
	char line[512];
	snprintf(line, sizeof line, "STATUS=%.500s", longer);
	expect(fd, line);
	close(fd);
	scratch_end();
}
END_TEST

START_TEST(who_does_not_listen_is_told)
{
	scratch_begin();
	setenv("NOTIFY_SOCKET", scratch_path("nobody"), 1);
	ck_assert_int_eq(skep_ready(), -ENOENT);
	scratch_end();
}
END_TEST

static const struct {
	const char *usec;
	bool is_mine;
	int ms;
} watchdogs[] = {
	{NULL, true, -1},
	{"", true, -1},
	{"0", true, -1},
	{"soon", true, -1},
	{"-5", true, -1},
	{"5000000x", true, -1},
	{"5000000", true, 2500},
	{"5000000", false, -1},
	{"100", true, 1},
	{"18446744073709551615", true, INT_MAX},
};

START_TEST(the_watchdog_wants_a_sign_in_half_its_time)
{
	char pid[24];
	snprintf(pid, sizeof pid, "%d",
		(int)getpid() + (watchdogs[_i].is_mine ? 0 : 1));
	setenv("WATCHDOG_PID", pid, 1);
	unsetenv("WATCHDOG_USEC");
	if (watchdogs[_i].usec)
		setenv("WATCHDOG_USEC", watchdogs[_i].usec, 1);
	ck_assert_int_eq(skep_watchdog_ms(), watchdogs[_i].ms);
	unsetenv("WATCHDOG_PID");
	if (watchdogs[_i].is_mine)
		ck_assert_int_eq(skep_watchdog_ms(), watchdogs[_i].ms);
}
END_TEST

static TCase *
state_case(void)
{
	TCase *t = tcase_create("state");
	tcase_add_test(t, without_skep_there_is_no_state_and_no_answer);
	tcase_add_loop_test(
		t, what_is_saved_is_loaded, 0, sizeof sizes / sizeof sizes[0]);
	tcase_add_test(t, the_last_state_counts_and_is_private);
	tcase_add_test(t, half_a_state_is_no_answer);
	tcase_add_test(t, a_checkpoint_is_no_answer_and_the_last_stays_whole);
	tcase_add_test(t, a_state_that_cannot_have_its_name_is_no_answer);
	tcase_add_test(t, a_disk_without_room_is_told);
	tcase_add_test(t, a_state_that_cannot_be_read_is_told);
	tcase_add_test(t, the_other_answers_are_files);
	tcase_add_test(t, a_path_that_is_too_long_is_refused);
	return t;
}

int
main(void)
{
	Suite *s = suite_create("skep.h");
	TCase *t = tcase_create("signals");
	tcase_add_test(t, signals_come_as_numbers_where_one_waits);
	tcase_add_test(t, a_signal_that_cannot_be_caught_is_an_error);
	tcase_add_test(t, a_signal_that_another_thread_takes_ends_the_wait);
	tcase_add_test(t, more_signals_than_the_pipe_takes_do_not_block);
	tcase_add_test(t, the_pipe_does_not_pass_to_what_is_executed);
	suite_add_tcase(s, t);
	suite_add_tcase(s, state_case());
	t = tcase_create("notify");
	tcase_add_loop_test(t, it_says_how_it_is, 0, 2);
	tcase_add_test(t, who_does_not_listen_is_told);
	tcase_add_loop_test(t, the_watchdog_wants_a_sign_in_half_its_time, 0,
		sizeof watchdogs / sizeof watchdogs[0]);
	suite_add_tcase(s, t);
	SRunner *runner = srunner_create(s);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
