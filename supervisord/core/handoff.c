#include "core/handoff.h"

#include <string.h>

#include "core/handoff_private.h"

#define RECORD_VERSION 3 /* 1: without 'epoch_known', 2: 'is_carried' */

size_t
handoff_need(const struct core_limits *l)
{
	(void)l;
	return arena_need(HANDOFFS_MAX, sizeof(struct handoff));
}

void
handoff_init(struct core *c)
{
	struct handoffs *t = &c->handoffs;
	slots_init(&t->slots,
		arena_take(&c->arena, HANDOFFS_MAX, sizeof(struct handoff)),
		HANDOFFS_MAX, sizeof(struct handoff));
	list_init(&t->active);
	t->retry_at = MONO_NEVER;
}

const char *
handoff_state_name(enum handoff_state state)
{
	static const char *const names[] = {
#define X(value, name) [value] = name,
		HANDOFF_STATES(X)
#undef X
	};
	CHECK(state < HANDOFF_STATE_COUNT);
	return names[state];
}

bool
handoff_is_source(enum handoff_state state)
{
	return (state >= HANDOFF_OFFERED && state <= HANDOFF_COMMITTED) ||
	       state == HANDOFF_PAIRED;
}

bool
handoff_is_durable(enum handoff_state state)
{
	return state == HANDOFF_FROZEN || state == HANDOFF_COMMITTED ||
	       state == HANDOFF_STAGED;
}

/* --- The table --- */

static struct handoff *
find(const struct core *c, const char *name)
{
	list_each (l, &c->handoffs.active) {
		struct handoff *h = container_of(l, struct handoff, link);
		if (strcmp(h->name, name) == 0)
			return h;
	}
	return NULL;
}

const struct handoff *
handoff_find(const struct core *c, const char *name)
{
	return find(c, name);
}

bool
handoff_is_busy(const struct core *c, const char *name)
{
	return find(c, name) != NULL;
}

void
handoff_stage(struct core *c, const struct handoff *h, struct instance *i,
	const char *kind, const char *from)
{
	struct staged s = {.size = h->size, .wall_ms = h->sealed_wall_ms};
	CHECK(h->has_root && strlen(kind) < sizeof s.kind);
	memcpy(s.root, h->root, DIGEST_SIZE);
	strcpy(s.kind, kind);
	strcpy(s.from, from);
	instance_stage(c, i, &s);
	checkpoint_adopt(c, i, h->epoch, h->root, h->size, h->sealed_wall_ms);
}

uint32_t
handoff_count_accepted(const struct core *c)
{
	uint32_t n = 0;
	list_each (l, &c->handoffs.active) {
		const struct handoff *h = container_of(l, struct handoff, link);
		n += h->state == HANDOFF_ACCEPTED ||
		     h->state == HANDOFF_FETCHING;
	}
	return n;
}

struct handoff *
handoff_new(struct core *c, const char *name, enum handoff_state state)
{
	struct handoffs *t = &c->handoffs;
	CHECK(!find(c, name));
	struct handoff *h = slots_take(&t->slots);
	if (!h)
		return NULL;
	memset(h, 0, sizeof *h);
	list_append(&t->active, &h->link);
	strcpy(h->name, name);
	h->state = state;
	h->since = c->now;
	h->deadline = h->until = h->resend_at = MONO_NEVER;
	return h;
}

/* --- The record --- */

void
handoff_record(struct core *c, struct handoff *h)
{
	unsigned char buffer[512];
	struct writer w;
	writer_init(&w, buffer, sizeof buffer);
	writer_u8(&w, RECORD_VERSION);
	writer_u8(&w, (uint8_t)h->state);
	writer_u64(&w, h->epoch);
	writer_u32(&w, h->attempt);
	writer_text(&w, h->peer_name);
	writer_u8(&w, h->has_root);
	writer_bytes(&w, h->root, sizeof h->root);
	writer_u64(&w, h->size);
	writer_i64(&w, h->sealed_wall_ms);
	writer_u64(&w, h->run_digest);
	writer_u64(&w, h->epoch_known);
	writer_u8(&w, h->is_carried);
	CHECK(!w.bad);
	h->is_recorded = true;
	h->stored = core_store(c, TABLE_HANDOFF,
		(struct bytes){h->name, strlen(h->name)}, writer_done(&w));
}

/* Reads a record into 'h'; false when it makes no sense. */
static bool
read_record(struct handoff *h, struct bytes value)
{
	struct reader r;
	reader_init(&r, value.data, value.size);
	uint8_t version = reader_u8(&r);
	uint8_t state = reader_u8(&r);
	h->epoch = reader_u64(&r);
	h->attempt = reader_u32(&r);
	const char *peer = reader_text(&r);
	h->has_root = reader_u8(&r) != 0;
	struct bytes root = reader_bytes(&r);
	h->size = reader_u64(&r);
	h->sealed_wall_ms = reader_i64(&r);
	h->run_digest = reader_u64(&r);
	h->epoch_known = version >= 2 ? reader_u64(&r) : h->epoch;
	h->is_carried = version >= 3 && reader_u8(&r) != 0;
	/* A later version may have written more behind it. */
	if (r.bad || version < 1 || h->epoch_known < h->epoch ||
		state >= HANDOFF_STATE_COUNT || root.size != DIGEST_SIZE ||
		strlen(peer) > NODE_NAME_MAX)
		return false;
	h->state = (enum handoff_state)state;
	strcpy(h->peer_name, peer);
	memcpy(h->root, root.data, DIGEST_SIZE);
	h->is_recorded = true;
	return handoff_is_durable(h->state) || h->state == HANDOFF_STOPPING;
}

/* Reads one record; false when it is lost on us. */
static bool
load(struct core *c, struct bytes key, struct bytes value)
{
	char name[INSTANCE_NAME_MAX + 1];
	if (!instance_name_of_key(key, name))
		return false;
	struct handoff *h =
		find(c, name) ? NULL : handoff_new(c, name, HANDOFF_FREE);
	if (!h)
		return false;
	if (read_record(h, value))
		return true;
	list_remove(&h->link);
	slots_give(&c->handoffs.slots, h);
	return false;
}

void
handoff_on_load(struct core *c, struct bytes key, struct bytes value)
{
	c->has_unread |= !load(c, key, value);
}

void
handoff_on_sealed(struct core *c, const struct input_sealed *in)
{
	CHECK(!c->is_booted);
	struct handoff *h = find(c, in->name);
	if (h && h->state == HANDOFF_STOPPING && in->epoch == h->epoch) {
		h->has_root = true;
		memcpy(h->root, in->root, DIGEST_SIZE);
		h->size = in->size;
	}
	struct instance *i = instance_find(c, in->name);
	if (i && instance_is_staged(i, in->root))
		i->staged->size = in->size;
	if (!c->has_unread)
		sealed_drop(c, in->name, in->root, 0);
}

void
handoff_on_boot(struct core *c)
{
	list_each_safe (l, &c->handoffs.active) {
		struct handoff *h = container_of(l, struct handoff, link);
		h->since = c->now;
		h->resend_at = c->now;
		if (handoff_is_source(h->state))
			source_on_boot(c, h);
		else
			target_on_boot(c, h);
	}
}

bool
handoff_takes_place(enum handoff_state state)
{
	return handoff_is_source(state) && state != HANDOFF_COMMITTED;
}

/* A move goes on to another state; if others wait for its place, they are
 * looked at soon. */
static void
give_place(struct core *c, enum handoff_state from, enum handoff_state to)
{
	struct handoffs *t = &c->handoffs;
	if (!t->is_full || !handoff_takes_place(from) ||
		handoff_takes_place(to))
		return;
	t->is_full = false;
	t->retry_at = mono_min(t->retry_at, mono_add(c->now, HANDOFF_PLACE_MS));
}

void
handoff_enter(struct core *c, struct handoff *h, enum handoff_state state,
	mono deadline)
{
	give_place(c, h->state, state);
	h->state = state;
	h->since = c->now;
	h->deadline = deadline;
	h->resend_at = MONO_NEVER;
	if (handoff_is_durable(state)) {
		handoff_record(c, h);
		h->resend_at = mono_add(c->now, HANDOFF_RESEND_MS);
	}
	core_note(c, NOTE_HANDOFF, h->name, h->epoch,
		effects_format(&c->fx, "%s, %s %s", handoff_state_name(state),
			h->adopts		   ? "for the state on"
			: h->is_yield		   ? "it loses against"
			: handoff_is_source(state) ? "to"
						   : "from",
			effects_text(&c->fx, h->peer_name)));
}

uint64_t
handoff_end(struct core *c, struct handoff *h)
{
	uint64_t seq = 0;
	if (h->is_recorded)
		seq = core_store(c, TABLE_HANDOFF,
			(struct bytes){h->name, strlen(h->name)},
			(struct bytes){NULL, 0});
	give_place(c, h->state, HANDOFF_FREE);
	h->state = HANDOFF_FREE;
	list_remove(&h->link);
	slots_give(&c->handoffs.slots, h);
	duty_mark(c, h->name);
	return seq;
}

void
handoff_end_and_drop(struct core *c, struct handoff *h)
{
	const struct handoff was = *h;
	uint64_t after = handoff_end(c, h);
	if (was.has_root)
		sealed_drop(c, was.name, was.root, after);
}

uint64_t
handoff_end_carried(struct core *c, struct handoff *h)
{
	const struct handoff was = *h;
	uint64_t ended = handoff_end(c, h);
	if (was.is_carried)
		sealed_drop(c, was.name, was.root, handoff_after(c));
	return ended;
}

void
handoff_carry(const struct core *c, struct handoff *h)
{
	const struct checkpoint *k = checkpoint_find(c, h->name);
	if (h->has_root || !k || k->word.count == 0)
		return;
	const struct snapshot *s = &k->word.kept[0];
	h->has_root = h->is_carried = true;
	memcpy(h->root, s->root, DIGEST_SIZE);
	h->size = s->size;
	h->sealed_wall_ms = s->wall_ms;
}

uint64_t
handoff_after(const struct core *c)
{
	return c->store_seq > c->stored_seq ? c->store_seq : 0;
}

/* --- Messages --- */

member_id
handoff_peer(const struct core *c, const struct handoff *h)
{
	member_id id = member_find(c, h->peer_name);
	return id != MEMBER_NONE && id != MEMBER_SELF && member_get(c, id)->link
		       ? id
		       : MEMBER_NONE;
}

void
handoff_send(struct core *c, const struct handoff *h, uint16_t type,
	const char *reason, uint64_t after)
{
	skep_Handoff m = skep_Handoff_init_zero;
	member_id to = handoff_peer(c, h);
	if (to == MEMBER_NONE)
		return;
	strcpy(m.name, h->name);
	m.epoch = h->epoch;
	m.attempt = h->attempt;
	if (h->has_root) {
		m.root.size = DIGEST_SIZE;
		memcpy(m.root.bytes, h->root, DIGEST_SIZE);
	}
	m.size = h->size;
	m.sealed_wall_ms = h->sealed_wall_ms;
	m.run_digest = h->run_digest;
	m.epoch_known = h->epoch_known;
	m.starts_first = h->starts_first;
	strncpy(m.reason, reason, sizeof m.reason - 1);
	member_send(c, to, type, wire_encode(&c->fx, type, &m),
		after > c->stored_seq ? after : 0);
}

void
handoff_echo(struct core *c, member_id to, const skep_Handoff *m, uint16_t type,
	const char *reason)
{
	skep_Handoff a = *m;
	memset(a.reason, 0, sizeof a.reason);
	strncpy(a.reason, reason, sizeof a.reason - 1);
	/* It rests on what we did before, which a crash must not undo. */
	member_send(
		c, to, type, wire_encode(&c->fx, type, &a), handoff_after(c));
}

bool
handoff_is_same(const struct handoff *h, const skep_Handoff *m)
{
	return h->epoch == m->epoch && h->attempt == m->attempt;
}

void
handoff_on_recv(
	struct core *c, member_id from, uint16_t type, struct bytes body)
{
	skep_Handoff m = skep_Handoff_init_zero;
	if (!wire_decode(type, body, &m) || m.name[0] == '\0' ||
		m.epoch > EPOCH_MAX || m.epoch_known > EPOCH_MAX ||
		(m.root.size != 0 && m.root.size != DIGEST_SIZE)) {
		c->unknown_frames++;
		return;
	}
	if (m.epoch_known < m.epoch)
		m.epoch_known = m.epoch;
	switch (type) {
	case WIRE_HANDOFF_ACCEPT:
	case WIRE_HANDOFF_REFUSE:
	case WIRE_HANDOFF_STAGED:
	case WIRE_HANDOFF_QUERY:
	case WIRE_HANDOFF_ACTIVE:
	case WIRE_HANDOFF_UNKNOWN:
		source_on_recv(c, from, type, &m);
		break;
	default:
		target_on_recv(c, from, type, &m);
		break;
	}
}

void
handoff_on_linked(struct core *c, member_id id)
{
	const char *name = member_get(c, id)->name;
	list_each (l, &c->handoffs.active) {
		struct handoff *h = container_of(l, struct handoff, link);
		if (handoff_is_durable(h->state) &&
			strcmp(h->peer_name, name) == 0)
			h->resend_at = c->now;
	}
}

void
handoff_on_topology(struct core *c)
{
	list_each_safe (l, &c->handoffs.active) {
		struct handoff *h = container_of(l, struct handoff, link);
		if (!effects_has_room(&c->fx, 64, 2 * SPEC_BODY_MAX)) {
			c->handoffs.retry_at = c->now; /* the rest, next */
			return;
		}
		if (handoff_is_source(h->state))
			source_on_topology(c, h);
		else
			target_on_topology(c, h);
	}
}

void
handoff_on_tick(struct core *c)
{
	struct handoffs *t = &c->handoffs;
	if (mono_reached(t->retry_at, c->now)) {
		t->retry_at = MONO_NEVER;
		duty_mark_all(c);
	}
	list_each_safe (l, &t->active) {
		struct handoff *h = container_of(l, struct handoff, link);
		if (!effects_has_room(&c->fx, 64, SPEC_BODY_MAX))
			return;
		if (handoff_is_source(h->state))
			source_on_tick(c, h);
		else
			target_on_tick(c, h);
	}
}

mono
handoff_deadline(const struct core *c)
{
	mono at = c->handoffs.retry_at;
	list_each (l, &c->handoffs.active) {
		const struct handoff *h = container_of(l, struct handoff, link);
		at = mono_min(at, mono_min(h->deadline, h->resend_at));
		at = mono_min(at, h->until);
	}
	return at;
}
