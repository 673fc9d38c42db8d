/* Members in a small world: who joins, and who is refused. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core/wire.h"
#include "core/wire.pb.h"
#include "tests/sim/check.h"
#include "tests/sim/story.h"

/* --- Joining --- */

START_TEST(join_any_order)
{
	uint32_t n = 3 + (uint32_t)_i % 7;
	struct world *w = world_of((uint64_t)_i, n);
	uint32_t order[16];
	for (uint32_t i = 0; i < n; i++)
		order[i] = i;
	for (uint32_t i = n - 1; i > 0; i--) {
		uint32_t j = (uint32_t)prng_below(&w->prng, i + 1);
		uint32_t t = order[i];
		order[i] = order[j];
		order[j] = t;
	}
	for (uint32_t i = 0; i < n; i++) {
		world_start(w, order[i]);
		world_run(w, (int64_t)prng_below(&w->prng, 1500));
	}
	wait_whole(w, 20000);
	for (uint32_t i = 0; i < n; i++)
		ck_assert_uint_eq(core_of(w, i)->members.count, n);
	world_free(w);
}
END_TEST

/* What a later version wrote is read as far as it is known: who goes back to
 * this one still knows everybody. */
START_TEST(later_records_are_read)
{
	struct world *w = world_of(7, 3);
	world_set_newer(w, 0, true);
	for (uint32_t i = 0; i < 3; i++)
		world_start(w, i);
	wait_whole(w, 20000);
	world_run(w, 1000);
	uint64_t incarnation = core_of(w, 0)->incarnation;
	world_kill(w, 0);
	world_kill(w, 1);
	world_kill(w, 2);
	world_set_newer(w, 0, false);
	world_start(w, 0);
	ck_assert_uint_eq(core_of(w, 0)->members.count, 3);
	ck_assert_uint_gt(core_of(w, 0)->incarnation, incarnation);
	ck_assert_int_eq(hold_of(w, 0), HOLD_FORMING);
	world_free(w);
}
END_TEST

START_TEST(founder_acts_at_once)
{
	struct world *w = world_of(1, 1);
	world_start(w, 0);
	ck_assert_int_eq(hold_of(w, 0), HOLD_NONE);
	world_free(w);
}
END_TEST

/* Three new hosts that name each other found one cluster, not three. */
START_TEST(founders_wait_for_each_other)
{
	struct world *w = check_world(2);
	for (uint32_t i = 0; i < 3; i++)
		world_add(w, story_names[i], i ? "alpha:7400" : "beta:7400");
	world_start(w, 0);
	world_run(w, 20000);
	ck_assert_int_eq(hold_of(w, 0), HOLD_FORMING);
	world_start(w, 1);
	world_start(w, 2);
	wait_whole(w, 8000);
	world_free(w);
}
END_TEST

START_TEST(founder_gives_up_waiting)
{
	struct world *w = check_world(2);
	world_add(w, "alpha", "beta:7400");
	world_add(w, "beta", NULL);
	world_start(w, 0);
	ck_assert_int_ge(wait_hold(w, 0, HOLD_NONE, 61000), 59000);
	world_free(w);
}
END_TEST

START_TEST(expect_is_waited_for)
{
	static const char *const settings[] = {"expect", "3", NULL};
	struct world *w = world_of(3, 3);
	for (uint32_t i = 0; i < 3; i++)
		w->hosts[i].config.settings = settings;
	world_start(w, 0);
	world_start(w, 1);
	world_run(w, 20000);
	ck_assert_int_eq(hold_of(w, 0), HOLD_FORMING);
	ck_assert_int_eq(hold_of(w, 1), HOLD_FORMING);
	world_start(w, 2);
	wait_whole(w, 8000);
	world_free(w);
}
END_TEST

START_TEST(join_by_operator)
{
	struct world *w = check_world(4);
	world_add(w, "alpha", NULL);
	world_add(w, "beta", NULL);
	world_start(w, 0);
	world_start(w, 1);
	ck_assert_int_eq(ask(w, 1, REQUEST_JOIN, "alpha:7400"), REPLY_OK);
	wait_whole(w, 5000);
	ck_assert_int_eq(
		ask(w, 1, REQUEST_JOIN, "alpha:7400"), REPLY_UNCHANGED);
	ck_assert_int_eq(ask(w, 1, REQUEST_JOIN, "beta:7400"), REPLY_INVALID);
	ck_assert_int_eq(ask(w, 1, REQUEST_JOIN, "a b"), REPLY_INVALID);
	ck_assert_int_eq(
		ask(w, 1, REQUEST_JOIN, "nowhere:7400"), REPLY_TIMEOUT);
	world_free(w);
}
END_TEST

/* History has what operators did, not what they were refused. */
START_TEST(only_accepted_words_are_events)
{
	static const struct {
		enum request_op op;
		const char *name;
		enum reply_code code;
	} rows[] = {
		{REQUEST_CLUSTER_SET, "bogus", REPLY_INVALID},
		{REQUEST_CORDON, "nobody", REPLY_NOT_FOUND},
		{REQUEST_STOP, "nothing", REPLY_NOT_FOUND},
		{REQUEST_LEAVE, "beta", REPLY_INVALID},
		{REQUEST_JOIN, "a b", REPLY_INVALID},
		{REQUEST_FORGET, "beta", REPLY_CONFLICT},
		{REQUEST_CORDON, "beta", REPLY_OK},
		{REQUEST_UNCORDON, "beta", REPLY_OK},
	};
	struct world *w = whole_world(9, 3);
	const uint64_t *noted = &w->hosts[0].notes[NOTE_OPERATOR];
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		uint64_t before = *noted;
		ck_assert_int_eq(
			ask(w, 0, rows[i].op, rows[i].name), rows[i].code);
		ck_assert_uint_eq(*noted - before, rows[i].code == REPLY_OK);
	}
	world_free(w);
}
END_TEST

/* The address reaches ourselves, but is not the one we are known by. */
START_TEST(self_is_recognised)
{
	struct world *w = check_world(5);
	world_add(w, "alpha", "alpha:7400");
	strcpy(w->hosts[0].config.address, "alias:7400");
	world_start(w, 0);
	ck_assert_int_eq(hold_of(w, 0), HOLD_FORMING);
	ck_assert_int_ge(wait_hold(w, 0, HOLD_NONE, 3000), 0);
	struct core *c = core_of(w, 0);
	ck_assert_uint_eq(c->members.count, 1);
	ck_assert_str_eq(c->members.seeds[0].address, "");
	uint32_t dials = c->members.next_dial;
	world_run(w, 60000);
	ck_assert_uint_eq(c->members.next_dial, dials);
	world_free(w);
}
END_TEST

START_TEST(other_cluster_is_refused)
{
	struct world *w = whole_world(6, 3);
	uint32_t x = world_add(w, "stranger", "alpha:7400");
	strcpy(w->hosts[x].config.cluster, "other");
	world_start(w, x);
	world_run(w, 30000);
	ck_assert_uint_eq(core_of(w, 0)->members.count, 3);
	ck_assert_uint_eq(core_of(w, x)->members.count, 1);
	ck_assert_uint_ge(
		core_of(w, 0)->members.refused_hellos[REFUSE_CLUSTER], 1);
	ck_assert_uint_eq(w->hosts[0].notes[NOTE_NODE_REFUSED], 1);
	ck_assert_ptr_nonnull(strstr(w->hosts[x].note_text[NOTE_NODE_REFUSED],
		"this is cluster other, not test"));
	world_free(w);
}
END_TEST

START_TEST(taken_name_is_refused_and_told)
{
	struct world *w = whole_world(7, 3);
	uint32_t x = world_add(w, "gamma2", "alpha:7400");
	strcpy(w->hosts[x].config.node, "gamma");
	world_start(w, x);
	world_run(w, 90000);
	ck_assert_ptr_nonnull(
		strstr(w->hosts[x].note_text[NOTE_NODE_REFUSED], "is taken"));
	/* It never acts, or all services would run twice. */
	ck_assert_int_eq(hold_of(w, x), HOLD_FORMING);
	for (uint32_t i = 0; i < 3; i++)
		for (uint32_t j = 0; j < 3; j++)
			ck_assert_int_eq(world_opinion(w, i, j), MEMBER_ALIVE);
	world_free(w);
}
END_TEST

START_TEST(reinstalled_host_takes_its_name_again)
{
	struct world *w = whole_world(8, 3);
	world_power_off(w, 2);
	ck_assert_int_ge(wait_said(w, 0, 2, MEMBER_DEAD, 5000), 0);
	ck_assert_int_ge(wait_said(w, 1, 2, MEMBER_DEAD, 5000), 0);
	world_reinstall(w, 2);
	world_start(w, 2);
	wait_whole(w, 20000);
	ck_assert_uint_gt(core_of(w, 2)->incarnation, 1);
	world_free(w);
}
END_TEST

/* A disk from before the last starts: its counter is behind what the
 * cluster has seen, so it jumps above that. */
START_TEST(old_disk_outgrows_its_past)
{
	struct world *w = whole_world(9, 3);
	world_kill(w, 2);
	struct disk *old = world_disk_copy(w, 2);
	for (int i = 0; i < 3; i++) {
		world_start(w, 2);
		world_run(w, 2000);
		world_kill(w, 2);
	}
	world_disk_restore(w, 2, old);
	world_start(w, 2);
	wait_whole(w, 20000);
	ck_assert_uint_eq(core_of(w, 2)->incarnation, 5);
	world_free(w);
}
END_TEST

/* A host that was called dead accepts its accuser before that one accepts it:
 * what it says in between does not count there, and is said again. */
START_TEST(list_reaches_who_accepts_late)
{
	struct world *w = whole_world(11, 3);
	world_power_off(w, 2);
	wait_said(w, 0, 2, MEMBER_DEAD, 10000);
	wait_said(w, 1, 2, MEMBER_DEAD, 10000);
	world_cut_both(w, 0, 1, true);
	ck_assert_int_eq(ask(w, 0, REQUEST_CONFIRM_DOWN, "gamma"), REPLY_OK);
	world_pause(w, 0, 30000);
	world_set_dial(w, 0, 1, LINK_TIMEOUT); /* one link is made, not two */
	ck_assert_int_ge(wait_said(w, 1, 0, MEMBER_DEAD, 20000), 0);
	world_cut_both(w, 0, 1, false);
	ck_assert_int_ge(wait_said(w, 1, 0, MEMBER_ALIVE, 40000), 0);
	world_run(w, 1000);
	const struct core *beta = core_of(w, 1);
	member_id gamma = member_find(beta, "gamma");
	ck_assert(member_get(beta, gamma)->is_confirmed_down);
	world_free(w);
}
END_TEST

/* The same disk twice: the second is refused while the first is heard. */
START_TEST(clone_is_refused)
{
	struct world *w = whole_world(10, 3);
	uint32_t x = world_add(w, "clone", "alpha:7400");
	strcpy(w->hosts[x].config.node, "gamma");
	w->hosts[x].config.node_id = w->hosts[2].config.node_id;
	world_disk_restore(w, x, world_disk_copy(w, 2));
	world_start(w, x);
	world_run(w, 90000);
	ck_assert_int_eq(hold_of(w, x), HOLD_FORMING);
	ck_assert_ptr_nonnull(
		strstr(core_of(w, x)->members.hold_text, "is taken"));
	for (uint32_t i = 0; i < 3; i++)
		for (uint32_t j = 0; j < 3; j++)
			ck_assert_int_eq(world_opinion(w, i, j), MEMBER_ALIVE);
	/* It is free to take its place once the first is gone for good. */
	world_power_off(w, 2);
	world_run(w, 60000);
	ck_assert_int_eq(hold_of(w, x), HOLD_NONE);
	world_free(w);
}
END_TEST

/* Two addresses of one host lead to two links; one remains. */
START_TEST(second_address_is_no_second_member)
{
	struct world *w = check_world(11);
	world_add(w, "alpha", NULL);
	world_add(w, "beta", "alpha:7400");
	struct core_config *config = &w->hosts[1].config;
	strcpy(config->join[1], "other-name-of-alpha");
	config->join_count = 2;
	world_set_alias(w, 0, "other-name-of-alpha");
	world_start(w, 0);
	world_start(w, 1);
	wait_whole(w, 8000);
	uint32_t dials = core_of(w, 1)->members.next_dial;
	world_run(w, 60000);
	ck_assert_uint_eq(core_of(w, 1)->members.next_dial, dials);
	ck_assert_uint_eq(core_of(w, 1)->members.count, 2);
	ck_assert_uint_eq(core_of(w, 0)->members.pending_count, 0);
	ck_assert_uint_eq(core_of(w, 1)->members.pending_count, 0);
	world_free(w);
}
END_TEST

/* --- Strangers --- */

static uint32_t
stranger_links(struct world *w, uint32_t host)
{
	static uint32_t link = 1u << 30;
	struct input in = {.kind = INPUT_LINK_UP};
	in.link_up = (struct input_link_up){++link, 0, "stranger"};
	world_input(w, host, &in);
	return link;
}

static void
say(struct world *w, uint32_t host, uint32_t link, uint16_t type,
	const void *data, size_t size)
{
	struct input in = {.kind = INPUT_RECV};
	in.recv = (struct input_recv){link, type, {data, size}};
	world_input(w, host, &in);
}

START_TEST(silent_links_are_bounded)
{
	struct world *w = whole_world(12, 3);
	for (int i = 0; i < 10000; i++)
		stranger_links(w, 0);
	ck_assert_uint_eq(core_of(w, 0)->members.pending_count, PENDING_MAX);
	world_run(w, 6000);
	ck_assert_uint_eq(core_of(w, 0)->members.pending_count, 0);
	ck_assert(world_is_whole(w, NULL));
	world_free(w);
}
END_TEST

/* What a stranger, or a member, may send and what must not move us. */
START_TEST(garbage_is_skipped)
{
	struct world *w = whole_world((uint64_t)_i + 50, 3);
	unsigned char data[64];
	uint32_t links[2] = {
		stranger_links(w, 0), core_of(w, 0)->members.items[1].link};
	for (int i = 0; i < 3000; i++) {
		size_t size = prng_below(&w->prng, sizeof data);
		uint16_t type = (uint16_t)prng_below(&w->prng, 70);
		for (size_t b = 0; b < size; b++)
			data[b] = (unsigned char)prng_next(&w->prng);
		if (type == WIRE_REFUSE)
			continue; /* it may hang up */
		say(w, 0, links[i % 2], type, data, size);
	}
	wait_whole(w, 40000);
	world_free(w);
}
END_TEST

/* Well-formed messages with nonsense in them. */
START_TEST(nonsense_is_survived)
{
	static const char *const who[] = {
		"alpha", "beta", "gamma", "delta", "", "no name", "-._"};
	struct world *w = lied_to_world((uint64_t)_i + 80, 3);
	static unsigned char pool[4096];
	static struct effect items[1];
	for (int i = 0; i < 500; i++) {
		struct effects fx = {.items = items,
			.capacity = 1,
			.pool = pool,
			.pool_size = sizeof pool};
		skep_MemberNews news = skep_MemberNews_init_zero;
		skep_Hello hello = skep_Hello_init_zero;
		strcpy(news.node, who[prng_below(&w->prng, 7)]);
		news.node_id = prng_below(&w->prng, 3);
		news.incarnation =
			prng_next(&w->prng) >> prng_below(&w->prng, 64);
		news.state = (uint32_t)prng_below(&w->prng, 7);
		strcpy(hello.node, who[prng_below(&w->prng, 7)]);
		strcpy(hello.cluster, "test");
		hello.version = hello.version_min =
			(uint32_t)prng_below(&w->prng, 3);
		hello.incarnation = news.incarnation;
		hello.nonce = prng_below(&w->prng, 3);
		uint32_t link = core_of(w, 0)->members.items[1].link;
		bool is_hello = i % 2;
		struct bytes b =
			is_hello ? wire_encode(&fx, WIRE_HELLO, &hello)
				 : wire_encode(&fx, WIRE_MEMBER_NEWS, &news);
		say(w, 0, is_hello ? stranger_links(w, 0) : link,
			is_hello ? WIRE_HELLO : WIRE_MEMBER_NEWS, b.data,
			b.size);
		/* Who holds the key may lie, and deaths may follow. */
		for (uint32_t a = 0; a < 3; a++)
			world_cut_both(w, a, (a + 1) % 3, false);
		world_run(w, (int64_t)prng_below(&w->prng, 300));
	}
	world_free(w);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("member");
	TCase *join = tcase_create("join");
	tcase_set_timeout(join, 60);
	tcase_add_loop_test(join, join_any_order, 0, 28);
	tcase_add_test(join, later_records_are_read);
	tcase_add_test(join, founder_acts_at_once);
	tcase_add_test(join, founders_wait_for_each_other);
	tcase_add_test(join, founder_gives_up_waiting);
	tcase_add_test(join, expect_is_waited_for);
	tcase_add_test(join, join_by_operator);
	tcase_add_test(join, only_accepted_words_are_events);
	tcase_add_test(join, self_is_recognised);
	tcase_add_test(join, other_cluster_is_refused);
	tcase_add_test(join, taken_name_is_refused_and_told);
	tcase_add_test(join, reinstalled_host_takes_its_name_again);
	tcase_add_test(join, old_disk_outgrows_its_past);
	tcase_add_test(join, list_reaches_who_accepts_late);
	tcase_add_test(join, clone_is_refused);
	tcase_add_test(join, second_address_is_no_second_member);
	suite_add_tcase(s, join);
	TCase *strangers = tcase_create("strangers");
	tcase_set_timeout(strangers, 60);
	tcase_add_test(strangers, silent_links_are_bounded);
	tcase_add_loop_test(strangers, garbage_is_skipped, 0, 5);
	tcase_add_loop_test(strangers, nonsense_is_survived, 0, 20);
	suite_add_tcase(s, strangers);
	return s;
}

int
main(void)
{
	SRunner *r = srunner_create(suite());
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
