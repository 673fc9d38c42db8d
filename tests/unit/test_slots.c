/* Slots that grow with use (base/slots.h). */
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/slots.h"

_Noreturn void
panic(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: %s\n", file, line, what);
	abort();
}

#define MAX  64u
#define SIZE 24u

static unsigned char memory[MAX * SIZE];

START_TEST(takes_each_slot_once)
{
	struct slots s;
	memset(memory, 0xa5, sizeof memory);
	slots_init(&s, memory, MAX, SIZE);
	for (uint32_t i = 0; i < MAX; i++) {
		unsigned char *slot = slots_take(&s);
		ck_assert_ptr_eq(slot, memory + i * SIZE);
		ck_assert_uint_eq(slots_index(&s, slot), i);
		ck_assert_ptr_eq(slots_get(&s, i), slot);
	}
	ck_assert_ptr_null(slots_take(&s));
	ck_assert_ptr_null(slots_get(&s, MAX));
}
END_TEST

START_TEST(touches_nothing_unasked)
{
	struct slots s;
	memset(memory, 0xa5, sizeof memory);
	slots_init(&s, memory, MAX, SIZE);
	slots_give(&s, slots_take(&s));
	slots_take(&s);
	for (size_t i = SIZE; i < sizeof memory; i++)
		ck_assert_uint_eq(memory[i], 0xa5);
	ck_assert_uint_eq(s.mark, 1);
	ck_assert_ptr_null(slots_get(&s, 1));
}
END_TEST

START_TEST(prefers_what_was_given_back)
{
	struct slots s;
	slots_init(&s, memory, MAX, SIZE);
	void *a = slots_take(&s);
	void *b = slots_take(&s);
	slots_give(&s, a);
	slots_give(&s, b);
	ck_assert_ptr_eq(slots_take(&s), b);
	ck_assert_ptr_eq(slots_take(&s), a);
	ck_assert_uint_eq(s.mark, 2);
}
END_TEST

START_TEST(foreign_pointer_panics)
{
	struct slots s;
	slots_init(&s, memory, MAX, SIZE);
	unsigned char *slot = slots_take(&s);
	slots_give(&s, slot + 1);
}
END_TEST

START_TEST(never_taken_panics)
{
	struct slots s;
	slots_init(&s, memory, MAX, SIZE);
	slots_take(&s);
	slots_give(&s, memory + SIZE);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("slots");
	TCase *t = tcase_create("slots");
	tcase_add_test(t, takes_each_slot_once);
	tcase_add_test(t, touches_nothing_unasked);
	tcase_add_test(t, prefers_what_was_given_back);
	tcase_add_test_raise_signal(t, foreign_pointer_panics, SIGABRT);
	tcase_add_test_raise_signal(t, never_taken_panics, SIGABRT);
	suite_add_tcase(suite, t);
	SRunner *r = srunner_create(suite);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
