/* Clocks of hosts beside the true time, and when a host's process runs. */
#include "tests/sim/world_private.h"

#define PPM	  1000000
#define PERIOD_MS 100 /* in which a starved process gets its share */

/* The wall clock shows this at the beginning of the true time. */
#define WALL_MS 1700000000000

mono
clock_of(const struct world *w, uint32_t host)
{
	const struct host *h = &w->hosts[host];
	int64_t ms = mono_diff(w->now, h->clock_from);
	if (ms < 0) /* it was frozen, or is */
		ms = 0;
	return mono_add(h->clock_at, ms + ms * h->clock_ppm / PPM);
}

int64_t
clock_wall_ms(const struct world *w, uint32_t host)
{
	return WALL_MS + clock_of(w, host).ms + w->hosts[host].wall_step_ms;
}

/* When the clock of a host will show 'at', not before it does. */
static mono
true_time(const struct world *w, const struct host *h, mono at)
{
	if (at.ms == MONO_NEVER.ms)
		return at;
	int64_t ms = mono_diff(at, h->clock_at);
	mono t = mono_add(h->clock_from, ms * PPM / (PPM + h->clock_ppm));
	if (!h->clock_ppm)
		return t;
	/* Division cuts; the deadline must have been reached. */
	while (h->clock_at.ms + mono_diff(t, h->clock_from) +
			mono_diff(t, h->clock_from) * h->clock_ppm / PPM <
		at.ms)
		t.ms++;
	(void)w;
	return t;
}

mono
clock_runs_at(const struct world *w, uint32_t host, mono at)
{
	const struct host *h = &w->hosts[host];
	if (at.ms < h->paused_until.ms)
		at = h->paused_until;
	int64_t into_ms = at.ms % PERIOD_MS;
	if (h->cpu_percent && at.ms != MONO_NEVER.ms &&
		into_ms >= h->cpu_percent)
		at = mono_add(at, PERIOD_MS - into_ms);
	return at;
}

mono
clock_deadline(const struct world *w, uint32_t host)
{
	const struct host *h = &w->hosts[host];
	mono at = true_time(w, h, core_deadline(h->core));
	return clock_runs_at(w, host, at);
}

/* From now on the clock of a host goes on from where it is. */
static void
rebase(struct world *w, uint32_t host)
{
	struct host *h = &w->hosts[host];
	h->clock_at = clock_of(w, host);
	h->clock_from = w->now;
}

void
world_clock_rate(struct world *w, uint32_t host, int32_t ppm)
{
	CHECK(ppm > -PPM);
	rebase(w, host);
	w->hosts[host].clock_ppm = ppm;
	clock_arm(w, host);
	observe_fault(w, WORLD_FAULT_CLOCK, host, WORLD_NO_HOST, ppm);
}

void
world_clock_step(struct world *w, uint32_t host, int64_t ms)
{
	w->hosts[host].wall_step_ms += ms;
	observe_fault(w, WORLD_FAULT_CLOCK, host, WORLD_NO_HOST, ms);
}

void
world_pause(struct world *w, uint32_t host, int64_t ms)
{
	struct host *h = &w->hosts[host];
	mono until = mono_add(w->now, ms);
	/* No process runs on a machine that stands still. */
	if (until.ms < h->frozen_until.ms)
		until = h->frozen_until;
	bool is_shorter = until.ms < h->paused_until.ms;
	h->paused_until = h->since = until;
	if (is_shorter) {
		event_unpark(w, host);
		clock_arm(w, host);
	}
	observe_fault(w, WORLD_FAULT_PAUSE, host, WORLD_NO_HOST, ms);
}

void
world_freeze(struct world *w, uint32_t host, int64_t ms)
{
	struct host *h = &w->hosts[host];
	rebase(w, host);
	h->clock_from = h->frozen_until = mono_add(w->now, ms);
	way_hurt_all(w, host);
	h->faulted_at = h->frozen_until;
	world_pause(w, host, ms);
}
