/* What the stories about members in a small world have in common. */
#ifndef SKEP_TESTS_SIM_STORY_H
#define SKEP_TESTS_SIM_STORY_H

#include "tests/sim/world.h"

/* Names for up to nine hosts. */
extern const char *const story_names[];

/* 'n' hosts that name the first one in 'join' (but itself), not started. */
struct world *world_of(uint64_t seed, uint32_t n);
/* ... started, whole, and with a stable view. */
struct world *whole_world(uint64_t seed, uint32_t n);
/* ... for a test that has hosts hear what is not so: what they make of it is
 * no truth about the world, so only each core by itself is checked. */
struct world *lied_to_world(uint64_t seed, uint32_t n);

struct core *core_of(struct world *w, uint32_t host);
enum member_hold hold_of(struct world *w, uint32_t host);

/* Wait until all is whole (or fail); until 'a' says 'state' about 'b'; until
 * 'host' holds so.  The latter give the milliseconds it took, or -1. */
void wait_whole(struct world *w, int64_t limit_ms);
int64_t wait_said(struct world *w, uint32_t a, uint32_t b,
	enum member_state state, int64_t limit_ms);
int64_t wait_hold(struct world *w, uint32_t host, enum member_hold hold,
	int64_t limit_ms);

/* An operator's request and its answer. */
enum reply_code ask(
	struct world *w, uint32_t host, enum request_op op, const char *name);

#endif
