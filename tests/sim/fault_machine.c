/* Machines that are slow or wrong without being down: CPUs, disks, clocks. */
#include "tests/sim/storm.h"

#define STEP_MAX_MS 20000    /* of a wall clock */
#define FAR_MAX_MS  86400000 /* of one that is wrong altogether */

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

/* --- Disks --- */

/* An fsync takes seconds. */
static void
make_slow_disk(struct storm *s, struct prng *p)
{
	uint32_t host = any(p, s->w->count);
	int64_t ms = any_scale(p, 100, 30000);
	world_stall_disk(s->w, host, ms);
}

static void
latency_ends(struct storm *s, uint32_t host, uint32_t unused)
{
	struct disk_faults f = s->w->hosts[host].disk_faults;
	(void)unused;
	f.slow_permille = 0;
	world_disk_set(s->w, host, &f);
}

/* Some writes take long for a while. */
static void
make_disk_latency(struct storm *s, struct prng *p)
{
	uint32_t host = any(p, s->w->count);
	struct disk_faults f = s->w->hosts[host].disk_faults;
	f.slow_permille = 1 + any(p, 300);
	f.slow_min_ms = 1;
	f.slow_max_ms = any_scale(p, 10, 3000);
	world_disk_set(s->w, host, &f);
	storm_later(s, any_scale(p, 500, 60000), latency_ends, host, 0);
}

static void
has_room(struct storm *s, uint32_t host, uint32_t unused)
{
	struct disk_faults f = s->w->hosts[host].disk_faults;
	(void)unused;
	f.is_full = false;
	world_disk_set(s->w, host, &f);
}

/* ENOSPC, until somebody makes room. */
static void
make_disk_full(struct storm *s, struct prng *p)
{
	uint32_t host = any(p, s->w->count);
	struct disk_faults f = s->w->hosts[host].disk_faults;
	f.is_full = true;
	world_disk_set(s->w, host, &f);
	storm_later(s, any_scale(p, 500, 60000), has_room, host, 0);
}

static void
errors_end(struct storm *s, uint32_t host, uint32_t unused)
{
	struct disk_faults f = s->w->hosts[host].disk_faults;
	(void)unused;
	f.error_permille = 0;
	world_disk_set(s->w, host, &f);
}

/* EIO: of some tries, or of most. */
static void
make_disk_error(struct storm *s, struct prng *p)
{
	uint32_t host = any(p, s->w->count);
	struct disk_faults f = s->w->hosts[host].disk_faults;
	f.error_permille = (uint32_t)any_scale(p, 10, 900);
	world_disk_set(s->w, host, &f);
	storm_later(s, any_scale(p, 500, 60000), errors_end, host, 0);
}

/* The end of a host, or of its node, in the midst of what it writes. */
static void
tear(struct storm *s, uint32_t host, uint32_t back_ms)
{
	struct disk_faults f = s->w->hosts[host].disk_faults;
	f.is_keeping_some = true;
	world_disk_set(s->w, host, &f);
	if (s->w->hosts[host].is_running && back_ms % 2)
		world_power_off(s->w, host);
	else if (s->w->hosts[host].is_running)
		world_crash(s->w, host);
	f.is_keeping_some = false;
	world_disk_set(s->w, host, &f);
	world_stall_disk(s->w, host, 0);
	storm_start_later(s, host, back_ms);
}

/* Writes pile up behind a slow one; then the power goes, or the node, and some
 * of them stay. */
static void
make_torn(struct storm *s, struct prng *p)
{
	uint32_t host = storm_any_running(s, p);
	int64_t ms = any_scale(p, 5, 3000);
	int64_t back_ms = any_scale(p, 100, 120000);
	if (host == MAKER_NO_HOST)
		return;
	world_stall_disk(s->w, host, ms + 1);
	storm_later(s, ms, tear, host, (uint32_t)back_ms);
}

/* --- Versions and clocks --- */

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
 * again. */
static void
make_clock_step(struct storm *s, struct prng *p)
{
	uint32_t host = any(p, s->w->count);
	int64_t ms = any_scale(p, 1, STEP_MAX_MS);
	ms *= any(p, 2) ? 1 : -1;
	int64_t right_ms = any_scale(p, 1000, 120000);
	if (s->hosts[host].clock_step_ms)
		return;
	s->hosts[host].clock_step_ms = ms;
	world_clock_step(s->w, host, ms);
	storm_later(s, right_ms, step_back, host, (uint32_t)(int32_t)ms);
}

/* A clock that is wrong by hours, of one host at a time among some. */
static void
make_clock_far(struct storm *s, struct prng *p)
{
	uint32_t host = any(p, s->w->count);
	int64_t ms = any_scale(p, STEP_MAX_MS, FAR_MAX_MS);
	ms *= any(p, 2) ? 1 : -1;
	int64_t right_ms = any_scale(p, 1000, 120000);
	for (uint32_t i = 0; i < s->w->count; i++)
		if (s->hosts[i].clock_step_ms)
			return;
	if (s->w->count < 3)
		return;
	s->hosts[host].clock_step_ms = ms;
	world_clock_step(s->w, host, ms);
	storm_later(s, right_ms, step_back, host, (uint32_t)(int32_t)ms);
}

const struct maker fault_machine_makers[] = {
	{"cpu", false, 10000, 300000, make_cpu, false},
	{"freeze", false, 10000, 600000, make_freeze, false},
	{"slow-disk", false, 5000, 120000, make_slow_disk, false},
	{"disk-latency", false, 5000, 120000, make_disk_latency, false},
	{"disk-full", false, 10000, 300000, make_disk_full, false},
	{"disk-error", false, 10000, 300000, make_disk_error, false},
	{"torn", false, 10000, 300000, make_torn, false},
	{"newer", false, 5000, 300000, make_newer, false},
	{"clock-rate", false, 10000, 300000, make_clock_rate, false},
	{"clock-step", false, 10000, 600000, make_clock_step, false},
	{"clock-far", false, 10000, 300000, make_clock_far, true},
	{0},
};
