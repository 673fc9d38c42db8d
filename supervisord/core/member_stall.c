/* A host whose store has stopped writing: what it runs goes on, and nothing
 * new is given to it, since it could not say durably that it has it.
 *
 * All must know that, also who has no link to it.  It counts how often it went
 * from well to stalled and back since its start, and heartbeats carry these
 * counts from host to host: of two the larger one holds, so that nobody tells
 * old news for ever.  Who stalls is told all the time; who is well again, when
 * one learns it, and when somebody tells a smaller count.  A change costs each
 * host one heartbeat that goes earlier, and no message more, and after one end
 * there is no other change for STALL_MS.
 */
#include "core/member_private.h"

/* So long a STORE may wait while none becomes durable. */
#define STALL_MS 5000
/* A host that is well again tells the others before it acts upon it: by then
 * whoever stood in for it has heard that. */
#define STALL_QUIET_MS 1000
/* Heartbeats that tell what was news. */
#define TELL_TIMES 2
/* Larger counts come from nobody's life; they are nonsense from outside. */
#define CHANGES_MAX ((uint64_t)1 << 62)

static bool
is_odd(uint64_t count)
{
	return (count & 1) != 0;
}

/* Ours changed: all are told. */
static void
count_change(struct core *c)
{
	member_at(c, MEMBER_SELF)->stall_changes++;
	member_hurry_heartbeat(c);
}

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
	count_change(c);
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
	const struct member *m = member_get(c, id);
	bool is_heard = m->link && m->has_heartbeat && m->state == MEMBER_ALIVE;
	return is_odd(m->stall_changes) || (is_heard && m->hb_is_stalled);
}

/* --- Telling --- */

/* Whether heartbeats tell of it. */
static bool
is_told(const struct core *c, member_id id)
{
	const struct member *m = member_get(c, id);
	return (is_odd(m->stall_changes) || m->stall_tell) &&
	       member_is_present(c, id);
}

static void
tell(skep_Heartbeat *hb, const struct member *about)
{
	CHECK(hb->stalls_count < STALLS_TOLD_MAX);
	hb->stalls[hb->stalls_count++] = (skep_Stall){
		.node = about->by_name.hash,
		.start = member_log_incarnation(about->incarnation),
		.changes = about->stall_changes,
	};
}

void
member_tell_stalls(const struct core *c, skep_Heartbeat *hb)
{
	const struct member_table *t = &c->members;
	uint64_t count = 0, at = 0;
	hb->is_stalled = t->stall.is_on;
	hb->stall_changes = t->items[MEMBER_SELF].stall_changes;
	CHECK(is_odd(hb->stall_changes) == hb->is_stalled);
	for (member_id id = 1; id < t->count; id++)
		count += is_told(c, id);
	if (count == 0)
		return;
	uint64_t turn = (uint64_t)(c->now.ms / HEARTBEAT_MS);
	uint64_t first =
		count <= STALLS_TOLD_MAX ? 0 : turn * STALLS_TOLD_MAX % count;
	for (member_id id = 1; id < t->count; id++)
		if (is_told(c, id) &&
			(at++ + count - first) % count < STALLS_TOLD_MAX)
			tell(hb, &t->items[id]);
}

/* Whom an entry means; NULL: somebody that is not known here. */
static struct member *
find(struct core *c, const skep_Stall *stall)
{
	struct map_link *l = map_first(&c->members.by_name, stall->node);
	return l ? container_of(l, struct member, by_name) : NULL;
}

void
member_told_stalls(struct core *c, const skep_Heartbeat *hb)
{
	for (uint32_t i = 0; i < hb->stalls_count; i++) {
		struct member *m = find(c, &hb->stalls[i]);
		CHECK(m);
		if (m->stall_tell > 0)
			m->stall_tell--;
	}
}

/* --- Hearing --- */

/* Returns whether that was news. */
static bool
learn(struct core *c, struct member *m, uint64_t start, uint64_t changes)
{
	if (start != member_log_incarnation(m->incarnation) ||
		changes > CHANGES_MAX || changes == m->stall_changes)
		return false;
	m->stall_tell = TELL_TIMES; /* to us, or to him who told us less */
	if (changes < m->stall_changes)
		return false;
	m->stall_changes = changes;
	member_hurry_heartbeat(c); /* others hear it from us */
	return true;
}

/* Somebody knows more changes of our own store than there were, which we never
 * told: ours go on above these, and what is true holds again. */
static void
outbid(struct core *c, const skep_Stall *stall)
{
	struct member *self = member_at(c, MEMBER_SELF);
	if (stall->start != c->incarnation || stall->changes > CHANGES_MAX ||
		stall->changes <= self->stall_changes)
		return;
	self->stall_changes = stall->changes;
	if (is_odd(stall->changes) != c->members.stall.is_on)
		self->stall_changes++;
	member_hurry_heartbeat(c);
}

bool
member_hear_stalls(struct core *c, struct member *m, const skep_Heartbeat *hb)
{
	bool was_stalled = m->hb_is_stalled;
	m->hb_is_stalled = hb->is_stalled && hb->stall_changes == 0;
	bool is_news = m->hb_is_stalled != was_stalled;
	is_news |= learn(c, m, member_log_incarnation(hb->incarnation),
		hb->stall_changes);
	for (uint32_t i = 0; i < hb->stalls_count; i++) {
		const skep_Stall *stall = &hb->stalls[i];
		struct member *about = find(c, stall);
		if (about == member_at(c, MEMBER_SELF))
			outbid(c, stall);
		else if (about)
			is_news |=
				learn(c, about, stall->start, stall->changes);
	}
	return is_news;
}

/* --- Our own --- */

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
		count_change(c);
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
