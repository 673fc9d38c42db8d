/* What the recorder writes, and how it gives up. */
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

#include "core/core_private.h"
#include "node/recorder.h"
#include "sys/say.h"

#define FILE_MAX ((size_t)64 << 20)

static char path[128];
static struct trace_head head;
static struct err err;
static struct trace_reader reader;
static struct trace_item item;

static void
setup(void)
{
	static char folder[64];
	snprintf(folder, sizeof folder, "recorder-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/file", folder);
	head = (struct trace_head){.limits = core_limits_for(100),
		.config = {.node = "alpha", .cluster = "test"}};
}

static void
teardown(void)
{
	unlink(path);
	*strchr(path, '/') = '\0';
	rmdir(path);
}

static struct recorder *
open_recorder(uint64_t size_max)
{
	struct recorder *r = NULL;
	ck_assert_int_eq(recorder_open(path, size_max, &head, &r, &err), 0);
	return r;
}

/* Steps with an input of 'size' bytes and no effects. */
static void
step(struct recorder *r, size_t size)
{
	static char body[FRAME_MAX];
	struct effects none = {0};
	struct input in = {.kind = INPUT_RECV, .recv = {1, 3, {body, size}}};
	recorder_input(r, &in);
	recorder_effects(r, &none);
}

static void
boot(struct recorder *r)
{
	struct effects none = {0};
	recorder_input(r, &(struct input){.kind = INPUT_BOOT});
	recorder_effects(r, &none);
}

/* Reads the file to its end; '*size' is its size. */
static enum trace_result
read_back(size_t *size)
{
	static struct trace_head got;
	unsigned char *data = malloc(FILE_MAX);
	int fd = open(path, O_RDONLY);
	ssize_t n;
	*size = 0;
	while ((n = read(fd, data + *size, FILE_MAX - *size)) > 0)
		*size += (size_t)n;
	close(fd);
	enum trace_result result =
		trace_open(&reader, (struct bytes){data, *size}, &got);
	while (result == TRACE_OK)
		result = trace_next(&reader, &item);
	free(data);
	return result;
}

START_TEST(everything_is_written)
{
	struct stat st;
	size_t size;
	struct recorder *r = open_recorder(FILE_MAX);
	boot(r);
	/* More than the ring holds, at a pace that a disk can follow. */
	for (int i = 0; i < 40; i++) {
		step(r, FRAME_MAX);
		recorder_flush(r, 30000);
	}
	ck_assert_str_eq(recorder_why(r), "");
	ck_assert(!recorder_is_done(r));
	recorder_end(r, "enough");
	recorder_flush(r, 30000);
	ck_assert(recorder_is_done(r));
	step(r, 10); /* nothing any more */
	ck_assert_uint_eq(recorder_steps(r), 41);
	uint64_t told = recorder_size(r);
	recorder_free(r);
	ck_assert_int_eq(read_back(&size), TRACE_DONE);
	ck_assert_uint_eq(size, told);
	ck_assert_uint_eq(reader.steps, 41);
	ck_assert_str_eq(item.end.why, "enough");
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
}
END_TEST

START_TEST(a_bound_ends_it)
{
	size_t size;
	struct recorder *r = open_recorder(RECORDER_SIZE_MIN);
	boot(r);
	while (!*recorder_why(r))
		step(r, 1000);
	recorder_free(r);
	ck_assert_int_eq(read_back(&size), TRACE_DONE);
	ck_assert_uint_le(size, RECORDER_SIZE_MIN);
	ck_assert_uint_gt(reader.steps, 100);
	ck_assert_str_eq(item.end.why, "it reached its largest size");
}
END_TEST

START_TEST(a_full_disk_ends_it)
{
	size_t size;
	struct rlimit limit = {200000, 200000}; /* of this forked test */
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	struct recorder *r = open_recorder(FILE_MAX);
	boot(r);
	while (!*recorder_why(r)) {
		step(r, 1000);
		recorder_flush(r, 30000);
	}
	ck_assert(strstr(recorder_why(r), "could not be written"));
	ck_assert(recorder_is_done(r));
	recorder_free(r);
	ck_assert_int_eq(read_back(&size), TRACE_CUT);
	ck_assert_uint_gt(reader.steps, 100);
}
END_TEST

START_TEST(the_node_does_not_wait_for_a_slow_disk)
{
	struct recorder *r;
	/* Nobody reads from this pipe: the disk that never answers. */
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	int fd = open(path, O_RDWR);
	r = open_recorder(FILE_MAX);
	/* Before BOOT it may wait; this is a node that has booted. */
	boot(r);
	unsigned steps = 0;
	while (!*recorder_why(r)) {
		step(r, 65536);
		ck_assert_uint_lt(++steps, 1000);
	}
	ck_assert_str_eq(recorder_why(r), "the disk could not follow");
	ck_assert_uint_gt(steps, 50);
	/* Let the thread go, so that the end is not a wait. */
	static char sink[1 << 16];
	fcntl(fd, F_SETFL, O_NONBLOCK);
	while (!recorder_is_done(r))
		if (read(fd, sink, sizeof sink) < 0)
			recorder_flush(r, 1);
	recorder_free(r);
	close(fd);
}
END_TEST

static struct recorder *panicking;

static void
on_panic(void)
{
	recorder_flush(panicking, 30000);
}

START_TEST(a_panic_leaves_the_input_that_did_it)
{
	size_t size;
	int status;
	pid_t child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0) {
		signal(SIGABRT, SIG_DFL);
		panicking = open_recorder(FILE_MAX);
		say_at_panic(on_panic);
		boot(panicking);
		recorder_input(panicking,
			&(struct input){.kind = INPUT_STORED, .stored = {7}});
		CHECK(!panicking); /* as the core would */
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFSIGNALED(status));
	ck_assert_int_eq(read_back(&size), TRACE_CUT);
	ck_assert_uint_eq(reader.steps, 2);
	ck_assert_int_eq(reader.last, TRACE_INPUT);
	ck_assert_uint_eq(item.input.in.stored.seq, 7);
}
END_TEST

START_TEST(what_cannot_be_opened_is_said)
{
	struct recorder *r = NULL;
	ck_assert_int_eq(symlink("elsewhere", path), 0);
	ck_assert_int_lt(recorder_open(path, FILE_MAX, &head, &r, &err), 0);
	ck_assert_ptr_nonnull(strstr(err.text, path));
	ck_assert_ptr_null(r);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("recorder");
	TCase *tc = tcase_create("recorder");
	suite_add_tcase(suite, tc);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, everything_is_written);
	tcase_add_test(tc, a_bound_ends_it);
	tcase_add_test(tc, a_full_disk_ends_it);
	tcase_add_test(tc, the_node_does_not_wait_for_a_slow_disk);
	tcase_add_test(tc, a_panic_leaves_the_input_that_did_it);
	tcase_add_test(tc, what_cannot_be_opened_is_said);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
