/* Patterns over names. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/glob.h"

static const struct {
	const char *pattern, *text;
	bool is_match;
} cases[] = {
	{"", "", true},
	{"", "a", false},
	{"a", "", false},
	{"web", "web", true},
	{"web", "web@1", false},
	{"*", "", true},
	{"*", "a/b c", true},
	{"**", "x", true},
	{"web*", "web", true},
	{"web@*", "web@12", true},
	{"*@1", "web@12", false},
	{"*@1", "web@1@1", true},
	{"a*b*c", "a-b-b-c", true},
	{"a*b*c", "a-c-b", false},
	{"*ab", "aab", true},
	{"*aab", "aaaab", true},
	{"?", "", false},
	{"?", "x", true},
	{"?", "\xc3\xbc", true},
	{"??", "\xc3\xbc", false},
	{"?\xc3\xbc?", "x\xc3\xbcy", true},
	{"\xc3?", "\xc3\xbc", false}, /* half a character is none */
	{"?", "\xff", true},
	{"[abc]", "b", true},
	{"[abc]", "d", false},
	{"[a-c]x", "bx", true},
	{"[^a-c]", "b", false},
	{"[^a-c]", "d", true},
	{"[!a-c]", "d", true},
	{"[]]", "]", true},
	{"[^]]", "]", false},
	{"[a-]", "-", true},
	{"[-a]", "-", true},
	{"[\\]a]", "]", true},
	{"[a\\-c]", "b", false},
	{"[\xc3\xa0-\xc3\xbf]", "\xc3\xbc", true},
	{"[\xc3\xa0-\xc3\xbf]", "\xc3", false},
	{"[a-c]*[0-9]", "b--7", true},
	{"\\*", "*", true},
	{"\\*", "x", false},
	{"\\[a]", "[a]", true},
	{"a\\\\b", "a\\b", true},
};

START_TEST(what_matches)
{
	ck_assert_msg(glob_fault(cases[_i].pattern) == NULL, "'%s': %s",
		cases[_i].pattern, glob_fault(cases[_i].pattern));
	ck_assert_msg(glob_matches(cases[_i].pattern, cases[_i].text) ==
			      cases[_i].is_match,
		"'%s' over '%s'", cases[_i].pattern, cases[_i].text);
}
END_TEST

START_TEST(what_is_wrong)
{
	ck_assert_str_eq(glob_fault("a["), "a '[' in it has no ']'");
	ck_assert_str_eq(glob_fault("[]"), "a '[' in it has no ']'");
	ck_assert_str_eq(glob_fault("[^]"), "a '[' in it has no ']'");
	ck_assert_str_eq(glob_fault("[a-"), "a '[' in it has no ']'");
	ck_assert_str_eq(glob_fault("[\\"), "a '[' in it has no ']'");
	ck_assert_str_eq(
		glob_fault("[z-a]"), "a range in it ends before it begins");
	ck_assert_str_eq(glob_fault("a\\"), "nothing follows its last '\\'");
}
END_TEST

START_TEST(what_is_a_pattern)
{
	ck_assert(!glob_is_pattern("web@1 /x"));
	ck_assert(glob_is_pattern("web@*"));
	ck_assert(glob_is_pattern("we?"));
	ck_assert(glob_is_pattern("[w]eb"));
	ck_assert(glob_is_pattern("web\\"));
}
END_TEST

/* What makes matchers that go back to each '*' take for ever. */
START_TEST(stars_are_cheap)
{
	char text[4001], pattern[2002];
	memset(text, 'a', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	for (size_t i = 0; i < sizeof pattern - 1; i += 2) {
		pattern[i] = '*';
		pattern[i + 1] = 'a';
	}
	pattern[sizeof pattern - 2] = 'b';
	pattern[sizeof pattern - 1] = '\0';
	ck_assert(!glob_matches(pattern, text));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("glob");
	TCase *t = tcase_create("glob");
	tcase_add_loop_test(
		t, what_matches, 0, (int)(sizeof cases / sizeof cases[0]));
	tcase_add_test(t, what_is_wrong);
	tcase_add_test(t, what_is_a_pattern);
	tcase_add_test(t, stars_are_cheap);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
