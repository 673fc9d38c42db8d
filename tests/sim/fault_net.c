/* Ways between hosts that are cut, in pairs and in patterns. */
#include "tests/sim/storm.h"

static int64_t
cut_ms(struct prng *p)
{
	return any_scale(p, 200, 200000);
}

static void
heal_way(struct storm *s, uint32_t a, uint32_t b)
{
	if (!world_is_open(s->w, a, b))
		world_cut(s->w, a, b, false);
}

static void
heal_pair(struct storm *s, uint32_t a, uint32_t b)
{
	heal_way(s, a, b);
	heal_way(s, b, a);
}

static void
heal_all(struct storm *s, uint32_t a, uint32_t b)
{
	(void)a;
	(void)b;
	world_heal(s->w);
}

static void
make_oneway(struct storm *s, struct prng *p)
{
	uint32_t a = any(p, s->w->count), b = any(p, s->w->count);
	int64_t ms = cut_ms(p);
	if (a == b)
		return;
	world_cut(s->w, a, b, true);
	storm_later(s, ms, heal_way, a, b);
}

static void
make_cut(struct storm *s, struct prng *p)
{
	uint32_t a = any(p, s->w->count), b = any(p, s->w->count);
	int64_t ms = cut_ms(p);
	if (a == b)
		return;
	world_cut_both(s->w, a, b, true);
	storm_later(s, ms, heal_pair, a, b);
}

/* --- Partitions --- */

/* Cuts every way between hosts of different sides. */
static void
split(struct storm *s, const uint32_t *side, bool is_one_way)
{
	for (uint32_t a = 0; a < s->w->count; a++)
		for (uint32_t b = 0; b < s->w->count; b++)
			if (side[a] < side[b] ||
				(side[a] > side[b] && !is_one_way))
				world_cut(s->w, a, b, true);
}

/* Each host flips a coin. */
static void
split_uniform(struct storm *s, struct prng *p, uint32_t *side)
{
	for (uint32_t i = 0; i < s->w->count; i++)
		side[i] = any(p, 2);
}

static void
split_isolate(struct storm *s, struct prng *p, uint32_t *side)
{
	side[any(p, s->w->count)] = 1;
}

/* A random size, and who comes first in a random order. */
static void
split_size(struct storm *s, struct prng *p, uint32_t *side)
{
	uint32_t size = any(p, s->w->count);
	for (uint32_t i = 0; i < size; i++)
		side[any(p, s->w->count)] = 1;
}

/* Two halves, and one host that sees both. */
static void
split_bridge(struct storm *s, struct prng *p, uint32_t *side)
{
	uint32_t bridge = any(p, s->w->count);
	for (uint32_t i = 0; i < s->w->count; i++)
		side[i] = i % 2;
	split(s, side, false);
	for (uint32_t i = 0; i < s->w->count; i++)
		heal_pair(s, i, bridge);
}

/* Nobody sees its two neighbours. */
static void
split_ring(struct storm *s, struct prng *p, uint32_t *side)
{
	(void)p;
	(void)side;
	for (uint32_t i = 0; s->w->count > 2 && i < s->w->count; i++)
		world_cut_both(s->w, i, (i + 1) % s->w->count, true);
}

/* The next cut of a majority that flips: another part is the small one. */
static void
flip(struct storm *s, uint32_t offset, uint32_t left)
{
	uint32_t side[STORM_NODES_MAX] = {0};
	uint32_t minority = (s->w->count - 1) / 2;
	world_heal(s->w);
	if (!left)
		return;
	for (uint32_t i = 0; i < minority; i++)
		side[(offset + i) % s->w->count] = 1;
	split(s, side, false);
	storm_later(s, 4000 + 1000 * (int64_t)(left % 4), flip,
		offset + minority, left - 1);
}

static void
split_flip(struct storm *s, struct prng *p)
{
	uint32_t left = 2 + any(p, 6);
	flip(s, any(p, s->w->count), left);
}

static void
make_partition(struct storm *s, struct prng *p)
{
	uint32_t side[STORM_NODES_MAX] = {0};
	uint32_t mode = any(p, 6);
	bool is_one_way = any(p, 4) == 0;
	int64_t ms = cut_ms(p);
	if (mode == 0)
		split_uniform(s, p, side);
	else if (mode == 1)
		split_isolate(s, p, side);
	else if (mode == 2)
		split_size(s, p, side);
	if (mode < 3)
		split(s, side, is_one_way);
	else if (mode == 3)
		split_bridge(s, p, side);
	else if (mode == 4)
		split_ring(s, p, side);
	else
		split_flip(s, p);
	storm_later(s, ms, heal_all, 0, 0);
}

/* --- Latency --- */

static void
latency_back(struct storm *s, uint32_t a, uint32_t b)
{
	(void)a;
	(void)b;
	s->w->latency_min_ms = s->config.latency_min_ms;
	s->w->latency_max_ms = s->config.latency_max_ms;
}

/* Every frame is slow for a while. */
static void
make_latency(struct storm *s, struct prng *p)
{
	s->w->latency_min_ms = any_scale(p, 1, 50);
	s->w->latency_max_ms = s->w->latency_min_ms + any_scale(p, 1, 150);
	storm_later(s, any_scale(p, 1000, 60000), latency_back, 0, 0);
}

const struct maker fault_net_makers[] = {
	{"oneway", false, 5000, 300000, make_oneway, false},
	{"cut", false, 5000, 300000, make_cut, false},
	{"partition", false, 15000, 300000, make_partition, false},
	{"latency", false, 15000, 300000, make_latency, false},
	{0},
};
