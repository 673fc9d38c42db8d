/* Durable files and paths that may have been planted. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/files.h"
#include "tests/lib/scratch.h"

static struct err err;

static void
setup(void)
{
	umask(022);
	err.text[0] = '\0';
	scratch_begin();
}

START_TEST(test_mkdir_p)
{
	struct stat st;
	ck_assert_int_eq(files_mkdir_p(scratch_path("a//b/c/"), 0750, &err), 0);
	ck_assert_int_eq(stat(scratch_path("a/b/c"), &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0750);
	ck_assert_int_eq(files_mkdir_p(scratch_path("a/b/c"), 0700, &err), 0);
	ck_assert_int_eq(stat(scratch_path("a/b/c"), &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0750);
}
END_TEST

START_TEST(test_mkdir_p_over_a_file)
{
	scratch_write("f", "", 0);
	ck_assert_int_eq(
		files_mkdir_p(scratch_path("f"), 0750, &err), -ENOTDIR);
	ck_assert_int_lt(files_mkdir_p(scratch_path("f/g"), 0750, &err), 0);
	ck_assert_ptr_nonnull(strstr(err.text, "/f"));
	ck_assert_int_lt(files_mkdir_p("", 0750, &err), 0);
}
END_TEST

START_TEST(test_write_atomic)
{
	struct stat st;
	struct bytes old = {"old", 3};
	struct bytes new = {"newer", 5};
	const char *path = scratch_path("x");
	scratch_write("x.tmp", "left by a crash", 15);
	ck_assert_int_eq(files_write_atomic(path, old, 0640, &err), 0);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0640);
	ck_assert_int_eq(files_write_atomic(path, new, 0640, &err), 0);
	char *data = scratch_read("x", NULL);
	ck_assert_str_eq(data, "newer");
	free(data);
	ck_assert_int_eq(scratch_size("x.tmp"), -1);
}
END_TEST

START_TEST(test_write_atomic_fails_and_leaves_the_old)
{
	struct bytes bytes = {"new", 3};
	scratch_write("x", "old", 3);
	ck_assert_int_eq(mkdir(scratch_path("x.tmp"), 0700), 0);
	ck_assert_int_lt(
		files_write_atomic(scratch_path("x"), bytes, 0600, &err), 0);
	ck_assert_ptr_nonnull(strstr(err.text, "x.tmp"));
	char *data = scratch_read("x", NULL);
	ck_assert_str_eq(data, "old");
	free(data);
}
END_TEST

START_TEST(test_read_all)
{
	static char big[100000];
	char *data;
	size_t size;
	memset(big, 'b', sizeof big);
	scratch_write("big", big, sizeof big);
	const char *path = scratch_path("big");
	ck_assert_int_eq(
		files_read_all(path, sizeof big, &data, &size, &err), 0);
	ck_assert_uint_eq(size, sizeof big);
	ck_assert_int_eq(memcmp(data, big, size), 0);
	ck_assert_int_eq(data[size], 0);
	free(data);
	int r = files_read_all(path, sizeof big - 1, &data, &size, &err);
	ck_assert_int_eq(r, -EFBIG);
	ck_assert_ptr_null(data);
	r = files_read_all(scratch_path("none"), 10, &data, &size, &err);
	ck_assert_int_eq(r, -ENOENT);
	ck_assert_int_eq(
		files_read_all("/proc/self/stat", 4096, &data, &size, &err), 0);
	ck_assert_uint_gt(size, 10);
	free(data);
}
END_TEST

START_TEST(test_open_beneath)
{
	int dir = open(scratch_path("."), O_RDONLY | O_DIRECTORY);
	scratch_write("file", "x", 1);
	ck_assert_int_eq(symlink("file", scratch_path("link")), 0);
	ck_assert_int_eq(symlink("/etc", scratch_path("away")), 0);
	int fd = files_open_beneath(dir, "file", O_RDONLY, 0, &err);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	close(fd);
	ck_assert_int_eq(
		files_open_beneath(dir, "link", O_RDONLY, 0, &err), -ELOOP);
	ck_assert_str_eq(
		err.text, "link: is a link, and links are not followed here");
	ck_assert_int_eq(
		files_open_beneath(dir, "away/passwd", O_RDONLY, 0, &err),
		-ELOOP);
	ck_assert_int_eq(
		files_open_beneath(dir, "../x", O_RDONLY, 0, &err), -EXDEV);
	ck_assert_int_eq(
		files_open_beneath(dir, "/etc/passwd", O_RDONLY, 0, &err),
		-EXDEV);
	fd = files_open_beneath(dir, "new", O_WRONLY | O_CREAT, 0600, &err);
	ck_assert_int_ge(fd, 0);
	close(fd);
	close(dir);
}
END_TEST

START_TEST(test_write_all_waits_for_a_full_pipe)
{
	static char big[300000];
	int ends[2];
	ck_assert_int_eq(pipe2(ends, O_NONBLOCK), 0);
	pid_t pid = fork();
	if (pid == 0) {
		close(ends[0]);
		_exit(files_write_all(ends[1], (struct bytes){big, sizeof big},
			      &err) != 0);
	}
	close(ends[1]);
	fcntl(ends[0], F_SETFL, 0);
	size_t got = 0;
	static char buffer[65536];
	ssize_t n;
	while ((n = read(ends[0], buffer, sizeof buffer)) > 0)
		got += (size_t)n;
	ck_assert_uint_eq(got, sizeof big);
	close(ends[0]);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("files");
	TCase *tc = tcase_create("files");
	tcase_add_checked_fixture(tc, setup, scratch_end);
	tcase_add_test(tc, test_mkdir_p);
	tcase_add_test(tc, test_mkdir_p_over_a_file);
	tcase_add_test(tc, test_write_atomic);
	tcase_add_test(tc, test_write_atomic_fails_and_leaves_the_old);
	tcase_add_test(tc, test_read_all);
	tcase_add_test(tc, test_open_beneath);
	tcase_add_test(tc, test_write_all_waits_for_a_full_pipe);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
