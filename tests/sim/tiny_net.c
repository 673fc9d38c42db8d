/* The ways between the hosts of a tiny world. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pb_encode.h>

#include "core/wire.h"
#include "tests/sim/tiny.h"

#define EAGER_MAX 256
/* Nothing is awaited for that long. */
#define FAR_MS 50000000

/* What arrives at once; empty between two actions. */
static struct eager {
	uint32_t from, to, link;
	uint16_t type;
	size_t size;
	unsigned char body[8192];
} eager[EAGER_MAX];
static uint32_t eager_first, eager_count;

static bool
is_handoff(uint16_t type)
{
	return type >= WIRE_HANDOFF_OFFER && type <= WIRE_HANDOFF_BEGIN;
}

static bool
is_on_the_way(uint16_t type)
{
	return type == WIRE_BATCH || is_handoff(type);
}

/* The other end of a host's link, or TINY_HOSTS. */
static uint32_t
other_end(const struct tiny *t, uint32_t host, uint32_t link)
{
	for (uint32_t i = 0; i < t->count; i++)
		if (link && t->net->link[host][i] == link)
			return i;
	return TINY_HOSTS;
}

static void
queue_frame(struct tiny_queue *q, uint16_t type, struct bytes body)
{
	CHECK(body.size <= TINY_BODY);
	for (uint32_t i = 0; i < q->count; i++)
		if (q->items[i].type == type && q->items[i].size == body.size &&
			!memcmp(q->items[i].body, body.data, body.size))
			return; /* said again before it arrived */
	CHECK(q->count < TINY_QUEUE);
	struct tiny_frame *f = &q->items[q->count++];
	f->type = type;
	f->size = (uint16_t)body.size;
	memcpy(f->body, body.data, body.size);
}

/* A message is sent only after its record is durable: the state of the one
 * on the disk. */
static void
judge_send(struct tiny *t, uint32_t from, uint16_t type)
{
	const struct tiny_host *h = t->hosts[from];
	int state = HANDOFF_FREE;
	for (uint32_t i = 0; i < h->record_count; i++)
		if (h->records[i].table == TABLE_HANDOFF)
			state = h->records[i].value[1];
	if (type == WIRE_HANDOFF_FROZEN && state != HANDOFF_FROZEN)
		t->wrong = "FROZEN is said before it is durable";
	if (type == WIRE_HANDOFF_STAGED && state != HANDOFF_STAGED)
		t->wrong = "STAGED is said before it is durable";
	/* Who knows nothing of it any more may say it to an asker. */
	if (type == WIRE_HANDOFF_COMMIT && state == HANDOFF_FROZEN)
		t->wrong = "COMMIT is said before it is durable";
}

void
tiny_send(struct tiny *t, uint32_t from, uint32_t link, uint16_t type,
	struct bytes body)
{
	uint32_t to = other_end(t, from, link);
	if (to == TINY_HOSTS || type == WIRE_ACK)
		return;
	judge_send(t, from, type);
	if (is_on_the_way(type)) {
		queue_frame(&t->net->way[from][to], type, body);
		return;
	}
	CHECK(eager_count < EAGER_MAX);
	struct eager *e = &eager[(eager_first + eager_count++) % EAGER_MAX];
	CHECK(body.size <= sizeof e->body);
	e->from = from;
	e->to = to;
	e->link = t->net->link[to][from];
	e->type = type;
	e->size = body.size;
	memcpy(e->body, body.data, body.size);
}

static void
receive(struct tiny *t, uint32_t to, uint32_t link, uint16_t type,
	struct bytes body)
{
	struct input in = {.kind = INPUT_RECV};
	in.recv = (struct input_recv){link, type, body};
	tiny_step(t, to, &in);
}

/* Who is asked about an unreachable host has not heard it for long either. */
static void
forget_voice(struct tiny *t, uint32_t host)
{
	struct member_table *m = &t->hosts[host]->core->members;
	for (uint32_t i = 1; i < m->count; i++) {
		uint32_t other = tiny_host_of(t, m->items[i].name);
		if (!tiny_is_reachable(t, host, other))
			m->items[i].last_rx =
				mono_add(t->hosts[host]->now, -900000);
	}
	m->is_quiet = false; /* its timers are not what it found them to be */
}

bool
tiny_deliver_eager(struct tiny *t)
{
	static struct eager e;
	if (!eager_count)
		return false;
	e = eager[eager_first];
	eager_first = (eager_first + 1) % EAGER_MAX;
	eager_count--;
	if (!t->hosts[e.to]->is_up || t->net->link[e.to][e.from] != e.link)
		return true;
	if (e.type == WIRE_LAST_HEARD_QUERY)
		forget_voice(t, e.to);
	receive(t, e.to, e.link, e.type, (struct bytes){e.body, e.size});
	return true;
}

bool
tiny_is_next(const struct tiny *t, uint32_t from, uint32_t to, uint32_t index)
{
	const struct tiny_queue *q = &t->net->way[from][to];
	if (!t->net->link[to][from] || index >= q->count)
		return false;
	if (!t->is_bag)
		return index == 0;
	if (is_handoff(q->items[index].type))
		return true;
	for (uint32_t i = 0; i < index; i++)
		if (!is_handoff(q->items[i].type))
			return false;
	return true;
}

void
tiny_lose(struct tiny *t, uint32_t from, uint32_t to, uint32_t index)
{
	struct tiny_queue *q = &t->net->way[from][to];
	CHECK(index < q->count);
	q->count--;
	memmove(&q->items[index], &q->items[index + 1],
		(q->count - index) * sizeof q->items[0]);
	memset(&q->items[q->count], 0, sizeof q->items[0]);
}

void
tiny_deliver(struct tiny *t, uint32_t from, uint32_t to, uint32_t index,
	bool is_kept)
{
	struct tiny_frame f = t->net->way[from][to].items[index];
	if (!is_kept)
		tiny_lose(t, from, to, index);
	bool is_heard = t->hosts[to]->is_up && t->net->link[to][from];
	if (is_heard && f.type == WIRE_HANDOFF_BEGIN)
		tiny_on_begin(t, from, to);
	if (is_heard)
		receive(t, to, t->net->link[to][from], f.type,
			(struct bytes){f.body, f.size});
	tiny_settle(t);
}

/* --- Links --- */

static void
clear_way(struct tiny *t, uint32_t from, uint32_t to)
{
	for (uint32_t i = t->net->way[from][to].count; i-- > 0;)
		if (!t->is_bag ||
			!is_handoff(t->net->way[from][to].items[i].type))
			tiny_lose(t, from, to, i);
}

static void
tell_down(struct tiny *t, uint32_t host, uint32_t link, uint32_t dial,
	enum link_down_reason reason)
{
	struct input in = {.kind = INPUT_LINK_DOWN};
	in.link_down = (struct input_link_down){link, dial, reason};
	if (t->hosts[host]->is_up)
		tiny_step(t, host, &in);
}

void
tiny_unlink(struct tiny *t, uint32_t a, uint32_t b,
	enum link_down_reason reason, bool is_told[TINY_HOSTS])
{
	struct tiny_net *n = t->net;
	uint32_t link[2] = {n->link[a][b], n->link[b][a]};
	uint32_t dial[2] = {n->dial[a][b], n->dial[b][a]};
	n->link[a][b] = n->link[b][a] = 0;
	n->dial[a][b] = n->dial[b][a] = 0;
	clear_way(t, a, b);
	clear_way(t, b, a);
	if (is_told[a])
		tell_down(t, a, link[0], dial[0], reason);
	if (is_told[b])
		tell_down(t, b, link[1], dial[1], reason);
}

void
tiny_close(struct tiny *t, uint32_t from, uint32_t link)
{
	bool is_told[TINY_HOSTS] = {true, true, true};
	uint32_t to = other_end(t, from, link);
	is_told[from] = false;
	if (to != TINY_HOSTS)
		tiny_unlink(t, from, to, LINK_RESET, is_told);
}

bool
tiny_can_link(const struct tiny *t, uint32_t a, uint32_t b)
{
	return a < b && t->hosts[a]->is_up && t->hosts[b]->is_up &&
	       !t->net->is_cut[a][b] && !t->net->link[a][b];
}

bool
tiny_is_reachable(const struct tiny *t, uint32_t a, uint32_t b)
{
	return a < t->count && b < t->count && t->hosts[a]->is_up &&
	       t->hosts[b]->is_up && !t->net->is_cut[a][b];
}

/* A dial of 'from' that is under way to 'to'; it begins one if it can. */
static uint32_t
dial_of(struct tiny *t, uint32_t from, uint32_t to)
{
	struct tiny_host *h = t->hosts[from];
	struct member_table *m = &h->core->members;
	for (uint32_t i = 1; i < m->count && !h->dials[to]; i++)
		if (tiny_host_of(t, m->items[i].name) == to)
			m->items[i].redial_at = h->now;
	for (uint32_t i = 0; i < m->seed_count && !h->dials[to]; i++)
		if (m->seeds[i].address[0] &&
			tiny_host_of(t, m->seeds[i].address) == to)
			m->seeds[i].redial_at = h->now;
	m->is_quiet = false; /* its timers are not what it found them to be */
	if (!h->dials[to])
		tiny_jump(t, from, h->now);
	uint32_t dial = h->dials[to];
	h->dials[to] = 0;
	return dial;
}

void
tiny_link(struct tiny *t, uint32_t a, uint32_t b)
{
	struct tiny_net *n = t->net;
	uint32_t from = a, to = b;
	uint32_t dial = dial_of(t, from, to);
	if (!dial) {
		from = b;
		to = a;
		dial = dial_of(t, from, to);
	}
	if (!dial) {
		tiny_settle(t);
		return;
	}
	struct input in = {.kind = INPUT_LINK_UP};
	n->link[from][to] = ++n->next_link;
	n->link[to][from] = ++n->next_link;
	n->dial[from][to] = dial;
	uint32_t link = n->link[from][to];
	in.link_up = (struct input_link_up){
		n->link[to][from], 0, t->hosts[from]->address};
	tiny_step(t, to, &in);
	if (n->link[from][to] == link) {
		in.link_up = (struct input_link_up){
			link, dial, t->hosts[to]->address};
		tiny_step(t, from, &in);
	}
	tiny_settle(t);
	dial = t->hosts[to]->dials[from];
	t->hosts[to]->dials[from] = 0;
	if (dial) /* the other one's came too late */
		tell_down(t, to, 0, dial, LINK_TIMEOUT);
	tiny_settle(t);
}

/* --- Death --- */

static void
fail_dials(struct tiny *t, uint32_t host)
{
	struct tiny_host *h = t->hosts[host];
	for (uint32_t to = 0; to < t->count; to++) {
		uint32_t dial = h->dials[to];
		if (!dial || tiny_is_reachable(t, host, to))
			continue;
		h->dials[to] = 0;
		tell_down(t, host, 0, dial, LINK_TIMEOUT);
	}
}

void
tiny_bury(struct tiny *t, uint32_t host, uint32_t about)
{
	struct tiny_host *h = t->hosts[host];
	for (int i = 0; i < 400 && !tiny_is_buried(t, host, about); i++) {
		fail_dials(t, host);
		mono at = core_deadline(h->core);
		if (at.ms >= mono_add(h->now, FAR_MS).ms)
			break;
		tiny_jump(t, host, at);
		tiny_settle(t);
	}
	tiny_settle(t);
}

/* --- Heartbeats --- */

bool
tiny_has_news(const struct tiny *t, uint32_t from, uint32_t to)
{
	if (from == to || !t->net->link[from][to] || !t->hosts[from]->is_up ||
		!t->hosts[to]->is_up)
		return false;
	const struct tiny_queue *q = &t->net->way[from][to];
	for (uint32_t i = 0; i < q->count; i++)
		if (!is_handoff(q->items[i].type))
			return false; /* what is before it arrives before it */
	const struct core *a = t->hosts[from]->core, *b = t->hosts[to]->core;
	member_id in_a = member_find(a, t->hosts[to]->name);
	member_id in_b = member_find(b, t->hosts[from]->name);
	if (in_a == MEMBER_NONE || in_b == MEMBER_NONE ||
		!member_get(a, in_a)->link || !member_get(b, in_b)->link ||
		a->members.incarnation_seq > a->stored_seq)
		return false;
	const struct member *m = member_get(b, in_b);
	return !m->has_heartbeat ||
	       m->hb_view_digest != a->members.view_digest ||
	       m->hb_is_lonely != (a->members.hold != HOLD_NONE) ||
	       m->hb_is_ready != a->registry.origins[MEMBER_SELF].is_ready ||
	       m->hb_log_position != registry_position(a) ||
	       m->hb_spec_root != specs_root(a);
}

void
tiny_heartbeat(struct tiny *t, uint32_t from, uint32_t to)
{
	/* As member_send_heartbeat says it; for one, not for all. */
	const struct core *c = t->hosts[from]->core;
	skep_Heartbeat hb = skep_Heartbeat_init_zero;
	unsigned char body[512];
	pb_ostream_t out = pb_ostream_from_buffer(body, sizeof body);
	hb.incarnation = member_get(c, MEMBER_SELF)->incarnation;
	hb.view_digest = c->members.view_digest;
	hb.log_position = registry_position(c);
	hb.log_checksum = registry_checksum(c);
	hb.log_gc = registry_gc(c);
	hb.spec_root = specs_root(c);
	hb.settings_digest = c->settings.digest;
	hb.is_ready = c->registry.origins[MEMBER_SELF].is_ready;
	hb.is_lonely = c->members.hold != HOLD_NONE;
	CHECK(pb_encode(&out, skep_Heartbeat_fields, &hb));
	receive(t, to, t->net->link[to][from], WIRE_HEARTBEAT,
		(struct bytes){body, out.bytes_written});
}
