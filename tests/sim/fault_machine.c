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

static void
disk_again(struct storm *s, uint32_t host, uint32_t unused)
{
	(void)unused;
	world_disk_set(s->w, host, &(struct disk_faults){0});
}

/* A disk is slow at times, or refuses writes for want of room, and keeps a
 * part of what was last written when its host loses power. */
static void
make_bad_disk(struct storm *s, struct prng *p)
{
	uint32_t host = any(p, s->w->count), kind = any(p, 3);
	struct disk_faults f = {
		.slow_permille = kind == 0 ? 1 + any(p, 300) : 0,
		.slow_min_ms = 1,
		.slow_max_ms = any_scale(p, 10, 3000),
		.is_refusing = kind == 1,
		.is_keeping_some = kind != 1,
	};
	world_disk_set(s->w, host, &f);
	storm_later(s, any_scale(p, 500, 60000), disk_again, host, 0);
}

/* A host is upgraded, or goes back to the version before. */
static void
make_newer(struct storm *s, struct prng *p)
{
	uint32_t host = any(p, s->w->count);
	world_set_newer(s->w, host, !s->w->hosts[host].is_newer);
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
	{"cpu", false, 10000, 300000, make_cpu, false},
	{"freeze", false, 10000, 600000, make_freeze, false},
	{"slow-disk", false, 5000, 120000, make_slow_disk, true},
	{"bad-disk", false, 10000, 300000, make_bad_disk, true},
	{"newer", false, 5000, 300000, make_newer, false},
	{"clock-rate", false, 10000, 300000, make_clock_rate, false},
	{"clock-step", false, 10000, 600000, make_clock_step, false},
	{0},
};
