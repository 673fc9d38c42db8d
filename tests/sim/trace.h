/* One line for each transition of a world, in fixed columns:
 *
 *	  61.204 beta     s3@2             starting     -> ready        epoch 4
 *	  61.204 beta     s3@2/4           forked       -> running
 *	  75.010 gamma    gamma            start        -> power-off
 *
 * Seconds since the world began; the host on which it happened; what it
 * happened to: an instance, service or host as its node says it, INSTANCE/EPOCH
 * for a process as its keeper sees it, a host (from, or from>to) for a fault;
 * what it was and what it is now; why.
 */
#ifndef SKEP_TESTS_SIM_TRACE_H
#define SKEP_TESTS_SIM_TRACE_H

#include "tests/sim/world.h"

/* Traces a world to the standard output until its end. */
void trace_attach(struct world *w);

#endif
