/* skep-mover at a state_path, the real program: whole states, what is in
 * their way, and everything planted. */
#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/statestream.h"
#include "tests/lib/scratch.h"

#define PROGRAM	  "./skep-mover"
#define STALE	  "db/dump.skep-stale-7"
#define WORDS_MAX 16

static struct {
	int status; /* exit status, -1 for a signal */
	char output[200000];
	size_t size;
	char errors[2000];
} run;

static void
setup(void)
{
	umask(022);
	scratch_begin();
	ck_assert_int_eq(mkdir(scratch_path("work"), 0755), 0);
	ck_assert_int_eq(mkdir(scratch_path("db"), 0755), 0);
}

static void
become_mover(const char *const words[], int input)
{
	const char *argv[WORDS_MAX] = {"skep-mover"};
	size_t n = 1;
	for (; words[n - 1]; n++)
		argv[n] = words[n - 1];
	argv[n] = scratch_path("work");
	dup2(input, 0);
	dup2(open(scratch_path("output"), O_WRONLY | O_CREAT | O_TRUNC, 0600),
		1);
	dup2(open(scratch_path("errors"), O_WRONLY | O_CREAT | O_TRUNC, 0600),
		2);
	execv(PROGRAM, (char *const *)(uintptr_t)argv);
	_exit(127);
}

/* Runs it with these words and the work directory behind them. */
static void
run_mover(const char *const words[], int input)
{
	int status;
	pid_t pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		become_mover(words, input);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	run.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	char *text = scratch_read("output", &run.size);
	ck_assert_uint_lt(run.size, sizeof run.output);
	memcpy(run.output, text, run.size + 1);
	free(text);
	text = scratch_read("errors", NULL);
	snprintf(run.errors, sizeof run.errors, "%s", text);
	free(text);
}

#define RUN(input, ...)                                                        \
	run_mover((const char *const[]){__VA_ARGS__, NULL}, input)

/* Puts 'state' at db/dump for the start of epoch 7. */
static void
put(const char *state, const char *root)
{
	scratch_write("given", state, strlen(state));
	int file = open(scratch_path("given"), O_RDONLY);
	RUN(file, "put", "--path", scratch_path("db/dump"), "--epoch", "7",
		"--root", root);
	close(file);
}

static void
get(void)
{
	RUN(0, "get", "--path", scratch_path("db/dump"));
}

static void
expect_file(const char *name, const char *content)
{
	char *text = scratch_read(name, NULL);
	if (!content) {
		ck_assert_ptr_null(text);
		return;
	}
	ck_assert_ptr_nonnull(text);
	ck_assert_str_eq(text, content);
	free(text);
}

/* How many names there are in db. */
static int
count_names(void)
{
	int count = 0;
	DIR *dir = opendir(scratch_path("db"));
	for (struct dirent *e; (e = readdir(dir));)
		count += e->d_name[0] != '.';
	closedir(dir);
	return count;
}

static void
expect_refused(const char *why)
{
	ck_assert_int_eq(run.status, 1);
	ck_assert_msg(strstr(run.errors, why) != NULL, "got: %s", run.errors);
}

static void
expect_quiet(void)
{
	ck_assert_msg(run.status == 0, "got: %s", run.errors);
	ck_assert_str_eq(run.output, "");
}

/* --- put --- */

START_TEST(test_put_where_nothing_is)
{
	struct stat st;
	put("state", "aa");
	expect_quiet();
	expect_file("db/dump", "state");
	ck_assert_int_eq(stat(scratch_path("db/dump"), &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	ck_assert_int_eq(count_names(), 1);
}
END_TEST

START_TEST(test_put_sets_another_aside)
{
	scratch_write("db/dump", "older", 5);
	put("state", "aa");
	ck_assert_int_eq(run.status, 0);
	ck_assert_ptr_nonnull(strstr(run.output, "db/dump"));
	ck_assert_ptr_nonnull(strstr(run.output, "dump.skep-stale-7 now\n"));
	expect_file("db/dump", "state");
	expect_file(STALE, "older");
	ck_assert_int_eq(count_names(), 2);
}
END_TEST

START_TEST(test_put_leaves_the_same)
{
	scratch_write("db/dump", "state", 5);
	put("state", "aa");
	expect_quiet();
	ck_assert_int_eq(count_names(), 1);
}
END_TEST

/* A file that holds what a packed directory does is none. */
START_TEST(test_put_a_tree_over_its_bytes)
{
	struct stat st;
	size_t size;
	ck_assert_int_eq(mkdir(scratch_path("db/dump"), 0700), 0);
	get();
	ck_assert_int_eq(run.status, 0);
	/* Head and first fronts: the magic is alone in its frame. */
	size_t front = STATESTREAM_HEAD_SIZE;
	static char state[sizeof run.output];
	for (size = 0; run.output[front] == 1;) {
		uint32_t n;
		memcpy(&n, run.output + front + 1, sizeof n);
		memcpy(state + size,
			run.output + front + STATESTREAM_FRAME_SIZE, n);
		size += n;
		front += STATESTREAM_FRAME_SIZE + n;
	}
	ck_assert_int_eq(rmdir(scratch_path("db/dump")), 0);
	scratch_write("db/dump", state, size);
	int file = open(scratch_path("db/dump"), O_RDONLY);
	RUN(file, "put", "--path", scratch_path("db/dump"), "--epoch", "7",
		"--root", "aa");
	close(file);
	ck_assert_msg(run.status == 0, "got: %s", run.errors);
	ck_assert_int_eq(lstat(scratch_path("db/dump"), &st), 0);
	ck_assert(S_ISDIR(st.st_mode));
	ck_assert_int_eq(scratch_size(STALE), (long)size);
}
END_TEST

START_TEST(test_put_once_only)
{
	put("state", "aa");
	scratch_write("db/dump", "state and more", 14);
	put("state", "aa");
	expect_quiet();
	expect_file("db/dump", "state and more");
	/* But what is gone, or another state, is put. */
	ck_assert_int_eq(unlink(scratch_path("db/dump")), 0);
	put("state", "aa");
	expect_file("db/dump", "state");
	put("newer", "ab");
	expect_file("db/dump", "newer");
	expect_file(STALE, "state");
}
END_TEST

START_TEST(test_put_never_replaces_what_is_stale)
{
	scratch_write(STALE, "oldest", 6);
	scratch_write("db/dump", "older", 5);
	put("state", "aa");
	expect_file(STALE, "oldest");
	expect_file("db/dump.skep-stale-7-2", "older");
}
END_TEST

START_TEST(test_put_over_a_planted_link)
{
	scratch_write("theirs", "theirs", 6);
	ck_assert_int_eq(symlink("../theirs", scratch_path("db/dump")), 0);
	ck_assert_int_eq(
		symlink("../theirs", scratch_path("db/dump.skep-in")), 0);
	ck_assert_int_eq(symlink("../theirs", scratch_path("work/placed")), 0);
	put("state", "theirs");
	ck_assert_msg(run.status == 0, "got: %s", run.errors);
	expect_file("theirs", "theirs");
	expect_file("db/dump", "state");
}
END_TEST

START_TEST(test_put_over_a_directory)
{
	ck_assert_int_eq(mkdir(scratch_path("db/dump"), 0755), 0);
	scratch_write("db/dump/file", "x", 1);
	put("state", "aa");
	ck_assert_msg(run.status == 0, "got: %s", run.errors);
	expect_file("db/dump", "state");
	expect_file(STALE "/file", "x");
}
END_TEST

START_TEST(test_put_into_no_directory)
{
	ck_assert_int_eq(rmdir(scratch_path("db")), 0);
	put("state", "aa");
	expect_refused("db/dump: its directory: No such file or directory");
}
END_TEST

START_TEST(test_put_half_is_nothing)
{
	scratch_write("db/dump", "older", 5);
	/* What a crash left of an earlier one. */
	ck_assert_int_eq(mkdir(scratch_path("db/dump.skep-in"), 0755), 0);
	scratch_write("db/dump.skep-in/file", "x", 1);
	scratch_write("given", "state", 5);
	int file = open(scratch_path("given"), O_RDONLY);
	RUN(file, "put", "--max-size", "4", "--path", scratch_path("db/dump"));
	expect_refused("the state has 5 bytes, at most 4 are allowed");
	expect_file("db/dump", "older");
	RUN(file, "put", "--path", scratch_path("db/dump"), "--epoch", "7");
	ck_assert_msg(run.status == 0, "got: %s", run.errors);
	expect_file("db/dump", "state");
	ck_assert_int_eq(count_names(), 2);
	close(file);
}
END_TEST

START_TEST(test_put_from_a_pipe)
{
	int ends[2];
	ck_assert_int_eq(pipe(ends), 0);
	close(ends[1]);
	RUN(ends[0], "put", "--path", scratch_path("db/dump"));
	close(ends[0]);
	expect_refused("standard input is no file");
}
END_TEST

/* --- get --- */

START_TEST(test_get_the_file)
{
	struct statestream_reader s;
	struct bytes in, data;
	scratch_write("db/dump", "state", 5);
	get();
	ck_assert_msg(run.status == 0, "got: %s", run.errors);
	in = (struct bytes){run.output, run.size};
	statestream_init(&s, 1000);
	ck_assert_int_eq(statestream_next(&s, &in, &data), STATESTREAM_HEAD);
	ck_assert_int_eq(statestream_next(&s, &in, &data), STATESTREAM_DATA);
	ck_assert_uint_eq(data.size, 5);
	ck_assert_int_eq(memcmp(data.data, "state", 5), 0);
	ck_assert_int_eq(statestream_next(&s, &in, &data), STATESTREAM_DONE);
}
END_TEST

START_TEST(test_get_nothing)
{
	struct statestream_reader s;
	struct bytes in, data;
	if (_i)
		ck_assert_int_eq(rmdir(scratch_path("db")), 0);
	get();
	ck_assert_msg(run.status == 0, "got: %s", run.errors);
	in = (struct bytes){run.output, run.size};
	statestream_init(&s, 1000);
	statestream_next(&s, &in, &data);
	ck_assert_int_eq(statestream_next(&s, &in, &data), STATESTREAM_ABSENT);
}
END_TEST

START_TEST(test_get_planted)
{
	scratch_write("theirs", "theirs", 6);
	ck_assert_int_eq(symlink("../theirs", scratch_path("db/dump")), 0);
	get();
	expect_refused("db/dump: dump: is a link");
	unlink(scratch_path("db/dump"));
	ck_assert_int_eq(
		link(scratch_path("theirs"), scratch_path("db/dump")), 0);
	get();
	expect_refused("db/dump: has 2 names, and may have one only");
	unlink(scratch_path("db/dump"));
	ck_assert_int_eq(mkfifo(scratch_path("db/dump"), 0600), 0);
	get();
	expect_refused("db/dump: is not a regular file");
}
END_TEST

START_TEST(test_get_foreign_owner)
{
	if (geteuid() != 0)
		return; /* only root can give a file away */
	scratch_write("db/dump", "theirs", 6);
	ck_assert_int_eq(chown(scratch_path("db/dump"), 12345, 12345), 0);
	get();
	expect_refused("db/dump: belongs to uid 12345, and not to uid 0");
}
END_TEST

/* --- aside --- */

START_TEST(test_aside)
{
	const char *path = scratch_path("db/dump");
	RUN(0, "aside", "--path", path, "--epoch", "7");
	expect_quiet();
	scratch_write("db/dump", "older", 5);
	RUN(0, "aside", "--path", path, "--epoch", "7");
	ck_assert_int_eq(run.status, 0);
	ck_assert_ptr_nonnull(strstr(run.output, "dump.skep-stale-7 now\n"));
	expect_file("db/dump", NULL);
	expect_file(STALE, "older");
	RUN(0, "aside", "--path", scratch_path("none/dump"));
	expect_quiet();
}
END_TEST

START_TEST(test_wrong_usage)
{
	RUN(0, "aside");
	ck_assert_int_eq(run.status, 2);
	RUN(0, "put", "--path", "relative");
	ck_assert_int_eq(run.status, 2);
	RUN(0, "put", "--framed", "--path", "/x");
	ck_assert_int_eq(run.status, 2);
	RUN(0, "get", "--path", "/x", "--epoch", "1x");
	ck_assert_int_eq(run.status, 2);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("mover_path");
	TCase *t = tcase_create("all");
	tcase_add_checked_fixture(t, setup, scratch_end);
	tcase_add_test(t, test_put_where_nothing_is);
	tcase_add_test(t, test_put_sets_another_aside);
	tcase_add_test(t, test_put_leaves_the_same);
	tcase_add_test(t, test_put_a_tree_over_its_bytes);
	tcase_add_test(t, test_put_once_only);
	tcase_add_test(t, test_put_never_replaces_what_is_stale);
	tcase_add_test(t, test_put_over_a_planted_link);
	tcase_add_test(t, test_put_over_a_directory);
	tcase_add_test(t, test_put_into_no_directory);
	tcase_add_test(t, test_put_half_is_nothing);
	tcase_add_test(t, test_put_from_a_pipe);
	tcase_add_test(t, test_get_the_file);
	tcase_add_loop_test(t, test_get_nothing, 0, 2);
	tcase_add_test(t, test_get_planted);
	tcase_add_test(t, test_get_foreign_owner);
	tcase_add_test(t, test_aside);
	tcase_add_test(t, test_wrong_usage);
	suite_add_tcase(suite, t);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
