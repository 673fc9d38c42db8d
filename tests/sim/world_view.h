/* Whether a world has come to rest, and what it looks like then. */
#ifndef SKEP_TESTS_SIM_WORLD_VIEW_H
#define SKEP_TESTS_SIM_WORLD_VIEW_H

#include "tests/sim/world.h"

#define WORLD_TROUBLE_MAX 512

/* Writes such a sentence into 'out', of WORLD_TROUBLE_MAX bytes; returns it. */
const char *world_say(char *out, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The sentence what keeps the world from being settled, written into
 * 'buffer', or NULL.  Settled: the running hosts see each other, agree on
 * every instance; every wanted one is held by exactly one host, whose keeper
 * runs exactly that epoch of it if it is ready; nothing else runs, and no
 * move is under way. */
const char *world_trouble(struct world *w, char buffer[WORLD_TROUBLE_MAX]);

/* Lets time pass until there is no trouble; the milliseconds it took, or -1
 * after 'limit_ms' with the last trouble in 'buffer'. */
int64_t world_settle(
	struct world *w, int64_t limit_ms, char buffer[WORLD_TROUBLE_MAX]);

/* Whether a host's copy is about to go on from the state of one that lost. */
bool world_goes_on(const struct core *c, const char *name);

/* A running host, the first in order; WORLD_HOSTS if there is none. */
uint32_t world_first_running(const struct world *w);

#endif
