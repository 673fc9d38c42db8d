/* The hash map that grows by linear hashing (base/map.h). */
#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/list.h"
#include "base/map.h"
#include "base/prng.h"

_Noreturn void
panic(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: %s\n", file, line, what);
	abort();
}

#define ITEMS 3000u

struct item {
	struct map_link link;
	unsigned number;
	bool is_in;
};

static struct item items[ITEMS];
static struct map_link *buckets[ITEMS];

/* Hashes that collide now and then, and whose low bits are poor. */
static uint64_t
hash_of(unsigned number)
{
	return (uint64_t)(number / 3) << 20 | (number % 7 == 0);
}

static void
add(struct map *m, unsigned number)
{
	items[number].number = number;
	items[number].is_in = true;
	map_insert(m, &items[number].link, hash_of(number));
}

/* Verifies that a look-up yields exactly the items in the map with the hash
 * of 'number', in the order in which 'order' says they came. */
static void
check_chain(const struct map *m, unsigned number, const unsigned *came)
{
	unsigned want = 0, got = 0, last = 0;
	for (unsigned i = 0; i < ITEMS; i++)
		want += items[i].is_in && hash_of(i) == hash_of(number);
	struct map_link *l = map_first(m, hash_of(number));
	for (; l; l = map_next(m, l)) {
		struct item *i = container_of(l, struct item, link);
		ck_assert_uint_eq(hash_of(i->number), hash_of(number));
		ck_assert(i->is_in);
		ck_assert(got == 0 || came[i->number] > last);
		last = came[i->number];
		got++;
	}
	ck_assert_uint_eq(got, want);
}

START_TEST(finds_what_is_in_it)
{
	static unsigned came[ITEMS];
	struct prng prng;
	struct map m;
	/* Whatever lay in the memory before must not matter. */
	memset(buckets, 0x5a, sizeof buckets);
	memset(items, 0, sizeof items);
	prng_init(&prng, 7);
	map_init(&m, buckets, (size_t)_i);
	unsigned count = 0;
	for (unsigned round = 1; round <= 20000; round++) {
		unsigned n = (unsigned)(prng_next(&prng) % ITEMS);
		if (items[n].is_in) {
			map_remove(&m, &items[n].link);
			items[n].is_in = false;
			count--;
		} else {
			add(&m, n);
			came[n] = round;
			count++;
		}
		ck_assert_uint_eq(m.count, count);
		if (round % 100 == 0)
			check_chain(&m, n, came);
	}
	for (unsigned n = 0; n < ITEMS; n += 3)
		check_chain(&m, n, came);
	while (map_take_any(&m)) {
		count--;
		ck_assert_uint_eq(m.count, count);
	}
	ck_assert_uint_eq(count, 0);
}
END_TEST

START_TEST(touches_as_many_buckets_as_items)
{
	struct map m;
	struct map_link *const untouched = (struct map_link *)&m;
	for (unsigned i = 0; i < ITEMS; i++)
		buckets[i] = untouched;
	map_init(&m, buckets, ITEMS);
	for (unsigned i = 0; i < 100; i++)
		add(&m, i);
	for (unsigned i = 100; i < ITEMS; i++)
		ck_assert_ptr_eq(buckets[i], untouched);
}
END_TEST

START_TEST(grows_again_after_all_were_taken)
{
	struct map m;
	map_init(&m, buckets, ITEMS);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < ITEMS; i++)
			add(&m, i);
		for (unsigned i = 0; i < ITEMS; i++)
			ck_assert_ptr_nonnull(map_first(&m, hash_of(i)));
		unsigned half = round == 1 ? ITEMS / 2 : ITEMS;
		for (unsigned i = 0; i < half; i++)
			ck_assert_ptr_nonnull(map_take_any(&m));
		for (unsigned i = half; i < ITEMS; i++)
			map_take_any(&m);
		ck_assert_ptr_null(map_take_any(&m));
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("map");
	TCase *t = tcase_create("map");
	tcase_set_timeout(t, 60);
	/* Room for: one bucket, a few, not a power of two, all. */
	static const int rooms[] = {1, 15, 16, 17, 1000, 2048, ITEMS};
	for (size_t i = 0; i < sizeof rooms / sizeof *rooms; i++)
		tcase_add_loop_test(
			t, finds_what_is_in_it, rooms[i], rooms[i] + 1);
	tcase_add_test(t, touches_as_many_buckets_as_items);
	tcase_add_test(t, grows_again_after_all_were_taken);
	suite_add_tcase(suite, t);
	SRunner *r = srunner_create(suite);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
