#include "tests/sim/storm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "tests/sim/converge.h"
#include "tests/sim/record.h"
#include "tests/sim/trace.h"

#define FORM_LIMIT_MS	120000
#define STORM_NAMES_MAX 512

/* --- Chance --- */

uint32_t
any(struct prng *p, uint32_t below)
{
	return (uint32_t)prng_below(p, below);
}

int64_t
any_between(struct prng *p, int64_t low, int64_t high)
{
	return low + (int64_t)prng_below(p, (uint64_t)(high - low) + 1);
}

int64_t
any_scale(struct prng *p, int64_t low, int64_t high)
{
	uint32_t doublings = 0;
	for (int64_t v = low; v * 2 <= high; v *= 2)
		doublings++;
	int64_t base = low << any(p, doublings + 1);
	int64_t v = base + (int64_t)prng_below(p, (uint64_t)base);
	return v < high ? v : high;
}

uint32_t
storm_any_running(struct storm *s, struct prng *p)
{
	uint32_t i = any(p, s->w->count);
	const struct host *h = &s->w->hosts[i];
	bool is_awake = h->is_running && h->paused_until.ms <= s->w->now.ms;
	return is_awake ? i : MAKER_NO_HOST;
}

/* --- Things to come --- */

void
storm_later(
	struct storm *s, int64_t in_ms, storm_fn *fn, uint32_t a, uint32_t b)
{
	CHECK(s->pending_count < STORM_PENDING_MAX);
	s->pending[s->pending_count++] = (struct storm_pending){
		mono_add(s->w->now, in_ms), s->next_pending++, fn, a, b};
}

/* The place of the earliest, or the count. */
static uint32_t
first_pending(const struct storm *s)
{
	uint32_t best = s->pending_count;
	for (uint32_t i = 0; i < s->pending_count; i++) {
		const struct storm_pending *a = &s->pending[i];
		const struct storm_pending *b = &s->pending[best];
		if (best == s->pending_count || a->at.ms < b->at.ms ||
			(a->at.ms == b->at.ms && a->number < b->number))
			best = i;
	}
	return best;
}

void
storm_start(struct storm *s, uint32_t host, uint32_t unused)
{
	(void)unused;
	const struct host *h = &s->w->hosts[host];
	if (h->is_running || s->hosts[host].has_left)
		return;
	/* A machine that stands still starts nothing before it goes on. */
	if (!mono_reached(h->frozen_until, s->w->now))
		storm_later(s, mono_diff(h->frozen_until, s->w->now),
			storm_start, host, 0);
	else
		world_start(s->w, host);
}

void
storm_start_later(struct storm *s, uint32_t host, int64_t in_ms)
{
	storm_later(s, in_ms, storm_start, host, 0);
}

/* --- Phases --- */

static void
add_hosts(struct storm *s)
{
	static const char *const names[] = {"alpha", "beta", "gamma", "delta",
		"epsilon", "zeta", "eta", "theta", "iota"};
	for (uint32_t i = 0; i < s->config.nodes; i++) {
		char name[16];
		snprintf(name, sizeof name, "h%02u", i);
		world_add(
			s->w, i < 9 ? names[i] : name, i ? "alpha:7400" : NULL);
		world_start(s->w, i);
	}
}

/* Names three others in each skep.conf, as people do later. */
static void
name_others(struct storm *s)
{
	for (uint32_t i = 0; i < s->w->count; i++) {
		struct core_config *c = &s->w->hosts[i].config;
		c->join_count = 0;
		for (uint32_t k = 1; k <= 3 && k < s->w->count; k++)
			strcpy(c->join[c->join_count++],
				s->w->hosts[(i + k) % s->w->count].address);
	}
}

static void
set_rebalance(struct storm *s)
{
	char hold[16];
	if (!s->config.rebalance_s)
		return;
	snprintf(hold, sizeof hold, "%us", s->config.rebalance_s);
	world_request_with(
		s->w, 0, REQUEST_CLUSTER_SET, "rebalance_hold", hold, 0);
	world_request_with(
		s->w, 0, REQUEST_CLUSTER_SET, "rebalance", "auto", 0);
}

static void
begin(struct storm *s)
{
	static const char *const minorities[] = {
		"takeover", "keep", "freeze", "stop"};
	struct prng p;
	prng_init(&p, hash_mix(s->config.seed, hash_text("begin", 1)));
	add_hosts(s);
	world_run_until(s->w, FORM_LIMIT_MS, world_is_whole, NULL);
	name_others(s);
	if (s->config.minority)
		world_request_with(s->w, 0, REQUEST_CLUSTER_SET, "on_minority",
			minorities[s->config.minority], 0);
	set_rebalance(s);
	for (uint32_t i = 0; i < s->config.services; i++)
		work_apply(s, &p, 0, i);
	world_run(s->w, 5000);
	s->w->latency_min_ms = s->config.latency_min_ms;
	s->w->latency_max_ms = s->config.latency_max_ms;
}

static void
arm(struct storm *s, uint32_t i)
{
	uint64_t twice = (uint64_t)s->config.mean_ms[i] * 2;
	int64_t in_ms = 1 + (int64_t)prng_below(&s->runs[i].prng, twice);
	s->runs[i].next_at = mono_add(s->w->now, in_ms);
}

static void
arm_all(struct storm *s)
{
	const struct maker *m;
	for (uint32_t i = 0; (m = maker_at(i)); i++) {
		CHECK(i < MAKERS_MAX);
		prng_init(&s->runs[i].prng,
			hash_mix(s->config.seed, hash_text(m->name, 2)));
		s->runs[i].next_at = MONO_NEVER;
		if (s->config.mean_ms[i])
			arm(s, i);
	}
}

/* The maker that is due first. */
static uint32_t
first_maker(const struct storm *s)
{
	uint32_t best = 0;
	for (uint32_t i = 0; maker_at(i); i++)
		if (s->runs[i].next_at.ms < s->runs[best].next_at.ms)
			best = i;
	return best;
}

static void
run_to(struct storm *s, mono at)
{
	if (at.ms > s->w->now.ms)
		world_run(s->w, mono_diff(at, s->w->now));
}

/* What comes next happens; false when nothing does before 'end'. */
static bool
advance(struct storm *s, mono end)
{
	uint32_t maker = first_maker(s), i = first_pending(s);
	mono at = s->runs[maker].next_at;
	bool is_pending = i < s->pending_count && s->pending[i].at.ms <= at.ms;
	if (is_pending)
		at = s->pending[i].at;
	if (at.ms >= end.ms)
		return false;
	run_to(s, at);
	if (is_pending) {
		struct storm_pending it = s->pending[i];
		s->pending[i] = s->pending[--s->pending_count];
		it.fn(s, it.a, it.b);
	} else {
		maker_at(maker)->act(s, &s->runs[maker].prng);
		s->acts++;
		arm(s, maker);
	}
	return true;
}

static void
storm(struct storm *s)
{
	mono end = mono_add(s->w->now, s->config.storm_ms);
	arm_all(s);
	world_set_stalls(s->w, s->config.stall_permille);
	for (uint32_t i = 0; i < s->w->count; i++)
		world_starve(s->w, i, s->config.starve_percent);
	while (advance(s, end))
		;
	run_to(s, end);
	s->pending_count = 0;
}

static uint64_t
count_steps(const struct world *w)
{
	uint64_t n = 0;
	for (uint32_t i = 0; i < w->count; i++)
		n += w->hosts[i].steps;
	return n;
}

void
storm_run(const struct storm_config *config, bool is_loud,
	struct storm_result *out)
{
	struct prng p;
	struct storm *s = calloc(1, sizeof *s);
	CHECK(s);
	s->config = *config;
	struct world_options options =
		world_options_for(config->nodes, STORM_NAMES_MAX);
	s->w = world_new_with(config->seed, &options);
	memset(&out->stats, 0, sizeof out->stats);
	check_attach(s->w, &out->stats);
	world_record(s->w, getenv("RECORD"));
	if (is_loud)
		trace_attach(s->w);
	mono start = s->w->now;
	begin(s);
	world_enter(s->w, WORLD_PHASE_STORM);
	storm(s);
	prng_init(&p, hash_mix(config->seed, hash_text("core", 1)));
	converge_heal(s, &p);
	world_enter(s->w, WORLD_PHASE_HEALED);
	out->settle_ms = converge_wait(s, out->trouble);
	if (out->settle_ms < 0 && is_loud)
		converge_print(s);
	if (out->settle_ms >= 0)
		world_enter(s->w, WORLD_PHASE_SETTLED);
	out->hash = s->w->hash;
	out->simulated_ms = (uint64_t)mono_diff(s->w->now, start);
	out->steps = count_steps(s->w);
	out->core_count = 0;
	for (uint32_t i = 0; i < s->w->count; i++)
		out->core_count += s->hosts[i].is_core;
	world_disk_free(s->w, s->old_disk);
	world_free(s->w);
	free(s);
}
