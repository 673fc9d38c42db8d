/* services.d: what changed is submitted, what is broken blocks itself. */
#include <check.h>
#include <ev.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/specdir.h"
#include "sys/say.h"
#include "tests/lib/scratch.h"

#define GOOD(name) "services: {" name ": {command: [/bin/true]}}\n"

static struct ev_loop *loop;
static struct specdir *dir;
static char trace[4096];
static enum reply_code answer_code;
static const char *answer_text;
static unsigned char kept[4096];
static size_t kept_size;

/* Answers that are held back. */
static specdir_done_fn *held_done[16];
static void *held_context[16];
static unsigned held_count;
static bool is_holding;

static void
submit(void *context, struct input *in, specdir_done_fn *done,
	void *done_context)
{
	(void)context;
	size_t length = strlen(trace);
	ck_assert_int_eq(in->kind, INPUT_SPEC_SET);
	ck_assert(in->spec_set.source.is_initial);
	ck_assert_ptr_nonnull(in->spec_set.policy);
	ck_assert_uint_gt(in->spec_set.body.size, 0);
	snprintf(trace + length, sizeof trace - length, "%s<%s%s ",
		in->spec_set.name, in->spec_set.source.file,
		in->spec_set.source.last_digest ? "+" : "");
	if (is_holding) {
		held_done[held_count] = done;
		held_context[held_count++] = done_context;
	} else {
		done(done_context, answer_code, answer_text);
	}
}

static void
keep(void *context, const char *file, struct bytes value)
{
	(void)context;
	(void)file;
	ck_assert_uint_le(value.size, sizeof kept);
	memcpy(kept, value.data, value.size);
	kept_size = value.size;
}

static void
new_dir(void)
{
	struct specdir_hooks hooks = {NULL, submit, keep};
	dir = specdir_new(loop, scratch_path("services.d"), &hooks);
}

static void
setup(void)
{
	say_init("test_specdir", SAY_ERROR);
	scratch_begin();
	loop = ev_loop_new(EVFLAG_AUTO);
	ck_assert_int_eq(mkdir(scratch_path("services.d"), 0700), 0);
	trace[0] = '\0';
	answer_code = REPLY_OK;
	answer_text = "";
	held_count = 0;
	is_holding = false;
	new_dir();
}

static void
teardown(void)
{
	specdir_free(dir);
	ev_loop_destroy(loop);
	scratch_end();
}

static void
write_file(const char *name, const char *text)
{
	char path[128];
	snprintf(path, sizeof path, "services.d/%s", name);
	scratch_write(path, text, strlen(text));
}

static void
add_error(void *context, const char *path, const char *error, int64_t since)
{
	char *out = context;
	ck_assert_int_gt(since, 0);
	ck_assert_ptr_nonnull(strstr(path, "services.d/"));
	snprintf(out + strlen(out), 1024 - strlen(out), "%s;", error);
}

static const char *
errors(void)
{
	static char out[1024];
	out[0] = '\0';
	specdir_walk_broken(dir, add_error, out);
	return out;
}

/* What was submitted since the last look. */
static const char *
took(void)
{
	static char out[sizeof trace];
	strcpy(out, trace);
	trace[0] = '\0';
	return out;
}

START_TEST(test_submits_once)
{
	write_file("b.yaml", GOOD("two"));
	write_file("a.yml", GOOD("one"));
	write_file("c.txt", GOOD("three"));
	write_file(".d.yaml", GOOD("four"));
	specdir_scan(dir);
	ck_assert_str_eq(took(), "");
	specdir_start(dir);
	ck_assert_str_eq(took(), "one<a.yml two<b.yaml ");
	specdir_scan(dir);
	ck_assert_str_eq(took(), "");
	write_file("b.yaml", "# changed\n" GOOD("two"));
	specdir_scan(dir);
	ck_assert_str_eq(took(), "two<b.yaml+ ");
	ck_assert_str_eq(errors(), "");
}
END_TEST

START_TEST(test_remembers)
{
	write_file("a.yaml", GOOD("one"));
	specdir_start(dir);
	ck_assert_str_eq(took(), "one<a.yaml ");
	specdir_free(dir);
	new_dir();
	specdir_load(dir, "a.yaml", (struct bytes){kept, kept_size});
	specdir_start(dir);
	ck_assert_str_eq(took(), "");
	write_file("a.yaml", "#\n" GOOD("one"));
	specdir_scan(dir);
	ck_assert_str_eq(took(), "one<a.yaml+ ");
	for (size_t size = 0; size < kept_size; size++) {
		specdir_free(dir);
		new_dir();
		specdir_load(dir, "a.yaml", (struct bytes){kept, size});
		specdir_start(dir);
		ck_assert_ptr_nonnull(strstr(took(), "one<a.yaml"));
	}
}
END_TEST

START_TEST(test_broken_blocks_itself)
{
	write_file("a.yaml", "services: {one: {comand: [x]}}\n");
	write_file("b.yaml", GOOD("two"));
	ck_assert_int_eq(mkdir(scratch_path("services.d/c.yaml"), 0700), 0);
	ck_assert_int_eq(
		symlink("nowhere", scratch_path("services.d/d.yaml")), 0);
	ck_assert_int_eq(mkfifo(scratch_path("services.d/e.yaml"), 0600), 0);
	specdir_start(dir);
	ck_assert_str_eq(took(), "two<b.yaml ");
	const char *all = errors();
	ck_assert_ptr_nonnull(strstr(all, "services.d/a.yaml:1:"));
	ck_assert_ptr_nonnull(strstr(all, "comand"));
	ck_assert_ptr_nonnull(strstr(all, "c.yaml: is no regular file"));
	ck_assert_ptr_nonnull(strstr(all, "d.yaml: No such file"));
	ck_assert_ptr_nonnull(strstr(all, "e.yaml: is no regular file"));
	write_file("a.yaml", GOOD("one"));
	rmdir(scratch_path("services.d/c.yaml"));
	unlink(scratch_path("services.d/d.yaml"));
	unlink(scratch_path("services.d/e.yaml"));
	specdir_scan(dir);
	ck_assert_str_eq(took(), "one<a.yaml ");
	ck_assert_str_eq(errors(), "");
}
END_TEST

/* What the cluster refused is tried again at each scan, and told. */
START_TEST(test_refused)
{
	write_file("a.yaml", GOOD("one"));
	answer_code = REPLY_CONFLICT;
	answer_text = "declared differently";
	specdir_start(dir);
	ck_assert_str_eq(took(), "one<a.yaml ");
	ck_assert_ptr_nonnull(strstr(
		errors(), "services.d/a.yaml: one: declared differently"));
	specdir_scan(dir);
	ck_assert_str_eq(took(), "one<a.yaml ");
	answer_code = REPLY_UNCHANGED;
	specdir_scan(dir);
	ck_assert_str_eq(took(), "one<a.yaml ");
	ck_assert_str_eq(errors(), "");
	specdir_scan(dir);
	ck_assert_str_eq(took(), "");
}
END_TEST

/* Answers may come late, and after the file changed again. */
START_TEST(test_late_answers)
{
	is_holding = true;
	write_file("a.yaml", "services:\n  one: {command: [x]}\n"
			     "  two: {command: [x]}\n");
	specdir_start(dir);
	ck_assert_uint_eq(held_count, 2);
	write_file("a.yaml", GOOD("one"));
	specdir_scan(dir);
	ck_assert_uint_eq(held_count, 3);
	for (unsigned i = 0; i < 3; i++)
		held_done[i](held_context[i], REPLY_OK, "");
	is_holding = false;
	took();
	specdir_scan(dir);
	ck_assert_str_eq(took(), "");
}
END_TEST

static bool
has_taken(void *context)
{
	ev_run(loop, EVRUN_NOWAIT);
	return strstr(trace, context) != NULL;
}

START_TEST(test_inotify)
{
	specdir_start(dir);
	write_file("a.yaml", GOOD("one"));
	ck_assert(scratch_wait(has_taken, (char *)"one<a.yaml"));
	write_file("tmp", GOOD("two"));
	ck_assert_int_eq(rename(scratch_path("services.d/tmp"),
				 scratch_path("services.d/b.yaml")),
		0);
	ck_assert(scratch_wait(has_taken, (char *)"two<b.yaml"));
}
END_TEST

START_TEST(test_no_folder)
{
	ck_assert_int_eq(rmdir(scratch_path("services.d")), 0);
	specdir_start(dir);
	ck_assert_str_eq(errors(), "");
	ck_assert_int_eq(mkdir(scratch_path("services.d"), 0700), 0);
	write_file("a.yaml", GOOD("one"));
	specdir_scan(dir);
	ck_assert_str_eq(took(), "one<a.yaml ");
	write_file("b.yaml", GOOD("two"));
	ck_assert(scratch_wait(has_taken, (char *)"two<b.yaml"));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("specdir");
	TCase *tc = tcase_create("specdir");
	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_submits_once);
	tcase_add_test(tc, test_remembers);
	tcase_add_test(tc, test_broken_blocks_itself);
	tcase_add_test(tc, test_refused);
	tcase_add_test(tc, test_late_answers);
	tcase_add_test(tc, test_inotify);
	tcase_add_test(tc, test_no_folder);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
