/* skep-logger, the real program, and what it keeps: rotated files by age and
 * compressed, the marks beside them, the journal, and its memory. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include "sys/clock.h"
#include "sys/logmarks.h"
#include "tests/lib/logger_player.h"
#include "tests/lib/scratch.h"

#define LINES_COUNT 60000
#define KILLS	    6
#define FLOOD_SIZE  (300u << 20)
#define RSS_MAX_KB  8192

/* Sanitizers and valgrind have a memory of their own. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define IS_SANITIZED true
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED true
#endif
#ifndef IS_SANITIZED
#define IS_SANITIZED false
#endif

static void
write_text(int fd, const char *text)
{
	ck_assert_int_eq(write(fd, text, strlen(text)), (int)strlen(text));
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
is_there(void *arg)
{
	return scratch_size(arg) >= 0;
}

/* --- compression --- */

/* A service that prints numbered lines. */
static pid_t
start_writer(int fifo)
{
	pid_t pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid > 0)
		return pid;
	FILE *f = fdopen(fifo, "w");
	for (unsigned i = 0; i < LINES_COUNT; i++)
		fprintf(f, "line %06u of the flood\n", i);
	_exit(fflush(f) == 0 ? 0 : 1);
}

/* Reads the file with this number, plain before compressed; goes on with the
 * line 'next'.  False when there is none. */
static bool
read_number(unsigned number, unsigned *next, bool *is_packed)
{
	char path[100];
	char line[100];
	snprintf(path, sizeof path, number ? "log/w.log.%u" : "log/w.log",
		number);
	*is_packed = scratch_size(path) < 0;
	if (*is_packed)
		snprintf(path, sizeof path, "log/w.log.%u.gz", number);
	gzFile f = gzopen(scratch_path(path), "rb");
	if (!f)
		return false;
	while (gzgets(f, line, sizeof line)) {
		unsigned n = 0;
		ck_assert_int_eq(sscanf(line, "line %u of the flood\n", &n), 1);
		ck_assert_msg(
			n == *next, "%s: %u instead of %u", path, n, *next);
		(*next)++;
	}
	ck_assert_int_eq(gzclose(f), Z_OK);
	return true;
}

static unsigned
count_files(void)
{
	char plain[100], packed[100];
	for (unsigned i = 1;; i++) {
		snprintf(plain, sizeof plain, "log/w.log.%u", i);
		snprintf(packed, sizeof packed, "log/w.log.%u.gz", i);
		if (scratch_size(plain) < 0 && scratch_size(packed) < 0)
			return i - 1;
	}
}

static bool
has_rotated(void *arg)
{
	return count_files() >= *(unsigned *)arg;
}

static bool
all_are_packed(void *arg)
{
	char plain[100];
	(void)arg;
	for (unsigned i = count_files(); i > 0; i--) {
		snprintf(plain, sizeof plain, "log/w.log.%u", i);
		if (scratch_size(plain) >= 0)
			return false;
	}
	return scratch_size("log/w.log.gz.tmp") < 0;
}

START_TEST(test_compression_loses_and_doubles_nothing_over_kills)
{
	struct player_instance *i = player_add(0, "w", 20000);
	struct timespec pause = {.tv_nsec = 0};
	unsigned next = 0;
	int status;
	bool is_packed;
	i->log.is_compressed = true;
	player_start(RLIM_INFINITY);
	player_send_open(i);
	pid_t writer = start_writer(i->fifo);
	for (unsigned kills = 1; kills <= KILLS; kills++) {
		unsigned files = kills * 9;
		ck_assert(scratch_wait(has_rotated, &files));
		/* Anywhere in the middle of a compression. */
		pause.tv_nsec = kills * 700000;
		nanosleep(&pause, NULL);
		player_kill();
		player_start(RLIM_INFINITY);
		player_send_open(i);
	}
	ck_assert_int_eq(waitpid(writer, &status, 0), writer);
	ck_assert_int_eq(status, 0);
	ck_assert(scratch_wait(all_are_packed, NULL));
	player_finish();
	unsigned files = count_files();
	ck_assert_uint_gt(files, 60);
	for (unsigned n = files; n > 0; n--) {
		ck_assert(read_number(n, &next, &is_packed));
		ck_assert(is_packed);
	}
	ck_assert(read_number(0, &next, &is_packed));
	ck_assert_uint_eq(next, LINES_COUNT);
}
END_TEST

START_TEST(test_compressed_files_are_counted_too)
{
	struct player_instance *i = player_add(0, "w", 30);
	i->log.is_compressed = true;
	i->log.max_files = 2;
	player_start(RLIM_INFINITY);
	player_send_open(i);
	for (unsigned n = 0; n < 8; n++) {
		char line[40];
		snprintf(line, sizeof line, "line %06u of the flood\n", n);
		write_text(i->fifo, line);
		expect_file("log/w.log", line);
	}
	ck_assert(scratch_wait(all_are_packed, NULL));
	player_finish();
	ck_assert_uint_eq(count_files(), 2);
	unsigned next = 5;
	bool is_packed;
	ck_assert(read_number(2, &next, &is_packed));
	ck_assert(read_number(1, &next, &is_packed));
	ck_assert(read_number(0, &next, &is_packed));
	ck_assert_uint_eq(next, 8);
}
END_TEST

/* --- age --- */

START_TEST(test_an_old_file_is_rotated_at_the_end_of_a_line)
{
	struct player_instance *i = player_add(0, "a", 0);
	i->log.max_age_ms = 300;
	player_start(RLIM_INFINITY);
	player_send_open(i);
	write_text(i->fifo, "whole\n");
	/* Nothing more comes: that does not hold it up. */
	expect_file("log/a.log.1", "whole\n");
	write_text(i->fifo, "ha");
	expect_file("log/a.log", "ha");
	struct timespec past = {.tv_nsec = 600000000};
	nanosleep(&past, NULL);
	player_ping();
	expect_file("log/a.log", "ha");
	write_text(i->fifo, "lf\nnext\n");
	expect_file("log/a.log.2", "whole\n");
	expect_file("log/a.log.1", "half\n");
	expect_file("log/a.log", "next\n");
	player_finish();
}
END_TEST

/* --- marks --- */

/* Marks of log/NAME. */
static size_t
read_marks(const char *name, struct logmark *out, size_t count)
{
	struct stat st;
	char path[LOGMARKS_PATH_MAX], log[100], marks[LOGMARKS_PATH_MAX + 8];
	snprintf(log, sizeof log, "log/%s", name);
	if (stat(scratch_path(log), &st) < 0)
		return 0;
	snprintf(marks, sizeof marks, "log/%s",
		logmarks_path(path, "a.log", st.st_ino));
	int fd = open(scratch_path(marks), O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	size_t n = logmarks_read(fd, 0, out, count);
	ck_assert_uint_le(n, logmarks_count(fd));
	close(fd);
	return n;
}

/* What the last mark of a file shall be. */
struct last_mark {
	const char *name;
	uint64_t offset;
	uint64_t epoch;
};

static bool
is_last_mark(void *arg)
{
	struct last_mark *want = arg;
	struct logmark m[64];
	size_t n = read_marks(want->name, m, 64);
	return n > 0 && m[n - 1].offset == want->offset &&
	       m[n - 1].epoch == want->epoch;
}

START_TEST(test_marks_tell_epochs_and_times)
{
	struct logmark m[64];
	struct player_instance *i = player_add(0, "a", 0);
	int64_t before = clock_wall_ms();
	i->log.epoch = 7;
	player_start(RLIM_INFINITY);
	player_send_open(i);
	write_text(i->fifo, "first\n");
	expect_file("log/a.log", "first\n");
	player_send_epoch(i->log.iid, 7, false);
	struct last_mark end = {"a.log", 6, 7 | LOGMARKS_END};
	ck_assert(scratch_wait(is_last_mark, &end));
	player_send_epoch(i->log.iid, 9, true);
	write_text(i->fifo, "second\n");
	struct last_mark begin = {"a.log", 6, 9};
	ck_assert(scratch_wait(is_last_mark, &begin));
	ck_assert_uint_eq(read_marks("a.log", m, 64), 3);
	ck_assert_uint_eq(m[0].offset, 0);
	ck_assert_uint_eq(m[0].epoch, 7);
	for (int n = 0; n < 3; n++) {
		ck_assert_int_ge(m[n].wall_ms, before);
		ck_assert_int_le(m[n].wall_ms, clock_wall_ms());
	}
	player_finish();
}
END_TEST

/* A reader that has the marks open hears of the end. */
START_TEST(test_marks_of_silence)
{
	struct logmark m[64];
	struct player_instance *i = player_add(0, "a", 0);
	i->log.epoch = 7;
	player_start(RLIM_INFINITY);
	player_send_open(i);
	struct last_mark begin = {"a.log", 0, 7};
	ck_assert(scratch_wait(is_last_mark, &begin));
	player_send_epoch(i->log.iid, 7, false);
	struct last_mark end = {"a.log", 0, 7 | LOGMARKS_END};
	ck_assert(scratch_wait(is_last_mark, &end));
	ck_assert_uint_eq(read_marks("a.log", m, 64), 2);
	player_finish();
}
END_TEST

START_TEST(test_marks_follow_their_file)
{
	struct logmark m[64];
	struct player_instance *i = player_add(0, "a", 10);
	i->log.epoch = 7;
	i->log.max_files = 1;
	i->log.is_compressed = true;
	player_start(RLIM_INFINITY);
	player_send_open(i);
	write_text(i->fifo, "line one.\n");
	write_text(i->fifo, "line two.\n");
	write_text(i->fifo, "line three\n");
	expect_file("log/a.log", "line three\n");
	ck_assert(scratch_wait(is_there, (char *)"log/a.log.1.gz"));
	ck_assert_uint_eq(read_marks("a.log.1.gz", m, 64), 1);
	ck_assert_uint_eq(m[0].epoch, 7);
	player_finish();
	/* Those of files that are gone are removed when it is opened. */
	ck_assert_int_eq(unlink(scratch_path("log/a.log.1.gz")), 0);
	player_start(RLIM_INFINITY);
	player_send_open(i);
	player_finish();
	ck_assert_uint_eq(read_marks("a.log", m, 64), 1);
	char listing[100];
	snprintf(listing, sizeof listing, "test $(ls %s | wc -l) = 1",
		scratch_path("log/.times/a.log"));
	ck_assert_int_eq(system(listing), 0);
}
END_TEST

/* --- the journal --- */

static int
listen_as_journald(void)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	snprintf(
		at.sun_path, sizeof at.sun_path, "%s", scratch_path("journal"));
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
	return fd;
}

/* One entry, however it comes. */
static size_t
take_entry(int fd, char *out, size_t size, bool *is_memfd)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec part = {out, size};
	struct msghdr m = {.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof control};
	ssize_t n = recvmsg(fd, &m, 0);
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	*is_memfd = c != NULL;
	if (c) {
		int file;
		memcpy(&file, CMSG_DATA(c), sizeof file);
		int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
		ck_assert_int_eq(n, 0);
		ck_assert_int_eq(fcntl(file, F_GET_SEALS) & seals, seals);
		n = pread(file, out, size, 0);
		close(file);
	}
	ck_assert_int_gt(n, 0);
	return (size_t)n;
}

static void
expect_entry(int fd, const char *message, size_t length, int priority)
{
	static char got[200000], head[500];
	bool is_memfd;
	size_t size = take_entry(fd, got, sizeof got, &is_memfd);
	int n = snprintf(head, sizeof head,
		"PRIORITY=%d\nSYSLOG_IDENTIFIER=web\nSKEP_SERVICE=web\n"
		"SKEP_INSTANCE=web@1\nSKEP_EPOCH=7\nMESSAGE\n",
		priority);
	uint64_t said = 0;
	ck_assert_uint_eq(size, (size_t)n + 8 + length + 1);
	ck_assert_int_eq(memcmp(got, head, (size_t)n), 0);
	for (int i = 7; i >= 0; i--)
		said = said << 8 | (unsigned char)got[n + i];
	ck_assert_uint_eq(said, length);
	ck_assert_int_eq(memcmp(got + n + 8, message, length), 0);
	ck_assert_int_eq(got[size - 1], '\n');
	ck_assert_int_eq(is_memfd, length > 40000);
}

static struct player_instance *
add_to_journal(void)
{
	struct player_instance *i = player_add(0, "web@1", 0);
	i->log.target = KLOG_JOURNAL;
	i->log.epoch = 7;
	return i;
}

START_TEST(test_journal_gets_every_line)
{
	static char line[45002];
	struct player_instance *i = add_to_journal();
	int fd = listen_as_journald();
	memset(line, 'x', 45000);
	line[45000] = '\n';
	player_start(RLIM_INFINITY);
	player_send_open(i);
	write_text(i->fifo, "hello\n\n<3>trouble\n");
	write_text(i->fifo, line);
	expect_entry(fd, "hello", 5, 6);
	expect_entry(fd, "trouble", 7, 3);
	expect_entry(fd, line, 45000, 6);
	write_text(i->fifo, "in two");
	write_text(i->fifo, " pieces\nand half of one");
	expect_entry(fd, "in two pieces", 13, 6);
	expect_entry(fd, "and half of one", 15, 6);
	player_finish();
	close(fd);
	ck_assert_int_eq(scratch_size("log/web@1.log"), -1);
}
END_TEST

START_TEST(test_journal_that_does_not_keep_up_loses_nothing)
{
	static char lines[200000];
	struct player_instance *i = add_to_journal();
	int fd = listen_as_journald();
	player_start(RLIM_INFINITY);
	player_send_open(i);
	for (int n = 0; n < 2000; n++)
		sprintf(lines + strlen(lines), "line %d\n", n);
	pid_t pid = fork();
	if (pid == 0)
		_exit(write(i->fifo, lines, strlen(lines)) < 0);
	for (int n = 0; n < 2000; n++) {
		char text[30];
		int length = snprintf(text, sizeof text, "line %d", n);
		expect_entry(fd, text, (size_t)length, 6);
	}
	waitpid(pid, NULL, 0);
	player_finish();
	close(fd);
}
END_TEST

START_TEST(test_without_journald_the_file_takes_it)
{
	struct player_instance *i = add_to_journal();
	player_start(RLIM_INFINITY);
	player_send_open(i);
	write_text(i->fifo, "nobody there\n");
	expect_file("log/web@1.log", "nobody there\n");
	int fd = listen_as_journald();
	player_send_epoch(i->log.iid, 7, false);
	player_send_epoch(i->log.iid, 7, true);
	player_ping();
	write_text(i->fifo, "there again\n");
	expect_entry(fd, "there again", 11, 6);
	player_finish();
	close(fd);
}
END_TEST

/* --- a file that hangs --- */

START_TEST(test_a_file_that_hangs_holds_up_nobody_else)
{
	static const char *const names[] = {"hang-1", "hang-2", "good"};
	if (IS_SANITIZED) /* they want to be the first library */
		return;
	player_preload = HANG_LIBRARY;
	player_start(RLIM_INFINITY);
	for (unsigned i = 0; i < 3; i++)
		player_send_open(player_add(i, names[i], 0));
	write_text(player_instances[0].fifo, "lost in time\n");
	write_text(player_instances[1].fifo, "this too\n");
	for (unsigned n = 0; n < 20; n++) {
		static char all[1000];
		char line[20];
		snprintf(line, sizeof line, "line %u\n", n);
		strcat(all, line);
		write_text(player_instances[2].fifo, line);
		expect_file("log/good.log", all);
		player_ping();
	}
	expect_file("log/hang-1.log", "");
	/* What is said of it meanwhile waits, and so does its next life. */
	player_send_epoch(player_instances[0].log.iid, 1, false);
	player_send_close(player_instances[0].log.iid);
	player_send_open(&player_instances[0]);
	player_ping();
	/* A new logger finds all of it. */
	player_kill();
	player_preload = NULL;
	player_start(RLIM_INFINITY);
	for (unsigned i = 0; i < 3; i++)
		player_send_open(&player_instances[i]);
	expect_file("log/hang-1.log", "lost in time\n");
	expect_file("log/hang-2.log", "this too\n");
	player_finish();
}
END_TEST

/* --- memory --- */

static long
read_status_kb(pid_t pid, const char *key)
{
	char path[50], line[200];
	long kb = -1;
	snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
	FILE *f = fopen(path, "r");
	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof line, f)) {
		if (strncmp(line, key, strlen(key)) == 0)
			kb = strtol(line + strlen(key), NULL, 10);
	}
	fclose(f);
	return kb;
}

START_TEST(test_a_flood_takes_no_memory)
{
	static char data[65536];
	struct player_instance *i = player_add(0, "loud", 8u << 20);
	i->log.max_files = 2;
	for (size_t n = 0; n < sizeof data; n++)
		data[n] = n % 64 == 63 ? '\n' : 'x';
	player_start(RLIM_INFINITY);
	player_send_open(i);
	mono before = clock_mono();
	for (size_t done = 0; done < FLOOD_SIZE; done += sizeof data)
		ck_assert_int_eq(
			write(i->fifo, data, sizeof data), sizeof data);
	int64_t ms = mono_diff(clock_mono(), before);
	long kb = read_status_kb(player_logger, "VmHWM:");
	fprintf(stderr, "flood: %u MiB in %lld ms, peak %ld kB\n",
		FLOOD_SIZE >> 20, (long long)ms, kb);
	const char *preload = getenv("LD_PRELOAD");
	if (!IS_SANITIZED && !(preload && strstr(preload, "vgpreload")))
		ck_assert_int_lt(kb, RSS_MAX_KB);
	player_finish();
	ck_assert_int_eq(scratch_size("log/loud.log.3"), -1);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("logkeep");
	TCase *tc = tcase_create("logkeep");
	tcase_set_timeout(tc, 300);
	tcase_add_checked_fixture(tc, player_setup, player_teardown);
	tcase_add_test(
		tc, test_compression_loses_and_doubles_nothing_over_kills);
	tcase_add_test(tc, test_compressed_files_are_counted_too);
	tcase_add_test(tc, test_an_old_file_is_rotated_at_the_end_of_a_line);
	tcase_add_test(tc, test_marks_tell_epochs_and_times);
	tcase_add_test(tc, test_marks_of_silence);
	tcase_add_test(tc, test_marks_follow_their_file);
	tcase_add_test(tc, test_journal_gets_every_line);
	tcase_add_test(tc, test_journal_that_does_not_keep_up_loses_nothing);
	tcase_add_test(tc, test_without_journald_the_file_takes_it);
	tcase_add_test(tc, test_a_file_that_hangs_holds_up_nobody_else);
	tcase_add_test(tc, test_a_flood_takes_no_memory);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
