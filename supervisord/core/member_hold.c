#include <string.h>

#include "core/member_private.h"

/* --- The view --- */

void
member_view_changed(struct core *c)
{
	struct member_table *t = &c->members;
	t->view_since = c->now;
	t->is_stable = false;
	if (!t->is_topology_dirty)
		t->topology_cap = mono_add(c->now, DEBOUNCE_MAX_MS);
	t->is_topology_dirty = true;
	t->topology_at =
		mono_min(t->topology_cap, mono_add(c->now, DEBOUNCE_MS));
	member_hurry_heartbeat(c);
}

/* From now on losses count from the present view. */
static void
set_stable(struct core *c)
{
	struct member_table *t = &c->members;
	for (member_id id = 0; id < t->count; id++)
		t->items[id].is_in_stable = member_is_present(c, id);
	t->is_stable = true;
	t->is_tally_known = false;
}

/* --- Counting --- */

/* Whether a member stands in the view that losses count from and is gone
 * without anybody having said that this is so. */
static bool
is_lost(const struct core *c, const struct member *m)
{
	return m->is_in_stable && m->state != MEMBER_LEFT &&
	       !m->is_confirmed_down &&
	       !member_is_present(c, member_id_of(c, m));
}

/* Whether forming waits for a link to it. */
static bool
is_missed(const struct core *c, const struct member *m)
{
	(void)c;
	return m->is_in_stable && m->state != MEMBER_LEFT &&
	       !m->is_confirmed_down && !(m->link && m->has_heartbeat);
}

static struct member_tally
recount(const struct core *c)
{
	struct member_tally n = {0};
	for (member_id id = 0; id < c->members.count; id++) {
		const struct member *m = member_get(c, id);
		bool is_here = member_is_present(c, id);
		if (m->state == MEMBER_LEFT || !(m->is_in_stable || is_here))
			continue;
		n.total++;
		n.lost += is_lost(c, m);
		n.down += m->is_confirmed_down;
		n.linked += id == MEMBER_SELF || (m->link && m->has_heartbeat);
	}
	return n;
}

/* The same, counted once while nothing of it changes. */
static struct member_tally
count(struct core *c)
{
	struct member_table *t = &c->members;
	if (!t->is_tally_known)
		t->tally = recount(c);
	t->is_tally_known = true;
	return t->tally;
}

void
member_hold_check(const struct core *c)
{
	const struct member_table *t = &c->members;
	struct member_tally n = recount(c);
	if (!t->is_tally_known)
		return;
	CHECK(n.total == t->tally.total && n.lost == t->tally.lost);
	CHECK(n.linked == t->tally.linked && n.down == t->tally.down);
}

static bool
is_minority(struct core *c)
{
	struct member_tally n = count(c);
	return n.lost * 2 > n.total;
}

/* Whether our name counts as taken: others said so, nobody took us since, and
 * not all of them are confirmed down, so that it may be said again. */
static bool
is_name_taken(struct core *c)
{
	uint32_t others = 0, down = 0;
	if (!c->members.is_name_refused || count(c).linked > 1)
		return false;
	for (member_id id = 1; id < c->members.count; id++) {
		const struct member *m = member_get(c, id);
		others += m->state != MEMBER_LEFT;
		down += m->state != MEMBER_LEFT && m->is_confirmed_down;
	}
	return others == 0 || down < others;
}

/* --- Sentences --- */

struct text {
	char *buffer;
	size_t size;
	size_t length;
};

static void
add(struct text *t, const char *s)
{
	size_t n = strlen(s);
	if (n > t->size - 1 - t->length)
		n = t->size - 1 - t->length;
	memcpy(t->buffer + t->length, s, n);
	t->length += n;
	t->buffer[t->length] = 0;
}

/* The names of those that 'is_meant', as many as are read with pleasure. */
static void
add_names(const struct core *c, struct text *t,
	bool (*is_meant)(const struct core *c, const struct member *m))
{
	uint32_t n = 0;
	for (member_id id = 1; id < c->members.count; id++) {
		const struct member *m = member_get(c, id);
		if (!is_meant(c, m))
			continue;
		if (n < 5) {
			add(t, n ? ", " : "");
			add(t, m->name);
		}
		n++;
	}
	add(t, n > 5 ? ", ..." : "");
}

static void
add_number(struct core *c, struct text *t, const char *format, uint64_t n)
{
	add(t, effects_format(&c->fx, format, n));
}

/* Seconds until the hold ends, rounded up. */
static uint64_t
seconds_left(const struct core *c)
{
	int64_t ms = mono_diff(c->members.hold_until, c->now);
	return ms > 0 ? ((uint64_t)ms + 999) / 1000 : 0;
}

static void
describe_forming(struct core *c, struct text *t)
{
	struct member_tally n = count(c);
	if (is_name_taken(c)) {
		add(t, "others say that the name ");
		add(t, c->config.node);
		add(t, " is taken by another host; waits until it is free");
		return;
	}
	if (c->members.is_founding) {
		add_number(c, t, "linked to %u hosts", n.linked - 1);
		add(t, "; waits for the hosts it shall join");
	} else {
		add_number(c, t, "linked to %u", n.linked - 1);
		add_number(c, t, " of %u other hosts (not to ", n.total - 1);
		add_names(c, t, is_missed);
		add(t, ")");
	}
	add_number(c, t, "; goes on without them in %u s", seconds_left(c));
}

static void
describe_lonely(struct core *c, struct text *t)
{
	static const char *const then[] = {
		[MINORITY_TAKEOVER] = "; taking over in %u s",
		[MINORITY_KEEP] = "; keeps only its own services in %u s",
		[MINORITY_FREEZE] = "; freezes in %u s",
		[MINORITY_STOP] = "; stops its services in %u s",
	};
	static const char *const held[] = {
		[HOLD_KEEP] = "; keeps only its own services",
		[HOLD_FREEZE] = "; changes nothing",
		[HOLD_STOP] = "; stopped its services",
		[HOLD_LEAVING] = "",
		[HOLD_ENDING] = "",
	};
	struct member_tally n = count(c);
	add_number(c, t, "%u", n.lost);
	add_number(c, t, " of %u hosts lost at once (", n.total);
	add_names(c, t, is_lost);
	add(t, ")");
	if (c->members.hold == HOLD_LONELY) {
		add_number(
			c, t, then[c->settings.on_minority], seconds_left(c));
		return;
	}
	add(t, held[c->members.hold]);
	add(t, " until they are back or confirmed down");
}

static void
describe(struct core *c)
{
	struct text t = {c->members.hold_text, NOTE_TEXT_MAX, 0};
	t.buffer[0] = 0;
	switch (c->members.hold) {
	case HOLD_NONE:
		break;
	case HOLD_FORMING:
		describe_forming(c, &t);
		break;
	case HOLD_LONELY:
	case HOLD_KEEP:
	case HOLD_FREEZE:
	case HOLD_STOP:
		describe_lonely(c, &t);
		break;
	case HOLD_LEAVING:
		add(&t, "leaves the cluster");
		break;
	case HOLD_ENDING:
		add(&t, "skepd ends here, and stops its services");
		break;
	}
}

/* --- Holds --- */

/* Forming and lonely end by themselves; the settings say when, and may have
 * come from another host meanwhile. */
static mono
hold_end(struct core *c)
{
	const struct member_table *t = &c->members;
	if (t->hold == HOLD_FORMING) {
		if (is_name_taken(c))
			return MONO_NEVER;
		return mono_add(t->hold_since, c->settings.settle_timeout_ms);
	}
	if (t->hold == HOLD_LONELY)
		return mono_add(t->hold_since, c->settings.minority_hold_ms);
	return MONO_NEVER;
}

static const char *
hold_note(struct core *c, enum member_hold before)
{
	if (c->members.hold != HOLD_NONE)
		return effects_text(&c->fx, c->members.hold_text);
	if (before == HOLD_LEAVING)
		return "does not leave: an operator wants it back";
	if (before == HOLD_FORMING)
		return effects_format(&c->fx, "formed, with %u hosts present",
			(uint64_t)member_present_count(c));
	return effects_format(&c->fx, "over, with %u hosts present",
		(uint64_t)member_present_count(c));
}

static enum note_kind
note_kind(enum member_hold before, enum member_hold now)
{
	if (now == HOLD_ENDING || now == HOLD_LEAVING || before == HOLD_LEAVING)
		return NOTE_NODE_STATE;
	return now == HOLD_FORMING || before == HOLD_FORMING ? NOTE_FORMING
							     : NOTE_LONELY;
}

void
member_set_hold(struct core *c, enum member_hold hold)
{
	struct member_table *t = &c->members;
	enum member_hold before = t->hold;
	if (hold == before || before == HOLD_ENDING)
		return;
	t->hold = hold;
	t->hold_since = c->now;
	t->hold_until = hold_end(c);
	describe(c);
	core_note(c, note_kind(before, hold), c->config.node, 0,
		hold_note(c, before));
	member_hurry_heartbeat(c);
	duty_mark_all(c);
}

void
member_on_ending(struct core *c)
{
	member_set_hold(c, HOLD_ENDING);
}

/* Nothing is to be waited for any more. */
static void
end_hold(struct core *c)
{
	member_set_hold(c, c->members.is_leaving ? HOLD_LEAVING : HOLD_NONE);
}

/* The loss is accepted: this host acts for the others from now on. */
static void
take_over(struct core *c)
{
	set_stable(c);
	end_hold(c);
}

static void
apply_minority(struct core *c)
{
	switch (c->settings.on_minority) {
	case MINORITY_TAKEOVER:
		take_over(c);
		break;
	case MINORITY_KEEP:
		member_set_hold(c, HOLD_KEEP);
		break;
	case MINORITY_FREEZE:
		member_set_hold(c, HOLD_FREEZE);
		break;
	case MINORITY_STOP:
		member_set_hold(c, HOLD_STOP);
		break;
	}
}

/* --- Forming --- */

/* How many hosts make a whole cluster: as the cluster says, else as this
 * host's own skep.conf does, because a founder has no cluster to ask. */
static uint32_t
expected(const struct core *c)
{
	uint32_t n = 0;
	const char *const *pair = c->config.settings;
	if (c->settings.expect > 0)
		return c->settings.expect;
	for (; pair && pair[0]; pair += 2)
		if (!strcmp(pair[0], "expect"))
			for (const char *d = pair[1];
				*d >= '0' && *d <= '9' && n < 100000; d++)
				n = n * 10 + (uint32_t)(*d - '0');
	return n;
}

/* Whether somebody was named who could know of a cluster. */
static bool
has_seeds(const struct core *c)
{
	const struct member_table *t = &c->members;
	for (uint32_t i = 0; i < t->seed_count; i++)
		if (t->seeds[i].address[0])
			return true;
	return false;
}

/* A host that knows of no other founds a cluster, but three new hosts that
 * name each other in 'join' shall not found three: it first waits for one of
 * them, and for as many as are expected. */
static bool
is_formed(struct core *c)
{
	struct member_tally n = count(c);
	if (!c->members.is_founding)
		return (n.linked + n.down) * 2 > n.total;
	if (has_seeds(c) && n.linked < 2)
		return false;
	return member_present_count(c) >= expected(c);
}

void
member_hold_resume(struct core *c)
{
	struct member_table *t = &c->members;
	CHECK(t->hold == HOLD_LEAVING && !t->is_leaving);
	if (t->hold_left == HOLD_FORMING && !is_formed(c))
		member_set_hold(c, HOLD_FORMING);
	else
		member_set_hold(c, is_minority(c) ? HOLD_LONELY : HOLD_NONE);
}

void
member_hold_boot(struct core *c)
{
	struct member_table *t = &c->members;
	uint32_t others = 0;
	for (member_id id = 0; id < t->count; id++) {
		t->items[id].is_in_stable = t->items[id].state != MEMBER_LEFT;
		others += id != MEMBER_SELF && t->items[id].is_in_stable;
	}
	t->is_tally_known = false;
	t->is_founding = others == 0;
	t->hold = HOLD_NONE;
	t->hold_until = MONO_NEVER;
	if (is_formed(c))
		end_hold(c);
	else
		member_set_hold(c, HOLD_FORMING);
}

static void
tick_forming(struct core *c)
{
	bool is_late = mono_reached(c->members.hold_until, c->now);
	if (!is_formed(c) && is_late && is_minority(c))
		member_set_hold(c, HOLD_LONELY);
	else if (is_formed(c) || is_late)
		end_hold(c);
}

static void
tick_lonely(struct core *c)
{
	if (!is_minority(c))
		end_hold(c);
	else if (c->members.hold != HOLD_LONELY ||
		 mono_reached(c->members.hold_until, c->now))
		apply_minority(c);
}

static void
tick_hold(struct core *c)
{
	struct member_table *t = &c->members;
	t->hold_until = hold_end(c);
	switch (t->hold) {
	case HOLD_NONE:
		if (is_minority(c))
			member_set_hold(c, HOLD_LONELY);
		break;
	case HOLD_FORMING:
		tick_forming(c);
		break;
	case HOLD_LONELY:
	case HOLD_KEEP:
	case HOLD_FREEZE:
	case HOLD_STOP:
		tick_lonely(c);
		break;
	case HOLD_LEAVING:
	case HOLD_ENDING:
		break;
	}
	if (t->hold != HOLD_NONE)
		describe(c);
}

/* --- Time --- */

void
member_hold_tick(struct core *c)
{
	struct member_table *t = &c->members;
	tick_hold(c);
	if (t->hold == HOLD_NONE && !t->is_stable &&
		mono_diff(c->now, t->view_since) >= STABLE_MS)
		set_stable(c);
	if (t->is_topology_dirty && mono_reached(t->topology_at, c->now)) {
		t->topology++;
		t->is_topology_dirty = false;
		handoff_on_topology(c);
		duty_mark_all(c);
	}
}

mono
member_hold_deadline(const struct core *c)
{
	const struct member_table *t = &c->members;
	mono at = t->hold == HOLD_NONE ? MONO_NEVER : t->hold_until;
	if (t->is_topology_dirty)
		at = mono_min(at, t->topology_at);
	if (t->hold == HOLD_NONE && !t->is_stable)
		at = mono_min(at, mono_add(t->view_since, STABLE_MS));
	return at;
}
