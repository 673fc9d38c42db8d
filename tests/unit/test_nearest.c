#include <check.h>
#include <stdlib.h>

#include "sys/nearest.h"

static const char *const words[] = {"command", "description", "delay",
	"max_delay", "user", "nice", "restart"};

static const struct {
	const char *word;
	const char *nearest; /* NULL: none */
} cases[] = {
	{"comand", "command"},
	{"commadn", "command"},
	{"command", "command"},
	{"cmd", "command"},
	{"desc", "description"},
	{"dleay", "delay"},
	{"maxdelay", "max_delay"},
	{"usr", "user"},
	{"", NULL},
	{"zzzz", NULL},
	{"wholly_different", NULL},
	{"a_word_that_is_longer_than_any_key_could_be_and_then_some_more_of_it",
		NULL},
};

START_TEST(finds_the_nearest_word)
{
	struct nearest n;
	nearest_init(&n, cases[_i].word);
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		nearest_offer(&n, words[i]);
	if (cases[_i].nearest)
		ck_assert_str_eq(n.best, cases[_i].nearest);
	else
		ck_assert_ptr_null(n.best);
}
END_TEST

START_TEST(prefers_the_first_of_equals)
{
	struct nearest n;
	nearest_init(&n, "cat");
	nearest_offer(&n, "car");
	nearest_offer(&n, "cap");
	ck_assert_str_eq(n.best, "car");
	ck_assert_uint_eq(n.distance, 1);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("nearest");
	TCase *t = tcase_create("nearest");
	tcase_add_loop_test(
		t, finds_the_nearest_word, 0, sizeof cases / sizeof *cases);
	tcase_add_test(t, prefers_the_first_of_equals);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
