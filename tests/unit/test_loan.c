/* Children that are born with the keeper's table of descriptors. */
#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keeper/loan.h"

#define PARKED	 100
#define CHILDREN 300 /* more at a time than there are loans */

/* What stays open in this process, as the keeper has it for its instances. */
static int parked[PARKED];

static int
open_null(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	return fd;
}

static bool
is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

/* How many are open in this process. */
static int
count_open(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = -1; /* the directory itself */
	for (struct dirent *e; dir && (e = readdir(dir));)
		count += e->d_name[0] != '.';
	if (dir)
		closedir(dir);
	return count;
}

static void
setup(void)
{
	for (int i = 0; i < PARKED; i++)
		parked[i] = loan_park(open_null());
}

static int
status_of(struct spawned *child)
{
	int status;
	ck_assert_int_eq(waitpid(child->pid, &status, 0), child->pid);
	close(child->pidfd);
	return status;
}

/* The child has 0 to 2, what it was given, and nothing else. */
START_TEST(test_child_has_its_own)
{
	struct err err = {""};
	struct spawned child;
	int also = open_null(), fds[] = {open_null(), open_null()};
	int other = open_null();
	int rc = loan_fork(-1, fds, 2, also, &child, &err);
	ck_assert_msg(rc == 0, "%s", err.text);
	if (child.pid == 0)
		_exit(is_open(fds[0]) && is_open(fds[1]) && is_open(also) &&
					is_open(2) && !is_open(other) &&
					!is_open(parked[0]) &&
					!is_open(parked[PARKED - 1]) &&
					count_open() == 6
				? 0
				: 1);
	ck_assert_int_eq(status_of(&child), 0);
	loan_collect();
	ck_assert(!is_open(fds[0]) && !is_open(fds[1]));
	ck_assert(is_open(also) && is_open(other));
	for (int i = 0; i < PARKED; i++)
		ck_assert(is_open(parked[i]));
	close(also);
	close(other);
}
END_TEST

/* What the child does with its table is nothing to us. */
START_TEST(test_parent_keeps_its_own)
{
	struct err err = {""};
	struct spawned child;
	int fds[] = {open_null()}, own = open_null();
	ck_assert_int_eq(loan_fork(-1, fds, 1, -1, &child, &err), 0);
	if (child.pid == 0) {
		for (int fd = 3; fd < 2000; fd++)
			close(fd);
		_exit(0);
	}
	ck_assert_int_eq(status_of(&child), 0);
	ck_assert(is_open(own) && is_open(parked[0]));
	close(own);
}
END_TEST

/* A child that is killed at any moment, perhaps before it has its own, leaves
 * nothing open here. */
START_TEST(test_killed_child)
{
	struct err err = {""};
	int before = count_open();
	for (int i = 0; i < 100; i++) {
		struct spawned child;
		int fds[] = {open_null(), open_null()};
		ck_assert_int_eq(loan_fork(-1, fds, 2, -1, &child, &err), 0);
		if (child.pid == 0)
			for (;;)
				pause();
		kill(child.pid, SIGKILL);
		ck_assert(WIFSIGNALED(status_of(&child)));
		loan_on_gone(child.pid);
	}
	ck_assert_int_eq(count_open(), before);
}
END_TEST

/* More at a time than there are loans: all of them are served. */
START_TEST(test_many_at_a_time)
{
	struct err err = {""};
	struct spawned children[CHILDREN];
	int before = count_open(), go[2];
	ck_assert_int_eq(pipe2(go, O_CLOEXEC), 0);
	for (int i = 0; i < CHILDREN; i++) {
		int fds[] = {open_null(), fcntl(go[0], F_DUPFD_CLOEXEC, 3)};
		ck_assert_int_eq(
			loan_fork(-1, fds, 2, -1, &children[i], &err), 0);
		if (children[i].pid == 0) {
			char byte;
			/* Ends when nobody has the other end: no child. */
			_exit(read(fds[1], &byte, 1) == 0 && is_open(fds[0]) &&
						!is_open(parked[0])
					? 0
					: 1);
		}
	}
	close(go[0]);
	close(go[1]);
	for (int i = 0; i < CHILDREN; i++)
		ck_assert_int_eq(status_of(&children[i]), 0);
	loan_collect();
	ck_assert_int_eq(count_open(), before);
}
END_TEST

/* Old kernels, and valgrind, do not know them. */
static bool
is_possible(void)
{
	int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	if (fd < 0)
		return false;
	close(fd);
	return syscall(SYS_close_range, ~0U, ~0U, CLOSE_RANGE_UNSHARE) == 0;
}

int
main(void)
{
	if (!is_possible()) {
		puts("SKIP: needs pidfd_open and close_range");
		return 77;
	}
	Suite *s = suite_create("loan");
	TCase *t = tcase_create("loan");
	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, test_child_has_its_own);
	tcase_add_test(t, test_parent_keeps_its_own);
	tcase_add_test(t, test_killed_child);
	tcase_add_test(t, test_many_at_a_time);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
