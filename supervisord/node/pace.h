/* A bound on the bytes a second that leave together: a bucket of credit.
 *
 * The bucket fills with time and holds PACE_BURST_MS of it.  Whoever has
 * something to send asks 'pace_take' and goes below zero for the last piece,
 * so that a piece may be larger than the bucket; the next one then waits until
 * that is paid.  In any time T at most
 *
 *   rate * (T + PACE_BURST_MS) + one piece
 *
 * bytes go.  Who sends next is the caller's business.
 *
 * Time is told.  Nothing here fails, and no memory is taken.
 */
#ifndef SKEP_NODE_PACE_H
#define SKEP_NODE_PACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mono.h"

/* What a loop that was busy, or a clock of whole milliseconds, may be late. */
#define PACE_BURST_MS 50
/* Bytes a second: what a bucket can count. */
#define PACE_RATE_MAX (1ull << 40)

/* One bound. */
struct pace {
	uint64_t rate;	/* bytes a second; 0: no bound */
	int64_t credit; /* thousandths of a byte; below zero: owed */
	mono filled;	/* when credit was added last */
};

/* Begins with an empty bucket. */
void pace_init(struct pace *pace, uint64_t rate, mono now);

/* Takes 'size' bytes out of it; false, and nothing is taken, while it is
 * empty. */
bool pace_take(struct pace *pace, size_t size, mono now);

/* When it is worth asking again; at once, or after at least a millisecond. */
mono pace_next(const struct pace *pace);

#endif
