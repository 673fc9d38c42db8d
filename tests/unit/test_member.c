/* Members in a small world: who joins, who is alive, who holds. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/world.h"

static const char *const names[] = {"alpha", "beta", "gamma", "delta",
	"epsilon", "zeta", "eta", "theta", "iota"};

/* Prints what everybody thinks of everybody, for whoever looks at a seed. */
static void
dump(const struct world *w)
{
	for (uint32_t i = 0; i < w->count; i++) {
		const struct core *c = w->hosts[i].core;
		printf("%s%s\n", w->hosts[i].name, c ? "" : " is off");
		for (member_id id = 0; c && id < c->members.count; id++) {
			const struct member *m = member_get(c, id);
			printf("  %s %s inc %llx link %u dial %u rx %lld\n",
				m->name, member_state_name(m->state),
				(unsigned long long)m->incarnation, m->link,
				m->dial, (long long)m->last_rx.ms);
		}
		if (c)
			printf("  hold %s: %s\n",
				member_hold_name(c->members.hold),
				c->members.hold_text);
	}
}

/* Waits until all is whole. */
static void
wait_whole(struct world *w, int64_t limit_ms)
{
	int64_t took = world_run_until(w, limit_ms, world_is_whole, NULL);
	if (took < 0)
		dump(w);
	ck_assert_msg(took >= 0, "seed %llu: not whole after %lld ms",
		(unsigned long long)w->seed, (long long)limit_ms);
}

/* 'n' hosts that name the first one in 'join' (but itself), not started. */
static struct world *
world_of(uint64_t seed, uint32_t n)
{
	struct world *w = world_new(seed);
	w->is_loud = getenv("SIM_LOUD") != NULL;
	for (uint32_t i = 0; i < n; i++)
		world_add(w, names[i], i ? "alpha:7400" : NULL);
	return w;
}

/* ... started, and whole. */
static struct world *
whole_world(uint64_t seed, uint32_t n)
{
	struct world *w = world_of(seed, n);
	for (uint32_t i = 0; i < n; i++)
		world_start(w, i);
	wait_whole(w, 30000);
	world_run(w, 12000); /* the view is stable now */
	ck_assert(world_is_whole(w, NULL));
	return w;
}

static struct core *
core_of(struct world *w, uint32_t host)
{
	ck_assert_ptr_nonnull(w->hosts[host].core);
	return w->hosts[host].core;
}

static enum member_hold
hold_of(struct world *w, uint32_t host)
{
	return member_hold_now(core_of(w, host));
}

/* What 'run_until' waits for: 'a' says 'state' about 'b'. */
struct saying {
	uint32_t a, b;
	enum member_state state;
};

static bool
is_said(const struct world *w, void *arg)
{
	const struct saying *s = arg;
	return world_opinion(w, s->a, s->b) == s->state;
}

static int64_t
wait_said(struct world *w, uint32_t a, uint32_t b, enum member_state state,
	int64_t limit_ms)
{
	struct saying s = {a, b, state};
	return world_run_until(w, limit_ms, is_said, &s);
}

struct holding {
	uint32_t host;
	enum member_hold hold;
};

static bool
is_holding(const struct world *w, void *arg)
{
	const struct holding *h = arg;
	return w->hosts[h->host].core->members.hold == h->hold;
}

static int64_t
wait_hold(struct world *w, uint32_t host, enum member_hold hold,
	int64_t limit_ms)
{
	struct holding h = {host, hold};
	return world_run_until(w, limit_ms, is_holding, &h);
}

static bool
is_answered(const struct world *w, void *arg)
{
	const struct host *h = arg;
	(void)w;
	return h->replied != 0;
}

static enum reply_code
ask(struct world *w, uint32_t host, enum request_op op, const char *name)
{
	w->hosts[host].replied = 0;
	uint64_t id = world_request(w, host, op, name);
	ck_assert_int_ge(world_run_until(w, 20000, is_answered,
		&w->hosts[host]), 0);
	ck_assert_uint_eq(w->hosts[host].replied, id);
	return w->hosts[host].reply;
}

/* --- Joining --- */

START_TEST(join_any_order)
{
	uint32_t n = 3 + (uint32_t)_i % 7;
	struct world *w = world_of((uint64_t)_i, n);
	uint32_t order[WORLD_HOSTS];
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
	struct world *w = world_new(2);
	for (uint32_t i = 0; i < 3; i++)
		world_add(w, names[i], i ? "alpha:7400" : "beta:7400");
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
	struct world *w = world_new(2);
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
	struct world *w = world_new(4);
	world_add(w, "alpha", NULL);
	world_add(w, "beta", NULL);
	world_start(w, 0);
	world_start(w, 1);
	ck_assert_int_eq(ask(w, 1, REQUEST_JOIN, "alpha:7400"), REPLY_OK);
	wait_whole(w, 5000);
	ck_assert_int_eq(
		ask(w, 1, REQUEST_JOIN, "alpha:7400"), REPLY_UNCHANGED);
	ck_assert_int_eq(
		ask(w, 1, REQUEST_JOIN, "beta:7400"), REPLY_INVALID);
	ck_assert_int_eq(ask(w, 1, REQUEST_JOIN, "a b"), REPLY_INVALID);
	ck_assert_int_eq(
		ask(w, 1, REQUEST_JOIN, "nowhere:7400"), REPLY_TIMEOUT);
	world_free(w);
}
END_TEST

/* The address reaches ourselves, but is not the one we are known by. */
START_TEST(self_is_recognised)
{
	struct world *w = world_new(5);
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
	ck_assert_ptr_nonnull(strstr(
		w->hosts[x].note_text[NOTE_NODE_REFUSED],
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

/* --- Dying --- */

START_TEST(power_loss_is_found_in_three_seconds)
{
	uint32_t n = 3 + (uint32_t)_i % 5;
	struct world *w = whole_world((uint64_t)_i, n);
	world_run(w, (int64_t)prng_below(&w->prng, 1000));
	world_power_off(w, n - 1);
	mono start = w->now;
	for (uint32_t i = 0; i < n - 1; i++)
		ck_assert_int_ge(
			wait_said(w, i, n - 1, MEMBER_DEAD, 4000), 0);
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

/* --- Holds --- */

START_TEST(lonely_takes_over_after_its_hold)
{
	struct world *w = whole_world((uint64_t)_i, 3);
	world_power_off(w, 1);
	world_power_off(w, 2);
	ck_assert_int_ge(wait_hold(w, 0, HOLD_LONELY, 8000), 0);
	const char *text = core_of(w, 0)->members.hold_text;
	ck_assert_msg(!strncmp(text, "2 of 3 hosts lost at once (", 27) &&
		strstr(text, "beta") && strstr(text, "gamma") &&
		strstr(text, "); taking over in 10 s"), "%s", text);
	ck_assert_uint_eq(w->hosts[0].notes[NOTE_LONELY], 1);
	int64_t took = wait_hold(w, 0, HOLD_NONE, 20000);
	ck_assert_int_ge(took, 9990);
	ck_assert_int_le(took, 10010);
	world_run(w, 60000);
	ck_assert_int_eq(hold_of(w, 0), HOLD_NONE);
	ck_assert_str_eq(core_of(w, 0)->members.hold_text, "");
	world_free(w);
}
END_TEST

START_TEST(lonely_keeps_until_confirmed)
{
	static const enum member_hold holds[] = {
		[MINORITY_KEEP] = HOLD_KEEP,
		[MINORITY_FREEZE] = HOLD_FREEZE,
		[MINORITY_STOP] = HOLD_STOP,
	};
	struct world *w = whole_world((uint64_t)_i, 3);
	core_of(w, 0)->settings.on_minority = (enum on_minority)_i;
	world_power_off(w, 1);
	world_power_off(w, 2);
	ck_assert_int_ge(wait_hold(w, 0, holds[_i], 20000), 0);
	world_run(w, 300000);
	ck_assert_int_eq(hold_of(w, 0), holds[_i]);
	ck_assert_int_eq(
		ask(w, 0, REQUEST_CONFIRM_DOWN, "beta"), REPLY_OK);
	world_run(w, 1);
	ck_assert_int_eq(hold_of(w, 0), HOLD_NONE);
	ck_assert_int_eq(
		ask(w, 0, REQUEST_CONFIRM_DOWN, "beta"), REPLY_UNCHANGED);
	world_free(w);
}
END_TEST

START_TEST(lonely_heals)
{
	struct world *w = whole_world((uint64_t)_i, 3);
	core_of(w, 0)->settings.on_minority = MINORITY_KEEP;
	world_cut_both(w, 0, 1, true);
	world_cut_both(w, 0, 2, true);
	ck_assert_int_ge(wait_hold(w, 0, HOLD_KEEP, 20000), 0);
	ck_assert_int_eq(hold_of(w, 1), HOLD_NONE);
	world_heal(w);
	wait_whole(w, 20000);
	world_free(w);
}
END_TEST

/* Half is not more than half: the survivor of two acts. */
START_TEST(survivor_of_two_takes_over)
{
	struct world *w = whole_world((uint64_t)_i, 2);
	world_power_off(w, 1);
	int64_t took = wait_said(w, 0, 1, MEMBER_DEAD, 6000);
	ck_assert_int_ge(took, 3400);
	ck_assert_int_le(took, 4100);
	world_run(w, 1000);
	ck_assert_int_eq(hold_of(w, 0), HOLD_NONE);
	world_free(w);
}
END_TEST

/* One after the other, each accepted by the rest, is no loss at once. */
START_TEST(slow_losses_are_not_lonely)
{
	struct world *w = whole_world((uint64_t)_i, 4);
	for (uint32_t gone = 3; gone >= 1; gone--) {
		world_power_off(w, gone);
		world_run(w, 20000);
		ck_assert_int_eq(hold_of(w, 0), HOLD_NONE);
	}
	ck_assert_uint_eq(w->hosts[0].notes[NOTE_LONELY], 0);
	world_free(w);
}
END_TEST

START_TEST(power_cut_forms_again)
{
	struct world *w = whole_world((uint64_t)_i, 3);
	for (uint32_t i = 0; i < 3; i++)
		world_power_off(w, i);
	world_run(w, 5000);
	world_start(w, 0);
	world_run(w, 8000);
	ck_assert_int_eq(hold_of(w, 0), HOLD_FORMING);
	ck_assert_ptr_nonnull(strstr(core_of(w, 0)->members.hold_text,
		"linked to 0 of 2 other hosts"));
	world_start(w, 2);
	ck_assert_int_ge(wait_hold(w, 0, HOLD_NONE, 8000), 0);
	ck_assert_int_ge(wait_hold(w, 2, HOLD_NONE, 8000), 0);
	world_run(w, 60000);
	ck_assert_int_eq(world_opinion(w, 0, 1), MEMBER_UNKNOWN);
	world_start(w, 1); /* the late one */
	wait_whole(w, 20000);
	world_free(w);
}
END_TEST

START_TEST(alone_after_power_cut_is_lonely)
{
	struct world *w = whole_world((uint64_t)_i, 3);
	for (uint32_t i = 0; i < 3; i++)
		world_power_off(w, i);
	world_start(w, 1);
	int64_t took = wait_hold(w, 1, HOLD_LONELY, 70000);
	ck_assert_int_ge(took, 59000);
	took = wait_hold(w, 1, HOLD_NONE, 20000);
	ck_assert_int_ge(took, 9000);
	world_free(w);
}
END_TEST

/* --- Operators --- */

START_TEST(leave_is_not_a_loss)
{
	struct world *w = whole_world((uint64_t)_i, 4);
	ck_assert_int_eq(ask(w, 0, REQUEST_LEAVE, "beta"), REPLY_INVALID);
	ck_assert_int_eq(ask(w, 3, REQUEST_LEAVE, ""), REPLY_OK);
	ck_assert_int_eq(ask(w, 2, REQUEST_LEAVE, "gamma"), REPLY_OK);
	world_run(w, 1000);
	ck_assert_int_eq(world_opinion(w, 0, 3), MEMBER_LEFT);
	ck_assert_int_eq(world_opinion(w, 1, 2), MEMBER_LEFT);
	ck_assert_uint_ge(core_of(w, 0)->registry.origins[member_find(
		core_of(w, 0), "delta")].tombstones, 1);
	ck_assert_int_eq(hold_of(w, 3), HOLD_LEAVING);
	world_kill(w, 3);
	world_run(w, 60000);
	ck_assert_int_eq(hold_of(w, 0), HOLD_NONE);
	ck_assert_uint_eq(w->hosts[0].notes[NOTE_NODE_DOWN], 0);
	world_start(w, 3); /* its skep.conf still says 'join' */
	world_kill(w, 2);
	wait_whole(w, 20000);
	world_free(w);
}
END_TEST

START_TEST(forget_is_for_the_gone)
{
	struct world *w = whole_world((uint64_t)_i, 4);
	ck_assert_int_eq(ask(w, 0, REQUEST_FORGET, "delta"), REPLY_CONFLICT);
	ck_assert_int_eq(ask(w, 0, REQUEST_FORGET, "nobody"),
		REPLY_NOT_FOUND);
	ck_assert_int_eq(ask(w, 0, REQUEST_FORGET, "alpha"), REPLY_INVALID);
	ck_assert_int_eq(
		ask(w, 0, REQUEST_CONFIRM_DOWN, "delta"), REPLY_CONFLICT);
	world_power_off(w, 3);
	ck_assert_int_ge(wait_said(w, 0, 3, MEMBER_DEAD, 4000), 0);
	ck_assert_int_eq(ask(w, 0, REQUEST_FORGET, "delta"), REPLY_OK);
	ck_assert_int_eq(ask(w, 0, REQUEST_FORGET, "delta"), REPLY_UNCHANGED);
	world_run(w, 100);
	ck_assert_int_eq(world_opinion(w, 1, 3), MEMBER_LEFT);
	/* It stays forgotten when hosts start again. */
	world_kill(w, 0);
	world_start(w, 0);
	world_run(w, 5000);
	ck_assert_int_eq(world_opinion(w, 0, 3), MEMBER_LEFT);
	/* And it is welcome when it comes back. */
	world_start(w, 3);
	wait_whole(w, 20000);
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
	/* Two heartbeats a second to each, and no step for nothing. */
	ck_assert_uint_le(w->hosts[0].sent - sent, 4 * 7210);
	ck_assert_uint_le(w->hosts[0].steps - steps, 5 * 7210);
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
			world_pause(w, a,
				(int64_t)prng_below(&w->prng, 6000));
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
	uint64_t root = core_of(w, 0)->members.view_digest;
	for (uint32_t i = 1; i < n; i++)
		ck_assert_uint_eq(core_of(w, i)->members.view_digest, root);
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
	tcase_add_test(join, founder_acts_at_once);
	tcase_add_test(join, founders_wait_for_each_other);
	tcase_add_test(join, founder_gives_up_waiting);
	tcase_add_test(join, expect_is_waited_for);
	tcase_add_test(join, join_by_operator);
	tcase_add_test(join, self_is_recognised);
	tcase_add_test(join, other_cluster_is_refused);
	tcase_add_test(join, taken_name_is_refused_and_told);
	tcase_add_test(join, reinstalled_host_takes_its_name_again);
	suite_add_tcase(s, join);
	TCase *detect = tcase_create("detect");
	tcase_set_timeout(detect, 60);
	tcase_add_loop_test(detect, power_loss_is_found_in_three_seconds, 0, 25);
	tcase_add_loop_test(detect, gone_keeper_has_a_grace, 0, 3);
	tcase_add_loop_test(detect, restart_within_the_grace_kills_nobody, 0, 3);
	tcase_add_loop_test(detect, dead_host_returns, 0, 3);
	tcase_add_loop_test(detect, one_cut_link_kills_nobody, 0, 6);
	tcase_add_loop_test(detect, healed_partition_refutes, 0, 3);
	tcase_add_loop_test(detect, own_lag_blames_nobody, 0, 4);
	tcase_add_loop_test(detect, long_pause_is_refuted, 0, 3);
	suite_add_tcase(s, detect);
	TCase *hold = tcase_create("hold");
	tcase_set_timeout(hold, 60);
	tcase_add_loop_test(hold, lonely_takes_over_after_its_hold, 0, 3);
	tcase_add_loop_test(hold, lonely_keeps_until_confirmed, MINORITY_KEEP,
		MINORITY_STOP + 1);
	tcase_add_loop_test(hold, lonely_heals, 0, 3);
	tcase_add_loop_test(hold, survivor_of_two_takes_over, 0, 3);
	tcase_add_loop_test(hold, slow_losses_are_not_lonely, 0, 2);
	tcase_add_loop_test(hold, power_cut_forms_again, 0, 3);
	tcase_add_loop_test(hold, alone_after_power_cut_is_lonely, 0, 2);
	suite_add_tcase(s, hold);
	TCase *ops = tcase_create("operators");
	tcase_set_timeout(ops, 60);
	tcase_add_loop_test(ops, leave_is_not_a_loss, 0, 2);
	tcase_add_loop_test(ops, forget_is_for_the_gone, 0, 2);
	suite_add_tcase(s, ops);
	TCase *longer = tcase_create("long");
	tcase_set_timeout(longer, 120);
	tcase_add_loop_test(longer, quiet_hour, 0, 2);
	tcase_add_loop_test(longer, random_faults, getenv("SIM_SEED") ? atoi(getenv("SIM_SEED")) : 0, getenv("SIM_SEED") ? atoi(getenv("SIM_SEED")) + 1 : 200);
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
