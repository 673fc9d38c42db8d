#include "core/restart.h"

#include "base/check.h"

/* 'step' counts from 1; the results saturate at 'cap'. */
static int64_t
exponential(int64_t delay, uint32_t step, int64_t cap)
{
	int64_t d = delay;
	for (uint32_t i = 1; i < step && d < cap; i++)
		d *= 2;
	return d;
}

static int64_t
fibonacci(int64_t delay, uint32_t step, int64_t cap)
{
	int64_t before = 0, d = delay;
	for (uint32_t i = 1; i < step && d < cap; i++) {
		int64_t next = before + d;
		before = d;
		d = next;
	}
	return d;
}

static int64_t
linear(int64_t delay, uint32_t step, int64_t cap)
{
	if (delay && step > cap / delay)
		return cap;
	return delay * step;
}

static int64_t
grow(const struct policy_restart *r, uint32_t step)
{
	switch (r->function) {
	case DELAY_CONSTANT:
		return r->delay_ms;
	case DELAY_LINEAR:
		return linear(r->delay_ms, step, r->max_delay_ms);
	case DELAY_EXPONENTIAL:
		return exponential(r->delay_ms, step, r->max_delay_ms);
	case DELAY_FIBONACCI:
		return fibonacci(r->delay_ms, step, r->max_delay_ms);
	}
	UNREACHABLE();
}

int64_t
restart_delay_ms(const struct policy_restart *r, uint32_t failures,
	struct prng *prng)
{
	if (failures == 0 || r->delay_ms <= 0)
		return 0;
	int64_t d = grow(r, failures);
	if (d > r->max_delay_ms)
		d = r->max_delay_ms;
	int64_t span = d / 100 * r->jitter_percent +
		d % 100 * r->jitter_percent / 100;
	if (span > 0)
		d += (int64_t)prng_below(prng, (uint64_t)(2 * span + 1)) -
			span;
	CHECK(d >= 0);
	return d;
}
