#include "base/prng.h"

#include "base/check.h"

static uint64_t
splitmix(uint64_t *x)
{
	uint64_t z = (*x += 0x9e3779b97f4a7c15u);
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static uint64_t
rotate(uint64_t x, unsigned by)
{
	return (x << by) | (x >> (64 - by));
}

void
prng_init(struct prng *p, uint64_t seed)
{
	for (unsigned i = 0; i < 4; i++)
		p->s[i] = splitmix(&seed);
}

uint64_t
prng_next(struct prng *p)
{
	uint64_t *s = p->s;
	uint64_t result = rotate(s[1] * 5, 7) * 9;
	uint64_t t = s[1] << 17;
	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotate(s[3], 45);
	return result;
}

uint64_t
prng_below(struct prng *p, uint64_t bound)
{
	CHECK(bound > 0);
	/* Reject the short tail so that every value is equally likely. */
	uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
	uint64_t x;
	do {
		x = prng_next(p);
	} while (x >= limit);
	return x % bound;
}

bool
prng_chance(struct prng *p, uint64_t num, uint64_t den)
{
	CHECK(den > 0);
	CHECK(num <= den);
	return prng_below(p, den) < num;
}
