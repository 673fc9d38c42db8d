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
link_of(uint32_t conn, int side)
{
	return conn * 2 + (uint32_t)side + 2;
}

/* Sends a frame (or the end, EVENT_RESET) towards the other side. */
void
net_send(struct world *w, uint32_t number, int from_side, enum event_kind kind,
	uint16_t type, struct bytes body)
{
	struct conn *k = &w->conns[number];
	int side = !from_side;
	struct event *e =
		event_new(w, kind, k->host[side], net_latency(w), body);
	if (e->at.ms < k->last_at[side].ms)
		e->at = k->last_at[side];
	k->last_at[side] = e->at;
	e->conn = number;
	e->side = side;
	e->start = k->start[side];
	e->type = type;
	event_push(w, e);
}

void
net_close(struct world *w, uint32_t number, int side)
{
	struct conn *k = &w->conns[number];
	if (!k->is_open[side])
		return;
	k->is_open[side] = false;
	net_send(w, number, side, EVENT_RESET, 0, (struct bytes){NULL, 0});
}

static uint32_t
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

void
net_dial(struct world *w, uint32_t host, const struct effect_link_open *o)
{
	struct event *e = event_new(w, EVENT_DIAL, host, net_latency(w) * 2,
		(struct bytes){o->address, strlen(o->address) + 1});
	e->dial = o->dial;
	event_push(w, e);
}

static void
tell_down(struct world *w, uint32_t number, int side,
	enum link_down_reason reason)
{
	struct conn *k = &w->conns[number];
	if (!k->is_open[side])
		return;
	k->is_open[side] = false;
	struct input in = {.kind = INPUT_LINK_DOWN};
	in.link_down.link = link_of(number, side);
	in.link_down.dial = side == 0 ? k->dial : 0;
	in.link_down.reason = reason;
	world_step(w, k->host[side], &in);
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
		w->is_cut[e->host][to] || w->is_cut[to][e->host];
	in.link_down.dial = e->dial;
	in.link_down.reason = is_silent ? LINK_TIMEOUT : LINK_REFUSED;
	if (is_silent && e->seq == 0) {
		e->seq = 1; /* the answer that does not come */
		e->at = mono_add(w->now, DIAL_TIMEOUT_MS);
		event_push(w, e);
		return;
	}
	if (e->seq == 0 && w->hosts[to].is_running) {
		uint32_t n = conn_new(w, e->host, to, e->dial);
		in = (struct input){.kind = INPUT_LINK_UP};
		in.link_up =
			(struct input_link_up){link_of(n, 1), 0, h->address};
		world_step(w, to, &in);
		in.link_up = (struct input_link_up){
			link_of(n, 0), e->dial, w->hosts[to].address};
	} else if (e->seq == 1) {
		in.link_down.reason = LINK_TIMEOUT;
	}
	world_step(w, e->host, &in);
	free(e);
}

/* Keeps a frame that cannot arrive, and all behind it.  Too long, and the
 * sender's kernel gives the stream up. */
static void
hold_frame(struct world *w, struct event *e)
{
	struct conn *k = &w->conns[e->conn];
	uint32_t from = k->host[!e->side];
	if (e->held_since.ms == MONO_NEVER.ms) {
		e->held_since = w->now;
		k->held[e->side]++;
	}
	if (mono_diff(w->now, e->held_since) < STREAM_TIMEOUT_MS) {
		/* All on one grid, so that they keep their order. */
		e->at.ms = (w->now.ms / 100 + 1) * 100;
		event_push(w, e);
		return;
	}
	k->held[e->side]--;
	if (w->hosts[from].starts == k->start[!e->side] &&
		w->hosts[from].is_running)
		tell_down(w, e->conn, !e->side, LINK_TIMEOUT);
	free(e);
}

static void
arrive(struct world *w, struct event *e)
{
	struct conn *k = &w->conns[e->conn];
	int side = e->side;
	bool is_there = w->hosts[e->host].starts == k->start[side] &&
			w->hosts[e->host].is_running && k->is_open[side];
	if (is_there && e->kind == EVENT_RESET) {
		tell_down(w, e->conn, side, LINK_RESET);
	} else if (is_there) {
		struct input in = {.kind = INPUT_RECV};
		in.recv = (struct input_recv){
			link_of(e->conn, side), e->type, {e->body, e->size}};
		world_step(w, e->host, &in);
	} else if (e->kind == EVENT_FRAME && k->is_open[!side]) {
		net_send(w, e->conn, side, EVENT_RESET, 0,
			(struct bytes){NULL, 0});
	}
}

/* A frame or an end of stream arrives, unless the way is cut. */
void
net_on_frame(struct world *w, struct event *e)
{
	struct conn *k = &w->conns[e->conn];
	uint32_t from = k->host[!e->side];
	bool is_held = e->held_since.ms != MONO_NEVER.ms;
	if (w->is_cut[from][e->host] || !w->hosts[e->host].is_powered ||
		(!is_held && k->held[e->side] > 0)) {
		hold_frame(w, e);
		return;
	}
	if (is_held)
		k->held[e->side]--;
	arrive(w, e);
	free(e);
}
