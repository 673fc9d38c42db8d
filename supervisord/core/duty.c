#include "core/duty.h"

#include <string.h>

#include "base/hash.h"
#include "base/name_part.h"
#include "core/core_private.h"
#include "core/depends.h"

size_t
duty_need(const struct core_limits *l)
{
	return arena_need(l->members_max, sizeof(member_id));
}

void
duty_init(struct core *c)
{
	c->duty.ranks =
		arena_take(&c->arena, c->limits.members_max, sizeof(member_id));
	list_init(&c->duty.dirty);
	list_init(&c->duty.waiting);
	list_init(&c->duty.held);
	c->duty.gate_since = MONO_NEVER;
	c->duty.expect_until = MONO_NEVER;
	c->duty.drain_until = MONO_NEVER;
}

/* --- Marks --- */

static void
mark(struct core *c, struct instance *i)
{
	list_remove(&i->in_dirty);
	list_append(&c->duty.dirty, &i->in_dirty);
}

void
duty_mark(struct core *c, const char *instance)
{
	struct instance *i = instance_find(c, instance);
	if (i)
		mark(c, i);
	c->duty.is_held_dirty = c->duty.is_ending_dirty = true;
	c->rebalance.is_dirty = true;
	if (c->duty.is_draining)
		c->duty.is_drain_dirty = true;
}

void
duty_know(struct core *c, const struct row *row)
{
	if (row->is_shown && !row->is_deleted &&
		row->value.kind == ROW_INSTANCE &&
		row_state_is_held(row->value.state) &&
		row->origin != MEMBER_SELF && member_is_present(c, row->origin))
		instance_ensure(c, row->name);
}

void
duty_know_host(struct core *c, member_id id)
{
	const struct row *row = registry_walk(c, id, NULL);
	for (; row; row = registry_walk(c, id, row))
		duty_know(c, row);
}

void
duty_mark_siblings(struct core *c, const char *instance, bool has_left_us)
{
	char service[INSTANCE_NAME_MAX + 1];
	if (has_left_us)
		rest_on_left(c, instance);
	/* What we start makes nothing ours, and what waits asks again. */
	if (c->duty.is_starting)
		return;
	struct instance *i = instance_find(c, instance);
	if (i && i->is_declared && !i->is_limited)
		return; /* as all of its service that are wanted */
	instance_service_name(instance, service);
	i = instance_of_service(c, service);
	for (; i; i = instance_next_of_service(c, i))
		if (i->is_limited && !instance_is_held(i))
			mark(c, i);
}

void
duty_mark_all(struct core *c)
{
	place_forget_hosts(c);
	c->duty.is_all_dirty = true;
	c->duty.is_drain_dirty = true;
	c->rebalance.is_dirty = true;
}

void
duty_wait(struct core *c, struct instance *inst)
{
	struct duty *d = &c->duty;
	list_remove(&inst->in_dirty);
	list_append(&d->waiting, &inst->in_dirty);
	if (d->gate_since.ms == MONO_NEVER.ms)
		d->gate_since = c->now;
}

/* Makes sure that every instance of a service has a slot. */
static void
declare(struct core *c, const char *name, const struct spec_policy *p)
{
	char full[INSTANCE_NAME_MAX + 1];
	tracked_mark_name(c, name);
	claim_mark_name(c, name);
	for (uint32_t n = 0; n < p->instance_count; n++) {
		policy_instance_name(p, name, n, full);
		tracked_mark_name(c, full);
		struct instance *i = instance_find(c, full);
		if (!i)
			i = instance_add(c, full, name, n);
		if (!i) {
			core_note(c, NOTE_REPAIR, full, 0,
				"the table of instances is full: "
				"raise names_max");
			return;
		}
		i->ordinal = n;
		i->is_declared = true;
		i->is_limited = p->placement.max_per_host != 0;
		i->seen_round = c->duty.round;
		instance_on_declared(c, i);
		changes_on_instance(c, full);
		mark(c, i);
	}
}

/* Takes the declaration from the instances that this round did not see. */
static void
undeclare(struct core *c, const char *name)
{
	struct instance *i = instance_of_service(c, name);
	for (; i; i = instance_next_of_service(c, i)) {
		if (i->seen_round == c->duty.round)
			continue;
		i->is_declared = false;
		mark(c, i);
	}
}

void
duty_mark_service(struct core *c, const char *name)
{
	if (name_is_of_several(name)) {
		duty_mark(c, name);
		return;
	}
	struct service_value s;
	const struct entry *e = specs_find(c, ENTRY_SERVICE, name);
	c->duty.is_held_dirty = true;
	c->duty.round++;
	if (e && !specs_service(c, e, &s))
		return; /* of a newer version: what runs goes on */
	if (e)
		declare(c, name, &s.policy);
	undeclare(c, name);
}

void
duty_on_boot(struct core *c)
{
	const struct entry *e = NULL;
	while ((e = specs_walk(c, ENTRY_SERVICE, e)) != NULL)
		duty_mark_service(c, e->name);
	duty_mark_all(c);
	duty_on_expected(c);
}

void
duty_on_expected(struct core *c)
{
	mono until = mono_add(c->now, c->settings.settle_timeout_ms);
	c->duty.expect_until = mono_min(c->duty.expect_until, until);
}

/* --- The gate --- */

/* The sentence why starts are held back, or NULL when they are not. */
static const char *
gate_reason(struct core *c)
{
	if (member_hold_now(c) != HOLD_NONE)
		return c->members.hold_text;
	if (!member_is_view_agreed(c))
		return "the hosts do not agree yet on who is alive";
	for (member_id id = 1; id < c->members.count; id++)
		if (member_is_present(c, id) && !registry_is_complete(c, id))
			return effects_format(&c->fx,
				"the registry of %s is not complete here yet",
				member_get(c, id)->name);
	return NULL;
}

bool
duty_is_gated(struct core *c, const char **why_out)
{
	const char *why = gate_reason(c);
	*why_out = why ? why : "";
	return why != NULL;
}

/* Whether starts may go ahead: the gate is open, or its bound has passed. A
 * hold has its own bound and is never overrun. */
static bool
may_start(struct core *c)
{
	struct duty *d = &c->duty;
	const char *why = gate_reason(c);
	if (!why) {
		/* What is still waiting then waits for the budget. */
		d->gate_since = c->now;
		d->is_gate_overrun = false;
		return true;
	}
	if (member_hold_now(c) != HOLD_NONE) {
		d->gate_since = c->now;
		return false;
	}
	if (mono_diff(c->now, d->gate_since) < GATE_MAX_MS)
		return false;
	if (!d->is_gate_overrun)
		core_note(c, NOTE_REPAIR, c->config.node, 0,
			effects_format(&c->fx,
				"starts go ahead after %d s although %s",
				(int64_t)GATE_MAX_MS / 1000, why));
	d->is_gate_overrun = true;
	d->gate_overruns++;
	return true;
}

/* Under on_minority = keep a host starts what was its own, nothing else. */
static bool
is_own_under_keep(struct core *c, const struct instance *i)
{
	return member_hold_now(c) == HOLD_KEEP && i->is_remembered;
}

static bool
has_room(struct core *c)
{
	return effects_has_room(&c->fx, 256, SPEC_BODY_MAX + FRAME_MAX / 4);
}

/* Whether something that it depends on is missing, or what it is to begin with;
 * then it is held. */
static bool
hold_back(struct core *c, struct instance *i, const struct service_value *s)
{
	const char *why = depends_unmet(c, &s->policy);
	if (!why)
		why = checkpoint_missing(c, i, s);
	if (!why)
		why = checkpoint_unfit(c, i, s);
	if (!why && i->is_held_back)
		instance_set_note(c, i, "");
	bool is_news = why && (!i->note || strcmp(i->note, why) != 0);
	i->is_held_back = why != NULL;
	if (!why)
		return false;
	if (is_news)
		core_note(c, NOTE_WAITING, i->name, 0, why);
	instance_set_note(c, i, why);
	list_remove(&i->in_dirty);
	list_append(&c->duty.held, &i->in_dirty);
	return true;
}

/* Lets all that is held have another look. */
static void
look_at_held(struct core *c)
{
	struct duty *d = &c->duty;
	if (!d->is_held_dirty)
		return;
	d->is_held_dirty = false;
	list_each_safe (l, &d->held)
		duty_wait(c, container_of(l, struct instance, in_dirty));
}

/* Whether starting it takes it over from a host that is gone. */
static bool
is_takeover(const struct core *c, const struct instance *i)
{
	if (i->is_remembered || !i->last_owner[0])
		return false;
	member_id owner = member_find(c, i->last_owner);
	return owner == MEMBER_NONE || !member_is_present(c, owner);
}

/* When the next take-over may be: each one is paid for with its share of
 * time, up to a burst in advance (the generic cell rate algorithm). */
static mono
takeover_at(const struct core *c)
{
	return mono_add(c->duty.takeover_paid,
		-(int64_t)(TAKEOVER_BURST - 1) * TAKEOVER_EVERY_MS);
}

/* Pays for a take-over; false when its turn has not come. */
static bool
pay_takeover(struct core *c)
{
	struct duty *d = &c->duty;
	if (!mono_reached(takeover_at(c), c->now)) {
		d->is_takeover_due = true;
		return false;
	}
	if (d->takeover_paid.ms < c->now.ms)
		d->takeover_paid = c->now;
	d->takeover_paid = mono_add(d->takeover_paid, TAKEOVER_EVERY_MS);
	return true;
}

/* What it is to begin with does not come here: the next rank may have more
 * luck with this very spec. */
static void
pass_on(struct core *c, struct instance *i, const struct service_value *s)
{
	struct override_value o;
	instance_override(c, i, &o);
	list_remove(&i->in_dirty);
	i->run_digest = s->run_digest;
	i->seen_restart = o.restart_generation;
	instance_refuse(c, i, "its last checkpoint does not come here");
}

/* Whether it has to wait although the bound of the gate has passed: one of
 * those that this was about says that it runs there. */
static bool
is_elsewhere(const struct core *c, const struct instance *i)
{
	return c->duty.is_gate_overrun && !instance_is_held(i) &&
	       running_is_said(c, i);
}

/* Starts one whose turn has come, or puts it where it waits on. */
static void
start_one(struct core *c, struct instance *i)
{
	struct service_value s;
	bool can = !instance_is_held(i) || instance_is_waiting(i) ||
		   instance_is_over(i);
	if (!can || !instance_service(c, i, &s)) {
		list_remove(&i->in_dirty);
		return;
	}
	if (checkpoint_is_out_of_reach(c, i, &s)) {
		pass_on(c, i, &s);
		return;
	}
	if (hold_back(c, i, &s) || (is_takeover(c, i) && !pay_takeover(c)))
		return;
	list_remove(&i->in_dirty);
	if (instance_is_over(i))
		instance_reset(c, i);
	/* What started before it in this round may have filled us. */
	if (s.policy.placement.max_per_host && !instance_is_held(i) &&
		!i->is_draining_out && duty_host(c, i, &s) != MEMBER_SELF)
		mark(c, i);
	else
		instance_start(c, i, &s);
}

/* Starts what waits, as far as gate, budget and rate allow. */
static void
start_waiting(struct core *c)
{
	struct duty *d = &c->duty;
	if (list_is_empty(&d->waiting)) {
		d->gate_since = MONO_NEVER;
		return;
	}
	bool is_open = may_start(c);
	d->is_takeover_due = false;
	/* What changed may stand against it, and is looked at first. */
	if (d->is_all_dirty && !mono_reached(d->all_at, c->now))
		return;
	d->is_starting = true;
	list_each_safe (l, &d->waiting) {
		struct instance *i = container_of(l, struct instance, in_dirty);
		if (d->starting >= START_BUDGET || !has_room(c))
			break;
		bool may =
			is_open ? !is_elsewhere(c, i) : is_own_under_keep(c, i);
		if (may)
			start_one(c, i);
	}
	d->is_starting = false;
}

void
duty_run(struct core *c)
{
	struct duty *d = &c->duty;
	if (d->is_all_dirty && mono_reached(d->all_at, c->now)) {
		d->is_all_dirty = false;
		d->all_at = mono_add(
			c->now, (int64_t)(c->instances.count / ALL_PER_MS));
		rebalance_on_topology(c);
		handoff_on_topology(c);
		drain_refresh(c);
		list_each (l, &c->instances.all)
			mark(c, container_of(l, struct instance, in_all));
	}
	place_begin_round(c);
	while (!list_is_empty(&d->dirty) && has_room(c)) {
		struct instance *i =
			container_of(d->dirty.next, struct instance, in_dirty);
		list_remove(&i->in_dirty);
		group_follow(c, i);
		duty_decide(c, i);
	}
	look_at_held(c);
	start_waiting(c);
	place_end_round(c);
	drain_run(c);
	rebalance_run(c);
	ending_run(c);
}

void
duty_on_tick(struct core *c)
{
	if (c->duty.is_draining && mono_reached(c->duty.drain_until, c->now))
		c->duty.is_drain_dirty = true;
	if (mono_reached(c->duty.expect_until, c->now)) {
		c->duty.expect_until = member_expected_until(c);
		duty_mark_all(c);
	}
}

mono
duty_deadline(const struct core *c)
{
	const struct duty *d = &c->duty;
	if (!list_is_empty(&d->dirty) || (d->is_ending && d->is_ending_dirty))
		return c->now;
	mono at = mono_min(drain_deadline(c), d->expect_until);
	at = mono_min(at, rebalance_deadline(c));
	if (d->is_all_dirty)
		return mono_min(at,
			mono_reached(d->all_at, c->now) ? c->now : d->all_at);
	if (list_is_empty(&d->waiting) || d->starting >= START_BUDGET)
		return at;
	if (!has_room((struct core *)(uintptr_t)c))
		return c->now;
	if (d->is_takeover_due)
		at = mono_min(at, takeover_at(c));
	/* News open the gate; only its bound needs a timer. */
	mono bound = mono_add(d->gate_since, GATE_MAX_MS);
	if (mono_reached(bound, c->now))
		bound = mono_add(c->now, 1000);
	return mono_min(at, bound);
}

/* --- Schedules --- */

void
duty_on_due(struct core *c, const struct input_due *in)
{
	struct instance *i = instance_of_service(c, in->service);
	for (; i; i = instance_next_of_service(c, i)) {
		if (in->slot <= i->due_slot)
			continue;
		i->due_slot = in->slot;
		mark(c, i);
	}
}

/* Whether a host that is gone had begun this run and not ended it. */
static bool
is_cut_off(const struct core *c, const struct row *r)
{
	return row_state_is_held(r->value.state) &&
	       r->value.state != ROW_EXITED && r->value.state != ROW_FAILED &&
	       !member_is_present(c, r->origin);
}

int64_t
duty_slot(struct core *c, const struct instance *inst,
	const struct service_value *service)
{
	int64_t begun = inst->slot, cut_off = 0;
	const struct row *r = registry_first(c, ROW_INSTANCE, inst->name);
	if (!policy_is_scheduled(&service->policy))
		return 0;
	for (; r; r = registry_next(c, r)) {
		if (row_run(r)->slot > begun)
			begun = row_run(r)->slot;
		if (is_cut_off(c, r) && row_run(r)->slot > cut_off)
			cut_off = row_run(r)->slot;
	}
	if (inst->due_slot > begun)
		return inst->due_slot;
	bool may_repeat = service->policy.restart.policy != RESTART_NEVER;
	return may_repeat && cut_off == begun ? cut_off : 0;
}

/* --- Hosts --- */

enum node_intent
duty_intent(const struct core *c, member_id id)
{
	struct node_value v;
	const struct entry *e =
		specs_find(c, ENTRY_NODE, member_get(c, id)->name);
	return e && specs_get_node(e, &v) ? v.intent : INTENT_ACTIVE;
}

/* Rank of a row's host for its instance, the way hrw sees it. */
static uint64_t
score_of(const struct core *c, const struct row *r)
{
	struct node_facts facts;
	facts_get(c, r->origin, &facts);
	return place_hrw_score(hash_text(r->name, 0),
		hash_text(member_get(c, r->origin)->name, 0), facts.weight);
}

/* Whether row 'a' wins against 'b' (may be NULL) when both claim to hold the
 * instance: the highest epoch, then the rank, then the name.  Clocks have no
 * say, and every host comes to the same answer. */
static bool
is_winner(const struct core *c, const struct row *a, const struct row *b)
{
	if (!b || a->value.epoch != b->value.epoch)
		return !b || a->value.epoch > b->value.epoch;
	uint64_t score_a = score_of(c, a), score_b = score_of(c, b);
	if (score_a != score_b)
		return score_a < score_b;
	return strcmp(member_get(c, a->origin)->name,
		       member_get(c, b->origin)->name) < 0;
}

member_id
duty_holder(struct core *c, const char *instance, uint32_t *copies_out)
{
	const struct row *best = NULL;
	uint32_t copies = 0;
	const struct row *r = registry_first(c, ROW_INSTANCE, instance);
	for (; r; r = registry_next(c, r)) {
		if (!row_state_is_held(r->value.state) ||
			!member_is_present(c, r->origin))
			continue;
		copies++;
		if (is_winner(c, r, best))
			best = r;
	}
	if (copies_out)
		*copies_out = copies;
	return best ? best->origin : MEMBER_NONE;
}

/* Whether 'id' is among the ranks. */
static bool
is_ranked(const member_id *ranks, uint32_t count, member_id id)
{
	for (uint32_t i = 0; i < count; i++)
		if (ranks[i] == id)
			return true;
	return false;
}

/* The ranked host that remembers the highest epoch, or MEMBER_NONE. */
static member_id
last_owner(struct core *c, const char *instance, const member_id *ranks,
	uint32_t count)
{
	const struct row *best = NULL;
	const struct row *r = registry_first(c, ROW_INSTANCE, instance);
	for (; r; r = registry_next(c, r))
		if (r->value.state == ROW_STOPPED &&
			is_ranked(ranks, count, r->origin) &&
			is_winner(c, r, best))
			best = r;
	return best ? best->origin : MEMBER_NONE;
}

member_id
duty_state_host(const struct core *c, const char *instance)
{
	const struct row *best = NULL;
	const struct row *r = registry_first(c, ROW_INSTANCE, instance);
	for (; r; r = registry_next(c, r)) {
		/* Who gave it up, or could not run it, has nothing newer. */
		bool counts = row_state_is_held(r->value.state) ||
			      r->value.state == ROW_STOPPED;
		if (counts && member_is_present(c, r->origin) &&
			is_winner(c, r, best))
			best = r;
	}
	return best && row_has_state(best) ? best->origin : MEMBER_NONE;
}

/* Of the ranked hosts the one that an operator moved it to, else the one that
 * had it last, else the first. */
static member_id
choose(struct core *c, struct instance *inst, const member_id *ranks,
	uint32_t count)
{
	struct override_value o;
	if (count == 0)
		return MEMBER_NONE;
	instance_override(c, inst, &o);
	member_id moved =
		o.move_to[0] ? member_find(c, o.move_to) : MEMBER_NONE;
	if (moved != MEMBER_NONE && is_ranked(ranks, count, moved))
		return moved;
	member_id owner = last_owner(c, inst->name, ranks, count);
	return owner != MEMBER_NONE ? owner : ranks[0];
}

member_id
duty_host(struct core *c, struct instance *inst,
	const struct service_value *service)
{
	member_id with_state = duty_state_host(c, inst->name);
	if (with_state != MEMBER_NONE)
		return with_state;
	member_id *ranks = c->duty.ranks;
	uint32_t count = place_rank_first(
		c, inst->name, service, ranks, c->limits.members_max);
	return choose(c, inst, ranks, count);
}

member_id
duty_host_without(struct core *c, struct instance *inst,
	const struct service_value *service, member_id id)
{
	member_id with_state = duty_state_host(c, inst->name);
	if (with_state != MEMBER_NONE && with_state != id)
		return with_state;
	member_id *ranks = c->duty.ranks;
	uint32_t count = place_rank_without(
		c, inst->name, service, id, ranks, c->limits.members_max);
	return choose(c, inst, ranks, count);
}
