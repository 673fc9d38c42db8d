/* P7, P8: what moves because another host ranks higher (core/rebalance.h).
 *
 * A departure is a move that a host begins by itself.  The books here are kept
 * from what a host sees at the ends of its steps: since when the same hosts
 * are eligible, and how often an instance has left it.  A node that starts
 * again has forgotten both.
 */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "tests/sim/check.h"

#define HOSTS 1024

/* What one host saw and did since its node began. */
struct keeper {
	bool has_begun;	   /* 'since' is known */
	bool has_looked;   /* 'eligible' is */
	uint64_t eligible; /* hash of the hosts that are, and their weights */
	mono since;	   /* by its own clock, since when that is so */
	struct keys departures; /* of an instance: how many, ... */
	struct keys last;	/* ... and when, by its clock in ms */
};

struct rebalances {
	struct check *k;
	struct keeper *keepers; /* owned */
};

static uint64_t
hash_eligible(const struct core *c)
{
	uint64_t sum = 0;
	for (member_id id = 0; id < c->members.count; id++) {
		struct place_host h = place_look_at_host(c, id);
		if (h.verdict == PLACE_ELIGIBLE)
			sum += hash_mix(h.name_hash, h.weight + 1);
	}
	return sum;
}

/* P7: nothing goes while hosts differ, from who is to keep what it has, to who
 * takes nothing, nor what is to stay. */
static void
check_allowed(struct rebalances *p, struct core *c, struct instance *i,
	const struct rebalance_move *m)
{
	struct service_value s;
	const char *why;
	member_id to = member_find(c, m->to);
	if (duty_is_gated(c, &why))
		world_violated(p->k->w, "P7", "%s sends %s away although %s",
			c->config.node, m->name, why);
	if (duty_intent(c, MEMBER_SELF) != INTENT_ACTIVE ||
		member_is_stalled(c, MEMBER_SELF))
		world_violated(p->k->w, "P7",
			"%s sends %s away, and is to keep what it has",
			c->config.node, m->name);
	if (to == MEMBER_NONE || !member_is_usable(c, to) ||
		duty_intent(c, to) != INTENT_ACTIVE || member_is_stalled(c, to))
		world_violated(p->k->w, "P7",
			"%s sends %s to %s, which takes nothing",
			c->config.node, m->name, m->to);
	if (!instance_service(c, i, &s) || s.policy.placement.is_sticky ||
		s.policy.type == TYPE_ONESHOT)
		world_violated(p->k->w, "P7",
			"%s sends %s away, which is to stay", c->config.node,
			m->name);
}

/* P7: nor before the hosts have been the same for the hold-down, nor again
 * before twice as long as the last time.  Whether it is news. */
static bool
check_time(struct rebalances *p, uint32_t host, const struct core *c,
	const struct rebalance_move *m)
{
	struct keeper *k = &p->keepers[host];
	int64_t hold_ms = c->settings.rebalance_hold_ms;
	uint64_t key = hash_text(m->name, 1);
	uint32_t *count = keys_at(&k->departures, key);
	uint32_t *last = keys_at(&k->last, key);
	uint32_t now_ms = (uint32_t)c->now.ms;
	if (*count && *last == now_ms)
		return false;
	if (mono_diff(c->now, k->since) < hold_ms)
		world_violated(p->k->w, "P7",
			"%s sends %s away %lld ms after its hosts changed",
			c->config.node, m->name,
			(long long)mono_diff(c->now, k->since));
	if (*count && (int64_t)(now_ms - *last) < hold_ms << *count)
		world_violated(p->k->w, "P7",
			"%s sends %s away for the %uth time, %lld ms after "
			"the last",
			c->config.node, m->name, *count + 1,
			(long long)(now_ms - *last));
	++*count;
	*last = now_ms;
	p->k->stats->rebalances++;
	return true;
}

/* Whether all hosts have heard each other well for a while. */
static bool
is_calm(const struct rebalances *p)
{
	for (uint32_t a = 0; a < p->k->w->count; a++)
		for (uint32_t b = 0; b < a; b++)
			if (check_pair_ms(p->k, a, b) < 30000)
				return false;
	return true;
}

/* P7: never more than a host may have under way, and, when their words pass
 * without trouble, the cluster. */
static void
check_count(struct rebalances *p, const struct core *c)
{
	struct world *w = p->k->w;
	uint32_t all = 0, max = c->settings.rebalance_max;
	if (c->rebalance.moving > max)
		world_violated(w, "P7", "%s moves %u at a time", c->config.node,
			c->rebalance.moving);
	for (uint32_t i = 0; i < w->count; i++)
		if (w->hosts[i].core)
			all += w->hosts[i].core->rebalance.moving;
	if (all > max && is_calm(p))
		world_violated(w, "P7", "%u move at a time", all);
}

static void
on_step(struct world *w, uint32_t host, const struct input *in,
	const struct effects *fx, void *context)
{
	struct rebalances *p = context;
	struct keeper *k = &p->keepers[host];
	struct core *c = w->hosts[host].core;
	const struct rebalance *r = &c->rebalance;
	(void)in;
	(void)fx;
	CHECK(host < HOSTS);
	if (!k->has_begun)
		k->since = c->now;
	k->has_begun = true;
	if (c->settings.rebalance != REBALANCE_AUTO || !c->is_booted)
		return;
	uint64_t eligible = hash_eligible(c);
	if (eligible != k->eligible && k->has_looked)
		k->since = c->now;
	k->eligible = eligible;
	k->has_looked = true;
	for (uint32_t n = 0; n < r->moving; n++) {
		const struct rebalance_move *m = &r->moves[n];
		struct instance *i = instance_find(c, m->name);
		mono begun = mono_add(m->until, -REBALANCE_MOVE_MS);
		if (!i || begun.ms != c->now.ms)
			continue;
		if (!check_time(p, host, c, m))
			continue;
		check_allowed(p, c, i, m);
		check_count(p, c);
	}
}

static void
forget(struct keeper *k)
{
	keys_fini(&k->departures);
	keys_fini(&k->last);
	memset(k, 0, sizeof *k);
}

static void
on_fault(struct world *w, const struct world_fault_event *event, void *context)
{
	struct rebalances *p = context;
	if (event->what != WORLD_FAULT_START || event->a >= w->count)
		return;
	forget(&p->keepers[event->a]);
}

/* --- Ends of phases --- */

bool
check_is_due(struct world *w, uint32_t host, struct instance *i, int64_t in_ms)
{
	struct core *c = w->hosts[host].core;
	struct service_value s;
	member_id from, to;
	const char *why;
	if (c->settings.rebalance != REBALANCE_AUTO ||
		!instance_service(c, i, &s))
		return false;
	if (rebalance_look(c, i, &s, &from, &to) != REBALANCE_GOES ||
		from != MEMBER_SELF || duty_is_gated(c, &why))
		return false;
	uint32_t x = world_find(w, member_get(c, to)->name);
	return x != WORLD_NO_HOST && w->hosts[x].core &&
	       !w->hosts[x].is_aside &&
	       mono_reached(rebalance_due_at(c, i), mono_add(c->now, in_ms));
}

/* P8: at rest everything runs on its best host, but for what has a reason. */
static void
on_phase(struct world *w, enum world_phase phase, void *context)
{
	struct rebalances *p = context;
	if (phase != WORLD_PHASE_SETTLED)
		return;
	for (uint32_t a = 0; a < w->count; a++) {
		struct core *c = check_core(p->k, a);
		if (!c)
			continue;
		list_each (l, &c->instances.all) {
			struct instance *i =
				container_of(l, struct instance, in_all);
			if (check_is_due(w, a, i, 0))
				world_violated(w, "P8",
					"%s keeps %s, which belongs elsewhere",
					c->config.node, i->name);
		}
	}
}

static void
on_end(struct world *w, void *context)
{
	struct rebalances *p = context;
	(void)w;
	for (uint32_t i = 0; i < HOSTS; i++)
		forget(&p->keepers[i]);
	free(p->keepers);
	free(p);
}

void
check_rebalance(struct check *k)
{
	struct rebalances *p = calloc(1, sizeof *p);
	CHECK(p);
	p->k = k;
	p->keepers = calloc(HOSTS, sizeof *p->keepers);
	CHECK(p->keepers);
	world_observe(k->w, &(struct world_observer){
				    .name = "rebalance",
				    .on_step = on_step,
				    .on_fault = on_fault,
				    .on_phase = on_phase,
				    .on_end = on_end,
				    .context = p,
			    });
}
