/* Rotation: the chain of names, and where a file ends. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "logger/logfile.h"
#include "logger/rotate.h"
#include "tests/lib/scratch.h"

static struct err err;
static struct logdir dir;

static void
setup(void)
{
	umask(027);
	err.text[0] = '\0';
	dir = (struct logdir){scratch_begin(), -1};
	ck_assert_int_eq(logdir_open(&dir, &err), 0);
}

static void
teardown(void)
{
	close(dir.fd);
	scratch_end();
}

/* Asserts that a file holds 'text', or does not exist when that is NULL. */
static void
expect(const char *name, const char *text)
{
	char *data = scratch_read(name, NULL);
	if (!text)
		ck_assert_ptr_null(data);
	else
		ck_assert_pstr_eq(data, text);
	free(data);
}

static void
put(const char *name, const char *text)
{
	scratch_write(name, text, strlen(text));
}

START_TEST(test_chain_grows_to_its_count)
{
	static const char *const texts[] = {"a", "b", "c", "d", "e"};
	for (size_t i = 0; i < 5; i++) {
		put("w.log", texts[i]);
		ck_assert_int_eq(rotate_files(dir.fd, "w.log", 3, &err), 0);
		expect("w.log", NULL);
	}
	expect("w.log.1", "e");
	expect("w.log.2", "d");
	expect("w.log.3", "c");
	expect("w.log.4", NULL);
}
END_TEST

START_TEST(test_gap_of_a_crash_is_repaired)
{
	put("w.log", "4");
	put("w.log.1", "3");
	put("w.log.3", "1");
	ck_assert_int_eq(rotate_files(dir.fd, "w.log", 3, &err), 0);
	expect("w.log.1", "4");
	expect("w.log.2", "3");
	expect("w.log.3", "1");
}
END_TEST

START_TEST(test_smaller_count_removes_the_rest)
{
	put("w.log", "5");
	put("w.log.1", "4");
	put("w.log.2", "3");
	put("w.log.3", "2");
	ck_assert_int_eq(rotate_files(dir.fd, "w.log", 1, &err), 0);
	expect("w.log.1", "5");
	expect("w.log.2", NULL);
	expect("w.log.3", NULL);
	put("w.log", "6");
	ck_assert_int_eq(rotate_files(dir.fd, "w.log", 0, &err), 0);
	expect("w.log", NULL);
	expect("w.log.1", NULL);
}
END_TEST

START_TEST(test_failed_rotation_keeps_the_file)
{
	put("w.log", "kept");
	ck_assert_int_eq(mkdir(scratch_path("w.log.1"), 0700), 0);
	ck_assert_int_lt(rotate_files(dir.fd, "w.log", 1, &err), 0);
	ck_assert_ptr_nonnull(strstr(err.text, "w.log.1"));
	expect("w.log", "kept");
}
END_TEST

/* What is in the file, what waits, and what must follow. */
static const struct plan_case {
	const char *file;
	const char *ahead;
	bool rotate;
	size_t move;
} plans[] = {
	/* size_max is 10, the bound 20 */
	{"", "abc\n", false, 4},		/* fits */
	{"", "abc", false, 3},			/* fits, though unfinished */
	{"", "abcdefghi\n", false, 10},		/* fits exactly */
	{"abcdefghi\n", "x", true, 0},		/* full, at a line's end */
	{"abc\n", "defgh\n", false, 6},		/* fits exactly */
	{"abc\n", "d\ne\nfghij\n", false, 4},	/* the lines that fit */
	{"abc\n", "defghij\n", true, 0},	/* the line does not fit */
	{"abc", "def\nghijk\n", false, 4},	/* finishes the line */
	{"abc", "defghijkl\nm\n", false, 10},	/* finishes it beyond max */
	{"abcdefghijklm", "no\np\n", false, 3}, /* same, further on */
	{"", "abcdefghijklm\nn\n", false, 14},	/* longer than max */
	{"", "abcdefghijklmnopqrstuvwxyz", false, 20}, /* to the bound */
	{"abcdefghijklmnopqrst", "u\n", true, 0},      /* the bound: cut */
	{"abcdefghijklmnopqrs", "tuv\n", false, 1},
	{"abcdefghijklmnopqr\n", "t\n", true, 0},
};

START_TEST(test_plan)
{
	const struct plan_case *c = &plans[_i];
	struct logfile f;
	put("w.log", c->file);
	logfile_init(&f, &dir, "w.log", 10, 3);
	ck_assert_int_eq(logfile_open(&f, &err), 0);
	struct logfile_cut cut =
		logfile_plan(&f, (struct bytes){c->ahead, strlen(c->ahead)});
	ck_assert_int_eq(cut.rotate, c->rotate);
	ck_assert_uint_eq(cut.move, c->move);
	f.size_max = 0;
	cut = logfile_plan(&f, (struct bytes){c->ahead, strlen(c->ahead)});
	ck_assert_int_eq(cut.rotate, false);
	ck_assert_uint_eq(cut.move, strlen(c->ahead));
	logfile_close(&f);
}
END_TEST

START_TEST(test_planted_things_are_refused)
{
	struct logfile f;
	logfile_init(&f, &dir, "w.log", 10, 3);
	put("target", "secret");
	ck_assert_int_eq(symlink("target", scratch_path("w.log")), 0);
	ck_assert_int_eq(logfile_open(&f, &err), -ELOOP);
	ck_assert_int_eq(unlink(scratch_path("w.log")), 0);
	ck_assert_int_eq(mkfifo(scratch_path("w.log"), 0600), 0);
	ck_assert_int_eq(logfile_open(&f, &err), -EINVAL);
	ck_assert_int_eq(unlink(scratch_path("w.log")), 0);
	ck_assert_int_eq(mkdir(scratch_path("w.log"), 0700), 0);
	ck_assert_int_eq(logfile_open(&f, &err), -EISDIR);
	expect("target", "secret");
}
END_TEST

START_TEST(test_one_writer_per_file)
{
	struct logfile f, g;
	logfile_init(&f, &dir, "w.log", 10, 3);
	logfile_init(&g, &dir, "w.log", 10, 3);
	ck_assert_int_eq(logfile_open(&f, &err), 0);
	ck_assert_int_eq(logfile_open(&g, &err), -EBUSY);
	logfile_close(&f);
	ck_assert_int_eq(logfile_open(&g, &err), 0);
	logfile_close(&g);
}
END_TEST

START_TEST(test_mode_and_lines_of_our_own)
{
	struct logfile f;
	struct stat st;
	logfile_init(&f, &dir, "w.log", 0, 3);
	ck_assert_int_eq(logfile_open(&f, &err), 0);
	ck_assert_int_eq(stat(scratch_path("w.log"), &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0640);
	ck_assert_int_eq(logfile_add_line(&f, "one", &err), 0);
	ck_assert_int_eq(pwrite(f.fd, "half", 4, 4), 4);
	f.size = 8;
	ck_assert_int_eq(logfile_add_line(&f, "two", &err), 0);
	expect("w.log", "one\nhalf\ntwo\n");
	logfile_close(&f);
}
END_TEST

START_TEST(test_meddling_is_noticed)
{
	struct logfile f;
	logfile_init(&f, &dir, "w.log", 0, 3);
	ck_assert_int_eq(logfile_open(&f, &err), 0);
	ck_assert_int_eq(logfile_add_line(&f, "one", &err), 0);
	ck_assert_int_eq(truncate(scratch_path("w.log"), 0), 0);
	ck_assert_int_eq(logfile_open(&f, &err), 0);
	ck_assert_int_eq(logfile_add_line(&f, "two", &err), 0);
	expect("w.log", "two\n");
	rename(scratch_path("w.log"), scratch_path("w.old"));
	ck_assert_int_eq(logfile_open(&f, &err), 0);
	ck_assert_int_eq(logfile_add_line(&f, "three", &err), 0);
	expect("w.old", "two\n");
	expect("w.log", "three\n");
	logfile_close(&f);
}
END_TEST

START_TEST(test_removed_directory_is_made_again)
{
	struct logfile f;
	struct logdir d = {scratch_path("logs/deep"), -1};
	logfile_init(&f, &d, "w.log", 0, 3);
	ck_assert_int_eq(logfile_open(&f, &err), 0);
	ck_assert_int_eq(unlink(scratch_path("logs/deep/w.log")), 0);
	ck_assert_int_eq(rmdir(scratch_path("logs/deep")), 0);
	ck_assert_int_eq(logfile_open(&f, &err), 0);
	ck_assert_int_eq(logfile_add_line(&f, "again", &err), 0);
	expect("logs/deep/w.log", "again\n");
	logfile_close(&f);
	close(d.fd);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("logfile");
	TCase *tc = tcase_create("logfile");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_chain_grows_to_its_count);
	tcase_add_test(tc, test_gap_of_a_crash_is_repaired);
	tcase_add_test(tc, test_smaller_count_removes_the_rest);
	tcase_add_test(tc, test_failed_rotation_keeps_the_file);
	tcase_add_loop_test(
		tc, test_plan, 0, (int)(sizeof plans / sizeof *plans));
	tcase_add_test(tc, test_planted_things_are_refused);
	tcase_add_test(tc, test_one_writer_per_file);
	tcase_add_test(tc, test_mode_and_lines_of_our_own);
	tcase_add_test(tc, test_meddling_is_noticed);
	tcase_add_test(tc, test_removed_directory_is_made_again);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
