/* Machines that are slow or wrong without being down: CPUs, disks, clocks. */
#include "tests/sim/storm.h"

#define STEP_MAX_MS 20000 /* of a wall clock */

static void
fed_again(struct storm *s, uint32_t host, uint32_t unused)
{
	(void)unused;
	world_starve(s->w, host, 0);
}

/* A node gets a part of its CPU for a while. */
static void
make_cpu(struct storm *s, struct prng *p)
{
	uint32_t host = any(p, s->w->count);
	world_starve(s->w, host, 5 + any(p, 60));
	storm_later(s, any_scale(p, 1000, 60000), fed_again, host, 0);
}

/* What keeps clocks near the true time has noticed. */
static void
set_clock(struct storm *s, uint32_t host, uint32_t ms)
{
	world_clock_step(s->w, host, ms);
}

/* The whole machine stands still, its clock too: a virtual one that moves. */
static void
make_freeze(struct storm *s, struct prng *p)
{
	uint32_t host = any(p, s->w->count);
	int64_t ms = any_scale(p, 100, STEP_MAX_MS);
	world_freeze(s->w, host, ms);
	storm_later(s, ms + any(p, 5000), set_clock, host, (uint32_t)ms);
}

/* An fsync takes seconds. */
static void
make_slow_disk(struct storm *s, struct prng *p)
{
	uint32_t host = any(p, s->w->count);
	int64_t ms = any_scale(p, 100, 30000);
	world_stall_disk(s->w, host, ms);
}

/* Clocks go up to 200 ppm wrong, as quartz does. */
static void
make_clock_rate(struct storm *s, struct prng *p)
{
	uint32_t host = any(p, s->w->count);
	world_clock_rate(s->w, host, (int32_t)any(p, 401) - 200);
}

static void
step_back(struct storm *s, uint32_t host, uint32_t ms)
{
	s->hosts[host].clock_step_ms = 0;
	world_clock_step(s->w, host, -(int64_t)(int32_t)ms);
}

/* The wall clock jumps, forward or back, and some time later it is right
 * again.  Further than a minute apart hosts refuse each other's writes, by
 * design (core/specs.c), and nothing that a storm demands would hold. */
static void
make_clock_step(struct storm *s, struct prng *p)
{
	uint32_t host = any(p, s->w->count);
	int64_t ms = any_scale(p, 1, STEP_MAX_MS) * (any(p, 2) ? 1 : -1);
	int64_t right_ms = any_scale(p, 1000, 120000);
	if (s->hosts[host].clock_step_ms)
		return;
	s->hosts[host].clock_step_ms = ms;
	world_clock_step(s->w, host, ms);
	storm_later(s, right_ms, step_back, host, (uint32_t)(int32_t)ms);
}

const struct maker fault_machine_makers[] = {
	{"cpu", false, 10000, 300000, make_cpu, true},
	{"freeze", false, 10000, 600000, make_freeze, true},
	{"slow-disk", false, 5000, 120000, make_slow_disk, true},
	{"clock-rate", false, 10000, 300000, make_clock_rate, true},
	{"clock-step", false, 10000, 600000, make_clock_step, true},
	{0},
};
