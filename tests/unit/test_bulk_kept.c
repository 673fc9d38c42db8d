/* What a host has of earlier states: old copies, and checkpoints. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "bulk_world.h"

/* --- Back where it was --- */

/* On a disk that is almost full no old copies are kept. */
static bool
is_disk_full(void)
{
	struct statvfs fs;
	ck_assert_int_eq(statvfs(top, &fs), 0);
	bool is_full = fs.f_bavail < fs.f_blocks / 8;
	if (is_full)
		printf("less than an eighth of the disk is free: not tested\n");
	return is_full;
}

/* What web@1 left at beta when it went from there: 'size' bytes. */
static void
leave_at_beta(uint64_t size)
{
	unsigned before = sealed.count;
	bulk_seal(to, "web@1", 3, size, make_stream(size, false), on_sealed,
		NULL);
	ck_assert(world_wait_count(loop, &sealed.count, before + 1));
	ck_assert_msg(sealed.result == 0, "%s", sealed.text);
	bulk_drop(to, "web@1", sealed.root);
}

static bool
has_old_only(void *context)
{
	char path[PATH_MAX];
	struct stat st;
	(void)context;
	write_path(path, sizeof path, dir_b, ".old.web@1");
	return stat(path, &st) == 0 && count_files(dir_b) == 1;
}

START_TEST(test_only_what_changed_travels)
{
	if (is_disk_full())
		return;
	leave_at_beta(40 * MIB + 5);
	ck_assert(world_wait(loop, has_old_only, NULL));
	changed_chunk = 7;
	bulk_seal(from, "web@1", 5, 40 * MIB + 5,
		make_stream(40 * MIB + 5, false), on_sealed, NULL);
	ck_assert(world_wait_count(loop, &sealed.count, 2));
	ck_assert_uint_lt(fetch_and_count(), MIB + MIB / 4);
	struct bulk_given given;
	ck_assert(bulk_get_given(from, "web@1", sealed.root, &given));
	ck_assert_uint_eq(given.sent, MIB);
	ck_assert_uint_eq(given.here, 39 * MIB + 5);
	ck_assert_uint_eq(fetched.bytes, 40 * MIB + 5);
	check_state(to);
	/* The newer state took the old copy's place. */
	ck_assert_uint_eq(count_files(dir_b), 2);
}
END_TEST

START_TEST(test_a_damaged_old_copy_gives_only_what_is_whole)
{
	char path[PATH_MAX];
	if (is_disk_full())
		return;
	leave_at_beta(20 * MIB);
	ck_assert(world_wait(loop, has_old_only, NULL));
	write_path(path, sizeof path, dir_b, ".old.web@1");
	int fd = open(path, O_WRONLY);
	ck_assert_int_eq(pwrite(fd, "damage", 6, 2 * MIB + 9), 6);
	ck_assert_int_eq(ftruncate(fd, 18 * MIB + 1), 0);
	close(fd);
	bulk_seal(from, "web@1", 5, 20 * MIB, make_stream(20 * MIB, false),
		on_sealed, NULL);
	ck_assert(world_wait_count(loop, &sealed.count, 2));
	size_t took = fetch_and_count();
	ck_assert_uint_gt(took, 3 * MIB);
	ck_assert_uint_lt(took, 4 * MIB);
	check_state(to);
}
END_TEST

/* How what it leaves goes: small, or fetched and not of its own. */
START_TEST(test_no_old_copy)
{
	if (_i == 0) {
		leave_at_beta(15 * MIB);
	} else {
		seal(20 * MIB);
		fetch(a.address);
		ck_assert(world_wait_count(loop, &fetched.finals, 1));
		bulk_drop(to, "web@1", sealed.root);
	}
	ck_assert(world_wait(loop, is_bare, dir_b));
}
END_TEST

START_TEST(test_an_old_copy_has_its_time)
{
	struct dumps d;
	struct err err = {""};
	char path[PATH_MAX];
	if (is_disk_full())
		return;
	leave_at_beta(20 * MIB);
	ck_assert(world_wait(loop, has_old_only, NULL));
	write_path(path, sizeof path, dir_b, ".old.web@1");
	ck_assert_int_eq(dumps_init(&d, dir_b, &err), 0);
	ck_assert_int_eq(access(path, F_OK), 0);
	/* More bytes than any disk has room for. */
	dumps_old_sweep(&d, UINT64_MAX);
	ck_assert_int_eq(access(path, F_OK), -1);
	dumps_fini(&d);
}
END_TEST

/* --- Checkpoints: kept while newer ones come --- */

/* Has alpha seal one of a run that goes on. */
static void
seal_running(uint64_t size)
{
	unsigned before = sealed.count;
	bulk_seal(from, "web@1", 0, size, make_stream(size, false), on_sealed,
		NULL);
	ck_assert(world_wait_count(loop, &sealed.count, before + 1));
	ck_assert_msg(sealed.result == 0, "%s", sealed.text);
}

/* The one before is kept, is no old copy, and of any size. */
START_TEST(test_only_what_changed_since_the_last_checkpoint_travels)
{
	uint8_t first[DIGEST_SIZE];
	struct err err = {""};
	seal_running(6 * MIB + 5);
	ck_assert_uint_gt(fetch_and_count(), 6 * MIB);
	memcpy(first, sealed.root, DIGEST_SIZE);
	changed_chunk = 2;
	seal_running(6 * MIB + 5);
	fetched.finals = 0;
	ck_assert_uint_lt(fetch_and_count(), MIB + MIB / 4);
	check_state(to);
	/* Both are there, each with its reference. */
	ck_assert_uint_eq(count_files(dir_b), 4);
	int fd = bulk_open(to, first, &err);
	ck_assert_msg(fd >= 0, "%s", err.text);
	close(fd);
}
END_TEST

/* Of another instance's nothing is taken: it may be dropped meanwhile. */
START_TEST(test_a_checkpoint_of_another_is_not_reused)
{
	seal_running(4 * MIB);
	bulk_fetch(to, "web@2", "alpha", a.address, sealed.root, sealed.size,
		on_report, NULL);
	ck_assert(world_wait_count(loop, &fetched.finals, 1));
	changed_chunk = 2;
	seal_running(4 * MIB);
	fetched.finals = 0;
	ck_assert_uint_gt(fetch_and_count(), 4 * MIB);
	check_state(to);
}
END_TEST

/* Only what is whole of a damaged one is reused. */
START_TEST(test_a_damaged_checkpoint_gives_what_is_whole)
{
	char path[PATH_MAX];
	seal_running(6 * MIB);
	fetch_and_count();
	write_path(path, sizeof path, dir_b, "");
	int fd = open(path, O_WRONLY);
	ck_assert_int_eq(pwrite(fd, "damage", 6, 4 * MIB + 9), 6);
	close(fd);
	changed_chunk = 2;
	seal_running(6 * MIB);
	fetched.finals = 0;
	size_t took = fetch_and_count();
	ck_assert_uint_gt(took, 2 * MIB);
	ck_assert_uint_lt(took, 2 * MIB + MIB / 2);
	check_state(to);
}
END_TEST

/* What is here is read again, every byte, without anybody's help. */
START_TEST(test_verify_without_a_host)
{
	char path[PATH_MAX];
	struct err err = {""};
	seal_running(3 * MIB + 7);
	fetch(a.address);
	ck_assert(world_wait_count(loop, &fetched.finals, 1));
	bulk_fetch(
		to, "web@1", "", "", sealed.root, sealed.size, on_report, NULL);
	ck_assert(world_wait_count(loop, &fetched.finals, 2));
	ck_assert_msg(fetched.is_ok, "%s", fetched.text);
	check_state(to);
	ck_assert_uint_eq(count_files(dir_b), 2);
	write_path(path, sizeof path, dir_b, "");
	int fd = open(path, O_WRONLY);
	if (_i == 0)
		ck_assert_int_eq(pwrite(fd, "x", 1, 3 * MIB + 6), 1);
	else if (_i == 1)
		ck_assert_int_eq(ftruncate(fd, 3 * MIB), 0);
	else
		ck_assert_int_eq(unlink(path), 0);
	close(fd);
	bulk_fetch(
		to, "web@1", "", "", sealed.root, sealed.size, on_report, NULL);
	ck_assert(world_wait_count(loop, &fetched.finals, 3));
	ck_assert(!fetched.is_ok);
	ck_assert_str_eq(
		fetched.text, "state of web@1: it is not here, or damaged");
	ck_assert_int_eq(bulk_open(to, sealed.root, &err), -ENOENT);
	/* With a host that has it, it comes again. */
	fetch(a.address);
	ck_assert(world_wait_count(loop, &fetched.finals, 4));
	ck_assert_msg(fetched.is_ok, "%s", fetched.text);
	ck_assert_str_eq(fetched.text, "");
	check_state(to);
}
END_TEST

/* A damaged one is fetched anew, and that is told. */
START_TEST(test_damaged_here_comes_again)
{
	char path[PATH_MAX];
	seal_running(3 * MIB);
	fetch(a.address);
	ck_assert(world_wait_count(loop, &fetched.finals, 1));
	ck_assert_str_eq(fetched.text, "");
	write_path(path, sizeof path, dir_b, "");
	int fd = open(path, O_WRONLY);
	ck_assert_int_eq(pwrite(fd, "x", 1, MIB + 6), 1);
	close(fd);
	fetch(a.address);
	ck_assert(world_wait_count(loop, &fetched.finals, 2));
	ck_assert_msg(fetched.is_ok, "%s", fetched.text);
	ck_assert_str_eq(fetched.text, "what was here was damaged");
	check_state(to);
}
END_TEST

/* What was never here is said so at once. */
START_TEST(test_verify_of_nothing)
{
	seal_running(100);
	bulk_fetch(
		to, "web@1", "", "", sealed.root, sealed.size, on_report, NULL);
	ck_assert(world_wait_count(loop, &fetched.finals, 1));
	ck_assert(!fetched.is_ok);
	ck_assert_uint_eq(count_files(dir_b), 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("bulk_kept");
	TCase *t = tcase_create("all");
	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, test_only_what_changed_travels);
	tcase_add_test(t, test_a_damaged_old_copy_gives_only_what_is_whole);
	tcase_add_loop_test(t, test_no_old_copy, 0, 2);
	tcase_add_test(t, test_an_old_copy_has_its_time);
	tcase_add_test(
		t, test_only_what_changed_since_the_last_checkpoint_travels);
	tcase_add_test(t, test_a_checkpoint_of_another_is_not_reused);
	tcase_add_test(t, test_a_damaged_checkpoint_gives_what_is_whole);
	tcase_add_loop_test(t, test_verify_without_a_host, 0, 3);
	tcase_add_test(t, test_damaged_here_comes_again);
	tcase_add_test(t, test_verify_of_nothing);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
