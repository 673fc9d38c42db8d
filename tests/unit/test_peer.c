/* Whether who connected lives, by the kernel's word and by its start time. */
#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/peer.h"
#include "sys/procstat.h"
#include "tests/lib/scratch.h"

/* Where the kernel is not asked: as before Linux 6.5. */
#define NO_SOCKET -1

static void
setup(void)
{
	scratch_begin();
}

/* A child that connected and sleeps, and our end of that. */
static pid_t
connected_child(int *fd_out)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	strcpy(a.sun_path, scratch_path("s"));
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&a, sizeof a), 0);
	ck_assert_int_eq(listen(listener, 1), 0);
	pid_t pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0)
			pause();
		_exit(1);
	}
	*fd_out = accept(listener, NULL, NULL);
	ck_assert_int_ge(*fd_out, 0);
	close(listener);
	return pid;
}

START_TEST(who_ended_is_told)
{
	siginfo_t info;
	int fd;
	pid_t pid = connected_child(&fd);
	uint64_t noted = peer_start(fd, pid);
	uint64_t began = procstat_start_time(pid);
	ck_assert(noted == 0 || noted == began);
	ck_assert(peer_lives(fd, pid, noted));
	ck_assert(peer_lives(NO_SOCKET, pid, 0));
	ck_assert(peer_lives(NO_SOCKET, pid, began));
	/* Another process has that number now. */
	ck_assert(!peer_lives(NO_SOCKET, pid, began + 1));
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	/* Nobody has heard of its end, which has come all the same. */
	if (noted == 0)
		ck_assert(!peer_lives(fd, pid, noted));
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	ck_assert(!peer_lives(fd, pid, noted));
	ck_assert(!peer_lives(NO_SOCKET, pid, 0));
	ck_assert(!peer_lives(NO_SOCKET, pid, began));
	ck_assert_uint_eq(peer_start(fd, pid), 0);
	close(fd);
}
END_TEST

START_TEST(start_is_noted_where_the_kernel_says_nothing)
{
	ck_assert_uint_eq(
		peer_start(NO_SOCKET, getpid()), procstat_start_time(getpid()));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("peer");
	TCase *tc = tcase_create("peer");
	tcase_add_checked_fixture(tc, setup, scratch_end);
	tcase_add_test(tc, who_ended_is_told);
	tcase_add_test(tc, start_is_noted_where_the_kernel_says_nothing);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
