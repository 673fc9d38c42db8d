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

/* Whether its heartbeats reach us, as far as we know. */
static bool
is_heard(const struct member *m)
{
	return m->link && m->has_heartbeat && m->state == MEMBER_ALIVE;
}

/* Whether one whom we do not hear is told to stall by somebody else. */
static bool
is_told_of(const struct core *c, const struct member *about)
{
	const struct member_table *t = &c->members;
	for (member_id id = 1; id < t->count; id++) {
		const struct member *m = &t->items[id];
		for (uint32_t i = 0; m->link && i < m->hb_stalled_count; i++)
			if (m->hb_stalled[i] == about->by_name.hash)
				return true;
	}
	return false;
}

bool
member_is_stalled(const struct core *c, member_id id)
{
	const struct member_stall *s = &c->members.stall;
	if (id == MEMBER_SELF)
		return s->is_on || s->quiet_until.ms != MONO_NEVER.ms;
	const struct member *m = member_get(c, id);
	return is_heard(m) ? m->hb_is_stalled : is_told_of(c, m);
}

void
member_tell_stalled(const struct core *c, skep_Heartbeat *hb)
{
	const struct member_table *t = &c->members;
	for (member_id id = 1; id < t->count; id++) {
		const struct member *m = &t->items[id];
		if (is_heard(m) && m->hb_is_stalled &&
			hb->stalled_count < STALLED_TOLD_MAX)
			hb->stalled[hb->stalled_count++] = m->by_name.hash;
	}
}

bool
member_hear_stalled(struct member *m, const skep_Heartbeat *hb)
{
	size_t size = hb->stalled_count * sizeof hb->stalled[0];
	bool is_news = m->hb_stalled_count != hb->stalled_count ||
		       memcmp(m->hb_stalled, hb->stalled, size) != 0;
	m->hb_stalled_count = hb->stalled_count;
	memcpy(m->hb_stalled, hb->stalled, size);
	return is_news;
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
