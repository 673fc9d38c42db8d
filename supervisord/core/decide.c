/* One instance against what it should be: the rule of duty.h. */
#include <string.h>

#include "core/core_private.h"

/* --- Not wanted --- */

/* As long as another host holds it, its name stays known here. */
static void
reap(struct core *c, struct instance *i)
{
	if (duty_holder(c, i->name, NULL) == MEMBER_NONE)
		instance_reap(c, i);
}

static void
forget(struct core *c, struct instance *i)
{
	i->is_draining_out = false;
	instance_release(c, i);
	if (i->is_remembered || i->is_refused || i->is_past)
		instance_disown(c, i);
	reap(c, i);
}

/* Nobody wants it to run: stop it, and forget it if it is deleted. */
static void
unwanted(struct core *c, struct instance *i, const struct service_value *s)
{
	if (!instance_is_held(i)) {
		i->is_draining_out = false;
		if (!i->is_declared)
			forget(c, i);
		return;
	}
	enum stop_purpose purpose = i->is_declared ? STOP_HALT : STOP_GONE;
	if (i->state == INSTANCE_STOPPING && i->purpose == STOP_LEAVE)
		return;
	instance_stop(c, i, s ? &s->policy : NULL, purpose,
		i->is_declared ? "an operator stopped it"
			       : "its service was deleted");
	if (i->state == INSTANCE_IDLE && !i->is_declared)
		reap(c, i);
}

/* --- Held here --- */

const struct row *
duty_finished(
	struct core *c, const struct instance *i, const struct service_value *s)
{
	struct override_value o;
	const struct row *best = NULL;
	instance_override(c, i, &o);
	const struct row *r = registry_first(c, ROW_INSTANCE, i->name);
	for (; r; r = registry_next(c, r))
		if (r->value.state == ROW_EXITED &&
			row_run(r)->run_digest == s->run_digest &&
			row_run(r)->seen_restart >= o.restart_generation &&
			(!best || r->value.epoch > best->value.epoch))
			best = r;
	return best;
}

/* Whether we have a state of it and the holder has no more than that: a target
 * lets go of it when it hears that the move was called off, and then the one
 * here is the last.  Its row has our epoch; one above it has run since, and is
 * given away itself. */
static bool
is_target_only(const struct core *c, const struct instance *i, member_id holder)
{
	const struct row *r = registry_find(c, ROW_INSTANCE, i->name, holder);
	return i->staged && r && r->value.state == ROW_HANDOFF &&
	       r->value.epoch <= i->epoch;
}

bool
duty_is_beaten(
	struct core *c, const struct instance *inst, member_id *winner_out)
{
	uint32_t copies;
	member_id holder = duty_holder(c, inst->name, &copies);
	*winner_out = holder;
	return copies > 1 && holder != MEMBER_SELF && holder != MEMBER_NONE &&
	       registry_is_current(c, holder) &&
	       !is_target_only(c, inst, holder);
}

bool
duty_lives_elsewhere(const struct core *c, const struct instance *i)
{
	const struct row *r = registry_first(c, ROW_INSTANCE, i->name);
	for (; r; r = registry_next(c, r)) {
		enum row_state s = r->value.state;
		bool is_live = s == ROW_STARTING || s == ROW_READY ||
			       s == ROW_STOPPING;
		if (is_live && r->origin != MEMBER_SELF &&
			member_is_present(c, r->origin))
			return true;
	}
	return false;
}

/* Whether nobody knows when it can take its state to 'target': that host may
 * be out of reach for ever, or the service gives no state. */
static bool
is_stuck(const struct core *c, const struct instance *i, member_id target)
{
	const struct member *m = member_get(c, target);
	return !m->link || m->state != MEMBER_ALIVE || i->is_left_alone ||
	       i->stopped_in_vain > 0;
}

/* Sends it to 'target': with its state if it can carry one.  Returns whether
 * it goes, now or soon: what is stuck is kept as any other is, new spec and
 * all. */
static bool
move_to(struct core *c, struct instance *i, const struct service_value *s,
	member_id target, mono until, const char *why)
{
	if (s->policy.handoff.is_present && i->state == INSTANCE_READY)
		return handoff_begin(c, i, target, until, why) ||
		       !is_stuck(c, i, target);
	bool will_run =
		instance_is_live(i) &&
		(i->state != INSTANCE_STOPPING || i->purpose == STOP_RESTART ||
			i->purpose == STOP_AGAIN);
	bool has_state = i->staged || (instance_is_live(i) && i->is_found);
	if (s->policy.handoff.is_present && (will_run || has_state))
		return !is_stuck(c, i, target); /* it moves when it is ready */
	instance_stop(c, i, &s->policy, STOP_LEAVE, why);
	return true;
}

/* This host gives everything away.  Returns whether it goes, or has done its
 * work, so that nothing is left to move. */
static bool
drain_one(struct core *c, struct instance *i, const struct service_value *s)
{
	if (i->state == INSTANCE_EXITED)
		return true;
	/* The deadline bounds everything; force stops what is left. */
	if (mono_reached(c->duty.drain_until, c->now))
		return c->duty.is_forced;
	member_id target = duty_host(c, i, s);
	if (target == MEMBER_NONE || target == MEMBER_SELF)
		return false; /* counted as stuck by drain_run */
	bool was_moving = drain_is_moving(c, i);
	if (!was_moving && !drain_has_turn(c))
		return false;
	bool goes = move_to(
		c, i, s, target, c->duty.drain_until, "its host is drained");
	c->duty.drain_moving += !was_moving && drain_is_moving(c, i);
	return goes;
}

/* Nothing is left to do about the operators' moves so far. */
static void
settle_move(struct core *c, struct instance *i, const struct override_value *o)
{
	if (i->seen_move == o->move_generation)
		return;
	i->seen_move = o->move_generation;
	instance_publish(c, i);
}

/* An operator's move, a pin that names another host. Returns whether it
 * leaves.  A move is to that host or to none: while it is not eligible the
 * instance stays, and goes when it is. */
static bool
leave_if_told(struct core *c, struct instance *i, const struct service_value *s,
	const struct override_value *o)
{
	bool is_moved = o->move_generation > i->seen_move && o->move_to[0];
	const char *pin = s->policy.placement.pin;
	bool is_pinned_away = pin[0] && strcmp(pin, c->config.node) != 0;
	if ((!is_moved && !is_pinned_away) || member_hold_now(c) != HOLD_NONE)
		return false;
	member_id named = is_moved ? member_find(c, o->move_to) : MEMBER_NONE;
	bool is_void = named == MEMBER_NONE ||
		       member_get(c, named)->state == MEMBER_LEFT;
	if (!is_pinned_away && is_void) {
		settle_move(c, i, o); /* that host is no member any more */
		return false;
	}
	member_id target = duty_host(c, i, s);
	if (!is_pinned_away && target != named)
		return false;
	if (target == MEMBER_SELF || target == MEMBER_NONE) {
		settle_move(c, i, o);
		return false;
	}
	return move_to(c, i, s, target, MONO_NEVER,
		is_moved ? "an operator moved it"
			 : "it is pinned to another host");
}

/* Another host may start it from the state that this one could not.  Who gave
 * it keeps its copy until somebody was ready with it, and is through first: of
 * two who have the same to give both would begin it after a crash.  Returns
 * whether it goes. */
static bool
pass_on(struct core *c, struct instance *i, const struct service_value *s)
{
	uint32_t copies;
	if (!i->passes_on || !mono_reached(i->pass_again_at, c->now) ||
		member_hold_now(c) != HOLD_NONE ||
		(i->staged && i->staged->size > s->policy.handoff.max_size))
		return false;
	duty_holder(c, i->name, &copies);
	member_id target = place_first_other(c, i->name, s);
	return copies == 1 && target != MEMBER_NONE &&
	       handoff_begin(c, i, target, MONO_NEVER,
		       "this host cannot start it with its state");
}

/* Starts it again here because its spec or an operator says so. */
static void
renew(struct core *c, struct instance *i, const struct service_value *s,
	const char *why)
{
	switch (i->state) {
	case INSTANCE_STARTING:
	case INSTANCE_READY:
		instance_stop(c, i, &s->policy, STOP_RESTART, why);
		break;
	case INSTANCE_BACKOFF:
		instance_reset(c, i);
		if (checkpoint_unfit(c, i, s))
			instance_arm(c, i, c->now); /* when it is not */
		else
			instance_start(c, i, s);
		break;
	case INSTANCE_EXITED:
	case INSTANCE_FAILED:
		/* Nothing runs: it is as if it were held nowhere, and another
		 * host may have run it again while this one was away. */
		if (!duty_finished(c, i, s))
			duty_wait(c, i);
		break;
	case INSTANCE_STOPPING:
		if (i->purpose == STOP_HALT || i->purpose == STOP_GONE)
			i->purpose = STOP_RESTART;
		break;
	case INSTANCE_IDLE:
	case INSTANCE_CLEANING:
	case INSTANCE_HANDOFF:
	case INSTANCE_STATE_COUNT:
		break;
	}
}

/* A scheduled run is due, and this host has the last one. Returns whether it
 * did something. */
static bool
run_if_due(struct core *c, struct instance *i, const struct service_value *s)
{
	if (!policy_is_scheduled(&s->policy) || i->due_slot <= i->slot)
		return false;
	if (i->state != INSTANCE_EXITED && i->state != INSTANCE_FAILED) {
		core_note(c, NOTE_SKIPPED, i->name, i->epoch,
			"it was due while its last run was not over");
		i->due_slot = i->slot;
		return false;
	}
	if (duty_host(c, i, s) == MEMBER_SELF && !drain_is_on(c)) {
		instance_reset(c, i);
		instance_start(c, i, s);
	} else {
		instance_stop(c, i, &s->policy, STOP_LEAVE,
			"its next run belongs elsewhere");
	}
	return true;
}

/* Another copy wins. */
static void
give_way(struct core *c, struct instance *i, const struct service_value *s,
	member_id winner)
{
	/* What it left is being sealed, or will be at once; then it goes. */
	if (i->state == INSTANCE_CLEANING && (i->is_over || i->is_salvaging))
		return;
	if (i->state != INSTANCE_STOPPING)
		core_note(c, NOTE_CONFLICT, i->name, i->epoch,
			"another copy wins by its epoch");
	if (!handoff_yield(c, i, s, winner))
		instance_stop(c, i, &s->policy, STOP_LEAVE,
			"another host holds it with a higher epoch");
}

/* Start first: ours is ready, and the copy that wins is not yet.  A source that
 * forgot its move, or gave it up too late, is not to leave everybody without:
 * two for a while are what such a service is made for. */
static bool
is_needed_still(const struct core *c, const struct instance *i,
	const struct service_value *s, member_id winner)
{
	const struct row *r = registry_find(c, ROW_INSTANCE, i->name, winner);
	bool is_coming = r && (r->value.state == ROW_STARTING ||
				      r->value.state == ROW_BACKOFF ||
				      r->value.state == ROW_STOPPING);
	return s->policy.handoff.starts_first && is_coming &&
	       i->state == INSTANCE_READY;
}

/* It was deleted, or was to leave without what it would have started from, for
 * it had no handoff any more; and that is over before it has ended: its state
 * is not given up. */
static void
keep_staged(struct instance *i, const struct service_value *s)
{
	bool gives_up = i->state == INSTANCE_STOPPING &&
			(i->purpose == STOP_GONE || i->purpose == STOP_LEAVE);
	if (gives_up && i->staged && s->policy.handoff.is_present)
		i->purpose = STOP_HALT;
}

static void
keep(struct core *c, struct instance *i, const struct service_value *s)
{
	struct override_value o;
	member_id winner;
	instance_override(c, i, &o);
	enum member_hold hold = member_hold_now(c);
	keep_staged(i, s);
	if (hold == HOLD_FREEZE || hold == HOLD_LONELY)
		return;
	if (hold == HOLD_STOP) {
		if (i->state == INSTANCE_EXITED || i->state == INSTANCE_FAILED)
			return; /* nothing runs; its end stays known */
		instance_stop(c, i, &s->policy, STOP_HALT,
			"this host is in a minority (on_minority = stop)");
		return;
	}
	if (duty_is_beaten(c, i, &winner)) {
		if (!is_needed_still(c, i, s, winner))
			give_way(c, i, s, winner);
		return;
	}
	if (instance_is_waiting(i)) {
		if (!duty_lives_elsewhere(c, i))
			duty_wait(c, i);
		return;
	}
	if (run_if_due(c, i, s))
		return;
	if (drain_is_on(c) && drain_one(c, i, s))
		return;
	if (leave_if_told(c, i, s, &o) || pass_on(c, i, s))
		return;
	if (o.restart_generation > i->seen_restart) {
		if (!instance_is_over(i))
			i->seen_restart = o.restart_generation;
		renew(c, i, s, "an operator restarted it");
	} else if (i->run_digest != s->run_digest) {
		renew(c, i, s, "its spec changed");
	} else if (i->state == INSTANCE_STOPPING) {
		renew(c, i, s, "");
	} else {
		conflict_adopt(c, i, s);
	}
}

/* --- Held nowhere, or elsewhere --- */

/* Somebody else holds it: what we remember of it is history. */
static void
held_elsewhere(struct core *c, struct instance *i, member_id holder)
{
	const struct row *r = registry_find(c, ROW_INSTANCE, i->name, holder);
	CHECK(r);
	rest_on_held(i, holder);
	bool has_arrived =
		r->value.state == ROW_READY || r->value.state == ROW_EXITED;
	if (i->is_draining_out && has_arrived) {
		i->is_draining_out = false;
		core_note(c, NOTE_MOVED, i->name, r->value.epoch,
			effects_format(&c->fx, "%s -> %s, ready",
				c->config.node, member_get(c, holder)->name));
	}
	if (is_target_only(c, i, holder))
		return;
	if (i->is_held_back) /* what it waited for here is nobody's matter */
		instance_set_note(c, i, "");
	i->is_held_back = false;
	const char *node = member_get(c, holder)->name;
	instance_release(c, i);
	if (i->is_remembered && r->value.epoch >= i->epoch) {
		conflict_keep_staged(c, i);
		instance_give(c, i, node, r->value.epoch);
	}
	if (!i->is_remembered)
		instance_saw_holder(c, i, node, r->value.epoch);
}

bool
duty_waits_for_owner(const struct core *c, const struct instance *inst)
{
	member_id owner = inst->last_owner[0] && !inst->is_remembered
				  ? member_find(c, inst->last_owner)
				  : MEMBER_NONE;
	return owner != MEMBER_NONE && member_is_expected(c, owner);
}

/* Its state waits here, and it is wanted again: from now on it is held, so that
 * it is started here whatever is said of this host, and leaves with its state
 * where it has to.  Returns whether that is so. */
static bool
hold_staged(struct core *c, struct instance *i)
{
	enum member_hold hold = member_hold_now(c);
	instance_publish(c, i); /* whether others are to wait for us */
	if (duty_state_host(c, i->name) != MEMBER_SELF ||
		(hold != HOLD_NONE && hold != HOLD_KEEP))
		return false;
	instance_hold_staged(c, i);
	return true;
}

static void
place_or_wait(struct core *c, struct instance *i, const struct service_value *s)
{
	struct override_value o;
	instance_override(c, i, &o);
	rest_on_freed(c, i);
	bool is_new = i->run_digest != s->run_digest ||
		      o.restart_generation > i->seen_restart;
	if (i->is_refused && is_new) {
		if (rest_is_tried(c, i, s))
			rest_begin(c, i);
		instance_reset(c, i);
	}
	if (s->policy.handoff.has_state_path)
		instance_hear_owner(c, i);
	if (policy_is_scheduled(&s->policy)) {
		i->is_draining_out = false;
		i->due_slot = duty_slot(c, i, s);
		if (i->due_slot == 0)
			return;
	} else if (duty_finished(c, i, s)) {
		i->is_draining_out = false;
		return;
	}
	if (i->staged && hold_staged(c, i))
		return;
	member_id host = duty_host(c, i, s);
	/* It was let go for a host that cannot take it any more, and nothing
	 * but the drain speaks against this one: no pin that came meanwhile. */
	bool is_back =
		host == MEMBER_NONE && i->is_draining_out &&
		place_verdict(c, i->name, s, MEMBER_SELF) == PLACE_DRAINING;
	if ((host != MEMBER_SELF && !is_back) || duty_waits_for_owner(c, i))
		return;
	mono until = rest_until(c, i, s);
	if (!mono_reached(until, c->now) && !i->is_refused)
		instance_arm(c, i, until);
	else
		duty_wait(c, i);
}

void
duty_decide(struct core *c, struct instance *inst)
{
	struct service_value s;
	struct override_value o;
	if (c->duty.is_ending)
		return; /* see ending.c */
	bool has = instance_service(c, inst, &s);
	if (inst->is_declared && !has)
		return; /* of a newer version than ours: leave it alone */
	checkpoint_review(c, inst, has ? &s : NULL);
	conflict_review(c, inst, has ? &s : NULL);
	instance_override(c, inst, &o);
	bool is_wanted = has && s.policy.is_enabled && !o.is_stopped;
	if (handoff_is_busy(c, inst->name)) {
		if (!is_wanted)
			handoff_cancel(c, inst->name, "it is to be stopped");
		return;
	}
	if (!is_wanted) {
		unwanted(c, inst, has ? &s : NULL);
		return;
	}
	if (instance_is_held(inst)) {
		keep(c, inst, &s);
		return;
	}
	member_id holder = duty_holder(c, inst->name, NULL);
	if (holder != MEMBER_NONE)
		held_elsewhere(c, inst, holder);
	else
		place_or_wait(c, inst, &s);
}
