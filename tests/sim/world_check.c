/* Safety of the members, looked at after every step. */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/world_private.h"

static bool
is_gone(enum member_state s)
{
	return s == MEMBER_DEAD || s == MEMBER_LEFT;
}

/* M1: incarnations never fall.  M2: nobody rises without a larger one. */
static void
check_opinion(struct host *h, member_id id, const struct member *m)
{
	struct opinion *o = &h->opinions[id];
	if (id >= h->opinion_count || strcmp(o->name, m->name) != 0) {
		CHECK(id <= h->opinion_count);
		h->opinion_count += id == h->opinion_count;
		memcpy(o->name, m->name, sizeof o->name);
	} else {
		CHECK(m->incarnation >= o->incarnation);
		CHECK(!is_gone(o->state) || is_gone(m->state) ||
			m->incarnation > o->incarnation);
	}
	o->state = m->state;
	o->incarnation = m->incarnation;
}

static bool
is_well(const struct world *w, uint32_t host, int64_t for_ms)
{
	const struct host *h = &w->hosts[host];
	bool is_slow = h->cpu_percent || h->read_bytes_per_s ||
		       !mono_reached(h->frozen_until, w->now);
	return h->is_running && h->is_powered && !h->core->members.has_left &&
	       !is_slow && mono_diff(w->now, h->since) >= for_ms &&
	       mono_diff(w->now, h->mute_at) >= for_ms;
}

static bool
is_pair_well(const struct world *w, uint32_t a, uint32_t b, int64_t for_ms)
{
	return world_is_open(w, a, b) && world_is_open(w, b, a) &&
	       !w->stall_permille &&
	       mono_diff(w->now, world_faulted_at(w, a, b)) >= for_ms;
}

/* M3 and M8: nobody declares a host dead that is well, while a third one
 * that could be asked stands well between them. */
static void
check_death(struct world *w, uint32_t accuser, const char *name)
{
	const int64_t long_ms = 20000;
	uint32_t x = world_find(w, name);
	if (x == WORLD_HOSTS)
		return;
	w->deaths_checked++;
	if (!is_well(w, x, long_ms) || !is_well(w, accuser, long_ms))
		return;
	CHECK(!is_pair_well(w, accuser, x, long_ms));
	for (uint32_t p = 0; p < w->count; p++)
		if (p != x && p != accuser && is_well(w, p, long_ms))
			CHECK(!is_pair_well(w, accuser, p, long_ms) ||
				!is_pair_well(w, p, x, long_ms));
}

void
world_check(struct world *w, uint32_t host, const struct effects *fx)
{
	struct host *h = &w->hosts[host];
	member_check(h->core);
	if (h->steps % 64 == 0)
		place_check(h->core);
	if (!h->opinions)
		h->opinions = calloc(
			w->options.limits.members_max, sizeof *h->opinions);
	CHECK(h->opinions);
	for (member_id id = 0; id < h->core->members.count; id++)
		check_opinion(h, id, member_get(h->core, id));
	for (size_t i = 0; i < fx->count; i++) {
		const struct effect *e = &fx->items[i];
		if (e->kind == EFFECT_NOTE && e->note.kind == NOTE_NODE_DOWN &&
			!strncmp(e->note.text, "silent for", 10))
			check_death(w, host, e->note.name);
	}
}
