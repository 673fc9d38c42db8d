/* The network: streams that behave like TCP. */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/world_private.h"

static int64_t
net_latency(struct world *w)
{
	uint64_t spread = (uint64_t)(w->latency_max_ms - w->latency_min_ms) + 1;
	return w->latency_min_ms + (int64_t)prng_below(&w->prng, spread);
}

static uint32_t
link_of(const struct conn *k, int side)
{
	return k->number * 2 + (uint32_t)side + 2;
}

struct conn *
net_find(const struct world *w, uint32_t link, int *side)
{
	uint32_t number = (link - 2) / 2;
	*side = (int)(link & 1);
	return number < w->conn_count ? w->conns[number] : NULL;
}

static void
free_if_over(struct world *w, struct conn *k)
{
	if (k->flying || k->ends[0].is_open || k->ends[1].is_open)
		return;
	w->conns[k->number] = NULL;
	list_remove(&k->ends[0].of_host);
	list_remove(&k->ends[1].of_host);
	free(k);
}

/* An event is over; maybe its stream too. */
static void
drop_event(struct world *w, struct event *e)
{
	struct conn *k = e->conn;
	event_free(w, e);
	k->flying--;
	free_if_over(w, k);
}

/* Sends a frame (or the end, EVENT_RESET) towards the other side. */
void
net_send(struct world *w, struct conn *k, int from_side, enum event_kind kind,
	uint16_t type, struct bytes body)
{
	int side = !from_side;
	struct conn_end *end = &k->ends[side];
	struct event *e = event_new(w, kind, end->host, net_latency(w), body);
	if (e->at.ms < end->last_at.ms)
		e->at = end->last_at;
	end->last_at = e->at;
	e->conn = k;
	e->side = side;
	e->start = end->start;
	e->type = type;
	k->flying++;
	event_push(w, e);
}

void
net_close(struct world *w, struct conn *k, int side)
{
	if (!k->ends[side].is_open)
		return;
	k->ends[side].is_open = false;
	net_send(w, k, side, EVENT_RESET, 0, (struct bytes){NULL, 0});
}

void
net_reset_all(struct world *w, uint32_t host)
{
	list_each (l, &w->hosts[host].conns) {
		struct conn_end *end =
			container_of(l, struct conn_end, of_host);
		net_close(w, end->conn, (int)(end - end->conn->ends));
	}
}

void
net_silence_all(struct world *w, uint32_t host)
{
	list_each_safe (l, &w->hosts[host].conns) {
		struct conn_end *end =
			container_of(l, struct conn_end, of_host);
		end->is_open = false;
		free_if_over(w, end->conn);
	}
}

void
net_free_all(struct world *w)
{
	for (uint32_t i = 0; i < w->conn_count; i++)
		free(w->conns[i]);
	free(w->conns);
}

static void
end_init(struct world *w, struct conn *k, int side, uint32_t host)
{
	k->ends[side] = (struct conn_end){
		.conn = k,
		.host = host,
		.start = w->hosts[host].starts,
		.is_open = true,
	};
	list_init(&k->ends[side].of_host);
	list_append(&w->hosts[host].conns, &k->ends[side].of_host);
}

static struct conn *
conn_new(struct world *w, uint32_t from, uint32_t to, uint32_t dial)
{
	if ((w->conn_count & (w->conn_count - 1)) == 0) {
		size_t size = w->conn_count ? w->conn_count * 2 : 1;
		w->conns = realloc(w->conns, size * sizeof(struct conn *));
		CHECK(w->conns);
	}
	struct conn *k = calloc(1, sizeof *k);
	CHECK(k);
	k->number = w->conn_count;
	k->dial = dial;
	end_init(w, k, 0, from);
	end_init(w, k, 1, to);
	w->conns[w->conn_count++] = k;
	return k;
}

void
net_dial(struct world *w, uint32_t host, const struct effect_link_open *o)
{
	struct event *e = event_new(w, EVENT_DIAL, host, net_latency(w) * 2,
		(struct bytes){o->address, strlen(o->address) + 1});
	e->dial = o->dial;
	event_push(w, e);
}

/* One end learns that it is over; the stream may be gone afterwards. */
static void
tell_down(
	struct world *w, struct conn *k, int side, enum link_down_reason reason)
{
	struct conn_end *end = &k->ends[side];
	if (!end->is_open)
		return;
	uint32_t host = end->host;
	end->is_open = false;
	struct input in = {.kind = INPUT_LINK_DOWN};
	in.link_down.link = link_of(k, side);
	in.link_down.dial = side == 0 ? k->dial : 0;
	in.link_down.reason = reason;
	world_step(w, host, &in);
}

void
net_on_dial(struct world *w, struct event *e)
{
	uint32_t to = world_host_at(w, (const char *)e->body);
	struct input in = {.kind = INPUT_LINK_DOWN};
	struct host *h = &w->hosts[e->host];
	/* A keeper without a node accepts, and nobody answers. */
	bool is_silent =
		to == WORLD_HOSTS || !w->hosts[to].is_powered ||
		(w->hosts[to].is_keeper_up && !w->hosts[to].is_running) ||
		!world_is_open(w, e->host, to) ||
		!world_is_open(w, to, e->host);
	in.link_down.dial = e->dial;
	in.link_down.reason = is_silent ? LINK_TIMEOUT : LINK_REFUSED;
	if (is_silent && e->seq == 0) {
		e->seq = 1; /* the answer that does not come */
		e->at = mono_add(w->now, DIAL_TIMEOUT_MS);
		event_push(w, e);
		return;
	}
	if (e->seq == 0 && w->hosts[to].is_running) {
		struct conn *k = conn_new(w, e->host, to, e->dial);
		in = (struct input){.kind = INPUT_LINK_UP};
		in.link_up =
			(struct input_link_up){link_of(k, 1), 0, h->address};
		world_step(w, to, &in);
		in.link_up = (struct input_link_up){
			link_of(k, 0), e->dial, w->hosts[to].address};
	} else if (e->seq == 1) {
		in.link_down.reason = LINK_TIMEOUT;
	}
	world_step(w, e->host, &in);
	event_free(w, e);
}

/* Keeps a frame that cannot arrive, and all behind it.  Too long, and the
 * sender's kernel gives the stream up. */
static void
hold_frame(struct world *w, struct event *e)
{
	struct conn *k = e->conn;
	struct conn_end *from = &k->ends[!e->side];
	if (e->held_since.ms == MONO_NEVER.ms) {
		e->held_since = w->now;
		k->ends[e->side].held++;
	}
	if (mono_diff(w->now, e->held_since) < STREAM_TIMEOUT_MS) {
		/* All on one grid, so that they keep their order. */
		e->at.ms = (w->now.ms / 100 + 1) * 100;
		event_push(w, e);
		return;
	}
	k->ends[e->side].held--;
	if (w->hosts[from->host].starts == from->start &&
		w->hosts[from->host].is_running)
		tell_down(w, k, !e->side, LINK_TIMEOUT);
	drop_event(w, e);
}

static void
arrive(struct world *w, struct event *e)
{
	struct conn *k = e->conn;
	int side = e->side;
	struct conn_end *end = &k->ends[side];
	const struct host *h = &w->hosts[e->host];
	bool is_there =
		h->starts == end->start && h->is_running && end->is_open;
	if (is_there && e->kind == EVENT_RESET) {
		tell_down(w, k, side, LINK_RESET);
	} else if (is_there) {
		struct input in = {.kind = INPUT_RECV};
		in.recv = (struct input_recv){
			link_of(k, side), e->type, {e->body, e->size}};
		world_step(w, e->host, &in);
	} else if (e->kind == EVENT_FRAME && k->ends[!side].is_open) {
		net_send(w, k, side, EVENT_RESET, 0, (struct bytes){NULL, 0});
	}
}

/* A frame or an end of stream arrives, unless the way is cut. */
void
net_on_frame(struct world *w, struct event *e)
{
	struct conn_end *end = &e->conn->ends[e->side];
	uint32_t from = e->conn->ends[!e->side].host;
	bool is_held = e->held_since.ms != MONO_NEVER.ms;
	if (!world_is_open(w, from, e->host) || !w->hosts[e->host].is_powered ||
		(!is_held && end->held > 0)) {
		hold_frame(w, e);
		return;
	}
	if (is_held)
		end->held--;
	arrive(w, e);
	drop_event(w, e);
}
