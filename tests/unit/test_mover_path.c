/* skep-mover at a state_path, the real program: whole states, what is in
 * their way, and everything planted. */
#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
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

static const char *verb; /* what 'get' runs */
static rlim_t data_max;	 /* the mover's RLIMIT_DATA, 0: ours */
static bool is_in_need;	 /* it may open one file at a time only */

static void
setup(void)
{
	umask(022);
	scratch_begin();
	ck_assert_int_eq(mkdir(scratch_path("work"), 0755), 0);
	ck_assert_int_eq(mkdir(scratch_path("db"), 0755), 0);
	verb = "get";
}

static void
setup_checkpoint(void)
{
	setup();
	verb = "checkpoint";
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
	for (int fd = 3; is_in_need && fd < 256; fd++)
		close(fd);
	if (is_in_need)
		setrlimit(RLIMIT_NOFILE, &(struct rlimit){4, 4});
	if (data_max)
		setrlimit(RLIMIT_DATA, &(struct rlimit){data_max, data_max});
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
	RUN(0, verb, "--path", scratch_path("db/dump"));
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
	size_t front = 0;
	while (memcmp(run.output + front, "skepwait", STATESTREAM_WAIT_SIZE) ==
		0)
		front += STATESTREAM_WAIT_SIZE;
	front += STATESTREAM_HEAD_SIZE;
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

/* Who fails after an older state was set aside says so nevertheless. */
START_TEST(test_put_fails_behind_its_place)
{
	scratch_write("db/dump", "older", 5);
	ck_assert_int_eq(mkdir(scratch_path("work/placed"), 0755), 0);
	put("state", "aa");
	expect_refused("it is called dump.skep-stale-7 now: ");
	expect_refused("placed: cannot be replaced: Is a directory");
	expect_file("db/dump", "state");
	expect_file(STALE, "older");
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

/* To measure a directory may take long: whoever waits hears of it. */
START_TEST(test_get_a_directory_says_that_it_is_at_work)
{
	struct statestream_reader s;
	struct bytes in, data;
	ck_assert_int_eq(mkdir(scratch_path("db/dump"), 0700), 0);
	scratch_write("db/dump/file", "content", 7);
	get();
	ck_assert_msg(run.status == 0, "got: %s", run.errors);
	ck_assert_uint_gt(run.size, STATESTREAM_WAIT_SIZE);
	ck_assert_mem_eq(run.output, "skepwait", STATESTREAM_WAIT_SIZE);
	in = (struct bytes){run.output, run.size};
	statestream_init(&s, 1000000);
	ck_assert_int_eq(statestream_next(&s, &in, &data), STATESTREAM_HEAD);
	ck_assert_uint_gt(s.size, 7);
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

START_TEST(test_get_too_large_a_directory)
{
	ck_assert_int_eq(mkdir(scratch_path("db/dump"), 0700), 0);
	scratch_write("db/dump/file", "content", 7);
	RUN(0, verb, "--max-size", "100", "--path", scratch_path("db/dump"));
	expect_refused("with all that is in it, at most 100 are allowed");
}
END_TEST

static void
plant_fifo(void)
{
	ck_assert_int_eq(mkfifo(scratch_path("db/dump/x"), 0600), 0);
}

static void
plant_second_name(void)
{
	ck_assert_int_eq(
		link(scratch_path("theirs"), scratch_path("db/dump/x")), 0);
}

static void
plant_device(void)
{
	if (mknod(scratch_path("db/dump/x"), S_IFCHR | 0600, makedev(1, 3)) < 0)
		plant_fifo(); /* that takes rights */
}

static void (*const plants[])(void) = {
	plant_fifo, plant_second_name, plant_device};

/* Nothing of a directory is given when something in it may not be; links are
 * taken for what they are. */
START_TEST(test_get_a_hostile_directory)
{
	scratch_write("theirs", "theirs", 6);
	ck_assert_int_eq(mkdir(scratch_path("db/dump"), 0700), 0);
	ck_assert_int_eq(
		symlink("../../theirs", scratch_path("db/dump/link")), 0);
	get();
	ck_assert_msg(run.status == 0, "got: %s", run.errors);
	ck_assert_ptr_null(memmem(run.output, run.size, "\6theirs", 7));
	plants[_i]();
	get();
	expect_refused("db/dump: ");
	ck_assert_ptr_nonnull(strstr(run.errors, "x"));
	ck_assert_ptr_null(memmem(run.output, run.size, "STATE", 5));
}
END_TEST

/* What is wrong with the host is a reason to do without a move, but not to
 * wait: the service finds its state where it left it. */
START_TEST(test_get_in_need)
{
	scratch_write("db/dump", "state", 5);
	is_in_need = true;
	get();
	is_in_need = false;
	expect_refused("Too many open files");
	/* The reason is the last of the stream. */
	run.output[run.size] = '\0';
	ck_assert_uint_gt(run.size, 20);
	ck_assert_str_eq(run.output + run.size - 19, "Too many open files");
	expect_file("db/dump", "state");
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

/* What is made after the state was set aside is not made of it. */
START_TEST(test_aside_forgets_what_was_put)
{
	put("state", "aa");
	RUN(0, "aside", "--path", scratch_path("db/dump"), "--epoch", "6");
	ck_assert_int_eq(run.status, 0);
	scratch_write("db/dump", "another", 7);
	put("state", "aa");
	ck_assert_int_eq(run.status, 0);
	expect_file("db/dump", "state");
	expect_file(STALE, "another");
	expect_file("db/dump.skep-stale-6", "state");
}
END_TEST

/* Sets aside what stands at db/dump, for the start of an epoch. */
static void
set_aside(const char *epoch, const char *before, const char *stay)
{
	RUN(0, "aside", "--path", scratch_path("db/dump"), "--epoch", epoch,
		"--before", before, "--stay", stay);
	ck_assert_int_eq(run.status, 0);
}

/* What starts here have made since others had it stands, whatever the store
 * knows of these starts. */
START_TEST(test_aside_once)
{
	scratch_write("db/dump", "of others", 9);
	set_aside("7", "6", "99");
	expect_file(STALE, "of others");
	scratch_write("db/dump", "ours", 4);
	set_aside("8", "6", "99");
	ck_assert_str_eq(run.output, "");
	expect_file("db/dump", "ours");
	/* Without it, the next one has what an earlier one made. */
	set_aside("9", "6", "99");
	expect_file("db/dump", "ours");
	/* It was away. */
	set_aside("11", "10", "99");
	expect_file("db/dump", NULL);
	expect_file("db/dump.skep-stale-11", "ours");
	scratch_write("db/dump", "newer", 5);
	set_aside("12", "10", "99");
	expect_file("db/dump", "newer");
	/* Another service of this name. */
	set_aside("12", "10", "100");
	expect_file("db/dump.skep-stale-12", "newer");
}
END_TEST

/* A state that was put, or a stay that is none, ends that. */
START_TEST(test_aside_again)
{
	set_aside("7", "6", "99");
	put("state", "aa");
	scratch_write("db/dump", "made of it", 10);
	set_aside("8", "6", "99");
	expect_file("db/dump.skep-stale-8", "made of it");
	scratch_write("db/dump", "ours", 4);
	RUN(0, "aside", "--path", scratch_path("db/dump"), "--epoch", "9");
	expect_file("db/dump.skep-stale-9", "ours");
	scratch_write("db/dump", "more", 4);
	set_aside("10", "6", "99");
	expect_file("db/dump.skep-stale-10", "more");
	/* A folder that is not there yet has nothing old either. */
	RUN(0, "aside", "--path", scratch_path("none/dump"), "--epoch", "11",
		"--before", "10", "--stay", "99");
	expect_quiet();
	ck_assert_int_eq(mkdir(scratch_path("none"), 0755), 0);
	scratch_write("none/dump", "first", 5);
	RUN(0, "aside", "--path", scratch_path("none/dump"), "--epoch", "12",
		"--before", "10", "--stay", "99");
	expect_file("none/dump", "first");
}
END_TEST

/* --- Bounds --- */

/* One block of an archive. */
static size_t
put_header(char *at, const char *name, unsigned size, char type)
{
	unsigned sum = 0;
	memset(at, 0, 512);
	strcpy(at, name);
	strcpy(at + 100, "0000700");
	snprintf(at + 124, 12, "%011o", size);
	strcpy(at + 136, "00000000000");
	memset(at + 148, ' ', 8);
	at[156] = type;
	memcpy(at + 257, "ustar\00000", 8);
	for (int i = 0; i < 512; i++)
		sum += (unsigned char)at[i];
	snprintf(at + 148, 7, "%06o", sum);
	return 512;
}

/* A file whose map of holes has that many lines, which are all the same. */
static size_t
make_map(char *out, unsigned lines)
{
	static const char pax[] = "22 GNU.sparse.major=1\n"
				  "22 GNU.sparse.minor=0\n"
				  "25 GNU.sparse.realsize=9\n"
				  "21 GNU.sparse.name=f\n";
	char first[20];
	int n = snprintf(first, sizeof first, "%u\n", lines);
	size_t at = 16, map = (size_t)n + 4 * (size_t)lines;
	memcpy(out, "\x89skep-tree-1\r\n\x1a\n", 16);
	at += put_header(out + at, ".", 0, '5');
	at += put_header(out + at, "pax", sizeof pax - 1, 'x');
	memset(out + at, 0, 512);
	memcpy(out + at, pax, sizeof pax - 1);
	at += 512;
	map = (map + 511) / 512 * 512;
	at += put_header(out + at, "f", (unsigned)map, '0');
	memset(out + at, 0, map + 1024);
	memcpy(out + at, first, (size_t)n);
	for (unsigned i = 0; i < lines; i++)
		memcpy(out + at + (size_t)n + 4 * (size_t)i, "0\n0\n", 4);
	return at + map + 1024;
}

START_TEST(test_put_takes_no_more_memory)
{
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	unsigned lines = _i ? 1000000 : 10;
	char *archive = malloc(4 * lines + 10000);
	scratch_write("given", archive, make_map(archive, lines));
	free(archive);
	int file = open(scratch_path("given"), O_RDONLY);
	data_max = (rlim_t)16 << 20;
	RUN(file, "put", "--path", scratch_path("db/dump"), "--epoch", "7");
	data_max = 0;
	close(file);
	if (_i == 0) {
		expect_quiet();
		ck_assert_int_eq(scratch_size("db/dump/f"), 9);
		return;
	}
	ck_assert_int_eq(run.status, 1);
	ck_assert_int_gt(strlen(run.errors), 0);
	expect_file("db/dump", NULL);
#endif
}
END_TEST

START_TEST(test_memory_has_a_wall)
{
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	struct rlimit limit = {0, 0};
	int ends[2];
	ck_assert_int_eq(pipe(ends), 0);
	pid_t pid = fork();
	if (pid == 0) {
		close(ends[1]);
		become_mover((const char *const[]){"put", NULL}, ends[0]);
	}
	/* It reads, and the pipe stays empty. */
	while (limit.rlim_cur != (rlim_t)512 << 20) {
		ck_assert_int_eq(waitpid(pid, NULL, WNOHANG), 0);
		ck_assert_int_eq(prlimit(pid, RLIMIT_DATA, NULL, &limit), 0);
	}
	close(ends[1]);
	close(ends[0]);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
#endif
}
END_TEST

START_TEST(test_sentences_have_no_control_characters)
{
	ck_assert_int_eq(mkdir(scratch_path("db/dump"), 0700), 0);
	ck_assert_int_eq(mkfifo(scratch_path("db/dump/a\n\033[2J"), 0600), 0);
	get();
	expect_refused("db/dump: a??[2J: is no file");
	ck_assert_ptr_nonnull(
		memmem(run.output, run.size, "a??[2J", strlen("a??[2J")));
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

/* What is true of what it left, and of what stands there while it runs. */
static void
add_gets(TCase *t)
{
	tcase_add_test(t, test_get_the_file);
	tcase_add_test(t, test_get_in_need);
	tcase_add_test(t, test_get_a_directory_says_that_it_is_at_work);
	tcase_add_loop_test(t, test_get_nothing, 0, 2);
	tcase_add_test(t, test_get_planted);
	tcase_add_test(t, test_get_foreign_owner);
	tcase_add_test(t, test_get_too_large_a_directory);
	tcase_add_loop_test(t, test_get_a_hostile_directory, 0,
		sizeof plants / sizeof *plants);
}

int
main(void)
{
	Suite *suite = suite_create("mover_path");
	TCase *checkpoint = tcase_create("checkpoint");
	tcase_add_checked_fixture(checkpoint, setup_checkpoint, scratch_end);
	add_gets(checkpoint);
	suite_add_tcase(suite, checkpoint);
	TCase *t = tcase_create("all");
	tcase_add_checked_fixture(t, setup, scratch_end);
	tcase_add_test(t, test_put_where_nothing_is);
	tcase_add_test(t, test_put_sets_another_aside);
	tcase_add_test(t, test_put_leaves_the_same);
	tcase_add_test(t, test_put_a_tree_over_its_bytes);
	tcase_add_test(t, test_put_once_only);
	tcase_add_test(t, test_put_never_replaces_what_is_stale);
	tcase_add_test(t, test_put_over_a_planted_link);
	tcase_add_test(t, test_put_fails_behind_its_place);
	tcase_add_test(t, test_put_over_a_directory);
	tcase_add_test(t, test_put_into_no_directory);
	tcase_add_test(t, test_put_half_is_nothing);
	tcase_add_test(t, test_put_from_a_pipe);
	add_gets(t);
	tcase_add_test(t, test_aside);
	tcase_add_test(t, test_aside_forgets_what_was_put);
	tcase_add_test(t, test_aside_once);
	tcase_add_test(t, test_aside_again);
	tcase_add_loop_test(t, test_put_takes_no_more_memory, 0, 2);
	tcase_add_test(t, test_memory_has_a_wall);
	tcase_add_test(t, test_sentences_have_no_control_characters);
	tcase_add_test(t, test_wrong_usage);
	suite_add_tcase(suite, t);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
