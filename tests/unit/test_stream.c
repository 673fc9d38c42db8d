/* One stream, turn by turn, on a clock that the test moves. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "logger/stream.h"
#include "tests/lib/scratch.h"

static struct stream_shared shared;
static struct err err;
static int service; /* where a service would write */
static mono now;

static void
setup(void)
{
	umask(027);
	now = (mono){1000};
	scratch_begin();
	shared.dir = (struct logdir){scratch_path("log"), -1};
	shared.journal = (struct journal){scratch_path("journal"), -1};
	shared.null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	shared.console = open(scratch_path("console"),
		O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	ck_assert_int_eq(peek_init(&shared.peek, &err), 0);
	ck_assert_int_eq(logdir_open(&shared.dir, &err), 0);
}

static void
teardown(void)
{
	close(service);
	close(shared.dir.fd);
	close(shared.null);
	close(shared.console);
	peek_fini(&shared.peek);
	scratch_end();
}

/* A stream over a new pipe, whose other end is 'service'. */
static struct stream *
make_stream_for(const char *ready_line, enum kproto_log_target target,
	enum kproto_when_full when_full)
{
	int ends[2];
	struct kproto_log log = {.iid = 7,
		.name = "web",
		.target = (uint8_t)target,
		.max_size = 1000,
		.max_files = 2,
		.when_full = (uint8_t)when_full,
		.ready_line = ready_line};
	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	service = ends[1];
	struct stream *s = stream_new(&log, ends[0]);
	ck_assert_ptr_nonnull(s);
	stream_lend(s, &shared);
	return s;
}

static struct stream *
make_stream(enum kproto_log_target target, enum kproto_when_full when_full)
{
	return make_stream_for("", target, when_full);
}

static void
print(const char *text)
{
	ck_assert_int_eq(write(service, text, strlen(text)), (int)strlen(text));
}

static void
pass(struct stream *s, int64_t ms)
{
	now = mono_add(now, ms);
	stream_turn(s, now);
}

static void
expect(const char *name, const char *text)
{
	char *data = scratch_read(name, NULL);
	ck_assert_pstr_eq(data, text);
	free(data);
}

/* A directory in place of the file makes every write fail. */
static void
block_file(void)
{
	ck_assert_int_eq(mkdir(scratch_path("log/web.log"), 0700), 0);
}

static void
unblock_file(void)
{
	ck_assert_int_eq(rmdir(scratch_path("log/web.log")), 0);
}

START_TEST(test_waits_then_moves)
{
	struct stream *s = make_stream(KLOG_FILE, KFULL_BLOCK);
	print("a\n");
	pass(s, 0);
	ck_assert_int_eq(s->state, STREAM_WAITING);
	ck_assert_int_eq(scratch_size("log/web.log"), -1);
	stream_begin(s);
	pass(s, 0);
	ck_assert_int_eq(s->state, STREAM_MOVING);
	ck_assert(stream_wants_input(s));
	ck_assert_int_eq(stream_deadline(s).ms, MONO_NEVER.ms);
	expect("log/web.log", "a\n");
	stream_free(s);
}
END_TEST

START_TEST(test_block_stalls_then_loses_nothing)
{
	struct stream *s = make_stream(KLOG_FILE, KFULL_BLOCK);
	block_file();
	stream_begin(s);
	print("a\n");
	pass(s, 0);
	ck_assert_int_eq(s->state, STREAM_STALLED);
	ck_assert(!stream_wants_input(s));
	ck_assert_int_eq(mono_diff(stream_deadline(s), now), STREAM_RETRY_MS);
	pass(s, STREAM_BLOCK_MS - 1);
	ck_assert_int_eq(s->state, STREAM_STALLED);
	unblock_file();
	pass(s, 0);
	ck_assert_int_eq(s->state, STREAM_MOVING);
	expect("log/web.log", "a\n");
	stream_free(s);
}
END_TEST

START_TEST(test_block_gives_up_and_counts)
{
	struct stream *s = make_stream(KLOG_FILE, KFULL_BLOCK);
	block_file();
	stream_begin(s);
	print("four\n");
	pass(s, 0);
	pass(s, STREAM_BLOCK_MS);
	ck_assert_int_eq(s->state, STREAM_DROPPING);
	ck_assert(stream_wants_input(s));
	pass(s, 1);
	ck_assert_uint_eq(s->dropped, 5);
	unblock_file();
	print("on\n");
	pass(s, STREAM_RETRY_MS);
	ck_assert_int_eq(s->state, STREAM_MOVING);
	ck_assert_uint_eq(s->dropped, 0);
	expect("log/web.log",
		"skep: 5 bytes of output are missing here: web.log: cannot be "
		"opened: Is a directory\non\n");
	stream_free(s);
}
END_TEST

START_TEST(test_drop_drops_at_once)
{
	struct stream *s = make_stream(KLOG_FILE, KFULL_DROP);
	block_file();
	stream_begin(s);
	print("four\n");
	pass(s, 0);
	ck_assert_int_eq(s->state, STREAM_DROPPING);
	pass(s, 0);
	ck_assert_uint_eq(s->dropped, 5);
	stream_free(s);
}
END_TEST

START_TEST(test_close_moves_only_what_was_there)
{
	struct stream *s = make_stream(KLOG_FILE, KFULL_BLOCK);
	stream_begin(s);
	print("last\n");
	stream_close(s);
	pass(s, 0);
	ck_assert_int_eq(s->state, STREAM_CLOSED);
	ck_assert(!stream_wants_input(s));
	expect("log/web.log", "last\n");
	stream_free(s);
}
END_TEST

START_TEST(test_close_is_bounded_when_the_file_is_not_writable)
{
	struct stream *s = make_stream(KLOG_FILE, KFULL_BLOCK);
	block_file();
	stream_begin(s);
	print("last\n");
	stream_close(s);
	pass(s, 0);
	ck_assert_int_eq(s->state, STREAM_STALLED);
	pass(s, STREAM_BLOCK_MS);
	pass(s, 0);
	ck_assert_int_eq(s->state, STREAM_CLOSED);
	stream_free(s);
}
END_TEST

START_TEST(test_close_without_output)
{
	struct stream *s = make_stream(KLOG_FILE, KFULL_BLOCK);
	block_file();
	stream_begin(s);
	stream_close(s);
	pass(s, 0);
	ck_assert_int_eq(s->state, STREAM_CLOSED);
	stream_free(s);
}
END_TEST

START_TEST(test_fifo_without_a_writer_rests)
{
	struct stream *s = make_stream(KLOG_FILE, KFULL_BLOCK);
	stream_begin(s);
	close(service);
	service = -1;
	pass(s, 0);
	ck_assert(!stream_wants_input(s));
	ck_assert_int_eq(mono_diff(stream_deadline(s), now), STREAM_END_MS);
	stream_close(s);
	pass(s, 0);
	ck_assert_int_eq(s->state, STREAM_CLOSED);
	stream_free(s);
}
END_TEST

START_TEST(test_turn_has_a_budget)
{
	static char data[1 << 20];
	struct stream *s = make_stream(KLOG_FILE, KFULL_BLOCK);
	s->file.size_max = 0;
	fcntl(service, F_SETPIPE_SZ, sizeof data);
	memset(data, 'x', sizeof data);
	fcntl(service, F_SETFL, O_NONBLOCK);
	ssize_t size = write(service, data, sizeof data);
	stream_begin(s);
	for (ssize_t moved = 0; moved < size;) {
		pass(s, 0);
		int64_t step = scratch_size("log/web.log") - moved;
		ck_assert_int_gt(step, 0);
		ck_assert_int_le(step, STREAM_BUDGET + STREAM_SPLICE);
		moved += step;
	}
	stream_free(s);
}
END_TEST

START_TEST(test_other_targets)
{
	struct stream *s = make_stream(KLOG_NULL, KFULL_BLOCK);
	stream_begin(s);
	print("away\n");
	pass(s, 0);
	stream_free(s);
	close(service);
	s = make_stream(KLOG_INHERIT, KFULL_BLOCK);
	stream_begin(s);
	print("shown\nhalf");
	pass(s, 0);
	stream_free(s);
	expect("console", "shown\nhalf");
	ck_assert_int_eq(scratch_size("log/web.log"), -1);
}
END_TEST

START_TEST(test_full_console_obeys_when_full)
{
	int ends[2];
	char c[4096] = {0};
	ck_assert_int_eq(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	while (write(ends[1], c, sizeof c) > 0)
		;
	int saved = shared.console;
	shared.console = ends[1];
	struct stream *s = make_stream(KLOG_INHERIT, KFULL_BLOCK);
	stream_begin(s);
	print("late\n");
	pass(s, 0);
	ck_assert_int_eq(s->state, STREAM_STALLED);
	while (read(ends[0], c, sizeof c) == sizeof c)
		;
	pass(s, STREAM_RETRY_MS);
	ck_assert_int_eq(s->state, STREAM_MOVING);
	ck_assert_int_eq(read(ends[0], c, sizeof c), 5);
	close(ends[0]);
	print("nobody listens\n");
	signal(SIGPIPE, SIG_IGN);
	pass(s, 0);
	ck_assert_int_eq(s->state, STREAM_STALLED);
	stream_free(s);
	shared.console = saved;
	close(ends[1]);
}
END_TEST

START_TEST(test_peek_takes_nothing)
{
	struct bytes seen;
	char c[10];
	int ends[2];
	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	ck_assert_int_eq(peek_look(&shared.peek, ends[0], &seen), -EAGAIN);
	ck_assert_int_eq(write(ends[1], "abc", 3), 3);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(peek_look(&shared.peek, ends[0], &seen), 0);
		ck_assert_uint_eq(seen.size, 3);
		ck_assert_int_eq(memcmp(seen.data, "abc", 3), 0);
	}
	ck_assert_int_eq(read(ends[0], c, sizeof c), 3);
	close(ends[1]);
	ck_assert_int_eq(peek_look(&shared.peek, ends[0], &seen), -EPIPE);
	close(ends[0]);
}
END_TEST

static const struct {
	const char *ere;
	const char *before; /* no match in it */
	const char *then;   /* with which it comes */
} lines[] = {
	{"^ready$", "getting ready\nread", "y\n"},
	{"port [0-9]+|up", "port\n12 port x\n", "a port 80\n"},
	{"up", "down\nup", "\n"},
	{"[[:digit:]]b", "b\n1", "b\n"},
	{"^$", "x\n", "\n"},
};

START_TEST(test_ready_line)
{
	struct stream *s =
		make_stream_for(lines[_i].ere, KLOG_FILE, KFULL_BLOCK);
	stream_begin(s);
	print(lines[_i].before);
	pass(s, 0);
	ck_assert(!s->is_matched && s->match);
	print(lines[_i].then);
	pass(s, 0);
	ck_assert(s->is_matched && !s->match);
	char whole[64];
	snprintf(whole, sizeof whole, "%s%s", lines[_i].before, lines[_i].then);
	expect("log/web.log", whole);
	stream_free(s);
}
END_TEST

/* It is found while output is thrown away too, and in very much of it. */
START_TEST(test_ready_line_hidden)
{
	static char much[9000];
	struct stream *s = make_stream_for("^here", KLOG_FILE, KFULL_DROP);
	stream_begin(s);
	memset(much, 'x', sizeof much - 1);
	block_file();
	for (int i = 0; i < 5; i++) {
		print(much);
		pass(s, 1000);
	}
	ck_assert_int_eq(s->state, STREAM_DROPPING);
	ck_assert(!s->is_matched);
	print("\nhere it is\n");
	pass(s, 1);
	ck_assert(s->is_matched);
	unblock_file();
	stream_free(s);
}
END_TEST

START_TEST(test_no_fifo)
{
	struct kproto_log log = {
		.name = "web", .target = KLOG_FILE, .ready_line = ""};
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	ck_assert_ptr_null(stream_new(&log, fd));
	ck_assert_int_lt(fcntl(fd, F_GETFD), 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("stream");
	TCase *tc = tcase_create("stream");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(
		tc, test_ready_line, 0, (int)(sizeof lines / sizeof *lines));
	tcase_add_test(tc, test_ready_line_hidden);
	tcase_add_test(tc, test_waits_then_moves);
	tcase_add_test(tc, test_block_stalls_then_loses_nothing);
	tcase_add_test(tc, test_block_gives_up_and_counts);
	tcase_add_test(tc, test_drop_drops_at_once);
	tcase_add_test(tc, test_close_moves_only_what_was_there);
	tcase_add_test(tc, test_close_is_bounded_when_the_file_is_not_writable);
	tcase_add_test(tc, test_close_without_output);
	tcase_add_test(tc, test_fifo_without_a_writer_rests);
	tcase_add_test(tc, test_turn_has_a_budget);
	tcase_add_test(tc, test_other_targets);
	tcase_add_test(tc, test_full_console_obeys_when_full);
	tcase_add_test(tc, test_peek_takes_nothing);
	tcase_add_test(tc, test_no_fifo);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
