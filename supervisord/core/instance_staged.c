/* The states that instances start from. */
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
	inst->keeps_move = false;
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
	handoff_drop(c, inst->name, root, instance_store_owner(c, inst));
}
