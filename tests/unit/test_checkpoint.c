/* What hosts and disks say of checkpoints: read as it was written, refused when
 * it makes no sense, and never believed beyond reason.
 *
 * Words come from peers, in rows; records from our own disk.  Neither may crash
 * a host, whatever is in them.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "core/checkpoint_private.h"
#include "tests/dialogue/script.h"
#include "tests/sim/world_view.h"

#define WALL_MS 1700000000000
#define ROUNDS	200000

/* --- Bytes --- */

/* A word with all that one can have. */
static struct checkpoint_word
full_word(void)
{
	struct checkpoint_word word = {.is_runner = true, .wanted = 4};
	word.kept[0] = (struct snapshot){7, CHECKPOINT_LAST, {0}, 900, WALL_MS};
	word.kept[1] = (struct snapshot){7, 3, {0}, 800, WALL_MS - 1};
	memset(word.kept[0].root, 0xaa, DIGEST_SIZE);
	memset(word.kept[1].root, 0xbb, DIGEST_SIZE);
	word.count = 2;
	word.acked = (struct snapshot){.epoch = 7, .number = 3};
	word.acked.wall_ms = WALL_MS - 1;
	for (uint32_t i = 0; i < POLICY_HOLDERS_MAX; i++) {
		memset(word.holders[i], 'a' + (int)i, NODE_NAME_MAX);
		word.holder_count++;
	}
	return word;
}

static bool
read_meta(const void *data, size_t size, struct checkpoint_word *out)
{
	struct row row = {0};
	row.value.kind = ROW_INSTANCE;
	row.value.state = ROW_READY;
	row.meta = (unsigned char *)(uintptr_t)data;
	row.meta_size = (uint16_t)size;
	return checkpoint_read_row(&row, out);
}

/* Whether a host may work with it. */
static bool
is_sound(const struct checkpoint_word *word)
{
	if (word->count > CHECKPOINT_KEPT || word->acked.epoch > EPOCH_MAX ||
		word->holder_count > POLICY_HOLDERS_MAX)
		return false;
	for (uint32_t i = 0; i < word->count; i++) {
		const struct snapshot *s = &word->kept[i];
		/* Ages are differences of times. */
		if (s->epoch == 0 || s->epoch > EPOCH_MAX || s->number == 0 ||
			llabs(s->wall_ms) >= INT64_C(1) << 53)
			return false;
		if (i && snapshot_compare(s - 1, s) <= 0)
			return false;
	}
	for (uint32_t i = 0; i < word->holder_count; i++)
		if (!memchr(word->holders[i], 0, NODE_NAME_MAX + 1))
			return false;
	return true;
}

/* Reads it; what is refused leaves nothing behind. */
static bool
try_meta(const void *data, size_t size)
{
	static const struct checkpoint_word nothing;
	struct checkpoint_word word;
	memset(&word, 0xff, sizeof word);
	bool is_read = read_meta(data, size, &word);
	if (is_read ? !is_sound(&word) : memcmp(&word, &nothing, sizeof word))
		ck_abort_msg("a word of %zu bytes was misread", size);
	return is_read;
}

static bool
try_record(const void *data, size_t size)
{
	struct checkpoint_word word;
	bool is_read =
		checkpoint_read_record((struct bytes){data, size}, &word);
	if (is_read && !is_sound(&word))
		ck_abort_msg("a record of %zu bytes was misread", size);
	return is_read;
}

START_TEST(a_word_comes_back)
{
	unsigned char room[ROW_META_MAX];
	const struct checkpoint_word word = full_word();
	struct checkpoint_word back;
	struct bytes meta = checkpoint_write_word(&word, false, room);
	ck_assert(read_meta(meta.data, meta.size, &back));
	ck_assert_mem_eq(&word, &back, sizeof word);
}
END_TEST

START_TEST(a_record_comes_back)
{
	unsigned char room[256];
	struct checkpoint_word word = full_word(), back;
	struct bytes r = checkpoint_write_record(&word, room, sizeof room);
	ck_assert(checkpoint_read_record(r, &back));
	ck_assert_uint_eq(back.count, 2);
	ck_assert_mem_eq(back.kept, word.kept, sizeof word.kept);
	ck_assert_uint_eq(back.acked.number, 3);
	ck_assert_uint_eq(back.holder_count, 0); /* rows only */
}
END_TEST

/* A later version may say more; what it says first is what it is. */
START_TEST(more_may_follow)
{
	unsigned char room[ROW_META_MAX + 1];
	const struct checkpoint_word word = full_word();
	struct bytes meta = checkpoint_write_word(&word, false, room);
	room[0] = 9;
	room[meta.size] = 77;
	ck_assert(try_meta(room, meta.size + 1));
	room[0] = 0; /* and this is none */
	ck_assert(!try_meta(room, meta.size + 1));
}
END_TEST

START_TEST(no_end_is_missing)
{
	unsigned char room[ROW_META_MAX];
	const struct checkpoint_word word = full_word();
	struct bytes meta = checkpoint_write_word(&word, false, room);
	for (size_t size = 0; size < meta.size; size++)
		ck_assert(!try_meta(room, size));
	struct bytes r = checkpoint_write_record(&word, room, sizeof room);
	for (size_t size = 0; size < r.size; size++)
		ck_assert(!try_record(room, size));
}
END_TEST

/* Each byte of a word and of a record, each value. */
START_TEST(one_byte_is_wrong)
{
	unsigned char room[ROW_META_MAX];
	const struct checkpoint_word word = full_word();
	size_t size = checkpoint_write_word(&word, false, room).size;
	for (size_t i = 0; i < size; i++) {
		const unsigned char was = room[i];
		for (unsigned v = 0; v < 256; v++) {
			room[i] = (unsigned char)v;
			try_meta(room, size);
		}
		room[i] = was;
	}
	size = checkpoint_write_record(&word, room, sizeof room).size;
	for (size_t i = 0; i < size; i++) {
		const unsigned char was = room[i];
		for (unsigned v = 0; v < 256; v++) {
			room[i] = (unsigned char)v;
			try_record(room, size);
		}
		room[i] = was;
	}
}
END_TEST

START_TEST(noise_is_read)
{
	unsigned char room[ROW_META_MAX];
	struct prng p;
	prng_init(&p, 5);
	for (unsigned n = 0; n < ROUNDS; n++) {
		size_t size = (size_t)prng_below(&p, sizeof room + 1);
		for (size_t i = 0; i < size; i++)
			room[i] = (unsigned char)prng_next(&p);
		/* Some get beyond the first bytes. */
		if (size > 4 && n % 2) {
			room[0] = 1;
			room[3] = (unsigned char)(n / 2 % 3);
		}
		try_meta(room, size);
		try_record(room, size);
	}
}
END_TEST

/* One lie each. */
static void
lie(struct checkpoint_word *word, int which)
{
	struct snapshot *newest = &word->kept[0];
	switch (which) {
	case 0:
		newest->epoch = EPOCH_MAX + 1;
		break;
	case 1:
		newest->epoch = 0;
		break;
	case 2:
		newest->number = 0;
		break;
	case 3:
		*newest = word->kept[1]; /* twice */
		break;
	case 4:
		newest->epoch = word->kept[1].epoch - 1; /* older first */
		break;
	case 5:
		newest->size = UINT64_MAX;
		break;
	case 6:
		newest->wall_ms = INT64_MIN;
		break;
	case 7:
		word->acked.epoch = EPOCH_MAX + 1;
		break;
	case 8:
		word->acked.wall_ms = INT64_MAX;
		break;
	}
}
#define LIES 9

START_TEST(lies_are_refused)
{
	unsigned char room[ROW_META_MAX];
	struct checkpoint_word word = full_word();
	lie(&word, _i);
	struct bytes meta = checkpoint_write_word(&word, false, room);
	ck_assert(!try_meta(meta.data, meta.size));
	struct bytes r = checkpoint_write_record(&word, room, sizeof room);
	ck_assert(!try_record(r.data, r.size));
}
END_TEST

/* Counts that are more than there can be, and names that are too long. */
START_TEST(counts_are_bounded)
{
	unsigned char room[ROW_META_MAX];
	const struct checkpoint_word none = {.wanted = 1};
	struct writer w;
	size_t size = checkpoint_write_word(&none, false, room).size;
	ck_assert(try_meta(room, size));
	room[3] = CHECKPOINT_KEPT + 1; /* of checkpoints */
	ck_assert(!try_meta(room, sizeof room));
	room[3] = 0;
	room[size - 1] = POLICY_HOLDERS_MAX + 1; /* of names */
	ck_assert(!try_meta(room, sizeof room));
	char name[NODE_NAME_MAX + 2];
	memset(name, 'n', sizeof name);
	name[NODE_NAME_MAX + 1] = '\0';
	room[size - 1] = 1;
	writer_init(&w, room + size, sizeof room - size);
	writer_text(&w, name);
	ck_assert(!try_meta(room, size + w.size));
}
END_TEST

/* Only a row that says that the host has nothing to do with it is one that is
 * there for what it keeps. */
START_TEST(who_only_keeps)
{
	unsigned char room[ROW_META_MAX];
	struct checkpoint_word word = full_word();
	struct row row = {0};
	row.value.kind = ROW_INSTANCE;
	row.value.state = ROW_PAST;
	ck_assert(!checkpoint_is_keeper(&row));
	row.meta = room;
	row.meta_size = (uint16_t)checkpoint_write_word(&word, true, room).size;
	ck_assert(checkpoint_is_keeper(&row));
	row.meta_size = 1;
	ck_assert(!checkpoint_is_keeper(&row));
	row.meta_size =
		(uint16_t)checkpoint_write_word(&word, false, room).size;
	ck_assert(!checkpoint_is_keeper(&row));
	row.meta_size = (uint16_t)checkpoint_write_word(&word, true, room).size;
	row.value.state = ROW_READY;
	ck_assert(!checkpoint_is_keeper(&row));
}
END_TEST

/* --- A host that lies --- */

static struct script script;

static void
run(const char *commands)
{
	script_tell(&script, commands);
}

static struct core *
core_of(const char *node)
{
	return script_host(&script, node)->core;
}

/* Four hosts, and "web" on beta with a checkpoint that gamma and delta keep. */
static void
setup(void)
{
	script_init(&script, NULL);
	run("> hosts 4\n"
	    "> apply web checkpoint every=10s\n"
	    "> settle\n"
	    "> run 11s\n");
	struct snapshot acked;
	checkpoint_acked(core_of("alpha"), "web", &acked);
	ck_assert_uint_eq(acked.epoch, 1);
	ck_assert_uint_eq(acked.number, 1);
}

static void
teardown(void)
{
	script_fini(&script);
}

/* Delta says that one of a run with this epoch was acknowledged. */
static void
claim(uint64_t epoch)
{
	struct core *c = core_of("delta");
	struct checkpoint *k = checkpoint_of(c, "web");
	ck_assert_ptr_nonnull(k);
	k->word.acked.epoch = epoch;
	k->is_changed = true;
	duty_mark(c, "web");
	run("> run 3s\n");
}

static const struct instance *
survivor(void)
{
	const char *const names[] = {"gamma", "delta", "alpha"};
	run("> power-off beta\n"
	    "> settle\n");
	for (unsigned i = 0; i < 3; i++) {
		const struct instance *inst =
			instance_find(core_of(names[i]), "web");
		if (inst && inst->state == INSTANCE_READY)
			return inst;
	}
	ck_abort_msg("nobody runs it");
}

START_TEST(what_cannot_be_is_not_believed)
{
	struct snapshot acked;
	claim(EPOCH_MAX);
	checkpoint_acked(core_of("alpha"), "web", &acked);
	ck_assert_uint_eq(acked.epoch, 1);
	ck_assert_uint_lt(checkpoint_epoch_max(core_of("alpha"), "web"), 100);
	ck_assert_uint_lt(survivor()->epoch, 10000);
}
END_TEST

/* What might be is outdone by the next run, which is acknowledged again. */
START_TEST(what_might_be_is_outdone)
{
	const uint64_t claimed = 1000000000;
	struct snapshot acked;
	claim(claimed);
	checkpoint_acked(core_of("alpha"), "web", &acked);
	ck_assert_uint_eq(acked.epoch, claimed);
	const struct instance *inst = survivor();
	ck_assert_uint_gt(inst->epoch, claimed);
	run("> run 25s\n");
	checkpoint_acked(core_of("alpha"), "web", &acked);
	ck_assert_uint_eq(acked.epoch, inst->epoch);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("checkpoint");
	TCase *bytes = tcase_create("bytes");
	tcase_add_test(bytes, a_word_comes_back);
	tcase_add_test(bytes, a_record_comes_back);
	tcase_add_test(bytes, more_may_follow);
	tcase_add_test(bytes, no_end_is_missing);
	tcase_add_test(bytes, one_byte_is_wrong);
	tcase_add_test(bytes, noise_is_read);
	tcase_add_loop_test(bytes, lies_are_refused, 0, LIES);
	tcase_add_test(bytes, counts_are_bounded);
	tcase_add_test(bytes, who_only_keeps);
	suite_add_tcase(suite, bytes);
	TCase *liar = tcase_create("liar");
	tcase_add_checked_fixture(liar, setup, teardown);
	tcase_add_test(liar, what_cannot_be_is_not_believed);
	tcase_add_test(liar, what_might_be_is_outdone);
	suite_add_tcase(suite, liar);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
