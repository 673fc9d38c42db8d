/* What all hosts must agree upon, over the whole core in a world: who wins
 * when an instance has two copies, and what was acknowledged. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spec/policy.h"
#include "tests/sim/story.h"

#define HOSTS	  4
#define INSTANCES 6
#define SEEDS	  24

static void
fill_policy(struct spec_policy *p, uint32_t replicas)
{
	memset(p, 0, sizeof *p);
	p->instance_count = replicas;
	p->naming = NAMING_REPLICAS;
	p->is_enabled = true;
	p->restart.delay_ms = p->restart.max_delay_ms = 200;
	p->restart.reset_after_ms = p->restart.interval_ms = 60000;
	p->stop_signal = 15;
	p->stop_timeout_ms = p->start_timeout_ms = 10000;
	strcpy(p->placement.strategy, "hrw");
	p->exit_code_count = 1;
}

/* Declares a service with this digest; returns the request's number. */
static uint64_t
apply(struct world *w, uint32_t host, const char *name, uint64_t digest)
{
	struct spec_policy policy;
	struct input in = {.kind = INPUT_SPEC_SET};
	fill_policy(&policy, INSTANCES);
	in.spec_set = (struct input_spec_set){.request = w->next_request++,
		.name = name,
		.digest = digest,
		.run_digest = 1,
		.policy = &policy,
		.body = {"a body", 6},
		.source.file = ""};
	world_input(w, host, &in);
	return in.spec_set.request;
}

/* The digest that a host's desired state has for a service; 0: none. */
static uint64_t
digest_at(struct world *w, uint32_t host, const char *name)
{
	struct service_value v;
	const struct entry *e =
		specs_find(w->hosts[host].core, ENTRY_SERVICE, name);
	return e && specs_get_service(e, &v) ? v.digest : 0;
}

/* --- R8 --- */

/* What decides about copies: who is present, and all logs. */
static uint64_t
digest_of_rows(struct world *w, uint32_t host)
{
	const struct core *c = w->hosts[host].core;
	uint64_t sum = 0;
	for (uint32_t i = 0; i < w->count; i++) {
		member_id id = member_find(c, w->hosts[i].name);
		if (id == MEMBER_NONE)
			continue;
		const struct origin *o = &c->registry.origins[id];
		sum += (i + 1) * 0x9e3779b97f4a7c15 *
		       (o->checksum * 2 + member_is_present(c, id));
	}
	return sum;
}

static const char *
holder_at(
	struct world *w, uint32_t host, const char *instance, uint32_t *copies)
{
	struct core *c = w->hosts[host].core;
	member_id id = duty_holder(c, instance, copies);
	return id == MEMBER_NONE ? "" : member_get(c, id)->name;
}

/* Every two hosts that hold the same rows name the same winner, although
 * their numbers of members and the order of rows differ.  Returns how often
 * there was a conflict to agree upon. */
static unsigned
compare_winners(struct world *w)
{
	unsigned conflicts = 0;
	for (uint32_t a = 0; a < w->count; a++)
		for (uint32_t b = a + 1; b < w->count; b++)
			for (uint32_t k = 1; k <= INSTANCES; k++) {
				char name[32];
				uint32_t copies, copies_b;
				snprintf(name, sizeof name, "web@%u", k);
				const char *at_a =
					holder_at(w, a, name, &copies);
				const char *at_b =
					holder_at(w, b, name, &copies_b);
				if (digest_of_rows(w, a) !=
					digest_of_rows(w, b))
					continue;
				ck_assert_str_eq(at_a, at_b);
				ck_assert_uint_eq(copies, copies_b);
				conflicts += copies > 1;
			}
	return conflicts;
}

START_TEST(test_same_rows_same_winner)
{
	struct world *w = whole_world((uint64_t)_i + 1, HOSTS);
	unsigned conflicts = 0;
	apply(w, 0, "web", 1);
	/* Slow ends, so that copies stand beside each other for a while. */
	world_behave(w, "web", "")->stop_ms = 300;
	world_run(w, 2000);
	for (int round = 0; round < 4; round++) {
		uint32_t side = (uint32_t)prng_below(&w->prng, 14) + 1;
		for (uint32_t a = 0; a < HOSTS; a++)
			for (uint32_t b = 0; b < a; b++)
				if ((side >> a & 1) != (side >> b & 1))
					world_cut_both(w, a, b, true);
		world_run(w, 20000);
		uint32_t host = (uint32_t)prng_below(&w->prng, HOSTS);
		world_request(w, host, REQUEST_RESTART, "web@1");
		world_run(w, 1000);
		world_heal(w);
		for (int i = 0; i < 600; i++) {
			world_run(w, 5);
			conflicts += compare_winners(w);
		}
		wait_whole(w, 120000);
		world_run(w, 3000);
		conflicts += compare_winners(w);
	}
	ck_assert_uint_gt(conflicts, 0);
	world_free(w);
}
END_TEST

/* --- Drains --- */

static void
run_all(struct world *w)
{
	wait_whole(w, 120000);
	world_run(w, 15000);
}

/* Where each instance would go, as every host says, if 'host' were drained; ""
 * for one that is elsewhere. */
static void
plan_drain(struct world *w, uint32_t host, const char *to[INSTANCES])
{
	char name[32];
	struct service_value s;
	for (uint32_t k = 0; k < INSTANCES; k++) {
		uint32_t copies;
		snprintf(name, sizeof name, "web@%u", k + 1);
		to[k] = "";
		if (strcmp(holder_at(w, 0, name, &copies),
			    w->hosts[host].name) != 0)
			continue;
		for (uint32_t at = 0; at < w->count; at++) {
			struct core *c = w->hosts[at].core;
			struct instance *i = instance_find(c, name);
			ck_assert(i && instance_service(c, i, &s));
			member_id id = duty_host_without(
				c, i, &s, member_find(c, w->hosts[host].name));
			ck_assert_uint_ne(id, MEMBER_NONE);
			const char *node = member_get(c, id)->name;
			ck_assert_str_ne(node, w->hosts[host].name);
			if (at > 0)
				ck_assert_str_eq(node, to[k]);
			to[k] = node;
		}
	}
}

/* Drains it; all go where it was said.  Returns how many. */
static unsigned
drain_as_planned(struct world *w, uint32_t host)
{
	const char *to[INSTANCES];
	char name[32];
	unsigned moved = 0;
	plan_drain(w, host, to);
	const char *node = w->hosts[host].name;
	world_request(w, 0, REQUEST_DRAIN, node);
	run_all(w);
	for (uint32_t k = 0; k < INSTANCES; k++) {
		uint32_t copies;
		snprintf(name, sizeof name, "web@%u", k + 1);
		if (!to[k][0])
			continue;
		ck_assert_str_eq(holder_at(w, 0, name, &copies), to[k]);
		moved++;
	}
	world_request(w, 0, REQUEST_UNDRAIN, node);
	run_all(w);
	return moved;
}

/* Ranks, operators' moves and last owners all have their say in it. */
START_TEST(test_drain_goes_where_it_is_said)
{
	struct world *w = whole_world((uint64_t)_i + 1, HOSTS);
	char name[32];
	unsigned moved = 0;
	apply(w, 0, "web", 1);
	run_all(w);
	moved += drain_as_planned(w, (uint32_t)_i % HOSTS);
	for (uint32_t k = 1; k <= INSTANCES; k += 2) {
		uint32_t to = (uint32_t)prng_below(&w->prng, HOSTS);
		snprintf(name, sizeof name, "web@%u", k);
		world_request_with(
			w, 0, REQUEST_MOVE, name, w->hosts[to].name, 0);
		run_all(w);
	}
	for (uint32_t host = 0; host < HOSTS; host++)
		moved += drain_as_planned(w, host);
	ck_assert_uint_ge(moved, INSTANCES / 2);
	world_free(w);
}
END_TEST

/* --- S3 --- */

/* Waits for the answer to a request; false when it did not come. */
static bool
is_answered(struct world *w, uint32_t host, uint64_t request, int64_t limit_ms)
{
	for (int64_t ms = 0; ms < limit_ms; ms++) {
		if (w->hosts[host].replied == request)
			return true;
		world_run(w, 1);
	}
	return false;
}

/* What was acknowledged is there after its host lost its power in that very
 * moment, although nobody else had heard of it, and then reaches all. */
START_TEST(test_acknowledged_is_durable)
{
	struct world *w = whole_world((uint64_t)_i + 1, 3);
	char name[32];
	uint64_t acked = 0;
	for (uint32_t host = 1; host < 3; host++)
		world_cut_both(w, 0, host, true);
	for (unsigned k = 0; k < 8; k++) {
		uint64_t digest = 100 + k;
		snprintf(name, sizeof name, "s%u", k % 3);
		uint64_t request = apply(w, 0, name, digest);
		ck_assert(is_answered(w, 0, request, 1000));
		ck_assert_int_eq(w->hosts[0].reply, REPLY_OK);
		acked = digest;
	}
	/* One more, whose answer it does not live to give. */
	apply(w, 0, "s0", 999);
	world_power_off(w, 0);
	world_run(w, 5000);
	world_start(w, 0);
	ck_assert_uint_eq(digest_at(w, 0, "s1"), acked);
	uint64_t last = digest_at(w, 0, "s0");
	ck_assert(last == 106 || last == 999);
	world_heal(w);
	wait_whole(w, 120000);
	world_run(w, 5000);
	for (uint32_t host = 0; host < 3; host++) {
		ck_assert_uint_eq(digest_at(w, host, "s0"), last);
		ck_assert_uint_eq(digest_at(w, host, "s1"), 107);
		ck_assert_uint_eq(digest_at(w, host, "s2"), 105);
	}
	world_free(w);
}
END_TEST

/* Two hosts that cannot hear each other both acknowledge a write: the larger
 * stamp supersedes the other, on both, and only that. */
START_TEST(test_acknowledged_or_superseded)
{
	struct world *w = whole_world((uint64_t)_i + 1, 2);
	world_cut_both(w, 0, 1, true);
	uint64_t first = apply(w, (uint32_t)_i % 2, "web", 11);
	ck_assert(is_answered(w, (uint32_t)_i % 2, first, 1000));
	world_run(w, 50);
	uint64_t second = apply(w, 1 - (uint32_t)_i % 2, "web", 22);
	ck_assert(is_answered(w, 1 - (uint32_t)_i % 2, second, 1000));
	apply(w, 0, "only", 33);
	world_run(w, 2000);
	world_heal(w);
	wait_whole(w, 120000);
	world_run(w, 5000);
	for (uint32_t host = 0; host < 2; host++) {
		ck_assert_uint_eq(digest_at(w, host, "web"), 22);
		ck_assert_uint_eq(digest_at(w, host, "only"), 33);
	}
	world_free(w);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("replicas");
	TCase *t = tcase_create("agreement");
	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, test_same_rows_same_winner, 0, SEEDS);
	tcase_add_loop_test(t, test_drain_goes_where_it_is_said, 0, SEEDS);
	tcase_add_loop_test(t, test_acknowledged_is_durable, 0, SEEDS);
	tcase_add_loop_test(t, test_acknowledged_or_superseded, 0, 4);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failures = srunner_ntests_failed(r);
	srunner_free(r);
	return failures != 0;
}
