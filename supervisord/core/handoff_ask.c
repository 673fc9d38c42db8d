/* The side that gives, while what it gives still runs: it is asked for its
 * state as its policy says, and stopped, whatever it answers. */
#include <string.h>

#include "core/handoff_private.h"

/* Gives up the move, because this run of it cannot or will not go. */
static void
leave_alone(struct core *c, struct handoff *h, const char *why)
{
	instance_find(c, h->name)->is_left_alone = true;
	source_give_up(c, h, why, HANDOFF_IGNORED_MS);
}

/* Stops it for the move; what it leaves at $SKEP_STATE_OUT is its state. */
void
source_stop(struct core *c, struct handoff *h, struct instance *i)
{
	struct service_value s;
	if (!instance_is_live(i) || i->epoch != h->epoch) {
		source_give_up(c, h, "it changed meanwhile", HANDOFF_AGAIN_MS);
		return;
	}
	bool has = instance_service(c, i, &s);
	handoff_enter(c, h, HANDOFF_STOPPING, MONO_NEVER);
	if (h->wants_dump)
		handoff_record(c, h);
	instance_stop(c, i, has ? &s.policy : NULL, STOP_HANDOFF, h->reason);
}

/* There is no answer that carries state: mode and 'required' decide. */
static void
without_answer(
	struct core *c, struct handoff *h, struct instance *i, const char *why)
{
	const struct policy_handoff *p = &h->terms;
	bool must_stay = (!h->is_yield || h->adopts) &&
			 (p->mode == HANDOFF_IGNORE || p->is_required);
	core_note(
		c, NOTE_HANDOFF, h->name, h->epoch, effects_text(&c->fx, why));
	if (must_stay && instance_is_live(i) && !h->is_signalled) {
		leave_alone(c, h, why);
		return;
	}
	/* A last rename in its SIGTERM handler still counts, whatever its mode
	 * would rather have: who was asked may be about to. */
	h->wants_dump =
		p->mode == HANDOFF_RESUME || h->is_yield || h->is_signalled;
	/* What left nothing has nothing to lose by going on from another. */
	h->is_required = must_stay && !h->is_yield;
	source_stop(c, h, i);
}

/* Asks it for its state as its terms say: by a command, by a signal, or only
 * by the stop. */
void
source_ask(struct core *c, struct handoff *h, struct instance *i)
{
	const struct policy_handoff *p = &h->terms;
	int64_t patience_ms = p->timeout_ms;
	if (p->has_command) {
		struct effect *e = effects_add(&c->fx, EFFECT_RUN);
		e->run.name = effects_text(&c->fx, i->name);
		e->run.epoch = i->epoch;
		e->run.hook = HOOK_HANDOFF;
		e->run.timeout_ms = p->timeout_ms;
		patience_ms += HANDOFF_ANSWER_MS;
	} else if (p->signal) {
		struct effect *e = effects_add(&c->fx, EFFECT_SIGNAL);
		e->signal.name = effects_text(&c->fx, i->name);
		e->signal.epoch = i->epoch;
		e->signal.signal = p->signal;
		e->signal.is_handoff = true;
	} else {
		h->wants_dump = !p->starts_first;
		source_stop(c, h, i);
		return;
	}
	handoff_enter(c, h, HANDOFF_SIGNALLED, mono_add(c->now, patience_ms));
}

bool
handoff_on_answered(struct core *c, const struct input_proc *in)
{
	struct handoff *h =
		(struct handoff *)(uintptr_t)handoff_find(c, in->name);
	struct instance *i = instance_find(c, in->name);
	if (!h || h->state != HANDOFF_SIGNALLED || h->epoch != in->epoch || !i)
		return false;
	switch ((enum handoff_answer)in->answer) {
	case ANSWER_RESUME:
		h->wants_dump = true;
		source_stop(c, h, i);
		break;
	case ANSWER_RESTART:
		source_stop(c, h, i);
		break;
	case ANSWER_IGNORE:
		if (h->is_yield && !h->adopts) {
			without_answer(c, h, i,
				"the service asked to stay where it is, and "
				"another copy wins");
			break;
		}
		leave_alone(c, h, "the service asked to stay where it is");
		break;
	case ANSWER_UNSUPPORTED:
		without_answer(c, h, i,
			"the handoff signal would kill it: it does not "
			"support handoff");
		break;
	case ANSWER_CHECKPOINT:
		return false; /* no answer to that */
	}
	return true;
}

void
handoff_on_ran(struct core *c, const struct input_ran *in)
{
	struct handoff *h =
		(struct handoff *)(uintptr_t)handoff_find(c, in->name);
	struct instance *i = instance_find(c, in->name);
	if (!h || h->state != HANDOFF_SIGNALLED || !h->terms.has_command ||
		h->epoch != in->epoch || !i)
		return;
	if (in->is_ok) {
		h->wants_dump = true;
		source_stop(c, h, i);
	} else if (h->is_cancelled) {
		/* It was told nothing: it goes on as if nothing had been. */
		source_give_up(c, h, h->reason, HANDOFF_AGAIN_MS);
	} else {
		without_answer(c, h, i,
			effects_format(&c->fx, "%s: %s",
				hook_name(HOOK_HANDOFF),
				effects_text(&c->fx, in->text)));
	}
}

bool
handoff_on_exited(struct core *c, struct instance *inst)
{
	struct handoff *h =
		(struct handoff *)(uintptr_t)handoff_find(c, inst->name);
	if (!h || !handoff_is_source(h->state))
		return false;
	if (h->state == HANDOFF_OFFERED) {
		source_give_up(c, h, "it ended by itself", HANDOFF_AGAIN_MS);
		return false;
	}
	if (h->state == HANDOFF_PAIRED) {
		first_on_exited(c, h);
		return false;
	}
	if (h->state != HANDOFF_SIGNALLED)
		return true;
	h->is_signalled = true;
	without_answer(c, h, inst,
		h->terms.has_command
			? "it ended before handoff.command had"
			: "it ended before it answered the handoff signal");
	return true;
}

/* There was no answer in time. */
void
source_on_silence(struct core *c, struct handoff *h, struct instance *i)
{
	if (h->terms.has_command) {
		without_answer(c, h, i,
			"handoff.command did not end within the timeout");
		return;
	}
	/* It may be half way through: it is stopped in any case. */
	h->is_signalled = true;
	without_answer(
		c, h, i, "no answer to the handoff signal within the timeout");
}
