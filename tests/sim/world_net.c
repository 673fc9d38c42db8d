#include <stdlib.h>
#include <string.h>

#include "tests/sim/world_private.h"

/* --- The heap of events --- */

static bool
is_before(const struct event *a, const struct event *b)
{
	if (a->at.ms != b->at.ms)
		return a->at.ms < b->at.ms;
	return a->number < b->number;
}

void
heap_push(struct world *w, struct event *e)
{
	if (w->heap_count == w->heap_size) {
		w->heap_size = w->heap_size ? w->heap_size * 2 : 256;
		w->heap = realloc(w->heap, w->heap_size * sizeof *w->heap);
		CHECK(w->heap);
	}
	size_t i = w->heap_count++;
	for (; i > 0 && is_before(e, w->heap[(i - 1) / 2]); i = (i - 1) / 2)
		w->heap[i] = w->heap[(i - 1) / 2];
	w->heap[i] = e;
}

struct event *
heap_pop(struct world *w)
{
	struct event *top = w->heap[0];
	struct event *last = w->heap[--w->heap_count];
	size_t i = 0;
	for (;;) {
		size_t child = 2 * i + 1;
		if (child >= w->heap_count)
			break;
		if (child + 1 < w->heap_count &&
			is_before(w->heap[child + 1], w->heap[child]))
			child++;
		if (!is_before(w->heap[child], last))
			break;
		w->heap[i] = w->heap[child];
		i = child;
	}
	if (w->heap_count)
		w->heap[i] = last;
	return top;
}

struct event *
event_new(struct world *w, enum event_kind kind, uint32_t host, int64_t in_ms,
	struct bytes body)
{
	struct event *e = calloc(1, sizeof *e + body.size);
	CHECK(e);
	e->kind = kind;
	e->host = host;
	e->start = w->hosts[host].starts;
	e->at = mono_add(w->now, in_ms);
	e->number = w->next_event++;
	e->held_since = MONO_NEVER;
	e->size = body.size;
	if (body.size)
		memcpy(e->body, body.data, body.size);
	return e;
}

/* --- The network --- */

int64_t
world_latency(struct world *w)
{
	uint64_t spread = (uint64_t)(w->latency_max_ms - w->latency_min_ms) + 1;
	return w->latency_min_ms + (int64_t)prng_below(&w->prng, spread);
}

uint32_t
link_of(uint32_t conn, int side)
{
	return conn * 2 + (uint32_t)side + 2;
}

void
stream_send(struct world *w, uint32_t number, int from_side,
	enum event_kind kind, uint16_t type, struct bytes body)
{
	struct conn *k = &w->conns[number];
	int side = !from_side;
	struct event *e =
		event_new(w, kind, k->host[side], world_latency(w), body);
	if (e->at.ms < k->last_at[side].ms)
		e->at = k->last_at[side];
	k->last_at[side] = e->at;
	e->conn = number;
	e->side = side;
	e->start = k->start[side];
	e->type = type;
	heap_push(w, e);
}

void
stream_close(struct world *w, uint32_t number, int side)
{
	struct conn *k = &w->conns[number];
	if (!k->is_open[side])
		return;
	k->is_open[side] = false;
	stream_send(w, number, side, EVENT_RESET, 0, (struct bytes){NULL, 0});
}

uint32_t
conn_new(struct world *w, uint32_t from, uint32_t to, uint32_t dial)
{
	if ((w->conn_count & (w->conn_count - 1)) == 0) {
		size_t size = w->conn_count ? w->conn_count * 2 : 1;
		w->conns = realloc(w->conns, size * sizeof *w->conns);
		CHECK(w->conns);
	}
	w->conns[w->conn_count] = (struct conn){
		.host = {from, to},
		.start = {w->hosts[from].starts, w->hosts[to].starts},
		.is_open = {true, true},
		.dial = dial,
	};
	return w->conn_count++;
}

uint32_t
host_at(const struct world *w, const char *address)
{
	for (uint32_t i = 0; i < w->count; i++)
		if (!strcmp(w->hosts[i].address, address) ||
			!strcmp(w->hosts[i].alias, address))
			return i;
	return WORLD_HOSTS;
}
