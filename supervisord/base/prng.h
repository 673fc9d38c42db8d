/* Reproducible pseudo-random numbers: xoshiro256** seeded by splitmix64.
 *
 * Blackman and Vigna, "Scrambled linear pseudorandom number generators"
 * (2018).  Not for secrets.  No floating point: a probability is a ratio.
 */
#ifndef SKEP_BASE_PRNG_H
#define SKEP_BASE_PRNG_H

#include <stdbool.h>
#include <stdint.h>

/* The generator's state; copying it forks the sequence. */
struct prng {
	uint64_t s[4]; /* never all zero */
};

/* Starts the sequence that belongs to 'seed'. */
void prng_init(struct prng *p, uint64_t seed);

/* The next 64 bits. */
uint64_t prng_next(struct prng *p);

/* A number from 0 to 'bound' - 1, unbiased.  'bound' must not be 0. */
uint64_t prng_below(struct prng *p, uint64_t bound);

/* True with probability 'num' / 'den'; 'num' <= 'den', 'den' > 0. */
bool prng_chance(struct prng *p, uint64_t num, uint64_t den);

#endif
