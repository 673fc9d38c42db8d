#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/wire.h"
#include "core_stub.h"

static unsigned char pool[70000];
static struct effect items[4];

static struct effects
make(size_t size)
{
	return (struct effects){
		.items = items, .capacity = 4, .pool = pool, .pool_size = size};
}

START_TEST(test_round_trip)
{
	struct effects fx = make(sizeof pool);
	skep_Hello hello = {.version = 1,
		.node = "alpha",
		.node_id = UINT64_MAX,
		.is_bulk = true};
	struct bytes b = wire_encode(&fx, WIRE_HELLO, &hello);
	ck_assert_ptr_nonnull(b.data);
	skep_Hello got = skep_Hello_init_zero;
	ck_assert(wire_decode(WIRE_HELLO, b, &got));
	ck_assert_str_eq(got.node, "alpha");
	ck_assert_uint_eq(got.node_id, UINT64_MAX);
	ck_assert(got.is_bulk);
	/* An empty body is a message of defaults; an unknown type is not. */
	ck_assert(wire_decode(WIRE_HELLO, (struct bytes){NULL, 0}, &got));
	ck_assert(!wire_decode(999, b, &got));
	ck_assert_str_eq(wire_type_name(999), "unknown");
	ck_assert_str_eq(wire_type_name(WIRE_BATCH), "WIRE_BATCH");
	/* Every shorter body is nonsense or has fewer fields, never more. */
	for (size_t size = 0; size < b.size; size++)
		wire_decode(WIRE_HELLO, (struct bytes){b.data, size}, &got);
}
END_TEST

/* Rows first, head last; as many as fit; read back in order. */
START_TEST(test_elements)
{
	struct effects fx = make(sizeof pool);
	struct wire_out w;
	skep_Row row = {.kind = 1, .name = "mailq@1"};
	wire_begin(&w, &fx, 500);
	while (row.seq++,
		wire_put(&w, skep_Batch_rows_tag, skep_Row_fields, &row))
		continue;
	ck_assert_uint_gt(w.count, 10);
	skep_Batch head = {.origin = "alpha", .to = w.count};
	struct bytes b = wire_end(&w, WIRE_BATCH, &head);
	ck_assert_uint_le(b.size, 500 + WIRE_HEAD_MAX);
	skep_Batch got = skep_Batch_init_zero;
	ck_assert(wire_decode(WIRE_BATCH, b, &got));
	ck_assert_uint_eq(got.to, w.count);
	struct wire_in in;
	uint64_t seq = 0;
	wire_each(&in, b, skep_Batch_rows_tag);
	while (wire_next(&in, skep_Row_fields, &row)) {
		ck_assert_uint_eq(row.seq, ++seq);
		ck_assert_str_eq(row.name, "mailq@1");
	}
	ck_assert(!in.is_bad);
	ck_assert_uint_eq(seq, w.count);
	/* Cut anywhere inside the rows: an error, not a shorter list. */
	wire_each(&in, (struct bytes){b.data, 31}, skep_Batch_rows_tag);
	while (wire_next(&in, skep_Row_fields, &row))
		continue;
	ck_assert(in.is_bad);
}
END_TEST

START_TEST(test_no_room)
{
	struct effects fx = make(100);
	struct wire_out w;
	skep_Row row = {.kind = 1, .name = "mailq@1"};
	wire_begin(&w, &fx, 1000);
	ck_assert(!wire_put(&w, skep_Batch_rows_tag, skep_Row_fields, &row));
	wire_cancel(&w);
	ck_assert_uint_eq(fx.pool_used, 0);
	skep_Refuse refuse;
	memset(refuse.reason, 'x', sizeof refuse.reason - 1);
	refuse.reason[sizeof refuse.reason - 1] = '\0';
	ck_assert_ptr_null(wire_encode(&fx, WIRE_REFUSE, &refuse).data);
	ck_assert_uint_eq(fx.pool_used, 0);
}
END_TEST

START_TEST(test_borrowed_bytes)
{
	struct effects fx = make(sizeof pool);
	static char large[50000];
	memset(large, 'v', sizeof large);
	struct bytes value = {large, sizeof large};
	skep_Entry e = {.kind = 1, .name = "web", .value = wire_lend(&value)};
	struct bytes b = wire_encode_message(&fx, skep_Entry_fields, &e);
	struct wire_slice slice = {.whole = b};
	skep_Entry got = skep_Entry_init_zero;
	got.value = wire_borrow(&slice);
	ck_assert(wire_decode_message(skep_Entry_fields, b, &got));
	ck_assert_uint_eq(slice.found.size, sizeof large);
	const unsigned char *at = slice.found.data;
	ck_assert(at >= pool && at < pool + sizeof pool);
	/* The field with the number but not the type: refused, since it would
	 * be borrowed from a buffer that is gone. */
	static const unsigned char varint[] = {6 << 3 | 0, 5};
	slice.whole = (struct bytes){varint, sizeof varint};
	got.value = wire_borrow(&slice);
	ck_assert(!wire_decode_message(skep_Entry_fields, slice.whole, &got));
}
END_TEST

START_TEST(test_effects)
{
	struct effects fx = make(1000);
	ck_assert_str_eq(effects_format(&fx, "%s took %u of %d%% (%x)", "a",
				 (uint64_t)18446744073709551615u,
				 (int64_t)INT64_MIN, (uint64_t)0xbeef),
		"a took 18446744073709551615 of -9223372036854775808% (beef)");
	ck_assert_str_eq(effects_format(&fx, "%s", ""), "");
	ck_assert(effects_has_room(&fx, 4, 900));
	ck_assert(!effects_has_room(&fx, 5, 0));
	ck_assert(!effects_has_room(&fx, 0, 1000));
	struct effect *e = effects_add(&fx, EFFECT_NOTE);
	ck_assert(e->kind == EFFECT_NOTE && e->after == 0);
	for (int k = 0; k < EFFECT_KIND_COUNT; k++)
		ck_assert_ptr_nonnull(effect_kind_name((enum effect_kind)k));
	for (int k = 0; k < NOTE_KIND_COUNT; k++)
		ck_assert_ptr_nonnull(note_kind_name((enum note_kind)k));
	for (int k = 0; k < INPUT_KIND_COUNT; k++)
		ck_assert_ptr_nonnull(input_kind_name((enum input_kind)k));
	for (int k = 0; k < REQUEST_OP_COUNT; k++)
		ck_assert_ptr_nonnull(request_op_name((enum request_op)k));
	for (int k = 0; k < REPLY_CODE_COUNT; k++) {
		ck_assert_ptr_nonnull(reply_code_name((enum reply_code)k));
		ck_assert_int_ge(reply_code_http((enum reply_code)k), 200);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("wire");
	TCase *t = tcase_create("wire");
	tcase_add_test(t, test_round_trip);
	tcase_add_test(t, test_elements);
	tcase_add_test(t, test_no_room);
	tcase_add_test(t, test_borrowed_bytes);
	tcase_add_test(t, test_effects);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
