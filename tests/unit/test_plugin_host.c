/* The loader: a good plugin is taken, each bad one gets its sentence. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/plugin_host.h"
#include "sys/say.h"
#include "tests/lib/scratch.h"

static char taken[512];
static char refused[4096];
static struct plugin_report report;

static bool
take(void *context, const struct skep_place_ops *ops)
{
	(void)context;
	char word[64];
	snprintf(word, sizeof word, "%s ", ops->name);
	if (strstr(taken, word))
		return false;
	strcat(taken, word);
	return true;
}

static void
on_refused(void *context, const char *text)
{
	(void)context;
	size_t length = strlen(refused);
	snprintf(refused + length, sizeof refused - length, "%s\n", text);
}

static void
setup(void)
{
	say_init("test_plugin_host", SAY_ERROR);
	scratch_begin();
	chmod(scratch_path("."), 0755);
	taken[0] = refused[0] = '\0';
	report = (struct plugin_report){.on_refused = on_refused};
}

/* Copies the built plugin 'name' from 'folder' to 'as', writable by its owner
 * only. */
static void
install_from(const char *folder, const char *name, const char *as)
{
	char command[1024];
	snprintf(command, sizeof command,
		"cp %s/%s/.libs/%s.so %s && chmod 0644 %s", PLUGIN_BUILD_DIR,
		folder, name, scratch_path(as), scratch_path(as));
	ck_assert_int_eq(system(command), 0);
}

static void
install(const char *name, const char *as)
{
	install_from("tests/plugins", name, as);
}

static void
load(void)
{
	plugin_host_load(scratch_path("."), take, NULL, &report);
}

START_TEST(test_good)
{
	install("noop", "noop.so");
	scratch_write("readme.txt", "x", 1);
	load();
	ck_assert_str_eq(taken, "noop ");
	ck_assert_str_eq(refused, "");
	ck_assert_uint_eq(report.loaded, 1);
}
END_TEST

/* The strategy that is installed with skep comes in by the same door. */
START_TEST(test_ring)
{
	install_from(".", "ring", "ring.so");
	load();
	ck_assert_str_eq(taken, "ring ");
	ck_assert_str_eq(refused, "");
}
END_TEST

static const struct {
	const char *file;
	const char *sentence;
} bad[] = {
	{"old_abi", "has ABI 0, this skep has 1: build it again"},
	{"new_minor", "needs ABI 1.1, this skep has 1.0: install a newer skep"},
	{"bad_size", "struct skep_plugin has"},
	{"bad_ops", "struct skep_place_ops has"},
	{"bad_name", "its name must be 1 to 31 of [a-z0-9-]"},
	{"no_rank", "strategy no-rank has no rank function"},
	{"no_symbol", "exports no 'skep_plugin'"},
};

START_TEST(test_bad)
{
	char file[64];
	snprintf(file, sizeof file, "%s.so", bad[_i].file);
	install(bad[_i].file, file);
	install("noop", "zz-noop.so");
	load();
	ck_assert_str_eq(taken, "noop ");
	ck_assert_uint_eq(report.refused, 1);
	ck_assert_msg(strstr(refused, bad[_i].sentence) != NULL,
		"'%s' is not '%s'", refused, bad[_i].sentence);
	ck_assert_ptr_nonnull(strstr(refused, file));
}
END_TEST

START_TEST(test_not_loadable)
{
	scratch_write("x.so", "not ELF", 7);
	chmod(scratch_path("x.so"), 0644);
	load();
	ck_assert_ptr_nonnull(strstr(refused, "x.so: cannot be loaded"));
}
END_TEST

START_TEST(test_taken_name)
{
	install("noop", "a.so");
	install("noop", "b.so");
	load();
	ck_assert_uint_eq(report.loaded, 1);
	ck_assert_ptr_nonnull(
		strstr(refused, "b.so: strategy 'noop' is taken"));
}
END_TEST

START_TEST(test_writable_file)
{
	install("noop", "a.so");
	chmod(scratch_path("a.so"), 0666);
	load();
	ck_assert_str_eq(taken, "");
	ck_assert_ptr_nonnull(strstr(refused, "anybody may write to it"));
}
END_TEST

START_TEST(test_writable_folder)
{
	install("noop", "a.so");
	install("noop", "b.so");
	chmod(scratch_path("."), 0777);
	load();
	ck_assert_str_eq(taken, "");
	ck_assert_uint_eq(report.refused, 1);
	ck_assert_ptr_nonnull(strstr(refused, "anybody may write to it"));
}
END_TEST

START_TEST(test_no_folder)
{
	plugin_host_load(scratch_path("none"), take, NULL, &report);
	ck_assert_uint_eq(report.loaded + report.refused, 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("plugin_host");
	TCase *tc = tcase_create("plugin_host");
	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, scratch_end);
	tcase_add_test(tc, test_good);
	tcase_add_test(tc, test_ring);
	tcase_add_loop_test(tc, test_bad, 0, sizeof bad / sizeof bad[0]);
	tcase_add_test(tc, test_not_loadable);
	tcase_add_test(tc, test_taken_name);
	tcase_add_test(tc, test_writable_file);
	tcase_add_test(tc, test_writable_folder);
	tcase_add_test(tc, test_no_folder);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
