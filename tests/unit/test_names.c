#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buddy.h"
#include "core_stub.h"

#define ROWS 64

static struct world world;
static struct core *core;

static void
setup(void)
{
	world_init(&world, 1, ROWS, 1);
	core = world_enter(&world, 0);
}

static void
teardown(void)
{
	names_check(core);
	world_leave(&world, 0);
	world_fini(&world);
}

START_TEST(one_text_is_kept_once)
{
	struct name *a = names_take(core, "web@3");
	ck_assert_ptr_eq(names_take(core, "web@3"), a);
	ck_assert_ptr_eq(names_find(core, "web@3"), a);
	ck_assert_ptr_eq(names_of(a->text), a);
	ck_assert_str_eq(a->text, "web@3");
	ck_assert_ptr_null(names_find(core, "web@"));
	names_give(core, a);
	ck_assert_ptr_eq(names_find(core, "web@3"), a);
	names_give(core, a);
	ck_assert_ptr_null(names_find(core, "web@3"));
}
END_TEST

/* As many names of the longest kind as there can be uses; then all their
 * memory is free again. */
START_TEST(all_find_room)
{
	enum { USES = ROWS + 3 * 64 };
	struct name *names[USES];
	char text[ROW_NAME_MAX + 1];
	memset(text, 'x', sizeof text);
	text[ROW_NAME_MAX] = '\0';
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < USES; i++) {
			char digits[8];
			snprintf(digits, sizeof digits, "%03u", i);
			memcpy(text, digits, 3);
			names[i] = names_take(core, text);
		}
		names_check(core);
		for (unsigned i = 0; i < USES; i++)
			names_give(core, names[(i * 7) % USES]);
		ck_assert_uint_eq(core->names.by_text.count, 0);
		ck_assert_uint_eq(core->names.blocks->used, 0);
	}
}
END_TEST

/* A row uses its name for as long as there is one. */
START_TEST(a_row_keeps_its_name)
{
	struct row_value v = {
		.kind = ROW_INSTANCE, .state = ROW_READY, .epoch = 1};
	ck_assert(registry_put(core, "db", &v, 0));
	changes_begin(core); /* that it is new is heard of no more */
	struct name *n = names_find(core, "db");
	ck_assert_ptr_nonnull(n);
	ck_assert_uint_eq(n->uses, 1);
	ck_assert_ptr_eq(n->rows->name, n->text);
	v.kind = ROW_NODE;
	ck_assert(registry_put(core, "db", &v, 0));
	changes_begin(core);
	ck_assert_uint_eq(n->uses, 2);
	ck_assert_ptr_eq(registry_first(core, ROW_NODE, "db"), n->rows->next);
	ck_assert_ptr_eq(registry_first(core, ROW_INSTANCE, "db"), n->rows);
	ck_assert_ptr_null(registry_next(core, n->rows));
	registry_check(core);
}
END_TEST

/* Bytes in use by rows and names: what rises with their number. */
static size_t
bytes_in_use(void)
{
	const struct registry *r = &core->registry;
	return r->rows.mark * r->rows.size + r->runs.mark * r->runs.size +
	       r->metas.mark * r->metas.size + r->texts->used +
	       core->names.blocks->used +
	       core->names.blocks->used / BUDDY_BLOCK_MIN +
	       core->names.by_text.bucket_count * sizeof(struct map_link *);
}

/* What a name costs on each host, with all that is needed to find it. */
START_TEST(a_name_takes_little)
{
	static const struct {
		enum row_kind kind;
		size_t length; /* of the name */
		size_t meta;
		size_t bytes; /* at most */
	} cases[] = {
		{ROW_TRACKED, 16, 0, 160},
		{ROW_TRACKED, 16, 64, 224},
		{ROW_TRACKED, 28, 0, 224},
		{ROW_TRACKED, 255, 0, 608},
		{ROW_MEMBER, 16, 0, 160},
		{ROW_INSTANCE, 16, 0, 216},
	};
	char text[ROW_NAME_MAX + 1], meta[ROW_META_MAX];
	memset(text, 'n', sizeof text);
	memset(meta, 'm', sizeof meta);
	struct row_value v = {.kind = cases[_i].kind,
		.state = ROW_READY,
		.meta = {meta, cases[_i].meta}};
	text[cases[_i].length] = '\0';
	size_t before = bytes_in_use();
	for (unsigned i = 0; i < ROWS; i++) {
		char digits[8];
		snprintf(digits, sizeof digits, "%03u", i);
		memcpy(text, digits, 3);
		ck_assert(registry_put(core, text, &v, 0));
	}
	size_t bytes = (bytes_in_use() - before) / ROWS;
	printf("kind %d, name %zu, meta %zu: %zu bytes\n", v.kind,
		cases[_i].length, cases[_i].meta, bytes);
	ck_assert_uint_le(bytes, cases[_i].bytes);
	registry_check(core);
}
END_TEST

START_TEST(giving_too_often_panics)
{
	struct name *a = names_take(core, "web");
	names_take(core, "web");
	names_give(core, a);
	a->rows = (struct row *)a;
	names_give(core, a);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("names");
	TCase *t = tcase_create("names");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, one_text_is_kept_once);
	tcase_add_test(t, all_find_room);
	tcase_add_test(t, a_row_keeps_its_name);
	tcase_add_loop_test(t, a_name_takes_little, 0, 6);
	tcase_add_test_raise_signal(t, giving_too_often_panics, SIGABRT);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
