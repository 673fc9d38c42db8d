/* Hosts and nodes that end, stand still and come back. */
#include "tests/sim/storm.h"

/* How long something stays down: mostly seconds, sometimes for good. */
static int64_t
down_ms(struct prng *p)
{
	return any_scale(p, 1000, 600000);
}

static void
make_crash(struct storm *s, struct prng *p)
{
	uint32_t host = storm_any_running(s, p);
	int64_t back_ms = any_scale(p, 100, 60000);
	if (host == MAKER_NO_HOST)
		return;
	world_crash(s->w, host);
	storm_start_later(s, host, back_ms);
}

static void
make_kill(struct storm *s, struct prng *p)
{
	uint32_t host = storm_any_running(s, p);
	int64_t back_ms = down_ms(p);
	if (host == MAKER_NO_HOST)
		return;
	world_kill(s->w, host);
	storm_start_later(s, host, back_ms);
}

static void
make_power(struct storm *s, struct prng *p)
{
	uint32_t host = storm_any_running(s, p);
	int64_t back_ms = down_ms(p);
	if (host == MAKER_NO_HOST)
		return;
	world_power_off(s->w, host);
	storm_start_later(s, host, back_ms);
}

/* A fifth of all hosts, neighbours, at one instant; together they return. */
static void
make_rack(struct storm *s, struct prng *p)
{
	uint32_t size = (s->w->count + 4) / 5, first = any(p, s->w->count);
	int64_t back_ms = down_ms(p);
	for (uint32_t i = 0; i < size; i++) {
		uint32_t host = (first + i) % s->w->count;
		if (!s->w->hosts[host].is_powered)
			continue;
		world_power_off(s->w, host);
		storm_start_later(s, host, back_ms + any(p, 5000));
	}
}

/* The power of all; they return within a minute of each other, and some of
 * them not at all. */
static void
make_outage(struct storm *s, struct prng *p)
{
	int64_t back_ms = any_scale(p, 1000, 60000);
	int64_t spread_ms = any_scale(p, 10, 60000);
	for (uint32_t i = 0; i < s->w->count; i++) {
		bool is_late = any(p, 8) == 0;
		int64_t late_ms = any(p, (uint32_t)spread_ms);
		if (s->w->hosts[i].is_powered)
			world_power_off(s->w, i);
		storm_start_later(
			s, i, back_ms + late_ms + (is_late ? 300000 : 0));
	}
}

static void
make_pause(struct storm *s, struct prng *p)
{
	uint32_t host = storm_any_running(s, p);
	int64_t ms = any_scale(p, 10, 300000);
	if (host != MAKER_NO_HOST)
		world_pause(s->w, host, ms);
}

/* It dies, and its disk with it: installed anew under its old name. */
static void
make_reinstall(struct storm *s, struct prng *p)
{
	uint32_t host = storm_any_running(s, p);
	int64_t back_ms = down_ms(p);
	if (host == MAKER_NO_HOST)
		return;
	world_power_off(s->w, host);
	world_reinstall(s->w, host);
	storm_start_later(s, host, back_ms);
}

/* Of a host's disk a copy is made; later it comes back with that: a machine
 * put back to a snapshot, with what stands at its state_paths or without. */
static void
make_old_disk(struct storm *s, struct prng *p)
{
	uint32_t host = storm_any_running(s, p);
	int64_t back_ms = down_ms(p);
	if (host == MAKER_NO_HOST)
		return;
	if (!s->old_disk) {
		s->old_disk = world_disk_copy(s->w, host);
		s->old_disk_of = host;
		return;
	}
	host = s->old_disk_of;
	world_power_off(s->w, host);
	s->old_disk->is_partial = back_ms % 2;
	world_disk_restore(s->w, host, s->old_disk);
	s->old_disk = NULL;
	s->hosts[host].has_left = false;
	storm_start_later(s, host, back_ms);
}

const struct maker fault_host_makers[] = {
	{"crash", false, 5000, 600000, make_crash, false},
	{"kill", false, 10000, 600000, make_kill, false},
	{"power", false, 10000, 600000, make_power, false},
	{"rack", false, 30000, 600000, make_rack, false},
	{"outage", false, 60000, 600000, make_outage, false},
	{"pause", false, 5000, 600000, make_pause, false},
	{"reinstall", false, 60000, 600000, make_reinstall, false},
	{"old-disk", false, 60000, 600000, make_old_disk, false},
	{0},
};
