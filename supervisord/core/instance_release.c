/* When the keeper may forget what it has of an instance. */
#include "core/core_private.h"

static void
emit(struct core *c, const struct instance *i, uint64_t epoch, bool sets_aside)
{
	struct effect *e = effects_add(&c->fx, EFFECT_RELEASE);
	e->proc.name = effects_text(&c->fx, i->name);
	e->proc.epoch = epoch;
	e->proc.sets_aside = sets_aside;
}

static void
release(struct core *c, struct instance *i, bool sets_aside)
{
	if (i->epoch_kept)
		emit(c, i, i->epoch_kept, sets_aside);
	i->epoch_kept = 0;
}

void
instance_release(struct core *c, struct instance *inst)
{
	release(c, inst, false);
}

void
instance_release_old(struct core *c, struct instance *inst)
{
	struct service_value s;
	bool is_old = instance_service(c, inst, &s) &&
		      s.policy.handoff.has_state_path;
	if (is_old && inst->epoch_kept)
		core_note(c, NOTE_SET_ASIDE, inst->name, inst->epoch_kept,
			effects_format(&c->fx,
				"it runs elsewhere with its state; what stands "
				"at its state_path here is renamed to "
				"*.skep-stale-%u",
				inst->epoch_kept));
	release(c, inst, is_old);
}

void
instance_release_left(struct core *c, struct instance *inst)
{
	if (inst->epoch_left)
		emit(c, inst, inst->epoch_left, false);
	inst->epoch_left = inst->epoch_kept = 0;
}
