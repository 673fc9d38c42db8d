/* Members in a small world: who is alive. */
#include <check.h>
#include <pb_encode.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/wire.h"
#include "core/wire.pb.h"
#include "tests/sim/story.h"

/* --- Dying --- */

START_TEST(power_loss_is_found_in_three_seconds)
{
	uint32_t n = 3 + (uint32_t)_i % 5;
	struct world *w = whole_world((uint64_t)_i, n);
	world_run(w, (int64_t)prng_below(&w->prng, 1000));
	world_power_off(w, n - 1);
	mono start = w->now;
	for (uint32_t i = 0; i < n - 1; i++)
		ck_assert_int_ge(wait_said(w, i, n - 1, MEMBER_DEAD, 4000), 0);
	ck_assert_int_le(mono_diff(w->now, start), 3000);
	ck_assert_int_ge(mono_diff(w->now, start), 1500);
	wait_whole(w, 1000);
	world_free(w);
}
END_TEST

START_TEST(gone_keeper_has_a_grace)
{
	struct world *w = whole_world((uint64_t)_i, 3);
	world_kill(w, 1);
	mono start = w->now;
	ck_assert_int_ge(wait_said(w, 0, 1, MEMBER_SUSPECT, 1000), 0);
	ck_assert_int_ge(wait_said(w, 0, 1, MEMBER_DEAD, 8000), 0);
	ck_assert_int_ge(mono_diff(w->now, start), 4900);
	ck_assert_int_le(mono_diff(w->now, start), 6000);
	world_free(w);
}
END_TEST

START_TEST(restart_within_the_grace_kills_nobody)
{
	struct world *w = whole_world((uint64_t)_i, 3);
	world_kill(w, 1);
	world_run(w, 3000);
	world_start(w, 1);
	wait_whole(w, 6000);
	ck_assert_uint_eq(w->hosts[0].notes[NOTE_NODE_DOWN], 0);
	ck_assert_uint_eq(w->hosts[2].notes[NOTE_NODE_DOWN], 0);
	ck_assert_uint_eq(core_of(w, 1)->incarnation, 2);
	world_free(w);
}
END_TEST

/* A heartbeat of a host, as it comes over the link to it. */
static void
hear_heartbeat(
	struct world *w, uint32_t at, uint32_t from, const skep_Heartbeat *hb)
{
	uint8_t body[256];
	pb_ostream_t out = pb_ostream_from_buffer(body, sizeof body);
	const struct core *c = core_of(w, at);
	member_id id = member_find(c, w->hosts[from].name);
	ck_assert(pb_encode(&out, skep_Heartbeat_fields, hb));
	struct input in = {.kind = INPUT_RECV};
	in.recv.link = member_get(c, id)->link;
	in.recv.type = WIRE_HEARTBEAT;
	in.recv.body = (struct bytes){body, out.bytes_written};
	world_input(w, at, &in);
}

/* It was on its way, over a link that is slow, when others told already that
 * its host had started again. */
START_TEST(heartbeat_of_an_earlier_start_says_nothing)
{
	struct world *w = whole_world((uint64_t)_i, 3);
	world_kill(w, 1);
	world_run(w, 1000);
	world_start(w, 1);
	wait_whole(w, 6000);
	world_run(w, 1000);
	const struct core *c = core_of(w, 0);
	const struct member *m =
		member_get(c, member_find(c, w->hosts[1].name));
	const struct member before = *m;
	skep_Heartbeat hb = skep_Heartbeat_init_zero;
	hb.incarnation = (before.incarnation & 0xffff) | UINT64_C(1) << 16;
	ck_assert_uint_lt(hb.incarnation, before.incarnation);
	hb.log_position = before.hb_log_position;
	hb.log_checksum = ~before.hb_log_checksum;
	hb.is_ready = true;
	hear_heartbeat(w, 0, 1, &hb);
	ck_assert_uint_eq(m->hb_log_checksum, before.hb_log_checksum);
	ck_assert_uint_eq(c->registry.resets, 0);
	/* The same of this start is a matter of its log. */
	hb.incarnation = before.incarnation;
	hear_heartbeat(w, 0, 1, &hb);
	ck_assert_uint_eq(c->registry.resets, 1);
	wait_whole(w, 6000);
	world_free(w);
}
END_TEST

START_TEST(dead_host_returns)
{
	struct world *w = whole_world((uint64_t)_i, 4);
	world_power_off(w, 3);
	ck_assert_int_ge(wait_said(w, 0, 3, MEMBER_DEAD, 4000), 0);
	world_run(w, 5000);
	world_start(w, 3);
	wait_whole(w, 20000);
	world_free(w);
}
END_TEST

/* --- Cuts --- */

START_TEST(one_cut_link_kills_nobody)
{
	bool is_one_way = _i % 2;
	struct world *w = whole_world((uint64_t)_i, 3 + (uint32_t)_i % 3);
	world_cut(w, 0, 1, true);
	if (!is_one_way)
		world_cut(w, 1, 0, true);
	world_run(w, 120000);
	for (uint32_t i = 0; i < w->count; i++)
		ck_assert_uint_eq(w->hosts[i].notes[NOTE_NODE_DOWN], 0);
	ck_assert_int_eq(world_opinion(w, 1, 0), MEMBER_SUSPECT);
	struct core *c = core_of(w, 1);
	ck_assert(member_is_usable(c, member_find(c, "alpha")));
	ck_assert(member_is_view_agreed(core_of(w, 2)));
	ck_assert(member_is_view_agreed(core_of(w, 1)));
	world_heal(w);
	wait_whole(w, 30000);
	world_free(w);
}
END_TEST

/* Cut off for 20 s from everybody: both sides bury each other, both refute. */
START_TEST(healed_partition_refutes)
{
	struct world *w = whole_world((uint64_t)_i, 5);
	for (uint32_t i = 0; i < 4; i++)
		world_cut_both(w, i, 4, true);
	world_run(w, 20000);
	for (uint32_t i = 0; i < 4; i++) {
		ck_assert_int_eq(world_opinion(w, i, 4), MEMBER_DEAD);
		ck_assert_int_eq(world_opinion(w, 4, i), MEMBER_DEAD);
	}
	world_heal(w);
	wait_whole(w, 20000);
	ck_assert_uint_ge(core_of(w, 4)->members.refutes, 1);
	ck_assert_uint_eq(core_of(w, 4)->incarnation, 1);
	world_free(w);
}
END_TEST

START_TEST(own_lag_blames_nobody)
{
	struct world *w = whole_world((uint64_t)_i, 2 + (uint32_t)_i % 2);
	world_pause(w, 0, 1300);
	world_run(w, 1300);
	world_run(w, 10);
	ck_assert_uint_ge(core_of(w, 0)->members.health, 1);
	world_run(w, 20000);
	ck_assert_uint_eq(core_of(w, 0)->members.health, 0);
	for (uint32_t i = 0; i < w->count; i++)
		ck_assert_uint_eq(w->hosts[i].notes[NOTE_NODE_DOWN], 0);
	ck_assert(world_is_whole(w, NULL));
	world_free(w);
}
END_TEST

/* The one that stood still is buried by the others, and buries nobody. */
START_TEST(long_pause_is_refuted)
{
	struct world *w = whole_world((uint64_t)_i, 3);
	world_pause(w, 0, 10000);
	ck_assert_int_ge(wait_said(w, 1, 0, MEMBER_DEAD, 4000), 0);
	wait_whole(w, 40000);
	ck_assert_uint_eq(w->hosts[0].notes[NOTE_NODE_DOWN], 0);
	ck_assert_uint_ge(core_of(w, 0)->members.refutes, 1);
	world_free(w);
}
END_TEST

/* --- For long --- */

START_TEST(quiet_hour)
{
	struct world *w = whole_world((uint64_t)_i, 5);
	uint64_t notes = 0;
	uint64_t topology = core_of(w, 0)->members.topology;
	uint32_t dials[5];
	for (uint32_t i = 0; i < 5; i++)
		dials[i] = core_of(w, i)->members.next_dial;
	memset(w->hosts[0].notes, 0, sizeof w->hosts[0].notes);
	uint64_t sent = w->hosts[0].sent;
	uint64_t steps = w->hosts[0].steps;
	world_run(w, 3600000);
	for (uint32_t k = 0; k < NOTE_KIND_COUNT; k++)
		notes += w->hosts[0].notes[k];
	ck_assert_uint_eq(notes, 0);
	ck_assert_uint_eq(core_of(w, 0)->members.topology, topology);
	for (uint32_t i = 0; i < 5; i++)
		ck_assert_uint_eq(core_of(w, i)->members.next_dial, dials[i]);
	/* Two heartbeats a second to each, an audit now and then, and no step
	 * for nothing. */
	ck_assert_uint_le(w->hosts[0].sent - sent, 4 * 7210 + 3600);
	ck_assert_uint_le(w->hosts[0].steps - steps, 6 * 7210);
	world_free(w);
}
END_TEST

static void
random_fault(struct world *w)
{
	uint32_t a = (uint32_t)prng_below(&w->prng, w->count);
	uint32_t b = (uint32_t)prng_below(&w->prng, w->count);
	struct host *h = &w->hosts[a];
	uint64_t fault = prng_below(&w->prng, 8);
	if (w->is_loud)
		printf("%8lld fault %d: %s %s\n", (long long)w->now.ms,
			(int)fault, h->name, w->hosts[b].name);
	switch (fault) {
	case 0:
		world_cut(w, a, b, a != b);
		break;
	case 1:
		if (a != b)
			world_cut_both(w, a, b, true);
		break;
	case 2:
		world_heal(w);
		break;
	case 3:
		if (h->is_running)
			world_kill(w, a);
		break;
	case 4:
		if (h->is_running)
			world_power_off(w, a);
		break;
	case 5:
	case 6:
		if (!h->is_running)
			world_start(w, a);
		break;
	default:
		if (h->is_running)
			world_pause(w, a, (int64_t)prng_below(&w->prng, 6000));
		break;
	}
}

/* Safety is checked by the world after every step; then all heals, and all
 * must agree. */
START_TEST(random_faults)
{
	uint32_t n = 2 + (uint32_t)_i % 5;
	struct world *w = world_of((uint64_t)_i + 1000, n);
	w->latency_max_ms = 1 + (int64_t)prng_below(&w->prng, 80);
	w->on_minority = (enum on_minority)prng_below(&w->prng, 4);
	for (uint32_t i = 0; i < n; i++)
		world_start(w, i);
	for (uint32_t i = 0; i < 30; i++) {
		world_run(w, (int64_t)prng_below(&w->prng, 12000));
		random_fault(w);
	}
	world_heal(w);
	for (uint32_t i = 0; i < n; i++)
		if (!w->hosts[i].is_running)
			world_start(w, i);
	wait_whole(w, 90000);
	uint64_t digest = core_of(w, 0)->members.view_digest;
	for (uint32_t i = 0; i < n; i++) {
		core_check(core_of(w, i));
		ck_assert_uint_eq(core_of(w, i)->members.view_digest, digest);
	}
	world_free(w);
}
END_TEST

/* Host 0 hears a message of host 1, which stands still. */
static void
hear(struct world *w, enum wire_type type, const void *message)
{
	unsigned char pool[1024];
	struct effect items[1];
	struct effects fx = {.items = items,
		.capacity = 1,
		.pool = pool,
		.pool_size = sizeof pool};
	const struct core *c = core_of(w, 0);
	struct input in = {.kind = INPUT_RECV};
	in.recv.link = member_get(c, member_find(c, story_names[1]))->link;
	in.recv.type = (uint16_t)type;
	in.recv.body = wire_encode(&fx, type, message);
	ck_assert_ptr_nonnull(in.recv.body.data);
	world_input(w, 0, &in);
}

/* Somebody was asked about a silent host; then comes a refutation of it, and
 * only then the answer that it was not heard: it has the time of a sign of
 * life from the refutation on. */
START_TEST(refutation_voids_the_round)
{
	struct world *w = lied_to_world(1, 3);
	const struct core *c = core_of(w, 0);
	const struct member *m = member_get(c, member_find(c, story_names[2]));
	skep_MemberNews news = skep_MemberNews_init_zero;
	skep_LastHeardAnswer answer = skep_LastHeardAnswer_init_zero;
	world_power_off(w, 2);
	world_run(w, 1000);
	world_pause(w, 1, 1900); /* still fresh, and does not answer */
	while (!m->is_confirming)
		world_run(w, 1);
	strcpy(news.node, m->name);
	news.node_id = m->node_id;
	news.incarnation = m->incarnation + 1;
	news.state = MEMBER_ALIVE;
	hear(w, WIRE_MEMBER_NEWS, &news);
	ck_assert(m->is_confirming);
	strcpy(answer.node, m->name);
	answer.incarnation = news.incarnation;
	answer.age_ms = -1;
	hear(w, WIRE_LAST_HEARD_ANSWER, &answer);
	ck_assert_int_eq(m->state, MEMBER_SUSPECT);
	ck_assert_int_ge(wait_said(w, 0, 2, MEMBER_DEAD, 4000), 1900);
	world_free(w);
}
END_TEST

/* The clock of epochs goes from host to host, never back, and what no start
 * leads to is no clock: above it there would be no epochs left. */
START_TEST(the_clock_of_epochs_is_passed_on)
{
	struct world *w = lied_to_world(1, 3);
	const struct core *c = core_of(w, 0);
	const struct member *m = member_get(c, member_find(c, story_names[1]));
	static const uint64_t told[] = {5000, 4000, EPOCH_MAX, UINT64_MAX};
	for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
		skep_Heartbeat hb = skep_Heartbeat_init_zero;
		hb.incarnation = m->incarnation;
		hb.view_digest = c->members.view_digest;
		hb.is_ready = true;
		hb.epoch_clock = told[i];
		hear(w, WIRE_HEARTBEAT, &hb);
		world_run(w, 1000);
		for (uint32_t host = 0; host < w->count; host++)
			ck_assert_uint_eq(
				instance_epoch_clock(core_of(w, host)), 5000);
	}
	world_free(w);
}
END_TEST

/* --- Stores --- */

/* Host 1 tells host 0 of the store of host 2. */
static void
tell_stall(struct world *w, uint64_t node, uint64_t start, uint64_t changes)
{
	const struct core *c = core_of(w, 0);
	skep_Heartbeat hb = skep_Heartbeat_init_zero;
	hb.incarnation =
		member_get(c, member_find(c, story_names[1]))->incarnation;
	hb.view_digest = c->members.view_digest;
	hb.is_ready = true;
	hb.stalls_count = 1;
	hb.stalls[0] =
		(skep_Stall){.node = node, .start = start, .changes = changes};
	hear(w, WIRE_HEARTBEAT, &hb);
}

/* What is said of it and is not true is outbidden by itself, for all; what is
 * older than what is known is answered, and what nobody's life leads to is
 * passed over. */
START_TEST(of_a_store_the_newest_word_holds)
{
	struct world *w = lied_to_world(1, 4);
	member_id id = member_find(core_of(w, 0), story_names[2]);
	const struct member *m = member_get(core_of(w, 0), id);
	uint64_t start = member_log_incarnation(m->incarnation);
	uint64_t node = m->by_name.hash;
	tell_stall(w, node, start + 1, 5);
	tell_stall(w, node, start, UINT64_MAX);
	tell_stall(w, node + 1, start, 5);
	ck_assert(!member_is_stalled(core_of(w, 0), id));
	tell_stall(w, node, start, 5);
	ck_assert(member_is_stalled(core_of(w, 0), id));
	world_run(w, 2000);
	for (uint32_t host = 0; host < w->count; host++) {
		const struct core *c = core_of(w, host);
		member_id about = member_find(c, story_names[2]);
		ck_assert_uint_eq(member_get(c, about)->stall_changes, 6);
		ck_assert(!member_is_stalled(c, about));
	}
	ck_assert_uint_eq(m->stall_tell, 0);
	tell_stall(w, node, start, 5);
	ck_assert(!member_is_stalled(core_of(w, 0), id));
	ck_assert_uint_gt(m->stall_tell, 0);
	world_run(w, 2000);
	ck_assert_uint_eq(m->stall_tell, 0);
	world_free(w);
}
END_TEST

struct frames {
	uint32_t heartbeats;
	uint32_t others;
};

static void
count_frame(struct world *w, uint32_t host, const struct effect *e, void *to)
{
	struct frames *frames = to;
	(void)w;
	(void)host;
	if (e->kind != EFFECT_SEND)
		return;
	if (e->send.type == WIRE_HEARTBEAT)
		frames->heartbeats++;
	else if (e->send.type != WIRE_PULL) /* at random times, in any case */
		frames->others++;
}

/* Each change costs a heartbeat of each host to each at most, and nothing
 * else, however many there are. */
START_TEST(changes_of_a_store_cost_heartbeats)
{
	enum { N = 6, LIES = 20 };
	struct world *w = lied_to_world(1, N);
	const struct member *m = member_get(
		core_of(w, 0), member_find(core_of(w, 0), story_names[2]));
	struct frames frames = {0};
	world_run(w, 60000);
	world_observe(w, &(struct world_observer){.name = "frames",
				 .on_effect = count_frame,
				 .context = &frames});
	world_run(w, LIES * 1000);
	struct frames quiet = frames;
	frames = (struct frames){0};
	for (int i = 0; i < LIES; i++) {
		tell_stall(w, m->by_name.hash,
			member_log_incarnation(m->incarnation),
			m->stall_changes + 1);
		world_run(w, 1000);
	}
	ck_assert_uint_eq(m->stall_changes, 2 * LIES);
	ck_assert_uint_eq(frames.others, quiet.others);
	ck_assert_uint_le(
		frames.heartbeats, quiet.heartbeats + 2 * LIES * N * (N - 1));
	world_free(w);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("member");
	/* SIM_SEED=N looks at one seed, SIM_LAST=N at more of them; SIM_LOUD
	 * prints what happens. */
	const char *one = getenv("SIM_SEED");
	const char *many = getenv("SIM_LAST");
	int first = one ? atoi(one) : 0;
	int last = one ? first + 1 : many ? atoi(many) : 200;
	TCase *detect = tcase_create("detect");
	tcase_set_timeout(detect, 60);
	tcase_add_loop_test(
		detect, power_loss_is_found_in_three_seconds, 0, 25);
	tcase_add_loop_test(detect, gone_keeper_has_a_grace, 0, 3);
	tcase_add_loop_test(
		detect, restart_within_the_grace_kills_nobody, 0, 3);
	tcase_add_test(detect, heartbeat_of_an_earlier_start_says_nothing);
	tcase_add_loop_test(detect, dead_host_returns, 0, 3);
	tcase_add_loop_test(detect, one_cut_link_kills_nobody, 0, 6);
	tcase_add_loop_test(detect, healed_partition_refutes, 0, 3);
	tcase_add_loop_test(detect, own_lag_blames_nobody, 0, 4);
	tcase_add_loop_test(detect, long_pause_is_refuted, 0, 3);
	tcase_add_test(detect, refutation_voids_the_round);
	tcase_add_test(detect, the_clock_of_epochs_is_passed_on);
	tcase_add_test(detect, of_a_store_the_newest_word_holds);
	tcase_add_test(detect, changes_of_a_store_cost_heartbeats);
	suite_add_tcase(s, detect);
	TCase *longer = tcase_create("long");
	tcase_set_timeout(longer, 120);
	tcase_add_loop_test(longer, quiet_hour, 0, 2);
	tcase_add_loop_test(longer, random_faults, first, last);
	suite_add_tcase(s, longer);
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
