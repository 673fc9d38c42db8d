/* P1 to P6: where instances belong.
 *
 * P4 (balance within 1 + 4 / sqrt(names per host)) is a property of the ranks
 * of many names and of no single step: tests/place and test_place_hrw have
 * it.  What runs is sticky, so after a storm it need not be balanced.
 */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "core/wire.h"
#include "tests/sim/check.h"

/* Ranks are compared for so many instances of a host at an end of a phase. */
#define SAMPLES 64
/* What a host's core keeps about the others is computed anew so often. */
#define LOOK_EVERY 64 /* steps */
#define RANKS	   4096

struct places {
	struct check *k;
	member_id ranks[RANKS];
	member_id others[RANKS];
};

/* P6: a host that holds back starts nothing that it did not have.  What it
 * held before the step may start again (a restart in place). */
static void
check_lonely(struct places *p, uint32_t host, const struct effect_start *s)
{
	const struct core *c = p->k->w->hosts[host].core;
	enum member_hold hold = member_hold_now(c);
	enum row_state before = check_row_before(p->k, host, s->name);
	bool was_own = row_state_is_held(before) ||
		       (hold == HOLD_KEEP && before == ROW_STOPPED);
	if (hold == HOLD_NONE || hold == HOLD_LEAVING || was_own)
		return;
	world_violated(p->k->w, "P6", "%s starts %s while it is %s",
		c->config.node, s->name, member_hold_name(hold));
}

/* P6, counted anew: whoever lost more than half of the view that losses count
 * from starts nothing new, whatever it calls its hold. */
static void
check_loss(struct places *p, uint32_t host, const struct effect_start *s)
{
	const struct core *c = p->k->w->hosts[host].core;
	uint32_t total = 0, lost = 0;
	for (member_id id = 0; id < c->members.count; id++) {
		const struct member *m = member_get(c, id);
		bool is_here = member_is_present(c, id);
		if (m->state == MEMBER_LEFT || !(m->is_in_stable || is_here))
			continue;
		total++;
		lost += !is_here && !m->is_confirmed_down;
	}
	if (lost * 2 > total && member_hold_now(c) == HOLD_NONE &&
		check_row_before(p->k, host, s->name) == ROW_NONE)
		world_violated(p->k->w, "P6",
			"%s starts %s although it lost %u of %u hosts",
			c->config.node, s->name, lost, total);
}

/* P3: nobody starts anew what it may not have.  What it held before, what is
 * handed to it, and what begins with a state that waited on it while an
 * operator had it stopped, it may start whatever is said of it meanwhile: to
 * start that elsewhere would give the state up (promise 2). */
static void
check_eligible(struct places *p, uint32_t host, const struct effect_start *s)
{
	struct core *c = p->k->w->hosts[host].core;
	const struct instance *i = instance_find(c, s->name);
	struct service_value v;
	enum row_state before = check_row_before(p->k, host, s->name);
	bool was_waiting = before == ROW_STOPPED && s->has_state;
	if (row_state_is_held(before) || was_waiting || !i ||
		!instance_service(c, i, &v))
		return;
	if (duty_intent(c, MEMBER_SELF) == INTENT_CORDONED)
		world_violated(p->k->w, "P3", "%s starts %s, and is cordoned",
			c->config.node, s->name);
	enum place_verdict verdict = place_verdict(c, s->name, &v, MEMBER_SELF);
	/* P5: not more of one service on a host than it allows. */
	if (verdict == PLACE_FULL)
		world_violated(p->k->w, "P5", "%s starts one %s too many",
			c->config.node, s->name);
	/* A drain takes back what nobody else can take. */
	bool is_back = verdict == PLACE_DRAINING &&
		       duty_host(c, (struct instance *)(uintptr_t)i, &v) ==
			       MEMBER_NONE;
	if (verdict != PLACE_ELIGIBLE && !is_back)
		world_violated(p->k->w, "P3", "%s starts %s, and %s",
			c->config.node, s->name, place_verdict_text(verdict));
}

/* P1: nobody starts what it did not have before the hosts agree on who is
 * there, and all that those hold is known here; until waiting for that has
 * reached its bound, or whoever has it asks for it. */
static void
check_informed(struct places *p, uint32_t host, const struct effect_start *s)
{
	const struct core *c = p->k->w->hosts[host].core;
	if (check_row_before(p->k, host, s->name) != ROW_NONE ||
		c->duty.is_gate_overrun)
		return;
	if (!member_is_view_agreed(c))
		world_violated(p->k->w, "P1",
			"%s starts %s while views of the members differ",
			c->config.node, s->name);
	for (member_id id = 1; id < c->members.count; id++)
		if (member_is_present(c, id) && !registry_is_complete(c, id))
			world_violated(p->k->w, "P1",
				"%s starts %s and does not know what %s holds",
				c->config.node, s->name,
				member_get(c, id)->name);
}

static void
on_step(struct world *w, uint32_t host, const struct input *in,
	const struct effects *fx, void *context)
{
	struct places *p = context;
	const struct host *h = &w->hosts[host];
	if (h->steps % LOOK_EVERY == 0)
		place_check(h->core);
	if (in->kind == INPUT_BOOT)
		return; /* what it had is not in its log yet */
	bool is_asked = in->kind == INPUT_RECV &&
			in->recv.type == WIRE_HANDOFF_BEGIN;
	for (size_t i = 0; i < fx->count; i++)
		if (fx->items[i].kind == EFFECT_START) {
			check_lonely(p, host, &fx->items[i].start);
			check_eligible(p, host, &fx->items[i].start);
			check_loss(p, host, &fx->items[i].start);
			if (!is_asked)
				check_informed(p, host, &fx->items[i].start);
		}
}

/* --- Ends of phases --- */

static uint64_t
score_of(const struct core *c, uint64_t hash, member_id id)
{
	struct node_facts facts;
	facts_get(c, id, &facts);
	return place_hrw_score(
		hash, hash_text(member_get(c, id)->name, 0), facts.weight);
}

static uint32_t
count_eligible(struct core *c)
{
	uint32_t n = 0;
	for (member_id id = 0; id < c->members.count; id++)
		n += place_look_at_host(c, id).verdict == PLACE_ELIGIBLE;
	return n;
}

/* P2: each host's score comes from the two names and its weight alone, so one
 * more or less moves nothing between the others.  (Replicas share the ranks of
 * their service and begin with different ones: theirs go round once.) */
static void
check_order(struct places *p, struct core *c, const struct instance *i,
	uint32_t count)
{
	bool is_shared = i->ordinal < count_eligible(c);
	uint64_t hash = hash_text(is_shared ? i->service : i->name, 0);
	uint32_t rounds = 0;
	for (uint32_t n = 0; n < count; n++) {
		uint64_t next = score_of(c, hash, p->ranks[(n + 1) % count]);
		rounds += next < score_of(c, hash, p->ranks[n]);
		/* Only who begins further down ends with the best ones. */
		bool may_end = n + 1 == count || (is_shared && i->ordinal > 0);
		if (rounds > 1 || (rounds == 1 && !may_end))
			world_violated(p->k->w, "P2",
				"%s ranks %s against the scores",
				c->config.node, i->name);
	}
}

/* P1: the same names in the same order. */
static void
check_equal(struct places *p, const struct core *a, const struct core *b,
	const char *name, uint32_t count, uint32_t other)
{
	uint32_t n = 0;
	while (n < count && n < other &&
		!strcmp(member_get(a, p->ranks[n])->name,
			member_get(b, p->others[n])->name))
		n++;
	if (n == count && n == other)
		return;
	world_violated(p->k->w, "P1",
		"%s ranks %s at %u of %u for %s, and %s %s at %u of %u",
		a->config.node,
		n < count ? member_get(a, p->ranks[n])->name : "nobody", n,
		count, name, b->config.node,
		n < other ? member_get(b, p->others[n])->name : "nobody", n,
		other);
}

/* Whether two hosts were told the same about every other one; ranks are equal
 * where inputs are.  That a store stalls goes from host to host, a heartbeat
 * later here than there.  The rows of a host outside the healed core reach
 * those who can talk with it; that those of the core reach everybody is R5. */
static bool
is_told_the_same(const struct core *a, const struct core *b)
{
	for (member_id x = 1; x < a->members.count; x++) {
		member_id y = member_find(b, member_get(a, x)->name);
		if (y == MEMBER_NONE || y == MEMBER_SELF)
			continue;
		const struct origin *here = &a->registry.origins[x];
		const struct origin *there = &b->registry.origins[y];
		if (member_is_stalled(a, x) != member_is_stalled(b, y) ||
			here->incarnation != there->incarnation ||
			here->position != there->position)
			return false;
	}
	return true;
}

static void
check_ranks(struct places *p, struct core *a, struct core *b)
{
	uint32_t samples = 0;
	struct service_value v;
	bool is_same = is_told_the_same(a, b);
	list_each (l, &a->instances.all) {
		const struct instance *i =
			container_of(l, struct instance, in_all);
		const struct instance *j = instance_find(b, i->name);
		if (samples == SAMPLES)
			return;
		if (!instance_service(a, i, &v))
			continue;
		samples++;
		uint32_t count = place_rank(a, i->name, &v, p->ranks, RANKS);
		if (!strcmp(v.policy.placement.strategy, "hrw"))
			check_order(p, a, i, count);
		if (!j || !instance_service(b, j, &v))
			world_violated(p->k->w, "P1", "%s does not know %s",
				b->config.node, i->name);
		if (is_same)
			check_equal(p, a, b, i->name, count,
				place_rank(b, i->name, &v, p->others, RANKS));
	}
}

/* Whether an instance could go where it belongs: that host is healed too, and
 * the service did not answer that it wants to be left here (DESIGN 8). */
static bool
can_go(struct world *w, uint32_t host, struct instance *i,
	const struct service_value *v)
{
	struct core *c = w->hosts[host].core;
	const struct process *process = world_process(w, host, i->name);
	member_id to = duty_host(c, i, v);
	if (to == MEMBER_NONE || (process && process->answer == ANSWER_IGNORE))
		return false;
	uint32_t x = world_find(w, member_get(c, to)->name);
	return x != WORLD_NO_HOST && w->hosts[x].core && !w->hosts[x].is_aside;
}

bool
check_is_misplaced(struct world *w, uint32_t host, struct instance *i)
{
	struct core *c = w->hosts[host].core;
	struct service_value v;
	return i->state == INSTANCE_READY && instance_service(c, i, &v) &&
	       place_verdict(c, i->name, &v, MEMBER_SELF) == PLACE_NOT_PINNED &&
	       can_go(w, host, i, &v);
}

/* P3: nothing runs where it may not be, unless it can be nowhere else.  (A
 * drain has its own bound, and says itself when it is over: V9.) */
static void
check_running(struct places *p, uint32_t host)
{
	struct core *c = p->k->w->hosts[host].core;
	list_each (l, &c->instances.all) {
		struct instance *i = container_of(l, struct instance, in_all);
		if (check_is_misplaced(p->k->w, host, i))
			world_violated(p->k->w, "P3",
				"%s runs %s, which is pinned elsewhere",
				c->config.node, i->name);
	}
}

static void
on_phase(struct world *w, enum world_phase phase, void *context)
{
	struct places *p = context;
	struct core *first = NULL;
	if (phase != WORLD_PHASE_SETTLED)
		return;
	for (uint32_t a = 0; a < w->count; a++) {
		struct core *c = check_core(p->k, a);
		if (!c)
			continue;
		if (first)
			check_ranks(p, first, c);
		else
			first = c;
		check_running(p, a);
	}
}

static void
on_end(struct world *w, void *context)
{
	(void)w;
	free(context);
}

void
check_place(struct check *k)
{
	struct places *p = calloc(1, sizeof *p);
	CHECK(p);
	p->k = k;
	world_observe(k->w, &(struct world_observer){
				    .name = "place",
				    .on_step = on_step,
				    .on_phase = on_phase,
				    .on_end = on_end,
				    .context = p,
			    });
}
