/* Effects in order: what must wait for the disk waits, in its order, and
 * nothing else does. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "node/apply.h"

#define EFFECTS_MAX 64

static struct apply *apply;
static char trace[4096];
static struct effect items[EFFECTS_MAX];
static struct effects fx;

static void
note(const struct effect *e)
{
	size_t length = strlen(trace);
	snprintf(trace + length, sizeof trace - length, "%s ",
		e->kind == EFFECT_REPLY ? e->reply.text : e->note.name);
}

/* A step's effects; the caller's payloads die with the step. */
static void
begin(void)
{
	fx = (struct effects){.items = items, .capacity = EFFECTS_MAX};
}

static void
add(const char *name, uint64_t after)
{
	struct effect *e = &items[fx.count++];
	*e = (struct effect){.kind = EFFECT_NOTE, .after = after};
	e->note.name = name;
	e->note.text = "";
}

static void
carry_note(void *context, const struct effect *e)
{
	(void)context;
	note(e);
}

static void
setup(void)
{
	trace[0] = '\0';
	apply = apply_new(carry_note, NULL);
}

static void
teardown(void)
{
	apply_free(apply);
}

START_TEST(test_order)
{
	char name[2] = "a";
	begin();
	add(name, 0);
	add("b5", 5);
	add("c", 0);
	add("d6", 6);
	add("e5", 5);
	apply_take(apply, &fx);
	name[0] = '!';
	ck_assert_str_eq(trace, "a c ");
	ck_assert_uint_eq(apply_waiting(apply), 3);
	apply_on_stored(apply, 4);
	ck_assert_str_eq(trace, "a c ");
	apply_on_stored(apply, 5);
	ck_assert_str_eq(trace, "a c b5 ");
	apply_on_stored(apply, 6);
	ck_assert_str_eq(trace, "a c b5 d6 e5 ");
	ck_assert_uint_eq(apply_waiting(apply), 0);
	begin();
	add("f6", 6);
	add("g7", 7);
	apply_take(apply, &fx);
	ck_assert_str_eq(trace, "a c b5 d6 e5 f6 ");
	apply_on_stored(apply, 3);
	apply_on_stored(apply, 7);
	ck_assert_str_eq(trace, "a c b5 d6 e5 f6 g7 ");
}
END_TEST

/* Every payload is the copy's own. */
START_TEST(test_copies)
{
	char text[] = "text";
	char *body = strdup("body");
	begin();
	struct effect *e = &items[fx.count++];
	*e = (struct effect){.kind = EFFECT_REPLY, .after = 1};
	e->reply.text = text;
	e = &items[fx.count++];
	*e = (struct effect){.kind = EFFECT_SEND, .after = 1};
	e->send.body = (struct bytes){body, 4};
	fx.count = 1;
	apply_take(apply, &fx);
	memset(text, 'x', 4);
	free(body);
	apply_on_stored(apply, 1);
	ck_assert_str_eq(trace, "text ");
}
END_TEST

/* Carrying out may cause more effects; they come behind what is there. */
static void
carry_nested(void *context, const struct effect *e)
{
	(void)context;
	note(e);
	if (strcmp(e->note.name, "again") != 0)
		return;
	struct effect inner[2] = {
		{.kind = EFFECT_NOTE, .note = {.name = "in1", .text = ""}},
		{.kind = EFFECT_NOTE,
			.after = 1,
			.note = {.name = "in2", .text = ""}},
	};
	struct effects more = {.items = inner, .count = 2, .capacity = 2};
	apply_take(apply, &more);
	note(&(struct effect){.kind = EFFECT_NOTE, .note = {.name = "(back)"}});
}

START_TEST(test_nested)
{
	apply_free(apply);
	apply = apply_new(carry_nested, NULL);
	begin();
	add("again", 0);
	add("next", 0);
	apply_take(apply, &fx);
	ck_assert_str_eq(trace, "again (back) next in1 ");
	apply_on_stored(apply, 1);
	ck_assert_str_eq(trace, "again (back) next in1 in2 ");
}
END_TEST

/* At random: nothing before its STORE is durable, order kept. */
static uint64_t durable;
static uint64_t last_waiting;

static void
carry_checked(void *context, const struct effect *e)
{
	(void)context;
	ck_assert_uint_le(e->after, durable);
	if (e->after) {
		ck_assert_uint_gt(e->note.epoch, last_waiting);
		last_waiting = e->note.epoch;
	}
}

START_TEST(test_random)
{
	struct prng p;
	uint64_t seq = 0, serial = 0;
	prng_init(&p, (uint64_t)_i + 1);
	apply_free(apply);
	apply = apply_new(carry_checked, NULL);
	durable = last_waiting = 0;
	for (unsigned step = 0; step < 2000; step++) {
		begin();
		for (uint64_t i = prng_below(&p, 6); i > 0; i--) {
			if (prng_chance(&p, 1, 3))
				seq++;
			/* Never less than what an earlier one waits for, as
			 * the core's STOREs only rise. */
			add("n", prng_chance(&p, 1, 2) ? seq : 0);
			items[fx.count - 1].note.epoch = ++serial;
		}
		apply_take(apply, &fx);
		if (prng_chance(&p, 1, 4) && durable < seq) {
			durable += 1 + prng_below(&p, seq - durable);
			apply_on_stored(apply, durable);
		}
	}
	durable = seq;
	apply_on_stored(apply, durable);
	ck_assert_uint_eq(apply_waiting(apply), 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("apply");
	TCase *tc = tcase_create("apply");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_order);
	tcase_add_test(tc, test_copies);
	tcase_add_test(tc, test_nested);
	tcase_add_loop_test(tc, test_random, 0, 10);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
