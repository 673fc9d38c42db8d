/* What can happen in a tiny world, as things to choose from.
 *
 * 'acts_list' says what can happen next, within the bounds of the world;
 * 'acts_do' makes it happen.  An action means the same thing again only in
 * the same state.
 */
#ifndef SKEP_TESTS_SIM_ACTS_H
#define SKEP_TESTS_SIM_ACTS_H

#include "tests/sim/tiny.h"

/* kind, words, whether it is a fault */
#define ACTIONS(X)                                                             \
	X(ACT_DELIVER, "deliver", false)                                       \
	X(ACT_STORE, "fsync at", false)                                        \
	X(ACT_DEED, "", false)                                                 \
	X(ACT_TIMER, "timer of", false)                                        \
	X(ACT_LINK, "link", false)                                             \
	X(ACT_HEAL, "heal", false)                                             \
	X(ACT_START, "start node of", false)                                   \
	X(ACT_HEARTBEAT, "heartbeat", false)                                   \
	X(ACT_BURY, "takes for dead:", true)                                   \
	X(ACT_CRASH, "crash of the node of", true)                             \
	X(ACT_POWER, "power off", true)                                        \
	X(ACT_GONE, "end for ever of", true)                                   \
	X(ACT_WIPE, "power off and a new disk:", true)                         \
	X(ACT_RESET, "broken stream", true)                                    \
	X(ACT_CUT, "cut", true)                                                \
	X(ACT_LOSE, "lose", true)                                              \
	X(ACT_TWICE, "deliver and keep", true)                                 \
	X(ACT_ANSWER, "", true)                                                \
	X(ACT_END, "ends by itself on", true)                                  \
	X(ACT_UNDRAIN, "undrain", true)

enum act {
#define X(act, name, is_fault) act,
	ACTIONS(X)
#undef X
		ACT_COUNT,
};

/* One thing that can happen. */
struct action {
	uint8_t act;
	uint8_t host;
	uint8_t other;
	uint8_t index; /* of a frame, deed, answer or timer */
};

#define ACTIONS_MAX 128

/* What can happen in one state. */
struct choice {
	struct action list[ACTIONS_MAX];
	uint32_t count;
};

/* Lists all that can happen next. */
void acts_list(const struct tiny *t, struct choice *c);
void acts_do(struct tiny *t, const struct action *a);
/* Faults end what must come to a good end.  That a dead host is noticed is
 * none, when it is dead for ever. */
bool acts_is_fault(const struct tiny *t, const struct action *a);
/* Prints it as a line, before it happens. */
void acts_print(const struct tiny *t, const struct action *a);

#endif
