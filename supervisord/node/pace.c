#include "node/pace.h"

#include "base/check.h"

void
pace_init(struct pace *p, uint64_t rate, mono now)
{
	CHECK(rate <= PACE_RATE_MAX);
	*p = (struct pace){.rate = rate, .filled = now};
}

/* Adds what the time since then is worth. */
static void
fill(struct pace *p, mono now)
{
	int64_t rate = (int64_t)p->rate;
	int64_t full = rate * PACE_BURST_MS;
	int64_t ms = mono_diff(now, p->filled);
	if (ms <= 0)
		return;
	/* So much fills it in any case; a longer time might not be counted. */
	if (ms > (full - p->credit) / rate + 1)
		ms = (full - p->credit) / rate + 1;
	p->filled = now;
	p->credit += rate * ms;
	if (p->credit > full)
		p->credit = full;
}

bool
pace_take(struct pace *p, size_t size, mono now)
{
	if (p->rate == 0)
		return true;
	CHECK(size <= UINT32_MAX);
	fill(p, now);
	if (p->credit <= 0)
		return false;
	p->credit -= (int64_t)size * 1000;
	return true;
}

mono
pace_next(const struct pace *p)
{
	if (p->rate == 0 || p->credit > 0)
		return p->filled;
	int64_t ms = -p->credit / (int64_t)p->rate + 1;
	return mono_add(p->filled, ms);
}
