/* Weighted rendezvous hashing: every bit, fairness, minimal movement. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "core/place.h"

#define NODES 10
#define NAMES 100000

/* Must never change: clusters of mixed versions compute the same ranks. */
static const struct {
	const char *name;
	const char *node;
	uint32_t weight;
	uint64_t want;
} golden[] = {
#include "tests/unit/hrw_golden.inc"
};

START_TEST(golden_scores)
{
	uint64_t got = place_hrw_score(hash_text(golden[_i].name, 0),
		hash_text(golden[_i].node, 0), golden[_i].weight);
	ck_assert_msg(got == golden[_i].want, "%s on %s: %llu", golden[_i].name,
		golden[_i].node, (unsigned long long)got);
}
END_TEST

struct field {
	char names[NODES][16];
	struct skep_place_node nodes[NODES];
	uint32_t count;
};

static void
field_init(struct field *f, uint32_t count)
{
	f->count = count;
	for (uint32_t i = 0; i < count; i++) {
		snprintf(f->names[i], sizeof f->names[i], "node%u", i);
		f->nodes[i] = (struct skep_place_node){
			.name = f->names[i],
			.name_hash = hash_text(f->names[i], 0),
			.weight = 100,
		};
	}
}

static uint32_t
ranks_of(const struct field *f, const char *name, uint32_t ordinal,
	uint32_t order[NODES])
{
	uint64_t scratch[NODES];
	struct skep_place_item item = {
		.instance = name,
		.service = name,
		.instance_hash = hash_text(name, 0),
		.service_hash = hash_text(name, 0),
		.ordinal = ordinal,
	};
	return place_hrw.rank(&item, f->nodes, f->count, scratch, order, NODES);
}

static uint32_t
first_of(const struct field *f, uint32_t number)
{
	char name[16];
	uint32_t order[NODES];
	snprintf(name, sizeof name, "s%u", number);
	ck_assert_uint_eq(ranks_of(f, name, 0, order), f->count);
	return order[0];
}

START_TEST(equal_weights_are_fair)
{
	struct field f;
	uint32_t held[NODES] = {0}, most = 0;
	field_init(&f, NODES);
	for (uint32_t i = 0; i < NAMES; i++)
		held[first_of(&f, i)]++;
	for (uint32_t i = 0; i < NODES; i++)
		most = held[i] > most ? held[i] : most;
	/* max/mean: five standard deviations of the binomial are 1.047. */
	ck_assert_uint_le(most, NAMES / NODES * 105 / 100);
}
END_TEST

START_TEST(weights_count)
{
	struct field f;
	uint32_t held[NODES] = {0};
	field_init(&f, 4);
	for (uint32_t i = 0; i < 4; i++)
		f.nodes[i].weight = 100 * (i + 1);
	for (uint32_t i = 0; i < NAMES * 4; i++)
		held[first_of(&f, i)]++;
	for (uint32_t i = 0; i < 4; i++) {
		int64_t want = NAMES * 4 / 10 * (int64_t)(i + 1);
		/* Half a percent of all. */
		ck_assert_int_le(labs((long)(held[i] - want)), NAMES * 4 / 200);
	}
}
END_TEST

START_TEST(only_what_must_move_moves)
{
	struct field all, less;
	uint32_t moved = 0;
	field_init(&all, NODES);
	field_init(&less, NODES - 1);
	for (uint32_t i = 0; i < NAMES / 10; i++) {
		uint32_t with = first_of(&all, i);
		uint32_t without = first_of(&less, i);
		if (with == NODES - 1)
			moved++;
		else
			ck_assert_uint_eq(with, without);
	}
	ck_assert_uint_gt(moved, NAMES / 10 / NODES * 8 / 10);
	ck_assert_uint_lt(moved, NAMES / 10 / NODES * 12 / 10);
}
END_TEST

START_TEST(replicas_take_ranks_in_order)
{
	struct field f;
	uint32_t base[NODES], order[NODES];
	field_init(&f, NODES);
	ranks_of(&f, "web", 0, base);
	for (uint32_t n = 0; n < NODES; n++) {
		ck_assert_uint_eq(ranks_of(&f, "web", n, order), NODES);
		for (uint32_t i = 0; i < NODES; i++)
			ck_assert_uint_eq(order[i], base[(i + n) % NODES]);
	}
}
END_TEST

START_TEST(ranks_are_the_scores_in_order)
{
	struct field f;
	uint32_t order[NODES];
	field_init(&f, NODES);
	ranks_of(&f, "mailq", 0, order);
	for (uint32_t i = 1; i < NODES; i++) {
		uint64_t h = hash_text("mailq", 0);
		ck_assert_uint_le(place_hrw_score(h,
					  f.nodes[order[i - 1]].name_hash, 100),
			place_hrw_score(h, f.nodes[order[i]].name_hash, 100));
	}
	ck_assert_uint_eq(place_hrw_score(1, 2, 0), UINT64_MAX);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("place_hrw");
	TCase *t = tcase_create("hrw");
	tcase_add_loop_test(
		t, golden_scores, 0, (int)(sizeof golden / sizeof *golden));
	tcase_add_test(t, equal_weights_are_fair);
	tcase_add_test(t, weights_count);
	tcase_add_test(t, only_what_must_move_moves);
	tcase_add_test(t, replicas_take_ranks_in_order);
	tcase_add_test(t, ranks_are_the_scores_in_order);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
