#include <string.h>

#include "core/member_private.h"

/* --- Sending --- */

static void
send(struct core *c, uint32_t link, uint16_t type, struct bytes body,
	uint64_t after)
{
	uint64_t own = c->members.incarnation_seq;
	struct effect *e = effects_add(&c->fx, EFFECT_SEND);
	e->after = after > own ? after : own;
	e->send.link = link;
	e->send.type = type;
	e->send.body = body;
}

void
member_send_link(struct core *c, uint32_t link, uint16_t type, const void *msg)
{
	send(c, link, type, wire_encode(&c->fx, type, msg), 0);
}

void
member_send(struct core *c, member_id to, uint16_t type, struct bytes body,
	uint64_t after)
{
	const struct member *m = member_get(c, to);
	if (m->link)
		send(c, m->link, type, body, after);
}

void
member_broadcast(
	struct core *c, uint16_t type, struct bytes body, uint64_t after)
{
	for (member_id id = 1; id < c->members.count; id++)
		if (effects_has_room(&c->fx, 1, 0))
			member_send(c, id, type, body, after);
}

void
member_close(struct core *c, uint32_t link, const char *why)
{
	/* Behind the words that were to be sent before it. */
	struct effect *e = effects_add(&c->fx, EFFECT_LINK_CLOSE);
	e->after = c->members.incarnation_seq;
	e->link_close.link = link;
	e->link_close.why = effects_text(&c->fx, why);
}

/* --- Dialling --- */

static uint32_t
open_link(struct core *c, const char *address)
{
	struct effect *e = effects_add(&c->fx, EFFECT_LINK_OPEN);
	e->link_open.dial = ++c->members.next_dial;
	e->link_open.address = effects_text(&c->fx, address);
	return c->members.next_dial;
}

/* A quarter more or less, so that hosts that failed together do not try
 * again together. */
static int64_t
jitter(struct core *c, int64_t delay_ms)
{
	uint64_t spread = (uint64_t)delay_ms / 2 + 1;
	return delay_ms - delay_ms / 4 + (int64_t)prng_below(&c->prng, spread);
}

/* The back-off's next step: doubles from REDIAL_MIN_MS to the cap; a Refuse
 * ('delay_ms' > 0) gives the cap. */
static mono
back_off(struct core *c, int64_t *step_ms, int64_t delay_ms)
{
	int64_t cap = delay_ms ? delay_ms : REDIAL_MAX_MS;
	int64_t next = *step_ms ? *step_ms * 2 : REDIAL_MIN_MS;
	*step_ms = next < cap ? next : cap;
	return mono_add(c->now, jitter(c, *step_ms));
}

static struct member *
member_of_dial(struct core *c, uint32_t dial)
{
	for (member_id id = 1; dial && id < c->members.count; id++)
		if (c->members.items[id].dial == dial)
			return &c->members.items[id];
	return NULL;
}

struct member_seed *
member_seed_of(struct core *c, uint32_t dial)
{
	for (uint32_t i = 0; dial && i < c->members.seed_count; i++)
		if (c->members.seeds[i].dial == dial)
			return &c->members.seeds[i];
	return NULL;
}

void
member_back_off(struct core *c, struct member *m, int64_t delay_ms)
{
	m->redial_at = back_off(c, &m->redial_delay_ms, delay_ms);
}

void
member_drop_link(struct core *c, struct member *m, const char *why)
{
	if (m->link)
		member_close(c, m->link, why);
	member_set_link(c, m, 0);
}

void
member_dial_done(struct core *c, uint32_t dial, int64_t delay_ms)
{
	struct member *m = member_of_dial(c, dial);
	struct member_seed *s = member_seed_of(c, dial);
	if (m) {
		m->dial = 0;
		member_back_off(c, m, delay_ms);
	}
	if (s) {
		s->dial = 0;
		s->redial_at = back_off(c, &s->redial_delay_ms, delay_ms);
	}
}

struct member_seed *
member_seed_add(struct core *c, const char *address)
{
	struct member_table *t = &c->members;
	struct member_seed *free_slot = NULL;
	if (!*address || strlen(address) > ADDRESS_MAX)
		return NULL;
	for (uint32_t i = 0; i < t->seed_count; i++) {
		if (!strcmp(t->seeds[i].address, address))
			return &t->seeds[i];
		if (!t->seeds[i].address[0])
			free_slot = &t->seeds[i];
	}
	if (!free_slot && t->seed_count == JOIN_MAX)
		return NULL;
	if (!free_slot)
		free_slot = &t->seeds[t->seed_count++];
	memset(free_slot, 0, sizeof *free_slot);
	memcpy(free_slot->address, address, strlen(address) + 1);
	free_slot->redial_at = c->now;
	free_slot->member = MEMBER_NONE;
	return free_slot;
}

/* Whether a member must be dialled, sooner or later. */
static bool
is_member_wanted(const struct core *c, const struct member *m)
{
	return m->state != MEMBER_LEFT && !m->link && !m->dial &&
	       m->address[0] && !c->members.has_left;
}

/* Whether a seed must be dialled: not while its member is linked, or is
 * dialled at the same address anyway. */
static bool
is_seed_wanted(const struct core *c, const struct member_seed *s)
{
	if (!s->address[0] || s->dial || c->members.has_left)
		return false;
	if (s->member == MEMBER_NONE)
		return true;
	const struct member *m = member_get(c, s->member);
	return !m->link &&
	       (m->state == MEMBER_LEFT || strcmp(m->address, s->address) != 0);
}

/* The member that is dialled at this address, or MEMBER_NONE. */
static member_id
find_address(const struct core *c, const char *address)
{
	for (member_id id = 0; id < c->members.count; id++) {
		const struct member *m = member_get(c, id);
		if (m->state != MEMBER_LEFT && !strcmp(m->address, address))
			return id;
	}
	return MEMBER_NONE;
}

void
member_close_all(struct core *c, const char *why)
{
	struct member_table *t = &c->members;
	for (member_id id = 1; id < t->count; id++) {
		struct member *m = &t->items[id];
		member_drop_link(c, m, why);
		m->dial = 0;
		m->redial_at = c->now;
	}
	for (uint32_t i = 0; i < PENDING_MAX; i++)
		if (t->pending[i].link) {
			member_close(c, t->pending[i].link, why);
			member_pending_free(c, &t->pending[i]);
		}
	for (uint32_t i = 0; i < t->seed_count; i++)
		t->seeds[i].dial = 0;
}

/* --- Links --- */

struct member_pending *
member_pending_find(struct core *c, uint32_t link)
{
	for (uint32_t i = 0; i < PENDING_MAX; i++)
		if (c->members.pending[i].link == link)
			return &c->members.pending[i];
	return NULL;
}

void
member_pending_free(struct core *c, struct member_pending *p)
{
	CHECK(c->members.pending_count > 0);
	c->members.pending_count--;
	memset(p, 0, sizeof *p);
}

void
member_on_link_up(struct core *c, const struct input_link_up *in)
{
	struct member_pending *p = member_pending_find(c, 0);
	c->members.is_quiet = false;
	if (!p || c->members.has_left) {
		member_close(c, in->link,
			p ? "left the cluster"
			  : "too many links that did not say who they are");
		member_dial_done(c, in->dial, 0);
		return;
	}
	c->members.pending_count++;
	p->link = in->link;
	p->dial = in->dial;
	p->deadline = mono_add(c->now, HELLO_TIMEOUT_MS);
	p->spare_of = MEMBER_NONE;
	size_t length = strlen(in->address);
	if (length <= ADDRESS_MAX)
		memcpy(p->address, in->address, length + 1);
	member_send_hello(c, in->link);
}

/* A member's own link ended: the lower name dials at once, the other gives
 * it a moment, so that mostly one link is made. */
static void
lose_link(struct core *c, struct member *m)
{
	bool is_lower = strcmp(c->config.node, m->name) < 0;
	member_set_link(c, m, 0);
	m->link_lost_at = c->now;
	if (member_take_spare(c, m))
		return;
	member_ask_early(c, m);
	m->redial_at = mono_add(c->now, is_lower ? 0 : REDIAL_MIN_MS);
	if (m->redial_delay_ms) /* it never was a good link */
		member_back_off(c, m, 0);
	m->is_host_up = false;
}

/* A dial ended without a link. */
static void
fail_dial(struct core *c, uint32_t dial, enum link_down_reason reason)
{
	struct member *m = member_of_dial(c, dial);
	member_dial_done(c, dial, 0);
	if (m && !m->link)
		member_on_dial_failed(c, m, reason);
}

void
member_on_reached(struct core *c, const struct input_reached *in)
{
	struct member *m = member_of_dial(c, in->dial);
	if (m && !m->link)
		m->is_host_up = true;
}

void
member_on_link_down(struct core *c, const struct input_link_down *in)
{
	struct member *m = member_find_link(c, in->link);
	c->members.is_quiet = false;
	if (m) {
		lose_link(c, m);
		return;
	}
	struct member_pending *p =
		in->link ? member_pending_find(c, in->link) : NULL;
	uint32_t dial = p ? p->dial : in->dial;
	if (p)
		member_pending_free(c, p);
	if (p || !in->link)
		fail_dial(c, dial, in->reason);
}

/* --- Frames --- */

static void
recv_pending(
	struct core *c, struct member_pending *p, const struct input_recv *in)
{
	union {
		skep_Hello hello;
		skep_Refuse refuse;
		skep_MemberNews news;
	} u;
	memset(&u, 0, sizeof u);
	if (in->type != WIRE_HELLO && in->type != WIRE_REFUSE &&
		in->type != WIRE_MEMBER_NEWS)
		return;
	if (!wire_decode(in->type, in->body, &u)) {
		c->unknown_frames++;
		return;
	}
	if (in->type == WIRE_HELLO)
		member_on_hello(c, p, &u.hello);
	else if (in->type == WIRE_REFUSE)
		member_on_refuse(c, p, &u.refuse);
	else
		member_on_news(c, MEMBER_NONE, &u.news);
}

/* A member's own word for its new incarnation. */
static void
recv_again(struct core *c, struct member *m, const skep_Hello *hello)
{
	if (strcmp(hello->node, m->name) || hello->node_id != m->node_id)
		return;
	if (hello->incarnation <= m->incarnation ||
		hello->incarnation > INCARNATION_MAX)
		return;
	member_enter(c, m, MEMBER_ALIVE, hello->incarnation);
	m->nonce = hello->nonce;
	member_spread_news(c, m, member_id_of(c, m));
}

/* Messages about members; false: another module's. */
static bool
recv_member(struct core *c, struct member *m, const struct input_recv *in)
{
	union {
		skep_Hello hello;
		skep_Refuse refuse;
		skep_Heartbeat heartbeat;
		skep_LastHeardQuery query;
		skep_LastHeardAnswer answer;
		skep_MemberNews news;
	} u;
	memset(&u, 0, sizeof u);
	if (in->type > WIRE_MEMBER_NEWS || in->type < WIRE_HELLO)
		return false;
	if (!wire_decode(in->type, in->body, &u)) {
		c->unknown_frames++;
		return true;
	}
	if (in->type == WIRE_HELLO)
		recv_again(c, m, &u.hello);
	else if (in->type == WIRE_REFUSE)
		member_on_refused(c, m, &u.refuse);
	else if (in->type == WIRE_HEARTBEAT)
		member_on_heartbeat(c, m, &u.heartbeat);
	else if (in->type == WIRE_LAST_HEARD_QUERY)
		member_on_query(c, m, &u.query);
	else if (in->type == WIRE_LAST_HEARD_ANSWER)
		member_on_answer(c, m, &u.answer);
	else
		member_on_news(c, member_id_of(c, m), &u.news);
	return true;
}

member_id
member_on_recv(struct core *c, const struct input_recv *in)
{
	struct member *m = member_find_link(c, in->link);
	/* A heartbeat, news that are none, or what is no member's matter
	 * moves no timer nearer. */
	if (!m || (in->type < WIRE_MEMBER_NEWS && in->type != WIRE_HEARTBEAT))
		c->members.is_quiet = false;
	if (!m) {
		struct member_pending *p = member_pending_find(c, in->link);
		if (p && in->link)
			recv_pending(c, p, in);
		return MEMBER_NONE;
	}
	member_on_sign(c, m);
	return recv_member(c, m, in) ? MEMBER_NONE : member_id_of(c, m);
}

/* --- Time --- */

static void
tick_pending(struct core *c, struct member_pending *p)
{
	if (!p->link || !mono_reached(p->deadline, c->now))
		return;
	uint32_t dial = p->dial;
	member_close(c, p->link,
		p->spare_of == MEMBER_NONE ? "no (acceptable) hello in time"
					   : "a second link");
	member_pending_free(c, p);
	fail_dial(c, dial, LINK_TIMEOUT);
}

static void
tick_seed(struct core *c, struct member_seed *s)
{
	if (s->request && mono_reached(s->request_until, c->now)) {
		core_reply(c, s->request, 0, REPLY_TIMEOUT,
			effects_format(&c->fx,
				"%s has not answered yet; "
				"it is tried on",
				s->address));
		s->request = 0;
	}
	if (!is_seed_wanted(c, s) || !mono_reached(s->redial_at, c->now))
		return;
	member_id known = find_address(c, s->address);
	if (known == MEMBER_SELF)
		s->address[0] = 0;
	else if (known != MEMBER_NONE)
		s->member = known;
	else
		s->dial = open_link(c, s->address);
}

void
member_link_tick(struct core *c)
{
	struct member_table *t = &c->members;
	for (uint32_t i = 0; t->pending_count && i < PENDING_MAX; i++)
		tick_pending(c, &t->pending[i]);
	for (member_id id = 1; id < t->count; id++) {
		struct member *m = &t->items[id];
		if (is_member_wanted(c, m) &&
			mono_reached(m->redial_at, c->now))
			m->dial = open_link(c, m->address);
	}
	for (uint32_t i = 0; i < t->seed_count; i++)
		tick_seed(c, &t->seeds[i]);
}

mono
member_link_deadline(const struct core *c)
{
	const struct member_table *t = &c->members;
	mono at = MONO_NEVER;
	for (uint32_t i = 0; t->pending_count && i < PENDING_MAX; i++)
		if (t->pending[i].link)
			at = mono_min(at, t->pending[i].deadline);
	for (member_id id = 1; id < t->count; id++)
		if (is_member_wanted(c, &t->items[id]))
			at = mono_min(at, t->items[id].redial_at);
	for (uint32_t i = 0; i < t->seed_count; i++) {
		const struct member_seed *s = &t->seeds[i];
		if (s->request)
			at = mono_min(at, s->request_until);
		if (is_seed_wanted(c, s))
			at = mono_min(at, s->redial_at);
	}
	return at;
}
