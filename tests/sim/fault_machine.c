/* Machines that are slow or wrong without being down: CPUs, disks, clocks. */
#include "tests/sim/storm.h"

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

/* The whole machine stands still, its clock too: a virtual one that moves. */
static void
make_freeze(struct storm *s, struct prng *p)
{
	uint32_t host = any(p, s->w->count);
	int64_t ms = any_scale(p, 100, 60000);
	world_freeze(s->w, host, ms);
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

/* The wall clock jumps by up to a day, forward or back. */
static void
make_clock_step(struct storm *s, struct prng *p)
{
	uint32_t host = any(p, s->w->count);
	int64_t ms = any_scale(p, 1, 86400000);
	world_clock_step(s->w, host, any(p, 2) ? ms : -ms);
}

const struct maker fault_machine_makers[] = {
	{"cpu", false, 10000, 300000, make_cpu},
	{"freeze", false, 10000, 600000, make_freeze},
	{"slow-disk", false, 5000, 120000, make_slow_disk},
	{"clock-rate", false, 10000, 300000, make_clock_rate},
	{"clock-step", false, 10000, 600000, make_clock_step},
	{0},
};
