/* skep-mover, the real program: whole states, and everything planted. */
#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/statestream.h"
#include "tests/lib/scratch.h"

#define PROGRAM	   "./skep-mover"
#define BIG_SIZE   3000000
#define OUTPUT_MAX (BIG_SIZE + 100000)

static char big[BIG_SIZE];

/* What is read: what the service left, or put aside while it runs. */
static const char *verb, *place;

/* Whether it may open one file at a time only. */
static bool is_in_need;

/* What one run gave. */
static struct run {
	int status;		 /* exit status, -1 for a signal */
	char output[OUTPUT_MAX]; /* standard output */
	size_t output_size;
	char errors[2000]; /* standard error */
} run;

/* A run that goes on, and the ends we hold. */
struct running {
	pid_t pid;
	int input;  /* its standard input, -1 when that is a file */
	int output; /* its standard output */
};

static void
setup(void)
{
	umask(022);
	scratch_begin();
	ck_assert_int_eq(mkdir(scratch_path("d"), 0755), 0);
	for (size_t i = 0; i < BIG_SIZE; i++)
		big[i] = (char)(i * 31 + i / 251);
	verb = "get";
	place = "d/state";
	is_in_need = false;
}

static void
setup_checkpoint(void)
{
	setup();
	verb = "checkpoint";
	place = "d/checkpoint";
}

/* No descriptors but the first three and one more. */
static void
leave_one_file(void)
{
	for (int fd = 3; fd < 256; fd++)
		close(fd);
	setrlimit(RLIMIT_NOFILE, &(struct rlimit){4, 4});
}

/* Starts the program with up to four arguments; 'file' is its standard
 * input, or -1 for a pipe. */
static struct running
start_mover(const char *const argv[], int file)
{
	int in[2], out[2];
	ck_assert_int_eq(pipe2(in, O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
	fflush(NULL);
	pid_t pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		int errors = open(scratch_path("errors"),
			O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		dup2(file >= 0 ? file : in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		dup2(errors, STDERR_FILENO);
		if (is_in_need)
			leave_one_file();
		execv(PROGRAM, (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	if (file >= 0)
		close(in[1]);
	return (struct running){pid, file >= 0 ? -1 : in[1], out[0]};
}

/* Reads its output to the end and waits for it. */
static void
finish_mover(struct running *r)
{
	int status;
	ssize_t n;
	if (r->input >= 0)
		close(r->input);
	while ((n = read(r->output, run.output + run.output_size,
			OUTPUT_MAX - run.output_size)) > 0)
		run.output_size += (size_t)n;
	close(r->output);
	ck_assert_int_eq(waitpid(r->pid, &status, 0), r->pid);
	run.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	char *errors = scratch_read("errors", NULL);
	snprintf(run.errors, sizeof run.errors, "%s", errors);
	free(errors);
}

/* Runs it to its end with 'input' on a pipe. */
static void
run_mover(const char *const argv[], const char *input, size_t size)
{
	struct running r = start_mover(argv, -1);
	run.output_size = 0;
	signal(SIGPIPE, SIG_IGN);
	while (size > 0) {
		ssize_t n = write(r.input, input, size);
		if (n < 0)
			break;
		input += n;
		size -= (size_t)n;
	}
	finish_mover(&r);
}

/* Runs `get`, or `checkpoint`, on d, with a size limit if it is not NULL. */
static void
run_get(const char *max)
{
	const char *argv[] = {"skep-mover", verb,
		max ? "--max-size" : scratch_path("d"), max,
		max ? scratch_path("d") : NULL, NULL};
	run_mover(argv, "", 0);
}

/* Reads the stream in 'run.output'; its data goes to 'data_out'. */
static enum statestream_event
decode(char *data_out, size_t *size_out, char text[500])
{
	struct statestream_reader s;
	struct bytes in = {run.output, run.output_size};
	struct bytes data;
	enum statestream_event event;
	statestream_init(&s, OUTPUT_MAX);
	*size_out = 0;
	do {
		event = statestream_next(&s, &in, &data);
		if (data.size)
			memcpy(data_out + *size_out, data.data, data.size);
		*size_out += data.size;
	} while (event == STATESTREAM_HEAD || event == STATESTREAM_DATA);
	event = statestream_finish(&s);
	snprintf(text, 500, "%s", s.text);
	return event;
}

/* Asserts that `get` refused: a line on standard error and the same reason
 * as the stream's failure, both with 'why' in them. */
static void
expect_refused(const char *why)
{
	static char data[OUTPUT_MAX];
	char text[500];
	size_t size;
	ck_assert_int_eq(run.status, 1);
	ck_assert_msg(strstr(run.errors, why) != NULL, "got: %s", run.errors);
	ck_assert_msg(strstr(run.errors, "/d") != NULL, "got: %s", run.errors);
	ck_assert_ptr_eq(
		strchr(run.errors, '\n') + 1, run.errors + strlen(run.errors));
	ck_assert_int_eq(decode(data, &size, text), STATESTREAM_FAILED);
	ck_assert_ptr_nonnull(strstr(text, why));
}

/* The same, and it is the file that is named. */
static void
expect_not_got(const char *why)
{
	char text[200];
	snprintf(text, sizeof text, "%s: %s", place, why);
	expect_refused(text);
}

static void
expect_got(const char *state, size_t size)
{
	static char data[OUTPUT_MAX];
	char text[500];
	size_t got;
	ck_assert_msg(run.status == 0, "got: %s", run.errors);
	ck_assert_str_eq(run.errors, "");
	ck_assert_int_eq(decode(data, &got, text), STATESTREAM_DONE);
	ck_assert_uint_eq(got, size);
	ck_assert_int_eq(memcmp(data, state, size), 0);
}

START_TEST(test_get_sizes)
{
	static const size_t sizes[] = {0, 1, 65535, 65536, 65537, BIG_SIZE};
	scratch_write(place, big, sizes[_i]);
	run_get(NULL);
	expect_got(big, sizes[_i]);
}
END_TEST

START_TEST(test_get_max_size)
{
	scratch_write(place, big, 1025);
	run_get("1025");
	expect_got(big, 1025);
	run_get("1KiB");
	expect_not_got("has 1025 bytes, at most 1024 are allowed");
	ck_assert_uint_lt(run.output_size, 500);
}
END_TEST

START_TEST(test_get_planted_link)
{
	ck_assert_int_eq(symlink("/etc/shadow", scratch_path(place)), 0);
	run_get(NULL);
	expect_refused("is a link, and links are not followed here");
	ck_assert_uint_lt(run.output_size, 500);
}
END_TEST

START_TEST(test_get_second_name)
{
	scratch_write("other", "secret", 6);
	ck_assert_int_eq(link(scratch_path("other"), scratch_path(place)), 0);
	run_get(NULL);
	expect_not_got("has 2 names, and may have one only");
}
END_TEST

START_TEST(test_get_fifo)
{
	ck_assert_int_eq(mkfifo(scratch_path(place), 0600), 0);
	run_get(NULL);
	expect_not_got("is not a regular file");
}
END_TEST

START_TEST(test_get_directory)
{
	ck_assert_int_eq(mkdir(scratch_path(place), 0700), 0);
	run_get(NULL);
	expect_not_got("is not a regular file");
}
END_TEST

static void
expect_absent(void)
{
	static char data[OUTPUT_MAX];
	char text[500];
	size_t size;
	ck_assert_msg(run.status == 0, "got: %s", run.errors);
	ck_assert_str_eq(run.errors, "");
	ck_assert_int_eq(decode(data, &size, text), STATESTREAM_ABSENT);
	ck_assert_uint_eq(size, 0);
}

START_TEST(test_get_nothing_there)
{
	run_get(NULL);
	expect_absent();
}
END_TEST

START_TEST(test_get_no_directory)
{
	ck_assert_int_eq(rmdir(scratch_path("d")), 0);
	run_get(NULL);
	expect_refused("d: cannot be opened: No such file or directory");
}
END_TEST

/* What is wrong with us and not with the state is no reason to do without it:
 * the stream breaks off, and whoever reads it tries again. */
START_TEST(test_get_in_need)
{
	static char data[OUTPUT_MAX];
	char text[500];
	size_t size;
	scratch_write(place, "x", 1);
	is_in_need = true;
	run_get(NULL);
	ck_assert_int_eq(run.status, 1);
	ck_assert_ptr_nonnull(strstr(run.errors, "Too many open files"));
	ck_assert_int_ne(decode(data, &size, text), STATESTREAM_FAILED);
	ck_assert_uint_eq(run.output_size, 0);
}
END_TEST

START_TEST(test_put_nothing_there)
{
	const char *put[] = {
		"skep-mover", "put", "--framed", scratch_path("d"), NULL};
	static char stream[OUTPUT_MAX];
	run_get(NULL);
	size_t size = run.output_size;
	memcpy(stream, run.output, size);
	run_mover(put, stream, size);
	ck_assert_int_eq(run.status, 1);
	ck_assert_ptr_nonnull(strstr(run.errors, "the sender has no state"));
	ck_assert_int_eq(scratch_size("d/state-in"), -1);
}
END_TEST

START_TEST(test_get_linked_directory)
{
	ck_assert_int_eq(mkdir(scratch_path("real"), 0755), 0);
	scratch_write("real/state", "secret", 6);
	ck_assert_int_eq(rmdir(scratch_path("d")), 0);
	ck_assert_int_eq(symlink("real", scratch_path("d")), 0);
	run_get(NULL);
	expect_refused("cannot be opened");
}
END_TEST

START_TEST(test_get_foreign_owner)
{
	if (geteuid() != 0)
		return; /* only root can give a file away */
	scratch_write(place, "theirs", 6);
	ck_assert_int_eq(chown(scratch_path(place), 12345, 12345), 0);
	run_get(NULL);
	expect_not_got("belongs to uid 12345, and not to uid 0");
}
END_TEST

/* Changes the state while it is on its way, which the full pipe halts. */
static void
change_underway(void (*change)(void))
{
	const char *argv[] = {"skep-mover", verb, scratch_path("d"), NULL};
	scratch_write(place, big, BIG_SIZE);
	struct running r = start_mover(argv, -1);
	/* Its first byte says that it has opened and examined the file. */
	ck_assert_int_eq(read(r.output, run.output, 1), 1);
	run.output_size = 1;
	change();
	finish_mover(&r);
}

static void
grow(void)
{
	int fd = open(scratch_path(place), O_WRONLY | O_APPEND);
	ck_assert_int_eq(write(fd, "more", 4), 4);
	close(fd);
}

static void
shrink(void)
{
	ck_assert_int_eq(truncate(scratch_path(place), 1000000), 0);
}

static void
overwrite(void)
{
	int fd = open(scratch_path(place), O_WRONLY);
	ck_assert_int_eq(pwrite(fd, "other", 5, 10), 5);
	close(fd);
}

START_TEST(test_get_growing)
{
	change_underway(grow);
	expect_not_got("changed its size while it was read");
}
END_TEST

START_TEST(test_get_shrinking)
{
	change_underway(shrink);
	expect_not_got("changed its size while it was read");
}
END_TEST

START_TEST(test_get_overwritten)
{
	change_underway(overwrite);
	expect_not_got("changed while it was read");
}
END_TEST

static void
put_another(void)
{
	scratch_write("d/new", "newer", 5);
	ck_assert_int_eq(rename(scratch_path("d/new"), scratch_path(place)), 0);
}

static void
overwrite_and_put_another(void)
{
	overwrite();
	put_another();
}

/* What is renamed to its place takes nothing from a checkpoint that is being
 * read; what a service leaves at its end is not replaced. */
START_TEST(test_get_replaced)
{
	change_underway(put_another);
	if (strcmp(verb, "get") == 0)
		expect_not_got("changed while it was read");
	else
		expect_got(big, BIG_SIZE);
	change_underway(overwrite_and_put_another);
	expect_not_got("changed while it was read");
}
END_TEST

/* Each finds its own only. */
START_TEST(test_get_not_the_other)
{
	scratch_write(place, "own", 3);
	verb = strcmp(verb, "get") == 0 ? "checkpoint" : "get";
	run_get(NULL);
	expect_absent();
}
END_TEST

START_TEST(test_get_receiver_leaves)
{
	const char *argv[] = {"skep-mover", verb, scratch_path("d"), NULL};
	scratch_write(place, big, BIG_SIZE);
	struct running r = start_mover(argv, -1);
	close(r.output);
	r.output = open("/dev/null", O_RDONLY);
	finish_mover(&r);
	ck_assert_int_eq(run.status, 1);
	ck_assert_ptr_nonnull(strstr(run.errors, "the state stream"));
}
END_TEST

/* Asserts that d/state-in holds this and nothing else is there. */
static void
expect_put(const char *state, size_t size)
{
	struct stat st;
	size_t got;
	ck_assert_msg(run.status == 0, "got: %s", run.errors);
	char *data = scratch_read("d/state-in", &got);
	ck_assert_ptr_nonnull(data);
	ck_assert_uint_eq(got, size);
	ck_assert_int_eq(memcmp(data, state, size), 0);
	free(data);
	ck_assert_int_eq(stat(scratch_path("d/state-in"), &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	ck_assert_int_eq(scratch_size("d/state-in.tmp"), -1);
}

/* Asserts that `put` refused and left nothing. */
static void
expect_not_put(const char *why)
{
	ck_assert_int_eq(run.status, 1);
	ck_assert_msg(strstr(run.errors, why) != NULL, "got: %s", run.errors);
	ck_assert_int_eq(scratch_size("d/state-in"), -1);
	ck_assert_int_eq(scratch_size("d/state-in.tmp"), -1);
}

START_TEST(test_put_then_get)
{
	const char *put[] = {"skep-mover", "put", scratch_path("d"), NULL};
	run_mover(put, big, BIG_SIZE);
	expect_put(big, BIG_SIZE);
	rename(scratch_path("d/state-in"), scratch_path("d/state"));
	run_get(NULL);
	expect_got(big, BIG_SIZE);
}
END_TEST

START_TEST(test_put_regular_file_from_its_start)
{
	const char *put[] = {"skep-mover", "put", scratch_path("d"), NULL};
	scratch_write("given", big, 100000);
	int file = open(scratch_path("given"), O_RDONLY | O_CLOEXEC);
	lseek(file, 0, SEEK_END);
	struct running r = start_mover(put, file);
	run.output_size = 0;
	finish_mover(&r);
	expect_put(big, 100000);
	close(file);
}
END_TEST

START_TEST(test_put_framed)
{
	const char *put[] = {
		"skep-mover", "put", "--framed", scratch_path("d"), NULL};
	static char stream[OUTPUT_MAX];
	scratch_write("d/state", big, BIG_SIZE);
	run_get(NULL);
	size_t size = run.output_size;
	memcpy(stream, run.output, size);
	run_mover(put, stream, size - 1);
	expect_not_put("the state stream ends too early");
	stream[100] ^= 1;
	run_mover(put, stream, size);
	expect_not_put("the state is damaged: its hash is wrong");
	stream[100] ^= 1;
	run_mover(put, stream, size);
	expect_put(big, BIG_SIZE);
}
END_TEST

START_TEST(test_put_too_large)
{
	const char *put[] = {"skep-mover", "put", "--max-size", "64KiB",
		scratch_path("d"), NULL};
	run_mover(put, big, 65537);
	expect_not_put("the state has more than 65536 bytes");
	run_mover(put, big, 65536);
	expect_put(big, 65536);
}
END_TEST

START_TEST(test_put_over_planted_links)
{
	const char *put[] = {"skep-mover", "put", scratch_path("d"), NULL};
	scratch_write("victim", "safe", 4);
	ck_assert_int_eq(
		symlink("../victim", scratch_path("d/state-in.tmp")), 0);
	ck_assert_int_eq(symlink("../victim", scratch_path("d/state-in")), 0);
	run_mover(put, big, 100);
	expect_put(big, 100);
	char *data = scratch_read("victim", NULL);
	ck_assert_str_eq(data, "safe");
	free(data);
}
END_TEST

START_TEST(test_put_blocked_by_a_directory)
{
	const char *put[] = {"skep-mover", "put", scratch_path("d"), NULL};
	ck_assert_int_eq(mkdir(scratch_path("d/state-in.tmp"), 0700), 0);
	run_mover(put, big, 100);
	ck_assert_int_eq(run.status, 1);
	ck_assert_ptr_nonnull(strstr(run.errors, "state-in.tmp"));
	ck_assert_int_eq(rmdir(scratch_path("d/state-in.tmp")), 0);
	ck_assert_int_eq(mkdir(scratch_path("d/state-in"), 0700), 0);
	run_mover(put, big, 100);
	ck_assert_int_eq(run.status, 1);
	ck_assert_ptr_nonnull(strstr(run.errors, "state-in"));
	ck_assert_int_eq(scratch_size("d/state-in.tmp"), -1);
}
END_TEST

START_TEST(test_wrong_usage)
{
	static const char *const lines[][6] = {
		{"skep-mover", NULL},
		{"skep-mover", "take", "d", NULL},
		{"skep-mover", "get", NULL},
		{"skep-mover", "get", "d", "e", NULL},
		{"skep-mover", "get", "--framed", "d", NULL},
		{"skep-mover", "put", "--max-size", "lots", "d", NULL},
	};
	run_mover(lines[_i], "", 0);
	ck_assert_int_eq(run.status, 2);
	ck_assert_uint_eq(run.output_size, 0);
	ck_assert_ptr_nonnull(strstr(run.errors, "usage: skep-mover"));
}
END_TEST

/* What is true of both kinds. */
static void
add_gets(TCase *tc)
{
	tcase_add_loop_test(tc, test_get_sizes, 0, 6);
	tcase_add_test(tc, test_get_max_size);
	tcase_add_test(tc, test_get_planted_link);
	tcase_add_test(tc, test_get_second_name);
	tcase_add_test(tc, test_get_fifo);
	tcase_add_test(tc, test_get_directory);
	tcase_add_test(tc, test_get_nothing_there);
	tcase_add_test(tc, test_get_no_directory);
	tcase_add_test(tc, test_get_in_need);
	tcase_add_test(tc, test_get_linked_directory);
	tcase_add_test(tc, test_get_foreign_owner);
	tcase_add_test(tc, test_get_growing);
	tcase_add_test(tc, test_get_shrinking);
	tcase_add_test(tc, test_get_overwritten);
	tcase_add_test(tc, test_get_receiver_leaves);
	tcase_add_test(tc, test_get_replaced);
	tcase_add_test(tc, test_get_not_the_other);
}

int
main(void)
{
	Suite *suite = suite_create("mover");
	TCase *checkpoint = tcase_create("checkpoint");
	tcase_set_timeout(checkpoint, 120);
	tcase_add_checked_fixture(checkpoint, setup_checkpoint, scratch_end);
	add_gets(checkpoint);
	suite_add_tcase(suite, checkpoint);
	TCase *tc = tcase_create("mover");
	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, setup, scratch_end);
	add_gets(tc);
	tcase_add_test(tc, test_put_nothing_there);
	tcase_add_test(tc, test_put_then_get);
	tcase_add_test(tc, test_put_regular_file_from_its_start);
	tcase_add_test(tc, test_put_framed);
	tcase_add_test(tc, test_put_too_large);
	tcase_add_test(tc, test_put_over_planted_links);
	tcase_add_test(tc, test_put_blocked_by_a_directory);
	tcase_add_loop_test(tc, test_wrong_usage, 0, 6);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
