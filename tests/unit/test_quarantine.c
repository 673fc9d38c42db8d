/* Items that killed the node twice are left out, for ever, by name. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "node/quarantine.h"
#include "sys/say.h"

static struct quarantine *q;
static uint64_t announced[16];
static unsigned announced_count;
static unsigned char kept[512];
static size_t kept_size;
static unsigned kept_count;

static const struct bytes poison = {"poison", 6};
static const struct bytes food = {"food", 4};

static void
announce(void *context, uint64_t digest)
{
	(void)context;
	announced[announced_count++ % 16] = digest;
}

static void
keep(void *context, struct bytes key, struct bytes value)
{
	(void)context;
	ck_assert_uint_eq(key.size, 8);
	memcpy(kept, value.data, value.size);
	kept_size = value.size;
	kept_count++;
}

static void
setup(void)
{
	struct quarantine_hooks hooks = {NULL, announce, keep};
	say_init("test_quarantine", (enum say_level)0);
	announced_count = kept_count = 0;
	q = quarantine_new(&hooks);
}

static void
teardown(void)
{
	quarantine_free(q);
}

static uint64_t
digest_of(struct bytes b)
{
	return hash_bytes(b.data, b.size, 0);
}

static void
crash(uint64_t digest, uint32_t in_a_row)
{
	struct kproto_crash c = {
		.status = 11, .digest = digest, .in_a_row = in_a_row};
	quarantine_on_crash(q, &c, 5000);
}

static void
add_item(void *context, const struct quarantined *item)
{
	char *out = context;
	size_t length = strlen(out);
	snprintf(out + length, 1024 - length, "%lld %s %s: %s;",
		(long long)item->since_wall_ms, item->kind, item->name,
		item->reason);
}

static const char *
list(void)
{
	static char out[1024];
	out[0] = '\0';
	quarantine_walk(q, add_item, out);
	return out;
}

START_TEST(test_announces)
{
	ck_assert(quarantine_enter(q, food, "record", "web"));
	ck_assert_uint_eq(announced[0], digest_of(food));
	quarantine_leave(q);
	ck_assert_uint_eq(announced[1], 0);
}
END_TEST

START_TEST(test_two_crashes)
{
	crash(0, 9);
	crash(digest_of(poison), 1);
	ck_assert_str_eq(list(), "");
	crash(digest_of(poison), 2);
	crash(digest_of(poison), 3);
	ck_assert_uint_eq(kept_count, 1);
	ck_assert(!quarantine_enter(q, poison, "record", "web"));
	ck_assert_uint_eq(announced_count, 0);
	ck_assert(quarantine_enter(q, food, "record", "other"));
	ck_assert_str_eq(list(),
		"5000 record web: skep-node ended 2 times in a row while "
		"taking it in (signal 11);");
}
END_TEST

START_TEST(test_next_life)
{
	crash(digest_of(poison), 2);
	ck_assert(!quarantine_enter(q, poison, "service", "web"));
	ck_assert(!quarantine_enter(q, poison, "frame", "again"));
	ck_assert_uint_eq(kept_count, 2);
	char before[1024];
	strcpy(before, list());
	teardown();
	setup();
	quarantine_load(q, (struct bytes){kept, kept_size});
	quarantine_load(q, (struct bytes){kept, kept_size});
	ck_assert_str_eq(list(), before);
	ck_assert(!quarantine_enter(q, poison, "service", "web"));
	for (size_t size = 0; size < kept_size; size++) {
		teardown();
		setup();
		quarantine_load(q, (struct bytes){kept, size});
		ck_assert_str_eq(list(), "");
	}
}
END_TEST

START_TEST(test_bounded)
{
	for (uint64_t i = 1; i <= QUARANTINE_MAX + 10; i++)
		crash(i, 2);
	crash(digest_of(poison), 2);
	ck_assert(!quarantine_enter(q, poison, "record", "x"));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("quarantine");
	TCase *tc = tcase_create("quarantine");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_announces);
	tcase_add_test(tc, test_two_crashes);
	tcase_add_test(tc, test_next_life);
	tcase_add_test(tc, test_bounded);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
