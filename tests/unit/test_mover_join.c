/* skep-mover with two states, the real program: each laid beside its place,
 * and what a hook made of them put there. */
#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/scratch.h"

#define PROGRAM	     "./skep-mover"
#define WORDS_MAX    16
#define EXIT_ALREADY 3
#define STALE	     "db/dump.skep-stale-7"

/* Without a path of its own a state has its place in the work directory. */
static const struct side {
	const char *path; /* of the state, "" for none */
	const char *place, *mine, *theirs, *joined;
} sides[] = {
	{"", "work/state-in", "work/state-in.skep-mine",
		"work/state-in.skep-theirs", "work/state-in.skep-joined"},
	{"db/dump", "db/dump", "db/dump.skep-mine", "db/dump.skep-theirs",
		"db/dump.skep-joined"},
};
#define SIDES (int)(sizeof sides / sizeof *sides)

static const struct side *at;
static int status;
static char errors[2000], said[2000];

static void
setup(void)
{
	umask(022);
	scratch_begin();
	ck_assert_int_eq(mkdir(scratch_path("work"), 0755), 0);
	ck_assert_int_eq(mkdir(scratch_path("db"), 0755), 0);
}

static void
redirect(const char *name, int to)
{
	int fd = open(scratch_path(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);
	dup2(fd, to);
}

static void
become_mover(const char *const words[], int input)
{
	const char *argv[WORDS_MAX] = {"skep-mover"};
	size_t n = 1;
	for (; words[n - 1]; n++)
		argv[n] = words[n - 1];
	if (at->path[0]) {
		argv[n++] = "--path";
		argv[n++] = strdup(scratch_path(at->path));
	}
	argv[n] = scratch_path("work");
	dup2(input, 0);
	redirect("output", 1);
	redirect("errors", 2);
	execv(PROGRAM, (char *const *)(uintptr_t)argv);
	_exit(127);
}

static void
read_text(const char *name, char out[2000])
{
	char *text = scratch_read(name, NULL);
	snprintf(out, 2000, "%s", text);
	free(text);
}

static void
run_mover(const char *const words[], int input)
{
	int wait_status;
	pid_t pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		become_mover(words, input);
	ck_assert_int_eq(waitpid(pid, &wait_status, 0), pid);
	ck_assert(WIFEXITED(wait_status));
	status = WEXITSTATUS(wait_status);
	read_text("errors", errors);
	read_text("output", said);
}

#define RUN(input, ...)                                                        \
	run_mover((const char *const[]){__VA_ARGS__, NULL}, input)

static void
lay(const char *side, const char *state)
{
	scratch_write("given", state, strlen(state));
	int file = open(scratch_path("given"), O_RDONLY);
	RUN(file, "lay", "--as", side, "--root", "abcd");
	close(file);
}

static void
join(void)
{
	RUN(0, "join", "--root", "abcd", "--epoch", "7");
}

static void
expect_well(void)
{
	ck_assert_msg(status == 0, "got: %s", errors);
}

static void
expect_file(const char *name, const char *content)
{
	char *text = scratch_read(name, NULL);
	if (!content) {
		ck_assert_msg(text == NULL, "%s is there", name);
		return;
	}
	ck_assert_msg(text != NULL, "%s is not there", name);
	ck_assert_str_eq(text, content);
	free(text);
}

static void
expect_no_sides(void)
{
	expect_file(at->mine, NULL);
	expect_file(at->theirs, NULL);
	expect_file(at->joined, NULL);
}

/* Both, and what a hook made of them. */
static void
lay_both(void)
{
	lay("mine", "one");
	expect_well();
	lay("theirs", "two");
	expect_well();
	scratch_write(at->joined, "one two", 7);
}

START_TEST(test_two_become_one)
{
	struct stat st;
	at = &sides[_i];
	lay_both();
	expect_file(at->mine, "one");
	expect_file(at->theirs, "two");
	ck_assert_int_eq(stat(scratch_path(at->theirs), &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	join();
	expect_well();
	ck_assert_str_eq(said, "");
	expect_file(at->place, "one two");
	expect_no_sides();
}
END_TEST

/* A start that failed in between begins anew: what its hook left is none. */
START_TEST(test_what_was_made_before_is_none)
{
	at = &sides[_i];
	lay_both();
	lay("mine", "newer");
	expect_file(at->joined, NULL);
	expect_file(at->mine, "newer");
	join();
	ck_assert_int_eq(status, 1);
	ck_assert_ptr_nonnull(strstr(errors, "$SKEP_STATE_OUT"));
	ck_assert_ptr_nonnull(strstr(errors, "nothing was written to it"));
	expect_file(at->place, NULL);
}
END_TEST

START_TEST(test_planted)
{
	at = &sides[_i];
	scratch_write("secret", "secret", 6);
	lay_both();
	ck_assert_int_eq(unlink(scratch_path(at->joined)), 0);
	char *joined = strdup(scratch_path(at->joined));
	ck_assert_int_eq(symlink(scratch_path("secret"), joined), 0);
	join();
	ck_assert_int_eq(status, 1);
	expect_file(at->place, NULL);
	ck_assert_int_eq(unlink(joined), 0);
	ck_assert_int_eq(link(scratch_path("secret"), joined), 0);
	join();
	ck_assert_int_eq(status, 1);
	ck_assert_ptr_nonnull(strstr(errors, "names"));
	expect_file(at->place, NULL);
	/* A link in the place of a side is replaced, not written through. */
	ck_assert_int_eq(unlink(scratch_path(at->mine)), 0);
	char *mine = strdup(scratch_path(at->mine));
	ck_assert_int_eq(symlink(scratch_path("secret"), mine), 0);
	lay("mine", "one");
	expect_well();
	expect_file("secret", "secret");
	expect_file(at->mine, "one");
	free(joined);
	free(mine);
}
END_TEST

/* What ran from it may have written more: it is not made again. */
START_TEST(test_at_a_path_once)
{
	at = &sides[1];
	scratch_write("db/dump", "one", 3);
	lay_both();
	join();
	expect_well();
	ck_assert_ptr_nonnull(strstr(said, "dump.skep-stale-7 now\n"));
	expect_file(STALE, "one");
	scratch_write("db/dump", "one two three", 13);
	lay("mine", "one");
	ck_assert_int_eq(status, EXIT_ALREADY);
	ck_assert_str_eq(errors, "");
	expect_no_sides();
	expect_file("db/dump", "one two three");
	/* But of other two, or when it is gone. */
	int file = open(scratch_path("given"), O_RDONLY);
	RUN(file, "lay", "--as", "mine", "--root", "abce");
	expect_well();
	ck_assert_int_eq(unlink(scratch_path("db/dump")), 0);
	RUN(file, "lay", "--as", "mine", "--root", "abcd");
	expect_well();
	close(file);
}
END_TEST

/* Its own is put after a hook that failed: nothing of the rest stays. */
START_TEST(test_at_a_path_in_vain)
{
	at = &sides[1];
	scratch_write("db/dump", "one", 3);
	lay_both();
	int file = open(scratch_path("db/dump"), O_RDONLY);
	RUN(file, "put", "--root", "ab", "--epoch", "8");
	close(file);
	expect_well();
	expect_file("db/dump", "one");
	expect_no_sides();
	lay_both();
	RUN(0, "aside", "--epoch", "9");
	expect_well();
	expect_no_sides();
}
END_TEST

START_TEST(test_of_directories)
{
	at = &sides[1];
	ck_assert_int_eq(mkdir(scratch_path("db/dump"), 0700), 0);
	scratch_write("db/dump/a", "one", 3);
	lay_both();
	ck_assert_int_eq(unlink(scratch_path(at->joined)), 0);
	ck_assert_int_eq(mkdir(scratch_path(at->joined), 0700), 0);
	scratch_write("db/dump.skep-joined/a", "one two", 7);
	join();
	expect_well();
	expect_file("db/dump/a", "one two");
	expect_file(STALE "/a", "one");
	expect_no_sides();
}
END_TEST

static const char *const wrong[][WORDS_MAX] = {
	{"lay"},
	{"lay", "--as", "both"},
	{"join", "--as", "mine"},
	{"put", "--as", "mine"},
};

START_TEST(test_wrong_usage)
{
	at = &sides[0];
	run_mover(wrong[_i], 0);
	ck_assert_int_eq(status, 2);
	ck_assert_ptr_nonnull(strstr(errors, "usage"));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("mover_join");
	TCase *t = tcase_create("all");
	tcase_add_checked_fixture(t, setup, scratch_end);
	tcase_add_loop_test(t, test_two_become_one, 0, SIDES);
	tcase_add_loop_test(t, test_what_was_made_before_is_none, 0, SIDES);
	tcase_add_loop_test(t, test_planted, 0, SIDES);
	tcase_add_test(t, test_at_a_path_once);
	tcase_add_test(t, test_at_a_path_in_vain);
	tcase_add_test(t, test_of_directories);
	tcase_add_loop_test(
		t, test_wrong_usage, 0, (int)(sizeof wrong / sizeof *wrong));
	suite_add_tcase(suite, t);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
