/* The world that cores are tested in: its streams, disks and clocks do what
 * world.h says.
 *
 * Two hosts, and a stream between them that no core knows: what arrives on it
 * is an input of an unknown link, which a core takes for nothing and an
 * observer sees.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/story.h"
#include "tests/sim/world_private.h"

#define TYPE 900 /* of messages that no core knows */

/* What the observer saw at beta of the stream 'k'. */
struct seen {
	uint32_t link[2]; /* of alpha's end, of beta's */
	uint32_t frames;
	uint32_t out_of_order;
	uint32_t last;
	mono last_at;
	enum link_down_reason down[2]; /* at alpha, at beta */
	mono down_at[2];
};

static void
on_step(struct world *w, uint32_t host, const struct input *in,
	const struct effects *fx, void *context)
{
	struct seen *s = context;
	(void)fx;
	if (in->kind == INPUT_LINK_DOWN &&
		in->link_down.link == s->link[host]) {
		s->down[host] = in->link_down.reason;
		s->down_at[host] = w->now;
	}
	if (in->kind != INPUT_RECV || in->recv.link != s->link[1] || host != 1)
		return;
	uint32_t number;
	ck_assert_uint_ge(in->recv.body.size, sizeof number);
	memcpy(&number, in->recv.body.data, sizeof number);
	s->out_of_order += number != s->last + 1;
	s->last = number;
	s->last_at = w->now;
	s->frames++;
}

static struct conn *
stream(struct world *w, struct seen *s)
{
	memset(s, 0, sizeof *s);
	struct conn *k = net_new(w, 0, 1, 0);
	s->link[0] = k->number * 2 + 2;
	s->link[1] = k->number * 2 + 3;
	world_observe(w, &(struct world_observer){
				 .name = "test",
				 .on_step = on_step,
				 .context = s,
			 });
	return k;
}

/* Sends frames 'from' to 'to' of 'size' bytes from alpha. */
static void
send(struct world *w, struct conn *k, uint32_t from, uint32_t to, size_t size)
{
	unsigned char *body = calloc(1, size);
	ck_assert_ptr_nonnull(body);
	for (uint32_t i = from; i <= to; i++) {
		memcpy(body, &i, sizeof i);
		net_send(w, k, 0, TYPE, (struct bytes){body, size});
	}
	free(body);
}

START_TEST(frames_keep_their_order)
{
	struct seen s;
	struct world *w = whole_world((uint64_t)_i + 1, 2);
	struct conn *k = stream(w, &s);
	world_set_stalls(w, 300);
	world_set_latency(w, 0, 1, 1, 50);
	for (uint32_t i = 0; i < 100; i++) {
		send(w, k, i + 1, i + 1, 100);
		world_run(w, 1);
	}
	world_run(w, 600000);
	ck_assert_uint_eq(s.frames, 100);
	ck_assert_uint_eq(s.out_of_order, 0);
	world_free(w);
}
END_TEST

START_TEST(a_break_takes_the_tail)
{
	struct seen s;
	struct world *w = whole_world((uint64_t)_i + 1, 2);
	struct conn *k = stream(w, &s);
	world_set_latency(w, 0, 1, 20, 20);
	send(w, k, 1, 100, 1000);
	world_break(w, 0, 1);
	send(w, k, 101, 101, 1000); /* nobody carries it any more */
	world_run(w, 1000);
	ck_assert_uint_lt(s.frames, 101);
	ck_assert_uint_eq(s.last, s.frames); /* a prefix of what was sent */
	ck_assert_int_eq(s.down[0], LINK_RESET);
	ck_assert_int_eq(s.down[1], LINK_RESET);
	world_free(w);
}
END_TEST

START_TEST(half_open_is_noticed_late)
{
	struct seen s;
	struct world *w = whole_world(1, 2);
	struct conn *k = stream(w, &s);
	mono begin = w->now;
	world_half_open(w, 0, 1, 60000);
	/* A stream whose both ends are gone is no more. */
	for (uint32_t i = 1; i <= 70 && !s.down[0]; i++) {
		send(w, k, i, i, 10);
		world_run(w, 1000);
	}
	ck_assert_int_eq(s.down[1], LINK_RESET);
	ck_assert_int_le(mono_diff(s.down_at[1], begin), 10);
	ck_assert_int_eq(s.down[0], LINK_RESET);
	ck_assert_int_ge(mono_diff(s.down_at[0], begin), 60000);
	ck_assert_uint_eq(s.frames, 0);
	world_free(w);
}
END_TEST

START_TEST(who_does_not_read_is_given_up)
{
	struct seen s;
	struct world *w = whole_world(1, 2);
	struct conn *k = stream(w, &s);
	world_slow_reader(w, 1, -1);
	send(w, k, 1, 20, 1000); /* the kernels hold that */
	world_run(w, 5000);
	ck_assert_uint_eq(s.frames, 0);
	ck_assert_int_eq(s.down[0], 0);
	send(w, k, 21, 60, 300000); /* more than the process may keep */
	world_run(w, 10);
	ck_assert_int_eq(s.down[0], LINK_TIMEOUT);
	world_free(w);
}
END_TEST

START_TEST(a_slow_reader_gets_all)
{
	struct seen s;
	struct world *w = whole_world(1, 2);
	struct conn *k = stream(w, &s);
	mono begin = w->now;
	world_slow_reader(w, 1, 100000);
	send(w, k, 1, 100, 10000);
	world_run(w, 30000);
	ck_assert_uint_eq(s.frames, 100);
	ck_assert_uint_eq(s.out_of_order, 0);
	ck_assert_int_ge(mono_diff(s.last_at, begin), 9900);
	ck_assert_int_eq(s.down[0], 0);
	world_free(w);
}
END_TEST

START_TEST(a_cut_way_holds_and_then_ends)
{
	struct seen s;
	struct world *w = whole_world(1, 2);
	struct conn *k = stream(w, &s);
	world_cut_both(w, 0, 1, true);
	send(w, k, 1, 5, 10);
	world_run(w, 5000);
	ck_assert_uint_eq(s.frames, 0);
	world_heal(w);
	world_run(w, 4000); /* the next retransmission */
	ck_assert_uint_eq(s.frames, 5);
	world_partition(w, 1, 7);
	mono begin = w->now;
	send(w, k, 6, 6, 10);
	world_run(w, STREAM_TIMEOUT_MS + 1000);
	ck_assert_int_eq(s.down[0], LINK_TIMEOUT);
	ck_assert_int_ge(mono_diff(s.down_at[0], begin), STREAM_TIMEOUT_MS);
	ck_assert_uint_eq(s.frames, 5);
	world_free(w);
}
END_TEST

START_TEST(an_answer_that_cannot_come_ends_it_too)
{
	struct seen s;
	struct world *w = whole_world(1, 2);
	struct conn *k = stream(w, &s);
	world_cut(w, 1, 0, true);
	send(w, k, 1, 1, 10);
	world_run(w, STREAM_TIMEOUT_MS + 1000);
	ck_assert_uint_eq(s.frames, 1); /* it did arrive */
	ck_assert_int_eq(s.down[0], LINK_TIMEOUT);
	ck_assert_int_eq(s.down[1], LINK_RESET);
	world_free(w);
}
END_TEST

START_TEST(groups_reach_themselves)
{
	struct world *w = whole_world(1, 4);
	world_partition(w, 2, 1);
	world_partition(w, 3, 1);
	ck_assert(world_is_open(w, 0, 1));
	ck_assert(world_is_open(w, 2, 3));
	ck_assert(!world_is_open(w, 1, 2));
	ck_assert(!world_is_open(w, 3, 0));
	ck_assert_int_eq(world_faulted_at(w, 1, 2).ms, w->now.ms);
	ck_assert_int_lt(world_faulted_at(w, 2, 3).ms, w->now.ms);
	ck_assert_int_lt(world_faulted_at(w, 0, 1).ms, w->now.ms);
	world_heal(w);
	ck_assert(world_is_open(w, 1, 2));
	world_free(w);
}
END_TEST

START_TEST(clocks_are_the_hosts_own)
{
	struct world *w = whole_world(1, 2);
	int64_t before = clock_of(w, 1).ms;
	world_clock_rate(w, 1, 50000);
	world_clock_step(w, 1, -86400000);
	int64_t wall_ms = clock_wall_ms(w, 1);
	uint64_t sent[2] = {w->hosts[0].sent, w->hosts[1].sent};
	world_run(w, 100000);
	ck_assert_int_eq(clock_of(w, 1).ms - before, 105000);
	ck_assert_int_eq(clock_wall_ms(w, 1) - wall_ms, 105000);
	ck_assert_int_eq(
		clock_wall_ms(w, 0) - clock_wall_ms(w, 1), 86400000 - 5000);
	/* It beats by its own clock. */
	ck_assert_uint_gt(
		w->hosts[1].sent - sent[1], w->hosts[0].sent - sent[0] + 5);
	before = clock_of(w, 1).ms;
	world_freeze(w, 1, 30000);
	world_run(w, 30000);
	ck_assert_int_eq(clock_of(w, 1).ms, before);
	world_free(w);
}
END_TEST

/* How many records a host has after a write and the loss of its power. */
static size_t
records_after(uint64_t seed, bool is_keeping)
{
	struct world *w = whole_world(seed, 2);
	struct disk_faults faults = {.is_keeping_some = is_keeping};
	world_disk_set(w, 1, &faults);
	size_t before = w->hosts[1].record_count;
	for (uint32_t i = 0; i < 20; i++) {
		char key[2] = {'k', (char)('a' + i)};
		struct effect e = {.kind = EFFECT_STORE};
		e.store.seq = w->hosts[1].stored + i + 1;
		e.store.table = TABLE_OWNER;
		e.store.key = (struct bytes){key, 2};
		e.store.value = (struct bytes){"v", 1};
		disk_write(w, 1, &e);
	}
	world_power_off(w, 1);
	size_t more = w->hosts[1].record_count - before;
	for (size_t i = 0; i < more; i++) /* the oldest ones */
		ck_assert_int_eq(w->hosts[1].records[before + i]->key[1],
			(int)('a' + i));
	world_free(w);
	return more;
}

START_TEST(power_takes_what_was_not_written)
{
	size_t least = 20, most = 0;
	ck_assert_uint_eq(records_after(1, false), 0);
	for (uint64_t seed = 1; seed <= 20; seed++) {
		size_t n = records_after(seed, true);
		least = n < least ? n : least;
		most = n > most ? n : most;
	}
	ck_assert_uint_lt(least, 5);
	ck_assert_uint_gt(most, 15);
}
END_TEST

START_TEST(a_full_disk_writes_nothing)
{
	struct world *w = whole_world(1, 2);
	struct disk_faults faults = {.is_full = true};
	world_disk_set(w, 1, &faults);
	uint64_t stored = w->hosts[1].stored;
	world_request(w, 1, REQUEST_CORDON, "beta");
	world_run(w, 30000);
	ck_assert_uint_eq(w->hosts[1].stored, stored);
	world_disk_set(w, 1, &(struct disk_faults){0});
	world_run(w, 6000);
	ck_assert_uint_gt(w->hosts[1].stored, stored);
	world_free(w);
}
END_TEST

START_TEST(later_versions_are_understood)
{
	struct world *w = world_of(1, 3);
	for (uint32_t i = 0; i < 3; i++) {
		world_set_newer(w, i, i != 1);
		world_start(w, i);
	}
	wait_whole(w, 30000);
	world_run(w, 60000);
	ck_assert(world_is_whole(w, NULL));
	ck_assert_uint_gt(core_of(w, 1)->unknown_frames, 0);
	ck_assert_uint_eq(w->hosts[1].notes[NOTE_NODE_SUSPECT], 0);
	world_free(w);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("world");
	TCase *c = tcase_create("world");
	tcase_set_timeout(c, 120);
	tcase_add_loop_test(c, frames_keep_their_order, 0, 5);
	tcase_add_loop_test(c, a_break_takes_the_tail, 0, 10);
	tcase_add_test(c, half_open_is_noticed_late);
	tcase_add_test(c, who_does_not_read_is_given_up);
	tcase_add_test(c, a_slow_reader_gets_all);
	tcase_add_test(c, a_cut_way_holds_and_then_ends);
	tcase_add_test(c, an_answer_that_cannot_come_ends_it_too);
	tcase_add_test(c, groups_reach_themselves);
	tcase_add_test(c, clocks_are_the_hosts_own);
	tcase_add_test(c, power_takes_what_was_not_written);
	tcase_add_test(c, a_full_disk_writes_nothing);
	tcase_add_test(c, later_versions_are_understood);
	suite_add_tcase(s, c);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
