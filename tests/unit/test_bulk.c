/* States between two hosts in one process, and their way to disk. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bulk_world.h"
#include "node/pace.h"
#include "sys/clock.h"
#include "sys/files.h"
#include "sys/statestream.h"

static const uint64_t sizes[] = {
	0, 1, MIB - 1, MIB, MIB + 1, 3 * MIB + 7, 20 * MIB};

/* The source knows what it gave: all of it, once, and at each question how much
 * was there, which is all but what was asked for and not stored yet. */
static void
check_given(uint64_t size)
{
	struct bulk_given given;
	ck_assert(!bulk_get_given(from, "web@2", sealed.root, &given));
	ck_assert(bulk_get_given(from, "web@1", sealed.root, &given));
	ck_assert_uint_eq(given.sent, size);
	ck_assert_uint_le(given.here, size);
	ck_assert_uint_ge(given.here + 5 * MIB, size);
	if (size > 10 * MIB)
		ck_assert_uint_gt(given.rate, 0);
	bulk_drop(from, "web@1", sealed.root);
	ck_assert(!bulk_get_given(from, "web@1", sealed.root, &given));
}

START_TEST(test_seal_and_fetch)
{
	struct stat st;
	char path[PATH_MAX];
	seal(sizes[_i]);
	check_state(from);
	write_path(path, sizeof path, dir_a, "");
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	fetch(a.address);
	ck_assert(world_wait_count(loop, &fetched.finals, 1));
	ck_assert_msg(fetched.is_ok, "%s", fetched.text);
	ck_assert_uint_eq(fetched.bytes, sizes[_i]);
	check_state(to);
	check_given(sizes[_i]);
	ck_assert_uint_eq(count_files(dir_b), 2);
	/* Again: it is here already, the other host may be gone. */
	fetch("127.0.0.1:1");
	ck_assert(world_wait_count(loop, &fetched.finals, 2));
	ck_assert(fetched.is_ok);
}
END_TEST

START_TEST(test_root_is_as_documented)
{
	/* sha256(sha256("") list, 0 as u64): sha256 of eight zero bytes. */
	static const uint8_t empty[] = {0xaf, 0x55, 0x70, 0xf5, 0xa1, 0x81,
		0x0b, 0x7a, 0xf7, 0x8c, 0xaf, 0x4b, 0xc7, 0x0a, 0x66, 0x0f,
		0x0d, 0xf5, 0x1e, 0x42, 0xba, 0xf9, 0x1d, 0x4d, 0xe5, 0xb2,
		0x32, 0x8d, 0xe0, 0xe8, 0x3d, 0xfc};
	seal(0);
	ck_assert_mem_eq(sealed.root, empty, DIGEST_SIZE);
}
END_TEST

START_TEST(test_seal_refuses)
{
	int fd = _i == 0 ? make_stream(100, true) : make_stream(100, false);
	bulk_seal(from, _i == 1 ? "../evil" : "web", 5, _i == 2 ? 99 : 1000, fd,
		on_sealed, NULL);
	ck_assert(world_wait_count(loop, &sealed.count, 1));
	static const int results[] = {-EPIPE, -EINVAL, -EBADMSG};
	ck_assert_int_eq(sealed.result, results[_i]);
	ck_assert_str_ne(sealed.text, "");
	ck_assert_uint_eq(count_files(dir_a), 0);
}
END_TEST

/* Writes the stream of a mover that found no state. */
static int
make_absent_stream(void)
{
	unsigned char bytes[STATESTREAM_HEAD_SIZE + 1];
	struct statestream_writer s;
	struct writer w;
	struct err err = {""};
	int ends[2];
	writer_init(&w, bytes, sizeof bytes);
	statestream_put_head(&s, 0, &w);
	statestream_put_absent(&w);
	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	ck_assert_int_eq(files_write_all(ends[1], writer_done(&w), &err), 0);
	close(ends[1]);
	return ends[0];
}

START_TEST(test_seal_of_nothing)
{
	bulk_seal(
		from, "web@1", 5, 1000, make_absent_stream(), on_sealed, NULL);
	ck_assert(world_wait_count(loop, &sealed.count, 1));
	ck_assert_int_eq(sealed.result, -ENODATA);
	ck_assert_str_eq(sealed.text, "there is no state");
	ck_assert_uint_eq(count_files(dir_a), 0);
}
END_TEST

/* --- A connection that breaks on the way --- */

/* Breaks the first connection after 'first' bytes and writes how many bytes
 * the second one took to 'report'. */
static void
start_middle(const char *far, size_t first, int report)
{
	middle.listen_fd = world_listen(middle.address);
	middle.pid = fork();
	ck_assert_int_ge(middle.pid, 0);
	if (middle.pid > 0)
		return;
	carry(far, first);
	size_t whole = SIZE_MAX / 2;
	size_t took = whole - carry(far, whole);
	if (write(report, &took, sizeof took) < 0)
		_exit(1);
	_exit(0);
}

START_TEST(test_break_and_resume)
{
	int pipe_fds[2];
	size_t took = 0;
	ck_assert_int_eq(pipe(pipe_fds), 0);
	seal(20 * MIB);
	start_middle(a.address, 11 * MIB, pipe_fds[1]);
	fetch(middle.address);
	ck_assert(world_wait_count(loop, &fetched.finals, 1));
	ck_assert_msg(fetched.is_ok, "%s", fetched.text);
	check_state(to);
	/* The connection closes, and the middle reports. */
	ck_assert(world_wait(loop, is_readable, &pipe_fds[0]));
	ck_assert_int_eq(
		read(pipe_fds[0], &took, sizeof took), (int)sizeof took);
	/* At most the window was in flight when it broke. */
	ck_assert_uint_le(took, (20 - 11 + 4 + 1) * MIB);
	ck_assert_uint_ge(took, 9 * MIB);
	ck_assert_int_eq(waitpid(middle.pid, NULL, 0), middle.pid);
	close(middle.listen_fd);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
}
END_TEST

static bool
has_part(void *context)
{
	struct stat st;
	return stat(context, &st) == 0 && st.st_size >= 4 * MIB;
}

START_TEST(test_restart_and_resume)
{
	char path[PATH_MAX];
	seal(20 * MIB);
	write_path(path, sizeof path, dir_b, ".part.web@1");
	fetch(a.address);
	ck_assert(world_wait(loop, has_part, path));
	bulk_free(to);
	to = start_bulk(&b, dir_b, "beta");
	ck_assert(has_part(path));
	fetch(a.address);
	ck_assert(world_wait_count(loop, &fetched.finals, 1));
	ck_assert_msg(fetched.is_ok, "%s", fetched.text);
	check_state(to);
}
END_TEST

/* --- A bound on what leaves --- */

/* What goes in so many milliseconds, a look at each of them. */
static uint64_t
go_for(struct pace *p, mono *now, int64_t ms, size_t piece)
{
	uint64_t bytes = 0;
	for (; ms > 0; ms--, *now = mono_add(*now, 1))
		while (pace_take(p, piece, *now))
			bytes += piece;
	return bytes;
}

static const struct {
	uint64_t rate;
	size_t piece;
} paces[] = {{1 << 20, 16384}, {1 << 20, 3 << 20}, {300 << 20, 262144},
	{PACE_RATE_MAX, 1 << 20}, {777, 1}};

START_TEST(test_pace)
{
	struct pace p;
	mono now = {12345};
	uint64_t rate = paces[_i].rate;
	size_t piece = paces[_i].piece;
	uint64_t slack = rate * PACE_BURST_MS / 1000 + piece;
	pace_init(&p, rate, now);
	ck_assert(!pace_take(&p, piece, now));
	uint64_t bytes = go_for(&p, &now, 2000, piece);
	ck_assert_uint_le(bytes, 2 * rate + slack);
	ck_assert_uint_ge(bytes + slack, 2 * rate);
	/* A day without a word is no credit. */
	now = mono_add(now, 86400000);
	ck_assert_uint_le(go_for(&p, &now, 100, piece), rate / 10 + slack);
	/* Not before it says, and then. */
	mono next = pace_next(&p);
	ck_assert(!pace_take(&p, piece, mono_add(next, -2)));
	ck_assert(pace_take(&p, piece, next));
}
END_TEST

START_TEST(test_no_pace)
{
	struct pace p;
	pace_init(&p, 0, (mono){5});
	for (int i = 0; i < 1000; i++)
		ck_assert(pace_take(&p, 1 << 30, (mono){5}));
}
END_TEST

/* One of two fetches. */
struct half {
	uint64_t bytes;
	unsigned *finals;
	const struct half *other;
	uint64_t bytes_of_other; /* when it came to its end */
};

static void
on_half(void *context, const struct bulk_report *r)
{
	struct half *h = context;
	h->bytes = r->bytes;
	if (!r->is_final)
		return;
	ck_assert_msg(r->is_ok, "%s", r->text);
	h->bytes_of_other = h->other->bytes;
	++*h->finals;
}

START_TEST(test_two_share_the_rate)
{
	unsigned finals = 0;
	struct half one = {.finals = &finals}, two = {.finals = &finals};
	one.other = &two;
	two.other = &one;
	bulk_free(from);
	world_rate = 8 * MIB;
	from = start_bulk(&a, dir_a, "alpha");
	seal(8 * MIB);
	mono began = clock_mono();
	bulk_fetch(to, "web@1", "alpha", a.address, sealed.root, sealed.size,
		on_half, &one);
	bulk_fetch(to, "web@2", "alpha", a.address, sealed.root, sealed.size,
		on_half, &two);
	ck_assert(world_wait_count(loop, &finals, 1));
	/* They went side by side. */
	ck_assert_uint_ge(
		one.bytes_of_other + two.bytes_of_other, sealed.size / 2);
	ck_assert(world_wait_count(loop, &finals, 2));
	int64_t ms = mono_diff(clock_mono(), began);
	ck_assert_int_ge(ms, 2000 - 2 * PACE_BURST_MS);
	check_state(to);
}
END_TEST

/* --- What goes wrong --- */

START_TEST(test_damaged_at_source)
{
	char path[PATH_MAX];
	seal(3 * MIB);
	write_path(path, sizeof path, dir_a, "");
	int fd = open(path, O_WRONLY);
	ck_assert_int_eq(pwrite(fd, "\x55\xaa", 2, MIB + 17), 2);
	close(fd);
	fetch(a.address);
	ck_assert(world_wait_count(loop, &fetched.finals, 1));
	ck_assert(!fetched.is_ok);
	ck_assert_ptr_nonnull(strstr(fetched.text, "damaged"));
	struct err err = {""};
	ck_assert_int_eq(bulk_open(to, sealed.root, &err), -ENOENT);
}
END_TEST

/* One that was not read again since it was sealed: the other end finds it. */
START_TEST(test_damaged_since_it_was_sealed)
{
	char path[PATH_MAX];
	seal(20 * MIB);
	write_path(path, sizeof path, dir_a, "");
	int fd = open(path, O_WRONLY);
	ck_assert_int_eq(pwrite(fd, "damage", 6, 7 * MIB), 6);
	close(fd);
	fetch(a.address);
	ck_assert(world_wait_count(loop, &fetched.finals, 1));
	ck_assert(!fetched.is_ok);
	ck_assert_ptr_nonnull(strstr(fetched.text, "chunk 7 is damaged"));
	write_path(path, sizeof path, dir_b, "");
	ck_assert_int_eq(access(path, F_OK), -1);
}
END_TEST

START_TEST(test_chunk_digest_is_checked)
{
	struct err err = {""};
	struct manifest m;
	FILE *f = tmpfile();
	ck_assert_int_eq(manifest_init(&m, 3, &err), 0);
	dumps_digest("abc", 3, m.digests);
	int fd = fileno(f);
	ck_assert_int_eq(
		dumps_write_chunk(fd, &m, 0, "abd", 3, &err), -EBADMSG);
	ck_assert_ptr_nonnull(strstr(err.text, "damaged"));
	ck_assert_int_eq(dumps_write_chunk(fd, &m, 0, "abc", 3, &err), 0);
	manifest_fini(&m);
	fclose(f);
}
END_TEST

START_TEST(test_disk_full)
{
	int full = open("/dev/full", O_RDWR | O_CLOEXEC);
	struct err err = {""};
	struct manifest m;
	ck_assert_int_ge(full, 0);
	ck_assert_int_eq(manifest_init(&m, 3, &err), 0);
	dumps_digest("abc", 3, m.digests);
	ck_assert_int_eq(
		dumps_write_chunk(full, &m, 0, "abc", 3, &err), -ENOSPC);
	ck_assert_ptr_nonnull(strstr(err.text, strerror(ENOSPC)));
	manifest_fini(&m);
	close(full);
}
END_TEST

/* Gives beta a disk of so many MiB, which nobody else sees; its threads are of
 * later. */
static bool
make_small_disk(unsigned mib)
{
	char options[40];
	snprintf(options, sizeof options, "size=%um", mib);
	bulk_free(to);
	bool is_made = unshare(CLONE_NEWNS) == 0 &&
		       mount("none", "/", NULL, MS_REC | MS_PRIVATE, 0) == 0 &&
		       mount("skep", dir_b, "tmpfs", 0, options) == 0;
	to = start_bulk(&b, dir_b, "beta");
	return is_made;
}

static void
remove_disk(void)
{
	bulk_free(to);
	to = NULL;
	ck_assert_int_eq(umount2(dir_b, MNT_DETACH), 0);
}

/* The first 'mib' MiB of what alpha has are at beta already. */
static void
begin_part(unsigned mib)
{
	char whole[PATH_MAX], part[PATH_MAX], command[2 * PATH_MAX + 40];
	write_path(whole, sizeof whole, dir_a, "");
	write_path(part, sizeof part, dir_b, ".part.web@1");
	snprintf(command, sizeof command, "head -c %um '%s' >'%s'", mib, whole,
		part);
	ck_assert_int_eq(system(command), 0);
}

/* What does not fit is not begun, and what is there of it already counts. */
START_TEST(test_no_room)
{
	char text[300];
	if (!make_small_disk(6)) {
		printf("no disk can be mounted: not tested\n");
		return;
	}
	seal(8 * MIB);
	fetch(a.address);
	ck_assert(world_wait_count(loop, &fetched.finals, 1));
	ck_assert(!fetched.is_ok);
	snprintf(text, sizeof text,
		"state of web@1 from alpha: beta: no room for it: 9437184 "
		"bytes are needed in %s/dumps, 6291456 are free",
		dir_b);
	ck_assert_str_eq(fetched.text, text);
	ck_assert_uint_eq(count_files(dir_b), 0);
	begin_part(5);
	fetch(a.address);
	ck_assert(world_wait_count(loop, &fetched.finals, 2));
	ck_assert(!fetched.is_ok);
	ck_assert_ptr_nonnull(
		strstr(fetched.text, ": 4194304 bytes are needed"));
	ck_assert_uint_eq(count_files(dir_b), 1);
	ck_assert_int_eq(
		mount("skep", dir_b, "tmpfs", MS_REMOUNT, "size=10m"), 0);
	fetch(a.address);
	ck_assert(world_wait_count(loop, &fetched.finals, 3));
	ck_assert_msg(fetched.is_ok, "%s", fetched.text);
	check_state(to);
	remove_disk();
}
END_TEST

START_TEST(test_unknown_root)
{
	seal(10);
	sealed.root[3] ^= 1;
	fetch(a.address);
	ck_assert(world_wait_count(loop, &fetched.finals, 1));
	ck_assert(!fetched.is_ok);
	ck_assert_ptr_nonnull(strstr(fetched.text, "does not hold"));
}
END_TEST

START_TEST(test_retries_until_cancelled)
{
	char address[32];
	seal(10);
	close(world_listen(address));
	fetch(address);
	ck_assert(world_wait_count(loop, &fetched.reports, 3));
	ck_assert_uint_eq(fetched.finals, 0);
	bulk_cancel(to, "web@1", sealed.root);
	fetch(a.address);
	ck_assert(world_wait_count(loop, &fetched.finals, 1));
	ck_assert(fetched.is_ok);
}
END_TEST

START_TEST(test_another_host_there)
{
	seal(10);
	bulk_fetch(to, "web@1", "gamma", a.address, sealed.root, 10, on_report,
		NULL);
	ck_assert(world_wait_count(loop, &fetched.reports, 2));
	ck_assert_uint_eq(fetched.finals, 0);
	/* The same fetch goes on with what is right. */
	fetch(a.address);
	ck_assert(world_wait_count(loop, &fetched.finals, 1));
	ck_assert(fetched.is_ok);
}
END_TEST

static void
count_each(void *context, const char *name, uint64_t epoch,
	const uint8_t root[DIGEST_SIZE], uint64_t size)
{
	unsigned *count = context;
	ck_assert_mem_eq(root, sealed.root, DIGEST_SIZE);
	ck_assert_uint_eq(size, sealed.size);
	ck_assert_int_eq(strncmp(name, "web", 3), 0);
	ck_assert_uint_eq(epoch, strcmp(name, "web@2") == 0 ? 2 : 5);
	++*count;
}

START_TEST(test_shared_and_dropped)
{
	struct err err = {""};
	unsigned count = 0;
	seal(10);
	bulk_seal(
		from, "web@2", 2, 10, make_stream(10, false), on_sealed, NULL);
	ck_assert(world_wait_count(loop, &sealed.count, 2));
	ck_assert_int_eq(bulk_list(from, count_each, &count, &err), 0);
	ck_assert_uint_eq(count, 2);
	ck_assert_uint_eq(count_files(dir_a), 3);
	bulk_drop(from, "web@1", sealed.root);
	/* Jobs run in order per thread: a second drop of it proves the first
	 * is done only by its effect, so wait for that. */
	for (count = 2; count != 1; ev_run(loop, EVRUN_NOWAIT)) {
		count = 0;
		bulk_list(from, count_each, &count, &err);
	}
	check_state(from);
	bulk_drop(from, "web@2", sealed.root);
	ck_assert(world_wait(loop, is_bare, dir_a));
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

int
main(void)
{
	Suite *s = suite_create("bulk");
	TCase *t = tcase_create("bulk");
	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, test_seal_and_fetch, 0, COUNT(sizes));
	tcase_add_test(t, test_root_is_as_documented);
	tcase_add_loop_test(t, test_seal_refuses, 0, 3);
	tcase_add_test(t, test_seal_of_nothing);
	tcase_add_test(t, test_break_and_resume);
	tcase_add_test(t, test_restart_and_resume);
	tcase_add_loop_test(t, test_pace, 0, COUNT(paces));
	tcase_add_test(t, test_no_pace);
	tcase_add_test(t, test_two_share_the_rate);
	tcase_add_test(t, test_damaged_at_source);
	tcase_add_test(t, test_damaged_since_it_was_sealed);
	tcase_add_test(t, test_chunk_digest_is_checked);
	tcase_add_test(t, test_disk_full);
	tcase_add_test(t, test_no_room);
	tcase_add_test(t, test_unknown_root);
	tcase_add_test(t, test_retries_until_cancelled);
	tcase_add_test(t, test_another_host_there);
	tcase_add_test(t, test_shared_and_dropped);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
