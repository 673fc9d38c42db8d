/* What stands around a run: readiness, the hooks, and how a stop proceeds.
 *
 *	START .. STARTED [.. ready] [post_start] -> READY
 *	[pre_stop] [stop_command] stop_signal .. EMPTY [post_stop] -> purpose
 *
 * What is in brackets is a phase of its own, when the service has it.  The
 * shell bounds each command by its timeout; should its answer be lost with a
 * crash of the shell's other half, the phase's own deadline goes on.
 */
#include <string.h>

#include "core/core_private.h"

/* A phase waits that much longer than its command may take. */
#define ANSWER_GRACE_MS 2000

/* SIGTERM and a patience, for a service whose spec is gone. */
#define FALLBACK_SIGNAL	    15
#define FALLBACK_TIMEOUT_MS 10000

static void
run_hook(struct core *c, struct instance *i, enum hook hook,
	enum instance_phase phase, int64_t timeout_ms)
{
	struct effect *e = effects_add(&c->fx, EFFECT_RUN);
	e->run.name = effects_text(&c->fx, i->name);
	e->run.epoch = i->epoch;
	e->run.hook = hook;
	e->run.timeout_ms = timeout_ms;
	i->phase = phase;
	instance_arm(c, i, mono_add(c->now, timeout_ms + ANSWER_GRACE_MS));
}

/* --- Becoming ready --- */

static void
become_ready(struct core *c, struct instance *i)
{
	CHECK(i->state == INSTANCE_STARTING);
	if (i->hooks.has_post_start && i->phase != PHASE_POST_START) {
		run_hook(c, i, HOOK_POST_START, PHASE_POST_START,
			i->hooks.timeout_ms);
		return;
	}
	i->phase = PHASE_NONE;
	i->ready_since = c->now;
	if (i->was_sick) /* its trouble is over */
		instance_set_note(c, i, "");
	i->was_sick = false;
	instance_enter(c, i, INSTANCE_READY, instance_consume_at(c, i));
	core_note(c, NOTE_READY, i->name, i->epoch, "");
}

void
instance_await_ready(struct core *c, struct instance *inst,
	const struct spec_policy *policy)
{
	CHECK(inst->state == INSTANCE_STARTING);
	if (!inst->has_readiness) {
		become_ready(c, inst);
		return;
	}
	int64_t patience_ms =
		policy ? policy->start_timeout_ms : FALLBACK_TIMEOUT_MS;
	inst->phase = PHASE_WAIT_READY;
	instance_arm(c, inst, mono_add(c->now, patience_ms));
	instance_publish(c, inst);
}

/* Ends what is not well; then the restart policy decides, as after a failure
 * of its own. */
static void
end_sick(struct core *c, struct instance *i, const char *why)
{
	struct service_value s;
	bool has = instance_service(c, i, &s);
	i->is_sick = i->was_sick = true;
	instance_set_note(c, i, why);
	instance_stop(c, i, has ? &s.policy : NULL, STOP_AGAIN, why);
}

/* --- Stopping --- */

void
instance_send_stop(struct core *c, struct instance *inst, bool to_all)
{
	struct service_value s;
	bool has = instance_service(c, inst, &s);
	struct effect *e = effects_add(&c->fx, EFFECT_SIGNAL);
	e->signal.name = effects_text(&c->fx, inst->name);
	e->signal.epoch = inst->epoch;
	e->signal.signal = has ? s.policy.stop_signal : FALLBACK_SIGNAL;
	e->signal.to_all = to_all || (has && s.policy.stops_group);
	e->signal.is_stop = true;
	inst->phase = PHASE_NONE;
	inst->stop_until = mono_add(c->now,
		has ? s.policy.stop_timeout_ms : FALLBACK_TIMEOUT_MS);
	instance_arm(c, inst, inst->stop_until);
}

static void
run_stop_command(struct core *c, struct instance *i,
	const struct spec_policy *policy)
{
	if (i->hooks.has_stop_command && i->pid)
		run_hook(c, i, HOOK_STOP_COMMAND, PHASE_STOP_COMMAND,
			policy ? policy->stop_timeout_ms
			       : FALLBACK_TIMEOUT_MS);
	else
		instance_send_stop(c, i, i->pid == 0);
}

void
instance_begin_stop(struct core *c, struct instance *inst,
	const struct spec_policy *policy)
{
	CHECK(inst->state == INSTANCE_STOPPING);
	if (inst->hooks.has_pre_stop && inst->pid)
		run_hook(c, inst, HOOK_PRE_STOP, PHASE_PRE_STOP,
			inst->hooks.timeout_ms);
	else
		run_stop_command(c, inst, policy);
}

bool
instance_run_post_stop(struct core *c, struct instance *inst)
{
	if (!inst->hooks.has_post_stop || inst->phase == PHASE_POST_STOP)
		return false;
	run_hook(c, inst, HOOK_POST_STOP, PHASE_POST_STOP,
		inst->hooks.timeout_ms);
	return true;
}

/* The phase is over, in whatever way. */
static void
leave_phase(struct core *c, struct instance *i)
{
	struct service_value s;
	bool has = instance_service(c, i, &s);
	switch (i->phase) {
	case PHASE_POST_START:
		become_ready(c, i);
		return;
	case PHASE_PRE_STOP:
		run_stop_command(c, i, has ? &s.policy : NULL);
		return;
	case PHASE_STOP_COMMAND:
		instance_send_stop(c, i, i->pid == 0);
		return;
	case PHASE_POST_STOP:
		instance_conclude(c, i);
		return;
	case PHASE_NONE:
	case PHASE_WAIT_READY:
		break;
	}
	UNREACHABLE();
}

void
instance_on_phase_timeout(struct core *c, struct instance *inst)
{
	if (inst->phase == PHASE_WAIT_READY)
		end_sick(c, inst, "it was not ready within start_timeout");
	else if (inst->phase == PHASE_POST_START)
		end_sick(c, inst, "post_start did not end");
	else
		leave_phase(c, inst);
}

/* --- Inputs --- */

static const enum instance_phase phase_of[] = {
	[HOOK_POST_START] = PHASE_POST_START,
	[HOOK_PRE_STOP] = PHASE_PRE_STOP,
	[HOOK_STOP_COMMAND] = PHASE_STOP_COMMAND,
	[HOOK_POST_STOP] = PHASE_POST_STOP,
};

void
instance_on_ran(struct core *c, const struct input_ran *in)
{
	struct instance *i = instance_find(c, in->name);
	CHECK(in->hook < HOOK_COUNT);
	if (in->hook == HOOK_HANDOFF) {
		handoff_on_ran(c, in);
		return;
	}
	if (in->hook == HOOK_CHECKPOINT) {
		checkpoint_on_ran(c, in);
		return;
	}
	CHECK(in->hook < sizeof phase_of / sizeof *phase_of);
	if (!i || i->epoch != in->epoch || i->phase != phase_of[in->hook])
		return;
	const char *why = effects_format(&c->fx, "%s: %s", hook_name(in->hook),
		effects_text(&c->fx, in->text));
	if (!in->is_ok)
		core_note(c, NOTE_HOOK_FAILED, i->name, i->epoch, why);
	if (!in->is_ok && in->hook == HOOK_POST_START)
		end_sick(c, i, why);
	else
		leave_phase(c, i);
}

void
instance_on_news(struct core *c, const struct input_news *in)
{
	struct instance *i = instance_find(c, in->name);
	if (!i || i->epoch != in->epoch)
		return;
	bool is_awaited = i->phase == PHASE_WAIT_READY;
	switch (in->kind) {
	case NEWS_READY:
		if (is_awaited)
			become_ready(c, i);
		break;
	case NEWS_EXTEND:
		if (is_awaited || (i->state == INSTANCE_STOPPING &&
					  i->phase == PHASE_NONE && i->pid))
			instance_arm(c, i, mono_add(c->now, in->number));
		break;
	case NEWS_SICK:
		if (i->state != INSTANCE_READY && !is_awaited)
			break;
		core_note(c, NOTE_UNHEALTHY, i->name, i->epoch,
			effects_text(&c->fx, in->text));
		end_sick(c, i, in->text);
		break;
	case NEWS_MAIN:
		if (i->pid && in->number > 0 && in->number <= INT32_MAX)
			i->pid = (uint32_t)in->number;
		instance_publish(c, i);
		break;
	case NEWS_KIND_COUNT:
		UNREACHABLE();
	}
}
