/* Bytes as text: which digits, in which order, and no more than that. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"

START_TEST(every_byte_has_its_digits)
{
	for (int value = 0; value < 256; value++) {
		unsigned char byte = (unsigned char)value;
		char text[3], *end;
		hex_write(&byte, 1, text);
		ck_assert_uint_eq(strlen(text), 2);
		ck_assert_uint_eq(strspn(text, "0123456789abcdef"), 2);
		ck_assert_int_eq(strtol(text, &end, 16), value);
	}
}
END_TEST

START_TEST(the_first_byte_stands_first)
{
	static const unsigned char data[] = {0x00, 0x1f, 0xa0, 0xff};
	char text[10];
	memset(text, 'x', sizeof text);
	hex_write(data, sizeof data, text);
	ck_assert_str_eq(text, "001fa0ff");
	ck_assert_int_eq(text[9], 'x');
}
END_TEST

START_TEST(nothing_is_an_empty_text)
{
	char text[2] = "xx";
	hex_write(NULL, 0, text);
	ck_assert_str_eq(text, "");
	ck_assert_int_eq(text[1], 'x');
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("hex");
	TCase *t = tcase_create("hex");
	tcase_add_test(t, every_byte_has_its_digits);
	tcase_add_test(t, the_first_byte_stands_first);
	tcase_add_test(t, nothing_is_an_empty_text);
	suite_add_tcase(suite, t);
	SRunner *r = srunner_create(suite);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
