/* Start first: the new copy is ready before the old one ends.
 *
 * It is for services that may run twice for a while and carry nothing, so
 * there is nothing to write down and nothing to lose:
 *
 *   source                          target
 *   OFFERED  -- OFFER -->           ACCEPTED or REFUSE
 *   PAIRED   -- BEGIN -->           starts a copy under a higher epoch, and is
 *                                   an ordinary holder from then on
 *   (its row is READY: our copy is stopped as for any other move)
 *
 * Our copy is left alone meanwhile, although one with a higher epoch is about:
 * the move is what keeps duty off it.  If the new one is not ready within the
 * service's start_timeout, or the move is called off, ABORT ends it, and REFUSE
 * says that it has ended.  Whatever breaks in between leaves two copies, or
 * one; two are a conflict like any other then, and the higher epoch lives, but
 * a copy that is ready ends only when the one that wins is, too (decide.c).
 */
#include <string.h>

#include "core/handoff_private.h"

/* The way of a word there and of its row back. */
#define NEWS_MS 5000

/* --- The source --- */

bool
first_may_start(const struct service_value *s)
{
	return s->policy.handoff.starts_first &&
	       !s->policy.checkpoint.is_present;
}

void
first_send(struct core *c, struct handoff *h)
{
	handoff_send(c, h,
		h->is_cancelled ? WIRE_HANDOFF_ABORT : WIRE_HANDOFF_BEGIN,
		h->reason, 0);
}

void
first_pair(struct core *c, struct handoff *h, int64_t start_timeout_ms)
{
	handoff_learn(c, h);
	handoff_enter(c, h, HANDOFF_PAIRED,
		mono_add(c->now, start_timeout_ms + NEWS_MS));
	h->resend_at = mono_add(c->now, HANDOFF_RESEND_MS);
	first_send(c, h);
}

/* Whether the target says that it holds a copy. */
static bool
is_held_there(const struct core *c, const struct handoff *h)
{
	const struct row *r = handoff_peer_row(c, h);
	return r && row_state_is_held(r->value.state);
}

bool
first_is_over(struct core *c, struct handoff *h)
{
	struct service_value s;
	struct instance *i = instance_find(c, h->name);
	if (!handoff_is_taken(c, h)) {
		/* While its row says otherwise duty would call it a conflict,
		 * and end ours. */
		if (!h->is_refused || is_held_there(c, h))
			return false;
		source_give_up(c, h, h->reason,
			(int64_t)HANDOFF_AGAIN_MS << i->stopped_in_vain);
		return true;
	}
	const char *why = effects_text(&c->fx, h->reason);
	handoff_end(c, h);
	bool has = instance_service(c, i, &s);
	i->stopped_in_vain = 0;
	instance_stop(c, i, has ? &s.policy : NULL, STOP_LEAVE, why);
	return true;
}

void
first_call_off(
	struct core *c, struct handoff *h, const char *why, bool is_in_vain)
{
	struct service_value s;
	struct instance *i = instance_find(c, h->name);
	int64_t stop_ms =
		instance_service(c, i, &s) ? s.policy.stop_timeout_ms : 0;
	/* Each attempt costs the target a start: not again so soon. */
	if (is_in_vain && i->stopped_in_vain < HANDOFF_DOUBLINGS_MAX)
		i->stopped_in_vain++;
	h->is_cancelled = true;
	memset(h->reason, 0, sizeof h->reason);
	strncpy(h->reason, why, sizeof h->reason - 1);
	h->deadline = mono_add(c->now, stop_ms + NEWS_MS);
	h->resend_at = mono_add(c->now, HANDOFF_RESEND_MS);
	first_send(c, h);
}

void
first_on_refuse(struct core *c, struct handoff *h, const char *why)
{
	if (!h->is_cancelled)
		first_call_off(c, h, why, true);
	h->is_refused = true;
}

void
first_on_exited(struct core *c, struct handoff *h)
{
	core_note(c, NOTE_HANDOFF, h->name, h->epoch,
		"over: the old copy ended by itself");
	handoff_end(c, h);
}

/* --- The target --- */

/* Whether a copy of our own has begun since. */
static bool
has_begun(const struct instance *i, const skep_Handoff *m)
{
	return i && instance_is_held(i) && i->epoch > m->epoch_known;
}

void
first_on_begin(struct core *c, member_id from, struct handoff *h,
	const skep_Handoff *m)
{
	struct service_value s;
	struct instance *i = instance_find(c, m->name);
	bool is_ours =
		h && h->state == HANDOFF_ACCEPTED && handoff_is_same(h, m);
	if (has_begun(i, m))
		return; /* its row speaks */
	const char *why =
		is_ours ? target_obstacle(c, m) : "the target forgot the offer";
	if (!why && instance_is_held(i))
		why = "the target is not rid of an older copy yet";
	if (why || !instance_service(c, i, &s)) {
		handoff_echo(c, from, m, WIRE_HANDOFF_REFUSE, why);
		return;
	}
	handoff_end(c, h);
	if (i->is_remembered)
		instance_disown(c, i);
	instance_use_epoch(i, m->epoch_known);
	instance_raise_floor(i);
	i->restarts = i->failures = 0;
	/* The source may go on in its block. */
	uint64_t epoch =
		handoff_take_epoch(c, i, member_get(c, from)->name, false);
	uint64_t after = instance_store_owner(c, i);
	instance_start_at(c, i, &s, epoch, after);
}

void
first_on_abort(struct core *c, member_id from, const skep_Handoff *m)
{
	struct service_value s;
	struct instance *i = instance_find(c, m->name);
	const struct row *r = registry_find(c, ROW_INSTANCE, m->name, from);
	bool is_there = r && row_state_is_held(r->value.state);
	if (!has_begun(i, m)) {
		handoff_echo(c, from, m, WIRE_HANDOFF_REFUSE, m->reason);
		return;
	}
	/* What is ready has taken over, whatever was said meanwhile. */
	if (!is_there || i->state == INSTANCE_READY)
		return;
	bool has = instance_service(c, i, &s);
	instance_stop(c, i, has ? &s.policy : NULL, STOP_LEAVE,
		"the move to this host was called off");
}
