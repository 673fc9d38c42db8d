/* The states that instances start from, and who starts with none. */
#include <string.h>

#include "core/core_private.h"

void
instance_stage(
	struct core *c, struct instance *inst, const struct staged *state)
{
	if (!inst->staged)
		inst->staged = slots_take(&c->instances.staged);
	CHECK(inst->staged); /* there are as many as instances */
	*inst->staged = *state;
}

bool
instance_is_staged(const struct instance *inst, const uint8_t root[DIGEST_SIZE])
{
	return inst->staged && !memcmp(inst->staged->root, root, DIGEST_SIZE);
}

void
instance_unstage(struct core *c, struct instance *inst)
{
	if (inst->staged)
		slots_give(&c->instances.staged, inst->staged);
	inst->staged = NULL;
	inst->keeps_move = inst->passes_on = false;
}

void
instance_hold_staged(struct core *c, struct instance *inst)
{
	CHECK(inst->state == INSTANCE_IDLE && inst->staged);
	inst->keeps_move = true;
	instance_set_note(c, inst, "");
	instance_enter(c, inst, INSTANCE_BACKOFF, MONO_NEVER);
}

bool
instance_offers_state(const struct core *c, const struct instance *inst)
{
	bool is_forced_out = drain_is_on(c) && c->duty.is_forced &&
			     mono_reached(c->duty.drain_until, c->now);
	return inst->staged && !is_forced_out &&
	       member_hold_now(c) != HOLD_LEAVING;
}

void
instance_drop_staged(struct core *c, struct instance *inst)
{
	uint8_t root[DIGEST_SIZE];
	if (!inst->staged)
		return;
	memcpy(root, inst->staged->root, DIGEST_SIZE);
	instance_unstage(c, inst);
	/* First no record names it any more, then it goes. */
	sealed_drop(c, inst->name, root, instance_store_owner(c, inst));
}

void
instance_consume(struct core *c, struct instance *inst)
{
	const struct staged *s = inst->staged;
	const struct conflict *joined = conflict_joining(c, inst);
	bool is_adopted = s && strcmp(s->kind, "conflict") == 0;
	uint64_t key = is_adopted ? conflict_key(s->root) : inst->used;
	if (joined)
		key = conflict_key(joined->want.root);
	instance_drop_staged(c, inst);
	instance_store_owner(c, inst);
	if (joined)
		conflict_on_joined(c, inst);
	instance_arm(c, inst, MONO_NEVER);
	if (inst->began) /* now it may go on from another one */
		duty_mark(c, inst->name);
	if (key == inst->used)
		return;
	inst->used = key;
	instance_publish(c, inst);
}

mono
instance_consume_at(struct core *c, const struct instance *inst)
{
	struct service_value s;
	if (!inst->staged || !instance_service(c, inst, &s))
		return MONO_NEVER;
	if (inst->has_readiness)
		return c->now; /* it said itself that it is ready */
	return mono_add(c->now, s.policy.restart.reset_after_ms);
}

void
instance_on_declared(struct core *c, struct instance *inst)
{
	if (inst->state == INSTANCE_READY && inst->staged &&
		inst->heap_index == HEAP_NONE)
		instance_arm(c, inst, instance_consume_at(c, inst));
}

/* --- Starts with nothing --- */

/* Whether what it begins with comes from its own line of starts: so it is with
 * what stands at its state_path, what it put aside, and the checkpoints that it
 * took since the line began. */
static bool
goes_on(const struct core *c, const struct instance *i,
	const struct effect_start *s)
{
	const struct checkpoint *k = checkpoint_find(c, i->name);
	if (!s->has_state)
		return !s->sets_aside;
	return s->has_theirs || strcmp(s->state_kind, "dump") == 0 ||
	       (strcmp(s->state_kind, "checkpoint") == 0 && k &&
		       k->word.count && k->word.kept[0].epoch >= i->began);
}

void
instance_note_fresh(struct core *c, struct instance *inst,
	const struct effect_start *s, bool is_first, bool has_state_path)
{
	bool has_nothing = !s->has_state && (!has_state_path || s->sets_aside);
	bool is_same = !is_first && inst->began &&
		       (has_nothing ? inst->fresh != 0 : goes_on(c, inst, s));
	if (!is_same)
		inst->began = s->epoch;
	if (has_nothing)
		inst->fresh = inst->began;
	else if (!is_same || s->has_theirs)
		inst->fresh = 0;
}
