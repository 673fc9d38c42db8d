/* Host patterns: literals and small expressions. */
#include <check.h>
#include <stdlib.h>

#include "core/pattern.h"

static const struct {
	const char *list;
	const char *text;
	bool want;
} matches[] = {
	{"", "alpha", false},
	{"alpha", "alpha", true},
	{"alpha", "alpha2", false},
	{"alph", "alpha", false},
	{"beta, alpha", "alpha", true},
	{" beta,,alpha ", "beta", true},
	{"/alpha/", "alpha", true},
	{"/alph/", "alpha", false},
	{"/a.*/", "alpha", true},
	{"/.*a/", "alpha", true},
	{"/.*b/", "alpha", false},
	{"/web[0-9]+/", "web17", true},
	{"/web[0-9]+/", "web", false},
	{"/web[0-9]*/", "web", true},
	{"/web[^0-9]/", "weba", true},
	{"/web[^0-9]/", "web1", false},
	{"/web[]x]/", "web]", true},
	{"/colou?r/", "color", true},
	{"/colou?r/", "colour", true},
	{"/colou?r/", "colouur", false},
	{"/a\\.b/", "a.b", true},
	{"/a\\.b/", "axb", false},
	{"/a,b/, c", "a,b", true},
	{"/x{/, c", "c", true},
	{"/.*/", "", true},
	{"/.+/", "", false},
	/* Would take for ever without the bound. */
	{"/a*a*a*a*a*a*a*a*b/", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
};

START_TEST(matching)
{
	ck_assert_msg(pattern_list_matches(matches[_i].list,
			      matches[_i].text) == matches[_i].want,
		"'%s' against '%s'", matches[_i].list, matches[_i].text);
}
END_TEST

static const struct {
	const char *list;
	bool is_good;
} checks[] = {
	{"", true},
	{"alpha, /b.*/", true},
	{"/web[0-9]+/", true},
	{"/alpha", false},
	{"/", false},
	{"/*a/", false},
	{"/a**/", false},
	{"/[ab/", false},
	{"/(a|b)/", false},
	{"/^a$/", false},
	{"/a{2}/", false},
};

START_TEST(checking)
{
	const char *why = pattern_list_check(checks[_i].list);
	ck_assert_msg((why == NULL) == checks[_i].is_good, "'%s': %s",
		checks[_i].list, why ? why : "accepted");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("pattern");
	TCase *t = tcase_create("patterns");
	tcase_add_loop_test(
		t, matching, 0, (int)(sizeof matches / sizeof *matches));
	tcase_add_loop_test(
		t, checking, 0, (int)(sizeof checks / sizeof *checks));
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
