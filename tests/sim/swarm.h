/* What a storm is made of, drawn from its seed or written out in words.
 *
 * Swarm testing (Groce et al. 2012): a storm with a few classes of faults at
 * high rates finds what one with all of them at once hides.  So each seed
 * draws which makers are on and how often they act, how long the storm is,
 * and the shape of the cluster.
 *
 * The same in words, which is what seeds.txt and FAULTS= hold:
 *
 *	crash	      this class, with the rate that the seed draws
 *	crash=40s     this class, on average every 40 s
 *	all, none     all classes of faults, or none
 *	work, idle    all kinds of work, or none
 *	starve	      nothing but nodes that get a fifth of their CPU, and 3 %
 *		      of frames that need a retransmission: then nobody may be
 *		      called dead
 *	first=50      so many percent of those with handoff start first
 *	programs=50   so many percent of the services move by their state_path
 *		      or by a command
 *	joins=50      so many percent have a hook that joins two states, and of
 *		      some of these it fails
 *	rebalance=5   what belongs to a better host goes there by itself, after
 *		      so many seconds; some services are sticky
 *	give=2s keys=1s
 *		      services at run time, and key/value, beside the rest
 *	storm=90s services=12 minority=keep delay=2-30   and the like
 *
 * Words apply from left to right.  'swarm_print' writes a configuration such
 * that 'swarm_parse' gives it back whatever the draws have become meanwhile:
 * a line of seeds.txt goes on meaning the same makers at the same rates when
 * makers are added or their ranges change.  What a maker draws each time it
 * acts is not written down: "v=" is the SWARM_VERSION that it was recorded
 * under, to be raised whenever those draws change.  A line of an older version
 * is still a storm of the same kind, but no longer the very one that failed;
 * the replay says how many those are.  A mend is held for ever by a dialogue
 * or a unit test, not by a seed alone.
 */
#ifndef SKEP_TESTS_SIM_SWARM_H
#define SKEP_TESTS_SIM_SWARM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/prng.h"

#define MAKERS_MAX	64
#define STORM_NODES_MAX 64
#define SWARM_LINE_MAX	2048
#define SWARM_VERSION	2

struct storm_config {
	uint64_t seed;
	uint32_t nodes;
	uint32_t version; /* that it was recorded under */
	int64_t storm_ms;
	uint32_t services;
	uint32_t first_percent;	      /* of those with handoff start first */
	uint32_t programs_percent;    /* of these move by path or command */
	uint32_t checkpoints_percent; /* ... have checkpoints */
	uint32_t joins_percent;	      /* ... join two states */
	uint32_t rebalance_s;	      /* rebalance_hold; 0: it is off */
	uint32_t minority;	      /* enum on_minority */
	int64_t latency_min_ms;	      /* of a frame, one way */
	int64_t latency_max_ms;
	uint32_t starve_percent;     /* of its CPU, for each node; 0: all */
	uint32_t stall_permille;     /* frames that need a retransmission */
	uint32_t core;		     /* hosts that phase 2 heals; 0: all */
	int64_t mean_ms[MAKERS_MAX]; /* by maker; 0: off */
};

/* Draws everything; 'nodes' 0: that, too. */
void swarm_draw(struct storm_config *c, uint64_t seed, uint32_t nodes);
/* Applies words to a drawn configuration.  Returns NULL, or the word that
 * means nothing (borrowed from 'words', which is cut in place). */
const char *swarm_parse(struct storm_config *c, char *words);
/* Writes "SEED NODES words" without an end of line. */
void swarm_print(const struct storm_config *c, char out[SWARM_LINE_MAX]);

#endif
