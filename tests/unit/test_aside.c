/* Older states beside a state_path. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/aside.h"

static char dir[] = "/tmp/skep-test-aside-XXXXXX";

/* What was told. */
static struct {
	unsigned count;
	char path[ASIDE_TOLD_MAX][200];
	uint64_t epoch[ASIDE_TOLD_MAX];
	int64_t size[ASIDE_TOLD_MAX];
	bool is_folder[ASIDE_TOLD_MAX];
	char error[200];
} told;

static void
on_item(void *context, const struct aside_item *item)
{
	(void)context;
	ck_assert_uint_lt(told.count, ASIDE_TOLD_MAX);
	snprintf(told.path[told.count], sizeof told.path[0], "%s", item->path);
	told.epoch[told.count] = item->epoch;
	told.size[told.count] = item->size;
	told.is_folder[told.count] = item->is_folder;
	ck_assert(item->error || item->wall_ms > 1600000000000);
	snprintf(told.error, sizeof told.error, "%s",
		item->error ? item->error : "");
	told.count++;
}

static const char *
path_to(const char *name)
{
	static char path[200];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	return path;
}

static void
write_file(const char *name, size_t size)
{
	FILE *f = fopen(path_to(name), "w");
	ck_assert_ptr_nonnull(f);
	for (size_t i = 0; i < size; i++)
		fputc('x', f);
	ck_assert_int_eq(fclose(f), 0);
}

static void
look(const char *name)
{
	memset(&told, 0, sizeof told);
	aside_walk(path_to(name), on_item, NULL);
}

static void
setup(void)
{
	strcpy(dir, "/tmp/skep-test-aside-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void
teardown(void)
{
	char command[100];
	snprintf(command, sizeof command, "rm -rf %s", dir);
	ck_assert_int_eq(system(command), 0);
}

/* The index of the one with this name, which is told. */
static unsigned
find(const char *name)
{
	for (unsigned i = 0; i < told.count; i++)
		if (strcmp(told.path[i], path_to(name)) == 0)
			return i;
	ck_abort_msg("%s is not told", name);
}

START_TEST(test_only_copies_are_told)
{
	write_file("data", 9);
	write_file("data.skep-stale-7", 3);
	write_file("data.skep-stale-7-2", 4);
	write_file("data.skep-stale-", 1);
	write_file("data.skep-stale-x", 1);
	write_file("data.skep-stale-7.bak", 1);
	write_file("data2.skep-stale-7", 1);
	write_file("adata.skep-stale-7", 1);
	look("data");
	ck_assert_uint_eq(told.count, 2);
	unsigned first = find("data.skep-stale-7");
	ck_assert_int_eq(told.size[first], 3);
	ck_assert_uint_eq(told.epoch[first], 7);
	ck_assert(!told.is_folder[first]);
	ck_assert_int_eq(told.size[find("data.skep-stale-7-2")], 4);
	look("nothing");
	ck_assert_uint_eq(told.count, 0);
	look("no/folder");
	ck_assert_uint_eq(told.count, 0);
}
END_TEST

/* A folder counts with its files, and nothing that a link leads to. */
START_TEST(test_folder)
{
	ck_assert_int_eq(mkdir(path_to("d.skep-stale-1"), 0700), 0);
	ck_assert_int_eq(mkdir(path_to("d.skep-stale-1/deep"), 0700), 0);
	write_file("d.skep-stale-1/a", 10);
	write_file("d.skep-stale-1/deep/b", 5);
	write_file("other", 1000);
	ck_assert_int_eq(
		symlink("../other", path_to("d.skep-stale-1/deep/link")), 0);
	ck_assert_int_eq(symlink("/", path_to("d.skep-stale-1/root")), 0);
	ck_assert_int_eq(symlink("/", path_to("d.skep-stale-2")), 0);
	look("d");
	ck_assert_uint_eq(told.count, 2);
	ck_assert_int_eq(told.size[find("d.skep-stale-1")], 15);
	ck_assert(told.is_folder[find("d.skep-stale-1")]);
	ck_assert(!told.is_folder[find("d.skep-stale-2")]);
}
END_TEST

START_TEST(test_too_deep_to_count)
{
	char name[200] = "d.skep-stale-1";
	for (int i = 0; i < 40; i++) {
		ck_assert_int_eq(mkdir(path_to(name), 0700), 0);
		strcat(name, "/d");
	}
	look("d");
	ck_assert_uint_eq(told.count, 1);
	ck_assert_int_eq(told.size[0], -1);
}
END_TEST

START_TEST(test_many)
{
	char name[64];
	for (int i = 0; i < ASIDE_TOLD_MAX + 5; i++) {
		snprintf(name, sizeof name, "d.skep-stale-%d", i);
		write_file(name, 1);
	}
	look("d");
	ck_assert_uint_eq(told.count, ASIDE_TOLD_MAX);
}
END_TEST

/* Where this process has no right to look, that is told. */
START_TEST(test_no_right)
{
	write_file("d.skep-stale-1", 1);
	ck_assert_int_eq(chmod(dir, 0), 0);
	if (geteuid() == 0)
		ck_assert_int_eq(seteuid(65534), 0);
	look("d");
	if (getuid() == 0)
		ck_assert_int_eq(seteuid(0), 0);
	ck_assert_int_eq(chmod(dir, 0700), 0);
	ck_assert_uint_eq(told.count, 1);
	ck_assert_str_eq(told.path[0], path_to("d"));
	ck_assert_ptr_nonnull(strstr(told.error, "Permission denied"));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("aside");
	TCase *t = tcase_create("aside");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, test_only_copies_are_told);
	tcase_add_test(t, test_folder);
	tcase_add_test(t, test_too_deep_to_count);
	tcase_add_test(t, test_many);
	tcase_add_test(t, test_no_right);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
