/* Reading output while the real skep-logger rotates and compresses the files
 * under the reader's hands. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "node/logtail.h"
#include "sys/clock.h"
#include "tests/lib/logger_player.h"
#include "tests/lib/scratch.h"

#define LINES	 40000
#define BOUND_MS 120000

static struct logtail tail;
static struct api_text out;

/* A service that prints numbered lines, with a pause now and then. */
static pid_t
start_writer(int fifo)
{
	struct timespec pause = {.tv_nsec = 1000000};
	char line[40];
	pid_t pid = fork();
	ck_assert_int_ge(pid, 0);
	for (unsigned i = 0; pid == 0 && i < LINES; i++) {
		int n = snprintf(line, sizeof line, "line %06u of many\n", i);
		if (write(fifo, line, (size_t)n) != n)
			_exit(1);
		if (i % 1000 == 0)
			nanosleep(&pause, NULL);
	}
	if (pid == 0)
		_exit(0);
	return pid;
}

static void
ask(const struct query *query)
{
	logtail_init(&tail, scratch_path("log"), "alpha", query);
}

/* Reads until there is nothing more at present. */
static enum logtail_step
read_on(void)
{
	int code;
	enum logtail_step step;
	do
		step = logtail_next(&tail, &out, &code);
	while (step == LOGTAIL_MORE);
	ck_assert_msg(step != LOGTAIL_FAILED, "%s", strerror(-code));
	return step;
}

/* Takes the whole lines read so far, which must count on from 'next'. */
static unsigned
take_lines(unsigned next)
{
	size_t done = 0;
	char *end;
	while (done < out.size &&
		(end = memchr(out.data + done, '\n', out.size - done))) {
		unsigned n = 0;
		*end = '\0';
		ck_assert_int_eq(
			sscanf(out.data + done, "line %u of many", &n), 1);
		ck_assert_msg(n == next, "line %u instead of %u", n, next);
		next++;
		done = (size_t)(end + 1 - out.data);
	}
	if (done)
		api_text_drop(&out, done);
	return next;
}

static void
tear_down(void)
{
	logtail_fini(&tail);
	api_text_fini(&out);
	player_teardown();
}

/* 0: plain files; 1: compressed ones; both with 'max_size' small enough for
 * hundreds of rotations. */
START_TEST(test_follows_over_rotations)
{
	struct player_instance *i = player_add(0, "a", 4000);
	struct query q = {.kind = QUERY_LOGS,
		.name = "a",
		.epoch_min = 7,
		.is_follow = true};
	struct timespec ms = {.tv_nsec = 1000000};
	unsigned next = 0;
	i->log.epoch = 7;
	i->log.is_compressed = _i;
	ask(&q);
	ck_assert_int_eq(read_on(), LOGTAIL_WAITS); /* not even a directory */
	player_start(RLIM_INFINITY);
	player_send_open(i);
	pid_t writer = start_writer(i->fifo);
	mono began = clock_mono();
	while (next < LINES && mono_diff(clock_mono(), began) < BOUND_MS) {
		read_on();
		unsigned before = next;
		next = take_lines(next);
		if (next == before)
			nanosleep(&ms, NULL);
	}
	ck_assert_uint_eq(next, LINES);
	waitpid(writer, NULL, 0);
	player_send_epoch(i->log.iid, 7, false);
	while (read_on() != LOGTAIL_ENDED &&
		mono_diff(clock_mono(), began) < BOUND_MS)
		nanosleep(&ms, NULL);
	ck_assert_int_eq(read_on(), LOGTAIL_ENDED);
	player_finish();
}
END_TEST

static unsigned
count_last(uint32_t lines)
{
	struct query q = {.kind = QUERY_LOGS, .name = "a", .count = lines};
	logtail_fini(&tail);
	ask(&q);
	ck_assert_int_eq(read_on(), LOGTAIL_OVER);
	return take_lines(LINES - lines);
}

START_TEST(test_last_lines_of_compressed_files)
{
	struct player_instance *i = player_add(0, "a", 20000);
	i->log.is_compressed = true;
	player_start(RLIM_INFINITY);
	player_send_open(i);
	pid_t writer = start_writer(i->fifo);
	waitpid(writer, NULL, 0);
	player_finish();
	ck_assert_uint_eq(count_last(1), LINES);
	ck_assert_uint_eq(count_last(700), LINES);
	ck_assert_uint_eq(count_last(9999), LINES);
	ck_assert_uint_eq(count_last(LINES), LINES);
	/* All since before it began. */
	struct query q = {
		.kind = QUERY_LOGS, .name = "a", .since_wall_ms = 1000};
	logtail_fini(&tail);
	ask(&q);
	ck_assert_int_eq(read_on(), LOGTAIL_OVER);
	ck_assert_uint_eq(take_lines(0), LINES);
	q.since_wall_ms = clock_wall_ms() + 60000;
	logtail_fini(&tail);
	ask(&q);
	ck_assert_int_eq(read_on(), LOGTAIL_OVER);
	ck_assert_uint_eq(out.size, 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("logtail");
	TCase *tc = tcase_create("logtail");
	tcase_set_timeout(tc, 300);
	tcase_add_checked_fixture(tc, player_setup, tear_down);
	tcase_add_loop_test(tc, test_follows_over_rotations, 0, 2);
	tcase_add_test(tc, test_last_lines_of_compressed_files);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
