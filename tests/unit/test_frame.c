#include "node/frame.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define BODY_MAX 70000

static unsigned char stream[4 * (BODY_MAX + FRAME_HEAD_SIZE)];
static const size_t body_sizes[] = {0, 1, 600, BODY_MAX};
#define BODY_COUNT (sizeof body_sizes / sizeof *body_sizes)

static size_t
make_stream(void)
{
	size_t at = 0;
	for (size_t i = 0; i < BODY_COUNT; i++) {
		frame_put_head((uint16_t)(i + 300), body_sizes[i], stream + at);
		at += FRAME_HEAD_SIZE;
		memset(stream + at, (int)i + 1, body_sizes[i]);
		at += body_sizes[i];
	}
	return at;
}

/* How the stream is cut into inputs. */
static const size_t steps[] = {1, 2, 5, 6, 7, 601, 16384, SIZE_MAX};

START_TEST(test_cut_anywhere)
{
	struct frame_reader r = {0};
	struct frame f;
	size_t size = make_stream(), found = 0;
	for (size_t at = 0; at < size;) {
		size_t count = size - at < steps[_i] ? size - at : steps[_i];
		struct bytes in = {stream + at, count};
		while (frame_next(&r, &in, &f) == FRAME_READY) {
			ck_assert_uint_lt(found, BODY_COUNT);
			ck_assert_uint_eq(f.type, found + 300);
			ck_assert_uint_eq(f.body.size, body_sizes[found]);
			const unsigned char *body = f.body.data;
			for (size_t i = 0; i < f.body.size; i++)
				ck_assert_uint_eq(body[i], found + 1);
			found++;
		}
		ck_assert_uint_eq(in.size, 0);
		at += count;
	}
	ck_assert_uint_eq(found, BODY_COUNT);
	ck_assert_uint_eq(r.size - r.taken, 0);
	frame_reader_fini(&r);
}
END_TEST

static const struct {
	unsigned char head[FRAME_HEAD_SIZE];
	enum frame_result result;
} heads[] = {
	{{0, 0, 0, 0, 0, 1}, FRAME_BAD},
	{{0, 0, 0, 1, 0, 1}, FRAME_BAD},
	{{0, 0, 0, 2, 0, 1}, FRAME_READY},
	{{0, 0x10, 0, 2, 0, 1}, FRAME_MORE},
	{{0, 0x10, 0, 3, 0, 1}, FRAME_BAD},
	{{0x80, 0, 0, 0, 0, 1}, FRAME_BAD},
	{{0xff, 0xff, 0xff, 0xff, 0, 1}, FRAME_BAD},
};

START_TEST(test_lengths)
{
	for (size_t cut = 0; cut < FRAME_HEAD_SIZE; cut++) {
		struct frame_reader r = {0};
		struct frame f;
		struct bytes in = {heads[_i].head, cut};
		ck_assert_int_eq(frame_next(&r, &in, &f), FRAME_MORE);
		in = (struct bytes){
			heads[_i].head + cut, FRAME_HEAD_SIZE - cut};
		ck_assert_int_eq(frame_next(&r, &in, &f), heads[_i].result);
		/* A length that is only claimed costs nothing. */
		ck_assert_uint_le(r.capacity, 512);
		frame_reader_fini(&r);
	}
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

int
main(void)
{
	Suite *s = suite_create("frame");
	TCase *t = tcase_create("frame");
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, test_cut_anywhere, 0, COUNT(steps));
	tcase_add_loop_test(t, test_lengths, 0, COUNT(heads));
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
