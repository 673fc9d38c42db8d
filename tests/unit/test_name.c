/* Names of run time: which bytes are one, and where others are wrong. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/name.h"

/* Bytes, with their number, as they stand in a literal. */
#define B(text)                                                                \
	{                                                                      \
		text, sizeof(text) - 1                                         \
	}

static const struct bytes good[] = {
	B("a"),
	B(" "),
	B("device/17 \"x\" %20"),
	B("Gr\xc3\xbc\xc3\x9f"
	  "e"),
	B("\xc2\xa0"),
	B("\xdf\xbf"),
	B("\xe0\xa0\x80"),
	B("\xed\x9f\xbf"),
	B("\xee\x80\x80"),
	B("\xef\xbf\xbf"),
	B("\xf0\x90\x80\x80"),
	B("\xf4\x8f\xbf\xbf"),
};

static const struct {
	struct bytes name;
	size_t at; /* where it is wrong */
	const char *why;
} bad[] = {
	{B(""), 0, "empty"},
	{B("a\0b"), 1, "control"},
	{B("ab\n"), 2, "control"},
	{B("\x1f"), 0, "control"},
	{B("x\x7f"), 1, "control"},
	{B("x\xc2\x80"), 1, "control"},
	{B("x\xc2\x9f"), 1, "control"},
	/* no first byte, and a second byte that is none */
	{B("\x80"), 0, "UTF-8"},
	{B("ab\xff"), 2, "UTF-8"},
	{B("\xf8\x88\x80\x80\x80"), 0, "UTF-8"},
	{B("\xc3("), 0, "UTF-8"},
	{B("\xe2\x82("), 0, "UTF-8"},
	/* cut short */
	{B("x\xc3"), 1, "UTF-8"},
	{B("\xe2\x82"), 0, "UTF-8"},
	{B("\xf0\x9f\x98"), 0, "UTF-8"},
	/* longer than need be, NUL and '/' among them */
	{B("\xc0\x80"), 0, "UTF-8"},
	{B("\xc1\xbf"), 0, "UTF-8"},
	{B("\xe0\x9f\xbf"), 0, "UTF-8"},
	{B("\xf0\x8f\xbf\xbf"), 0, "UTF-8"},
	/* surrogates, and beyond the last */
	{B("\xed\xa0\x80"), 0, "UTF-8"},
	{B("\xed\xbf\xbf"), 0, "UTF-8"},
	{B("\xf4\x90\x80\x80"), 0, "UTF-8"},
	{B("\xf5\x80\x80\x80"), 0, "UTF-8"},
};

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

START_TEST(good_names)
{
	size_t at;
	ck_assert_ptr_null(name_fault(good[_i], RUNTIME_NAME_MAX, &at));
	ck_assert(name_is_runtime(good[_i]));
}
END_TEST

START_TEST(bad_names)
{
	size_t at;
	const char *why = name_fault(bad[_i].name, RUNTIME_NAME_MAX, &at);
	ck_assert_ptr_nonnull(why);
	ck_assert_ptr_nonnull(strstr(why, bad[_i].why));
	ck_assert_uint_eq(at, bad[_i].at);
	ck_assert(!name_is_runtime(bad[_i].name));
}
END_TEST

START_TEST(lengths)
{
	char text[300];
	size_t at;
	memset(text, 'n', sizeof text);
	ck_assert(name_is_runtime((struct bytes){text, 1}));
	ck_assert(name_is_runtime((struct bytes){text, 255}));
	ck_assert(!name_is_runtime((struct bytes){text, 256}));
	ck_assert_str_eq(name_fault((struct bytes){text, 256}, 255, &at),
		"it is too long");
	ck_assert_uint_eq(at, 255);
	ck_assert_ptr_null(name_fault((struct bytes){text, 127}, 127, &at));
	ck_assert_ptr_nonnull(name_fault((struct bytes){text, 128}, 127, &at));
	/* the last character ends just behind the bound */
	memcpy(text + 254, "\xc3\xbc", 2);
	ck_assert(!name_is_runtime((struct bytes){text, 256}));
	memcpy(text + 253, "\xc3\xbc", 2);
	ck_assert(name_is_runtime((struct bytes){text, 255}));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("name");
	TCase *t = tcase_create("name");
	tcase_add_loop_test(t, good_names, 0, COUNT(good));
	tcase_add_loop_test(t, bad_names, 0, COUNT(bad));
	tcase_add_test(t, lengths);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
