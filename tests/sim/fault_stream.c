/* Streams that are hurt without being cut: what TCP makes of a bad network. */
#include "tests/sim/storm.h"

/* Two different hosts, or false. */
static bool
any_pair(struct storm *s, struct prng *p, uint32_t *a, uint32_t *b)
{
	*a = any(p, s->w->count);
	*b = any(p, s->w->count);
	return *a != *b;
}

/* Frames of one direction stand still, then all arrive: a clog. */
static void
make_stall(struct storm *s, struct prng *p)
{
	uint32_t a, b;
	int64_t ms = any_scale(p, 50, 5000);
	if (any_pair(s, p, &a, &b))
		world_stall(s->w, a, b, ms);
}

static void
loss_over(struct storm *s, uint32_t a, uint32_t b)
{
	(void)a;
	(void)b;
	world_set_stalls(s->w, 0);
}

/* Some frames everywhere need a retransmission. */
static void
make_loss(struct storm *s, struct prng *p)
{
	world_set_stalls(s->w, (uint32_t)any_scale(p, 1, 300));
	storm_later(s, any_scale(p, 1000, 60000), loss_over, 0, 0);
}

/* A reset in the middle of a frame. */
static void
make_break(struct storm *s, struct prng *p)
{
	uint32_t a, b;
	if (any_pair(s, p, &a, &b))
		world_break(s->w, a, b);
}

/* One end goes, the other does not notice for up to a quarter of an hour. */
static void
make_half_open(struct storm *s, struct prng *p)
{
	uint32_t a, b;
	int64_t ms = any_scale(p, 1000, 900000);
	if (any_pair(s, p, &a, &b))
		world_half_open(s->w, a, b, ms);
}

static void
reads_again(struct storm *s, uint32_t host, uint32_t unused)
{
	(void)unused;
	world_slow_reader(s->w, host, 0);
}

/* A node reads slowly, or not at all, for a while. */
static void
make_slow_reader(struct storm *s, struct prng *p)
{
	uint32_t host = any(p, s->w->count);
	int64_t bytes_per_s = any(p, 4) ? any_scale(p, 100, 1000000) : -1;
	world_slow_reader(s->w, host, bytes_per_s);
	storm_later(s, any_scale(p, 1000, 60000), reads_again, host, 0);
}

static void
dial_again(struct storm *s, uint32_t a, uint32_t b)
{
	world_set_dial(s->w, a, b, (enum link_down_reason)0);
}

/* New links fail in one way, old ones go on. */
static void
make_dial(struct storm *s, struct prng *p)
{
	static const enum link_down_reason reasons[] = {LINK_REFUSED,
		LINK_TIMEOUT, LINK_UNREACHABLE, LINK_AUTH, LINK_PROTOCOL};
	uint32_t a, b;
	enum link_down_reason reason = reasons[any(p, 5)];
	int64_t ms = any_scale(p, 1000, 60000);
	if (!any_pair(s, p, &a, &b))
		return;
	world_set_dial(s->w, a, b, reason);
	storm_later(s, ms, dial_again, a, b);
}

static void
bulk_again(struct storm *s, uint32_t a, uint32_t b)
{
	world_cut_bulk(s->w, a, b, false);
}

/* States cannot travel between two hosts. */
static void
make_bulk(struct storm *s, struct prng *p)
{
	uint32_t a, b;
	int64_t ms = any_scale(p, 500, 120000);
	if (!any_pair(s, p, &a, &b))
		return;
	world_cut_bulk(s->w, a, b, true);
	storm_later(s, ms, bulk_again, a, b);
}

static void
near_again(struct storm *s, uint32_t a, uint32_t b)
{
	world_set_latency(s->w, a, b, 0, -1);
}

/* One direction of one pair becomes a long way. */
static void
make_far(struct storm *s, struct prng *p)
{
	uint32_t a, b;
	int64_t min_ms = any(p, 31);
	int64_t mean_ms = min_ms + any_scale(p, 1, 100);
	if (!any_pair(s, p, &a, &b))
		return;
	world_set_latency(s->w, a, b, min_ms, mean_ms);
	storm_later(s, any_scale(p, 5000, 120000), near_again, a, b);
}

const struct maker fault_stream_makers[] = {
	{"stall", false, 2000, 120000, make_stall, false},
	{"loss", false, 15000, 300000, make_loss, false},
	{"break", false, 2000, 120000, make_break, false},
	{"half-open", false, 5000, 300000, make_half_open, false},
	{"slow-reader", false, 10000, 300000, make_slow_reader, false},
	{"dial", false, 5000, 300000, make_dial, false},
	{"bulk", false, 5000, 300000, make_bulk, false},
	{"far", false, 5000, 120000, make_far, false},
	{0},
};
