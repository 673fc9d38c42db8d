/* Every file of spec/good is read and survives the round trip; every file of
 * spec/bad gives exactly the sentence beside it. */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "spec/spec.h"

#define FILES_MAX 512

static char *good[FILES_MAX], *bad[FILES_MAX];
static size_t good_count, bad_count;

_Noreturn void
panic(const char *file, int line, const char *what)
{
	fprintf(stderr, "panic: %s:%d: %s\n", file, line, what);
	abort();
}

static void
make_path(char *out, size_t size, const char *folder, const char *name)
{
	const char *top = getenv("srcdir");
	snprintf(out, size, "%s/spec/%s/%s", top ? top : ".", folder, name);
}

static size_t
list_files(const char *folder, char **names)
{
	char path[4096];
	make_path(path, sizeof path, folder, "");
	DIR *dir = opendir(path);
	size_t count = 0;
	struct dirent *entry;
	while (dir && (entry = readdir(dir))) {
		const char *dot = strrchr(entry->d_name, '.');
		if (dot && strcmp(dot, ".yaml") == 0 && count < FILES_MAX)
			names[count++] = strdup(entry->d_name);
	}
	if (dir)
		closedir(dir);
	return count;
}

START_TEST(corpora_are_there)
{
	ck_assert_uint_ge(good_count, 12);
	ck_assert_uint_ge(bad_count, 45);
}
END_TEST

static void
check_round_trip(const struct spec *spec)
{
	static char body[SPEC_BODY_MAX + 1], again[SPEC_BODY_MAX + 1];
	struct err err = {""};
	struct spec *copy;
	int length = spec_to_body(spec, body, sizeof body);
	ck_assert_int_gt(length, 0);
	int rc = spec_from_body(body, (size_t)length, &copy, &err);
	ck_assert_msg(rc == 0, "%s: %s", err.text, body);
	ck_assert_int_eq(spec_to_body(copy, again, sizeof again), length);
	ck_assert_str_eq(body, again);
	ck_assert(spec_digest(spec) == spec_digest(copy));
	ck_assert(spec_run_digest(spec) == spec_run_digest(copy));
	struct spec_policy a, b;
	spec_policy_from(spec, &a);
	spec_policy_from(copy, &b);
	ck_assert_mem_eq(&a, &b, sizeof a);
	ck_assert_uint_eq(a.instance_count, spec_instance_count(spec));
	for (size_t i = 0; i < spec_instance_count(spec); i++) {
		char one[INSTANCE_NAME_MAX + 1], two[INSTANCE_NAME_MAX + 1];
		spec_instance_name(spec, i, one);
		policy_instance_name(&a, spec->name, (uint32_t)i, two);
		ck_assert_str_eq(one, two);
	}
	spec_free(copy);
}

START_TEST(good_file_survives_the_round_trip)
{
	char path[4096];
	struct err err = {""};
	struct spec_set *set;
	make_path(path, sizeof path, "good", good[_i]);
	int rc = spec_parse_file(path, &set, &err);
	ck_assert_msg(rc == 0, "%s", err.text);
	ck_assert_uint_ge(set->count, 1);
	for (size_t i = 0; i < set->count; i++)
		check_round_trip(set->items[i]);
	spec_set_free(set);
}
END_TEST

/* Reads "NAME.err" without its newline. */
static void
read_expected(const char *yaml, char *out, size_t size)
{
	char path[4096], name[256];
	snprintf(name, sizeof name, "%.*s.err",
		(int)(strlen(yaml) - strlen(".yaml")), yaml);
	make_path(path, sizeof path, "bad", name);
	FILE *f = fopen(path, "r");
	ck_assert_msg(f != NULL, "%s is missing", path);
	ck_assert_ptr_nonnull(fgets(out, (int)size, f));
	fclose(f);
	out[strcspn(out, "\n")] = '\0';
}

START_TEST(bad_file_gives_its_sentence)
{
	char path[4096], expected[ERR_TEXT_SIZE];
	struct err err = {""};
	struct spec_set *set;
	read_expected(bad[_i], expected, sizeof expected);
	make_path(path, sizeof path, "bad", bad[_i]);
	size_t folder = strlen(path) - strlen(bad[_i]);
	int rc = spec_parse_file(path, &set, &err);
	ck_assert_msg(rc == -EINVAL, "%s was accepted", bad[_i]);
	ck_assert_ptr_null(set);
	ck_assert_uint_ge(strlen(err.text), folder);
	ck_assert_str_eq(err.text + folder, expected);
}
END_TEST

int
main(void)
{
	good_count = list_files("good", good);
	bad_count = list_files("bad", bad);
	Suite *s = suite_create("spec files");
	TCase *t = tcase_create("files");
	tcase_add_test(t, corpora_are_there);
	tcase_add_loop_test(
		t, good_file_survives_the_round_trip, 0, (int)good_count);
	tcase_add_loop_test(t, bad_file_gives_its_sentence, 0, (int)bad_count);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	for (size_t i = 0; i < good_count; i++)
		free(good[i]);
	for (size_t i = 0; i < bad_count; i++)
		free(bad[i]);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
