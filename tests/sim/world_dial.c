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

/* Whether nobody answers a dial.  A keeper without a node accepts, and says
 * nothing either. */
static bool
is_silent(const struct world *w, uint32_t from, uint32_t to)
{
	if (to == WORLD_HOSTS)
		return true;
	const struct host *h = &w->hosts[to];
	return !h->is_powered || !mono_reached(h->frozen_until, w->now) ||
	       (h->is_keeper_up && !h->is_running) ||
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

void
net_on_dial(struct world *w, struct event *e)
{
	uint32_t to = world_host_at(w, (const char *)e->body);
	if (e->seq == 1) {
		fail(w, e, LINK_TIMEOUT);
	} else if (is_silent(w, e->host, to)) {
		e->seq = 1; /* the answer that does not come */
		e->at = mono_add(w->now, DIAL_TIMEOUT_MS);
		event_push(w, e);
	} else if (way_refusal(w, e->host, to)) {
		fail(w, e, way_refusal(w, e->host, to));
	} else if (!w->hosts[to].is_running) {
		fail(w, e, LINK_REFUSED);
	} else {
		struct conn *k = net_new(w, e->host, to, e->dial);
		event_free(w, e);
		net_tell_up(w, k);
	}
}
