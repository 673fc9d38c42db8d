/* The phases of a large run: what each cost, and whether all was well at its
 * end. */
#ifndef SKEP_TESTS_SIM_PHASE_H
#define SKEP_TESTS_SIM_PHASE_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/sim/world.h"

/* Where a phase began. */
struct phase {
	double real_s;
	int64_t ms;
	uint64_t happened;
	uint64_t steps;
	uint64_t bytes; /* sent by all hosts, with the heads of frames */
};

struct phase phase_begin(const struct world *w);
/* Prints a line: how long it took, in the world and in CPU time of one core,
 * and what it was in events and bytes. */
void phase_end(const struct world *w, const struct phase *p, const char *name);

/* Lets time pass until all hosts agree and are right (scale_audit.h), two
 * minutes at most; whether it came.  Then 'phase' begins. */
bool phase_agree(struct world *w, enum world_phase phase);

#endif
