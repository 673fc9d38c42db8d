/* Bytes as text and back: the examples of RFC 4648, and what is no such text.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"

static const struct {
	const char *bytes;
	size_t size;
	const char *text;
} rows[] = {
	{"", 0, ""},
	{"f", 1, "Zg=="},
	{"fo", 2, "Zm8="},
	{"foo", 3, "Zm9v"},
	{"foob", 4, "Zm9vYg=="},
	{"fooba", 5, "Zm9vYmE="},
	{"foobar", 6, "Zm9vYmFy"},
	{"\0\377a\377", 4, "AP9h/w=="},
	{"\373\377\277", 3, "+/+/"},
};

START_TEST(bytes_have_their_text)
{
	char text[BASE64_SIZE(8)];
	unsigned char bytes[8];
	size_t size;
	base64_write(rows[_i].bytes, rows[_i].size, text);
	ck_assert_str_eq(text, rows[_i].text);
	ck_assert_uint_le(rows[_i].size, BASE64_ROOM(strlen(text)));
	ck_assert(base64_read(text, strlen(text), bytes, &size));
	ck_assert_uint_eq(size, rows[_i].size);
	ck_assert_mem_eq(bytes, rows[_i].bytes, size);
}
END_TEST

START_TEST(other_texts_are_none)
{
	static const char *const texts[] = {
		"Zg", "Zg=", "Zg===", "====", "Z===", "Z=g=", "Zm9-", "Zm 9"};
	unsigned char bytes[8];
	size_t size;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		ck_assert_msg(
			!base64_read(texts[i], strlen(texts[i]), bytes, &size),
			"%s", texts[i]);
	ck_assert(!base64_read("Zg\0=", 4, bytes, &size));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("base64");
	TCase *t = tcase_create("base64");
	tcase_add_loop_test(
		t, bytes_have_their_text, 0, sizeof rows / sizeof *rows);
	tcase_add_test(t, other_texts_are_none);
	suite_add_tcase(suite, t);
	SRunner *r = srunner_create(suite);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
