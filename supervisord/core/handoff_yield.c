/* The copy that loses against another one gives its state like one that moves,
 * but to nobody: it is kept here (conflict.h), and the copy is over.  So does
 * the one that won, when it is to go on from the state of the other.
 *
 *   SIGNALLED  as its policy says; what runs but is not ready is only stopped
 *   STOPPING+  what it leaves counts, whatever it answered
 *   DUMPING    tried again for some minutes: a full disk may have room by then
 *   kept*      or, if nobody else holds it any more, started here again from
 *              it; the copy that won starts from the other one
 *
 * (* = durable.  + = written down, as of a move.)  There is no target, so no
 * message either.  After a crash in between it is what any such move is: sealed
 * already, it waits here for a start, loses again, and is kept.
 */
#include <string.h>

#include "core/handoff_private.h"

/* A state that cannot be sealed is tried again, so often. */
#define AGAIN_MS  30000
#define TRIES_MAX 10

/* Whether it can be asked, or what it leaves be sealed, as it is now. */
static bool
can_give(const struct instance *i)
{
	switch (i->state) {
	case INSTANCE_STARTING:
	case INSTANCE_READY:
	case INSTANCE_CLEANING:
		return true;
	case INSTANCE_STOPPING:
		return i->purpose == STOP_RESTART || i->purpose == STOP_AGAIN ||
		       i->purpose == STOP_HALT;
	case INSTANCE_IDLE:
	case INSTANCE_BACKOFF:
	case INSTANCE_HANDOFF:
	case INSTANCE_EXITED:
	case INSTANCE_FAILED:
	case INSTANCE_STATE_COUNT:
		break;
	}
	return false;
}

/* A new one; NULL when the table is full. */
static struct handoff *
begin(struct core *c, struct instance *i, const struct policy_handoff *terms,
	const char *peer, const char *reason)
{
	struct handoff *h = handoff_new(c, i->name, HANDOFF_FREE);
	if (!h)
		return NULL;
	strcpy(h->peer_name, peer);
	h->is_yield = true;
	h->epoch = h->epoch_known = i->epoch;
	h->attempt = (uint32_t)(c->incarnation << 12) + ++i->attempts;
	h->run_digest = i->run_digest;
	h->terms = *terms;
	strcpy(h->reason, reason);
	return h;
}

bool
handoff_yield(struct core *c, struct instance *inst,
	const struct service_value *service, member_id winner)
{
	const struct policy_handoff *terms = &service->policy.handoff;
	if (!terms->is_present || terms->starts_first || !can_give(inst))
		return false;
	struct handoff *h = begin(c, inst, terms, member_get(c, winner)->name,
		"another host holds it with a higher epoch");
	if (!h)
		return false;
	if (inst->state == INSTANCE_READY) {
		source_ask(c, h, inst);
	} else {
		h->wants_dump = true;
		source_stop(c, h, inst);
	}
	return true;
}

bool
handoff_adopt(struct core *c, struct instance *inst,
	const struct service_value *service, const char *node)
{
	struct handoffs *t = &c->handoffs;
	CHECK(inst->state == INSTANCE_READY);
	bool is_early = mono_diff(c->now, inst->move_again_at) < 0;
	struct handoff *h = NULL;
	if (!is_early)
		h = begin(c, inst, &service->policy.handoff, node,
			"it goes on from the state of the copy that lost");
	if (!h) {
		mono again = is_early ? inst->move_again_at
				      : mono_add(c->now, HANDOFF_AGAIN_MS);
		t->retry_at = mono_min(t->retry_at, again);
		return false;
	}
	h->adopts = true;
	source_ask(c, h, inst);
	return true;
}

bool
handoff_is_yield(const struct core *c, const char *name)
{
	const struct handoff *h = handoff_find(c, name);
	return h && h->is_yield;
}

/* Keeps the state of 'h', if it has one; else what it would have started from.
 */
static void
keep(struct core *c, const struct handoff *h, struct instance *i)
{
	const struct row *r = handoff_peer_row(c, h);
	struct lost lost = {.epoch = h->epoch,
		.winner = r ? r->value.epoch : h->epoch,
		.size = h->size,
		.wall_ms = h->sealed_wall_ms,
		.was_live = h->is_yield};
	if (!h->has_root) {
		conflict_keep_staged(c, i);
		return;
	}
	memcpy(lost.root, h->root, DIGEST_SIZE);
	if (conflict_keep(c, i, &lost) && instance_is_staged(i, h->root))
		instance_unstage(c, i);
}

/* What another host says of a run after that of 'h', be it over; or NULL. */
static const struct row *
later_row(const struct core *c, const struct handoff *h)
{
	const struct row *best = NULL;
	const struct row *r = registry_first(c, ROW_INSTANCE, h->name);
	for (; r; r = registry_next(c, r))
		if (r->origin != MEMBER_SELF && r->value.epoch > h->epoch &&
			(!best || r->value.epoch > best->value.epoch))
			best = r;
	return best;
}

void
yield_frozen(struct core *c, struct handoff *h, struct instance *i)
{
	struct conflict_word word;
	const struct row *r = later_row(c, h);
	if (!h->has_root || h->is_carried || !i->is_declared || !r)
		return;
	/* It may have begun with this very state, as we were away. */
	if (conflict_read_row(r, &word) && word.used == conflict_key(h->root))
		return;
	strcpy(h->peer_name, member_get(c, r->origin)->name);
	keep(c, h, i);
}

/* Nobody wins against it: it goes on from the state of the copy that lost, if
 * it was stopped for that; else from its own. */
static void
stay(struct core *c, struct handoff *h, struct instance *i, const char *trouble)
{
	struct lost own = {.epoch = h->epoch,
		.winner = h->epoch,
		.size = h->size,
		.wall_ms = h->sealed_wall_ms};
	memcpy(own.root, h->root, DIGEST_SIZE);
	if (!h->adopts) {
		source_abort(c, h, "the copy that won is gone");
		return;
	}
	if (trouble) {
		/* Not again: both are kept as they are. */
		i->fresh = i->began = 0;
		source_abort(c, h, trouble);
		return;
	}
	if (!conflict_go_on(c, i, h->has_root ? &own : NULL)) {
		source_abort(c, h, "that state is not to be had any more");
		return;
	}
	uint64_t owner = instance_store_owner(c, i);
	uint64_t ended = handoff_end(c, h);
	i->epoch_after = ended ? ended : owner;
	instance_enter(c, i, INSTANCE_BACKOFF,
		duty_lives_elsewhere(c, i) ? MONO_NEVER : c->now);
}

void
yield_staged(struct core *c, struct handoff *h, struct instance *i)
{
	const struct row *r = later_row(c, h);
	if (!h->has_root || !i->is_declared)
		return;
	strcpy(h->peer_name, r ? member_get(c, r->origin)->name : "");
	keep(c, h, i);
}

void
yield_on_sealed(struct core *c, struct handoff *h, const char *trouble)
{
	member_id winner;
	struct instance *i = instance_find(c, h->name);
	CHECK(i && i->state == INSTANCE_HANDOFF);
	const bool may_again = i->is_declared && !c->duty.is_ending;
	if (trouble && ++h->tries < TRIES_MAX && may_again) {
		h->deadline = MONO_NEVER;
		h->resend_at = mono_add(c->now, AGAIN_MS);
		instance_set_note(c, i, trouble);
		return;
	}
	if (i->is_declared && !duty_is_beaten(c, i, &winner)) {
		stay(c, h, i, trouble);
		return;
	}
	if (h->adopts && i->is_declared) /* it has lost in turn */
		strcpy(h->peer_name, member_get(c, winner)->name);
	if (trouble)
		core_note(c, NOTE_CONFLICT, h->name, h->epoch,
			effects_format(&c->fx,
				"the state of the copy that lost is lost: %s",
				effects_text(&c->fx, trouble)));
	if (i->is_declared)
		keep(c, h, i);
	core_note(c, NOTE_STOPPED, h->name, h->epoch, "");
	i->restarts = 0;
	i->is_draining_out = c->duty.is_draining;
	i->draining_epoch = h->epoch;
	instance_enter(c, i, INSTANCE_IDLE, MONO_NEVER);
	instance_release(c, i);
	instance_disown(c, i);
	handoff_end_and_drop(c, h);
}
