/* State streams: whole, cut anywhere, damaged, too long, given up. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "sys/statestream.h"

#define STATE_SIZE 150000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned char state[STATE_SIZE];
static unsigned char stream[STATE_SIZE + 4096];

static void
fill_state(void)
{
	struct prng p;
	prng_init(&p, 11);
	for (size_t i = 0; i < STATE_SIZE; i++)
		state[i] = (unsigned char)prng_next(&p);
}

/* Writes a whole stream of 'size' bytes in frames; returns its length. */
static size_t
build(size_t size, size_t frame_size)
{
	struct statestream_writer s;
	struct writer w;
	fill_state();
	writer_init(&w, stream, sizeof stream);
	statestream_put_head(&s, size, &w);
	for (size_t at = 0; at < size;) {
		size_t n = size - at < frame_size ? size - at : frame_size;
		statestream_put_data(&s, (struct bytes){state + at, n}, &w);
		writer_raw(&w, state + at, n);
		at += n;
	}
	statestream_put_end(&s, &w);
	ck_assert(!w.bad);
	return w.size;
}

/* What a reading gave. */
struct outcome {
	enum statestream_event event;
	size_t got;	/* bytes of data */
	bool is_equal;	/* and they were the state's */
	size_t left;	/* bytes not taken */
	char text[500]; /* the reason */
};

/* Reads 'size' bytes of 'from' in pieces of 'piece', then the end. */
static struct outcome
read_stream(
	const unsigned char *from, size_t size, size_t piece, uint64_t size_max)
{
	struct statestream_reader s;
	struct outcome o = {.event = STATESTREAM_MORE, .is_equal = true};
	struct bytes data;
	statestream_init(&s, size_max);
	for (size_t at = 0; at < size && o.event == STATESTREAM_MORE;) {
		size_t n = size - at < piece ? size - at : piece;
		struct bytes in = {from + at, n};
		at += n;
		do {
			o.event = statestream_next(&s, &in, &data);
			if (data.size && memcmp(state + o.got, data.data,
						 data.size) != 0)
				o.is_equal = false;
			o.got += data.size;
		} while (o.event == STATESTREAM_HEAD ||
			 o.event == STATESTREAM_DATA);
		o.left = in.size + size - at;
	}
	o.event = statestream_finish(&s);
	memcpy(o.text, s.text, sizeof s.text);
	return o;
}

static const size_t pieces[] = {1, 2, 3, 7, 19, 20, 21, 4096, SIZE_MAX};

START_TEST(test_whole_stream_in_any_pieces)
{
	size_t size = build(STATE_SIZE, 65536);
	struct outcome o = read_stream(stream, size, pieces[_i], STATE_SIZE);
	ck_assert_int_eq(o.event, STATESTREAM_DONE);
	ck_assert_uint_eq(o.got, STATE_SIZE);
	ck_assert(o.is_equal);
	ck_assert_uint_eq(o.left, 0);
}
END_TEST

START_TEST(test_empty_state)
{
	size_t size = build(0, 65536);
	ck_assert_uint_eq(size, STATESTREAM_HEAD_SIZE + STATESTREAM_END_SIZE);
	struct outcome o = read_stream(stream, size, 5, 0);
	ck_assert_int_eq(o.event, STATESTREAM_DONE);
	ck_assert_uint_eq(o.got, 0);
}
END_TEST

/* A sender that does not know the size yet says so, in any pieces. */
START_TEST(test_waits_stand_before_the_head)
{
	unsigned char waits[3 * STATESTREAM_WAIT_SIZE + 4096];
	struct writer w;
	size_t size = build(1000, 300);
	ck_assert_uint_lt(size, 4096);
	writer_init(&w, waits, sizeof waits);
	for (int i = 0; i < 3; i++)
		statestream_put_wait(&w);
	writer_raw(&w, stream, size);
	struct outcome o = read_stream(waits, w.size, pieces[_i], 1000);
	ck_assert_int_eq(o.event, STATESTREAM_DONE);
	ck_assert_uint_eq(o.got, 1000);
	ck_assert(o.is_equal);
	/* Nothing but waits, or one that is cut, is no stream. */
	o = read_stream(waits, 2 * STATESTREAM_WAIT_SIZE, pieces[_i], 1000);
	ck_assert_int_eq(o.event, STATESTREAM_BAD);
	o = read_stream(waits, STATESTREAM_WAIT_SIZE + 3, pieces[_i], 1000);
	ck_assert_int_eq(o.event, STATESTREAM_BAD);
}
END_TEST

START_TEST(test_every_truncation_is_bad)
{
	size_t size = build(300, 100);
	for (size_t cut = 0; cut < size; cut++) {
		struct outcome o = read_stream(stream, cut, 64, 1000);
		ck_assert_int_eq(o.event, STATESTREAM_BAD);
		ck_assert_str_eq(o.text, "the state stream ends too early");
	}
}
END_TEST

START_TEST(test_every_flipped_bit_is_bad)
{
	size_t size = build(300, 100);
	for (size_t bit = 0; bit < size * 8; bit++) {
		stream[bit / 8] ^= (unsigned char)(1 << bit % 8);
		struct outcome o = read_stream(stream, size, 64, 1000);
		ck_assert_int_ne(o.event, STATESTREAM_DONE);
		stream[bit / 8] ^= (unsigned char)(1 << bit % 8);
	}
}
END_TEST

START_TEST(test_wrong_hash_is_named)
{
	size_t size = build(300, 100);
	stream[size - 1] ^= 1;
	struct outcome o = read_stream(stream, size, 64, 1000);
	ck_assert_int_eq(o.event, STATESTREAM_BAD);
	ck_assert_str_eq(o.text, "the state is damaged: its hash is wrong");
}
END_TEST

START_TEST(test_oversize_is_refused_at_the_head)
{
	size_t size = build(300, 100);
	struct outcome o = read_stream(stream, size, 64, 299);
	ck_assert_int_eq(o.event, STATESTREAM_BAD);
	ck_assert_uint_eq(o.got, 0);
	ck_assert_str_eq(
		o.text, "the state has 300 bytes, at most 299 are allowed");
}
END_TEST

START_TEST(test_more_data_than_announced)
{
	size_t size = build(300, 100);
	stream[12] = 44; /* the head now says 44 instead of 300 */
	stream[13] = 0;
	struct outcome o = read_stream(stream, size, 64, 1000);
	ck_assert_int_eq(o.event, STATESTREAM_BAD);
	ck_assert_str_eq(o.text, "the state is longer than it should be");
}
END_TEST

START_TEST(test_failure_carries_its_reason)
{
	struct statestream_writer s;
	struct writer w;
	writer_init(&w, stream, sizeof stream);
	statestream_put_head(&s, 10, &w);
	statestream_put_fail("state changed while it was read", &w);
	struct outcome o = read_stream(stream, w.size, pieces[_i], 1000);
	ck_assert_int_eq(o.event, STATESTREAM_FAILED);
	ck_assert_str_eq(o.text, "state changed while it was read");
}
END_TEST

START_TEST(test_long_and_empty_reasons)
{
	static char text[2 * STATESTREAM_FAIL_MAX];
	struct statestream_writer s;
	struct writer w;
	memset(text, 'x', sizeof text - 1);
	writer_init(&w, stream, sizeof stream);
	statestream_put_head(&s, 0, &w);
	statestream_put_fail(text, &w);
	struct outcome o = read_stream(stream, w.size, 9, 1000);
	ck_assert_int_eq(o.event, STATESTREAM_FAILED);
	ck_assert_uint_eq(strlen(o.text), STATESTREAM_FAIL_MAX);
	writer_init(&w, stream, sizeof stream);
	statestream_put_head(&s, 0, &w);
	statestream_put_fail("", &w);
	o = read_stream(stream, w.size, 9, 1000);
	ck_assert_int_eq(o.event, STATESTREAM_FAILED);
	ck_assert_str_eq(o.text, "");
}
END_TEST

/* Writes a stream that says that there is no state of 'size' bytes. */
static size_t
build_absent(uint64_t size)
{
	struct statestream_writer s;
	struct writer w;
	writer_init(&w, stream, sizeof stream);
	statestream_put_head(&s, size, &w);
	statestream_put_absent(&w);
	return w.size;
}

START_TEST(test_absent_is_not_empty)
{
	size_t size = build_absent(0);
	struct outcome o = read_stream(stream, size, pieces[_i], 1000);
	ck_assert_int_eq(o.event, STATESTREAM_ABSENT);
	ck_assert_uint_eq(o.got, 0);
	ck_assert_str_eq(o.text, "");
	o = read_stream(stream, size - 1, pieces[_i], 1000);
	ck_assert_int_eq(o.event, STATESTREAM_BAD);
}
END_TEST

START_TEST(test_absent_belongs_behind_size_zero)
{
	size_t size = build_absent(7);
	struct outcome o = read_stream(stream, size, 64, 1000);
	ck_assert_int_eq(o.event, STATESTREAM_BAD);
	ck_assert_str_eq(o.text, "a state of a size that is absent");
}
END_TEST

START_TEST(test_nothing_is_taken_after_the_end)
{
	size_t size = build(10, 10);
	memset(stream + size, 'z', 5);
	struct outcome o = read_stream(stream, size + 5, SIZE_MAX, 10);
	ck_assert_int_eq(o.event, STATESTREAM_DONE);
	ck_assert_uint_eq(o.left, 5);
}
END_TEST

START_TEST(test_hash_in_pieces_is_the_hash_of_all)
{
	struct hash_stream h;
	fill_state();
	hash_stream_init(&h, 3);
	for (size_t i = 0; i < 1000; i++)
		hash_stream_add(&h, state + i * 7, 7);
	ck_assert_uint_eq(hash_stream_value(&h), hash_bytes(state, 7000, 3));
}
END_TEST

START_TEST(test_any_bytes_keep_the_fuzzer_quiet)
{
	struct prng p;
	prng_init(&p, 5);
	for (int i = 0; i < 2000; i++) {
		size_t size = build(prng_below(&p, 400), 1 + i % 90);
		for (uint64_t n = prng_below(&p, 4); n > 0; n--)
			stream[prng_below(&p, size)] =
				(unsigned char)prng_next(&p);
		size -= prng_chance(&p, 1, 3) ? prng_below(&p, size) : 0;
		LLVMFuzzerTestOneInput(stream, size);
	}
}
END_TEST

int
main(void)
{
	int pieces_count = (int)(sizeof pieces / sizeof *pieces);
	Suite *suite = suite_create("statestream");
	TCase *tc = tcase_create("statestream");
	tcase_add_loop_test(
		tc, test_whole_stream_in_any_pieces, 0, pieces_count);
	tcase_add_loop_test(
		tc, test_waits_stand_before_the_head, 0, pieces_count);
	tcase_add_test(tc, test_empty_state);
	tcase_add_test(tc, test_every_truncation_is_bad);
	tcase_add_test(tc, test_every_flipped_bit_is_bad);
	tcase_add_test(tc, test_wrong_hash_is_named);
	tcase_add_test(tc, test_oversize_is_refused_at_the_head);
	tcase_add_test(tc, test_more_data_than_announced);
	tcase_add_loop_test(
		tc, test_failure_carries_its_reason, 0, pieces_count);
	tcase_add_test(tc, test_long_and_empty_reasons);
	tcase_add_loop_test(tc, test_absent_is_not_empty, 0, pieces_count);
	tcase_add_test(tc, test_absent_belongs_behind_size_zero);
	tcase_add_test(tc, test_nothing_is_taken_after_the_end);
	tcase_add_test(tc, test_hash_in_pieces_is_the_hash_of_all);
	tcase_add_test(tc, test_any_bytes_keep_the_fuzzer_quiet);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
