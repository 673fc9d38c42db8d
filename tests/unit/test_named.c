/* Tables of things that have an instance's name: found by it, in order of
 * birth, and no more of them than there is room for.
 */
#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "core/core_private.h"

#define MAX	  8
#define INSTANCES 3

/* A thing. */
struct toy {
	struct named head;
	uint64_t value;
};

static struct core core;
static struct named_table table;
static void *memory;

static void
setup(void)
{
	core.limits.instances_max = INSTANCES;
	size_t size = named_need(&core.limits, MAX, sizeof(struct toy));
	memory = aligned_alloc(16, size);
	ck_assert_ptr_nonnull(memory);
	memset(memory, 0, size);
	arena_init(&core.arena, memory, size);
	named_init(&core, &table, MAX, sizeof(struct toy));
	ck_assert_uint_eq(core.arena.used, size);
}

static void
teardown(void)
{
	free(memory);
}

START_TEST(each_is_found_by_its_name)
{
	struct toy *a = named_make(&table, "web@1");
	struct toy *b = named_make(&table, "web@10");
	ck_assert_ptr_eq(named_find(&table, "web@1"), a);
	ck_assert_ptr_eq(named_find(&table, "web@10"), b);
	ck_assert_ptr_null(named_find(&table, "web@"));
	ck_assert_str_eq(b->head.name, "web@10");
	named_free(&table, &a->head);
	ck_assert_ptr_null(named_find(&table, "web@1"));
	ck_assert_ptr_eq(named_find(&table, "web@10"), b);
}
END_TEST

START_TEST(a_full_table_makes_none)
{
	struct toy *a = named_make(&table, "a");
	ck_assert_ptr_nonnull(named_make(&table, "b"));
	ck_assert_ptr_nonnull(named_make(&table, "c"));
	ck_assert_ptr_null(named_make(&table, "d"));
	ck_assert_ptr_null(named_find(&table, "d"));
	named_free(&table, &a->head);
	ck_assert_ptr_nonnull(named_make(&table, "d"));
}
END_TEST

START_TEST(they_stand_in_order_of_birth)
{
	static const char *const expected[] = {"b", "c", "a"};
	unsigned at = 0;
	struct toy *a = named_make(&table, "a");
	named_make(&table, "b");
	named_make(&table, "c");
	named_free(&table, &a->head);
	named_make(&table, "a");
	list_each (it, &table.all)
		ck_assert_str_eq(
			container_of(it, struct toy, head.in_all)->head.name,
			expected[at++]);
	ck_assert_uint_eq(at, INSTANCES);
}
END_TEST

START_TEST(nothing_is_left_of_the_one_before)
{
	struct toy *a = named_make(&table, "a");
	a->value = UINT64_MAX;
	named_free(&table, &a->head);
	struct toy *b = named_make(&table, "b");
	ck_assert_ptr_eq(b, a);
	ck_assert_uint_eq(b->value, 0);
}
END_TEST

START_TEST(two_of_a_name_panic)
{
	named_make(&table, "a");
	named_make(&table, "a");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("named");
	TCase *t = tcase_create("named");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, each_is_found_by_its_name);
	tcase_add_test(t, a_full_table_makes_none);
	tcase_add_test(t, they_stand_in_order_of_birth);
	tcase_add_test(t, nothing_is_left_of_the_one_before);
	tcase_add_test_raise_signal(t, two_of_a_name_panic, SIGABRT);
	suite_add_tcase(suite, t);
	SRunner *r = srunner_create(suite);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
