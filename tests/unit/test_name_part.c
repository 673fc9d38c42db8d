/* The service of a name, and what its files are called. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/name_part.h"

/* The name, and the length of its service's. */
static const struct {
	const char *name;
	size_t length;
} services[] = {
	{"web", 3},
	{"web@1", 3},
	{"w.e_b-@x", 6},
	{"web@x.y", 3},
	{"web@1@2", 7},
	{"@1", 2},
	{"web@", 4},
	{"web@-1", 6},
	{"a/b@1", 5},
	{"a b@1", 5},
	{"web@\xc3\xa9", 6},
	{".web@1", 6},
};

START_TEST(test_service)
{
	ck_assert_uint_eq(name_service_length(services[_i].name),
		services[_i].length);
	ck_assert_int_eq(name_is_of_several(services[_i].name),
		services[_i].length != strlen(services[_i].name));
}
END_TEST

/* A part that is too long for a service or an instance is none. */
START_TEST(test_long_parts)
{
	char name[RUNTIME_NAME_MAX + 1];
	snprintf(name, sizeof name, "%063d@%063d", 0, 0);
	ck_assert_uint_eq(name_service_length(name), SERVICE_NAME_MAX);
	snprintf(name, sizeof name, "%064d@%063d", 0, 0);
	ck_assert_uint_eq(name_service_length(name), 128);
	snprintf(name, sizeof name, "%063d@%064d", 0, 0);
	ck_assert_uint_eq(name_service_length(name), 128);
}
END_TEST

static const struct {
	const char *name;
	const char *file;
} files[] = {
	{"web", "web"},
	{"0.b_c-d@x.y", "0.b_c-d@x.y"},
	{".hidden", "%2Ehidden"},
	{"-x", "%2Dx"},
	{"@x", "%40x"},
	{"../x", "%2E.%2Fx"},
	{"a/b", "a%2Fb"},
	{"a b", "a%20b"},
	{"a%2Fb", "a%252Fb"},
	{"\xc3\xa9", "%C3%A9"},
};

START_TEST(test_file)
{
	char file[NAME_FILE_MAX + 1];
	name_to_file(files[_i].name, file);
	ck_assert_str_eq(file, files[_i].file);
	ck_assert_int_eq(name_is_file(files[_i].name),
		strcmp(files[_i].name, files[_i].file) == 0);
}
END_TEST

/* Long ones are cut behind a whole character and told apart by their hash; no
 * cut one is what another name gives. */
START_TEST(test_long_files)
{
	char one[RUNTIME_NAME_MAX + 1], two[RUNTIME_NAME_MAX + 1];
	char a[NAME_FILE_MAX + 1], b[NAME_FILE_MAX + 1];
	snprintf(one, sizeof one, "%0200d", 0);
	name_to_file(one, a);
	ck_assert_str_eq(a, one);
	for (size_t size = 150; size <= RUNTIME_NAME_MAX; size++) {
		memset(one, '/', size);
		one[size] = '\0';
		memcpy(two, one, sizeof two);
		two[size - 1] = 'x';
		name_to_file(one, a);
		name_to_file(two, b);
		ck_assert_uint_le(strlen(a), NAME_FILE_MAX);
		ck_assert_str_ne(a, b);
		const char *hash = strstr(a, "%+");
		ck_assert_ptr_nonnull(hash);
		ck_assert_uint_eq((size_t)(hash - a) % 3, 0);
		ck_assert_uint_eq(strlen(hash), 34);
	}
	snprintf(one, sizeof one, "%0201d", 0);
	name_to_file(one, a);
	ck_assert_uint_eq(strlen(a), NAME_FILE_MAX);
	ck_assert_ptr_nonnull(strstr(a, "%+"));
	ck_assert(!name_is_file(a));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("name_part");
	TCase *t = tcase_create("name_part");
	tcase_add_loop_test(
		t, test_service, 0, sizeof services / sizeof *services);
	tcase_add_test(t, test_long_parts);
	tcase_add_loop_test(t, test_file, 0, sizeof files / sizeof *files);
	tcase_add_test(t, test_long_files);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
