/* What comes next is far away, in a large world: some millions of streams and
 * members, of which each heartbeat touches one at random.  So their memory is
 * asked for some steps ahead.  Nothing that happens depends on it.
 */
#include "tests/sim/world_private.h"

#define LINE 64

/* Steps of sending ahead: first where a stream is, then the stream. */
#define SEND_NEAR 3
#define SEND_FAR  6

static void
fetch(const void *from, size_t size)
{
	for (size_t i = 0; i < size; i += LINE)
		__builtin_prefetch((const char *)from + i);
}

/* The number of the stream that an effect sends to; false if it does not. */
static bool
stream_of(const struct world *w, const struct effects *fx, size_t at,
	uint32_t *number)
{
	if (at >= fx->count || fx->items[at].kind != EFFECT_SEND)
		return false;
	*number = (fx->items[at].send.link - 2) / 2;
	return *number < w->conn_count;
}

void
ahead_of_effect(const struct world *w, const struct effects *fx, size_t at)
{
	uint32_t number;
	if (stream_of(w, fx, at + SEND_FAR, &number))
		fetch(&w->conns[number], sizeof w->conns[number]);
	if (stream_of(w, fx, at + SEND_NEAR, &number) && w->conns[number])
		fetch(w->conns[number], sizeof *w->conns[number]);
}

/* What a core looks at in every step. */
static void
fetch_core(const struct core *c)
{
	fetch(&c->now, sizeof c->now);
	fetch(&c->members, offsetof(struct member_table, pending));
	fetch(&c->members.next_heartbeat,
		sizeof c->members -
			offsetof(struct member_table, next_heartbeat));
	fetch(&c->registry, sizeof c->registry);
	fetch(&c->specs, sizeof c->specs);
	fetch(&c->instances, sizeof c->instances);
	fetch(&c->duty, sizeof c->duty);
}

/* What it looks at when a frame of a member comes. */
static void
fetch_member(const struct core *c, uint32_t link, member_id id)
{
	fetch(lookup_home(&c->members.by_link, link),
		sizeof(struct lookup_slot));
	if (id >= c->members.count)
		return;
	fetch(&c->members.items[id], offsetof(struct member, by_name));
	fetch(&c->registry.origins[id], sizeof(struct origin));
	fetch(&c->specs.peers[id], sizeof(struct specs_peer));
}

void
ahead_of_events(const struct world *w)
{
	for (size_t i = 0; i < 7 && i < w->heap_count; i++) {
		const struct event *e = w->heap[i].event;
		if (!e)
			continue;
		if (i > 2) {
			fetch(e, sizeof *e);
			continue;
		}
		if (e->kind != EVENT_FRAME)
			continue;
		const struct core *c = w->hosts[e->host].core;
		if (i > 0)
			fetch(e->conn, sizeof *e->conn);
		if (!c)
			continue;
		if (i > 0)
			fetch_core(c);
		else
			fetch_member(c,
				e->conn->number * 2 + (uint32_t)e->side + 2,
				e->conn->ends[e->side].member);
	}
}

void
ahead_learn(const struct world *w, struct conn_end *end, uint32_t from)
{
	const struct core *c = w->hosts[end->host].core;
	if (end->member == MEMBER_NONE)
		end->member = member_find(c, w->hosts[from].config.node);
}
