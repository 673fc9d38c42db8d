/* States of copies that lost: how long they are kept, what a disk or a peer may
 * say of them, and what becomes of them when their host can seal nothing.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core/checkpoint_private.h"
#include "core/conflict_private.h"
#include "tests/dialogue/script.h"
#include "tests/sim/world_view.h"

#define HOUR_MS 3600000

static struct script script;

static void
run(const char *commands)
{
	script_tell(&script, commands);
}

static struct host *
host_of(const char *node)
{
	return script_host(&script, node);
}

static struct conflict *
kept_on(const char *node)
{
	return (struct conflict *)(uintptr_t)conflict_find(
		host_of(node)->core, "db");
}

/* Four hosts; "db" ran on delta, and on alpha while they were apart.  Alpha's
 * node began anew then: it does not know that its copy had begun with nothing,
 * and goes on with it (test_adopt). */
static void
setup(void)
{
	script_init(&script, NULL);
	run("> hosts 4\n"
	    "> apply db handoff\n"
	    "> settle\n"
	    "> cut alpha gamma delta\n"
	    "> cut beta gamma delta\n"
	    "> run 20s\n"
	    "> crash alpha\n"
	    "> power-on alpha\n"
	    "> run 5s\n");
}

static void
teardown(void)
{
	script_fini(&script);
}

/* What alpha hears of it. */
static uint32_t
listed(struct instance_view *v)
{
	ck_assert(view_instance(host_of("alpha")->core, "db", v));
	return v->kept_count;
}

START_TEST(it_is_kept_and_listed)
{
	struct instance_view v;
	run("> heal\n> settle 120s\n");
	ck_assert_uint_eq(listed(&v), 1);
	ck_assert_str_eq(v.kept[0].node, "delta");
	ck_assert_uint_eq(v.kept[0].epoch, 1);
	ck_assert_uint_gt(v.kept[0].size, 0);
	ck_assert(v.kept[0].was_live);
	ck_assert(world_has_sound(
		script.w, world_find(script.w, "delta"), v.kept[0].root));
}
END_TEST

/* Its time is that of its host's node, counted by the hour; a boot takes none
 * of it away and adds none. */
START_TEST(its_time_ends)
{
	struct instance_view v;
	run("> heal\n> settle 120s\n");
	kept_on("delta")->kept_ms[0] = CONFLICT_KEEP_MS - 2 * HOUR_MS;
	run("> run 61m\n");
	ck_assert_uint_eq(listed(&v), 1);
	run("> power-off delta\n> run 10s\n> power-on delta\n> settle 120s\n");
	ck_assert_ptr_nonnull(kept_on("delta"));
	ck_assert_int_ge(kept_on("delta")->kept_ms[0],
		CONFLICT_KEEP_MS - HOUR_MS - 60000);
	run("> run 62m\n");
	ck_assert_uint_eq(listed(&v), 0);
	ck_assert_ptr_null(kept_on("delta"));
	ck_assert_uint_eq(host_of("delta")->state_count, 0);
}
END_TEST

/* A disk that is full for a while costs nothing. */
START_TEST(it_is_sealed_when_there_is_room)
{
	struct instance_view v;
	run("> behave db dump-fails\n> heal\n> run 40s\n");
	ck_assert_uint_eq(listed(&v), 0);
	ck_assert(handoff_is_busy(host_of("delta")->core, "db"));
	run("> behave db\n> settle 120s\n");
	ck_assert_uint_eq(listed(&v), 1);
}
END_TEST

/* One that stays full keeps nothing, and does not hold up the host for ever. */
START_TEST(it_is_given_up)
{
	struct instance_view v;
	run("> behave db dump-fails\n> heal\n> run 10m\n");
	ck_assert_uint_eq(listed(&v), 0);
	ck_assert(!handoff_is_busy(host_of("delta")->core, "db"));
}
END_TEST

/* The copy that won is gone before the other one has given way: that one goes
 * on, with its state. */
START_TEST(the_winner_dies)
{
	struct instance_view v;
	run("> behave db dump-fails\n> heal\n> run 15s\n");
	ck_assert(handoff_is_busy(host_of("delta")->core, "db"));
	run("> cordon beta\n> cordon gamma\n> power-off alpha\n> run 10s\n"
	    "> behave db\n> settle 120s\n");
	ck_assert(view_instance(host_of("delta")->core, "db", &v));
	ck_assert_str_eq(v.state, "ready");
	ck_assert_str_eq(v.node, "delta");
	const struct process *p =
		world_process(script.w, world_find(script.w, "delta"), "db");
	ck_assert_uint_eq(p->state.lives, 2);
}
END_TEST

/* --- Bytes --- */

static bool
read_meta(const void *data, size_t size, struct conflict_word *word)
{
	struct row row = {0};
	row.value.kind = ROW_INSTANCE;
	row.meta = (unsigned char *)(uintptr_t)data;
	row.meta_size = (uint16_t)size;
	bool is_read = conflict_read_row(&row, word);
	ck_assert_uint_le(word->count, CONFLICT_KEPT);
	for (uint32_t n = 0; n < word->count; n++)
		ck_assert(word->kept[n].epoch > 0 &&
			  word->kept[n].epoch <= EPOCH_MAX);
	return is_read;
}

START_TEST(no_bytes_do_harm)
{
	unsigned char room[ROW_META_MAX];
	struct conflict_word word;
	run("> heal\n> settle 120s\n");
	struct core *c = host_of("delta")->core;
	struct bytes meta =
		checkpoint_meta(c, instance_find(c, "db"), true, room);
	ck_assert(read_meta(room, meta.size, &word));
	ck_assert_uint_eq(word.count, 1);
	for (size_t size = 0; size < meta.size; size++)
		ck_assert(!read_meta(room, size, &word));
	for (size_t i = 0; i < meta.size; i++) {
		const unsigned char was = room[i];
		for (unsigned value = 0; value < 256; value++) {
			room[i] = (unsigned char)value;
			read_meta(room, meta.size, &word);
		}
		room[i] = was;
	}
}
END_TEST

/* A host that knows nothing of claims says so much. */
START_TEST(older_words_are_read)
{
	unsigned char room[ROW_META_MAX];
	struct conflict_word word;
	run("> heal\n> settle 120s\n");
	struct core *c = host_of("delta")->core;
	struct bytes meta =
		checkpoint_meta(c, instance_find(c, "db"), true, room);
	static const struct checkpoint_word nothing;
	unsigned char before[ROW_META_MAX];
	size_t at = checkpoint_write_word(&nothing, true, before).size;
	ck_assert_uint_eq(room[at], 2);
	room[at] = 1;
	/* 'claim', its epoch, and to whom the one state was given. */
	ck_assert(read_meta(room, meta.size - 24, &word));
	ck_assert_uint_eq(word.count, 1);
	ck_assert_uint_eq(word.claim, 0);
	ck_assert_uint_eq(word.kept[0].given, 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("conflict");
	TCase *kept = tcase_create("kept");
	tcase_set_timeout(kept, 60);
	tcase_add_checked_fixture(kept, setup, teardown);
	tcase_add_test(kept, it_is_kept_and_listed);
	tcase_add_test(kept, its_time_ends);
	tcase_add_test(kept, it_is_sealed_when_there_is_room);
	tcase_add_test(kept, it_is_given_up);
	tcase_add_test(kept, the_winner_dies);
	tcase_add_test(kept, no_bytes_do_harm);
	tcase_add_test(kept, older_words_are_read);
	suite_add_tcase(suite, kept);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
