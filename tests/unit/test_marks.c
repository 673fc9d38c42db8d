/* The marks of log files, whose inodes the file system gives away again. */
#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "logger/marks.h"
#include "sys/logmarks.h"
#include "tests/lib/scratch.h"

#define INODE 77
#define COPY  78
#define SIZE  20000

static struct err err;
static struct logdir dir;
static struct logfile file;
static struct marks marks;
static const mono now = {1000};

static void
setup(void)
{
	dir = (struct logdir){scratch_begin(), -1};
	ck_assert_int_eq(logdir_open(&dir, &err), 0);
	logfile_init(&file, &dir, "w.log", SIZE, 3);
	file.inode = INODE;
	file.opening = 1;
	marks = (struct marks){0};
	marks_begin(&marks, 5);
}

static void
teardown(void)
{
	close(dir.fd);
	scratch_end();
}

/* Reads the marks of the file with this inode, which are 'count'; 'own_out'
 * gets the inode of the marks themselves. */
static struct logmark
last_mark(ino_t inode, uint64_t count, ino_t *own_out)
{
	char path[LOGMARKS_PATH_MAX];
	struct logmark last;
	struct stat st;
	logmarks_path(path, "w.log", inode);
	int fd = openat(dir.fd, path, O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_uint_eq(logmarks_count(fd), count);
	ck_assert_uint_eq(logmarks_read(fd, count - 1, &last, 1), 1);
	ck_assert_int_eq(fstat(fd, &st), 0);
	close(fd);
	*own_out = st.st_ino;
	return last;
}

/* The file was rotated, compressed and removed before the next one was made,
 * which got its inode: it is another file, with marks of its own. */
START_TEST(test_next_file_may_have_the_same_inode)
{
	ino_t first, copy, second;
	marks_note(&marks, &file, now);
	file.size = SIZE;
	last_mark(INODE, 1, &first);
	marks_link(dir.fd, "w.log", INODE, COPY);
	file.size = 0;
	file.opening++;
	marks_note(&marks, &file, now);
	struct logmark m = last_mark(INODE, 1, &second);
	ck_assert_uint_eq(m.offset, 0);
	ck_assert_uint_eq(m.epoch, 5);
	last_mark(COPY, 1, &copy);
	ck_assert_uint_eq(copy, first);
	ck_assert_uint_ne(second, first);
}
END_TEST

/* The last epoch ended in a file that is gone: where it ended there says
 * nothing about this one. */
START_TEST(test_epoch_that_ended_in_another_file)
{
	ino_t own;
	marks_note(&marks, &file, now);
	file.size = 100;
	marks_end(&marks, &file, now);
	ck_assert_uint_eq(last_mark(INODE, 2, &own).epoch, 5 | LOGMARKS_END);
	marks_begin(&marks, 6);
	file.size = 300;
	file.opening++;
	marks_note(&marks, &file, now);
	struct logmark m = last_mark(INODE, 3, &own);
	ck_assert_uint_eq(m.offset, 300);
	ck_assert_uint_eq(m.epoch, 6);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("marks");
	TCase *tc = tcase_create("marks");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_next_file_may_have_the_same_inode);
	tcase_add_test(tc, test_epoch_that_ended_in_another_file);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
