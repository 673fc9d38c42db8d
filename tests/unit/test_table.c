/* Tables as people see them. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/table.h"

static const char *const headers[] = {"NAME", "+PID", "STATE", "DETAIL", NULL};

static char *
print(bool is_wide, bool is_colour)
{
	struct table t;
	char *out = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&out, &size);
	table_init(&t, headers);
	table_add(&t, "web@1");
	table_printf(&t, "%d", 17);
	table_paint(&t, PAINT_GOOD, "ready");
	table_add(&t, "");
	table_add(&t, "zürich");
	table_add(&t, "-");
	table_paint(&t, PAINT_BAD, "failed");
	table_add(&t, "exited 1");
	table_print(&t, file, is_wide, is_colour);
	table_fini(&t);
	fclose(file);
	return out;
}

START_TEST(columns_are_aligned_by_characters)
{
	char *out = print(false, false);
	ck_assert_str_eq(out, "NAME    STATE   DETAIL\n"
			      "web@1   ready   \n"
			      "zürich  failed  exited 1\n");
	free(out);
}
END_TEST

START_TEST(wide_tables_have_every_column)
{
	char *out = print(true, false);
	ck_assert_str_eq(out, "NAME    PID  STATE   DETAIL\n"
			      "web@1   17   ready   \n"
			      "zürich  -    failed  exited 1\n");
	free(out);
}
END_TEST

START_TEST(colour_does_not_shift_columns)
{
	char *out = print(false, true);
	ck_assert_ptr_nonnull(strstr(out, "\033[32mready\033[0m   \n"));
	ck_assert_ptr_nonnull(
		strstr(out, "zürich  \033[31mfailed\033[0m  exited 1\n"));
	free(out);
}
END_TEST

START_TEST(an_empty_table_has_its_headers)
{
	struct table t;
	char *out = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&out, &size);
	table_init(&t, headers);
	table_print(&t, file, false, false);
	table_fini(&t);
	fclose(file);
	ck_assert_str_eq(out, "NAME  STATE  DETAIL\n");
	free(out);
}
END_TEST

START_TEST(states_have_their_colours)
{
	ck_assert_int_eq(paint_for_state("ready"), PAINT_GOOD);
	ck_assert_int_eq(paint_for_state("backoff"), PAINT_BAD);
	ck_assert_int_eq(paint_for_state("stopped"), PAINT_DIM);
	ck_assert_int_eq(paint_for_state("new word"), PAINT_NONE);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("table");
	TCase *tc = tcase_create("table");
	tcase_add_test(tc, columns_are_aligned_by_characters);
	tcase_add_test(tc, wide_tables_have_every_column);
	tcase_add_test(tc, colour_does_not_shift_columns);
	tcase_add_test(tc, an_empty_table_has_its_headers);
	tcase_add_test(tc, states_have_their_colours);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
