/* A copy that won goes on from its own state and from that of a copy that lost,
 * which a hook joins in each of its starts until one has served (conflict.h).
 *
 * The state of its own is what it starts from as after any move that was called
 * off.  That the other one belongs to it stands in the record of what is kept,
 * before the start: so no start that was told of both goes unknown, and none
 * that was not counts as one from both.
 */
#include <string.h>

#include "core/conflict_private.h"

const struct conflict *
conflict_joining(const struct core *c, const struct instance *inst)
{
	const struct conflict *k = conflict_find(c, inst->name);
	bool is_it = k && k->phase == ADOPT_JOINING &&
		     instance_is_staged(inst, k->own);
	return is_it ? k : NULL;
}

void
join_begin(struct core *c, struct conflict *k, struct instance *inst,
	const struct lost *own)
{
	instance_drop_staged(c, inst);
	conflict_take_own(c, inst, own);
	memcpy(k->own, own->root, DIGEST_SIZE);
	adopt_enter(c, k, ADOPT_JOINING, MONO_NEVER);
	conflict_record(c, k);
	core_note(c, NOTE_CONFLICT, inst->name, k->want.epoch,
		effects_format(&c->fx,
			"its state and that of the copy that lost, from %s, "
			"are joined before it starts",
			effects_text(&c->fx, k->from)));
}

/* It starts from its own, once nothing on the disk says otherwise. */
static void
leave(struct core *c, struct instance *i, const char *why)
{
	struct conflict *k = conflict_of(c, i->name);
	core_note(c, NOTE_CONFLICT, i->name, k->want.epoch,
		effects_format(&c->fx,
			"it goes on from its own state, and both are kept: %s",
			effects_text(&c->fx, why)));
	instance_set_note(c, i,
		effects_format(&c->fx,
			"its state and that of a copy that lost were not "
			"joined, both are kept: %s",
			effects_text(&c->fx, why)));
	adopt_stop(c, k, i);
	i->failures = 0;
	i->epoch_after = k->stored;
}

void
conflict_before_start(struct core *c, struct instance *inst,
	const struct service_value *service)
{
	if (conflict_joining(c, inst) &&
		!service->policy.hooks.has_resolve_conflict)
		leave(c, inst, "the service has no hooks.resolve_conflict");
}

bool
conflict_on_unresolved(struct core *c, struct instance *inst, const char *text)
{
	if (!conflict_joining(c, inst))
		return false;
	leave(c, inst, text);
	return true;
}

void
join_fall_back(struct core *c, struct instance *inst)
{
	if (conflict_joining(c, inst))
		leave(c, inst, "it cannot start from what was made of them");
}

void
conflict_on_joined(struct core *c, struct instance *inst)
{
	struct conflict *k = conflict_of(c, inst->name);
	CHECK(k && k->phase == ADOPT_JOINING);
	adopt_enter(c, k, ADOPT_NONE, MONO_NEVER);
	conflict_record(c, k);
	sealed_drop(c, inst->name, k->want.root, k->stored);
	duty_mark(c, inst->name);
}
