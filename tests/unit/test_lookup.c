/* Numbers found by numbers (base/lookup.h). */
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/lookup.h"
#include "base/prng.h"

_Noreturn void
panic(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: %s\n", file, line, what);
	abort();
}

#define KEYS  64u
#define SLOTS 128u

static struct lookup_slot slots[SLOTS];
static struct lookup table;

static void
setup(void)
{
	memset(slots, 0, sizeof slots);
	ck_assert_uint_eq(lookup_slot_count(KEYS), SLOTS);
	lookup_init(&table, slots, SLOTS);
}

START_TEST(is_empty_at_first)
{
	ck_assert_uint_eq(lookup_get(&table, 0), LOOKUP_NONE);
	ck_assert_uint_eq(lookup_get(&table, 7), LOOKUP_NONE);
	ck_assert_uint_ge(lookup_slot_count(0), 8);
}
END_TEST

/* Any order of entering and removing gives what an array gives; keys that
 * collide, and a full table, are among them. */
START_TEST(agrees_with_an_array)
{
	uint32_t there[4 * KEYS + 1] = {0}; /* value + 1 */
	struct prng random;
	prng_init(&random, 1);
	for (uint32_t step = 1; step < 200000; step++) {
		uint32_t key = 1 + (uint32_t)prng_below(&random, 4 * KEYS);
		if (there[key]) {
			lookup_remove(&table, key);
			there[key] = 0;
		} else if (table.count < KEYS) {
			lookup_put(&table, key, step);
			there[key] = step + 1;
		}
		uint32_t other = 1 + (uint32_t)prng_below(&random, 4 * KEYS);
		ck_assert_uint_eq(lookup_get(&table, other), there[other] - 1);
		ck_assert_uint_eq(lookup_get(&table, key), there[key] - 1);
	}
	for (uint32_t key = 1; key <= 4 * KEYS; key++) {
		ck_assert_uint_eq(lookup_get(&table, key), there[key] - 1);
		if (there[key])
			lookup_remove(&table, key);
	}
	ck_assert_uint_eq(table.count, 0);
	for (uint32_t i = 0; i < SLOTS; i++)
		ck_assert_uint_eq(slots[i].key, 0);
}
END_TEST

START_TEST(a_key_begins_at_home)
{
	lookup_put(&table, 1234, 5);
	ck_assert_uint_eq(lookup_home(&table, 1234)->key, 1234);
	ck_assert_uint_eq(lookup_home(&table, 1234)->value, 5);
}
END_TEST

START_TEST(twice_panics)
{
	lookup_put(&table, 9, 1);
	lookup_put(&table, 9, 2);
}
END_TEST

START_TEST(removing_nothing_panics)
{
	lookup_put(&table, 9, 1);
	lookup_remove(&table, 8);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("lookup");
	TCase *t = tcase_create("lookup");
	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, is_empty_at_first);
	tcase_add_test(t, agrees_with_an_array);
	tcase_add_test(t, a_key_begins_at_home);
	tcase_add_test_raise_signal(t, twice_panics, SIGABRT);
	tcase_add_test_raise_signal(t, removing_nothing_panics, SIGABRT);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
