#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buddy.h"
#include "base/check.h"
#include "base/prng.h"

#define CAPACITY (4 * BUDDY_BLOCK_MAX)
#define BLOCKS	 512

_Noreturn void
panic(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: %s\n", file, line, what);
	abort();
}

static struct buddy *
make(void)
{
	size_t size = (buddy_need(CAPACITY) + 15) & ~(size_t)15;
	return buddy_init(aligned_alloc(16, size), CAPACITY);
}

/* What a test holds: every byte of a block carries its tag. */
struct held {
	unsigned char *block;
	size_t size;
	unsigned char tag;
};

static void
check_held(const struct held *h)
{
	size_t i = 0;
	while (i < h->size && h->block[i] == h->tag)
		i++;
	ck_assert_uint_eq(i, h->size);
}

/* Blocks never overlap, and after all is given back it is one piece again. */
START_TEST(test_random)
{
	struct buddy *b = make();
	struct prng p;
	struct held held[BLOCKS] = {0};
	unsigned refused = 0;
	prng_init(&p, (uint64_t)_i + 1);
	for (unsigned step = 0; step < 3000; step++) {
		struct held *h = &held[prng_below(&p, BLOCKS)];
		if (h->block) {
			check_held(h);
			buddy_give(b, h->block);
			h->block = NULL;
			continue;
		}
		h->size = (size_t)1 << prng_below(&p, 18);
		h->size = 1 + prng_below(&p, h->size);
		h->block = buddy_take(b, h->size);
		h->tag = (unsigned char)step;
		if (h->block)
			memset(h->block, h->tag, h->size);
		else
			refused++;
	}
	ck_assert_uint_gt(refused, 0);
	for (unsigned i = 0; i < BLOCKS; i++)
		buddy_give(b, held[i].block);
	ck_assert_uint_eq(b->used, 0);
	for (unsigned i = 0; i < CAPACITY / BUDDY_BLOCK_MAX; i++)
		ck_assert_ptr_nonnull(buddy_take(b, BUDDY_BLOCK_MAX));
	ck_assert_ptr_null(buddy_take(b, 1));
	free(b);
}
END_TEST

/* Every second block given back: much is free, nothing large can be had. */
START_TEST(test_fragmentation)
{
	struct buddy *b = make();
	static unsigned char *blocks[CAPACITY / BUDDY_BLOCK_MIN];
	size_t count = 0;
	while ((blocks[count] = buddy_take(b, BUDDY_BLOCK_MIN)) != NULL)
		if (++count == CAPACITY / BUDDY_BLOCK_MIN)
			break;
	ck_assert_uint_eq(count, CAPACITY / BUDDY_BLOCK_MIN);
	ck_assert_uint_eq(b->used, CAPACITY);
	for (size_t i = 0; i < count; i += 2)
		buddy_give(b, blocks[i]);
	ck_assert_ptr_null(buddy_take(b, BUDDY_BLOCK_MIN + 1));
	for (size_t i = 1; i < count; i += 2)
		buddy_give(b, blocks[i]);
	ck_assert_ptr_nonnull(buddy_take(b, BUDDY_BLOCK_MAX));
	free(b);
}
END_TEST

START_TEST(test_bounds)
{
	struct buddy *b = make();
	ck_assert_ptr_null(buddy_take(b, BUDDY_BLOCK_MAX + 1));
	ck_assert_ptr_null(buddy_take(b, SIZE_MAX));
	buddy_give(b, NULL);
	void *block = buddy_take(b, 0);
	ck_assert_uint_eq(b->used, BUDDY_BLOCK_MIN);
	buddy_give(b, block);
	free(b);
}
END_TEST

START_TEST(test_give_twice)
{
	struct buddy *b = make();
	void *block = buddy_take(b, 64);
	buddy_give(b, block);
	buddy_give(b, block);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("buddy");
	TCase *t = tcase_create("buddy");
	tcase_add_loop_test(t, test_random, 0, 50);
	tcase_add_test(t, test_fragmentation);
	tcase_add_test(t, test_bounds);
	tcase_add_test_raise_signal(t, test_give_twice, 6 /* SIGABRT */);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
