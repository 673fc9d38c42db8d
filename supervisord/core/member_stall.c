/* A host whose store has stopped writing: what it runs goes on, and nothing
 * new is given to it, since it could not say durably that it has it.
 */
#include <string.h>

#include "core/member_private.h"

/* So long a STORE may wait while none becomes durable. */
#define STALL_MS 5000
/* A host that is well again tells the others before it acts upon it: by then
 * whoever stood in for it has heard that. */
#define STALL_QUIET_MS 1000

void
member_on_store(struct core *c)
{
	struct member_stall *s = &c->members.stall;
	if (s->since.ms == MONO_NEVER.ms)
		s->since = c->now;
}

/* Everything that waited when the stall was noticed is durable. */
static void
end_stall(struct core *c)
{
	struct member_stall *s = &c->members.stall;
	s->is_on = false;
	s->quiet_until = mono_add(c->now, STALL_QUIET_MS);
	core_note(c, NOTE_NODE_STATE, c->config.node, 0,
		"its store writes again; takes instances");
	member_hurry_heartbeat(c);
}

void
member_on_stored(struct core *c)
{
	struct member_stall *s = &c->members.stall;
	bool is_all = c->stored_seq == c->store_seq;
	s->since = is_all ? MONO_NEVER : c->now;
	if (s->is_on && c->stored_seq >= s->seq)
		end_stall(c);
}

bool
member_is_stalled(const struct core *c, member_id id)
{
	const struct member_stall *s = &c->members.stall;
	if (id == MEMBER_SELF)
		return s->is_on || s->quiet_until.ms != MONO_NEVER.ms;
	return member_get(c, id)->hb_is_stalled;
}

/* When the store counts as stalled if it goes on like this. */
static mono
stall_at(const struct member_stall *s)
{
	if (s->is_on || s->since.ms == MONO_NEVER.ms)
		return MONO_NEVER;
	return mono_add(s->since, STALL_MS);
}

void
member_stall_tick(struct core *c)
{
	struct member_stall *s = &c->members.stall;
	if (mono_reached(stall_at(s), c->now)) {
		s->is_on = true;
		s->seq = c->store_seq;
		s->quiet_until = MONO_NEVER;
		core_note(c, NOTE_NODE_STATE, c->config.node, 0,
			effects_format(&c->fx,
				"its store has not written for %d ms; takes "
				"nothing new",
				mono_diff(c->now, s->since)));
		member_hurry_heartbeat(c);
		duty_mark_all(c);
	}
	if (mono_reached(s->quiet_until, c->now)) {
		s->quiet_until = MONO_NEVER;
		duty_mark_all(c);
	}
}

mono
member_stall_deadline(const struct core *c)
{
	const struct member_stall *s = &c->members.stall;
	return mono_min(stall_at(s), s->quiet_until);
}
