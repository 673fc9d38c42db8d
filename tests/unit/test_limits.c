/* Limits, in a directory of plain files that stands in for a cgroup. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keeper/limits.h"

static char dir[64];
static struct cgroups c;
static int fd;

static void
put(const char *name, const char *text)
{
	char path[256];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	FILE *f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
}

static void
expect(const char *name, const char *text)
{
	char path[256], have[256] = "";
	snprintf(path, sizeof path, "%s/%s", dir, name);
	FILE *f = fopen(path, "r");
	ck_assert_ptr_nonnull(f);
	size_t n = fread(have, 1, sizeof have - 1, f);
	have[n] = 0;
	fclose(f);
	ck_assert_str_eq(have, text);
}

/* own/skep/id/iid, as the keeper has them. */
static void
setup(void)
{
	static const char *const parts[] = {
		"own", "own/skep", "own/skep/id", "own/skep/id/iid"};
	char path[256];
	strcpy(dir, "/tmp/skep-limits-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	for (size_t i = 0; i < 4; i++) {
		snprintf(path, sizeof path, "%s/%s", dir, parts[i]);
		ck_assert_int_eq(mkdir(path, 0700), 0);
	}
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	memset(&c, 0, sizeof c);
	c.is_usable = true;
	snprintf(c.path, sizeof c.path, "%s/own/skep/id", dir);
}

static void
teardown(void)
{
	char command[128];
	close(fd);
	snprintf(command, sizeof command, "rm -rf %s", dir);
	ck_assert_int_eq(system(command), 0);
}

static void
put_files(void)
{
	static const char *const names[] = {"memory.max", "memory.high",
		"cpu.max", "cpu.weight", "pids.max", "io.weight"};
	char name[64];
	for (size_t i = 0; i < 6; i++) {
		snprintf(name, sizeof name, "own/skep/id/iid/%s", names[i]);
		put(name, "what was there before\n");
	}
}

START_TEST(test_all)
{
	struct err err = {""};
	struct kproto_resources r = {1 << 30, 1 << 29, 250, 200, 50, 300};
	put_files();
	ck_assert(limits_are_set(&r));
	ck_assert_int_eq(limits_write(&c, fd, &r, &err), 0);
	expect("own/skep/id/iid/memory.max", "1073741824");
	expect("own/skep/id/iid/memory.high", "536870912");
	expect("own/skep/id/iid/cpu.max", "250000 100000");
	expect("own/skep/id/iid/cpu.weight", "200");
	expect("own/skep/id/iid/pids.max", "50");
	expect("own/skep/id/iid/io.weight", "default 300");
}
END_TEST

START_TEST(test_none)
{
	struct err err = {""};
	struct kproto_resources r = {0};
	put_files();
	ck_assert(!limits_are_set(&r));
	ck_assert_int_eq(limits_write(&c, fd, &r, &err), 0);
	expect("own/skep/id/iid/memory.max", "max");
	expect("own/skep/id/iid/cpu.max", "max 100000");
	ck_assert_int_eq(limits_write(&c, -1, &r, &err), 0);
}
END_TEST

static const struct {
	struct kproto_resources r;
	const char *key;
	const char *controller;
} each[] = {
	{{.memory_max = 1}, "resources.memory_max:", "no memory controller"},
	{{.memory_high = 1}, "resources.memory_high:", "no memory controller"},
	{{.cpu_max = 1}, "resources.cpu_max:", "no cpu controller"},
	{{.cpu_weight = 1}, "resources.cpu_weight:", "no cpu controller"},
	{{.pids_max = 1}, "resources.pids_max:", "no pids controller"},
	{{.io_weight = 1}, "resources.io_weight:", "no io controller"},
};

START_TEST(test_no_controller)
{
	struct err err = {""};
	put("own/cgroup.controllers", "hugetlb cpuset\n");
	put("own/cgroup.subtree_control", "");
	ck_assert_int_lt(limits_write(&c, fd, &each[_i].r, &err), 0);
	ck_assert_msg(
		strstr(err.text, each[_i].key) == err.text, "%s", err.text);
	ck_assert_msg(strstr(err.text, each[_i].controller), "%s", err.text);
	ck_assert_msg(strstr(err.text, "'hugetlb cpuset'"), "%s", err.text);
	ck_assert_msg(strstr(err.text, "Delegate=yes"), "%s", err.text);
	expect("own/cgroup.subtree_control", "");
}
END_TEST

START_TEST(test_no_cgroups)
{
	struct err err = {""};
	snprintf(c.why, sizeof c.why, "cgroup v2 is not mounted here");
	ck_assert_int_lt(limits_write(&c, -1, &each[_i].r, &err), 0);
	ck_assert_msg(
		strstr(err.text, each[_i].key) == err.text, "%s", err.text);
	ck_assert_msg(strstr(err.text, "not mounted here"), "%s", err.text);
}
END_TEST

/* A controller that is there is handed on through all three; the files that
 * the kernel makes then do not come in plain directories. */
START_TEST(test_enables)
{
	static const char *const tops[] = {"own", "own/skep", "own/skep/id"};
	struct err err = {""};
	struct kproto_resources r = {.pids_max = 7};
	char name[64];
	for (size_t i = 0; i < 3; i++) {
		snprintf(name, sizeof name, "%s/cgroup.controllers", tops[i]);
		put(name, "cpu pids\n");
		snprintf(name, sizeof name, "%s/cgroup.subtree_control",
			tops[i]);
		put(name, "");
	}
	ck_assert_int_eq(limits_write(&c, fd, &r, &err), -ENOENT);
	for (size_t i = 0; i < 3; i++) {
		snprintf(name, sizeof name, "%s/cgroup.subtree_control",
			tops[i]);
		expect(name, "+pids");
	}
	ck_assert_msg(strstr(err.text, "pids.max"), "%s", err.text);
}
END_TEST

START_TEST(test_counts_oom)
{
	ck_assert_uint_eq(limits_count_oom(fd), 0);
	put("own/skep/id/iid/memory.events",
		"low 0\nhigh 3\nmax 9\noom 4\noom_kill 2\noom_group_kill 1\n");
	ck_assert_uint_eq(limits_count_oom(fd), 2);
	put("own/skep/id/iid/memory.events", "nonsense");
	ck_assert_uint_eq(limits_count_oom(fd), 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("limits");
	TCase *t = tcase_create("all");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, test_all);
	tcase_add_test(t, test_none);
	tcase_add_loop_test(t, test_no_controller, 0, 6);
	tcase_add_loop_test(t, test_no_cgroups, 0, 6);
	tcase_add_test(t, test_enables);
	tcase_add_test(t, test_counts_oom);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
