/* People who work on hosts: drains, restarts, joins, leaves. */
#include "tests/sim/storm.h"

static void
ask(struct storm *s, uint32_t at, enum request_op op, uint32_t about)
{
	if (at != MAKER_NO_HOST && s->w->hosts[at].is_running)
		world_request(s->w, at, op, s->w->hosts[about].name);
}

/* Asks whoever runs, from 'about' on: people find a host that answers. */
static void
undrain(struct storm *s, uint32_t about, uint32_t unused)
{
	(void)unused;
	for (uint32_t i = 0; i < s->w->count; i++) {
		uint32_t at = (about + i) % s->w->count;
		if (s->w->hosts[at].is_running) {
			ask(s, at, REQUEST_UNDRAIN, about);
			return;
		}
	}
}

/* One to three at once, with or without a deadline, ended half way or late. */
static void
make_drain(struct storm *s, struct prng *p)
{
	uint32_t count = 1 + any(p, 3);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t at = storm_any_running(s, p);
		uint32_t about = any(p, s->w->count);
		int64_t deadline_ms = any(p, 3) ? 0 : any_scale(p, 1000, 60000);
		if (at == MAKER_NO_HOST)
			continue;
		world_request_with(s->w, at, REQUEST_DRAIN,
			s->w->hosts[about].name, "", deadline_ms);
		storm_later(s, any_scale(p, 50, 60000), undrain, about, 0);
	}
}

static void
make_cordon(struct storm *s, struct prng *p)
{
	uint32_t at = storm_any_running(s, p), about = any(p, s->w->count);
	ask(s, at, any(p, 2) ? REQUEST_CORDON : REQUEST_UNCORDON, about);
}

/* --- Rolling --- */

/* The node of 'host' ends, and is back after a while. */
static void
go(struct storm *s, uint32_t host, uint32_t back_ms)
{
	if (!s->w->hosts[host].is_running)
		return;
	world_crash(s->w, host);
	storm_start_later(s, host, back_ms);
}

/* Restarts the node of 'host', then the next one. */
static void
roll_restart(struct storm *s, uint32_t host, uint32_t gap_ms)
{
	if (host >= s->w->count)
		return;
	go(s, host, 200);
	storm_later(s, gap_ms, roll_restart, host + 1, gap_ms);
}

static void
make_roll_restart(struct storm *s, struct prng *p)
{
	roll_restart(s, 0, (uint32_t)any_scale(p, 200, 20000));
}

/* The node of 'host' says that it starts again, and does; so the next one. */
static void
roll_upgrade(struct storm *s, uint32_t host, uint32_t gap_ms)
{
	struct input in = {.kind = INPUT_GOING};
	if (host >= s->w->count)
		return;
	const struct host *h = &s->w->hosts[host];
	if (h->is_running && mono_reached(h->paused_until, s->w->now)) {
		world_input(s->w, host, &in);
		/* Up to twice restart_grace. */
		storm_later(s, 100, go, host, gap_ms % 10000);
	}
	storm_later(s, gap_ms, roll_upgrade, host + 1, gap_ms);
}

static void
make_roll_upgrade(struct storm *s, struct prng *p)
{
	roll_upgrade(s, 0, (uint32_t)any_scale(p, 200, 20000));
}

/* --- The end of skepd --- */

/* Ends it when nothing is left, as the keeper does, or when a minute of
 * patience is over: 'tries' are left of that, then it is off for a while. */
static void
shut(struct storm *s, uint32_t host, uint32_t tries)
{
	const struct host *h = &s->w->hosts[host];
	if (!h->is_running || !h->core->duty.is_ending)
		return;
	if (tries && !ending_is_done(h->core)) {
		storm_later(s, 250, shut, host, tries - 1);
		return;
	}
	world_kill(s->w, host);
	storm_start_later(s, host, 1000 + 250 * (int64_t)tries);
}

/* Somebody says "skepctl shutdown" there. */
static void
make_shutdown(struct storm *s, struct prng *p)
{
	uint32_t host = storm_any_running(s, p);
	struct input in = {.kind = INPUT_ENDING};
	if (host == MAKER_NO_HOST ||
		!mono_reached(s->w->hosts[host].paused_until, s->w->now))
		return;
	world_input(s->w, host, &in);
	storm_later(s, 1, shut, host, 240);
}

/* Drains 'host', lets it back, goes on with the next. */
static void
roll_drain(struct storm *s, uint32_t host, uint32_t gap_ms)
{
	if (host > 0 && host <= s->w->count)
		undrain(s, host - 1, 0);
	if (host >= s->w->count)
		return;
	ask(s, host, REQUEST_DRAIN, host);
	storm_later(s, gap_ms, roll_drain, host + 1, gap_ms);
}

static void
make_roll_drain(struct storm *s, struct prng *p)
{
	roll_drain(s, 0, (uint32_t)any_scale(p, 500, 30000));
}

/* --- Who belongs --- */

static void
rejoin(struct storm *s, uint32_t host, uint32_t is_anew)
{
	if (s->w->hosts[host].is_running || !s->hosts[host].has_left)
		return;
	if (is_anew)
		world_reinstall(s->w, host);
	s->hosts[host].has_left = false;
	storm_start(s, host, 0);
}

static void
switch_off(struct storm *s, uint32_t host, uint32_t back_ms)
{
	if (s->w->hosts[host].is_powered)
		world_power_off(s->w, host);
	storm_later(s, back_ms, rejoin, host, back_ms & 1);
}

/* A host leaves, is switched off some time later, and comes back with its
 * old disk or a new one. */
static void
make_leave(struct storm *s, struct prng *p)
{
	uint32_t host = storm_any_running(s, p);
	uint32_t stay_ms = (uint32_t)any_scale(p, 1000, 60000);
	uint32_t back_ms = (uint32_t)any_scale(p, 1000, 120000);
	if (host == MAKER_NO_HOST)
		return;
	world_request(s->w, host, REQUEST_LEAVE, "");
	s->hosts[host].has_left = true;
	storm_later(s, stay_ms, switch_off, host, back_ms);
}

/* Somebody takes a host for gone: refused while it is there. */
static void
make_forget(struct storm *s, struct prng *p)
{
	uint32_t about = any(p, s->w->count);
	ask(s, storm_any_running(s, p), REQUEST_FORGET, about);
}

static void
make_confirm_down(struct storm *s, struct prng *p)
{
	uint32_t about = any(p, s->w->count);
	ask(s, storm_any_running(s, p), REQUEST_CONFIRM_DOWN, about);
}

const struct maker work_node_makers[] = {
	{"drain", true, 3000, 120000, make_drain, false},
	{"cordon", true, 5000, 120000, make_cordon, false},
	{"roll-restart", true, 20000, 300000, make_roll_restart, false},
	{"roll-upgrade", true, 20000, 300000, make_roll_upgrade, false},
	{"roll-drain", true, 20000, 300000, make_roll_drain, false},
	{"shutdown", true, 20000, 300000, make_shutdown, false},
	{"leave", true, 20000, 300000, make_leave, false},
	{"forget", true, 10000, 300000, make_forget, false},
	{"confirm-down", true, 10000, 300000, make_confirm_down, false},
	{0},
};
