/* skep-logger, the real program, with this test as its keeper: nothing is
 * lost or doubled over kills and rotations; a full file harms only itself. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sys/clock.h"
#include "sys/ipc.h"
#include "sys/kproto.h"
#include "tests/lib/logger_player.h"
#include "tests/lib/scratch.h"

#define CRASH_LINES 66667 /* of each of three writers */
#define CRASH_KILLS 8

static void
write_text(int fd, const char *text)
{
	ck_assert_int_eq(write(fd, text, strlen(text)), (int)strlen(text));
}

/* Writes without waiting until the FIFO is full for a moment; returns how
 * many bytes went in. */
static size_t
fill_fifo(int fifo, const char *data, size_t size)
{
	size_t done = 0;
	ssize_t n = 1;
	fcntl(fifo, F_SETFL, O_NONBLOCK);
	while (done < size && n > 0) {
		n = write(fifo, data + done, size - done);
		done += n > 0 ? (size_t)n : 0;
	}
	fcntl(fifo, F_SETFL, 0);
	return done;
}

/* What a file shall hold at last. */
struct wanted {
	const char *name;
	const char *text;
};

static bool
holds(void *arg)
{
	struct wanted *w = arg;
	char *data = scratch_read(w->name, NULL);
	bool is_equal = data && strcmp(data, w->text) == 0;
	free(data);
	return is_equal;
}

static void
expect_file(const char *name, const char *text)
{
	struct wanted w = {name, text};
	ck_assert_msg(
		scratch_wait(holds, &w), "%s never held: %.80s", name, text);
}

static bool
has_text(void *arg)
{
	struct wanted *w = arg;
	char *data = scratch_read(w->name, NULL);
	bool is_there = data && strstr(data, w->text);
	free(data);
	return is_there;
}

/* A piece of growing memory. */
struct pile {
	char *data;
	size_t size;
};

static void
pile_add(struct pile *p, const char *data, size_t size)
{
	p->data = realloc(p->data, p->size + size + 1);
	ck_assert_ptr_nonnull(p->data);
	memcpy(p->data + p->size, data, size);
	p->size += size;
	p->data[p->size] = '\0';
}

/* NAME.log.N … NAME.log.1, NAME.log as one; the rotated ones must end with
 * a line and hold no more than 'size_max' and one more line. */
static struct pile
read_logs(const char *name, size_t size_max, unsigned *rotated)
{
	struct pile p = {NULL, 0};
	char path[200];
	for (*rotated = 0;; ++*rotated) {
		snprintf(
			path, sizeof path, "log/%s.log.%u", name, *rotated + 1);
		if (scratch_size(path) < 0)
			break;
	}
	for (unsigned i = *rotated; i > 0; i--) {
		size_t size;
		snprintf(path, sizeof path, "log/%s.log.%u", name, i);
		char *data = scratch_read(path, &size);
		ck_assert_uint_gt(size, 0);
		ck_assert_int_eq(data[size - 1], '\n');
		ck_assert_uint_lt(size, size_max + 100);
		pile_add(&p, data, size);
		free(data);
	}
	size_t size;
	snprintf(path, sizeof path, "log/%s.log", name);
	char *data = scratch_read(path, &size);
	ck_assert_ptr_nonnull(data);
	pile_add(&p, data, size);
	free(data);
	return p;
}

static int
number_line(char line[100], unsigned writer, unsigned number)
{
	static const char padding[] = "................................";
	return snprintf(line, 100, "writer %u line %06u %s\n", writer, number,
		padding + number % 32);
}

/* A service that prints numbered lines in blocks that end anywhere. */
static pid_t
start_writer(unsigned writer, int fifo)
{
	char line[100];
	pid_t pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid > 0)
		return pid;
	FILE *f = fdopen(fifo, "w");
	for (unsigned i = 0; i < CRASH_LINES; i++) {
		int n = number_line(line, writer, i);
		fwrite(line, 1, (size_t)n, f);
	}
	_exit(fflush(f) == 0 ? 0 : 1);
}

static void
expect_numbered(const char *name, unsigned writer, size_t size_max)
{
	unsigned rotated;
	char line[100];
	struct pile p = read_logs(name, size_max, &rotated);
	size_t at = 0;
	for (unsigned i = 0; i < CRASH_LINES; i++) {
		size_t n = (size_t)number_line(line, writer, i);
		ck_assert_msg(
			at + n <= p.size && memcmp(p.data + at, line, n) == 0,
			"%s: line %u is not at byte %zu", name, i, at);
		at += n;
	}
	ck_assert_uint_eq(at, p.size);
	ck_assert_uint_gt(rotated, 20);
	free(p.data);
}

/* Whether the rotations of "w0" have reached a number. */
static bool
has_rotated(void *arg)
{
	char path[100];
	snprintf(path, sizeof path, "log/w0.log.%u", *(unsigned *)arg);
	return scratch_size(path) >= 0;
}

START_TEST(test_nothing_lost_or_doubled_over_kills)
{
	static const char *const names[] = {"w0", "w1", "w2"};
	pid_t writers[3];
	int status;
	player_start(RLIM_INFINITY);
	for (unsigned i = 0; i < 3; i++) {
		player_send_open(player_add(i, names[i], 40000 + i * 30000));
		writers[i] = start_writer(i, player_instances[i].fifo);
	}
	for (unsigned kills = 1; kills <= CRASH_KILLS; kills++) {
		unsigned rotations = kills * 7;
		ck_assert(scratch_wait(has_rotated, &rotations));
		player_kill();
		player_start(RLIM_INFINITY);
		for (unsigned i = 0; i < 3; i++)
			player_send_open(&player_instances[i]);
	}
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_int_eq(waitpid(writers[i], &status, 0), writers[i]);
		ck_assert_int_eq(status, 0);
	}
	player_finish();
	for (unsigned i = 0; i < 3; i++)
		expect_numbered(names[i], i, 40000 + i * 30000);
}
END_TEST

START_TEST(test_output_comes_through_at_once)
{
	struct player_instance *i = player_add(0, "web@1", 1000);
	player_start(RLIM_INFINITY);
	player_send_open(i);
	expect_file("log/web@1.log", "");
	write_text(i->fifo, "hello\nno line end");
	expect_file("log/web@1.log", "hello\nno line end");
	write_text(i->fifo, ", now one\n");
	expect_file("log/web@1.log", "hello\nno line end, now one\n");
	struct stat st;
	ck_assert_int_eq(stat(scratch_path("log/web@1.log"), &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0640);
	player_finish();
}
END_TEST

START_TEST(test_wakes_up_behind_others)
{
	player_start(RLIM_INFINITY);
	ck_assert_int_eq(sched_getscheduler(player_logger), SCHED_BATCH);
	player_finish();
}
END_TEST

START_TEST(test_ready_line_is_told)
{
	struct player_instance *i = player_add(0, "web@1", 1000);
	i->log.ready_line = "listening on [0-9]+";
	i->log.epoch = 4;
	player_start(RLIM_INFINITY);
	player_send_open(i);
	write_text(i->fifo, "not yet\nlistening on 80\nlistening on 81\n");
	player_expect(KMSG_LOG_MATCHED);
	expect_file(
		"log/web@1.log", "not yet\nlistening on 80\nlistening on 81\n");
	player_finish();
}
END_TEST

START_TEST(test_directory_of_the_configuration)
{
	char conf[1000];
	struct player_instance *i = player_add(0, "a", 0);
	snprintf(conf, sizeof conf, "[node]\nlog_dir = %s\n",
		scratch_path("elsewhere"));
	scratch_write("skep.conf", conf, strlen(conf));
	player_start_with(RLIM_INFINITY, "-c", scratch_path("skep.conf"));
	player_expect(KMSG_LOG_READY);
	player_send_open(i);
	write_text(i->fifo, "here\n");
	expect_file("elsewhere/a.log", "here\n");
	player_finish();
}
END_TEST

START_TEST(test_wrong_command_lines)
{
	static const struct {
		const char *flag;
		const char *path;
		int status;
	} lines[] = {{"--log-dir", NULL, 2}, {"--nothing", NULL, 2},
		{"log", "dir", 2}, {"-c", "/nonexistent/skep.conf", 1}};
	player_start_with(RLIM_INFINITY, lines[_i].flag, lines[_i].path);
	int status = player_reap();
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), lines[_i].status);
}
END_TEST

START_TEST(test_close_drains_what_is_there)
{
	struct player_instance *i = player_add(0, "a", 0);
	player_start(RLIM_INFINITY);
	write_text(i->fifo, "before\n");
	player_send_open(i);
	player_ping();
	write_text(i->fifo, "last\n");
	player_send_close(i->log.iid);
	player_ping();
	expect_file("log/a.log", "before\nlast\n");
	write_text(i->fifo, "after\n");
	player_ping();
	expect_file("log/a.log", "before\nlast\n");
	player_send_open(i);
	expect_file("log/a.log", "before\nlast\nafter\n");
	player_finish();
}
END_TEST

START_TEST(test_a_second_stream_takes_the_file_over)
{
	struct player_instance *older = player_add(0, "a", 0);
	struct player_instance *newer = player_add(1, "a", 0);
	player_start(RLIM_INFINITY);
	write_text(older->fifo, "one\n");
	write_text(newer->fifo, "two\n");
	player_send_open(older);
	player_send_open(newer);
	expect_file("log/a.log", "one\ntwo\n");
	player_finish();
}
END_TEST

START_TEST(test_long_line_loses_nothing)
{
	static char line[300001];
	unsigned rotated;
	struct player_instance *i = player_add(0, "a", 4096);
	memset(line, 'x', sizeof line - 2);
	line[sizeof line - 2] = '\n';
	player_start(RLIM_INFINITY);
	player_send_open(i);
	write_text(i->fifo, "first\n");
	write_text(i->fifo, line);
	write_text(i->fifo, "next\n");
	player_finish();
	char path[100];
	struct pile p = {NULL, 0};
	for (rotated = 1;; rotated++) {
		snprintf(path, sizeof path, "log/a.log.%u", rotated);
		if (scratch_size(path) < 0)
			break;
	}
	for (unsigned n = rotated - 1; n > 0; n--) {
		size_t size;
		snprintf(path, sizeof path, "log/a.log.%u", n);
		char *data = scratch_read(path, &size);
		ck_assert_uint_le(size, 8192);
		pile_add(&p, data, size);
		free(data);
	}
	size_t size;
	char *data = scratch_read("log/a.log", &size);
	pile_add(&p, data, size);
	free(data);
	ck_assert_uint_eq(p.size, 6 + sizeof line - 1 + 5);
	ck_assert_int_eq(memcmp(p.data, "first\n", 6), 0);
	ck_assert_int_eq(memcmp(p.data + 6, line, sizeof line - 1), 0);
	ck_assert_str_eq(p.data + 6 + sizeof line - 1, "next\n");
	free(p.data);
}
END_TEST

START_TEST(test_max_files)
{
	struct player_instance *i = player_add(0, "a", 10);
	i->log.max_files = 2;
	player_start(RLIM_INFINITY);
	player_send_open(i);
	for (unsigned n = 0; n < 6; n++) {
		char line[20];
		snprintf(line, sizeof line, "line %u..\n", n);
		write_text(i->fifo, line);
	}
	expect_file("log/a.log", "line 5..\n");
	expect_file("log/a.log.1", "line 4..\n");
	expect_file("log/a.log.2", "line 3..\n");
	ck_assert_int_eq(scratch_size("log/a.log.3"), -1);
	player_finish();
}
END_TEST

START_TEST(test_planted_link_is_refused_and_others_go_on)
{
	struct player_instance *bad = player_add(0, "bad", 0);
	struct player_instance *good = player_add(1, "good", 0);
	bad->log.when_full = KFULL_DROP;
	scratch_write("secret", "s", 1);
	ck_assert_int_eq(mkdir(scratch_path("log"), 0755), 0);
	ck_assert_int_eq(symlink("../secret", scratch_path("log/bad.log")), 0);
	player_start(RLIM_INFINITY);
	player_send_open(bad);
	player_send_open(good);
	write_text(bad->fifo, "lost\n");
	write_text(good->fifo, "kept\n");
	expect_file("log/good.log", "kept\n");
	player_ping();
	expect_file("secret", "s");
	ck_assert_int_eq(unlink(scratch_path("log/bad.log")), 0);
	struct wanted w = {"log/bad.log", "bytes of output are missing here: "};
	ck_assert(scratch_wait(has_text, &w));
	expect_file("secret", "s");
	player_finish();
}
END_TEST

START_TEST(test_impossible_name_does_not_stop_its_service)
{
	static char data[200000];
	struct player_instance *i = player_add(0, "../../escape", 0);
	player_start(RLIM_INFINITY);
	player_send_open(i);
	memset(data, 'x', sizeof data - 1);
	write_text(i->fifo, data);
	ck_assert_int_eq(scratch_size("escape.log"), -1);
	ck_assert_int_eq(scratch_size("../escape.log"), -1);
	player_finish();
}
END_TEST

/* Fills a file whose limit is 100,000 bytes and sees it stand still. */
static size_t
fill_file(const struct player_instance *i, const char *data, size_t size)
{
	size_t done = 0;
	struct timespec ms = {.tv_nsec = 1000000};
	/* Full is what does not move while a PING is answered often. */
	for (int quiet = 0; quiet < 20 && done < size; quiet++) {
		size_t n = fill_fifo(i->fifo, data + done, size - done);
		done += n;
		if (n > 0)
			quiet = 0;
		nanosleep(&ms, NULL);
		player_ping();
	}
	return done;
}

static void
lift_file_limit(void)
{
	struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
	ck_assert_int_eq(prlimit(player_logger, RLIMIT_FSIZE, &limit, NULL), 0);
}

static void
make_lines(char *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
		data[i] = i % 50 == 49 ? '\n' : (char)('a' + i / 50 % 26);
	data[size] = '\0';
}

START_TEST(test_block_holds_the_writer_and_loses_nothing)
{
	static char data[400001];
	make_lines(data, 400000);
	struct player_instance *full = player_add(0, "full", 0);
	struct player_instance *other = player_add(1, "other", 0);
	player_start(100000);
	player_send_open(full);
	player_send_open(other);
	size_t done = fill_file(full, data, 400000);
	ck_assert_uint_ge(done, 100000);
	ck_assert_uint_lt(done, 400000);
	write_text(other->fifo, "unharmed\n");
	expect_file("log/other.log", "unharmed\n");
	lift_file_limit();
	write_text(full->fifo, data + done);
	expect_file("log/full.log", data);
	player_finish();
}
END_TEST

/* Asserts that 'data' of 'size' bytes is in the file but for what the line
 * of ours in it counts. */
static void
expect_counted(const char *name, size_t size)
{
	char *data = scratch_read(name, NULL);
	size_t missing = 0, marks = 0, counted = 0;
	for (char *line = data; *line;) {
		char *next = strchrnul(line, '\n');
		size_t length = (size_t)(next - line) + (*next == '\n');
		if (sscanf(line, "skep: %zu bytes", &missing) == 1) {
			marks += 1;
			counted += missing;
		} else {
			counted += length;
		}
		line += length;
	}
	/* A line of ours may have had to end one of theirs first. */
	ck_assert_uint_ge(marks, 1);
	ck_assert_uint_ge(counted, size);
	ck_assert_uint_le(counted, size + marks);
	free(data);
}

START_TEST(test_drop_never_holds_the_writer)
{
	static char data[2000001];
	make_lines(data, 2000000);
	struct player_instance *i = player_add(0, "full", 0);
	i->log.when_full = KFULL_DROP;
	player_start(100000);
	player_send_open(i);
	write_text(i->fifo, data);
	lift_file_limit();
	struct wanted w = {"log/full.log", "bytes of output are missing here"};
	ck_assert(scratch_wait(has_text, &w));
	write_text(i->fifo, "and on\n");
	w.text = "and on\n";
	ck_assert(scratch_wait(has_text, &w));
	player_finish();
	expect_counted("log/full.log", 2000000 + 7);
}
END_TEST

START_TEST(test_block_ends_after_its_time)
{
	static char data[400001];
	make_lines(data, 400000);
	struct player_instance *i = player_add(0, "full", 0);
	player_start(100000);
	player_send_open(i);
	mono before = clock_mono();
	write_text(i->fifo, data);
	ck_assert_int_ge(mono_diff(clock_mono(), before), 4000);
	lift_file_limit();
	struct wanted w = {"log/full.log", "bytes of output are missing here"};
	ck_assert(scratch_wait(has_text, &w));
	player_finish();
	expect_counted("log/full.log", 400000);
}
END_TEST

/* Puts a file system of 256 KiB at log/, seen by this process's children
 * only; false without the right to. */
static bool
mount_small(void)
{
	ck_assert_int_eq(mkdir(scratch_path("log"), 0755), 0);
	return unshare(CLONE_NEWNS) == 0 &&
	       mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("tmpfs", scratch_path("log"), "tmpfs", 0, "size=256k") ==
		       0;
}

START_TEST(test_full_disk_recovers)
{
	static char data[600001];
	if (!mount_small()) {
		fprintf(stderr, "full disk: skipped, mount is not permitted\n");
		return;
	}
	make_lines(data, 600000);
	scratch_write("log/filler", data, 100000);
	struct player_instance *i = player_add(0, "full", 0);
	i->log.when_full = KFULL_DROP;
	player_start(RLIM_INFINITY);
	player_send_open(i);
	write_text(i->fifo, data);
	ck_assert_int_eq(unlink(scratch_path("log/filler")), 0);
	struct wanted w = {"log/full.log",
		"bytes of output are missing here: full.log: cannot be "
		"written: No space left on device\n"};
	ck_assert(scratch_wait(has_text, &w));
	player_finish();
	expect_counted("log/full.log", 600000);
	umount2(scratch_path("log"), MNT_DETACH);
}
END_TEST

START_TEST(test_null_takes_all_and_keeps_nothing)
{
	static char data[500001];
	make_lines(data, 500000);
	struct player_instance *i = player_add(0, "quiet", 0);
	i->log.target = KLOG_NULL;
	player_start(RLIM_INFINITY);
	player_send_open(i);
	write_text(i->fifo, data);
	player_finish();
	ck_assert_int_eq(scratch_size("log/quiet.log"), -1);
}
END_TEST

START_TEST(test_inherit_goes_to_standard_error)
{
	static char data[50001];
	make_lines(data, 50000);
	struct player_instance *i = player_add(0, "shown", 0);
	i->log.target = KLOG_INHERIT;
	scratch_write("stderr", "", 0);
	int saved = dup(STDERR_FILENO);
	int file = open(scratch_path("stderr"), O_WRONLY | O_APPEND);
	dup2(file, STDERR_FILENO);
	player_start(RLIM_INFINITY);
	dup2(saved, STDERR_FILENO);
	player_send_open(i);
	write_text(i->fifo, data);
	player_finish();
	expect_file("stderr", data);
}
END_TEST

/* A service that prints as fast as it can until it is killed. */
static pid_t
start_flood(int fifo)
{
	static char data[65536];
	make_lines(data, sizeof data - 1);
	pid_t pid = fork();
	while (pid == 0) {
		if (write(fifo, data, sizeof data - 1) < 0)
			_exit(1);
	}
	return pid;
}

START_TEST(test_a_flood_does_not_starve_others)
{
	struct player_instance *loud = player_add(0, "loud", 1000000);
	struct player_instance *quiet = player_add(1, "quiet", 0);
	loud->log.max_files = 1;
	player_start(RLIM_INFINITY);
	player_send_open(loud);
	player_send_open(quiet);
	pid_t pid = start_flood(loud->fifo);
	struct wanted w = {"log/loud.log.1", "aaaa"};
	ck_assert(scratch_wait(has_text, &w));
	for (unsigned n = 0; n < 20; n++) {
		char line[20];
		snprintf(line, sizeof line, "line %u\n", n);
		write_text(quiet->fifo, line);
		w = (struct wanted){"log/quiet.log", line};
		ck_assert(scratch_wait(has_text, &w));
		player_ping();
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	player_finish();
}
END_TEST

START_TEST(test_nonsense_ends_it)
{
	unsigned char body[3] = {1, 2, 3};
	player_start(RLIM_INFINITY);
	ck_assert_int_eq(ipc_send(player_socket,
				 (uint16_t[]){KMSG_LOG_CLOSE, KMSG_LOG_OPEN,
					 KMSG_STARTED}[_i],
				 (struct bytes){body, sizeof body}, NULL, 0),
		0);
	int status = player_reap();
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 70);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("logger");
	TCase *tc = tcase_create("logger");
	tcase_set_timeout(tc, 300);
	tcase_add_checked_fixture(tc, player_setup, player_teardown);
	tcase_add_test(tc, test_nothing_lost_or_doubled_over_kills);
	tcase_add_test(tc, test_output_comes_through_at_once);
	tcase_add_test(tc, test_wakes_up_behind_others);
	tcase_add_test(tc, test_ready_line_is_told);
	tcase_add_test(tc, test_directory_of_the_configuration);
	tcase_add_loop_test(tc, test_wrong_command_lines, 0, 4);
	tcase_add_test(tc, test_close_drains_what_is_there);
	tcase_add_test(tc, test_a_second_stream_takes_the_file_over);
	tcase_add_test(tc, test_long_line_loses_nothing);
	tcase_add_test(tc, test_max_files);
	tcase_add_test(tc, test_planted_link_is_refused_and_others_go_on);
	tcase_add_test(tc, test_impossible_name_does_not_stop_its_service);
	tcase_add_test(tc, test_block_holds_the_writer_and_loses_nothing);
	tcase_add_test(tc, test_drop_never_holds_the_writer);
	tcase_add_test(tc, test_block_ends_after_its_time);
	tcase_add_test(tc, test_full_disk_recovers);
	tcase_add_test(tc, test_null_takes_all_and_keeps_nothing);
	tcase_add_test(tc, test_inherit_goes_to_standard_error);
	tcase_add_test(tc, test_a_flood_does_not_starve_others);
	tcase_add_loop_test(tc, test_nonsense_ends_it, 0, 3);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
