/* Dials, and what they end in. */
#include <string.h>

#include "tests/sim/world_private.h"

void
net_dial(struct world *w, uint32_t host, const struct effect_link_open *o)
{
	uint32_t to = world_host_at(w, o->address);
	struct event *e =
		event_new(w, EVENT_DIAL, host, way_latency(w, host, to) * 2,
			(struct bytes){o->address, strlen(o->address) + 1});
	e->dial = o->dial;
	event_push(w, e);
}

/* How often a connection at a keeper's door looks for a node behind it. */
#define KNOCK_MS 250

/* What EVENT_DIAL comes to next, in its 'seq'. */
enum dial_step {
	DIAL_ARRIVES, /* at the other host */
	DIAL_GIVES_UP,
	DIAL_WAITS, /* accepted by a keeper: 'amount' says by which start of
		       it, 'held_since' since when */
};

/* Whether nobody answers a dial. */
static bool
is_silent(const struct world *w, uint32_t from, uint32_t to)
{
	if (to == WORLD_HOSTS)
		return true;
	const struct host *h = &w->hosts[to];
	return !h->is_powered || !mono_reached(h->frozen_until, w->now) ||
	       !world_is_open(w, from, to) || !world_is_open(w, to, from) ||
	       way_refusal(w, from, to) == LINK_TIMEOUT;
}

static void
fail(struct world *w, struct event *e, enum link_down_reason reason)
{
	struct input in = {.kind = INPUT_LINK_DOWN};
	in.link_down.dial = e->dial;
	in.link_down.reason = reason;
	world_step(w, e->host, &in);
	event_free(w, e);
}

static void
knock_again(struct world *w, struct event *e)
{
	e->at = mono_add(w->now, KNOCK_MS);
	event_push(w, e);
}

/* A keeper accepts for the node that is to come: its kernel takes the
 * connection, and nobody says anything. */
static void
knock(struct world *w, struct event *e, uint32_t to)
{
	struct input in = {.kind = INPUT_REACHED, .reached = {e->dial}};
	e->seq = DIAL_WAITS;
	e->amount = w->hosts[to].keeper_starts;
	e->held_since = w->now;
	world_step(w, e->host, &in);
	knock_again(w, e);
}

/* The new node takes what waits at the door.  Of a host that is off or cut off
 * nothing comes, of a keeper that ended its kernel says so. */
static void
wait_at_door(struct world *w, struct event *e, uint32_t to)
{
	const struct host *h = &w->hosts[to];
	bool is_same = h->is_keeper_up && h->keeper_starts == e->amount;
	if (mono_diff(w->now, e->held_since) >= HANDSHAKE_MS) {
		fail(w, e, LINK_SILENT);
	} else if (is_silent(w, e->host, to)) {
		knock_again(w, e);
	} else if (!is_same) {
		fail(w, e, LINK_RESET);
	} else if (!h->is_running) {
		knock_again(w, e);
	} else {
		struct conn *k = net_new(w, e->host, to, e->dial);
		event_free(w, e);
		net_tell_up(w, k);
	}
}

void
net_on_dial(struct world *w, struct event *e)
{
	uint32_t to = world_host_at(w, (const char *)e->body);
	if (e->seq == DIAL_GIVES_UP) {
		fail(w, e, LINK_TIMEOUT);
	} else if (e->seq == DIAL_WAITS) {
		wait_at_door(w, e, to);
	} else if (is_silent(w, e->host, to)) {
		e->seq = DIAL_GIVES_UP; /* the answer that does not come */
		e->at = mono_add(w->now, DIAL_TIMEOUT_MS);
		event_push(w, e);
	} else if (way_refusal(w, e->host, to)) {
		fail(w, e, way_refusal(w, e->host, to));
	} else if (w->hosts[to].is_keeper_up && !w->hosts[to].is_running) {
		knock(w, e, to);
	} else if (!w->hosts[to].is_running) {
		fail(w, e, LINK_REFUSED);
	} else {
		struct conn *k = net_new(w, e->host, to, e->dial);
		event_free(w, e);
		net_tell_up(w, k);
	}
}
