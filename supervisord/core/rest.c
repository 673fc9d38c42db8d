#include "core/rest.h"

#include "core/core_private.h"

void
rest_init(struct core *c)
{
	c->rest.changed_at = (mono){-START_REST_MS};
	c->rest.changed = MEMBER_NONE;
}

void
rest_on_host(struct core *c, member_id id)
{
	struct rest *r = &c->rest;
	bool is_over =
		mono_reached(mono_add(r->changed_at, START_REST_MS), c->now);
	r->changed = is_over || r->changed == id ? id : MEMBER_NONE;
	r->changed_at = c->now;
	r->told = c->store_seq;
}

void
rest_on_stored(struct core *c)
{
	struct rest *r = &c->rest;
	if (!r->is_awaited || c->stored_seq < r->told)
		return;
	r->is_awaited = false;
	duty_mark_all(c);
}

void
rest_on_held(struct instance *inst, member_id holder)
{
	inst->held_by = holder;
	inst->freed_at = MONO_NEVER;
}

void
rest_on_freed(struct core *c, struct instance *inst)
{
	if (inst->freed_at.ms == MONO_NEVER.ms)
		inst->freed_at = c->now;
}

void
rest_begin(struct core *c, struct instance *inst)
{
	inst->rest_until = mono_add(c->now, START_REST_MS);
}

void
rest_on_left(struct core *c, const char *instance)
{
	const struct instance *gone = instance_find(c, instance);
	/* What nobody wants any more has a place for its own host alone. */
	if (!gone || !gone->is_declared || !gone->is_limited)
		return;
	struct instance *i = instance_of_service(c, gone->service);
	for (; i; i = instance_next_of_service(c, i))
		if (i != gone && !instance_is_held(i))
			rest_begin(c, i);
}

/* Whether a host has refused the very run that this one has refused. */
static bool
has_refused_too(const struct core *c, const struct instance *i, member_id id)
{
	const struct row *r = registry_find(c, ROW_INSTANCE, i->name, id);
	return r && r->value.state == ROW_REFUSED &&
	       row_run(r)->run_digest == i->run_digest &&
	       row_run(r)->seen_restart >= i->seen_restart;
}

bool
rest_is_tried(struct core *c, const struct instance *inst,
	const struct service_value *service)
{
	for (member_id id = 1; id < c->members.count; id++)
		if (!has_refused_too(c, inst, id) &&
			place_verdict(c, inst->name, service, id) ==
				PLACE_ELIGIBLE)
			return true;
	return false;
}

/* Whether the one host that may be given nothing any more has let go of it
 * since, and who has not heard yet of the change would not begin it either. */
static bool
is_given_up(struct core *c, const struct instance *i,
	const struct service_value *service)
{
	const struct rest *r = &c->rest;
	if (r->changed == MEMBER_NONE || i->held_by != r->changed ||
		i->freed_at.ms == MONO_NEVER.ms ||
		!mono_reached(r->changed_at, i->freed_at) ||
		place_look_at_host(c, r->changed).verdict == PLACE_ELIGIBLE)
		return false;
	member_id before = place_first_with(c, i->name, service, r->changed);
	return before == r->changed || before == MEMBER_SELF;
}

mono
rest_until(struct core *c, const struct instance *inst,
	const struct service_value *service)
{
	struct rest *r = &c->rest;
	mono until = mono_add(r->changed_at, START_REST_MS);
	bool is_told = c->stored_seq >= r->told;
	if ((is_told && mono_reached(until, c->now)) ||
		member_present_count(c) == 1 || is_given_up(c, inst, service))
		return inst->rest_until;
	if (!is_told) {
		r->is_awaited = true;
		return MONO_NEVER;
	}
	return until.ms > inst->rest_until.ms ? until : inst->rest_until;
}
