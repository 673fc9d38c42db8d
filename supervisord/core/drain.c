/* Our own drain: what is left, and when "drained" is true.
 *
 * Drained means (promise 3): nothing of ours runs here, and what was ready
 * before is ready elsewhere.  Which that is, the OWNER records keep, so that
 * a restart of the node in the midst does not forget it.  What ended for good
 * and what operators stopped or deleted meanwhile no longer counts.
 */
#include <string.h>

#include "core/core_private.h"

bool
drain_is_on(const struct core *c)
{
	return c->duty.is_draining;
}

bool
drain_is_moving(const struct core *c, const struct instance *inst)
{
	return handoff_is_busy(c, inst->name) || inst->is_draining_out ||
	       (inst->state == INSTANCE_STOPPING &&
		       inst->purpose == STOP_LEAVE);
}

bool
drain_has_turn(const struct core *c)
{
	const struct duty *d = &c->duty;
	return d->drain_parallel == 0 || d->drain_moving < d->drain_parallel;
}

/* Instances here that must go, everything held but what ended for good, and
 * those that went before our node started again. */
static uint32_t
count_left(const struct core *c)
{
	uint32_t n = 0;
	list_each (l, &c->instances.all) {
		const struct instance *i =
			container_of(l, struct instance, in_all);
		n += (instance_is_held(i) && i->state != INSTANCE_EXITED) ||
		     i->is_draining_out;
	}
	return n;
}

static void
set_progress(struct core *c, enum drain_progress progress, const char *text)
{
	if (c->duty.progress == progress)
		return;
	c->duty.progress = progress;
	core_note(c, NOTE_NODE_STATE, c->config.node, 0, text);
}

static void
begin(struct core *c, const struct node_value *v)
{
	struct duty *d = &c->duty;
	d->is_draining = true;
	place_forget_hosts(c);
	d->is_drain_dirty = true;
	d->drain_total = count_left(c);
	d->drain_left = d->drain_total;
	set_progress(c, DRAIN_RUNNING,
		effects_format(&c->fx, "drain of %u instances begins%s%s",
			(uint64_t)d->drain_total, v->reason[0] ? ": " : "",
			effects_text(&c->fx, v->reason)));
}

/* What left here need not be ready elsewhere any more: no drain is on. */
static void
forget_left(struct core *c)
{
	list_each (l, &c->instances.all)
		container_of(l, struct instance, in_all)->is_draining_out =
			false;
}

static void
call_off(struct core *c)
{
	struct duty *d = &c->duty;
	d->is_draining = false;
	place_forget_hosts(c);
	d->drain_until = MONO_NEVER;
	d->drain_total = d->drain_left = d->drain_stuck = d->drain_moving = 0;
	set_progress(c, DRAIN_NONE, "takes instances again");
	forget_left(c);
	list_each (l, &c->instances.all) {
		struct instance *i = container_of(l, struct instance, in_all);
		if (handoff_is_busy(c, i->name))
			handoff_cancel(c, i->name, "the drain was called off");
	}
	facts_publish(c);
}

void
drain_refresh(struct core *c)
{
	struct duty *d = &c->duty;
	struct node_value v = {.intent = INTENT_ACTIVE};
	const struct entry *e = specs_find(c, ENTRY_NODE, c->config.node);
	if (e && !specs_get_node(e, &v))
		return;
	const struct member_table *t = &c->members;
	bool is_late = t->has_left || t->leave_after;
	if (t->is_leaving && !is_late && v.intent != INTENT_DRAINING)
		member_cancel_leave(c);
	bool is_wanted = v.intent == INTENT_DRAINING || t->is_leaving;
	if (is_wanted && !d->is_draining)
		begin(c, &v);
	else if (!is_wanted && d->is_draining)
		call_off(c);
	else if (!is_wanted)
		forget_left(c); /* it was called off while we were down */
	if (!is_wanted)
		return;
	d->is_forced = v.is_forced;
	d->drain_parallel = v.max_parallel;
	d->drain_until = MONO_NEVER;
	if (v.deadline_wall_ms) {
		int64_t left_ms = v.deadline_wall_ms - c->wall_ms;
		d->drain_until = mono_add(c->now, left_ms > 0 ? left_ms : 0);
	}
}

/* --force: what cannot move stops when the time is up. */
static void
force_out(struct core *c, struct instance *i, const struct spec_policy *policy)
{
	if (!effects_has_room(&c->fx, 64, FRAME_MAX)) {
		c->duty.is_drain_dirty = true;
		return;
	}
	if (i->state != INSTANCE_STOPPING || i->purpose == STOP_RESTART)
		instance_stop(c, i, policy, STOP_HALT,
			"the drain's deadline has passed (--force)");
}

/* Counts one instance that has not arrived elsewhere. */
static void
count_one(struct core *c, struct instance *i)
{
	struct duty *d = &c->duty;
	bool is_here = instance_is_held(i) && i->state != INSTANCE_EXITED;
	if (!is_here && !i->is_draining_out)
		return;
	d->drain_left++;
	struct service_value s;
	bool has = instance_service(c, i, &s);
	bool is_busy = handoff_is_busy(c, i->name);
	d->drain_moving += drain_is_moving(c, i);
	d->drain_stuck += has && !is_busy && duty_host(c, i, &s) == MEMBER_NONE;
	bool is_overdue = mono_reached(d->drain_until, c->now);
	/* A move under way has bounds of its own, and holds the state. */
	if (is_overdue && d->is_forced && is_here && !is_busy)
		force_out(c, i, has ? &s.policy : NULL);
}

void
drain_run(struct core *c)
{
	struct duty *d = &c->duty;
	if (!d->is_draining || !d->is_drain_dirty)
		return;
	uint32_t moved = d->drain_moving;
	d->is_drain_dirty = false;
	d->drain_left = d->drain_stuck = d->drain_moving = 0;
	/* What is on its way here comes, and must go again. */
	d->drain_left += handoff_count_accepted(c);
	list_each (l, &c->instances.all)
		count_one(c, container_of(l, struct instance, in_all));
	if (d->drain_total < d->drain_left)
		d->drain_total = d->drain_left;
	if (d->drain_parallel && d->drain_moving < moved)
		duty_mark_all(c); /* the next ones */
	if (d->drain_left == 0)
		set_progress(c, DRAIN_DONE, "drained");
	else if (mono_reached(d->drain_until, c->now))
		set_progress(c, DRAIN_OVERDUE,
			effects_format(&c->fx,
				"the deadline has passed with %u instances "
				"left",
				(uint64_t)d->drain_left));
	else
		set_progress(c, DRAIN_RUNNING, "draining again");
	facts_publish(c);
	/* Right after a start nobody is linked yet who could hear it. */
	if (d->drain_left == 0 && member_hold_now(c) == HOLD_LEAVING)
		member_finish_leave(c);
}

mono
drain_deadline(const struct core *c)
{
	const struct duty *d = &c->duty;
	bool is_over = mono_reached(d->drain_until, c->now);
	if (d->is_draining && d->is_drain_dirty)
		return c->now; /* a step had no room for all of it */
	return d->is_draining && !is_over ? d->drain_until : MONO_NEVER;
}
